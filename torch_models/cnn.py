"""Convolutional networks that are read out from the flattened images on; Ketha & Ramaswamy's CNN, arXiv 2501.14687."""

import math
from collections.abc import Iterable, Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from common.data.arrays import Shape


class ConvNet(nn.Module):
    """Convolutions with ReLU, then fully connected ReLU layers fc1, fc2 … of the given widths, dropout after each.

    A convolution is (channels, kernel, stride, padding, pool): a pool above 0 is the window of a maximum at stride 2.
    """

    def __init__(
        self,
        input_shape: Shape,
        num_classes: int,
        convolutions: Iterable[tuple[int, ...]],
        widths: Sequence[int],
        logits_bias: bool = True,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        self.dropout, self.pools = dropout, dict[str, int]()
        *sides, inputs = input_shape
        for number, (channels, kernel, stride, padding, pool) in enumerate(convolutions, 1):
            self.add_module(f"conv{number}", nn.Conv2d(inputs, channels, kernel, stride, padding))
            self.pools[f"conv{number}"] = pool
            sides = [(side + 2 * padding - kernel) // stride + 1 for side in sides]
            sides = [(side - pool) // 2 + 1 for side in sides] if pool else sides
            inputs = channels
        inputs *= math.prod(sides)
        for number, width in enumerate(widths, 1):
            self.add_module(f"fc{number}", nn.Linear(inputs, width))
            inputs = width
        self.logits = nn.Linear(inputs, num_classes, bias=logits_bias)
        self.hidden = tuple(f"fc{number}" for number in range(1, len(widths) + 1))
        self.layer_names = ("input", "flatten", *self.hidden, "logits")
        self.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    def forward(self, x: Tensor, taps: Sequence[str] = ()) -> Tensor | tuple[Tensor, dict[str, Tensor]]:
        """Logits (n, num_classes), and where taps are named also a dict of those layers' outputs after activation."""
        outputs = {"input": x}
        x = x.permute(0, 3, 1, 2)  # NCHW in name, channels last in memory
        for name, pool in self.pools.items():
            x = getattr(self, name)(x).relu_()
            if pool:
                x = functional.max_pool2d(x, pool, 2)
        x = outputs["flatten"] = x.permute(0, 2, 3, 1).flatten(1)
        for name in self.hidden:
            x = outputs[name] = getattr(self, name)(x).relu()
            if self.dropout:
                x = functional.dropout(x, self.dropout, self.training)
        x = outputs["logits"] = self.logits(x)
        return (x, {name: outputs[name] for name in taps}) if taps else x


def cnn(input_shape: Shape, num_classes: int, dropout: float = 0.0) -> ConvNet:
    """Six 3x3 convolutions, the sides halved after each pair, three layers of 250, logits without bias.

    344,042 parameters on 28x28x1 and 456,330 on 32x32x3 with 10 classes. ValueError below 8x8.
    """
    if min(input_shape[:2]) < 8:
        raise ValueError(f"input_shape must be at least 8 x 8 pixels. Received: input_shape={tuple(input_shape)}")
    convolutions = [(channels, 3, 1, 1, pool) for channels in (16, 32, 64) for pool in (0, 2)]
    return ConvNet(input_shape, num_classes, convolutions, (250, 250, 250), logits_bias=False, dropout=dropout)
