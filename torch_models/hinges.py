"""The network of Theorem 1 of Zhang et al. (2017), built and not trained: see `common.analysis.expressivity`."""

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from common.data.arrays import Shape


class Biases(nn.Module):
    """max(x + bias, 0) of one number x (n, 1) for each bias."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.bias = nn.Parameter(torch.zeros(width, 1, dtype=torch.float64))

    def forward(self, x: Tensor) -> Tensor:
        """(n, width)."""
        return (x + self.bias[:, 0]).relu()


class Hinges(nn.Module):
    """sum_j w_j max(<a, z> - b_j, 0) of flattened inputs in float64: 2 width + d weights, one output."""

    input_dtype = "float64"
    layer_names = ("input", "projection", "hinges", "logits")

    def __init__(self, input_shape: Shape, num_classes: int, width: int) -> None:
        super().__init__()
        self.projection = nn.Linear(math.prod(input_shape), 1, bias=False, dtype=torch.float64)
        self.hinges = Biases(width)
        self.logits = nn.Linear(width, num_classes, bias=False, dtype=torch.float64)

    def forward(self, x: Tensor, taps: Sequence[str] = ()) -> Tensor | tuple[Tensor, dict[str, Tensor]]:
        """Outputs (n, num_classes), and where taps are named also a dict of those layers' outputs."""
        outputs = {"input": x, "projection": self.projection(x.flatten(1))}
        outputs["hinges"] = self.hinges(outputs["projection"])
        outputs["logits"] = self.logits(outputs["hinges"])
        return (outputs["logits"], {name: outputs[name] for name in taps}) if taps else outputs["logits"]
