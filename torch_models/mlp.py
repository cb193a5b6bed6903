"""Multilayer perceptrons: (height, width, channels) images flattened in NHWC order, ReLU layers fc1, fc2 …, logits."""

import math

from torch import nn


class MLP(nn.Module):
    """Fully connected ReLU layers of the given widths, biases everywhere, no other regularization."""

    def __init__(self, input_shape, num_classes, widths):
        super().__init__()
        inputs = math.prod(input_shape)
        for number, width in enumerate(widths, 1):
            self.add_module(f"fc{number}", nn.Linear(inputs, width))
            inputs = width
        self.logits = nn.Linear(inputs, num_classes)
        self.layer_names = ("input", *(name for name, _ in self.named_children()))

    def forward(self, x, taps=()):
        """Logits (n, num_classes), and where taps are named also a dict of those layers' outputs after activation."""
        outputs = {"input": x}
        x = x.flatten(1)
        for name, layer in self.named_children():
            x = layer(x)
            if name != "logits":
                x = x.relu()
            outputs[name] = x
        return (x, {name: outputs[name] for name in taps}) if taps else x


def mlp1(input_shape, num_classes):
    """MLP 1x512 (Zhang et al. 2017): 1,209,866 parameters on 28x28x3."""
    return MLP(input_shape, num_classes, (512,))


def mlp3(input_shape, num_classes):
    """MLP 3x512 (Zhang et al. 2017): 1,735,178 parameters on 28x28x3."""
    return MLP(input_shape, num_classes, (512, 512, 512))


def mlp4(input_shape, num_classes):
    """MLP 128-512-2048-2048 (Ketha & Ramaswamy, arXiv 2501.14687)."""
    return MLP(input_shape, num_classes, (128, 512, 2048, 2048))
