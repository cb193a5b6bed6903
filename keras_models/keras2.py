"""Configs of networks as Keras 2 and earlier wrote them, in the words of Keras 3.

What Keras 3 cannot say with stock layers stays as it is, and is refused when it is loaded.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Collection
from typing import Any

import keras

Config = dict[str, Any]

NEUTRAL = {
    "groups": 1, "ragged": False, "sparse": False, "time_major": False, "fused": True, "renorm": False,
    "virtual_batch_size": None, "adjustment": None, "input_dim": None, "input_length": None,
}  # fmt: skip
"""Arguments that layers once had, at the values at which they do nothing."""
WITHOUT_EFFECT = ("rng_type", "implementation", "batch_input_shape", "_initializer", "_regularizer", "_constraint")
"""Ends of the names of those that change no prediction at any value."""
NESTED = ("Functional", "Model", "Sequential")
RENAMED = {"BatchNormalizationV1": "BatchNormalization", "BatchNormalizationV2": "BatchNormalization"}
KNOWN = (*RENAMED, "TFOpLambda", "SlicingOpLambda")
"""Classes of layers that Keras 3 does not have."""
CONSTANTS = {  # as scale and offset of a Rescaling
    "math.truediv": lambda y: (1 / y, 0.0),
    "math.multiply": lambda y: (y, 0.0),
    "__operators__.add": lambda y: (1.0, y),
    "math.add": lambda y: (1.0, y),
    "math.subtract": lambda y: (1.0, -y),
}
PAIRS = {"__operators__.add": "Add", "math.add": "Add", "math.subtract": "Subtract", "math.multiply": "Multiply"}
ACTIVATIONS = {
    "nn.relu": "relu", "nn.relu6": "relu6", "nn.elu": "elu", "nn.selu": "selu", "nn.gelu": "gelu", "nn.silu": "silu",
    "nn.softmax": "softmax", "math.sigmoid": "sigmoid", "math.tanh": "tanh", "cast": "linear", "identity": "linear",
}  # fmt: skip
"""Functions of TensorFlow by the activations that do the same, of plain arguments."""
PLAIN: dict[str, Callable[[Config], bool]] = {
    "nn.softmax": lambda given: given.get("axis") in (None, -1),
    "nn.gelu": lambda given: not given.get("approximate"),
    "cast": lambda given: str(given.get("dtype")).startswith(("float", "bfloat")),
}
"""Whether the arguments of some of them are: a cast from one kind of float to another changes nothing here."""
HARD_SIGMOID = "memorization_suite>hard_sigmoid"


@keras.saving.register_keras_serializable("memorization_suite", "hard_sigmoid")
def hard_sigmoid(x: Any) -> Any:
    """Keras 2's: Keras 3 has another slope under this name, 1 / 6."""
    return keras.ops.clip(0.2 * x + 0.5, 0.0, 1.0)


def migrated(config: Any) -> Any:
    """A network's config, or that of a layer in it, as Keras 3 has it: the same where it was already."""
    if isinstance(config, list):
        return [migrated(each) for each in config]
    if not isinstance(config, dict):
        return config
    if isinstance(config.get("class_name"), str) and "config" in config:
        config = migrated_layer(config)
    return {
        name: HARD_SIGMOID if name.endswith("activation") and value == "hard_sigmoid" else migrated(value)
        for name, value in config.items()
    }


def migrated_layer(layer: Config) -> Config:
    """One layer: its class, its arguments, and what it is called with."""
    name, arguments = str(RENAMED.get(layer["class_name"], layer["class_name"])), layer["config"]
    if name == "Sequential" and isinstance(arguments, list):  # before 2.2.3
        arguments = {"name": "sequential", "layers": arguments}
    if name == "Sequential" and "layers" in arguments:
        arguments = {**arguments, "layers": with_input(arguments["layers"])}
    if name in ("Policy", "PolicyV1", "LossScalePolicy"):
        return {**layer, "class_name": "DTypePolicy", "module": "keras", "config": {"name": "float32"}}
    if not isinstance(arguments, dict):
        return layer
    if name in NESTED and "layers" in arguments:
        arguments = with_places(arguments)
    if name in ("TFOpLambda", "SlicingOpLambda"):
        return stock_layer({**layer, "config": arguments})
    if "mixed_" in str(arguments.get("dtype")) and "module" not in layer:
        arguments = {**arguments, "dtype": "float32"}
    place = {"module": "keras.src.models.functional"} if name == "Functional" else {}
    if isinstance(axis := arguments.get("axis"), list) and len(axis) == 1:
        arguments = {**arguments, "axis": axis[0]}
    if name == "InputLayer" and "batch_input_shape" in arguments:
        arguments = {**arguments, "batch_shape": arguments["batch_input_shape"]}
    return {**layer, **place, "class_name": name, "config": known_arguments(name, arguments)}


def with_input(layers: list[Config]) -> list[Config]:
    """The layers of a sequential network with one for its input, which the first once said as an argument."""
    first = layers[0]["config"]
    if layers[0]["class_name"] == "InputLayer" or not (shape := first.get("batch_input_shape")):
        return layers
    arguments = {"name": f"{first['name']}_input", "batch_shape": shape, "dtype": first.get("dtype") or "float32"}
    without = {**layers[0], "config": {**first, "batch_input_shape": None}}
    return [{"class_name": "InputLayer", "config": arguments}, without, *layers[1:]]


def with_places(network: Config) -> Config:
    """A network's config in which the first call of a nested network is its first node: it once was the second."""
    kinds = {layer["config"].get("name"): layer["class_name"] for layer in network["layers"]}
    kinds = {name: kind for name, kind in kinds.items() if kind in NESTED}

    def placed(value: Any, shifted: Collection[str]) -> Any:
        if isinstance(value, list) and is_tensor(value[:3]):
            name, node, *rest = value
            return [name, node - (kinds.get(name) in shifted), *rest]
        return [placed(each, shifted) for each in value] if isinstance(value, list) else value

    layers = [
        {**layer, "inbound_nodes": placed(layer["inbound_nodes"], NESTED)} if "inbound_nodes" in layer else layer
        for layer in network["layers"]
    ]
    ends = {name: placed(network[name], ("Sequential",)) for name in ("output_layers",) if name in network}
    return {**network, "layers": layers, **ends}


def known_arguments(class_name: str, arguments: Config) -> Config:
    """Without those that the layer has no longer and that do nothing."""
    kind = getattr(keras.layers, class_name, None)
    if kind is None:
        return arguments
    known = inspect.signature(kind.__init__).parameters
    return {
        name: value
        for name, value in arguments.items()
        if name in known or not (name.endswith(WITHOUT_EFFECT) or (name in NEUTRAL and value == NEUTRAL[name]))
    }


def stock_layer(layer: Config) -> Config:
    """A function of TensorFlow within a network as the stock layer that does the same; ValueError for any other."""
    function, name = layer["config"].get("function", ""), layer["config"]["name"]
    node = layer["inbound_nodes"][0]
    calls = node if isinstance(node[0], list) else [node]
    given = dict(calls[0][3])
    inputs = [call[:3] for call in calls] + ([given["y"]] if is_tensor(given.get("y")) else [])
    made = same_as(function, given) if len(layer["inbound_nodes"]) == 1 else None
    if made is None:
        raise ValueError(f"a function must be one that stock layers express. Received: {name} (tf.{function})")
    kind, arguments = made
    nodes = [[[*tensor, {}] for tensor in inputs]]
    return {"class_name": kind, "name": layer["name"], "config": {"name": name, **arguments}, "inbound_nodes": nodes}


def same_as(function: str, given: Config) -> tuple[str, Config] | None:
    """The stock layer and its arguments that do what a function does with what it is given; none where none does."""
    other, axis = given.get("y"), given.get("axis")
    if function in PAIRS and is_tensor(other):
        return PAIRS[function], {}
    if function in CONSTANTS and isinstance(other, int | float):
        scale, offset = CONSTANTS[function](other)
        return "Rescaling", {"scale": scale, "offset": offset}
    if function in ACTIVATIONS and (function not in PLAIN or PLAIN[function](given)):
        return "Activation", {"activation": ACTIVATIONS[function]}
    if function == "reshape" and isinstance(shape := given.get("shape"), list) and shape[0] == -1:
        return "Reshape", {"target_shape": shape[1:]}
    if function == "math.reduce_mean" and axis in ([1, 2], [2, 1]):
        return "GlobalAveragePooling2D", {"keepdims": bool(given.get("keepdims"))}
    if function == "concat" and isinstance(axis, int):
        return "Concatenate", {"axis": axis}
    return None


def is_tensor(value: object) -> bool:
    """Whether an argument names another layer's output: its name, node and place."""
    return isinstance(value, list) and len(value) == 3 and isinstance(value[0], str)
