"""Initial weights drawn in numpy, so that both frameworks start from the same bits."""

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from common.data.arrays import Shape
from common.seeds import stream

Layer = dict[str, Shape]
"""Shapes of a layer's arrays, by their canonical names without the layer's."""
Values = NDArray[np.float64]
AUXILIARY = {"auxiliary-conv2-conv": 0.01, "auxiliary-logits": 0.001}
CUT = {"inception_v3", "cifar10_tutorial"}
"""Rules that draw every kernel from a normal distribution cut off at two deviations."""


def draw(shapes: dict[str, Shape], initializer: str, seed: int) -> dict[str, NDArray[np.float32]]:
    """float32 arrays for canonical names and shapes ("fc1/kernel": (in, out); HWIO for convolutions).

    `glorot_uniform` (Keras' default): U(±sqrt(6 / (fan_in + fan_out))); `he_normal`: N(0, 2 / fan_in); biases 0.
    `torch` (PyTorch's default for linear and convolution layers): kernel and bias U(±1 / sqrt(fan_in)).
    `torch_manual_seed`: the same, in the very numbers that PyTorch draws after `torch.manual_seed(seed)`.
    `inception_v3` (TensorFlow's for it): N(0, deviation^2) cut off at two deviations, of 0.1 in convolutions.
    `cifar10_tutorial` (TensorFlow's for its network of the tutorial on CIFAR-10): the same with 0.05 in convolutions,
    0.04 in hidden layers and 1/192 before logits; biases 0.1, those of the first convolution and of logits 0.
    Embeddings are U(±0.05), a recurrent kernel has orthogonal rows and the forget gate's bias is 1, as in Keras;
    `torch` draws N(0, 1), and all of a recurrent layer from U(±1 / sqrt(units)).
    Batch norm starts as the identity in all of them.
    """
    if initializer == "torch_manual_seed":
        return torch_manual_seed(shapes, seed)
    layers: dict[str, Layer] = {}
    for name, shape in shapes.items():
        layer, kind = name.rsplit("/", 1)
        layers.setdefault(layer, {})[kind] = shape
    weights = {}
    for name in shapes:
        layer, kind = name.rsplit("/", 1)
        generator = stream(seed, "weights", name)
        if initializer in CUT and kind == "kernel":
            values = truncated_normal(shapes[name], deviation(layer, shapes[name], initializer), generator)
        elif (initializer, kind) == ("cifar10_tutorial", "bias") and layer not in ("conv1", "logits"):
            values = np.full(shapes[name], 0.1)
        else:
            values = KINDS[kind](layers[layer], initializer, generator)
        weights[name] = values.astype(np.float32)
    return weights


def torch_manual_seed(shapes: dict[str, Shape], seed: int) -> dict[str, NDArray[np.float32]]:
    """What PyTorch's linear and convolution layers draw as they are made, one after the other, kernel and bias.

    Its generator is numpy's Mersenne Twister, of which a number in float32 takes 24 bits. Images are flattened channel
    by channel there, and here pixel by pixel, behind convolutions; a linear layer on images takes ours. ValueError for
    other layers.
    """
    generator, channels = np.random.RandomState(seed), 0
    weights = {}
    for name, shape in shapes.items():
        layer, kind = name.rsplit("/", 1)
        if kind not in ("kernel", "bias") or f"{layer}/recurrent_kernel" in shapes:
            raise ValueError(f"torch_manual_seed must draw linear and convolution layers. Received: {name}")
        *window, inputs, outputs = shapes[f"{layer}/kernel"]
        bound = float(np.float32(1 / math.sqrt(math.prod(window) * inputs)))
        bits = generator.randint(0, 2**32, math.prod(shape), np.uint32) & (2**24 - 1)
        values = (bits / 2**24 * 2 * bound - bound).astype(np.float32)
        if kind == "kernel" and window:
            values = values.reshape(outputs, inputs, *window).transpose(2, 3, 1, 0)
        elif kind == "kernel":
            values = values.reshape(outputs, channels or inputs, -1).transpose(2, 1, 0).reshape(shape)
        weights[name], channels = np.ascontiguousarray(values), outputs
    return weights


def truncated_normal(shape: Shape, deviation: float, generator: np.random.Generator) -> Values:
    """Normal values that lie within two deviations of 0."""
    from scipy.special import ndtr, ndtri

    values: Values = deviation * ndtri(generator.uniform(ndtr(-2), ndtr(2), shape))
    return values


def deviation(layer: str, shape: Shape, initializer: str) -> float:
    """That of a layer in TensorFlow's models, by its name and the shape of its kernel."""
    if initializer == "inception_v3":
        return AUXILIARY.get(layer, 0.1 if len(shape) == 4 else 0.01)
    return 0.05 if len(shape) == 4 else 1 / 192 if layer == "logits" else 0.04


def kernel(layer: Layer, initializer: str, generator: np.random.Generator) -> Values:
    """(in, out), HWIO, or (in, 4 units) of a recurrent layer."""
    shape = layer["kernel"]
    fan_in, fan_out = math.prod(shape[:-1]), math.prod(shape[:-2]) * shape[-1]
    if initializer == "torch":
        return torch_uniform(layer, shape, generator)
    if initializer == "he_normal":
        return generator.standard_normal(shape) * math.sqrt(2 / fan_in)
    return generator.uniform(-1, 1, shape) * math.sqrt(6 / (fan_in + fan_out))


def bias(layer: Layer, initializer: str, generator: np.random.Generator) -> Values:
    """(out,); a recurrent layer's gates come in the order input, forget, cell, output."""
    if initializer == "torch":
        return torch_uniform(layer, layer["bias"], generator)
    values = np.zeros(layer["bias"])
    if "recurrent_kernel" in layer:
        units = layer["recurrent_kernel"][0]
        values[units : 2 * units] = 1
    return values


def recurrent_kernel(layer: Layer, initializer: str, generator: np.random.Generator) -> Values:
    """(units, 4 units)."""
    units, gates = shape = layer["recurrent_kernel"]
    if initializer == "torch":
        return torch_uniform(layer, shape, generator)
    q, r = np.linalg.qr(generator.standard_normal((gates, units)))
    return (q * np.sign(np.diag(r))).T  # uniform among all such kernels, whatever signs the decomposition chose


def embeddings(layer: Layer, initializer: str, generator: np.random.Generator) -> Values:
    """(tokens, dimensions)."""
    shape = layer["embeddings"]
    return generator.standard_normal(shape) if initializer == "torch" else generator.uniform(-0.05, 0.05, shape)


def torch_uniform(layer: Layer, shape: Shape, generator: np.random.Generator) -> Values:
    """U(±1 / sqrt(fan_in)), of a recurrent layer U(±1 / sqrt(units))."""
    fan_in = layer["recurrent_kernel"][0] if "recurrent_kernel" in layer else math.prod(layer["kernel"][:-1])
    return generator.uniform(-1, 1, shape) / math.sqrt(fan_in)


def constant(kind: str, value: float) -> Callable[[Layer, str, np.random.Generator], Values]:
    """What draws nothing."""
    return lambda layer, initializer, generator: np.full(layer[kind], value, np.float64)


KINDS: dict[str, Callable[[Layer, str, np.random.Generator], Values]] = {
    "kernel": kernel,
    "bias": bias,
    "recurrent_kernel": recurrent_kernel,
    "embeddings": embeddings,
    "gamma": constant("gamma", 1),
    "beta": constant("beta", 0),
    "moving_mean": constant("moving_mean", 0),
    "moving_variance": constant("moving_variance", 1),
}
