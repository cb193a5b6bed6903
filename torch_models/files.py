"""Model files: `.pt` is a dict of tensors and JSON primitives that `torch.load(weights_only=True)` opens."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from pickle import UnpicklingError
from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from common.data.arrays import Shape
from common.errors import check_choice
from common.files import replacing
from common.runs.config import from_dict, model_options
from common.runs.store import Record
from common.runs.trainers import Arrays
from torch_models import CONSTRUCTED, MODELS
from torch_models.convert import from_canonical, to_canonical

KIND = "a .pt that the suite saved, whole and free of code"
FORMAT = 1


class Reader:
    """Predictions and layer outputs of a model, by layer name; images are float NHWC in the model's input scale."""

    def __init__(self, model: nn.Module, input_shape: Shape, metadata: Record | None = None) -> None:
        self.model, self.input_shape, self.metadata = model, tuple(input_shape), metadata or {}
        self.dtype = input_dtype(model)
        self.layers = cast("tuple[str, ...]", model.layer_names)
        self.input_layer = "input"

    def features(self, x: Tensor | NDArray[Any], layer: str) -> NDArray[np.float32]:
        """float32 (n, d): one batch's outputs of a layer, flattened in NHWC order."""
        return self.outputs(x, (layer,))[0]

    def outputs(self, x: Tensor | NDArray[Any], layers: Sequence[str]) -> list[NDArray[np.float32]]:
        """Features of each of these layers, by one pass."""
        device = next(self.model.parameters()).device
        self.model.eval()
        with torch.inference_mode():
            _, outputs = self.model(torch.as_tensor(x, dtype=getattr(torch, self.dtype), device=device), tuple(layers))
            return [outputs[layer].flatten(1).float().cpu().numpy() for layer in layers]

    def shape(self, layer: str) -> Shape:
        """Of a layer's output for one input."""
        device = next(self.model.parameters()).device
        self.model.eval()
        with torch.inference_mode():
            nothing = torch.zeros((1, *self.input_shape), dtype=getattr(torch, self.dtype), device=device)
            return tuple(self.model(nothing, (layer,))[1][layer].shape[1:])


def input_dtype(model: nn.Module) -> str:
    """Name of the numbers that the model takes; it says so itself where they are not float32."""
    return getattr(model, "input_dtype", "float32")


def get_weights(model: nn.Module) -> Arrays:
    """Arrays under canonical names."""
    return to_canonical(model)


def set_weights(model: nn.Module, weights: Mapping[str, NDArray[Any]]) -> None:
    """Inverse of `get_weights`."""
    model.load_state_dict(from_canonical(weights, model))


def save(model: nn.Module, path: Path, metadata: Record) -> None:
    """Write the model in float32, or float64 where it takes that, with its metadata (JSON values), atomically."""
    dtype = torch.float64 if input_dtype(model) == "float64" else torch.float32
    # cloned, since a slice of a stack would take the whole stack along
    state = {name: tensor.detach().to(dtype).cpu().clone() for name, tensor in model.state_dict().items()}
    # into an open file: torch puts the name of a path, here a process's own, inside the file
    with replacing(path) as temporary, open(temporary, "wb") as file:
        torch.save({"format": FORMAT, "metadata": json.loads(json.dumps(metadata)), "state_dict": state}, file)


def load(path: Path, name: str | None = None, input_shape: Shape = (), num_classes: int = 0) -> Reader:
    """The model of a file that `save` wrote, as a Reader; nothing in the file is executed.

    With a model's name, input shape and number of classes, of a file that holds a state dict with its layers' names
    and no config of its own; ValueError where it has one.
    """
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except UnpicklingError as error:  # torch's own message advises to load it all the same
        raise ValueError("it is not whole, or holds more than tensors and plain values") from error
    if name is not None:
        if "metadata" in content:
            raise ValueError("it holds its own config; --model is for a .pt with a bare state dict")
        check_choice("model", name, MODELS)
        model = MODELS[name](input_shape, num_classes)
        model.load_state_dict(content.get("state_dict", content))
        return Reader(model, input_shape)
    if "metadata" not in content:
        raise ValueError("it has no metadata; --model names the architecture of a bare state dict")
    metadata = content["metadata"]
    known = MODELS | CONSTRUCTED
    check_choice("model", metadata["config"]["model"], known)
    build = known[metadata["config"]["model"]]
    options = model_options(from_dict(metadata["config"]), build)
    model = build(metadata["input_shape"], metadata["num_classes"], **options)
    model.load_state_dict(content["state_dict"])
    return Reader(model, metadata["input_shape"], metadata)
