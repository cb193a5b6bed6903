"""Between PyTorch's names and layouts and the canonical ones, which are Keras': "fc1/kernel", (in, out), HWIO."""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from common.runs.trainers import Arrays
from torch_models.batch_norm import BatchNorm
from torch_models.hinges import Biases

VECTOR, TABLE, MATRIX, WIO, HWIO = (0,), (0, 1), (1, 0), (2, 1, 0), (2, 3, 1, 0)

Parts = dict[str, tuple[str, tuple[int, ...]] | None]

LAYERS: dict[type[nn.Module], Parts] = {
    nn.Linear: {"weight": ("kernel", MATRIX), "bias": ("bias", VECTOR)},
    nn.Conv2d: {"weight": ("kernel", HWIO), "bias": ("bias", VECTOR)},
    nn.Conv1d: {"weight": ("kernel", WIO), "bias": ("bias", VECTOR)},
    nn.Embedding: {"weight": ("embeddings", TABLE)},
    # Gates come in one order in both, (input, forget, cell, output); of PyTorch's two biases a model holds one at 0.
    nn.LSTM: {
        "weight_ih_l0": ("kernel", MATRIX),
        "weight_hh_l0": ("recurrent_kernel", MATRIX),
        "bias_ih_l0": ("bias", VECTOR),
        "bias_hh_l0": None,
    },
    Biases: {"bias": ("bias", TABLE)},
    BatchNorm: {
        "weight": ("gamma", VECTOR),
        "bias": ("beta", VECTOR),
        "running_mean": ("moving_mean", VECTOR),
        "running_var": ("moving_variance", VECTOR),
    },
}
"""By kind of layer and PyTorch's name: the canonical name and the order of axes, or none for what stays as it is."""


def to_canonical(model: nn.Module) -> Arrays:
    """Arrays under canonical names, copied."""
    state = model.state_dict()
    return {
        canonical: np.array(state[name].detach().cpu().numpy().transpose(axes), order="C")
        for name, canonical, axes in named(model)
    }


def from_canonical(weights: Mapping[str, NDArray[Any]], model: nn.Module) -> dict[str, Tensor]:
    """The model's state dict, in its order, with canonical arrays in place of its own."""
    state = model.state_dict()
    for name, canonical, axes in named(model):
        state[name] = torch.from_numpy(np.array(weights[canonical].transpose(np.argsort(axes)), order="C"))
    return state


def named(model: nn.Module) -> Iterator[tuple[str, str, tuple[int, ...]]]:
    """(name in the state dict, canonical name, order of axes) of each array; Keras on torch takes no dots."""
    layers = dict(model.named_modules())
    for name in model.state_dict():
        layer, part = name.rsplit(".", 1)
        if entry := parts_of(layers[layer])[part]:
            yield name, f"{layer.replace('.', '-')}/{entry[0]}", entry[1]


def parts_of(layer: nn.Module) -> Parts:
    """The table of a layer's kind."""
    for kind, parts in LAYERS.items():
        if isinstance(layer, kind):
            return parts
    raise ValueError(
        f"a layer with weights must be one of {', '.join(kind.__name__ for kind in LAYERS)}. "
        f"Received: {type(layer).__name__}"
    )
