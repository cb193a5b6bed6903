"""The two frameworks agree: same weights give the same layers, same batches give the same weights.

Differences are the largest absolute one over the largest absolute value. Training is compared on a network of few
units: once in about 10^7 times rounding decides whether a ReLU is on, and from there on two runs part for good.
"""

import inspect
from functools import partial

import keras
import numpy as np
import pytest

import keras_models
import torch_models
from common import frameworks
from common.data.epochs import EpochPlan, draw
from common.data.inputs import ImageInputs
from common.runs import initial_weights
from common.runs.config import ADAM, Config
from common.runs.task import Examples, Task
from common.runs.trainers import make_trainer
from keras_models.mlp import mlp
from keras_models.trainer import Trainer as KerasTrainer
from torch_models.mlp import MLP

pytestmark = pytest.mark.slow

BATCH, STEPS, SIDE = 128, 20, 8
TOLERANCE = 1e-4
RATES = {"sgd": 0.01, "adam": 0.001}


@pytest.fixture(autouse=True)
def few_units(monkeypatch):
    """A model of two layers of 8 units in both registries."""
    monkeypatch.setitem(keras_models.MODELS, "few_units", partial(mlp, widths=(8, 8)))
    monkeypatch.setitem(torch_models.MODELS, "few_units", partial(MLP, widths=(8, 8)))


def random_task(n, config):
    generator = np.random.default_rng(0)
    labels = generator.integers(0, 10, n)
    images = generator.integers(0, 256, (n, SIDE, SIDE, 3), np.uint8)
    examples = Examples(images, labels, labels, np.zeros(n, bool), np.arange(n))
    return Task(examples, examples.take(np.arange(0)), examples, 10, "", ImageInputs((SIDE, SIDE, 3), config))


def plans(parts, kind):
    """20 steps in so many parts, each of which goes once over its share of the examples."""
    whole = draw(kind, 0, 0, STEPS * BATCH)
    for places in np.split(np.arange(STEPS * BATCH), parts):
        yield EpochPlan(whole.order[places], {name: array[places] for name, array in whole.drawn.items()})


def trained(framework, parts, **fields):
    """Weights after 20 steps; the learning rate falls to a tenth from one part to the next."""
    config = Config(**{"model": "few_units", "framework": framework, "batch_size": BATCH, **fields})
    task = random_task(STEPS * BATCH, config)
    trainer = make_trainer(config, task, "cpu")
    for number, plan in enumerate(plans(parts, task.kind)):
        trainer.train_epoch(plan, RATES[config.optimizer] * 0.1**number)
    return trainer.get_weights()


def differences(arrays, expected):
    """One for each array, relative to the largest value that is expected there."""
    assert list(arrays) == list(expected)
    return [np.abs(arrays[name] - array).max() / np.abs(array).max() for name, array in expected.items()]


IMAGE_MODELS = [name for name, build in keras_models.MODELS.items() if "ids" not in inspect.signature(build).parameters]


@pytest.mark.parametrize("initializer", ["glorot_uniform", "he_normal", "torch"])
@pytest.mark.parametrize("name", IMAGE_MODELS)
def test_the_same_weights_give_the_same_layers(name, initializer):
    layers, weights = {}, {}
    for framework in ("keras", "torch"):
        config = Config(model=name, framework=framework, initializer=initializer)
        task = random_task(16, config)
        trainer = make_trainer(config, task, "cpu")
        names = trainer.reader.layers
        layers[framework] = {layer: trainer.features(task.train.inputs, layer) for layer in names}
        weights[framework] = trainer.get_weights()
    for layer, array in weights["keras"].items():
        np.testing.assert_array_equal(array, weights["torch"][layer])
    assert max(differences(layers["keras"], layers["torch"])) < 1e-5


@pytest.mark.parametrize("parts", [1, 2])
@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"weight_decay": 1e-3},
        {"weight_decay": 0.5},
        {"momentum": 0.0},
        {"crop": 6, "random_crop": True, "flip": True, "weight_decay": 1e-3},
        {"crop": 5, "preprocessing": "per_channel", "flip": True},
        {"preprocessing": "minus_one_one"},
        {"preprocessing": "zero_one"},
        {"optimizer": "adam"},
        {"optimizer": "adam", "weight_decay": 1e-3},
    ],
    ids=str,
)
def test_the_same_batches_give_the_same_weights_before_and_after_the_learning_rate_changes(fields, parts):
    weights = {framework: trained(framework, parts, **fields) for framework in ("keras", "torch")}
    assert max(differences(weights["keras"], weights["torch"])) < TOLERANCE
    shapes = {name: array.shape for name, array in weights["torch"].items()}
    assert min(differences(initial_weights.draw(shapes, "glorot_uniform", 0), weights["torch"])) > 10 * TOLERANCE


@pytest.mark.parametrize("fields", [{"weight_decay": 0.5}, {"momentum": 0.0}, {"optimizer": "adam"}, {"flip": True}])
def test_every_setting_that_is_compared_matters(fields):
    assert max(differences(trained("torch", 2, **fields), trained("torch", 2))) > 10 * TOLERANCE


def test_without_rescaled_momentum_the_frameworks_part_when_the_learning_rate_changes(monkeypatch):
    def assign_alone(self, learning_rate):
        self.step.optimizer.learning_rate.assign(learning_rate)

    monkeypatch.setattr(KerasTrainer, "_set_learning_rate", assign_alone)
    assert max(differences(trained("keras", 1), trained("torch", 1))) < TOLERANCE
    assert max(differences(trained("keras", 2), trained("torch", 2))) > 10 * TOLERANCE


def test_epsilon_means_the_same_in_adam_and_keras_own_rule_would_not_do(monkeypatch):
    monkeypatch.setitem(ADAM, "epsilon", 1e-3)  # of the size of the gradients
    twin = trained("torch", 2, optimizer="adam")
    assert max(differences(trained("keras", 2, optimizer="adam"), twin)) < TOLERANCE
    module = frameworks.module("keras", "trainer")
    monkeypatch.setattr(module, "make_optimizer", lambda config: keras.optimizers.Adam(config.learning_rate, **ADAM))
    assert max(differences(trained("keras", 2, optimizer="adam"), twin)) > 10 * TOLERANCE
