"""Small Inception (Zhang et al. 2017, figure 3): 1x1 and 3x3 convolutions side by side, batch norm that only shifts."""

from collections.abc import Callable, Sequence
from functools import partial

import torch
from torch import Tensor, nn
from torch.nn import functional

from common.data.arrays import Shape
from torch_models.batch_norm import BatchNorm
from torch_models.padding import SameConv2d, max_pool

# Channels of the 1x1 and the 3x3 convolution; a module that halves the sides has the latter alone.
MODULES: dict[str, tuple[int, ...]] = {
    "inception1": (32, 32),
    "inception2": (32, 48),
    "downsample1": (80,),
    "inception3": (112, 48),
    "inception4": (96, 64),
    "inception5": (80, 80),
    "inception6": (48, 96),
    "downsample2": (96,),
    "inception7": (176, 160),
    "inception8": (176, 160),
}


class Inception(nn.Module):
    """1,649,402 trainable parameters on 3 channels, with batch norm or with biases instead; dropout before logits."""

    def __init__(
        self,
        input_shape: Shape,
        num_classes: int,
        batch_norm: bool = True,
        batch_norm_momentum: float = 0.9,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        self.dropout = dropout
        convolution = partial(ConvModule, momentum=batch_norm_momentum if batch_norm else None)
        self.conv1 = convolution(input_shape[2], 96, 3)
        width = 96
        for name, channels in MODULES.items():
            module: Callable[..., nn.Module] = InceptionModule if len(channels) == 2 else DownsampleModule
            self.add_module(name, module(width, *channels, convolution))
            width = sum(channels) + (width if len(channels) == 1 else 0)
        self.logits = nn.Linear(width, num_classes)
        self.layer_names = ("input", "conv1", *MODULES, "pool", "logits")
        self.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    def forward(self, x: Tensor, taps: Sequence[str] = ()) -> Tensor | tuple[Tensor, dict[str, Tensor]]:
        """Logits (n, num_classes), and where taps are named also a dict of those layers' outputs, images NHWC."""
        outputs = {"input": x}
        x = x.permute(0, 3, 1, 2)  # NCHW in name, channels last in memory
        for name in ("conv1", *MODULES):
            x = getattr(self, name)(x)
            if name in taps:
                outputs[name] = x.permute(0, 2, 3, 1)
        x = outputs["pool"] = x.mean((2, 3))
        if self.dropout:
            x = functional.dropout(x, self.dropout, self.training)
        x = outputs["logits"] = self.logits(x)
        return (x, {name: outputs[name] for name in taps}) if taps else x


class InceptionModule(nn.Module):
    """Two convolutions of the same inputs, their channels in a row."""

    def __init__(self, inputs: int, channels1x1: int, channels3x3: int, convolution: Callable[..., nn.Module]) -> None:
        super().__init__()
        self.conv1x1 = convolution(inputs, channels1x1, 1)
        self.conv3x3 = convolution(inputs, channels3x3, 3)

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([self.conv1x1(x), self.conv3x3(x)], 1)


class DownsampleModule(nn.Module):
    """A convolution and a maximum, both 3x3 at stride 2, their channels in a row."""

    def __init__(self, inputs: int, channels: int, convolution: Callable[..., nn.Module]) -> None:
        super().__init__()
        self.conv3x3 = convolution(inputs, channels, 3, 2)

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([self.conv3x3(x), max_pool(x)], 1)


class ConvModule(nn.Module):
    """Convolution, batch norm with shift but no scale (a bias instead where momentum is None), ReLU."""

    def __init__(self, inputs: int, channels: int, kernel: int, stride: int = 1, momentum: float | None = None) -> None:
        super().__init__()
        self.conv = SameConv2d(inputs, channels, kernel, stride, bias=momentum is None)
        self.bn = nn.Identity() if momentum is None else BatchNorm(channels, momentum, epsilon=1e-3, scale=False)

    def forward(self, x: Tensor) -> Tensor:
        return self.bn(self.conv(x)).relu_()
