"""Another kind of inputs than images goes the whole way in both frameworks: here texts as matrices of token ids."""

import dataclasses

import keras
import numpy as np
import pytest
import torch
from keras import ops

import keras_models.inputs
import torch_models.inputs
from common.analysis import evaluator
from common.data import inputs
from common.data.datasets import DATASETS, Source
from common.runs import run as runs
from common.runs.config import Config, Options
from common.runs.store import Store
from common.runs.task import prepare
from common.runs.training import train, train_stacked
from torch_models.stacked import number_of_stacks

pytestmark = pytest.mark.slow

WORDS, LENGTH, CLASSES = 30, 6, 3
CONFIG = Config(
    model="bag_of_words", dataset="texts", epochs=6, batch_size=16, learning_rate=1.0, weight_decay=1e-3,
)  # fmt: skip
both = pytest.mark.parametrize("framework", ["keras", "torch"])


@dataclasses.dataclass(frozen=True)
class Tokens:
    """Ids (n, t) int64, of each text the last; in training each token is hidden with probability 0.1."""

    name, rules = "tokens", ()

    shape: tuple[int, ...]
    settings: Config

    @staticmethod
    def reduce(tokens, settings):
        return tokens[:, -LENGTH:]

    @property
    def input_shape(self):
        return self.shape

    def draw(self, seed, epoch, n):
        return {"hidden": np.random.default_rng((seed, epoch)).random((n, *self.shape)) < 0.1}

    def statistics(self, tokens):
        return {"common": int(np.bincount(tokens.ravel()).argmax())}

    def prepare(self, tokens, statistics, hidden=None):
        return tokens if hidden is None else np.where(hidden, statistics["common"], tokens)


class TorchTokens:
    def __init__(self, kind, statistics, device):
        self.common = statistics["common"]

    def __call__(self, tokens, hidden=None, chosen=None):
        tokens = tokens if chosen is None else tokens[chosen]
        return tokens if hidden is None else tokens.masked_fill(hidden, self.common)


class KerasTokens:
    def __init__(self, kind, statistics):
        self.common = statistics["common"]

    def __call__(self, tokens, hidden=None):
        return tokens if hidden is None else ops.where(hidden, ops.full_like(tokens, self.common), tokens)


class TorchBag(torch.nn.Module):
    """The mean of embeddings, then a linear layer."""

    input_dtype, layer_names = "int64", ("input", "embedding", "logits")

    def __init__(self, input_shape, num_classes):
        super().__init__()
        self.embedding, self.logits = torch.nn.Embedding(WORDS, 8), torch.nn.Linear(8, num_classes)

    def forward(self, x, taps=()):
        embedded = self.embedding(x)
        logits = self.logits(embedded.mean(1))
        outputs = {"input": x, "embedding": embedded, "logits": logits}
        return (logits, {name: outputs[name] for name in taps}) if taps else logits


def keras_bag(input_shape, num_classes):
    x = keras.Input(input_shape, dtype="int64", name="input")
    embedded = keras.layers.Embedding(WORDS, 8, name="embedding")(x)
    mean = keras.layers.GlobalAveragePooling1D(name="mean")(embedded)
    return keras.Model(x, keras.layers.Dense(num_classes, name="logits")(mean), name="model")


def read(name, data_dir):
    """Texts longer than what is kept; the class is that of most of a text's last words."""
    generator = np.random.default_rng(0)
    labels = generator.integers(0, CLASSES, 150)
    own = generator.integers(0, WORDS // CLASSES, (150, LENGTH + 2)) * CLASSES + labels[:, None]
    tokens = np.where(generator.random(own.shape) < 0.7, own, generator.integers(0, WORDS, own.shape))
    return tokens[:120], labels[:120], tokens[120:], labels[120:]


@pytest.fixture(autouse=True)
def texts(monkeypatch):
    monkeypatch.setitem(inputs.KINDS, "tokens", Tokens)
    monkeypatch.setitem(DATASETS, "texts", Source((120, LENGTH + 2), CLASSES, read, kind="tokens"))
    for models, bag, preparation in (
        (keras_models, keras_bag, KerasTokens),
        (torch_models, TorchBag, TorchTokens),
    ):
        monkeypatch.setitem(models.MODELS, "bag_of_words", bag)
        monkeypatch.setitem(models.inputs.PREPARATIONS, "tokens", preparation)


def trained(framework, folder, **changes):
    config, options = dataclasses.replace(CONFIG, framework=framework, **changes), Options(output_dir=folder, threads=1)
    return train(config, options), evaluator.load(Store(folder).model_path(config)), prepare(config)


@both
def test_texts_are_learned_and_their_file_evaluates_to_the_record(tmp_path, framework):
    record, model, task = trained(framework, tmp_path)
    assert (
        record["outcome"]["test_accuracy"] > 0.8 > 0.6 > Store(tmp_path).history(record["run_id"])[0]["test_accuracy"]
    )
    assert model.input_shape == (LENGTH,) and model.metadata["common"] == task.statistics["common"]
    x = model.prepare(task.test.inputs, model.config)
    assert x.dtype == np.int64 and model.features(x, "embedding").shape == (30, LENGTH * 8)
    assert np.mean(model.logits(x).argmax(1) == task.test.labels) == record["outcome"]["test_accuracy"]


@both
def test_a_run_on_texts_that_was_killed_ends_with_the_same_bits(tmp_path, monkeypatch, framework):
    whole = trained(framework, tmp_path / "whole")[1].get_weights()
    draw_plan = runs.draw_plan

    def killed(config, task, epoch):
        if epoch == 4:
            raise KeyboardInterrupt
        return draw_plan(config, task, epoch)

    config = dataclasses.replace(CONFIG, framework=framework)
    options = Options(output_dir=tmp_path / "killed", threads=1, checkpoint_every=3)
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(runs, "draw_plan", killed)
        train(config, options)
    assert (Store(tmp_path / "killed").folder(runs.run_id(config)) / "checkpoint.npz").exists()
    resumed = trained(framework, tmp_path / "killed")[1].get_weights()
    assert list(resumed) == ["embedding/embeddings", "logits/kernel", "logits/bias"]
    for name, array in whole.items():
        np.testing.assert_array_equal(resumed[name], array)


def test_both_frameworks_learn_the_same_of_texts(tmp_path):
    ours, theirs = (trained(framework, tmp_path)[1].get_weights() for framework in ("torch", "keras"))
    for name, array in ours.items():
        np.testing.assert_allclose(array, theirs[name], rtol=0, atol=1e-4)
    assert ours["embedding/embeddings"].max() > 0.2  # from 0.05 at most


def test_texts_that_change_from_epoch_to_epoch_are_trained_alone_and_others_stacked(tmp_path, monkeypatch):
    configs = [dataclasses.replace(CONFIG, framework="torch", seed=seed) for seed in (0, 1)]
    with pytest.raises(ValueError, match="^stacked runs must .* Received: inputs that change from epoch to epoch$"):
        train_stacked(configs, Options(output_dir=tmp_path / "refused", threads=1))
    assert number_of_stacks(configs, DATASETS["texts"], "cpu", 1) == 2
    monkeypatch.setattr(Tokens, "draw", lambda *_: {})
    assert number_of_stacks(configs, DATASETS["texts"], "cpu", 1) == 1
    train_stacked(configs, Options(output_dir=tmp_path / "stacked", threads=1))
    for config in configs:
        train(config, Options(output_dir=tmp_path / "alone", threads=1))
        stacked, alone = (evaluator.load(Store(tmp_path / name).model_path(config)) for name in ("stacked", "alone"))
        for name, array in alone.get_weights().items():
            np.testing.assert_allclose(stacked.get_weights()[name], array, rtol=0, atol=1e-5)


def test_what_images_alone_can_do_is_refused():
    with pytest.raises(ValueError, match=r"^flip must be False for tokens: it is for images\. Received: flip=True$"):
        prepare(dataclasses.replace(CONFIG, flip=True))
    with pytest.raises(
        ValueError, match="^corruption must be a rule for labels or tokens.*Received: corruption='gaussian'$"
    ):
        prepare(dataclasses.replace(CONFIG, corruption="gaussian"))
    task = prepare(dataclasses.replace(CONFIG, corruption="other_class", corruption_fraction=1.0))
    assert task.train.corrupted.all() and task.train.inputs.shape == (120, LENGTH)
