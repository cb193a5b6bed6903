"""Model files as other people write them, made by the libraries themselves, and what becomes of each when it is read.

`python tests/foreign.py` prints the table of docs/foreign_files.md: the accuracy that a file's own library gives on the
test images, and that of the network as it is read here, or why it is refused; with `--before` also what an older
checkout made of it. `tests/test_foreign.py` holds each line to it.
"""

from __future__ import annotations

import argparse
import copy
import json
import os
import re
import subprocess
import sys
import tempfile
import textwrap
import warnings
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import h5py
import numpy as np

from common import frameworks
from common.analysis.readout import opened
from common.data import datasets
from common.runs.config import Options
from common.runs.foreign import NOTHING, Declared

frameworks.torch_first("keras")

import keras  # noqa: E402
import tensorflow as tf  # noqa: E402
import tf_keras as keras2  # noqa: E402
import torch  # noqa: E402
import torchvision  # noqa: E402
from safetensors.torch import save_file  # noqa: E402
from torch import nn  # noqa: E402

import torch_models  # noqa: E402

TINTS = 1.0, 0.6, 0.3
NET = """
from torch import nn
from torch.nn import functional


class Net(nn.Module):
    def __init__(self, channels=1, width=8, num_classes=10):
        super().__init__()
        self.conv, self.bn = nn.Conv2d(channels, width, 3, padding=1), nn.BatchNorm2d(width)
        self.pool, self.drop = nn.MaxPool2d(2), nn.Dropout()
        self.fc1, self.head = nn.Linear(width * 16, 32), nn.Linear(32, num_classes)

    def forward(self, x):
        x = self.pool(functional.relu(self.bn(self.conv(x)))).flatten(1)
        return self.head(self.drop(functional.relu(self.fc1(x))))


class TwoHeads(Net):
    def forward(self, x):
        return {"classes": super().forward(x), "mean": x.mean((1, 2, 3))[:, None]}


class Rows(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc1, self.head = nn.Linear(8 * 8 * 3, 32), nn.Linear(32, 10)

    def forward(self, x):
        return self.head(self.fc1(x.reshape(len(x), -1)).relu())
"""
LAYERS = """
import keras


class Double(keras.layers.Layer):
    def call(self, x):
        return 2 * x


def build():
    inputs = keras.Input((8, 8, 1))
    x = keras.layers.Conv2D(4, 3, activation="relu")(inputs)
    return keras.Model(inputs, keras.layers.Dense(10, name="head")(keras.layers.Flatten()(x)))
"""


class Written(NamedTuple):
    """A model file, what must be said of it, and the accuracy that its own library gives, none where it is refused."""

    path: Path
    accuracy: float | None
    declared: Declared = NOTHING
    colours: bool = False
    preprocessing: str = "zero_one"


def images(colours: bool = False) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """The digits, (n, 8, 8, 1) or tinted (n, 8, 8, 3), uint8."""
    data = datasets.load("digits")
    tints = np.array(TINTS) if colours else 1
    x_train, x_test = (np.rint(x * tints).astype(np.uint8) for x in (data.x_train, data.x_test))
    return x_train, data.y_train, x_test, data.y_test


def solved(features: np.ndarray, labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Kernel (d, classes) and bias of the least-squares classifier on features (n, d): training in closed form."""
    rows = np.hstack([features, np.ones((len(features), 1))])
    weights = np.linalg.lstsq(rows, np.eye(10)[labels], rcond=1e-6)[0].astype(np.float32)
    return weights[:-1], weights[-1]


def score(outputs: Any, labels: np.ndarray) -> float:
    """Share of right predictions."""
    return float((np.asarray(outputs).argmax(1) == labels).mean())


# --- PyTorch


def nchw(x: np.ndarray) -> torch.Tensor:
    """Images on the 0-1 scale, channels first."""
    return torch.from_numpy(x.transpose(0, 3, 1, 2).astype(np.float32) / 255)


def with_head(net: nn.Module, head: nn.Linear, colours: bool = False) -> float:
    """Fit the last layer of a network and give its test accuracy."""
    x_train, y_train, x_test, y_test = images(colours)
    seen: list[torch.Tensor] = []
    handle = head.register_forward_pre_hook(lambda _, given: seen.append(given[0]))
    with torch.no_grad():
        net.eval()(nchw(x_train))
        handle.remove()
        kernel, bias = solved(seen[0].numpy(), y_train)
        head.weight.copy_(torch.from_numpy(kernel.T.copy())), head.bias.copy_(torch.from_numpy(bias))
        outputs = net(nchw(x_test))
    return score(outputs["classes"] if isinstance(outputs, dict) else outputs, y_test)


def user_file(folder: Path, name: str, text: str) -> Path:
    """A Python file of the user's."""
    (folder / name).write_text(text)
    return folder / name


def net(folder: Path, name: str = "Net") -> tuple[Any, float, Declared]:
    """The user's network, its accuracy and how it is named on the command line."""
    file = user_file(folder, "net.py", NET)
    torch.manual_seed(0)
    made = getattr(frameworks.user_module(file), name)()
    return made, with_head(made, made.head), Declared(module=f"{file}:{name}")


def torch_file(content: Callable[[Any], Any], name: str, **options: Any) -> Callable[[Path], Written]:
    """Written by torch.save: what is made of the user's network."""

    def write(folder: Path) -> Written:
        made, accuracy, declared = net(folder)
        torch.save(content(made), folder / name, **options)
        return Written(folder / name, accuracy, declared)

    return write


def undeclared(write: Callable[[Path], Written]) -> Callable[[Path], Written]:
    """The same file, of which nothing is said: refused."""
    return lambda folder: write(folder)._replace(accuracy=None, declared=NOTHING)


def checkpoint(made: Any) -> dict[str, Any]:
    """As training scripts keep it."""
    copied = copy.deepcopy(made)
    optimizer = torch.optim.Adam(copied.parameters())
    copied(torch.zeros(1, 1, 8, 8)).sum().backward()
    optimizer.step()
    return {
        "epoch": 3, "model_state_dict": made.state_dict(), "optimizer_state_dict": optimizer.state_dict(),
        "loss": np.float64(0.5), "args": argparse.Namespace(lr=0.1),
    }  # fmt: skip


def lightning(made: Any) -> dict[str, Any]:
    """As PyTorch Lightning keeps it."""
    state = {f"model.{name}": tensor for name, tensor in made.state_dict().items()}
    return {
        "epoch": 1, "global_step": 10, "pytorch-lightning_version": "2.5.0", "loops": {}, "callbacks": {},
        "state_dict": {**state, "criterion.weight": torch.ones(10)}, "hyper_parameters": {"lr": np.float32(0.1)},
        "optimizer_states": [], "lr_schedulers": [],
    }  # fmt: skip


class Code:
    """Creates a file when it is unpickled."""

    def __init__(self, path: Path):
        self.path = path

    def __reduce__(self) -> Any:
        return os.mkdir, (str(self.path),)


def with_code(folder: Path) -> Written:
    made, _, declared = net(folder)
    torch.save({"state_dict": made.state_dict(), "extra": Code(folder / "executed")}, folder / "code.pt")
    return Written(folder / "code.pt", None, declared)


def safetensors(folder: Path) -> Written:
    made, accuracy, declared = net(folder)
    save_file(made.state_dict(), folder / "model.safetensors")
    return Written(folder / "model.safetensors", accuracy, declared)


def script(compile: Callable[[Any], Any]) -> Callable[[Path], Written]:
    """A TorchScript archive."""

    def write(folder: Path) -> Written:
        made, accuracy, _ = net(folder)
        compile(made).save(folder / "script.pt")
        return Written(folder / "script.pt", accuracy)

    return write


class Saving(nn.Module):
    """Writes a file when it is run."""

    def __init__(self, path: str):
        super().__init__()
        self.path = path

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        torch.save(x, self.path)
        return x.flatten(1)


def script_with_file(folder: Path) -> Written:
    torch.jit.script(Saving(str(folder / "executed"))).save(folder / "script.pt")
    return Written(folder / "script.pt", None)


def exported(shapes: Any) -> Callable[[Path], Written]:
    """A .pt2 of torch.export."""

    def write(folder: Path) -> Written:
        made, accuracy, _ = net(folder)
        program = torch.export.export(made, (torch.zeros(7, 1, 8, 8),), dynamic_shapes=shapes)
        torch.export.save(program, folder / "exported.pt2")
        return Written(folder / "exported.pt2", accuracy)

    return write


def torchvision_resnet(folder: Path) -> Written:
    torch.manual_seed(0)
    made = torchvision.models.resnet18(num_classes=10)
    accuracy = with_head(made, made.fc, colours=True)
    torch.save(made.state_dict(), folder / "resnet18.pth")
    return Written(folder / "resnet18.pth", accuracy, Declared(module="torchvision.models:resnet18"), colours=True)


def two_heads(output: str | None) -> Callable[[Path], Written]:
    """A network that returns a dict."""

    def write(folder: Path) -> Written:
        made, accuracy, declared = net(folder, "TwoHeads")
        torch.save(made.state_dict(), folder / "two.pt")
        return Written(folder / "two.pt", accuracy if output else None, replace(declared, output=output))

    return write


def flat(layout: str | None) -> Callable[[Path], Written]:
    """A network that puts all values of coloured images in a row, channels first as they come."""

    def write(folder: Path) -> Written:
        file = user_file(folder, "net.py", NET)
        torch.manual_seed(0)
        made = frameworks.user_module(file).Rows()
        accuracy = with_head(made, made.head, colours=True)
        torch.save(made.state_dict(), folder / "rows.pt")
        declared = Declared(module=f"{file}:Rows", layout=layout)
        return Written(folder / "rows.pt", accuracy if layout else None, declared, colours=True)

    return write


class Elsewhere(nn.Module):
    """A network with the names of one of the suite's, which flattens channels first."""

    def __init__(self, name: str):
        super().__init__()
        self.ours = torch_models.MODELS[name]((8, 8, 3), 10)
        self.pools = getattr(self.ours, "pools", {})

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        for name, layer in self.ours.named_children():
            x = layer(x.flatten(1) if isinstance(layer, nn.Linear) else x)
            if name != "logits":
                x = x.relu()
            if self.pools.get(name):
                x = nn.functional.max_pool2d(x, self.pools[name], 2)
        return x


def channels_first(name: str, layout: str | None) -> Callable[[Path], Written]:
    """A bare state dict under the suite's own names, of a network that flattens as most PyTorch code does."""

    def write(folder: Path) -> Written:
        torch.manual_seed(0)
        made = Elsewhere(name)
        x_train, y_train, x_test, y_test = images(colours=True)
        train(made, nchw(x_train), y_train)
        with torch.no_grad():
            accuracy = score(made(nchw(x_test)), y_test)
        torch.save(made.ours.state_dict(), folder / f"nchw_{name}.pt")
        declared = Declared(model=name, layout=layout)
        return Written(folder / f"nchw_{name}.pt", accuracy if layout else None, declared, colours=True)

    return write


def train(made: nn.Module, x: torch.Tensor, labels: np.ndarray) -> None:
    """A few steps of Adam on all examples."""
    optimizer = torch.optim.Adam(made.parameters(), 3e-3)
    for _ in range(60):
        optimizer.zero_grad()
        nn.functional.cross_entropy(made(x), torch.from_numpy(labels)).backward()
        optimizer.step()
    made.eval()


# --- Keras 3 and Keras 2


def scaled(x: np.ndarray, shape: tuple[int | None, ...], scale: float = 255) -> np.ndarray:
    """Images as a Keras network takes them, channels first where its shape says so."""
    x = x.astype(np.float32) / scale
    return x.reshape(len(x), *(own or side for own, side in zip(shape, x.shape[1:], strict=False)))


def fitted(model: Any, library: Any, colours: bool = False, scale: float = 255) -> float:
    """Fit the layer "head" of a Keras network in closed form and give its test accuracy, by its own library."""
    x_train, y_train, x_test, y_test = images(colours)
    x_train, x_test = (scaled(x, model.inputs[0].shape[1:], scale) for x in (x_train, x_test))
    library.utils.set_random_seed(0)
    layer = model.get_layer("head")
    below = library.Model(model.inputs[0], layer.input)
    layer.set_weights(list(solved(np.asarray(below(x_train, training=False), np.float64), y_train)))
    outputs = model(x_test, training=False)
    return score(outputs[0] if isinstance(outputs, list) else outputs, y_test)


def keras_file(
    build: Callable[[Any], Any], name: str, library: Any = keras, save: Callable[[Any, Path], None] | None = None,
    colours: bool = False, refused: bool = False, preprocessing: str = "zero_one", declared: Declared = NOTHING,
) -> Callable[[Path], Written]:  # fmt: skip
    """Written by Keras: the network that `build` makes of a library's layers."""

    def write(folder: Path) -> Written:
        library.utils.set_random_seed(0)
        model = build(library.layers)
        accuracy = fitted(model, library, colours, 1 if preprocessing == "raw" else 255)
        (save or type(model).save)(model, folder / name)
        return Written(folder / name, None if refused else accuracy, declared, colours, preprocessing)

    return write


def functional(layers: Any, shape: tuple[int | None, ...] = (8, 8, 1)) -> Any:
    """A small convolutional network."""
    inputs = layers.Input(shape)
    x = layers.Conv2D(6, 3, activation="relu", padding="same")(inputs)
    x = layers.BatchNormalization()(x)
    x = layers.MaxPooling2D()(x) if None not in shape else layers.GlobalMaxPooling2D()(x)
    x = layers.Dense(64, activation="relu")(layers.Flatten()(x))
    return model_of(layers)(inputs, layers.Dense(10, name="head")(layers.Dropout(0.5)(x)))


def model_of(layers: Any) -> Any:
    """The class Model beside these layers."""
    return keras2.Model if "tf_keras" in layers.__name__ else keras.Model


def sequential(*shape: int, rows: bool = False) -> Callable[[Any], Any]:
    """A multilayer perceptron on inputs of a shape, or a recurrent network on their rows."""

    def build(layers: Any) -> Any:
        first = [layers.LSTM(32)] if rows else [layers.Flatten()] if len(shape) > 1 else []
        kind = keras2.Sequential if model_of(layers) is keras2.Model else keras.Sequential
        inputs = layers.Input(shape)
        return kind([inputs, *first, layers.Dense(64, "relu"), layers.Dense(10, name="head")])

    return build


def nested(layers: Any) -> Any:
    """A network within a network."""
    inputs, outer = layers.Input((8, 8, 1)), layers.Input((8, 8, 1))
    x = layers.Flatten()(layers.Conv2D(4, 3, activation="relu", name="conv")(inputs))
    backbone = model_of(layers)(inputs, x, name="backbone")
    return model_of(layers)(outer, layers.Dense(10, name="head")(backbone(outer)))


def two_outputs(layers: Any) -> Any:
    """A network that says the class first, and something else."""
    inputs = layers.Input((8, 8, 1))
    x = layers.Dense(64, activation="relu")(layers.Flatten()(inputs))
    return model_of(layers)(inputs, [layers.Dense(10, name="head")(x), layers.Dense(1, name="value")(x)])


def rescaling(layers: Any) -> Any:
    """A network that is given pixels from 0 to 255."""
    inputs = layers.Input((8, 8, 1))
    x = layers.Dense(64, activation="relu", name="dense")(layers.Flatten()(layers.Rescaling(1 / 255)(inputs)))
    return model_of(layers)(inputs, layers.Dense(10, name="head")(x))


def separable(layers: Any) -> Any:
    """Layers whose arguments changed from Keras 2 to 3."""
    inputs = layers.Input((8, 8, 1))
    x = layers.RandomTranslation(0.1, 0.1)(inputs)
    x = layers.DepthwiseConv2D(3, depth_multiplier=4, activation="relu")(x)
    x = layers.SeparableConv2D(8, 3, activation="relu")(x)
    x = layers.Conv2DTranspose(8, 2, activation="relu")(x)
    return model_of(layers)(inputs, layers.Dense(10, name="head")(layers.Flatten()(x)))


def functions(layers: Any) -> Any:
    """Functions of TensorFlow that stock layers express too."""
    inputs = layers.Input((8, 8, 1))
    x = tf.nn.relu(layers.Conv2D(16, 3, padding="same")((inputs - 0.5) / 0.25 * 2.0 + 1.0))
    y = tf.nn.sigmoid(layers.Conv2D(16, 3, padding="same")(x))
    x = tf.concat([tf.reshape(x * y + x, [-1, 1024]), tf.reduce_mean(x - y, [1, 2])], 1)
    return keras2.Model(inputs, layers.Dense(10, name="head")(x))


def sorting(layers: Any) -> Any:
    """A function of TensorFlow that none expresses."""
    inputs = layers.Input((8, 8, 1))
    return keras2.Model(inputs, layers.Dense(10, name="head")(tf.sort(layers.Flatten()(inputs))))


def half(layers: Any) -> Any:
    """A network that computes in half precision."""
    library = keras2 if model_of(layers) is keras2.Model else keras
    policy = library.mixed_precision if library is keras2 else library.config
    set_policy = policy.set_global_policy if library is keras2 else policy.set_dtype_policy
    set_policy("mixed_float16")
    try:
        inputs = layers.Input((8, 8, 1))
        x = layers.Dense(64, activation="relu")(layers.Flatten()(inputs))
        return library.Model(inputs, layers.Dense(10, dtype="float32", name="head")(x))
    finally:
        set_policy("float32")


def own_layer(imported: bool) -> Callable[[Path], Written]:
    """A network with a layer of the user's own."""

    def write(folder: Path) -> Written:
        file = user_file(folder, "layers.py", LAYERS)
        double = frameworks.user_module(file).Double

        def build(layers: Any) -> Any:
            inputs = layers.Input((8, 8, 1))
            return keras.Model(inputs, layers.Dense(10, name="head")(layers.Flatten()(double()(inputs))))

        declared = Declared(imports=(file,)) if imported else NOTHING
        return keras_file(build, "own.keras", refused=not imported, declared=declared)(folder)

    return write


def weights(flag: str, library: Any = keras, name: str = "model.weights.h5") -> Callable[[Path], Written]:
    """Weights alone, with the user's code, with an architecture in JSON, or with nothing."""

    def write(folder: Path) -> Written:
        file = user_file(folder, "layers.py", LAYERS)
        made = frameworks.user_module(file).build() if library is keras else functional(keras2.layers)
        accuracy = fitted(made, library)
        (folder / "model.json").write_text(made.to_json())
        made.save_weights(folder / name)
        module = {"code": f"{file}:build", "json": str(folder / "model.json"), "": None}[flag]
        return Written(folder / name, accuracy if flag else None, Declared(module=module))

    return write


def channels(layers: Any, order: str = "channels_last") -> Any:
    """A network with its channels last or first; its weights are the same."""
    first = {"data_format": order}
    inputs = layers.Input((8, 8, 3) if order == "channels_last" else (3, 8, 8))
    x = layers.Conv2D(24, 3, activation="relu", padding="same", **first)(inputs)
    x = layers.BatchNormalization(axis=-1 if order == "channels_last" else 1)(x)
    x = layers.SeparableConv2D(96, 3, activation="relu", **first)(layers.MaxPooling2D(**first)(x))
    x = layers.GlobalAveragePooling2D(**first)(layers.ZeroPadding2D(**first)(x))
    return model_of(layers)(inputs, layers.Dense(10, name="head")(x))


def channels_first_of(library: Any, name: str) -> Callable[[Path], Written]:
    """A network that TensorFlow cannot run on a CPU: its accuracy is that of the one with channels last."""

    def save(model: Any, path: Path) -> None:
        twin = channels(library.layers, "channels_first")
        twin.set_weights(model.get_weights())
        twin.save(path)

    return keras_file(channels, name, library, save, colours=True)


def hyphens(layers: Any) -> Any:
    """Names as Keras 3 gives them to layers of the same name, and as people write them."""
    inputs = layers.Input((8, 8, 1))
    x = layers.Dense(64, name="fc1")(layers.Flatten()(inputs))
    x = layers.ReLU(name="fc1-relu")(layers.BatchNormalization(name="fc1-bn")(x))
    return keras.Model(inputs, layers.Dense(10, name="head")(x))


def with_lambda(layers: Any) -> Any:
    inputs = layers.Input((8, 8, 1))
    x = layers.Lambda(lambda x: x + 1, output_shape=(8, 8, 1))(inputs)
    return keras.Model(inputs, layers.Dense(10, name="head")(layers.Flatten()(x)))


def before_2_2_3(model: Any, path: Path) -> None:
    """A sequential network as Keras wrote it before 2.2.3: its config is a list."""
    model.save(path)
    with h5py.File(path, "a") as file:
        config = json.loads(file.attrs["model_config"])
        layers = config["config"]["layers"]
        layers[1]["config"]["batch_input_shape"] = layers[0]["config"]["batch_input_shape"]
        plain = [{"class_name": layer["class_name"], "config": layer["config"]} for layer in layers[1:]]
        file.attrs["model_config"] = json.dumps({"class_name": "Sequential", "config": plain})
        file.attrs["keras_version"] = "2.1.6"


class OwnModel(keras.Model):
    """A subclass of Model."""

    def __init__(self, **options: Any):
        super().__init__(**options)
        self.flatten, self.head = keras.layers.Flatten(), keras.layers.Dense(10)

    def call(self, x: Any) -> Any:
        return self.head(self.flatten(x))


def subclassed(folder: Path) -> Written:
    made = OwnModel()
    made(np.zeros((1, 8, 8, 1)))
    made.save(folder / "own.keras")
    return Written(folder / "own.keras", None)


CASES: dict[str, Callable[[Path], Written]] = {
    "PyTorch: state dict, .pt": torch_file(lambda made: made.state_dict(), "model.pt"),
    "PyTorch: state dict, .pth": torch_file(lambda made: made.state_dict(), "model.pth"),
    "PyTorch: DataParallel's `module.`": torch_file(lambda made: nn.DataParallel(made).state_dict(), "parallel.pt"),
    "PyTorch: torch.compile's `_orig_mod.`": torch_file(lambda made: torch.compile(made).state_dict(), "compiled.pt"),
    "PyTorch: training checkpoint with optimizer, numpy scalar, Namespace": torch_file(checkpoint, "epoch3.pt"),
    "PyTorch: Lightning's .ckpt with a loss that has weights": torch_file(lightning, "last.ckpt"),
    "PyTorch: half precision": torch_file(lambda made: copy.deepcopy(made).half().state_dict(), "half.pt"),
    "PyTorch: file of before 1.6": torch_file(
        lambda made: {"net": made.state_dict()}, "old.pth", _use_new_zipfile_serialization=False
    ),
    "PyTorch: whole module, with --module": torch_file(lambda made: made, "whole.pt"),
    "PyTorch: safetensors": safetensors,
    "PyTorch: TorchScript, traced": script(lambda made: torch.jit.trace(made, torch.zeros(2, 1, 8, 8))),
    "PyTorch: TorchScript, scripted": script(torch.jit.script),
    "PyTorch: torch.export, batches of one size": exported(None),
    "PyTorch: torch.export, batches of any size": exported(({0: torch.export.Dim("n", min=1)},)),
    "PyTorch: torchvision's ResNet-18": torchvision_resnet,
    "PyTorch: several outputs, --output": two_heads("classes"),
    "PyTorch: colours in a row, --layout nchw": flat("nchw"),
    "PyTorch: the suite's names, MLP flattened channels first, --layout nchw": channels_first("mlp3", "nchw"),
    "PyTorch: the suite's names, CNN flattened channels first, --layout nchw": channels_first("cnn", "nchw"),
    "PyTorch: the same MLP without --layout": channels_first("mlp3", None),
    "PyTorch: colours in a row without --layout": flat(None),
    "PyTorch: several outputs without --output": two_heads(None),
    "PyTorch: state dict without --module": undeclared(torch_file(lambda made: made.state_dict(), "model.pt")),
    "PyTorch: whole module without --module": undeclared(torch_file(lambda made: made, "whole.pt")),
    "PyTorch: checkpoint without --module": undeclared(torch_file(checkpoint, "epoch3.pt")),
    "PyTorch: pickle with code": with_code,
    "PyTorch: TorchScript that writes a file": script_with_file,
    "Keras 3: functional, .keras": keras_file(functional, "model.keras"),
    "Keras 3: functional, .h5": keras_file(functional, "model.h5"),
    "Keras 3: sequential, .keras": keras_file(sequential(8, 8, 1), "model.keras"),
    "Keras 3: nested, .keras": keras_file(nested, "model.keras"),
    "Keras 3: nested, .h5": keras_file(nested, "model.h5"),
    "Keras 3: channels first": channels_first_of(keras, "model.keras"),
    "Keras 3: sides of any length": keras_file(lambda layers: functional(layers, (None, None, 1)), "model.keras"),
    "Keras 3: inputs (64,)": keras_file(sequential(64), "model.keras"),
    "Keras 3: inputs (8, 8)": keras_file(sequential(8, 8), "model.keras"),
    "Keras 3: inputs (1, 8, 8)": keras_file(sequential(1, 8, 8), "model.h5"),
    "Keras 3: several outputs, --output": keras_file(two_outputs, "model.keras", declared=Declared(output="head")),
    "Keras 3: own Rescaling, raw pixels": keras_file(rescaling, "model.keras", preprocessing="raw"),
    "Keras 3: half precision": keras_file(half, "model.keras"),
    "Keras 3: hyphens in names": keras_file(hyphens, "model.keras"),
    "Keras 3: own layer, --import": own_layer(True),
    "Keras 3: weights alone, --module layers.py:build": weights("code"),
    "Keras 3: weights alone, --module model.json": weights("json"),
    "Keras 3: several outputs without --output": keras_file(two_outputs, "model.keras", refused=True),
    "Keras 3: weights alone without --module": weights(""),
    "Keras 3: own layer without --import": own_layer(False),
    "Keras 3: Lambda": keras_file(with_lambda, "model.keras", refused=True),
    "Keras 3: subclass of Model": subclassed,
    "Keras 2: functional, .h5": keras_file(functional, "model.h5", keras2),
    "Keras 2: sequential, inputs (8, 8)": keras_file(sequential(8, 8), "model.h5", keras2),
    "Keras 2: recurrent, on rows": keras_file(sequential(8, 8, rows=True), "model.h5", keras2),
    "Keras 2: sequential of before 2.2.3": keras_file(sequential(8, 8), "model.h5", keras2, before_2_2_3),
    "Keras 2: depthwise, separable, transposed": keras_file(separable, "model.h5", keras2),
    "Keras 2: nested": keras_file(nested, "model.h5", keras2),
    "Keras 2: half precision": keras_file(half, "model.h5", keras2),
    "Keras 2: functions of TensorFlow": keras_file(functions, "model.h5", keras2),
    "Keras 2: channels first": channels_first_of(keras2, "model.h5"),
    "Keras 2: own Rescaling, raw pixels": keras_file(rescaling, "model.h5", keras2, preprocessing="raw"),
    "Keras 2: .keras": keras_file(functional, "model.keras", keras2),
    "Keras 2: weights alone, --module model.json": weights("json", keras2, "model.h5"),
    "Keras 2: a function that no stock layer expresses": keras_file(sorting, "model.h5", keras2, refused=True),
}


class Outcome(NamedTuple):
    """What became of a file: the accuracy that was found, or the line that refused it."""

    accuracy: float | None
    line: str


def read(written: Written, data: str) -> Outcome:
    """Open a file as `decode_layers.py` does, and score its network on the test images."""
    given = {"dataset": data if written.colours else "digits", "preprocessing": written.preprocessing}
    try:
        model, config, task = opened(written.path, given, Options(), written.declared)
        outputs = model.logits(model.prepare(task.test.inputs, config))
    except ValueError as error:
        return Outcome(None, str(error))
    return Outcome(score(outputs, task.test.labels), f"{len(model.layers)} layers")


def tinted(folder: Path) -> str:
    """The path of a data set in colours."""
    x_train, y_train, x_test, y_test = images(colours=True)
    np.savez(folder / "tinted.npz", x_train=x_train, y_train=y_train, x_test=x_test, y_test=y_test)
    return str(folder / "tinted.npz")


OLDER = """
import dataclasses, json, sys
from pathlib import Path
import numpy as np
from common import frameworks
frameworks.torch_first("keras")
from common.analysis.readout import decode
from common.data.datasets import DATASETS
from common.runs.config import Options
arrays = dict(np.load(sys.argv[1]))
known = [arrays[name] for name in ("x_train", "y_train", "x_test", "y_test")]
DATASETS[sys.argv[1]] = dataclasses.replace(DATASETS["digits"], shape=known[0].shape, read=lambda *place: known)
for line in sys.stdin:
    path, given = json.loads(line)
    try:
        own = [line for line in decode(Path(path), given, Options(), probes={}) if line["scored_on"] == "test"][0]
        found = own["correct"] / own["n"], ""
    except (ValueError, OSError) as error:
        found = None, str(error)
    except Exception as error:
        found = None, "ended in a traceback: " + type(error).__name__
    print(json.dumps(found), flush=True)
"""
"""What an older version of the suite makes of files, by lines on stdin and stdout: one that decoded its own alone."""


def before(checkout: Path, files: Sequence[Written], data: str) -> list[Outcome]:
    """What the suite of an older checkout made of these files."""
    lines = []
    for written in files:
        named = {"model": written.declared.model} if written.declared.model else {}
        given = {"dataset": data if written.colours else "digits", "preprocessing": written.preprocessing, **named}
        lines.append(json.dumps([str(written.path), given]) + "\n")
    done = subprocess.run(
        [sys.executable, "-c", OLDER, data], input="".join(lines), capture_output=True, text=True, check=True,
        cwd=checkout, env=os.environ | {"PYTHONPATH": str(checkout)},
    )  # fmt: skip
    return [Outcome(*json.loads(line)) for line in done.stdout.splitlines()]


def cell(outcome: Outcome, folder: str) -> str:
    """An accuracy in percent, or why there is none."""
    if outcome.accuracy is not None:
        return f"{100 * outcome.accuracy:.2f}"
    reason = " ".join(outcome.line.split("Received: ", 1)[-1].split()).replace(folder, "").replace("|", "\\|")
    return "refused: " + textwrap.shorten(re.sub(r"/\d+/", "", reason), 160)


def main() -> None:
    """Print what becomes of each file, as docs/foreign_files.md holds it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--before", type=Path, help="checkout of an older version, for a column of its own")
    checkout = parser.parse_args().before
    warnings.simplefilter("ignore")
    with tempfile.TemporaryDirectory() as name:
        data, files = tinted(Path(name)), []
        for place, write in enumerate(CASES.values()):
            (Path(name) / str(place)).mkdir()
            files.append(write(Path(name) / str(place)))
        found = {"here, %": [read(written, data) for written in files]}
        if checkout:
            found["before, %"] = before(checkout, files, data)
        print(f"| file | its own library, % | {' | '.join(found)} |\n|:--|--:|{':--|' * len(found)}")
        for kind, written, *outcomes in zip(CASES, files, *found.values(), strict=True):
            own = "" if written.accuracy is None else f"{100 * written.accuracy:.2f}"
            print(f"| {kind} | {own} | {' | '.join(cell(outcome, name) for outcome in outcomes)} |")


if __name__ == "__main__":
    main()
