"""Opens a saved model of either framework and reads predictions and layers out of it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from common import frameworks
from common.data.arrays import Array
from common.data.datasets import DATASETS
from common.data.inputs import KINDS
from common.errors import check_choice, in_short
from common.runs.config import Config, from_dict

BATCH = 2000
FRAMEWORKS = {".h5": "keras", ".pt": "torch"}


def load(path: str | Path, architecture: Sequence[Any] = ()) -> SavedModel:
    """The model of a `.h5` or `.pt` file; anything else, and a file that is not whole, is a ValueError of one line.

    A `.pt` that holds a bare state dict needs its architecture: name, input shape (h, w, c), number of classes.
    """
    path = Path(path)
    if path.suffix not in FRAMEWORKS:
        raise ValueError(f"a model file must end in .h5 or .pt. Received: {path}")
    if not path.is_file():
        raise FileNotFoundError(f"there is no model file {path}")
    framework = FRAMEWORKS[path.suffix]
    frameworks.torch_first(framework)
    files = frameworks.module(framework, "files")
    try:
        return SavedModel(files.load(path, *architecture), path, files)
    except Exception as error:
        raise ValueError(f"a model file must be {files.KIND}. Received: {path} ({in_short(error)})") from error


class SavedModel:
    """A network as it was saved; `layers` names its layers in order: "input" first, "logits" last in ours."""

    def __init__(self, reader: Any, path: Path, files: Any = None):
        self._reader, self.path, self._files = reader, path, files
        self.layers: tuple[str, ...] = reader.layers
        self.input_layer: str | None = reader.input_layer
        self.input_shape: tuple[int, ...] = reader.input_shape
        self.metadata: dict[str, Any] = reader.metadata
        self.config: Config | None = from_dict(reader.metadata["config"]) if reader.metadata else None

    @property
    def network(self) -> Any:
        """The framework's own model."""
        return self._reader.model

    def logits(self, x: ArrayLike) -> NDArray[np.float32]:
        """Outputs of the last layer (n, num_classes) for inputs as `prepare` makes them, images (n, h, w, c)."""
        return self.features(x, self.layers[-1])

    def features(self, x: ArrayLike, layer: str) -> NDArray[np.float32]:
        """Outputs of a layer after its activation, flattened in NHWC order: (n, d)."""
        return self.outputs(x, [layer])[layer]

    def shape(self, layer: str) -> tuple[int, ...]:
        """Of a layer's output for one input, (height, width, channels) of a convolution's."""
        check_choice("layer", layer, self.layers)
        shape: tuple[int, ...] = self._reader.shape(layer)
        return shape

    def outputs(self, x: ArrayLike, layers: Sequence[str]) -> dict[str, NDArray[np.float32]]:
        """`features` of each of these layers, by one pass through the network."""
        for layer in layers:
            check_choice("layer", layer, self.layers)
        inputs = np.asarray(x, self._reader.dtype)
        if inputs.shape[1:] != self.input_shape:
            raise ValueError(
                f"data must fit the model's input shape {self.input_shape}. "
                f"Received: examples of shape {inputs.shape[1:]}"
            )
        if not len(inputs):
            raise ValueError(f"data must hold at least one example. Received: data of shape {inputs.shape}")
        found: dict[str, NDArray[np.float32]] = {}
        for start in range(0, len(inputs), BATCH):
            parts = self._reader.outputs(inputs[start : start + BATCH], layers)
            for layer, part in zip(layers, parts, strict=True):
                if layer not in found:
                    found[layer] = np.empty((len(inputs), part.shape[1]), np.float32)
                found[layer][start : start + len(part)] = part
        return found

    def derivatives(self, device: str = "auto") -> Any:
        """The network's `torch_models.derivatives.Derivatives`, on a device; ValueError for a Keras model."""
        if self.path.suffix != ".pt":
            raise ValueError(f"a model must be PyTorch's, a .pt, for gradients of inputs. Received: {self.path}")
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
        kind = KINDS[DATASETS[config.dataset].kind]
        return kind(inputs.shape[1:], config).prepare(inputs, self.metadata)
