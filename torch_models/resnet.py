"""ResNet-18 (He et al. 2016) with a 3x3 stem for small images, and the layers that Ketha & Ramaswamy read out.

The nine of them (arXiv 2501.14687): maxpool, the four ReLUs of layer1 (the last is its output), layer2 to layer4,
avgpool. Padding is PyTorch's.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from common.data.arrays import Shape
from torch_models.batch_norm import BatchNorm

WIDTHS = {"layer1": 64, "layer2": 128, "layer3": 256, "layer4": 512}
TAPS = ("maxpool", "layer1_relu1", "layer1_relu2", "layer1_relu3", *WIDTHS, "avgpool")


class ResNet18(nn.Module):
    """Four layers of two blocks: 11,173,962 trainable parameters on 3 channels; dropout before logits."""

    def __init__(
        self, input_shape: Shape, num_classes: int, batch_norm_momentum: float = 0.9, dropout: float = 0.0
    ) -> None:
        super().__init__()
        self.dropout, inputs = dropout, 64
        self.conv = nn.Conv2d(input_shape[2], inputs, 3, padding=1, bias=False)
        self.bn = BatchNorm(inputs, batch_norm_momentum)
        for name, width in WIDTHS.items():
            blocks = (Block(inputs, width, batch_norm_momentum), Block(width, width, batch_norm_momentum))
            self.add_module(name, nn.ModuleList(blocks))
            inputs = width
        self.logits = nn.Linear(inputs, num_classes)
        self.layer_names = ("input", *TAPS, "logits")
        self.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    def forward(self, x: Tensor, taps: Sequence[str] = ()) -> Tensor | tuple[Tensor, dict[str, Tensor]]:
        """Logits (n, num_classes), and where taps are named also a dict of those layers' outputs, images NHWC."""
        outputs = {"input": x}
        x = self.bn(self.conv(x.permute(0, 3, 1, 2))).relu_()  # NCHW in name, channels last in memory
        x = functional.max_pool2d(x, 3, 2, 1)
        outputs["maxpool"] = x.permute(0, 2, 3, 1)
        for name in WIDTHS:
            first, second = getattr(self, name)
            relu1, relu2 = first(x)
            relu3, x = second(relu2)
            for suffix, y in ("_relu1", relu1), ("_relu2", relu2), ("_relu3", relu3), ("", x):
                tap = name + suffix
                if tap in taps:
                    outputs[tap] = y.permute(0, 2, 3, 1)
        x = outputs["avgpool"] = x.mean((2, 3))
        if self.dropout:
            x = functional.dropout(x, self.dropout, self.training)
        x = outputs["logits"] = self.logits(x)
        return (x, {name: outputs[name] for name in taps}) if taps else x


class Block(nn.Module):
    """Two 3x3 convolutions added to their inputs; a wider block halves the sides, a 1x1 convolution fits the inputs."""

    def __init__(self, inputs: int, outputs: int, momentum: float) -> None:
        super().__init__()
        stride = 1 if inputs == outputs else 2
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride, padding=1, bias=False)
        self.bn1 = BatchNorm(outputs, momentum)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, padding=1, bias=False)
        self.bn2 = BatchNorm(outputs, momentum)
        self.shortcut = nn.Sequential()
        if stride == 2:
            self.shortcut.extend([nn.Conv2d(inputs, outputs, 1, stride, bias=False), BatchNorm(outputs, momentum)])

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """What its two ReLUs give."""
        y = self.bn1(self.conv1(x)).relu_()
        return y, (self.bn2(self.conv2(y)) + self.shortcut(x)).relu_()
