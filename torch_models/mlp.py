"""Multilayer perceptrons: (height, width, channels) images flattened in NHWC order, ReLU layers fc1, fc2 …, logits."""

import math
from collections.abc import Iterable, Sequence

from torch import Tensor, nn

from common.data.arrays import Shape
from torch_models.noise import disturbed


class MLP(nn.Module):
    """Fully connected ReLU layers of the given widths, biases everywhere, dropout or noise after each hidden one."""

    def __init__(
        self,
        input_shape: Shape,
        num_classes: int,
        widths: Iterable[int],
        dropout: float = 0.0,
        hidden_noise: float = 0.0,
    ) -> None:
        super().__init__()
        self.dropout, self.hidden_noise = dropout, hidden_noise
        inputs = math.prod(input_shape)
        for number, width in enumerate(widths, 1):
            self.add_module(f"fc{number}", nn.Linear(inputs, width))
            inputs = width
        self.logits = nn.Linear(inputs, num_classes)
        self.layer_names = ("input", *(name for name, _ in self.named_children()))

    def forward(self, x: Tensor, taps: Sequence[str] = ()) -> Tensor | tuple[Tensor, dict[str, Tensor]]:
        """Logits (n, num_classes), and where taps are named also a dict of those layers' outputs after activation."""
        outputs = {"input": x}
        x = x.flatten(1)
        for name, layer in self.named_children():
            x = layer(x)
            if name != "logits":
                x = x.relu()
            outputs[name] = x
            if self.training and name != "logits":
                x = disturbed(x, self.dropout, self.hidden_noise)
        return (x, {name: outputs[name] for name in taps}) if taps else x


def mlp1(input_shape: Shape, num_classes: int, dropout: float = 0.0) -> MLP:
    """MLP 1x512 (Zhang et al. 2017): 1,209,866 parameters on 28x28x3."""
    return MLP(input_shape, num_classes, (512,), dropout)


def mlp2(
    input_shape: Shape,
    num_classes: int,
    width: int | None = None,
    dropout: float = 0.0,
    hidden_noise: float = 0.0,
) -> MLP:
    """MLP 2x4096 (Arpit et al. 2017, section 2), or of another width: 20,037,642 parameters on 28x28x1."""
    return MLP(input_shape, num_classes, (width or 4096,) * 2, dropout, hidden_noise)


def mlp3(input_shape: Shape, num_classes: int, dropout: float = 0.0) -> MLP:
    """MLP 3x512 (Zhang et al. 2017): 1,735,178 parameters on 28x28x3."""
    return MLP(input_shape, num_classes, (512, 512, 512), dropout)


def mlp4(input_shape: Shape, num_classes: int, dropout: float = 0.0) -> MLP:
    """MLP 128-512-2048-2048 (Ketha & Ramaswamy, arXiv 2501.14687)."""
    return MLP(input_shape, num_classes, (128, 512, 2048, 2048), dropout)
