"""Batch normalization that keeps the same moving statistics as Keras, over a batch or over groups of its examples."""

import torch
from torch import Tensor, nn
from torch.nn import functional

from common.runs.processes import cuts


class BatchNorm(nn.Module):
    """Over all but the channels of NCHW, then shift and, where `scale`, scale; momentum is Keras', 1 - PyTorch's."""

    running_mean: Tensor
    running_var: Tensor

    def __init__(self, channels: int, momentum: float, epsilon: float = 1e-5, scale: bool = True) -> None:
        super().__init__()
        self.momentum, self.epsilon = momentum, epsilon
        if scale:
            self.weight = nn.Parameter(torch.ones(channels))
        else:  # fast kernels want one
            self.register_buffer("weight", torch.ones(channels), persistent=False)
        self.bias = nn.Parameter(torch.zeros(channels))
        self.register_buffer("running_mean", torch.zeros(channels))
        self.register_buffer("running_var", torch.ones(channels))

    def forward(self, x: Tensor) -> Tensor:
        """As `nn.BatchNorm2d`, but what enters the moving variance is divided by n, not by n - 1."""
        kept = self.running_var * self.momentum if self.training else None
        y = functional.batch_norm(
            x, self.running_mean, self.running_var, self.weight, self.bias,
            self.training, 1 - self.momentum, self.epsilon,
        )  # fmt: skip
        if kept is not None:  # `.data`: the backward pass has saved the tensor but, in training, does not read it
            self.running_var.data.lerp_(kept, x.shape[1] / x.numel())
        return y


class GroupedBatchNorm(BatchNorm):
    """In training over groups of so many examples (`cuts`), in their order, as workers normalize that see a group each.

    The moving statistics take the groups' means, weighted by their sizes, at `move`: a step's groups may lie in many
    processes, which sum `totals`.
    """

    totals: Tensor

    def __init__(self, channels: int, momentum: float, epsilon: float, scale: bool, group: int) -> None:
        super().__init__(channels, momentum, epsilon, scale)
        self.group = group
        self.register_buffer("totals", torch.zeros(2, channels), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        if not self.training:
            return super().forward(x)
        outputs = []
        for part in x.tensor_split(tuple(cuts(len(x), self.group))):
            mean, variance = torch.zeros_like(self.totals)
            outputs.append(functional.batch_norm(part, mean, variance, self.weight, self.bias, True, 1, self.epsilon))
            biased = variance * (1 - part.shape[1] / part.numel())
            self.totals += len(part) * torch.stack([mean, biased])
        return torch.cat(outputs)

    def move(self, n: int) -> None:
        """Let the moving statistics follow a step of n examples."""
        for statistic, total in zip((self.running_mean, self.running_var), self.totals, strict=True):
            statistic.lerp_(total / n, 1 - self.momentum)
        self.totals.zero_()


def batch_norm_of(channels: int, momentum: float, epsilon: float, scale: bool, group: int | None) -> BatchNorm:
    """Over the whole batch, or over groups where their size is given."""
    if group is None:
        return BatchNorm(channels, momentum, epsilon, scale)
    return GroupedBatchNorm(channels, momentum, epsilon, scale, group)
