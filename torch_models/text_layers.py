"""Layers that make features (n, d) of embedded texts (n, t, width), as Keras' stock layers do."""

import torch
from torch import Tensor, nn


class Recurrent(nn.LSTM):
    """The last state of an LSTM; PyTorch's second bias, which Keras does not have, stays at 0."""

    def __init__(self, inputs: int, units: int) -> None:
        super().__init__(inputs, units, batch_first=True)
        self.bias_hh_l0 = nn.Parameter(torch.zeros(4 * units), requires_grad=False)

    def forward(self, x: Tensor) -> Tensor:  # type: ignore[override]
        """(n, units)."""
        _, (last, _) = nn.LSTM.forward(self, x)
        return last[0]


class Bidirectional(nn.Module):
    """The last states of two, one of which reads from the end."""

    def __init__(self, inputs: int, units: int) -> None:
        super().__init__()
        self.forwards, self.backwards = Recurrent(inputs, units), Recurrent(inputs, units)

    def forward(self, x: Tensor) -> Tensor:
        """(n, 2 units)."""
        return torch.cat([self.forwards(x), self.backwards(x.flip(1))], 1)


class Mean(nn.Module):
    """The mean over all places, those of padding too."""

    def forward(self, x: Tensor) -> Tensor:
        """(n, width)."""
        return x.mean(1)


class Filters(nn.Module):
    """The largest response of each filter on some words in a row, after ReLU."""

    def __init__(self, inputs: int, filters: int, words: int) -> None:
        super().__init__()
        self.filters = nn.Conv1d(inputs, filters, words)

    def forward(self, x: Tensor) -> Tensor:
        """(n, filters)."""
        return self.filters(x.transpose(1, 2)).relu().amax(2)
