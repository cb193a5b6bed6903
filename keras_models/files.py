"""Model files: `.h5` is a functional Keras model that `keras.models.load_model` opens, saved without optimizer.

Others' files are read as `foreign.py` says.
"""

import contextlib
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import absl.logging
import h5py
import keras
import numpy as np
from numpy.typing import NDArray

from common.data.arrays import Shape
from common.files import replacing
from common.runs.foreign import NOTHING, Declared
from common.runs.store import Record
from common.runs.trainers import Arrays
from keras_models import foreign
from keras_models.inputs import Tensor

KIND = "a functional network of Keras, whole and of stock layers"
METADATA = "memorization_suite"


class Reader:
    """Predictions and layer outputs of a model, by layer name; images are float NHWC in the model's input scale."""

    same: Mapping[str, Sequence[str]] = {}
    rescaling: str | None = None
    sigmoid: bool | None = None

    def __init__(self, model: keras.Model, input_shape: Shape, metadata: Record | None = None) -> None:
        self.model, self.input_shape, self.metadata = model, tuple(input_shape), metadata or {}
        self.dtype = model.inputs[0].dtype
        # Flatten and Dropout repeat their input: features are flat already, and those of evaluation.
        repeat = keras.layers.Flatten | keras.layers.Dropout
        names = [layer.name for layer in model.layers if not isinstance(layer, repeat)]
        # "conv1-bn" belongs to the inside of "conv1".
        self.layers = tuple(name for name in names if "-" not in name or name.split("-")[0] not in names)
        inputs = [layer.name for layer in model.layers if isinstance(layer, keras.layers.InputLayer)]
        self.input_layer = inputs[0] if inputs else None  # a sequential model shows none
        self.ids = foreign.number_of_ids(model)
        # Step by step, one operation after the other, evaluation would take longer than training, which is compiled.
        self._is_recurrent = any(isinstance(layer, keras.layers.RNN) for layer in model.layers)
        self._taps: dict[tuple[str, ...], keras.Model] = {}

    def features(self, x: Tensor, layer: str) -> NDArray[np.float32]:
        """float32 (n, d): one batch's outputs of a layer, flattened in NHWC order."""
        return self.outputs(x, (layer,))[0]

    def outputs(self, x: Tensor, layers: Sequence[str]) -> list[NDArray[np.float32]]:
        """Features of each of these layers, by one pass."""
        layers = tuple(layers)
        if layers not in self._taps:
            taps = {layer: self.model.get_layer(layer).output for layer in layers}
            self._taps[layers] = keras.Model(self.model.inputs[0], taps)
            self._taps[layers].jit_compile = False
        network = self._taps[layers]
        found = network.predict_on_batch(x) if self._is_recurrent else network(x, training=False)
        outputs = [keras.ops.convert_to_numpy(found[layer]) for layer in layers]
        return [values.reshape(len(values), -1).astype("float32", copy=False) for values in outputs]

    def shape(self, layer: str) -> Shape:
        """Of a layer's output for one input."""
        return tuple(self.model.get_layer(layer).output.shape[1:])


def get_weights(model: keras.Model) -> Arrays:
    """Arrays under canonical names."""
    return {name: to_array(variable) for name, variable in named_variables(model)}


def set_weights(model: keras.Model, weights: Mapping[str, NDArray[Any]]) -> None:
    """Inverse of `get_weights`."""
    for name, variable in named_variables(model):
        variable.assign(weights[name])


def named_variables(model: keras.Model) -> list[tuple[str, keras.Variable]]:
    """(canonical name, variable) for every weight of the model's layers."""
    return [(f"{layer.name}/{variable.name}", variable) for layer in model.layers for variable in layer.weights]


def to_array(variable: keras.Variable) -> NDArray[Any]:
    """A copy: what the torch backend converts shares memory with the variable."""
    return np.array(keras.ops.convert_to_numpy(variable))


def save(model: keras.Model, path: Path, metadata: Record) -> None:
    """Write the float32 model with its metadata (JSON values), atomically."""
    with replacing(path) as temporary:
        with quiet():
            model.save(temporary, include_optimizer=False)
        with h5py.File(temporary, "a") as file:
            file.attrs[METADATA] = json.dumps(metadata)


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Silences the warning, printed at every save, that .h5 is a legacy format."""
    verbosity = absl.logging.get_verbosity()
    absl.logging.set_verbosity(absl.logging.ERROR)
    try:
        yield
    finally:
        absl.logging.set_verbosity(verbosity)


def metadata(path: Path) -> Record:
    """What the suite wrote beside the weights; empty for a file from elsewhere."""
    if not is_ours(path):
        return {}
    with h5py.File(path) as file:
        found: Record = json.loads(file.attrs[METADATA])
    return found


def is_ours(path: Path) -> bool:
    """Whether `save` wrote it."""
    if path.suffix != ".h5":
        return False
    with h5py.File(path) as file:
        return METADATA in file.attrs


def load(path: Path, declared: Declared = NOTHING) -> Reader | foreign.Reader:
    """The model of a `.h5` or `.keras`, as a reader; code that a file holds is refused."""
    if not is_ours(path):
        return foreign.load(path, declared)
    if declared.model or declared.module:
        raise ValueError("it holds its own config; --model and --module are for a file with weights alone")
    model = keras.models.load_model(path, compile=False, safe_mode=True)
    return Reader(model, model.inputs[0].shape[1:], metadata(path))
