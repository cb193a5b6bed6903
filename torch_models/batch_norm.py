"""Batch normalization that keeps the same moving statistics as Keras."""

import torch
from torch import Tensor, nn
from torch.nn import functional


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
