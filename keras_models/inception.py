"""Small Inception (Zhang et al. 2017, figure 3): 1x1 and 3x3 convolutions side by side, batch norm that only shifts."""

from collections.abc import Callable
from functools import partial

import keras

from common.data.arrays import Shape

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


def inception(
    input_shape: Shape,
    num_classes: int,
    batch_norm: bool = True,
    batch_norm_momentum: float = 0.9,
    dropout: float = 0.0,
) -> keras.Model:
    """1,649,402 trainable parameters on 3 channels, with batch norm or with biases instead; dropout before logits."""
    inputs = keras.Input(input_shape, name="input")
    convolve = partial(conv_module, momentum=batch_norm_momentum if batch_norm else None)
    x = convolve(inputs, "conv1", 96, 3)
    for name, channels in MODULES.items():
        module: Callable[..., keras.KerasTensor] = inception_module if len(channels) == 2 else downsample_module
        x = module(x, name, *channels, convolve)
    x = keras.layers.GlobalAveragePooling2D(name="pool")(x)
    if dropout:
        x = keras.layers.Dropout(dropout, seed=0, name="pool-dropout")(x)
    return keras.Model(inputs, keras.layers.Dense(num_classes, name="logits")(x), name="model")


def inception_module(
    x: keras.KerasTensor, name: str, channels1x1: int, channels3x3: int, convolve: Callable[..., keras.KerasTensor]
) -> keras.KerasTensor:
    """Two convolutions of the same inputs, their channels in a row."""
    branches = [convolve(x, f"{name}-conv1x1", channels1x1, 1), convolve(x, f"{name}-conv3x3", channels3x3, 3)]
    return keras.layers.Concatenate(name=name)(branches)


def downsample_module(
    x: keras.KerasTensor, name: str, channels: int, convolve: Callable[..., keras.KerasTensor]
) -> keras.KerasTensor:
    """A convolution and a maximum, both 3x3 at stride 2, their channels in a row."""
    pooled = keras.layers.MaxPooling2D(3, 2, padding="same", name=f"{name}-pool")(x)
    return keras.layers.Concatenate(name=name)([convolve(x, f"{name}-conv3x3", channels, 3, 2), pooled])


def conv_module(
    x: keras.KerasTensor, name: str, channels: int, kernel: int, stride: int = 1, momentum: float | None = None
) -> keras.KerasTensor:
    """Convolution, batch norm with shift but no scale (a bias instead where momentum is None), ReLU."""
    bias = momentum is None
    x = keras.layers.Conv2D(channels, kernel, stride, padding="same", use_bias=bias, name=f"{name}-conv")(x)
    if not bias:
        x = keras.layers.BatchNormalization(momentum=momentum, epsilon=1e-3, scale=False, name=f"{name}-bn")(x)
    return keras.layers.ReLU(name=name)(x)
