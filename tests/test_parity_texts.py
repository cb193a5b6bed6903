"""The two frameworks agree on networks that read: the same layers, the same weights after 20 steps, the same changes.

Every text holds each word several times, and the vocabulary is small: gradients of an embedding add up many rows.
"""

import dataclasses

import keras
import numpy as np
import pytest
import torch

import keras_models.inputs
import torch_models.inputs
from common.data.epochs import draw
from common.data.inputs import TokenInputs
from common.runs.config import Config
from common.runs.task import Examples, Task
from common.runs.trainers import make_trainer

pytestmark = pytest.mark.slow

MODELS = ("lstm", "bilstm", "bow", "text_cnn")
BATCH, STEPS, WORDS = 32, 20, 30
CONFIG = Config(
    dataset="phrases", vocabulary=WORDS, length=9, width=8, embedding_width=6, batch_size=BATCH, schedule="constant",
)  # fmt: skip
SGD, ADAMS = {"optimizer": "sgd", "weight_decay": 1e-3}, {"optimizer": "adam"}
RATES = {"sgd": 0.1, "adam": 0.001}


def settings(model, **changes):
    return dataclasses.replace(CONFIG, model=model, width=None if model == "bow" else 8, **changes)


def random_task(config, tokens=9):
    """Texts of 3 to `tokens` words that hold each of these several times."""
    generator = np.random.default_rng(0)
    n = STEPS * BATCH
    texts = generator.integers(1, WORDS + 2, (n, 3))[np.arange(n)[:, None], generator.integers(0, 3, (n, tokens))]
    texts = np.where(np.arange(tokens) < generator.integers(0, tokens - 2, n)[:, None], 0, texts).astype(np.int32)
    labels = generator.integers(0, 4, n)
    examples = Examples(texts, labels, labels, np.zeros(n, bool), np.arange(n))
    return Task(examples, examples.take(np.arange(0)), examples, 4, "", TokenInputs((tokens,), config))


def trained(framework, config, tokens=9):
    """Weights after 20 steps."""
    config = dataclasses.replace(config, framework=framework)
    task = random_task(config, tokens)
    trainer = make_trainer(config, task, "cpu")
    trainer.train_epoch(draw(task.kind, 0, 0, len(task.train)), RATES[config.optimizer])
    return trainer.get_weights()


def difference(arrays, expected):
    """The largest, relative to the largest value of an array that is expected there."""
    assert list(arrays) == list(expected)
    return max(np.abs(arrays[name] - array).max() / (np.abs(array).max() or 1) for name, array in expected.items())


@pytest.mark.parametrize("initializer", ["glorot_uniform", "torch"])
@pytest.mark.parametrize("name", MODELS)
def test_the_same_weights_give_the_same_layers(name, initializer):
    layers, weights = {}, {}
    for framework in ("keras", "torch"):
        config = settings(name, framework=framework, initializer=initializer)
        task = random_task(config)
        trainer = make_trainer(config, task, "cpu")
        layers[framework] = {layer: trainer.features(task.train.inputs[:64], layer) for layer in trainer.reader.layers}
        weights[framework] = trainer.get_weights()
    assert difference(weights["keras"], weights["torch"]) == 0
    assert difference(layers["keras"], layers["torch"]) < 1e-5


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("fields", [SGD, ADAMS], ids=str)
def test_the_same_batches_give_the_same_weights_where_words_repeat(name, fields):
    config = settings(name, **fields)
    weights = {framework: trained(framework, config) for framework in ("keras", "torch")}
    assert difference(weights["keras"], weights["torch"]) < 1e-4
    task = random_task(config)
    start = make_trainer(dataclasses.replace(config, framework="torch"), task, "cpu").get_weights()
    assert difference(start, weights["torch"]) > 0.01


def test_words_that_are_hidden_and_windows_that_are_drawn_are_the_same():
    config = settings("bow", **SGD, random_window=True, word_dropout=0.3)
    weights = {framework: trained(framework, config, 14) for framework in ("keras", "torch")}
    assert difference(weights["keras"], weights["torch"]) < 1e-4
    for other in (settings("bow", **SGD, word_dropout=0.3), settings("bow", **SGD, random_window=True)):
        assert difference(trained("torch", other, 14), weights["torch"]) > 0.01


@pytest.mark.parametrize("changes", [{}, {"word_dropout": 0.4}, {"random_window": True}])
def test_texts_are_prepared_on_the_device_as_in_numpy(changes):
    config = settings("lstm", **changes)
    task = random_task(config, 20)
    kind, texts = task.kind, task.train.inputs
    drawn = kind.draw(0, 1, np.arange(len(texts)))
    expected = kind.prepare(texts, {}, **drawn)
    assert expected.shape == (len(texts), 9) and (expected[:, -1] > 0).all()
    ours = torch_models.inputs.Tokens(kind, {}, torch.device("cpu"))
    tensors = {name: torch.from_numpy(array) for name, array in drawn.items()}
    np.testing.assert_array_equal(ours(torch.from_numpy(texts), **tensors).numpy(), expected)
    chosen = torch.arange(5)
    part = {name: tensor[:5] for name, tensor in tensors.items()}
    np.testing.assert_array_equal(ours(torch.from_numpy(texts), chosen=chosen, **part).numpy(), expected[:5])
    theirs = keras_models.inputs.Tokens(kind, {})(texts, **drawn)
    np.testing.assert_array_equal(keras.ops.convert_to_numpy(theirs), expected)


def test_keras_own_adam_adds_up_squares_of_a_words_gradients(monkeypatch):
    config = settings("bow", **ADAMS)
    twin = trained("torch", config)
    monkeypatch.delattr("keras_models.trainer.Adam.update_step")
    assert difference(trained("keras", config), twin) > 1e-3


def test_dropout_of_the_embedding_drops_a_dimension_of_all_words_and_acts_in_training_alone():
    for framework, models in (("torch", torch_models.MODELS), ("keras", keras_models.MODELS)):
        seen = {}
        for rate in (0.0, 0.5):
            model = models["bow"]((9,), 4, ids=WORDS, embedding_width=64, embedding_dropout=rate)
            x = np.full((8, 9), 3, np.int32)
            if framework == "torch":
                model.embedding.weight.data.fill_(1.0)
                model.logits.weight.data.fill_(1.0), model.logits.bias.data.zero_()
                seen[rate] = [model.train(mode)(torch.from_numpy(x)).detach().numpy()[:, 0] for mode in (False, True)]
            else:
                ones = [np.ones(array.shape) * (array.ndim > 1) for array in model.get_weights()]
                model.set_weights(ones)
                seen[rate] = [np.asarray(model(x, training=mode))[:, 0] for mode in (False, True)]
        for outputs in (*seen[0.0], seen[0.5][0]):
            np.testing.assert_allclose(outputs, 64, rtol=1e-5)
        kept = seen[0.5][1] / 2  # of 64 dimensions, in each text the same for its words
        np.testing.assert_allclose(kept, np.round(kept), atol=1e-4)
        assert 8 < kept.min() < kept.max() < 56
