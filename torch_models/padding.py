"""TensorFlow's "same" padding: ceil(size / stride) outputs; of an odd number of zeros one more lies at the end."""

import math

from torch import Tensor, nn
from torch.nn import functional


def same_padding(size: int, kernel: int, stride: int) -> tuple[int, int]:
    """(zeros at both ends, one more at the end or none) along one side."""
    return divmod(max((math.ceil(size / stride) - 1) * stride + kernel - size, 0), 2)


def max_pool(x: Tensor) -> Tensor:
    """Maxima over 3x3 windows at stride 2; what `ceil_mode` adds is the one more at the end."""
    (top, _), (left, _) = (same_padding(size, 3, 2) for size in x.shape[2:])
    return functional.max_pool2d(x, 3, 2, (top, left), ceil_mode=True)


class SameConv2d(nn.Conv2d):
    """Convolution with that padding; only where there is one more at the end are the inputs copied."""

    def forward(self, x: Tensor) -> Tensor:
        (top, bottom), (left, right) = map(same_padding, x.shape[2:], self.kernel_size, self.stride)
        if bottom or right:
            x = functional.pad(x, (0, right, 0, bottom))
        return functional.conv2d(x, self.weight, self.bias, self.stride, (top, left))
