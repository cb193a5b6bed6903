"""CNN with two convolutions and batch norm: Arpit et al. 2017, footnote 2, "small AlexNet-style"."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from common.data.arrays import Shape
from torch_models.batch_norm import BatchNorm
from torch_models.noise import disturbed
from torch_models.padding import max_pool

BORDERS = {"valid": 0, "same_stride_3": 2, "same_stride_2": 2}


class Normalized(nn.Module):
    """A layer with weights, then batch norm with shift and scale unless momentum is None, then ReLU."""

    def __init__(self, layer: nn.Module, channels: int, momentum: float | None) -> None:
        super().__init__()
        self.layer = layer
        self.bn = nn.Identity() if momentum is None else BatchNorm(channels, momentum)

    def forward(self, x: Tensor) -> Tensor:
        return self.bn(self.layer(x)).relu()


class CNN2(nn.Module):
    """Two 5x5 convolutions, each with maxima over 3x3, then fc1 of 384 and fc2 of 192, dropout or noise after these.

    With 200 channels, 10 classes and 28x28x3 inputs 1,170,386 parameters, the literal reading of the paper ("valid");
    1,784,786 with zeros at the borders of convolutions ("same_stride_3"), 4,856,786 where pooling has them too and
    stride 2 ("same_stride_2"). ValueError for images that are too small.
    """

    conv1: Normalized
    conv2: Normalized

    def __init__(
        self,
        input_shape: Shape,
        num_classes: int,
        width: int | None = None,
        padding: str = "valid",
        dropout: float = 0.0,
        hidden_noise: float = 0.0,
        batch_norm: bool = True,
        batch_norm_momentum: float = 0.9,
    ) -> None:
        super().__init__()
        self.dropout, self.hidden_noise, self.padding = dropout, hidden_noise, padding
        momentum = batch_norm_momentum if batch_norm else None
        *sides, inputs = input_shape
        channels, zeros = width or 200, BORDERS[padding]
        for name in ("conv1", "conv2"):
            self.add_module(name, Normalized(nn.Conv2d(inputs, channels, 5, padding=zeros), channels, momentum))
            sides = [self.pooled_side(side + 2 * zeros - 4) for side in sides]
            inputs = channels
        if min(sides) < 1:
            shape = tuple(input_shape)
            raise ValueError(f"input_shape must be larger for padding={padding!r}. Received: input_shape={shape}")
        self.fc1 = Normalized(nn.Linear(sides[0] * sides[1] * channels, 384), 384, momentum)
        self.fc2 = Normalized(nn.Linear(384, 192), 192, momentum)
        self.logits = nn.Linear(192, num_classes)
        self.layer_names = ("input", "conv1", "pool1", "conv2", "pool2", "fc1", "fc2", "logits")
        self.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    def pooled_side(self, side: int) -> int:
        """What pooling leaves of a side."""
        return (side + 1) // 2 if self.padding == "same_stride_2" else side // 3

    def forward(self, x: Tensor, taps: Sequence[str] = ()) -> Tensor | tuple[Tensor, dict[str, Tensor]]:
        """Logits (n, num_classes), and where taps are named also a dict of those layers' outputs, images NHWC."""
        outputs = {"input": x}
        x = x.permute(0, 3, 1, 2)  # NCHW in name, channels last in memory
        for number, convolution in enumerate((self.conv1, self.conv2), 1):
            x = convolution(x)
            outputs[f"conv{number}"] = x.permute(0, 2, 3, 1)
            x = max_pool(x) if self.padding == "same_stride_2" else functional.max_pool2d(x, 3)
            outputs[f"pool{number}"] = x.permute(0, 2, 3, 1)
        x = outputs["pool2"].flatten(1)
        for number, layer in enumerate((self.fc1, self.fc2), 1):
            x = outputs[f"fc{number}"] = layer(x)
            if self.training:
                x = disturbed(x, self.dropout, self.hidden_noise)
        x = outputs["logits"] = self.logits(x)
        return (x, {name: outputs[name] for name in taps}) if taps else x
