"""One battery for every model of both registries, and what the two sides of the house may name and import."""

import ast
import dataclasses
import importlib
import re
import warnings
from pathlib import Path

import numpy as np
import pytest
import torch
from keras.ops import convert_to_numpy

import keras_models
import torch_models
from common.data.epochs import draw
from common.runs.config import Config
from common.runs.task import prepare
from common.runs.training import cross_entropy, make_trainer
from keras_models.trainer import named_variables
from torch_models.convert import to_canonical

ROOT = Path(__file__).parents[1]
REGISTRIES = {"keras": keras_models.MODELS, "torch": torch_models.MODELS}
LAYERS = {  # width of every layer between the input and the logits
    "mlp1": {"fc1": 512},
    "mlp3": {"fc1": 512, "fc2": 512, "fc3": 512},
    "mlp4": {"fc1": 128, "fc2": 512, "fc3": 2048, "fc4": 2048},
}
PARAMETERS = {  # on 28x28x3 with 10 classes
    "mlp1": 1_209_866,
    "mlp3": 1_735_178,
    "mlp4": (28 * 28 * 3 + 1) * 128 + (128 + 1) * 512 + (512 + 1) * 2048 + (2048 + 1) * 2048 + (2048 + 1) * 10,
}
every_model = pytest.mark.parametrize("name", LAYERS)
both = pytest.mark.parametrize("framework", REGISTRIES)


def read(framework, name, input_shape, num_classes):
    """A Reader of the untrained model."""
    files = importlib.import_module(f"{framework}_models.files")
    return files.Reader(REGISTRIES[framework][name](input_shape, num_classes), input_shape)


def weights_of(framework, model):
    if framework == "torch":
        return to_canonical(model.state_dict())
    return {name: convert_to_numpy(variable) for name, variable in named_variables(model)}


def test_both_registries_hold_the_models_of_this_battery():
    assert set(keras_models.MODELS) == set(torch_models.MODELS) == set(LAYERS) == set(PARAMETERS)


@both
@every_model
def test_layers_have_the_names_and_shapes_of_the_battery_after_their_activation(framework, name):
    reader = read(framework, name, (6, 5, 3), 4)
    x = np.random.default_rng(0).standard_normal((2, 6, 5, 3)).astype(np.float32)
    assert reader.layers == ("input", *LAYERS[name], "logits")
    with warnings.catch_warnings(action="error"):
        outputs = {layer: reader.features(x, layer) for layer in reader.layers}
    assert {layer: output.shape[1] for layer, output in outputs.items()} == {"input": 90, **LAYERS[name], "logits": 4}
    assert all(output.dtype == np.float32 and len(output) == 2 for output in outputs.values())
    np.testing.assert_array_equal(outputs["input"], x.reshape(2, 90))
    assert outputs["logits"].min() < 0
    for layer in LAYERS[name]:
        assert outputs[layer].min() == 0 < outputs[layer].max()


@both
@every_model
def test_parameters_are_counted_exactly(framework, name):
    trainer = importlib.import_module(f"{framework}_models.trainer").Trainer(Config(model=name), (32, 32, 3), 10)
    assert trainer.parameters == PARAMETERS[name] == sum(array.size for array in trainer.get_weights().values())


@both
@every_model
def test_a_model_learns_digits_is_saved_loads_with_the_same_outputs_and_trains_on(framework, name, tmp_path):
    config = Config(model=name, framework=framework, dataset="digits", train_size=300, batch_size=32)
    task = prepare(config)
    trainer = make_trainer(config, task, "cpu")
    losses = [cross_entropy(trainer.logits(task.train.images), task.train.labels)]

    def train(trainer, epochs):
        for epoch in epochs:
            trainer.train_epoch(draw(0, epoch, 300, (8, 8, 1), 8, False, False), 0.01)
        losses.append(cross_entropy(trainer.logits(task.train.images), task.train.labels))

    train(trainer, range(3))
    suffix = {"keras": ".h5", "torch": ".pt"}[framework]
    trainer.save(tmp_path / f"model{suffix}", {"config": dataclasses.asdict(config)})
    loaded = importlib.import_module(f"{framework}_models.files").load(tmp_path / f"model{suffix}")
    x = np.asarray(trainer.prepare(trainer.images), np.float32)
    assert loaded.layers == trainer.reader.layers and loaded.input_shape == (8, 8, 1)
    np.testing.assert_array_equal(loaded.features(x, "logits"), trainer.logits(task.train.images))

    again = make_trainer(dataclasses.replace(config, seed=1), task, "cpu")
    again.set_weights(weights_of(framework, loaded.model))
    np.testing.assert_array_equal(again.logits(task.train.images), trainer.logits(task.train.images))
    train(again, range(3, 5))
    assert losses[1] < 0.8 * losses[0] and losses[2] < 0.9 * losses[1]


@every_model
def test_taps_return_the_named_layers_beside_the_logits(name):
    model = torch_models.MODELS[name]((6, 5, 3), 4)
    x = torch.randn(2, 6, 5, 3)
    logits, taps = model(x, ("input", "fc1", "logits"))
    assert list(taps) == ["input", "fc1", "logits"]
    assert taps["input"] is x and taps["fc1"].shape == (2, LAYERS[name]["fc1"])
    torch.testing.assert_close(model(x), logits, rtol=0, atol=0)
    torch.testing.assert_close(taps["logits"], logits, rtol=0, atol=0)


def model_files():
    """Names of the files that define models, on either side."""
    names = {path.name for side in ("keras_models", "torch_models") for path in (ROOT / side).glob("*.py")}
    return sorted(names - {"__init__.py", "files.py", "trainer.py", "convert.py", "quiet_import.py"})


@pytest.mark.parametrize("file", model_files())
def test_model_files_define_the_same_names_in_the_same_order_on_both_sides(file):
    sides = [ROOT / side / file for side in ("keras_models", "torch_models")]
    names = [
        [node.name.lower() for node in ast.parse(side.read_text()).body if hasattr(node, "name")]
        for side in sides
        if side.exists()
    ]
    assert names[0] == names[-1] != []


@pytest.mark.parametrize("path", sorted((ROOT / "keras_models").glob("*.py")), ids=lambda path: path.name)
def test_the_keras_side_names_no_backend_of_its_own(path):
    assert re.findall(r"\btensorflow\b|\btf\.", path.read_text()) == []


@pytest.mark.parametrize("path", sorted((ROOT / "common").rglob("*.py")), ids=lambda path: str(path.relative_to(ROOT)))
def test_no_module_of_common_imports_a_framework_when_it_is_imported(path):
    frameworks = {"torch", "torchvision", "keras", "tensorflow", "keras_models", "torch_models"}
    assert frameworks.isdisjoint(name.split(".")[0] for name in imports(ast.parse(path.read_text())))


def imports(tree):
    """Names of the modules that the code imports outside functions."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module
        elif not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            yield from imports(node)
