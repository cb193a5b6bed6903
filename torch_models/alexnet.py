"""Small AlexNet (Zhang et al. 2017, appendix A): two blocks of convolution, pooling and response normalization."""

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from common.data.arrays import Shape
from torch_models.normalization import LocalResponseNormalization
from torch_models.padding import SameConv2d, max_pool


class AlexNet(nn.Module):
    """Two 5x5x64 blocks, fc1 of 384 and fc2 of 192, dropout after both: 1,387,786 parameters on 28x28x3."""

    def __init__(self, input_shape: Shape, num_classes: int, dropout: float = 0.0) -> None:
        super().__init__()
        self.dropout = dropout
        height, width, channels = input_shape
        self.conv1 = SameConv2d(channels, 64, 5)
        self.conv2 = SameConv2d(64, 64, 5)
        self.norm = LocalResponseNormalization(64)
        self.fc1 = nn.Linear(math.ceil(height / 4) * math.ceil(width / 4) * 64, 384)
        self.fc2 = nn.Linear(384, 192)
        self.logits = nn.Linear(192, num_classes)
        self.layer_names = ("input", "conv1", "pool1", "norm1", "conv2", "pool2", "norm2", "fc1", "fc2", "logits")
        self.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    def forward(self, x: Tensor, taps: Sequence[str] = ()) -> Tensor | tuple[Tensor, dict[str, Tensor]]:
        """Logits (n, num_classes), and where taps are named also a dict of those layers' outputs, images NHWC."""
        outputs = {"input": x}
        for number, convolution in enumerate((self.conv1, self.conv2), 1):
            x = convolution(x.permute(0, 3, 1, 2)).relu()  # NCHW in name, channels last in memory
            outputs[f"conv{number}"] = x.permute(0, 2, 3, 1)
            x = outputs[f"pool{number}"] = max_pool(x).permute(0, 2, 3, 1)
            x = outputs[f"norm{number}"] = self.norm(x)
        x = x.flatten(1)
        for number, layer in enumerate((self.fc1, self.fc2), 1):
            x = outputs[f"fc{number}"] = layer(x).relu()
            if self.dropout:
                x = functional.dropout(x, self.dropout, self.training)
        x = outputs["logits"] = self.logits(x)
        return (x, {name: outputs[name] for name in taps}) if taps else x
