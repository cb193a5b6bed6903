"""Model files: `.pt` is a dict of tensors and JSON primitives that `torch.load(weights_only=True)` opens.

Others' files are read as `checkpoints.py`, `hooks.py` and `programs.py` say.
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from common.data.arrays import Shape
from common.data.layouts import AXES
from common.errors import check_choice
from common.files import replacing
from common.frameworks import user_object
from common.runs.config import from_dict, model_options
from common.runs.foreign import NOTHING, Declared
from common.runs.store import Record
from common.runs.trainers import Arrays
from torch_models import CONSTRUCTED, MODELS, checkpoints, hooks, programs
from torch_models.convert import from_canonical, to_canonical
from torch_models.texts import Reading

KIND = "a file of PyTorch's, whole and free of code"
FORMAT = 1


class Reader:
    """Predictions and layer outputs of a model, by layer name; images are float NHWC in the model's input scale."""

    same: Mapping[str, Sequence[str]] = {}
    rescaling: str | None = None
    sigmoid: bool | None = None

    def __init__(self, model: nn.Module, input_shape: Shape, metadata: Record | None = None) -> None:
        self.model, self.input_shape, self.metadata = model, tuple(input_shape), metadata or {}
        self.dtype = input_dtype(model)
        self.layers = cast("tuple[str, ...]", model.layer_names)
        self.input_layer = "input"
        self.ids = model.embedding.num_embeddings if isinstance(model, Reading) else None

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


def metadata(path: Path) -> Record:
    """What the suite wrote beside the weights; empty for a file from elsewhere."""
    if path.suffix != ".pt" or programs.kind_of(path):
        return {}
    content = checkpoints.read(path)
    return content["metadata"] if is_ours(content) else {}


def is_ours(content: Any) -> bool:
    """Whether `save` wrote it."""
    return isinstance(content, dict) and "metadata" in content and content.get("format") == FORMAT


def load(path: Path, declared: Declared = NOTHING) -> Reader | hooks.Reader:
    """The model of a file as a reader: one that `save` wrote, a program, or weights with the declared architecture.

    Nothing in the file is executed; a program's operations are, where they compute with tensors alone.
    """
    named = {"--model": declared.model, "--module": declared.module}
    if programs.kind_of(path):
        if flags := [flag for flag, value in named.items() if value]:
            raise ValueError(f"it says its architecture itself; {flags[0]} is for a file with weights alone")
        return programs.load(path, declared)
    content = checkpoints.read(path)
    if is_ours(content):
        if flags := [flag for flag, value in named.items() if value]:
            raise ValueError(f"it holds its own config; {flags[0]} is for a file without one")
        return load_ours(content)
    if declared.module is not None:
        return load_module(content, declared)
    if declared.model is not None:
        return load_weights(content, declared)
    raise ValueError(
        f"it is {checkpoints.kind_of(content)}; --module my_file.py:Net (or --model, for one of the suite's) names "
        "the network that it is for"
    )


def load_ours(content: Record) -> Reader:
    """The model that `save` wrote."""
    metadata = content["metadata"]
    known = MODELS | CONSTRUCTED
    check_choice("model", metadata["config"]["model"], known)
    build = known[metadata["config"]["model"]]
    options = model_options(from_dict(metadata["config"]), build)
    model = build(metadata["input_shape"], metadata["num_classes"], **options)
    model.load_state_dict(content["state_dict"])
    return Reader(model, metadata["input_shape"], metadata)


def load_module(content: Any, declared: Declared) -> hooks.Reader:
    """The user's own network, or a library's, with the weights of a file."""
    network = user_object(str(declared.module), declared.num_classes)
    if not isinstance(network, nn.Module):
        raise ValueError(f"--module must make a torch.nn.Module. Received: {type(network).__name__}")
    checkpoints.fit(content, network)
    return hooks.of_module(network, declared)


def load_weights(content: Any, declared: Declared) -> Reader:
    """An architecture of the suite with the weights of a file, whose layers have the same names.

    ValueError where the weights are of images whose channels come first or last, and it is not said which.
    """
    check_choice("model", declared.model, MODELS)
    model = MODELS[str(declared.model)](declared.image_shape, declared.num_classes)
    checkpoints.fit(content, model)
    kernel, channels = first_kernel(model, declared.image_shape[-1])
    if 1 < channels < kernel.shape[1] and kernel.shape[1] % channels == 0:  # images are flattened, not averaged
        if declared.layout is None:
            raise ValueError(
                "layout must be named for weights alone, the order in which images were flattened: --layout nchw "
                "(channels first, as most PyTorch code) or nhwc (channels last, as the suite); --check tries both"
            )
        check_choice("layout", declared.layout, AXES)
        if declared.layout == "nchw":
            kernel.data.copy_(kernel.detach().unflatten(1, (channels, -1)).transpose(1, 2).flatten(1))
    return Reader(model, declared.image_shape)


def first_kernel(model: nn.Module, channels: int) -> tuple[Tensor, int]:
    """The kernel (out, in) of the first fully connected layer, and how many channels come out of what lies below it."""
    for module in model.modules():
        if isinstance(module, nn.Conv2d):
            channels = module.out_channels
        if isinstance(module, nn.Linear):
            return module.weight, channels
    raise ValueError("a network of the suite must have a fully connected layer. Received: one without")
