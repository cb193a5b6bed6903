"""Inception v3 (Szegedy et al. 2016) as Zhang et al. (2017, Table 2) train it on ImageNet; layers by TF-slim's names.

Averages count zeros beyond the borders, as torchvision's do; TensorFlow's leave them out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial

import torch
from torch import Tensor, nn
from torch.nn import functional

from common.data.arrays import Shape
from torch_models.batch_norm import batch_norm_of

Size = tuple[int, int, int]  # channels of a convolution, height and width of its kernel
Branch = tuple[Size | tuple[Size, Size], ...]  # one after the other; a pair is side by side
Convolution = Callable[..., "ConvModule"]

WIDTH = 32  # channels of the first convolution
EPSILON = 1e-3
STRIDED_SIDE, SMALLEST_SIDE = 75, 39  # pixels


def square(channels: int, side: int = 1) -> Size:
    """A convolution with a square kernel."""
    return channels, side, side


def row_and_column(channels: int, length: int) -> tuple[Size, Size]:
    """Kernels along a row and along a column."""
    return (channels, 1, length), (channels, length, 1)


def factorized(channels: int) -> tuple[Branch, ...]:
    """Branches of a module with 7x7 kernels in two factors, so many channels within."""
    along, down = row_and_column(channels, 7)
    last_along, last_down = row_and_column(192, 7)
    return (square(192),), (square(channels), along, last_down), (square(channels), down, along, down, last_along)


DOUBLE_3X3 = square(64), square(96, 3), square(96, 3)
SIDE_BY_SIDE = row_and_column(384, 3)
EXPANDED: tuple[Branch, ...] = (
    (square(320),),
    (square(384), SIDE_BY_SIDE),
    (square(448), square(384, 3), SIDE_BY_SIDE),
)
LARGE: tuple[Branch, ...] = (square(64),), (square(48), square(64, 5)), DOUBLE_3X3
MODULES: dict[str, tuple[tuple[Branch, ...], int]] = {
    "mixed_5b": (LARGE, 32),
    "mixed_5c": (LARGE, 64),
    "mixed_5d": (LARGE, 64),
    "mixed_6a": (((square(384, 3),), DOUBLE_3X3), 0),
    "mixed_6b": (factorized(128), 192),
    "mixed_6c": (factorized(160), 192),
    "mixed_6d": (factorized(160), 192),
    "mixed_6e": (factorized(192), 192),
    "mixed_7a": (
        ((square(192), square(320, 3)), (square(192), *row_and_column(192, 7), square(192, 3))),
        0,
    ),
    "mixed_7b": (EXPANDED, 192),
    "mixed_7c": (EXPANDED, 192),
}
"""Branches of each module, and channels of the convolution after its average; 0 halves the sides, beside a maximum."""
STEM: dict[str, tuple[int, int, bool]] = {
    "conv_1a": (32, 3, False), "conv_2a": (32, 3, False), "conv_2b": (64, 3, True), "pool_3a": (0, 3, False),
    "conv_3b": (80, 1, False), "conv_4a": (192, 3, False), "pool_5a": (0, 3, False),
}  # fmt: skip
"""Channels, side of the kernel, and whether it is padded; 0 channels are a maximum at stride 2."""
BEFORE_AUXILIARY = "mixed_6e"


class InceptionV3(nn.Module):
    """23,817,352 trainable parameters with 1,000 classes, 27,143,152 with the auxiliary head; dropout before logits.

    `width` is the first convolution's channels, others in proportion. Images with a side below 75 pixels meet a first
    convolution at stride 1. ValueError below 39, where nothing would be left of them.
    """

    def __init__(
        self,
        input_shape: Shape,
        num_classes: int,
        width: int | None = None,
        batch_norm_momentum: float = 0.9,
        batch_norm_scale: bool = False,
        batch_norm_group: int | None = None,
        auxiliary_weight: float = 0.0,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        if (side := min(input_shape[:2])) < SMALLEST_SIDE:
            raise ValueError(
                f"crop must be at least {SMALLEST_SIDE}, or none for images that large. "
                f"Received: images of {input_shape[0]} x {input_shape[1]} pixels"
            )
        self.dropout, share = dropout, (width or WIDTH) / WIDTH
        norm = partial(
            batch_norm_of, momentum=batch_norm_momentum, epsilon=EPSILON, scale=batch_norm_scale, group=batch_norm_group
        )
        convolution = partial(ConvModule, share=share, norm=norm)
        self.auxiliary: nn.Module | None = None
        names = ["input", *STEM, *MODULES, "pool", "logits"]
        for name, module in modules(input_shape[2], side, convolution):
            self.add_module(name, module)
            if name == BEFORE_AUXILIARY and auxiliary_weight:
                self.auxiliary = Auxiliary(module.channels, num_classes, side_within(side), convolution)
                names.insert(names.index(name) + 1, "auxiliary")
        self.logits = nn.Linear(module.channels, num_classes)
        self.layer_names = tuple(names)
        self.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    def forward(self, x: Tensor, taps: Sequence[str] = ()) -> Tensor | tuple[Tensor, dict[str, Tensor]]:
        """Logits (n, num_classes), and where taps are named also a dict of those layers' outputs, images NHWC.

        The tap `auxiliary` is the auxiliary head's logits.
        """
        outputs = {"input": x}
        x = x.permute(0, 3, 1, 2)  # NCHW in name, channels last in memory
        for name in (*STEM, *MODULES):
            x = functional.max_pool2d(x, 3, 2) if name.startswith("pool") else getattr(self, name)(x)
            if name in taps:
                outputs[name] = x.permute(0, 2, 3, 1)
            if name == BEFORE_AUXILIARY and self.auxiliary and "auxiliary" in taps:
                outputs["auxiliary"] = self.auxiliary(x)
        x = outputs["pool"] = x.mean((2, 3))
        if self.dropout:
            x = functional.dropout(x, self.dropout, self.training)
        x = outputs["logits"] = self.logits(x)
        return (x, {name: outputs[name] for name in taps}) if taps else x


def modules(channels: int, side: int, convolution: Convolution) -> Iterator[tuple[str, ConvModule | Mixed]]:
    """All before the logits that have weights, by name, for images with so many channels and such a side."""
    for name, (outputs, kernel, padded) in STEM.items():
        if outputs:
            stride = first_stride(side) if name == "conv_1a" else 1
            layer = convolution(channels, square(outputs, kernel), stride, padded)
            channels = layer.channels
            yield name, layer
    for name, (branches, pooled) in MODULES.items():
        module = Mixed(channels, branches, pooled, convolution)
        channels = module.channels
        yield name, module


def side_within(side: int) -> int:
    """Of what the auxiliary head is given of an image with a side of so many pixels."""
    first = first_stride(side)
    for name, (channels, kernel, padded) in STEM.items():
        stride = first if name == "conv_1a" else 1 if channels else 2
        side = side if padded else (side - kernel) // stride + 1
    return (side - 3) // 2 + 1  # mixed_6a


def first_stride(side: int) -> int:
    """Of the first convolution."""
    return 2 if side >= STRIDED_SIDE else 1


class Mixed(nn.Module):
    """Branches of convolutions of the same inputs and one that pools first, their channels in a row."""

    def __init__(self, inputs: int, branches: Sequence[Branch], pooled: int, convolution: Convolution) -> None:
        super().__init__()
        made = [list(layers(inputs, branch, 1 if pooled else 2, convolution)) for branch in branches]
        self.branches = nn.ModuleList(nn.Sequential(*branch) for branch in made)
        self.pooled = convolution(inputs, square(pooled)) if pooled else None
        pooled_channels = self.pooled.channels if self.pooled else inputs
        self.channels: int = sum(branch[-1].channels for branch in made) + pooled_channels

    def forward(self, x: Tensor) -> Tensor:
        pooled = self.pooled(functional.avg_pool2d(x, 3, 1, 1)) if self.pooled else functional.max_pool2d(x, 3, 2)
        return torch.cat([*(branch(x) for branch in self.branches), pooled], 1)


def layers(inputs: int, branch: Branch, stride: int, convolution: Convolution) -> Iterator[ConvModule | Fork]:
    """Convolutions of a branch; at stride 2 the last one has it, and no padding."""
    for place, size in enumerate(branch, 1):
        last = place == len(branch) and stride == 2
        layer: ConvModule | Fork
        if isinstance(size[0], tuple):
            layer = Fork([convolution(inputs, each) for each in size])
        else:
            layer = convolution(inputs, size, stride if last else 1, not last)
        yield layer
        inputs = layer.channels


class Fork(nn.Module):
    """Convolutions side by side, their channels in a row."""

    def __init__(self, convolutions: Sequence[ConvModule]) -> None:
        super().__init__()
        self.convolutions = nn.ModuleList(convolutions)
        self.channels: int = sum(convolution.channels for convolution in convolutions)

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([convolution(x) for convolution in self.convolutions], 1)


class Auxiliary(nn.Module):
    """Logits from the middle of the network, for training alone; windows shrink where little is left of an image."""

    def __init__(self, inputs: int, num_classes: int, side: int, convolution: Convolution) -> None:
        super().__init__()
        self.window = min(5, side)
        self.conv1 = convolution(inputs, square(128))
        self.conv2 = convolution(self.conv1.channels, square(768, min(5, (side - self.window) // 3 + 1)), 1, False)
        self.logits = nn.Linear(self.conv2.channels, num_classes)

    def forward(self, x: Tensor) -> Tensor:
        x = self.conv1(functional.avg_pool2d(x, self.window, 3))
        return self.logits(self.conv2(x).mean((2, 3)))


class ConvModule(nn.Module):
    """Convolution, batch norm, ReLU; the channels are a share of those of a size, and a pad keeps the sides."""

    def __init__(
        self,
        inputs: int,
        size: Size,
        stride: int = 1,
        padded: bool = True,
        *,
        share: float,
        norm: Callable[[int], nn.Module],
    ) -> None:
        super().__init__()
        channels, height, width = size
        self.channels: int = max(1, round(channels * share))
        padding = (height // 2, width // 2) if padded else (0, 0)
        self.conv = nn.Conv2d(inputs, self.channels, (height, width), stride, padding, bias=False)
        self.bn = norm(self.channels)

    def forward(self, x: Tensor) -> Tensor:
        return self.bn(self.conv(x)).relu_()
