"""Local response normalization in the form that both frameworks share."""

import torch
from torch import Tensor, nn

RADIUS, BIAS, ALPHA = 4, 1.0, 0.001 / 9  # TensorFlow's CIFAR-10 tutorial; the exponent is 0.75


class LocalResponseNormalization(nn.Module):
    """x / (1 + alpha * sum of squares over 9 neighbouring channels)^0.75 (Krizhevsky et al. 2012, section 3.3)."""

    band: Tensor

    def __init__(self, channels: int) -> None:
        super().__init__()
        channel = torch.arange(channels)
        band = ((channel[:, None] - channel).abs() <= RADIUS).float()
        self.register_buffer("band", band, persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        """NHWC in, NHWC out; the sum is a product with a banded 0/1 matrix, its power float32 in any precision."""
        root = torch.rsqrt(BIAS + ALPHA * (x * x @ self.band).float())
        return x * (root * root.sqrt()).to(x.dtype)
