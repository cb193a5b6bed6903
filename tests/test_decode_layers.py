"""Other people's models on the command line: their own accuracy first, doubts about it, every preprocessing tried."""

import runpy
import sys
from dataclasses import replace
from pathlib import Path

import foreign
import keras
import numpy as np
import pytest
import torch

from common.analysis import check
from common.analysis.readout import decode_run, opened
from common.runs.config import Config, Options, run_id
from common.runs.training import train

pytestmark = pytest.mark.slow

SCRIPT = Path(__file__).parents[1] / "experiments" / "decode_layers.py"
PUBLISHED_MODELS = SCRIPT.parents[1] / "saved_models" / "published"


@pytest.fixture
def decode(monkeypatch, capsys, tmp_path):
    """Runs the script; returns what it printed, and its warnings and errors."""

    def run(*arguments):
        monkeypatch.setattr(sys, "argv", [SCRIPT.name, *map(str, arguments), "--output-dir", str(tmp_path)])
        capsys.readouterr()
        try:
            runpy.run_path(str(SCRIPT), run_name="__main__")
        except SystemExit as ended:
            assert ended.code == 2
        captured = capsys.readouterr()
        return captured.out, [line for line in captured.err.splitlines() if line.startswith(("warning: ", "error: "))]

    return run


@pytest.fixture
def mlp(tmp_path):
    """nchw_mlp3.pt: the suite's names, trained on images whose channels come first; with the flags that it needs."""
    written = foreign.CASES["PyTorch: the suite's names, MLP flattened channels first, --layout nchw"](tmp_path)
    data = foreign.tinted(tmp_path)
    return written, [written.path, "--model", "mlp3", "--dataset", data, "--layers", "fc1"]


def test_a_network_that_flattened_channels_first_is_decoded_with_its_own_accuracy(decode, mlp):
    written, arguments = mlp
    text, warned = decode(*arguments, "--preprocessing", "zero_one", "--layout", "nchw")
    first, second, *_ = text.splitlines()
    assert first.startswith("the network itself: ") and first.endswith("% of 1,437 training examples")
    assert second == f"the network itself: {written.accuracy:.2%} of 360 test examples"
    assert "| fc1 |" in text and warned == []


def test_layout_and_preprocessing_are_asked_for_and_every_one_is_tried(decode, mlp):
    written, arguments = mlp
    assert "layout must be named" in decode(*arguments, "--preprocessing", "zero_one")[1][0]
    assert "preprocessing must be named for a model file that does not say it (--check" in decode(*arguments)[1][0]
    text, warned = decode(*arguments, "--check")
    lines = text.splitlines()
    place = 2 * (5 + 1)
    assert lines[place] == "fits best: --preprocessing zero_one --layout nchw"
    shares = [float(line.split("%")[0]) for line in lines[:place]]
    alike = [line.split(": ")[1] for line, share in zip(lines, shares, strict=False) if share > shares[0] - 1.5]
    assert [line.removeprefix("within two standard errors: ") for line in lines[place + 1 :]] == alike[1:]
    assert shares == sorted(shares, reverse=True) and shares[0] > 90 and warned == []
    best = f"{shares[0]:7.2f}% of 1,000 training examples: --preprocessing zero_one --layout nchw"
    assert lines[0] == best


def test_a_data_set_is_asked_for(decode, mlp):
    written, arguments = mlp
    assert "dataset must be named for a model file" in decode(written.path, "--model", "mlp3")[1][0]
    assert "no data set nope.npz" in decode(written.path, "--model", "mlp3", "--dataset", "nope.npz", "--check")[1][0]


def test_a_network_at_chance_is_shown_with_a_warning_that_names_the_causes(decode, tmp_path):
    torch.manual_seed(1)
    made = foreign.frameworks.user_module(foreign.user_file(tmp_path, "net.py", foreign.NET)).Net()
    torch.save(made.state_dict(), tmp_path / "net.pt")
    arguments = [tmp_path / "net.pt", "--module", f"{tmp_path / 'net.py'}:Net", "--dataset", "digits"]
    text, warned = decode(*arguments, "--preprocessing", "zero_one", "--layers", "fc1")
    assert "| fc1 |" in text and len(warned) == 1
    assert "is that of chance: other preprocessing, layout" in warned[0] and "--check" in warned[0]
    assert decode(*arguments, "--check")[0].splitlines()[-1].startswith("none fits: labels, the order of the classes")


def test_a_network_that_rescales_its_inputs_is_doubted_where_they_are_rescaled_before(decode, tmp_path):
    written = foreign.CASES["Keras 3: own Rescaling, raw pixels"](tmp_path)
    arguments = [written.path, "--dataset", "digits", "--layers", "dense"]
    text, warned = decode(*arguments, "--preprocessing", "zero_one")
    assert (
        "the network rescales its inputs itself (layer rescaling" in warned[-1] and "--preprocessing raw" in warned[-1]
    )
    text, warned = decode(*arguments, "--preprocessing", "raw")
    assert f"{written.accuracy:.2%} of 360 test examples" in text and warned == []
    listed = [*arguments, "--preprocessing", "raw", "--list"]
    assert decode(*listed)[0].startswith("done ")
    foreign.CASES["Keras 3: half precision"](tmp_path)  # another network of the same name
    assert decode(*listed)[0].startswith("to decode ")


def test_mean_and_standard_deviation_may_be_given_for_each_channel(decode, tmp_path):
    written = foreign.CASES["PyTorch: state dict, .pt"](tmp_path)
    x_train = foreign.images()[0]
    arguments = [written.path, "--module", written.declared.module, "--dataset", "digits", "--layers", "fc1"]
    text, warned = decode(*arguments, "--mean", "0", "--std", "1")
    assert f"{written.accuracy:.2%} of 360 test examples" in text and warned == []
    own, given = (
        opened(written.path, {"dataset": "digits", "preprocessing": "per_channel"}, Options(), declared)
        for declared in (written.declared, replace(written.declared, mean=(0.5,), std=(2.0,)))
    )
    np.testing.assert_allclose(given[0].prepare(x_train, given[1]), (x_train / 255 - 0.5) / 2, atol=1e-6)
    assert own[0].metadata["channel_statistics"] != given[0].metadata["channel_statistics"]
    tried = decode(*arguments, "--mean", "0.25", "--std", "4", "--check")[0]
    assert "--mean 0.25 --std 4" in tried
    assert "std must be given for each mean" in decode(*arguments, "--mean", "0.5")[1][0]
    assert "std must be positive" in decode(*arguments, "--mean", "0.5", "--std", "0")[1][0]


def test_layers_are_listed_with_their_sizes_and_all_their_names_which_may_be_asked_for(decode, tmp_path):
    written = foreign.CASES["PyTorch: torchvision's ResNet-18"](tmp_path)
    data = foreign.tinted(tmp_path)
    arguments = [written.path, "--module", written.declared.module, "--dataset", data]
    lines = decode(*arguments, "--list")[0].splitlines()
    assert lines[0] == f"to decode  {written.path}"
    names = [line.strip() for line in lines[1:]]
    assert names[:3] == ["input (8 x 8 x 3)", "conv1 (4 x 4 x 64)", "bn1 (4 x 4 x 64)"]
    assert "layer1.1 (2 x 2 x 64), also layer1.1.relu:2, layer1" in names
    assert names[-1] == "fc (10), also output"
    small = ["--train-size", "200", "--test-size", "50", "--preprocessing", "zero_one"]
    text, _ = decode(*arguments, *small, "--layers", "layer1", "avgpool")
    assert "| layer1.1 |" in text and "| avgpool |" in text
    assert "Did you mean layer1.1?" in decode(*arguments, *small, "--layers", "layer1.2")[1][0]


def test_a_published_network_must_be_whole_and_the_one_of_its_record(decode, tmp_path, monkeypatch):
    source = PUBLISHED_MODELS / "mlp3_mnist_80_percent.pt"
    monkeypatch.setenv("OFFLINE", "1")
    nowhere = "--data-dir", tmp_path / "no data"
    assert "must be one of" in decode(source, "--layers", "fc9", *nowhere)[1][0]
    assert "there is no file of labels" in decode(source, "--labels", "absent.npy", *nowhere)[1][0]
    asked = "--module", "absent.py:Net", "--list"
    assert "--module is for a file without one" in decode(source, *asked)[1][0]
    whole, copy = source.read_bytes(), tmp_path / "copy.pt"
    half = len(whole) // 2
    damaged = whole[:half] + bytes([whole[half] ^ 1]) + whole[half + 1 :]  # within a weight
    copy.write_bytes(damaged)
    assert "(it is not whole)" in decode(copy, "--list")[1][0]
    (tmp_path / "copy.pt.json").write_bytes(source.with_name(f"{source.name}.json").read_bytes())
    assert "must be the one of the record beside it" in decode(copy, "--list")[1][0]
    copy.write_bytes(whole)
    assert "fc3 (512)" in decode(copy, "--list")[0]


def line(correct, n=1000, scored_on="train_corrupted_labels"):
    return {"probe": "model", "scored_on": scored_on, "correct": correct, "n": n}


@pytest.mark.parametrize(
    "correct, recorded, doubt",
    [
        (100, None, "10.0%, is that of chance"),
        (128, None, "12.8%, is that of chance"),
        (129, None, None),
        (50, None, "is that of chance"),
        (100, 0.1, None),
        (100, 0.99, "is that of chance"),
        (950, 0.99, "95.0%, is below the 99.0% of its record"),
        (975, 0.99, None),
    ],
)
def test_an_accuracy_is_doubted_at_chance_and_below_its_record(correct, recorded, doubt):
    found = list(check.doubts([line(3, scored_on="test"), line(correct)], 0.1, recorded))
    assert len(found) == bool(doubt) and (not doubt or doubt in found[0])
    assert check.own_accuracy([line(3, 9, "test")], "train_corrupted_labels") is None
    assert list(check.doubts([], 0.1)) == []


def test_chance_is_the_share_of_the_most_frequent_label():
    labels = np.array([2, 0, 2, 2, 1])
    assert check.chance(labels) == 0.6 and check.at_chance(620, 1000, 0.6) and not check.at_chance(700, 1000, 0.6)


@pytest.fixture
def parity(tmp_path):
    """digits.npz, of even and odd digits, and the kernel and bias of a logit that tells them apart."""
    x_train, y_train, x_test, y_test = foreign.images()
    path = tmp_path / "digits.npz"
    np.savez(path, x_train=x_train, y_train=y_train % 2, x_test=x_test, y_test=y_test % 2)
    kernel, bias = foreign.solved(x_train.reshape(len(x_train), -1) / 255, y_train % 2)
    kernel, bias = 20 * (kernel[:, 1:2] - kernel[:, :1]), 20 * (bias[1:2] - bias[:1])
    right = (x_test.reshape(len(x_test), -1) / 255 @ kernel + bias > 0)[:, 0] == y_test % 2
    assert 0.8 < right.mean() < 1
    return path, kernel, bias, f"the network itself: {right.mean():.2%} of 360 test examples"


@pytest.mark.parametrize("activation", [None, "sigmoid", "layer", "operation"])
def test_one_output_of_keras_tells_two_classes_apart(decode, tmp_path, parity, activation):
    data, kernel, bias, said = parity
    images = keras.Input((8, 8, 1))
    head = keras.layers.Dense(1, activation="sigmoid" if activation == "sigmoid" else None, name="head")
    outputs = head(keras.layers.Flatten()(images))
    if activation in ("layer", "operation"):
        outputs = (keras.layers.Activation("sigmoid") if activation == "layer" else keras.ops.sigmoid)(outputs)
    keras.Model(images, outputs).save(tmp_path / "two.keras")
    model = keras.models.load_model(tmp_path / "two.keras")
    model.get_layer("head").set_weights([kernel, bias])
    model.save(tmp_path / "two.keras")
    flags = ("--dataset", data, "--preprocessing", "zero_one", "--train-size", 100, "--layers", model.layers[0].name)
    assert said in decode(tmp_path / "two.keras", *flags)[0]
    if activation == "sigmoid":  # those who try every preprocessing read it so, too
        assert float(decode(tmp_path / "two.keras", "--dataset", data, "--check")[0].split("%")[0]) > 80


TWO = """
from torch import nn


class Logit(nn.Module):
    def __init__(self):
        super().__init__()
        self.head = nn.Linear(64, 1)

    def forward(self, x):
        return self.head(x.flatten(1))


class Sigmoid(Logit):
    def forward(self, x):
        return super().forward(x).sigmoid()
"""


@pytest.mark.parametrize("name", ["Logit", "Sigmoid"])
def test_one_output_of_pytorch_is_a_sigmoids_where_it_lies_within_0_and_1(decode, tmp_path, parity, name, monkeypatch):
    monkeypatch.chdir(tmp_path)
    data, kernel, bias, said = parity
    torch.save({"head.weight": torch.from_numpy(kernel.T.copy()), "head.bias": torch.from_numpy(bias)}, "two.pt")
    foreign.user_file(tmp_path, "net.py", TWO)
    flags = ("--module", f"{tmp_path / 'net.py'}:{name}", "--preprocessing", "zero_one", "--train-size", 100)
    assert said in decode("two.pt", "--dataset", data, "--layers", "input", *flags)[0]
    assert decode("two.pt", "--dataset", "digits", *flags)[1][0] == (
        "error: a network must have an output for each of 10 classes. "
        f"Received: 1 output, {'head' if name == 'Logit' else 'output'} in two.pt"
    )


def test_a_mask_of_padding_is_no_layer(decode, tmp_path):
    texts = keras.Input((9,), dtype="int32", name="words")
    table = keras.layers.Embedding(62, 5, mask_zero=True, name="table")
    outputs = keras.layers.Dense(4, name="classes")(keras.layers.LSTM(4, name="state")(table(texts)))
    keras.Model(texts, outputs).save(tmp_path / "masked.keras")
    flags = ("--dataset", "phrases", "--vocabulary", 60, "--length", 9, "--train-size", 200)
    listed = decode(tmp_path / "masked.keras", "--list", *flags)[0].splitlines()[1:]
    assert [line.split()[0] for line in listed] == ["words", "table", "state", "classes"]


def test_networks_that_read_texts_are_read_out_ours_and_others(decode, tmp_path):
    texts = keras.Input((9,), dtype="int32", name="words")
    state = keras.layers.LSTM(4, name="state")(keras.layers.Embedding(62, 5, name="table")(texts))
    keras.Model(texts, keras.layers.Dense(4, name="classes")(state)).save(tmp_path / "theirs.h5")
    flags = ("--dataset", "phrases", "--vocabulary", 60, "--length", 9, "--train-size", 200)
    printed, warned = decode(tmp_path / "theirs.h5", *flags)
    assert all(f"| {layer} " in printed for layer in ("input", "table", "state")) and "400 test examples" in printed
    assert all("that of chance" in line for line in warned)  # it is untrained
    assert decode(tmp_path / "theirs.h5", "--list", *flags)[0].splitlines()[1:] == [
        f"        {line}" for line in ("words (61)", "table (5)", "state (4)", "classes (4)")
    ]
    assert decode(tmp_path / "theirs.h5", "--vocabulary", 60)[1][0].startswith("error: dataset must be named ")
    config = Config(model="lstm", framework="torch", dataset="phrases", train_size=200, width=4, epochs=1)
    options = Options(output_dir=tmp_path, threads=1, keep_epochs=(0,))
    outcome = train(config, options)["outcome"]
    decode_run(config, options, epochs=(0,))
    printed, _ = decode(run_id(config))
    assert f"the network itself: {outcome['test_accuracy']:.2%} of 400 test examples" in printed
    assert all(f"| {layer} " in printed for layer in ("input", "embedding", "lstm"))
