"""Initial weights drawn in numpy, so that both frameworks start from the same bits."""

import math

import numpy as np
from numpy.typing import NDArray

from common.seeds import stream

BATCH_NORM = {"gamma": 1, "beta": 0, "moving_mean": 0, "moving_variance": 1}


def draw(shapes: dict[str, tuple[int, ...]], initializer: str, seed: int) -> dict[str, NDArray[np.float32]]:
    """float32 arrays for canonical names and shapes ("fc1/kernel": (in, out); HWIO for convolutions).

    `glorot_uniform` (Keras' default): U(±sqrt(6 / (fan_in + fan_out))); `he_normal`: N(0, 2 / fan_in); biases 0.
    `torch` (PyTorch's default for linear and convolution layers): kernel and bias U(±1 / sqrt(fan_in)).
    Batch norm starts as the identity in all three.
    """
    weights = {}
    for name, shape in shapes.items():
        layer, kind = name.rsplit("/", 1)
        if kind in BATCH_NORM:
            weights[name] = np.full(shape, BATCH_NORM[kind], np.float32)
            continue
        kernel = shapes[f"{layer}/kernel"]
        fan_in, fan_out = math.prod(kernel[:-1]), math.prod(kernel[:-2]) * kernel[-1]
        generator = stream(seed, "weights", name)
        if initializer == "torch":
            values = generator.uniform(-1, 1, shape) / math.sqrt(fan_in)
        elif kind == "bias":
            values = np.zeros(shape)
        elif initializer == "he_normal":
            values = generator.standard_normal(shape) * math.sqrt(2 / fan_in)
        else:
            values = generator.uniform(-1, 1, shape) * math.sqrt(6 / (fan_in + fan_out))
        weights[name] = values.astype(np.float32)
    return weights
