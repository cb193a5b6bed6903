"""Keras networks from elsewhere: files of Keras 2 and 3, nested and shared layers, several outputs, own layers."""

from __future__ import annotations

import json
import tempfile
import zipfile
from collections import Counter
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import h5py
import keras
import numpy as np
from keras.src.models import Functional
from numpy.typing import NDArray

from common.data import layouts
from common.data.arrays import Array, Shape
from common.errors import Undeclared, check_choice
from common.frameworks import user_module, user_object
from common.runs.foreign import Declared
from keras_models import MODELS, keras2
from keras_models.inputs import Tensor

NETWORKS = ("Functional", "Model", "Sequential")
OUTPUT = "output"
REPEATING = keras.layers.Flatten | keras.layers.Dropout | keras.layers.Reshape
"""Features are flat already, and those of evaluation."""
FIRST = "took_channels_first"
CODE = ("Lambda", "TFSMLayer")
"""Layers that hold code of their own or name another file."""


def load(path: Path, declared: Declared) -> Reader:
    """The network of a `.h5` or `.keras`, or the declared one with a file's weights; no code in the file runs."""
    own = own_objects(declared.imports)
    config, version = config_of(path)
    if config is None:
        model = with_weights(path, declared, own)
    elif declared.module or declared.model:
        raise ValueError("it says its architecture itself; --module and --model are for a file with weights alone")
    else:
        check_layers(config, own)
        model = opened(path, config if version.startswith("3") else keras2.migrated(config), own)
    return Reader(model, declared)


def own_objects(files: Sequence[Path]) -> dict[str, Any]:
    """Layers and functions that the user's files define, by name, and those that they registered."""
    modules = [user_module(file) for file in files]
    return {name: value for module in modules for name, value in vars(module).items() if callable(value)}


def config_of(path: Path) -> tuple[Any, str]:
    """The network's config, none where a file holds weights alone, and the version of Keras that wrote it."""
    if path.suffix == ".keras":
        with zipfile.ZipFile(path) as archive:
            config, about = (json.loads(archive.read(name)) for name in ("config.json", "metadata.json"))
            return config, str(about.get("keras_version"))
    with h5py.File(path) as file:
        config, version = (file.attrs.get(name) for name in ("model_config", "keras_version"))
    return None if config is None else json.loads(config), str(version or "1")


def check_layers(config: Any, own: Mapping[str, Any]) -> None:
    """ValueError unless a network's config is of stock layers and the user's own, of which none is code in the file."""
    if (kind := config.get("class_name")) not in NETWORKS:
        raise ValueError(f"it must be a functional or sequential network. Received: one of the class {kind}")
    layers = config["config"] if isinstance(config["config"], list) else config["config"]["layers"]
    for layer in layers:
        kind, place = layer["class_name"], layer.get("module") or ""
        if kind in CODE:
            raise ValueError(f"a layer must be no code of the file's own. Received: a {kind} layer")
        if kind in NETWORKS:
            check_layers(layer, own)
        stock = hasattr(keras.layers, kind) or place.startswith("keras.") or kind in keras2.KNOWN
        registered = keras.saving.get_registered_object(layer.get("registered_name") or kind)
        if not (stock or kind in own or registered or kind in NETWORKS):
            raise ValueError(f"a layer must be stock, or of a file that --import names. Received: {kind}")


def opened(path: Path, config: Any, own: Mapping[str, Any]) -> keras.Model:
    """The network of a file, with this config in place of its own."""
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / f"model{'.keras' if path.suffix == '.keras' else '.h5'}"
        rewrite(path, copy, json.dumps(config))
        return keras.models.load_model(copy, compile=False, safe_mode=True, custom_objects=dict(own))


def rewrite(path: Path, copy: Path, config: str) -> None:
    """A copy of a model's file with another config."""
    if copy.suffix == ".h5":
        copy.write_bytes(path.read_bytes())
        with h5py.File(copy, "a") as file:
            file.attrs["model_config"] = config
        return
    with zipfile.ZipFile(path) as archive, zipfile.ZipFile(copy, "w") as written:
        for name in archive.namelist():
            written.writestr(name, config if name == "config.json" else archive.read(name))


def with_weights(path: Path, declared: Declared, own: Mapping[str, Any]) -> keras.Model:
    """The declared architecture, one of the suite, the user's code's or that of a `.json`, with a file's weights."""
    if declared.module is not None and declared.module.endswith(".json"):
        return described(Path(declared.module), path, own)
    if declared.model is not None:
        check_choice("model", declared.model, MODELS)
        model = MODELS[declared.model](declared.image_shape, declared.num_classes)
    elif declared.module is not None:
        model = user_object(declared.module, declared.num_classes)
    else:
        raise ValueError(
            "it holds weights alone; --module my_file.py:build or architecture.json (or --model, for one of the "
            "suite's) names the network that they are for"
        )
    if not isinstance(model, keras.Model):
        raise ValueError(f"--module must make a keras.Model. Received: {type(model).__name__}")
    model.load_weights(path)
    return model


def described(architecture: Path, path: Path, own: Mapping[str, Any]) -> keras.Model:
    """The network that `to_json` described, with the weights of a `.weights.h5` or of a file of Keras 2."""
    config = json.loads(architecture.read_text("utf-8"))
    check_layers(config, own)
    if config.get("keras_version", "3").startswith("3"):
        model = keras.models.model_from_json(json.dumps(config), custom_objects=dict(own))
        model.load_weights(path)
        return model
    with tempfile.TemporaryDirectory() as folder:
        whole = Path(folder) / "model.h5"
        with h5py.File(path) as file, h5py.File(whole, "w") as written:
            file.copy(file, written, "model_weights")
        return opened(whole, keras2.migrated(config), own)


class Graph:
    """A network laid out flat on inputs of one shape: `taps` has what each layer returns there, by name and in order.

    A layer within a nested network is named "backbone/conv1", one that is called again "conv1:2". The last one says
    the class: the only output of the network, or the named one of several.
    """

    def __init__(self, model: keras.Model, shape: Shape, output: str | None) -> None:
        self.inputs = keras.Input(shape, dtype=model.inputs[0].dtype)
        self._calls: Counter[str] = Counter()
        self.taps: dict[str, Tensor] = {}
        self.rescaling: str | None = None
        self.input_layer = model.inputs[0]._keras_history.operation.name
        self.taps[self.input_layer] = self.inputs
        outputs = keras.tree.flatten(self._lay_out(model, [self.inputs], ""))
        last = outputs[chosen([tensor._keras_history.operation.name for tensor in model.outputs], output)]
        name = next((name for name, tensor in self.taps.items() if tensor is last), OUTPUT)
        self.sigmoid = made_by_sigmoid(last)
        self.taps = {**{other: tensor for other, tensor in self.taps.items() if other != name}, name: last}

    def _lay_out(self, model: keras.Model, inputs: Any, prefix: str) -> Any:
        """What the network returns of inputs, layer by layer."""

        def call(layer: Any, *arguments: Any, **keywords: Any) -> Any:
            name = prefix + layer.name
            if isinstance(layer, keras.Sequential | Functional):
                return self._lay_out(layer, arguments[0], f"{name}/")
            first = getattr(layer, FIRST, False)
            made = channels_last(layer, arguments[0]) if first else layer(*arguments, **keywords)
            if isinstance(layer, keras.layers.Rescaling | keras.layers.Normalization):
                self.rescaling = self.rescaling or name
            self._calls[name] += 1
            if not isinstance(layer, REPEATING) and is_of_floats(made):
                self.taps[name if self._calls[name] == 1 else f"{name}:{self._calls[name]}"] = made
            return made

        flat = keras.Model(model.inputs, model.outputs)
        made = flat._run_through_graph(keras.tree.flatten(inputs), lambda layer: partial(call, layer))
        return made[0] if isinstance(made, list) and len(made) == 1 else made


def is_of_floats(made: Any) -> bool:
    """Whether a layer returns one tensor of floats: a mask of padding is none."""
    return not isinstance(made, list | tuple | dict) and keras.backend.is_float_dtype(made.dtype)


def made_by_sigmoid(tensor: Tensor) -> bool | None:
    """Whether a layer's activation, or an operation, that made a tensor is a sigmoid; none where it has neither."""
    operation = tensor._keras_history.operation
    if type(operation).__name__ == "Sigmoid":
        return True
    activation = getattr(operation, "activation", None)
    return None if activation is None else activation is keras.activations.sigmoid


def put_channels_last(model: keras.Model) -> None:
    """Mark layers that take images channels first, and make them take them last: TensorFlow has no other on a CPU."""
    for layer in model._flatten_layers():
        if getattr(layer, "data_format", None) == "channels_first" and not isinstance(layer, REPEATING):
            setattr(layer, FIRST, True)
            layer.data_format, layer.input_spec = "channels_last", None


def channels_last(layer: Any, x: Tensor) -> Tensor:
    """What a layer that was put so returns of images channels first: channels first again."""
    made = layer(keras.ops.moveaxis(x, 1, -1))
    return keras.ops.moveaxis(made, -1, 1) if len(made.shape) == len(x.shape) else made


def chosen(names: Sequence[str], output: str | None) -> int:
    """Place of the named output, or of the only one; ValueError where none of several is named."""
    if output is None and len(names) > 1:
        raise Undeclared(f"output must be named of several: --output {' or '.join(names)}")
    if output is not None:
        check_choice("output", output, names)
    return 0 if output is None else list(names).index(output)


def number_of_ids(model: keras.Model) -> int | None:
    """Of a network that reads texts, rows of ids (n, t), below which number they are; of others none."""
    embeddings = [layer for layer in model._flatten_layers() if isinstance(layer, keras.layers.Embedding)]
    return embeddings[0].input_dim if embeddings and len(model.inputs[0].shape) == 2 else None


class Reader:
    """Predictions and layer outputs of a network from elsewhere, by layer name; images are float NHWC.

    Images are given as `declared`, and laid out as the network takes them; else inputs have the network's own shape.
    """

    same: Mapping[str, Sequence[str]] = {}

    def __init__(self, model: keras.Model, declared: Declared) -> None:
        if not isinstance(model, keras.Sequential | Functional):
            raise ValueError(f"it must be a functional or sequential network. Received: {type(model).__name__}")
        if len(model.inputs) != 1:
            raise ValueError(f"it must have one input. Received: {len(model.inputs)}")
        own = tuple(model.inputs[0].shape[1:])
        if not declared.image_shape and None in own:
            raise ValueError(f"it must have an input of fixed shape, or images be declared. Received: {own}")
        put_channels_last(model)
        self.model, self.metadata, self.dtype = model, dict[str, Any](), model.inputs[0].dtype
        self.input_shape, self.arrangement = declared.image_shape or own, layouts.Arrangement("nhwc", "image")
        self._graphs: dict[Shape, Graph] = {}
        self._networks: dict[tuple[str, ...], keras.Model] = {}
        self._output, self._own = declared.output, own
        if declared.image_shape:
            whole = len(declared.image_shape) == 3 and not keras.backend.is_float_dtype(self.dtype)
            scale = 255 if whole else 1  # whole numbers from 0 to 1 would all be 0
            self.arrangement = layouts.find(
                lambda images: self._predict(scale * images), declared.image_shape, declared.layout
            )
        self._graph = self._graph_of(self.arrangement(np.zeros((1, *self.input_shape), self.dtype)).shape[1:])
        self.layers, self.input_layer = tuple(self._graph.taps), self._graph.input_layer
        self.rescaling, self.ids, self.sigmoid = self._graph.rescaling, number_of_ids(model), self._graph.sigmoid

    def outputs(self, x: Tensor, layers: Sequence[str]) -> list[NDArray[np.float32]]:
        """float32 (n, d) of each of these layers for one batch, feature maps flattened in NHWC order, by one pass."""
        layers = tuple(layers)
        if layers not in self._networks:
            self._networks[layers] = keras.Model(self._graph.inputs, {name: self._graph.taps[name] for name in layers})
        found = self._networks[layers](self.arrangement(np.asarray(x)), training=False)
        return [self.arrangement.rows(keras.ops.convert_to_numpy(found[name])) for name in layers]

    def shape(self, layer: str) -> Shape:
        """Of a layer's output for one input."""
        return self.arrangement.shape(tuple(self._graph.taps[layer].shape[1:]))

    def _graph_of(self, shape: Shape) -> Graph:
        """The network on inputs of one shape, which must be its own but where that is free."""
        if len(shape) != len(self._own) or any(
            own not in (None, side) for own, side in zip(self._own, shape, strict=True)
        ):
            raise ValueError(f"inputs must have shape {self._own}. Received: {shape}")
        if shape not in self._graphs:
            self._graphs[shape] = Graph(self.model, shape, self._output)
        return self._graphs[shape]

    def _predict(self, inputs: Array) -> Array:
        """What the network says of inputs as it takes them."""
        graph = self._graph_of(inputs.shape[1:])
        network = keras.Model(graph.inputs, list(graph.taps.values())[-1])
        return np.asarray(keras.ops.convert_to_numpy(network(inputs.astype(self.dtype), training=False)))
