"""The read-out of a trained run: which lines there are, what they count, and when they are made again."""

import dataclasses
import json
import os
import threading
from itertools import product

import keras
import numpy as np
import pytest
import torch

import torch_models
from common.analysis import evaluator, readout
from common.analysis.probes import MASC
from common.data import datasets
from common.data.preprocessing import standardize
from common.report.layers import best_on_test
from common.runs.config import Config, Options, run_id
from common.runs.foreign import NOTHING, Declared
from common.runs.store import READOUT, Store, file_sha256, write_lines
from common.runs.task import prepare
from common.runs.training import train

pytestmark = pytest.mark.slow

TEST_FC1 = ("test", "fc1")
SPLIT_ENDS = {"corrupted": "", "true": "_true_labels"}
PROBE_90 = {"masc": lambda: MASC(variance=0.9)}
CONFIG = Config(
    model="mlp1", dataset="digits", train_size=500, validation_size=80, corruption="uniform", corruption_fraction=0.6,
    batch_size=32, epochs=2,
)  # fmt: skip
SIZES = {"train_corrupted_labels": 420, "train_true_labels": 420, "validation_corrupted_labels": 80, "test": 360}
KEYS = ["epoch", "layer", "probe", "fitted_on", "scored_on", "n", "correct", "components"]
OWN_LABELS = {"labels_rule": None, "labels_fraction": None}


@pytest.fixture(scope="module", params=["keras", "torch"])
def run(request, tmp_path_factory):
    """Config, options and record of a run with 60 % random labels."""
    config = dataclasses.replace(CONFIG, framework=request.param)
    options = Options(output_dir=tmp_path_factory.mktemp("output"), device="cpu")
    return config, options, train(config, options)


def model_path(run):
    config, options, _ = run
    return Store.of(options).model_path(config)


@pytest.fixture(scope="module")
def lines(run):
    return readout.decode(model_path(run), {}, run[1])


@pytest.fixture(scope="module")
def kept(run, lines):
    """The lines as they are kept with the run."""
    return [{**line, **OWN_LABELS, "model_sha256": file_sha256(model_path(run))} for line in lines]


@pytest.fixture
def loaded(monkeypatch):
    """Names of the model files that were opened."""
    names, load = [], readout.load
    monkeypatch.setattr(readout, "load", lambda path, *rest: names.append(path.stem) or load(path, *rest))
    return names


def pick(lines, **fields):
    """The one line that has these values."""
    [line] = [line for line in lines if fields.items() <= line.items()]
    return line


def test_there_is_one_line_for_every_layer_kind_of_labels_and_split_and_for_the_network(lines):
    kinds = [(line["layer"], line["probe"], line["fitted_on"], line["scored_on"]) for line in lines]
    probes = {
        (layer, "masc", fitted_on, scored_on)
        for layer in ("input", "fc1")
        for fitted_on in ("corrupted_labels", "true_labels")
        for scored_on in SIZES
    }
    assert set(kinds) == probes | {("logits", "model", None, scored_on) for scored_on in SIZES}
    assert len(kinds) == len(set(kinds)) == 20


def test_counts_are_integers_out_of_the_split(lines):
    for line in lines:
        assert sorted(line) == sorted(KEYS)
        assert line["n"] == SIZES[line["scored_on"]] and line["epoch"] == 2
        assert type(line["n"]) is type(line["correct"]) is int and 0 < line["correct"] <= line["n"]


def test_the_networks_own_lines_are_the_accuracies_of_its_record(run, lines):
    outcome = run[2]["outcome"]
    accuracies = {"test": outcome["test_accuracy"], "validation_corrupted_labels": outcome["validation_accuracy"]}
    accuracies |= {f"train_{of}_labels": outcome[f"train_accuracy{end}"] for of, end in SPLIT_ENDS.items()}
    for scored_on, accuracy in accuracies.items():
        line = pick(lines, layer="logits", scored_on=scored_on)
        assert line["correct"] / line["n"] == accuracy and line["components"] is None


@pytest.mark.parametrize("layer", ["input", "fc1"])
def test_lines_are_what_the_probe_says_of_the_layer(run, lines, layer):
    task, model = prepare(run[0]), evaluator.load(model_path(run))

    def features(examples):
        x = standardize(examples.inputs, "per_image", None)
        return x.reshape(len(x), -1) if layer == "input" else model.features(x, layer)

    for fitted_on, labels in (("corrupted_labels", task.train.labels), ("true_labels", task.train.true_labels)):
        probe = MASC(variance=0.99).fit(features(task.train), labels)
        for scored_on, examples, targets in (
            ("test", task.test, task.test.true_labels),
            ("validation_corrupted_labels", task.validation, task.validation.labels),
            ("train_corrupted_labels", task.train, task.train.labels),
            ("train_true_labels", task.train, task.train.true_labels),
        ):
            line = pick(lines, layer=layer, fitted_on=fitted_on, scored_on=scored_on)
            assert line["correct"] == (probe.predict(features(examples)) == targets).sum()
            assert line["components"] == np.mean(probe.n_components_)


def test_probes_fitted_on_true_labels_know_more_of_the_test_set(lines):
    for layer in ("input", "fc1"):
        true, corrupted = (
            pick(lines, layer=layer, fitted_on=fitted_on, scored_on="test")["correct"]
            for fitted_on in ("true_labels", "corrupted_labels")
        )
        assert true > corrupted + 36


def test_without_corruption_both_kinds_of_labels_give_the_same_lines(run):
    given = {"corruption": "none", "corruption_fraction": 0.0}
    lines = readout.decode(model_path(run), given, run[1], layers=["input"])
    kinds = [
        [{**line, "fitted_on": None} for line in lines if line["fitted_on"] == fitted_on]
        for fitted_on in ("corrupted_labels", "true_labels")
    ]
    assert kinds[0] == kinds[1] and [line["n"] for line in kinds[0]] == [420, 420, 80, 360]
    assert kinds[0][3]["correct"] > 300


def test_fields_layers_and_variance_can_be_given(run, lines):
    given = readout.decode(model_path(run), {"validation_size": 0, "train_size": 420}, run[1], ["fc1"], PROBE_90)
    assert {line["layer"] for line in given} == {"fc1", "logits"}
    assert {line["scored_on"] for line in given} == set(SIZES) - {"validation_corrupted_labels"}
    narrow, wide = (pick(each, layer="fc1", fitted_on="true_labels", scored_on="test") for each in (given, lines))
    assert narrow["components"] < wide["components"]


@pytest.mark.parametrize(
    "given, message",
    [
        (
            {"validation_size": 81},
            "validation_size must be at most the 80 examples held out from the network. Received: validation_size=81",
        ),
        ({"train_size": 400}, "train_size must be the network's own, 500, .*--validation-size 0 .*train_size=400"),
        ({"train_size": None}, "train_size must be the network's own, 500, .*train_size=None"),
        ({"vocabulary": 9}, "vocabulary must be the network's own, None, .*vocabulary=9"),
        ({"data_seed": 1, "validation_size": 10}, "data_seed must be the network's own, 0, .*data_seed=1"),
    ],
)
def test_examples_that_the_network_was_trained_on_are_not_held_out(run, given, message):
    with pytest.raises(ValueError, match=f"^{message}$"):
        readout.decode(model_path(run), given, run[1])


def test_fewer_examples_are_held_out_and_all_of_another_data_set_may_be(run):
    fewer = readout.decode(model_path(run), {"validation_size": 30}, run[1], layers=["input"])
    assert pick(fewer, layer="logits", scored_on="validation_corrupted_labels")["n"] == 30
    readout.check_held_out(dataclasses.replace(CONFIG, dataset="mnist", train_size=9, validation_size=500), CONFIG)
    own = dataclasses.replace(CONFIG, dataset="there/d.npz@0123abcd")
    readout.check_held_out(dataclasses.replace(own, dataset="here/d.npz@99999999", train_size=9), own)
    with pytest.raises(ValueError, match="train_size must be the network's own"):  # one data set, moved
        readout.check_held_out(dataclasses.replace(own, dataset="here/d.npz@0123abcd", train_size=9), own)


def test_layers_are_read_in_as_many_passes_as_memory_asks_for(run, lines, monkeypatch):
    model, layers = evaluator.load(model_path(run)), ["input", "fc1", "logits"]
    assert list(readout.together(model, layers, 100)) == [layers]
    monkeypatch.setattr(readout, "AT_ONCE", 4 * 100 * (64 + 512))
    assert list(readout.together(model, layers, 100)) == [["input", "fc1"], ["logits"]]
    assert list(readout.together(model, layers, 101)) == [["input"], ["fc1", "logits"]]
    monkeypatch.setattr(readout, "AT_ONCE", 0)
    assert readout.decode(model_path(run), {}, run[1]) == lines


def test_inputs_are_scored_once_and_other_layers_every_time(run, monkeypatch):
    fitted = []

    class Counted(MASC):
        def fit(self, features, labels):
            fitted.append(features.shape)
            return super().fit(features, labels)

    def decoded(**given):
        return readout.decode(model_path(run), given, run[1], probes={"masc": Counted})

    first, second = decoded(), decoded()
    assert first == second and len(fitted) == 2 * 2 + 2  # fc1 twice with both kinds of labels, the input once
    next(line for line in first if line["layer"] == "input")["correct"] = None
    assert decoded() == second  # lines are the reader's own
    fitted.clear()
    assert decoded(data_seed=1, validation_size=0) != second and len(fitted) == 2 * 2  # of other labels all anew


def test_an_unknown_layer_is_an_error_with_the_nearest_name(run):
    with pytest.raises(ValueError, match="^layer must be one of input, fc1, logits. Did you mean fc1?"):
        readout.decode(model_path(run), {}, run[1], layers=["fc2"])


def test_a_run_is_read_out_once_and_again_when_forced(run, kept, loaded):
    config, options, _ = run
    path = Store.of(options).folder(run_id(config)) / "readout.jsonl"
    assert not path.exists()
    assert readout.decode_run(config, options) == kept == Store.of(options).lines(run_id(config), READOUT)
    assert readout.decode_run(config, options) == kept and loaded == [run_id(config)]
    some = [line for line in kept if line["layer"] != "input"]
    write_lines(path, some)
    assert readout.decode_run(config, options) == some
    assert readout.decode_run(config, options, force=True) == kept
    path.write_text("")
    assert readout.decode_run(config, options) == kept and len(loaded) == 3


def test_a_run_is_read_out_again_where_its_lines_are_of_another_network_whatever_the_files_times(run, kept, loaded):
    config, options, _ = run
    path = Store.of(options).folder(run_id(config)) / "readout.jsonl"
    write_lines(path, kept)
    for older, younger in ((path, model_path(run)), (model_path(run), path)):
        os.utime(older, (5, 5)), os.utime(younger, (9, 9))
        assert readout.decode_run(config, options) == kept and not loaded
    without = [{name: value for name, value in line.items() if name in KEYS} for line in kept]
    of_another = [{**line, "model_sha256": "of another"} for line in kept]
    of_unknown = [{**line, "model_sha256": None} for line in kept]
    of_an_epoch_not_kept = [{**line, "epoch": 1} for line in kept]
    for number, lines in enumerate((without, of_another, of_unknown, of_an_epoch_not_kept), 1):
        write_lines(path, lines)
        assert readout.decode_run(config, options) == kept == Store.of(options).lines(run_id(config), READOUT)
        assert len(loaded) == number


def test_a_kept_epoch_is_read_out_again_where_its_file_is_another(run, loaded, tmp_path):
    config, options, _ = run
    options = dataclasses.replace(options, output_dir=tmp_path, keep_epochs=(0, 1))
    train(config, options)
    lines, first = readout.decode_run(config, options, epochs=(0, 1)), Store.of(options).snapshot_path(config, 0)
    first.with_stem("epoch0000 (copy)").write_bytes(b"a stray file")
    first.write_bytes(Store.of(options).snapshot_path(config, 1).read_bytes())
    stay = [line for line in lines if line["epoch"]]
    assert readout.decode_run(config, options) == stay and len(loaded) == 3
    again = readout.decode_run(config, options, epochs=(0,))
    assert again[: len(stay)] == stay and loaded[3:] == ["epoch0000"]
    assert {line["model_sha256"] for line in again[len(stay) :]} == {file_sha256(first)}


def test_a_run_is_measured_on_the_data_that_it_was_trained_on(run, tmp_path):
    config, options, _ = run
    options = dataclasses.replace(options, output_dir=tmp_path)
    path = Store.of(options).folder(run_id(config)) / "run.json"
    record = train(config, options)
    path.write_text(json.dumps({**record, "data": record["data"] | {"sha256": "of others of this name"}}))
    labels = tmp_path / "saved_models" / "l.npy"
    np.save(labels, np.arange(500) % 10)
    other = dataclasses.replace(config, labels="l.npy", epochs=0)
    train(other, options)
    np.save(labels, np.arange(500) % 9)
    with pytest.raises(ValueError, match="^data must be what a run was trained on; "):
        readout.decode_run(other, options)
    for measure in (
        lambda: readout.decode_run(config, options),
        lambda: readout.measured_run(config, options, "statistics.jsonl", (), [{}], lambda *_: []),
    ):
        with pytest.raises(ValueError, match="^data must be what a run was trained on; .* Received: digits, mlp"):
            measure()


def test_a_damaged_read_out_is_one_line_and_made_again_by_force(run, kept):
    config, options, _ = run
    path = Store.of(options).folder(run_id(config)) / "readout.jsonl"
    path.write_text('{"epoch": 2, "pro')
    with pytest.raises(ValueError, match=f"^every line must be JSON; --force makes it again. Received: {path} "):
        readout.decode_run(config, options)
    assert readout.decode_run(config, options, force=True) == kept


def test_a_model_from_elsewhere_is_read_out_on_the_data_that_is_given(tmp_path):
    inputs = keras.Input((8, 8, 1), name="pixels")
    x = keras.layers.Conv2D(2, 3, activation="relu", name="edges")(inputs)
    x = keras.layers.Dense(10, name="classes")(keras.layers.Flatten()(x))
    keras.Model(inputs, x).save(tmp_path / "foreign.h5")
    given = {"dataset": "digits", "train_size": 200, "preprocessing": "minus_one_one"}
    lines = readout.decode(tmp_path / "foreign.h5", given, Options())
    lines = [line for line in lines if line["scored_on"] == "test"]
    assert [line["layer"] for line in lines] == ["classes", "input", "input", "edges", "edges"]
    assert best_on_test(lines) == "edges"
    assert all(line["epoch"] is None and line["n"] == 360 for line in lines)
    assert min(line["correct"] for line in lines[1:]) > 300


@pytest.fixture
def large(monkeypatch):
    """The digits as images of 32 x 32 pixels."""
    digits = datasets.load("digits")
    images = {name: getattr(digits, name).repeat(4, 1).repeat(4, 2) for name in ("x_train", "x_test")}
    monkeypatch.setattr(datasets, "load", lambda *_: dataclasses.replace(digits, **images))


@pytest.mark.parametrize("name", ["foreign.h5", "bare.pt"])
def test_a_model_that_does_not_say_its_crop_is_read_out_on_whole_images(large, name, tmp_path):
    if name == "bare.pt":
        torch.save(torch_models.MODELS["mlp1"]((32, 32, 1), 10).state_dict(), tmp_path / name)
    else:
        inputs = keras.Input((32, 32, 1))
        keras.Model(inputs, keras.layers.Dense(10)(keras.layers.Flatten()(inputs))).save(tmp_path / name)
    given = {"dataset": "cifar10", "preprocessing": "zero_one", "train_size": 50, "test_size": 50}
    declared = Declared(model="mlp1") if name == "bare.pt" else NOTHING
    assert {line["n"] for line in readout.decode(tmp_path / name, given, Options(), declared=declared)} == {50}
    with pytest.raises(ValueError, match="784|28, 28"):
        readout.decode(tmp_path / name, {**given, "crop": 28}, Options(), declared=declared)


def test_a_run_is_read_out_with_more_probes_over_its_epochs_and_on_other_labels(run, tmp_path):
    config, options, _ = run
    options = dataclasses.replace(options, output_dir=tmp_path, keep_epochs=(0, 1, 9))
    clean = dataclasses.replace(config, corruption="none", corruption_fraction=0.0)
    train(clean, options)
    store, first = Store.of(options), readout.decode_run(clean, options)
    lines = readout.decode_run(clean, options, ("masc", "velpic"), epochs=(0, 1, 2, 7))
    assert lines[: len(first)] == first
    assert {(line["epoch"], line["probe"]) for line in lines} == set(product((0, 1, 2), ("model", "masc", "velpic")))
    assert len({tuple(line[key] for key in KEYS[:5]) for line in lines}) == len(lines)
    other = readout.decode_run(clean, options, other_labels=("ketha", 0.4))
    assert store.lines(run_id(clean), READOUT) == [*lines, *other]
    labels = {"labels_rule": "ketha", "labels_fraction": 0.4}
    assert all(labels.items() <= line.items() and line["model_sha256"] == first[0]["model_sha256"] for line in other)
    assert readout.decode_run(clean, options, other_labels=("ketha", 0.4), force=True) == other
    more = readout.decode_run(clean, options, other_labels=("ketha", 0.8))
    assert store.lines(run_id(clean), READOUT) == [*lines, *other, *more]
    assert readout.decode_run(clean, options) == lines
    fitted_on = {line["fitted_on"]: line["correct"] for line in other if (line["scored_on"], line["layer"]) == TEST_FC1}
    assert fitted_on["true_labels"] == pick(first, layer="fc1", fitted_on="true_labels", scored_on="test")["correct"]
    assert fitted_on["corrupted_labels"] < fitted_on["true_labels"]
    with pytest.raises(ValueError, match="^probe must be one of .*Did you mean masc?"):
        readout.decode_run(clean, options, ("mask",))


def test_force_makes_again_what_is_asked_for_and_keeps_the_rest(run, tmp_path):
    config, options, _ = run
    options = dataclasses.replace(options, output_dir=tmp_path, keep_epochs=(0,))
    train(config, options)
    store = Store.of(options)
    path = store.folder(run_id(config)) / "readout.jsonl"
    whole = readout.decode_run(config, options, ("masc", "velpic"), (0,))
    write_lines(path, [{**line, "correct": 0} for line in whole])
    readout.decode_run(config, options, ("velpic",), force=True)
    again = [line for line in whole if line["epoch"] == 2 and line["probe"] in ("velpic", "model")]
    rest = [{**line, "correct": 0} for line in whole if line not in again]
    assert store.lines(run_id(config), READOUT) == rest + again
    made = []

    def measured(*names, force=True):
        settings = [{"name": name} for name in names]
        made.clear()
        return readout.measured_run(config, options, "m.jsonl", (), settings, lambda *a: made.append(a) or [{}], force)

    lines = measured("first", "second", force=False)
    assert measured("first") == lines[::-1] and len(made) == 1
    assert measured("second", "third") == [lines[0], lines[1], {**lines[0], "name": "third"}] and len(made) == 2
    path = store.folder(run_id(config)) / "m.jsonl"
    path.write_text(path.read_text().replace(lines[0]["model_sha256"], "of another"))
    assert measured("first") == lines[:1]


def test_lines_are_kept_where_a_run_is_trained_again_to_the_same_network(run, tmp_path, monkeypatch):
    config, options, _ = run
    options = dataclasses.replace(options, output_dir=tmp_path)
    train(config, options)
    lines = readout.decode_run(config, options)
    train(config, dataclasses.replace(options, keep_epochs=(1,)))
    monkeypatch.setattr(readout, "load", None)
    assert readout.decode_run(config, options) == lines


def test_a_model_that_is_not_the_one_of_the_runs_record_is_refused(run, tmp_path):
    config, options, _ = run
    options = dataclasses.replace(options, output_dir=tmp_path, keep_epochs=(0,))
    train(config, options)
    store = Store.of(options)
    path, lines = store.model_path(config), readout.decode_run(config, options)
    store.snapshot_path(config, 0).replace(path)
    with pytest.raises(ValueError, match=f"^a model must be the one of its run's record; .* Received: {path}$"):
        readout.decode_run(config, options)
    path.unlink()
    assert readout.decode_run(config, options) == lines


def test_nothing_of_a_run_that_diverged_is_measured_and_its_file_is_refused_by_probe_layer_and_name(run, tmp_path):
    config, options, _ = run
    config, options = dataclasses.replace(config, learning_rate=1e30), dataclasses.replace(options, output_dir=tmp_path)
    assert train(config, options)["outcome"]["stop_reason"] == "diverged"
    assert readout.decode_run(config, options) == readout.measured_run(config, options, "m.jsonl", (), [{}], None) == []
    path = Store.of(options).model_path(config)
    with pytest.raises(ValueError, match=f"^logits in {path.name}: features must be finite. Received: features"):
        readout.decode(path, {}, options)


def test_read_outs_of_a_run_at_the_same_time_keep_each_others_lines(run):
    config, options, _ = run
    entered, go_on = threading.Event(), threading.Event()

    def slow(*_):
        entered.set()
        go_on.wait(60)
        yield {"value": 1}

    def measured(name, measure):
        return readout.measured_run(config, options, "measured.jsonl", (), [{"name": name}], measure)

    first = threading.Thread(target=measured, args=("first", slow))
    first.start()
    assert entered.wait(60)
    second = threading.Thread(target=measured, args=("second", lambda *_: [{"value": 2}]))
    second.start()
    second.join(0.5)
    assert second.is_alive()  # waits for the first, whose lines it reads
    go_on.set()
    first.join(), second.join()
    kept = Store.of(options).lines(run_id(config), "measured.jsonl")
    assert [(line["name"], line["value"]) for line in kept] == [("first", 1), ("second", 2)]


def test_a_bare_state_dict_is_read_out_as_the_model_it_came_from_on_the_labels_that_are_given(run, lines, tmp_path):
    config, options, _ = run
    if config.framework == "keras":
        pytest.skip("PyTorch's format")
    torch.save(torch.load(model_path(run))["state_dict"], tmp_path / "bare.pt")
    task = prepare(config)
    order = np.argsort(np.concatenate([task.train.indices, task.validation.indices]))
    np.save(tmp_path / "labels.npy", np.concatenate([task.train.labels, task.validation.labels])[order])
    labels = {"labels": str(tmp_path / "labels.npy")}
    given = {"dataset": "digits", "preprocessing": "per_image", "train_size": 500, "validation_size": 80, **labels}
    found = readout.decode(tmp_path / "bare.pt", given, options, declared=Declared(model="mlp1"))
    assert [{**line, "epoch": 2} for line in found] == lines
    scaled = {**given, "preprocessing": "per_channel"}
    assert len(readout.decode(tmp_path / "bare.pt", scaled, options, declared=Declared(model="mlp1"))) == len(lines)
