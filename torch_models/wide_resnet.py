"""Wide residual networks (Zagoruyko & Komodakis 2016) of depth 28, which Zhang's published demonstration trains.

Batch norm and ReLU come before each convolution, so what blocks give has both signs. Padding is PyTorch's.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from common.data.arrays import Shape
from torch_models.batch_norm import BatchNorm


class WideResNet(nn.Module):
    """Three groups of four blocks with 16, 32 and 64 times `factor` channels; dropout inside the blocks."""

    def __init__(
        self,
        input_shape: Shape,
        num_classes: int,
        factor: int,
        batch_norm_momentum: float = 0.9,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(input_shape[2], 16, 3, padding=1, bias=False)
        self.blocks, width = [f"block{number}" for number in range(1, 13)], 16
        for number, name in enumerate(self.blocks):
            outputs, stride = (16 << number // 4) * factor, 2 if number in (4, 8) else 1
            self.add_module(name, Block(width, outputs, stride, batch_norm_momentum, dropout))
            width = outputs
        self.bn = BatchNorm(width, batch_norm_momentum)
        self.logits = nn.Linear(width, num_classes)
        self.layer_names = ("input", "conv1", *self.blocks, "relu", "pool", "logits")
        self.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    def forward(self, x: Tensor, taps: Sequence[str] = ()) -> Tensor | tuple[Tensor, dict[str, Tensor]]:
        """Logits (n, num_classes), and where taps are named also a dict of those layers' outputs, images NHWC."""
        outputs = {"input": x}
        x = x.permute(0, 3, 1, 2)  # NCHW in name, channels last in memory
        for name in ("conv1", *self.blocks):
            x = getattr(self, name)(x)
            if name in taps:
                outputs[name] = x.permute(0, 2, 3, 1)
        x = self.bn(x).relu_()
        outputs["relu"] = x.permute(0, 2, 3, 1)
        x = outputs["pool"] = x.mean((2, 3))
        x = outputs["logits"] = self.logits(x)
        return (x, {name: outputs[name] for name in taps}) if taps else x


class Block(nn.Module):
    """Two 3x3 convolutions added to their inputs, which a 1x1 convolution fits where the widths differ."""

    def __init__(self, inputs: int, outputs: int, stride: int, momentum: float, dropout: float) -> None:
        super().__init__()
        self.dropout = dropout
        self.bn1 = BatchNorm(inputs, momentum)
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride, padding=1, bias=False)
        self.bn2 = BatchNorm(outputs, momentum)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, padding=1, bias=False)
        self.shortcut = nn.Conv2d(inputs, outputs, 1, stride, bias=False) if inputs != outputs else None

    def forward(self, x: Tensor) -> Tensor:
        y = self.bn1(x).relu_()
        if self.shortcut:
            x = self.shortcut(y)
        y = self.bn2(self.conv1(y)).relu_()
        if self.dropout:
            y = functional.dropout(y, self.dropout, self.training)
        return x + self.conv2(y)


def wide_resnet_28_1(
    input_shape: Shape, num_classes: int, batch_norm_momentum: float = 0.9, dropout: float = 0.0
) -> WideResNet:
    """WRN-28-1: 369,498 trainable parameters on 3 channels, as github.com/pluskid/fitting-random-labels counts."""
    return WideResNet(input_shape, num_classes, 1, batch_norm_momentum, dropout)


def wide_resnet_28_10(
    input_shape: Shape, num_classes: int, batch_norm_momentum: float = 0.9, dropout: float = 0.0
) -> WideResNet:
    """WRN-28-10: 36,479,194 trainable parameters on 3 channels."""
    return WideResNet(input_shape, num_classes, 10, batch_norm_momentum, dropout)
