"""Keras on its torch backend, and both frameworks in one process: each in a child process with its own imports."""

import subprocess
import sys

import numpy as np
import pytest
from keras_on_torch import ON_TORCH

import torch_models
from common.analysis import evaluator
from common.data.epochs import EpochPlan, draw
from common.data.inputs import ImageInputs
from common.data.preprocessing import rotate
from common.runs import initial_weights
from common.runs.config import ADAM, Config, as_dict
from keras_models.trainer import Trainer
from torch_models import files
from torch_models.convert import from_canonical

pytestmark = pytest.mark.slow

SHAPE = (8, 8, 1)
RATES = (0.01, 0.001)

TORCH_BACKEND = """
import sys
from pathlib import Path

import numpy as np

from common.analysis import evaluator
from common.data.epochs import EpochPlan
from common.runs.config import ADAM
from common.data.inputs import ImageInputs
from keras_models.files import named_variables, to_array
from keras_models.trainer import Trainer

ADAM["epsilon"] = 1e-3

folder = Path(sys.argv[1])
arrays = dict(np.load(folder / "arrays.npz"))
model = evaluator.load(folder / "model.h5")
for layer in model.layers:
    difference = np.abs(model.features(arrays["x"], layer) - arrays[f"features/{layer}"]).max()
    print("layer", layer, difference / np.abs(arrays[f"features/{layer}"]).max())

weights = {name: to_array(variable) for name, variable in named_variables(model._reader.model)}
for optimizer in ("sgd", "adam"):
    config = model.config.__class__(**{**vars(model.config), "optimizer": optimizer})
    trainer, resumed = (Trainer(config, ImageInputs((8, 8, 1), config), 10, device="cpu") for _ in range(2))
    for each in (trainer, resumed):
        each.put(arrays["images"], arrays["labels"])
    trainer.set_weights(weights)
    for rate, order in zip((0.01, 0.001), arrays["orders"]):
        snapshot = trainer.get_weights(), trainer.get_optimizer_state()
        kept = [array.copy() for arrays_ in snapshot for array in arrays_.values()]
        trainer.train_epoch(EpochPlan(order), rate)
    for array, copy in zip([array for arrays_ in snapshot for array in arrays_.values()], kept, strict=True):
        np.testing.assert_array_equal(array, copy)
    resumed.set_weights(snapshot[0])
    resumed.set_optimizer_state(snapshot[1])
    resumed.train_epoch(EpochPlan(order), rate)
    for name, array in trainer.get_weights().items():
        np.testing.assert_array_equal(resumed.get_weights()[name], array)
        expected = arrays[f"{optimizer}/{name}"]
        print("weights", name, np.abs(array - expected).max() / np.abs(expected).max())
    assert not np.array_equal(array, weights[name])
print("backend", trainer.description["keras_backend"], trainer.description["device"])
trainer.save(folder / "returned.h5", {})
"""

AUGMENTED_ON_TORCH = """
import sys
from pathlib import Path

import numpy as np
import torch

from common.data.epochs import draw
from common.data.inputs import ImageInputs
from common.runs.config import Config
from keras_models.files import to_array
from keras_models.inputs import rotate
from keras_models.trainer import Trainer

folder = Path(sys.argv[1])
arrays = dict(np.load(folder / "arrays.npz"))
turned = to_array(rotate(torch.from_numpy(arrays["images"]), torch.from_numpy(arrays["angles"])))
print("rotate", np.abs(turned - arrays["turned"]).max())

fields = {"model": "mlp3", "batch_size": 32, "crop": 6, "random_crop": True, "flip": True, "rotation": 25.0}
initial = {name.removeprefix("initial/"): array for name, array in arrays.items() if name.startswith("initial/")}


def trained(dropout, epochs=(0, 1)):
    config = Config(**fields, dropout=dropout)
    kind = ImageInputs((8, 8, 1), config)
    trainer = Trainer(config, kind, 10, device="cpu")
    trainer.put(arrays["images"], arrays["labels"])
    trainer.set_weights(initial)
    online = [trainer.train_epoch(draw(kind, 0, epoch, 40), 0.01) for epoch in epochs]
    return trainer.get_weights(), [value for both in online for value in both]


weights, online = trained(0.0)
for name, array in weights.items():
    expected = arrays[f"weights/{name}"]
    print("weights", np.abs(array - expected).max() / np.abs(expected).max())
print("online", *online)
first, second, other = trained(0.5)[0], trained(0.5)[0], trained(0.5, (0, 2))[0]
same = [np.array_equal(first["fc1/kernel"], each["fc1/kernel"]) for each in (second, other, weights)]
print("dropout", *same)
"""

BOTH_FRAMEWORKS = """
import sys
from pathlib import Path

import numpy as np

from common.analysis import evaluator

folder = Path(sys.argv[1])
x = np.load(folder / "x.npy")
logits = [evaluator.load(folder / name).logits(x) for name in ("model.h5", "model.pt")]
order = [name for name in sys.modules if name in ("torch", "triton", "tensorflow")]
assert order[0] == "torch" and order[-1] == "tensorflow", order

import torch

parameter = torch.nn.Parameter(torch.ones(2))
optimizer = torch.optim.SGD([parameter], 0.1)
parameter.sum().backward()
optimizer.step()
import torchvision

print("frameworks", parameter.detach().numpy().max(), np.abs(logits[0] - logits[1]).max())
"""


def keras_trainer(images, labels, **fields):
    config = Config(model="mlp1", framework="keras", batch_size=32, weight_decay=0.01, **fields)
    trainer = Trainer(config, ImageInputs(SHAPE, config), 10, device="cpu")
    shapes = {name: array.shape for name, array in trainer.get_weights().items()}
    trainer.set_weights(initial_weights.draw(shapes, "glorot_uniform", 0))
    trainer.put(images, labels)
    return trainer


@ON_TORCH
def test_a_file_saved_under_tensorflow_opens_without_it_under_torch_and_trains_on_alike(
    on_torch, tmp_path, monkeypatch
):
    monkeypatch.setitem(ADAM, "epsilon", 1e-3)  # gradients near 0 would make a sign of their rounding
    generator = np.random.default_rng(0)
    images, labels = generator.integers(0, 256, (64, *SHAPE), np.uint8), generator.integers(0, 10, 64)
    orders = [generator.permutation(64) for _ in RATES]
    arrays = {"images": images, "labels": labels, "orders": np.array(orders)}
    for optimizer in ("sgd", "adam"):
        trainer = keras_trainer(images, labels, optimizer=optimizer)
        if optimizer == "sgd":
            trainer.save(tmp_path / "model.h5", {"config": as_dict(trainer.config)})
            arrays["x"] = np.asarray(trainer.prepare(images))
            arrays |= {f"features/{layer}": trainer.features(images, layer) for layer in trainer.reader.layers}
        for rate, order in zip(RATES, orders, strict=True):
            trainer.train_epoch(EpochPlan(order), rate)
        arrays |= {f"{optimizer}/{name}": array for name, array in trainer.get_weights().items()}
    np.savez(tmp_path / "arrays.npz", **arrays)

    lines = on_torch(TORCH_BACKEND, tmp_path)
    assert lines.pop() == ["backend", "torch", "cpu"]
    layers = {name: float(difference) for kind, name, difference in lines if kind == "layer"}
    weights = [float(difference) for kind, _, difference in lines if kind == "weights"]
    assert list(layers) == ["input", "fc1", "logits"] and len(weights) == 8
    assert max(layers.values()) < 1e-5
    assert max(weights) < 1e-4
    returned = evaluator.load(tmp_path / "returned.h5")
    np.testing.assert_allclose(returned.logits(arrays["x"]), trainer.logits(images), rtol=0, atol=1e-4)


@ON_TORCH
def test_examples_are_turned_and_units_dropped_under_torch_as_under_tensorflow(on_torch, tmp_path):
    generator = np.random.default_rng(0)
    images, labels = generator.integers(0, 256, (40, *SHAPE), np.uint8), generator.integers(0, 10, 40)
    angles = generator.uniform(-180, 180, 40).astype(np.float32)
    fields = {"model": "mlp3", "batch_size": 32, "crop": 6, "random_crop": True, "flip": True, "rotation": 25.0}
    config = Config(**fields)
    kind = ImageInputs(SHAPE, config)
    trainer = Trainer(config, kind, 10, device="cpu")
    shapes = {name: array.shape for name, array in trainer.get_weights().items()}
    initial = initial_weights.draw(shapes, "glorot_uniform", 0)
    trainer.set_weights(initial)
    trainer.put(images, labels)
    found = [trainer.train_epoch(draw(kind, 0, epoch, 40), 0.01) for epoch in (0, 1)]
    expected = [value for both in found for value in both]
    arrays = {"images": images, "labels": labels, "angles": angles, "turned": rotate(images, angles)}
    arrays |= {f"initial/{name}": array for name, array in initial.items()}
    arrays |= {f"weights/{name}": array for name, array in trainer.get_weights().items()}
    np.savez(tmp_path / "arrays.npz", **arrays)

    turned, *weights, online, dropout = on_torch(AUGMENTED_ON_TORCH, tmp_path)
    assert turned[0] == "rotate" and float(turned[1]) < 0.01  # of 255
    assert len(weights) == 8 and max(float(difference) for _, difference in weights) < 1e-3
    assert [float(value) for value in online[1:]] == pytest.approx(expected, rel=1e-5)
    assert dropout == ["dropout", "True", "False", "False"]


def test_a_keras_and_then_a_torch_file_open_in_one_process_and_torch_still_works_there(tmp_path):
    trainer = keras_trainer(np.zeros((1, *SHAPE), np.uint8), np.zeros(1, np.int64))
    model = torch_models.MODELS["mlp1"](SHAPE, 10)
    model.load_state_dict(from_canonical(trainer.get_weights(), model))
    metadata = {"config": as_dict(trainer.config), "input_shape": SHAPE, "num_classes": 10}
    trainer.save(tmp_path / "model.h5", metadata)
    files.save(model, tmp_path / "model.pt", metadata)
    np.save(tmp_path / "x.npy", np.random.default_rng(0).standard_normal((5, *SHAPE)).astype(np.float32))
    command = [sys.executable, "-c", BOTH_FRAMEWORKS, str(tmp_path)]
    child = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert (child.returncode, child.stderr) == (0, "")
    [(name, parameter, difference)] = [line.split() for line in child.stdout.splitlines()]
    assert (name, parameter) == ("frameworks", "0.9") and float(difference) < 1e-5
