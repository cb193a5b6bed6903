"""Multilayer perceptrons: (height, width, channels) images flattened in NHWC order, ReLU layers fc1, fc2 …, logits."""

from collections.abc import Iterable

import keras

from common.data.arrays import Shape


def mlp(input_shape: Shape, num_classes: int, widths: Iterable[int], dropout: float = 0.0) -> keras.Model:
    """Fully connected ReLU layers of the given widths, biases everywhere, dropout after each hidden one."""
    inputs = keras.Input(input_shape, name="input")
    x = keras.layers.Flatten(name="flatten")(inputs)
    for number, width in enumerate(widths, 1):
        x = keras.layers.Dense(width, activation="relu", name=f"fc{number}")(x)
        if dropout:
            x = keras.layers.Dropout(dropout, seed=0, name=f"fc{number}-dropout")(x)
    return keras.Model(inputs, keras.layers.Dense(num_classes, name="logits")(x), name="model")


def mlp1(input_shape: Shape, num_classes: int, dropout: float = 0.0) -> keras.Model:
    """MLP 1x512 (Zhang et al. 2017): 1,209,866 parameters on 28x28x3."""
    return mlp(input_shape, num_classes, (512,), dropout)


def mlp2(input_shape: Shape, num_classes: int, width: int | None = None, dropout: float = 0.0) -> keras.Model:
    """MLP 2x4096 (Arpit et al. 2017, section 2), or of another width: 20,037,642 parameters on 28x28x1."""
    return mlp(input_shape, num_classes, (width or 4096,) * 2, dropout)


def mlp3(input_shape: Shape, num_classes: int, dropout: float = 0.0) -> keras.Model:
    """MLP 3x512 (Zhang et al. 2017): 1,735,178 parameters on 28x28x3."""
    return mlp(input_shape, num_classes, (512, 512, 512), dropout)


def mlp4(input_shape: Shape, num_classes: int, dropout: float = 0.0) -> keras.Model:
    """MLP 128-512-2048-2048 (Ketha & Ramaswamy, arXiv 2501.14687)."""
    return mlp(input_shape, num_classes, (128, 512, 2048, 2048), dropout)
