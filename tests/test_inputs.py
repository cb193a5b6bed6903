"""Texts go the whole way in both frameworks: from ids to a model's file, resumed runs, read-outs and other's files."""

import dataclasses
import os
import subprocess
import sys

import keras
import numpy as np
import pytest

from common.analysis import evaluator
from common.analysis.readout import decode
from common.data import datasets
from common.data.texts import counts
from common.runs import run as runs
from common.runs.config import Config, Options
from common.runs.store import Store
from common.runs.task import check_kind, prepare
from common.runs.training import train, train_stacked
from torch_models.stacked import number_of_stacks

pytestmark = pytest.mark.slow

CONFIG = Config(
    model="bow", dataset="phrases", train_size=200, test_size=200, epochs=6, batch_size=16, learning_rate=0.03,
    optimizer="adam", schedule="constant", vocabulary=60, length=9, embedding_width=8, word_dropout=0.1,
)  # fmt: skip
both = pytest.mark.parametrize("framework", ["keras", "torch"])
LAYERS = {"lstm": ("embedding", "lstm"), "bow": ("embedding", "mean")}


def trained(framework, folder, **changes):
    config, options = dataclasses.replace(CONFIG, framework=framework, **changes), Options(output_dir=folder, threads=1)
    return train(config, options), evaluator.load(Store(folder).model_path(config)), prepare(config)


@both
@pytest.mark.parametrize("name", ["bow", "lstm"])
def test_texts_are_learned_and_their_file_evaluates_to_the_record(tmp_path, framework, name):
    record, model, task = trained(framework, tmp_path, model=name)
    untrained = Store(tmp_path).history(record["run_id"])[0]["test_accuracy"]
    assert record["outcome"]["test_accuracy"] > 0.7 > 0.5 > untrained
    assert record["data"]["repeated_n"] == task.repeated
    assert model.input_shape == (9,) and model.layers == ("input", *LAYERS[name], "logits")
    x = model.prepare(task.test.inputs, model.config)
    assert np.mean(model.logits(x).argmax(1) == task.test.labels) == record["outcome"]["test_accuracy"]
    np.testing.assert_array_equal(model.features(x, "input"), counts(x, 62))
    assert model.shape("input") == (61,) and model.shape("embedding") == (8,)
    table = model.get_weights()["embedding/embeddings"]
    expected = [table[row[row > 0]].mean(0) for row in x]
    np.testing.assert_allclose(model.features(x, "embedding"), expected, rtol=0, atol=1e-5)
    assert model.features(x, LAYERS[name][-1]).shape[1:] == model.shape(LAYERS[name][-1])


@both
def test_a_run_on_texts_that_was_killed_ends_with_the_same_bits(tmp_path, monkeypatch, framework):
    dropping = {"model": "lstm", "width": 6, "dropout": 0.2, "embedding_dropout": 0.2}
    whole = trained(framework, tmp_path / "whole", **dropping)[1].get_weights()
    draw_plan = runs.draw_plan

    def killed(config, task, epoch):
        if epoch == 4:
            raise KeyboardInterrupt
        return draw_plan(config, task, epoch)

    config = dataclasses.replace(CONFIG, framework=framework, **dropping)
    options = Options(output_dir=tmp_path / "killed", threads=1, checkpoint_every=3)
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(runs, "draw_plan", killed)
        train(config, options)
    assert (Store(tmp_path / "killed").folder(runs.run_id(config)) / "checkpoint.npz").exists()
    resumed = trained(framework, tmp_path / "killed", **dropping)[1].get_weights()
    assert list(resumed) == [
        "embedding/embeddings",
        *(f"lstm/{part}" for part in ("kernel", "recurrent_kernel", "bias")),
        "logits/kernel",
        "logits/bias",
    ]
    for name, array in whole.items():
        np.testing.assert_array_equal(resumed[name], array)


def test_texts_that_change_from_epoch_to_epoch_are_trained_alone_and_others_stacked(tmp_path):
    configs = [dataclasses.replace(CONFIG, framework="torch", seed=seed) for seed in (0, 1)]
    source = datasets.DATASETS["phrases"]
    assert number_of_stacks(configs, source, "cpu", 1) == 2
    configs = [dataclasses.replace(config, word_dropout=0.0) for config in configs]
    assert number_of_stacks(configs, source, "cpu", 1) == 1
    for alone in ("lstm", "text_cnn"):
        others = [dataclasses.replace(config, model=alone) for config in configs]
        assert number_of_stacks(others, source, "cpu", 1) == 2
    train_stacked(configs, Options(output_dir=tmp_path / "stacked", threads=1))
    for config in configs:
        train(config, Options(output_dir=tmp_path / "alone", threads=1))
        stacked, alone = (evaluator.load(Store(tmp_path / name).model_path(config)) for name in ("stacked", "alone"))
        for name, array in alone.get_weights().items():
            np.testing.assert_allclose(stacked.get_weights()[name], array, rtol=0, atol=1e-4)


def test_what_images_alone_can_do_is_refused_with_texts_and_the_other_way_round():
    for name, value in {"flip": True, "crop": 5, "preprocessing": "raw"}.items():
        with pytest.raises(ValueError, match=rf"^{name} must be .* for tokens: it is for images\. Received: {name}="):
            prepare(dataclasses.replace(CONFIG, **{name: value}))
    for name, value in {"vocabulary": 9, "length": 9, "word_dropout": 0.5, "embedding_width": 8}.items():
        with pytest.raises(ValueError, match=rf"^{name} must be .* for images: it is for tokens\. Received: {name}="):
            check_kind(Config(**{name: value}), "images")
    for rule, dataset, kind in (("gaussian", "phrases", "tokens"), ("random_words", "digits", "images")):
        wrong = Config(dataset=dataset, corruption=rule, corruption_fraction=1.0)
        with pytest.raises(ValueError) as caught:
            prepare(wrong)
        assert str(caught.value) == f"corruption must be a rule for labels or {kind}. Received: corruption='{rule}'"


@pytest.mark.parametrize(
    "flags, problem",
    [
        (["--model", "mlp1"], "model must be one for tokens: this one takes images. Received: model='mlp1'"),
        (["--dataset", "digits"], "model must be one for images: this one takes tokens. Received: model='lstm'"),
        (["--vocabulary", "0"], "vocabulary must be positive. Received: vocabulary=0"),
        (["--length", "0"], "length must be positive. Received: length=0"),
        (["--precision", "bfloat16"],
         "precision must be float32 for tokens on a CPU. Received: precision='bfloat16'"),
        (["--length", "4", "--model", "text_cnn"], "length must be at least 5 for this model. Received: length=4"),
        (["--length", "20", "--random-window"],
         "length must be below the 12 tokens of the data set for random_window to change texts. Received: length=20"),
    ],
)  # fmt: skip
@both
def test_wrong_input_is_refused_in_one_line(tmp_path, monkeypatch, framework, flags, problem):
    given = dict(zip(flags[::2], flags[1::2], strict=False))
    fields = {name.removeprefix("--").replace("-", "_"): value for name, value in given.items()}
    fields |= {"random_window": True} if "--random-window" in flags else {}
    values = {name: int(value) if str(value).isdigit() else value for name, value in fields.items()}
    with pytest.raises(ValueError) as caught:
        train(Config(**{"model": "lstm", "dataset": "phrases", "framework": framework, **values}),
              Options(output_dir=tmp_path, threads=1))  # fmt: skip
    assert str(caught.value) == problem


def foreign(path):
    """A network in plain Keras, as one finds them: floats as ids, a mean over words beside the last state."""
    texts = keras.Input((9,))
    words = keras.layers.Embedding(62, 5)(texts)
    state = keras.layers.LSTM(4)(words)
    network = keras.Model(texts, keras.layers.Dense(4, activation="softmax")(state))
    network.save(path)
    return network


def test_a_plain_keras_file_with_an_embedding_and_an_lstm_is_read_out(tmp_path):
    network = foreign(tmp_path / "theirs.h5")
    given = {"dataset": "phrases", "vocabulary": 60, "length": 9, "train_size": 200}
    lines = decode(tmp_path / "theirs.h5", given, Options(threads=1))
    names = [layer.name for layer in network.layers]
    found = [line["layer"] for line in lines if line["scored_on"] == "test"]
    assert [*dict.fromkeys(found)] == [names[-1], "input", *names[1:-1]]
    own = next(line for line in lines if (line["probe"], line["scored_on"]) == ("model", "test"))
    task = prepare(Config(**given))
    right = network.predict(task.test.inputs, verbose=0).argmax(1) == task.test.labels
    assert (own["correct"], own["n"]) == (right.sum(), 400)
    model = evaluator.load(tmp_path / "theirs.h5")
    assert [model.shape(name) for name in model.layers] == [(61,), (5,), (4,), (4,)]
    np.testing.assert_array_equal(model.features(task.test.inputs, model.layers[0]), counts(task.test.inputs, 62))
    with pytest.raises(ValueError, match="vocabulary must be at most 60 for this network. Received: the id 6[2-9]$"):
        decode(tmp_path / "theirs.h5", {**given, "vocabulary": 67}, Options(threads=1))


OPEN = """
import sys, numpy as np, keras
model = keras.models.load_model(sys.argv[1], compile=False)
x = np.load(sys.argv[2])
np.testing.assert_allclose(model.predict(x, verbose=0), np.load(sys.argv[3]), rtol=0, atol=1e-5)
print(keras.backend.backend(), [layer.name for layer in model.layers])
"""


def test_a_saved_model_is_opened_by_plain_keras_on_both_backends(tmp_path):
    _, model, task = trained("keras", tmp_path, model="bilstm", epochs=1, train_size=40)
    x = model.prepare(task.test.inputs, model.config)[:20]
    np.save(tmp_path / "x.npy", x), np.save(tmp_path / "logits.npy", model.logits(x))
    arguments = [str(model.path), *(str(tmp_path / name) for name in ("x.npy", "logits.npy"))]
    layers = ["input", "embedding", "bilstm-forwards", "bilstm-backwards", "bilstm", "logits"]
    for backend in ("tensorflow", "torch"):
        found = subprocess.run(
            [sys.executable, "-c", OPEN, *arguments], capture_output=True, text=True, check=False,
            env={**os.environ, "KERAS_BACKEND": backend, "PYTHONPATH": ""},
        )  # fmt: skip
        assert found.stdout == f"{backend} {layers}\n", found.stderr[-500:]
