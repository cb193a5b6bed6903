"""Opens a saved model of either framework, whoever wrote it, and reads predictions and layers out of it."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

from common import frameworks
from common.data.arrays import Array, Labels
from common.data.datasets import kind_of
from common.data.inputs import KINDS
from common.data.texts import MARKS, counts, mean_over_tokens
from common.errors import check_choice, in_short
from common.progress import counted
from common.runs.config import Config, from_dict
from common.runs.foreign import NOTHING, Declared

BATCH = 2000
LARGEST = 2**27  # values of one layer at once, of networks from elsewhere
FRAMEWORKS = {
    **dict.fromkeys((".h5", ".hdf5", ".keras"), "keras"),
    **dict.fromkeys((".pt", ".pth", ".ckpt", ".bin", ".tar", ".safetensors", ".pt2"), "torch"),
}
"""By a model file's ending."""


class Reader(Protocol):
    """What a framework's package makes of a model file, whoever wrote it."""

    model: Any
    layers: tuple[str, ...]
    """Names in order; the last one's outputs say the class."""
    input_layer: str | None
    input_shape: tuple[int, ...]
    """Of an example as `outputs` takes it."""
    dtype: str
    metadata: dict[str, Any]
    """What the suite wrote beside the weights; empty for a file from elsewhere."""
    same: Mapping[str, Sequence[str]]
    """All names of a layer, where it has several."""
    ids: int | None
    """Of a network that reads texts, rows of ids (n, t), below which number they are; of others none."""
    sigmoid: bool | None
    """Whether a sigmoid made the last outputs; none where it is not known."""
    rescaling: str | None
    """A layer that puts inputs on another scale, where there is one."""

    def outputs(self, x: Array, layers: Sequence[str]) -> list[NDArray[np.float32]]:
        """Of each of these layers for one batch, (n, d), images in NHWC order, by one pass."""

    def shape(self, layer: str) -> tuple[int, ...]:
        """Of a layer's output for one input."""


def load(path: str | Path, declared: Declared = NOTHING) -> SavedModel:
    """The model of a file; one that is not whole, or not said well enough, is a ValueError of one line.

    What is `declared` is for files from elsewhere, which do not say it.
    """
    path = Path(path)
    files = files_of(path)
    model: SavedModel = read(path, lambda path: SavedModel(files.load(path, declared), path, files))
    return model


def metadata(path: Path) -> dict[str, Any]:
    """What the suite wrote beside the weights of a model file; empty for a file from elsewhere."""
    found: dict[str, Any] = read(path, files_of(path).metadata)
    return found


def files_of(path: Path) -> Any:
    """The framework's module that reads files with this one's ending; an error where there is no such file."""
    if path.suffix not in FRAMEWORKS:
        raise ValueError(f"a model file must end in {', '.join(FRAMEWORKS)}. Received: {path}")
    if not path.is_file():
        raise FileNotFoundError(f"there is no model file {path}")
    frameworks.torch_first(FRAMEWORKS[path.suffix])
    return frameworks.module(FRAMEWORKS[path.suffix], "files")


def read(path: Path, reading: Callable[..., Any], *arguments: Any) -> Any:
    """What a framework's function reads in a file; its errors name the file, in one line."""
    try:
        return reading(path, *arguments)
    except BlockingIOError as error:
        raise ValueError(f"{path} is open in another process, which may be writing it; try again later") from error
    except Exception as error:
        kind = frameworks.module(FRAMEWORKS[path.suffix], "files").KIND
        raise ValueError(f"a model file must be {kind}. Received: {path} ({in_short(error)})") from error


class SavedModel:
    """A network as it was saved; `layers` names its layers in order: "input" first, "logits" last in ours."""

    def __init__(self, reader: Reader, path: Path, files: Any = None):
        self._reader, self.path, self._files = reader, path, files
        self.layers: tuple[str, ...] = reader.layers
        self.input_layer: str | None = reader.input_layer
        self.input_shape: tuple[int, ...] = reader.input_shape
        self.rescaling: str | None = reader.rescaling
        self.metadata: dict[str, Any] = reader.metadata
        self._called = {other: layer for layer, others in reader.same.items() for other in others}
        self.config: Config | None = from_dict(reader.metadata["config"]) if reader.metadata else None

    @property
    def network(self) -> Any:
        """The framework's own model."""
        return self._reader.model

    def logits(self, x: ArrayLike) -> NDArray[np.float32]:
        """Outputs of the last layer (n, num_classes) for inputs as `prepare` makes them, images (n, h, w, c)."""
        return self.features(x, self.layers[-1])

    def classes(self, outputs: NDArray[np.float32], num_classes: int) -> Labels:
        """The class (n,) that outputs of the last layer (n, d) say: the highest one's.

        An only output tells two classes apart: 1 is where it is above 0.5 if a sigmoid made it, else where it is above
        0. Where that is not known, as of PyTorch's code, outputs that all lie within 0 and 1 are a sigmoid's.
        ValueError where there are more classes.
        """
        number = outputs.shape[1]
        if max(number, 2) < num_classes:
            raise ValueError(
                f"a network must have an output for each of {num_classes} classes. Received: "
                f"{counted(number, 'output')}, {self.layers[-1]} in {self.path.name}"
            )
        if number > 1:
            return outputs.argmax(1)
        within = bool(np.all((outputs >= 0) & (outputs <= 1)))
        sigmoid = within if self._reader.sigmoid is None else self._reader.sigmoid
        return (outputs[:, 0] > (0.5 if sigmoid else 0)).astype(np.int64)

    def features(self, x: ArrayLike, layer: str) -> NDArray[np.float32]:
        """Outputs of a layer after its activation, flattened in NHWC order: (n, d).

        Of a network that reads texts its input as counts of each word (see `common.data.texts.counts`), and what a
        layer says of each token as the mean over tokens.
        """
        return self.outputs(x, [layer])[layer]

    def shape(self, layer: str) -> tuple[int, ...]:
        """Of what `features` flattens of a layer for one input, (height, width, channels) of a convolution's."""
        layer = self.layer(layer)
        if self._reader.ids and layer == self.input_layer:
            return (self._reader.ids - 1,)
        shape = self._reader.shape(layer)
        return shape[1:] if self._is_sequence(layer) else shape

    def _is_sequence(self, layer: str) -> bool:
        """Whether a layer says something of each token of a text."""
        shape = self._reader.shape(layer)
        return self._reader.ids is not None and len(shape) == 2 and shape[:1] == self.input_shape

    def layer(self, name: str) -> str:
        """The layer of this name, which may have several; ValueError where there is none."""
        name = self._called.get(name, name)
        check_choice("layer", name, self.layers)
        return name

    def described(self) -> list[str]:
        """A line for each layer: its name, its shape, and what else it is called."""
        shapes = [" x ".join(map(str, self.shape(name))) for name in self.layers]
        others = [[other for other in self._reader.same.get(name, ()) if other != name] for name in self.layers]
        also = [f", also {', '.join(names)}" if names else "" for names in others]
        return [f"{name} ({shape}){more}" for name, shape, more in zip(self.layers, shapes, also, strict=True)]

    def outputs(self, x: ArrayLike, layers: Sequence[str]) -> dict[str, NDArray[np.float32]]:
        """`features` of each of these layers, by one pass through the network."""
        layers = [self.layer(name) for name in layers]
        inputs = np.asarray(x, self._reader.dtype)
        if inputs.shape[1:] != self.input_shape:
            raise ValueError(
                f"data must fit the model's input shape {self.input_shape}. "
                f"Received: examples of shape {inputs.shape[1:]}"
            )
        if self._reader.ids is not None and inputs.max(initial=0) >= self._reader.ids:
            raise ValueError(
                f"vocabulary must be at most {self._reader.ids - len(MARKS)} for this network. "
                f"Received: the id {inputs.max():.0f}"
            )
        if not len(inputs):
            raise ValueError(f"data must hold at least one example. Received: data of shape {inputs.shape}")
        found: dict[str, NDArray[np.float32]] = {}
        if self._reader.ids is None and self.input_layer in layers:
            found[self.input_layer] = inputs.reshape(len(inputs), -1).astype(np.float32, copy=False)
        layers = [layer for layer in layers if layer not in found]
        size = self._batch
        for start in range(0, len(inputs) if layers else 0, size):
            batch = inputs[start : start + size]
            parts = self._reader.outputs(batch, layers)
            for layer, part in zip(layers, map(partial(self._rows, batch), layers, parts), strict=True):
                if len(part) != len(batch):
                    raise ValueError(
                        f"a layer must have one row for each input. Received: {len(part)} of {layer} for {len(batch)}"
                    )
                if layer not in found:
                    found[layer] = np.empty((len(inputs), part.shape[1]), np.float32)
                found[layer][start : start + len(part)] = part
        return found

    def _rows(self, batch: Array, layer: str, outputs: NDArray[np.float32]) -> NDArray[np.float32]:
        """What `features` gives of a layer's flattened outputs for a batch of inputs."""
        if self._reader.ids and layer == self.input_layer:
            return counts(batch.astype(np.int64), self._reader.ids)
        if self._is_sequence(layer):
            return mean_over_tokens(outputs.reshape(len(batch), *self._reader.shape(layer)), batch)
        return outputs

    @property
    def _batch(self) -> int:
        """How many inputs go through the network at once: fewer where one from elsewhere has large layers."""
        if self.config is not None:
            return BATCH
        largest = max(math.prod(self.shape(name)) for name in self.layers)
        return max(1, min(BATCH, LARGEST // largest))

    def derivatives(self, device: str = "auto") -> Any:
        """The network's `torch_models.derivatives.Derivatives`, on a device; ValueError for a Keras model."""
        if self.path.suffix != ".pt" or self.config is None:
            raise ValueError(
                f"a model must be PyTorch's, a .pt that the suite saved, for gradients of inputs. Received: {self.path}"
            )
        place = frameworks.module("torch", "trainer").find_device(device)
        return frameworks.module("torch", "derivatives").Derivatives(self._reader.model.to(place))

    def get_weights(self) -> dict[str, NDArray[np.float32]]:
        """Weights by canonical name and in Keras' layout: "fc1/kernel" (in, out), "conv1/kernel" HWIO."""
        weights: dict[str, NDArray[np.float32]] = self._files.get_weights(self.network)
        return weights

    def set_weights(self, weights: dict[str, NDArray[np.float32]]) -> None:
        """Inverse of `get_weights`."""
        self._files.set_weights(self.network, weights)

    def save(self, path: Path) -> None:
        """Write the model with its weights as they are now, in its own format, with the metadata it came with."""
        self._files.save(self.network, path, self.metadata)

    def prepare(self, inputs: Array, config: Config) -> Array:
        """What the network sees of inputs as their kind keeps them: of images the config's centre crop and scale."""
        kind = KINDS[kind_of(config.dataset)]
        return kind(inputs.shape[1:], config).prepare(inputs, self.metadata)
