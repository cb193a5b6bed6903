"""The training loop: exact records, stop rules, exact resumption, and nothing trained twice."""

import dataclasses
import io
import itertools
import json
import os
import platform
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from scipy.special import softmax
from sklearn.metrics import log_loss

from common import frameworks
from common.analysis.evaluator import load
from common.data import datasets, epochs
from common.data.corruption import corrupt_images, corrupt_labels
from common.runs import training
from common.runs.config import FOUNDING, Config, Options, as_dict, run_id
from common.runs.progress import Progress
from common.runs.record import outcome, processor
from common.runs.run import Run
from common.runs.stopping import stop_reason
from common.runs.store import SUFFIX, Store, file_sha256
from common.runs.task import prepare, stratified_subset
from common.runs.trainers import make_trainer
from common.runs.training import train
from common.runs.writer import example_arrays

pytestmark = pytest.mark.slow

BASE = Config(model="mlp1", dataset="digits", framework="torch", train_size=200, crop=6, epochs=3, batch_size=32)
CORRUPTED = {"corruption": "other_class", "corruption_fraction": 0.4, "validation_size": 40}
FRAMEWORKS = ["torch", "keras"]


@pytest.fixture
def store(tmp_path):
    return Store(tmp_path)


@pytest.fixture
def trained_epochs(monkeypatch):
    """The epochs that were trained so far, as a list that grows."""
    found, draw = [], epochs.draw

    def recorded(kind, seed, epoch, *rest):
        found.append(epoch)
        return draw(kind, seed, epoch, *rest)

    monkeypatch.setattr(epochs, "draw", recorded)
    return found


def changed(**changes):
    return dataclasses.replace(BASE, **changes)


def options(store, **changes):
    return Options(output_dir=store.results, threads=1, **changes)


def interrupt(monkeypatch, epoch):
    """Let the next training end after that epoch, before its checkpoint, as Ctrl-C does."""
    update = Progress.update

    def interrupted(self, line):
        if line["epoch"] == epoch:
            monkeypatch.setattr(Progress, "update", update)
            raise KeyboardInterrupt
        update(self, line)

    monkeypatch.setattr(Progress, "update", interrupted)


def untimed(lines):
    return [{name: value for name, value in line.items() if "seconds" not in name} for line in lines]


MEASURES = {
    "train_loss", "train_accuracy", "train_accuracy_corrupted", "train_accuracy_untouched",
    "train_accuracy_true_labels", "validation_accuracy", "test_loss", "test_accuracy",
    "test_accuracy_corrupted_labels", "train_top5_accuracy", "test_top5_accuracy",
}  # fmt: skip
SCHEMA = {
    "code": {"commit", "dirty"},
    "environment": {
        "python", "framework", "framework_version", "keras_backend", "numpy", "platform", "processor", "device",
        "threads", "omp_wait_policy", "gomp_spincount", "stacked", "processes",
    },
    "data": {
        "name", "sha256", "train_n", "validation_n", "test_n", "repeated_n", "corruption_rule", "corruption_requested",
        "corruption_realised", "replacement_may_equal_true_label",
    },
    "outcome": MEASURES | {
        "epochs", "stop_reason", "epochs_to_fit", "fit_criterion", "best_test_accuracy", "best_test_epoch",
        "online_train_loss", "online_train_accuracy", "best_test_top5_accuracy",
    },
    "model": {"path", "sha256", "parameters"},
    "time": {"start_utc", "train_seconds", "evaluate_seconds"},
}  # fmt: skip


@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_the_record_is_the_designs(store, framework):
    config = changed(framework=framework, **CORRUPTED)
    record = train(config, options(store))
    folder, path = store.folder(run_id(config)), store.model_path(config)
    assert json.loads((folder / "run.json").read_text()) == record
    assert set(record) == {"schema", "run_id", "config", "inputs", "earlier", *SCHEMA}
    assert record["inputs"] == {} and record["earlier"] == []
    assert {part: set(record[part]) for part in SCHEMA} == SCHEMA
    assert (record["schema"], record["run_id"], record["config"]) == (1, run_id(config), as_dict(config))
    environment, data, time = record["environment"], record["data"], record["time"]
    assert environment["framework"] == framework and environment["threads"] == 1 and environment["device"] == "cpu"
    assert environment["stacked"] == 1
    assert environment["keras_backend"] == {"torch": None, "keras": "tensorflow"}[framework]
    assert environment["numpy"] == np.__version__
    assert data["sha256"] == datasets.load("digits").sha256
    assert (data["name"], data["train_n"], data["validation_n"], data["test_n"]) == ("digits", 160, 40, 360)
    parameters = 36 * 512 + 512 + 512 * 10 + 10
    assert record["model"] == {"path": path.name, "sha256": file_sha256(path), "parameters": parameters}
    history = store.history(run_id(config))
    assert time["start_utc"].endswith("+00:00")
    assert time["train_seconds"] == sum(line["seconds"] for line in history) > 0
    assert time["evaluate_seconds"] == sum(line["evaluate_seconds"] for line in history[1:]) > 0
    assert set(os.listdir(folder)) == {"run.json", "history.jsonl", "arrays.npz", "lock"}
    assert os.listdir(store.models) == [path.name]


@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_the_history_has_a_line_per_epoch_from_the_untrained_network_on(store, framework):
    config = changed(framework=framework, schedule="exponential", decay=0.5)
    record = train(config, options(store))
    history = store.history(run_id(config))
    names = MEASURES | {"epoch", "learning_rate", "seconds", "online_train_loss", "online_train_accuracy"}
    assert set(history[0]) == names
    assert all(set(line) == names | {"evaluate_seconds"} for line in history[1:])
    assert [line["epoch"] for line in history] == [0, 1, 2, 3]
    assert [line["learning_rate"] for line in history] == [None, 0.01, 0.005, 0.0025]
    assert history[0]["train_loss"] > 2 > history[-1]["train_loss"]
    losses = [line["online_train_loss"] for line in history]
    assert losses[0] is None and history[0]["train_loss"] > losses[1] > history[1]["train_loss"]
    assert {name: record["outcome"][name] for name in MEASURES} == {name: history[-1][name] for name in MEASURES}


@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_every_epoch_is_trained_at_the_schedules_learning_rate(store, monkeypatch, framework):
    trainer = frameworks.module(framework, "trainer").Trainer
    rates, train_epoch = [], trainer.train_epoch

    def recorded(self, plan, learning_rate, pause):
        rates.append(learning_rate)
        return train_epoch(self, plan, learning_rate, pause)

    monkeypatch.setattr(trainer, "train_epoch", recorded)
    train(changed(framework=framework, schedule="exponential", decay=0.5), options(store))
    assert rates == [0.01, 0.005, 0.0025]


@pytest.mark.parametrize("framework", FRAMEWORKS)
@pytest.mark.parametrize("changes", [{}, {"weight_decay": 1.0, "preprocessing": "per_channel"}], ids=["free", "decay"])
def test_losses_and_accuracies_are_those_of_the_saved_model_without_penalty(store, framework, changes):
    config = changed(framework=framework, **CORRUPTED, **changes)
    result, task, model = train(config, options(store))["outcome"], prepare(config), load(store.model_path(config))
    logits = {
        name: model.logits(model.prepare(getattr(task, name).inputs, config)).astype(np.float64)
        for name in ("train", "validation", "test")
    }
    for name, labels in (("train", task.train.labels), ("test", task.test.true_labels)):
        expected = log_loss(labels, softmax(logits[name], axis=1), labels=range(10))
        assert result[f"{name}_loss"] == pytest.approx(expected, rel=1e-5)
    guesses = {name: values.argmax(1) for name, values in logits.items()}
    right = guesses["train"] == task.train.labels
    assert result["train_accuracy"] == right.mean()
    assert result["train_accuracy_true_labels"] == np.mean(guesses["train"] == task.train.true_labels)
    assert result["validation_accuracy"] == np.mean(guesses["validation"] == task.validation.labels)
    assert result["test_accuracy"] == np.mean(guesses["test"] == task.test.true_labels)
    assert result["test_accuracy_corrupted_labels"] == np.mean(guesses["test"] == task.test.labels)
    corrupted = task.train.corrupted.sum()
    parts = result["train_accuracy_corrupted"] * corrupted + result["train_accuracy_untouched"] * (160 - corrupted)
    assert parts == pytest.approx(right.sum()) and 0 < corrupted < 160
    assert result["train_accuracy_untouched"] == right[~task.train.corrupted].mean()
    with np.load(store.folder(run_id(config)) / "arrays.npz") as arrays:
        for name, examples in (("train", task.train), ("test", task.test)):
            np.testing.assert_array_equal(arrays[f"{name}_indices"], examples.indices)
            np.testing.assert_array_equal(arrays[f"{name}_labels"], examples.labels)
            np.testing.assert_array_equal(arrays[f"{name}_true_labels"], examples.true_labels)
            np.testing.assert_array_equal(arrays[f"{name}_predictions"], guesses[name])
        assert len(arrays.files) == 10
        learned, first = arrays["train_learned_epochs"], store.history(run_id(config))[1]
        assert np.mean(learned == 1) == first["train_accuracy"] and (learned[right] > 0).all()
        assert (arrays["train_times_forgotten"][(learned > 0) & ~right] > 0).all()


@pytest.mark.parametrize("classes, kind", [(2**15, np.int16), (2**15 + 1, np.int32)])
def test_labels_and_predictions_of_very_many_classes_are_kept_whole(store, classes, kind):
    task, labels = prepare(changed(train_size=2)), np.array([0, classes - 1])
    train = dataclasses.replace(task.train, labels=labels, true_labels=labels)
    task = dataclasses.replace(task, train=train, test=task.test.take(labels[:0]), num_classes=classes)
    logits = (np.arange(classes) == labels[:, None]).astype(np.float32)
    trainer = SimpleNamespace(feature_batches=lambda inputs, layer: iter([logits]))
    arrays = example_arrays(Run(BASE, task, trainer, options(store)))
    for name in ("labels", "true_labels", "predictions"):
        assert arrays[f"train_{name}"].tolist() == labels.tolist()
        assert arrays[f"train_{name}"].dtype == arrays[f"test_{name}"].dtype == kind


def test_a_run_of_unique_labels_trains_on_as_many_classes_as_examples_and_tests_nothing(store):
    config = changed(
        model="mlp2", width=32, framework="torch", unique_labels=True, validation_size=0, train_size=40,
        corruption="none", corruption_fraction=0.0,
    )  # fmt: skip
    record = train(config, options(store))
    assert load(store.model_path(config)).logits(np.zeros((1, 6, 6, 1))).shape == (1, 40)
    measured = {name for name, value in record["outcome"].items() if value is not None}
    assert measured.isdisjoint(
        {"test_loss", "test_accuracy", "test_accuracy_corrupted_labels", "best_test_accuracy", "best_test_epoch",
         "test_top5_accuracy", "best_test_top5_accuracy"}
    )  # fmt: skip
    assert record["data"]["test_n"] == 0 and record["outcome"]["train_accuracy"] is not None


def test_of_a_large_training_set_the_same_stratified_part_is_measured_after_each_epoch(store):
    config = changed(train_size=100, validation_size=0, train_evaluation_size=30, framework="torch", flip=True)
    task = prepare(config)
    record = train(config, options(store))
    arrays, history = store.arrays(record["run_id"]), store.history(record["run_id"])
    assert len(task.measured) == 30 and set(task.measured.indices) < set(task.train.indices)
    assert np.bincount(task.measured.true_labels, minlength=10).min() >= 2
    np.testing.assert_array_equal(arrays["train_indices"], task.measured.indices)
    assert len(arrays["train_predictions"]) == len(arrays["train_learned_epochs"]) == 30
    right = arrays["train_predictions"] == arrays["train_labels"]
    assert record["outcome"]["train_accuracy"] == history[-1]["train_accuracy"] == right.mean()
    assert history[-1]["online_train_accuracy"] is not None and record["data"]["train_n"] == 100
    assert len(prepare(dataclasses.replace(config, train_evaluation_size=900)).measured) == 100
    whole = prepare(dataclasses.replace(config, train_evaluation_size=None))
    assert whole.measured is whole.train


@pytest.mark.parametrize("field", ["input_dropout", "input_noise", "hidden_noise"])
def test_a_disturbance_changes_training_and_is_the_same_again(field):
    plain = changed(model="mlp2", width=32, framework="torch", validation_size=0)
    task, weights = prepare(plain), []
    for config in (plain, *[dataclasses.replace(plain, **{field: 0.3})] * 2):
        trainer = make_trainer(config, task, "cpu")
        trainer.train_epoch(epochs.draw(task.kind, 0, 0, len(task.train)), 0.1)
        weights.append(trainer.get_weights()["fc1/kernel"])
    assert not np.array_equal(*weights[:2])
    np.testing.assert_array_equal(*weights[1:])


@pytest.mark.parametrize("framework", FRAMEWORKS)
@pytest.mark.parametrize("model, name", [("alexnet", "conv1"), ("inception", "conv1-conv")])
def test_the_filters_of_the_first_convolution_are_kept(store, framework, model, name):
    config = changed(framework=framework, model=model, epochs=0, train_size=20)
    trainer = make_trainer(config, prepare(config), "cpu")
    train(config, options(store))
    filters, expected = store.arrays(run_id(config))["first_layer_filters"], trainer.get_weights()[f"{name}/kernel"]
    np.testing.assert_array_equal(filters, expected)
    assert filters.shape[2] == 1 and filters.ndim == 4


def test_what_was_not_measured_is_null(store):
    result = train(BASE, options(store))["outcome"]
    nulls = {name for name, value in result.items() if value is None}
    assert nulls == {"train_accuracy_corrupted", "validation_accuracy", "epochs_to_fit", "online_train_accuracy"}
    assert result["train_accuracy_untouched"] == result["train_accuracy"] == result["train_accuracy_true_labels"]


def test_the_model_file_carries_config_epoch_and_statistics(store):
    train(BASE, options(store))
    model = load(store.model_path(BASE))
    assert model.config == BASE and model.metadata["epoch"] == 3
    assert model.metadata["channel_statistics"] == [
        list(part) for part in prepare(BASE).statistics["channel_statistics"]
    ]


KEPT = stratified_subset(datasets.load("digits").y_train, 200, 3)
DIGITS = datasets.load("digits").x_train[KEPT], datasets.load("digits").y_train[KEPT]


@pytest.mark.parametrize(
    "rule, may_equal, mask",
    [
        ("uniform", True, corrupt_labels(DIGITS[1], 10, "uniform", 0.6, 3) != DIGITS[1]),
        ("other_class", False, corrupt_labels(DIGITS[1], 10, "other_class", 0.6, 3) != DIGITS[1]),
        ("ketha", True, corrupt_labels(DIGITS[1], 10, "ketha", 0.6, 3) != DIGITS[1]),
        ("random_pixels", False, corrupt_images(DIGITS[0], "random_pixels", 0.6, 3)[1]),
    ],
)
def test_the_record_holds_the_requested_and_the_realised_corruption(store, rule, may_equal, mask):
    config = changed(corruption=rule, corruption_fraction=0.6, validation_size=50, data_seed=3, epochs=0)
    data = train(config, options(store))["data"]
    assert (data["corruption_rule"], data["corruption_requested"]) == (rule, 0.6)
    assert data["corruption_realised"] == mask.sum() / 200 != 0.6
    assert data["replacement_may_equal_true_label"] is may_equal


@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_a_finished_run_trains_nothing(store, monkeypatch, framework):
    config = changed(framework=framework, epochs=1)
    record = train(config, options(store))
    monkeypatch.setattr(training, "make_trainer", lambda *_: pytest.fail("trained again"))
    assert train(config, options(store)) == record


@pytest.mark.parametrize("rule, value", [("stop_accuracy", 0.9), ("stop_loss", 0.6)])
def test_training_ends_after_the_first_epoch_that_reaches_the_goal(store, rule, value):
    config = changed(epochs=40, schedule="constant", fit_accuracy=0.8, **{rule: value})
    result, history = train(config, options(store))["outcome"], store.history(run_id(config))
    measure = {"stop_accuracy": "train_accuracy", "stop_loss": "train_loss"}[rule]
    sign = {"stop_accuracy": 1, "stop_loss": -1}[rule]
    assert result["stop_reason"] == measure and 1 < result["epochs"] == len(history) - 1 < 40
    reached = [sign * line[measure] >= sign * value for line in history]
    assert reached == [False] * (len(history) - 1) + [True]
    fitted = next(line["epoch"] for line in history if line["train_accuracy"] >= 0.8)
    assert 0 < result["epochs_to_fit"] == fitted < result["epochs"]


@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_the_goal_may_be_counted_while_an_epoch_trains(store, framework):
    config = changed(
        framework=framework, epochs=40, schedule="constant", stop_accuracy=0.9, stop_counted="while_training"
    )
    result, history = train(config, options(store))["outcome"], store.history(run_id(config))
    assert result["stop_reason"] == "online_train_accuracy" and 1 < result["epochs"] == len(history) - 1 < 40
    assert [(line["online_train_accuracy"] or 0) >= 0.9 for line in history] == [False] * (len(history) - 1) + [True]
    assert history[-2]["train_accuracy"] >= 0.9  # a network after its epoch is better than on the way


@pytest.mark.parametrize("epochs", [0, 2])
def test_training_ends_after_the_last_epoch(store, epochs, trained_epochs):
    result = train(changed(epochs=epochs), options(store))["outcome"]
    assert (result["stop_reason"], result["epochs"], trained_epochs) == ("epochs", epochs, list(range(epochs)))
    assert result["epochs_to_fit"] is None and result["fit_criterion"] == "train_accuracy >= 0.99"


@pytest.mark.parametrize("framework", FRAMEWORKS)
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_a_diverged_run_ends_at_once_and_is_recorded_with_nulls(store, framework):
    config = changed(framework=framework, learning_rate=1e6, schedule="constant", epochs=50, model="mlp3")
    record = train(config, options(store))
    assert record["outcome"]["stop_reason"] == "diverged" and 1 <= record["outcome"]["epochs"] < 50
    assert record["outcome"]["train_loss"] is None and record["outcome"]["test_loss"] is None
    history = store.history(run_id(config))
    assert [line["train_loss"] is None for line in history] == [False] * (len(history) - 1) + [True]
    assert history[-1]["online_train_loss"] is None
    assert "NaN" not in (store.folder(run_id(config)) / "history.jsonl").read_text()
    assert store.done(config) == record == train(config, options(store))


AUGMENTED = {"crop": 6, "random_crop": True, "flip": True, "rotation": 25.0, "dataset": "digits"}


@pytest.mark.parametrize("framework", FRAMEWORKS)
@pytest.mark.parametrize("changes", [{"crop": 6, "random_crop": True}, {"flip": True}, {"rotation": 180.0}], ids=str)
def test_augmented_runs_keep_the_accuracy_on_what_they_were_trained_on(store, framework, changes):
    config = changed(framework=framework, epochs=2, **changes)
    outcome, history = train(config, options(store))["outcome"], store.history(run_id(config))
    online = [line["online_train_accuracy"] for line in history[1:]]
    assert all(0 < share < 1 and share * 200 == pytest.approx(round(share * 200)) for share in online)
    assert online[0] < online[1] == outcome["online_train_accuracy"]
    # Another network on other images than those of the evaluation.
    assert online != [line["train_accuracy"] for line in history[1:]]


RESUMED = [
    {"optimizer": "sgd", "weight_decay": 0.01, "schedule": "exponential", "decay": 0.7, **AUGMENTED},
    {"optimizer": "adam", "learning_rate": 1e-3, "weight_decay": 0.01, "schedule": "steps", "decay_epochs": (2, 5)},
]


@pytest.mark.parametrize(
    "changes",
    [
        *({"framework": name, **changes} for name, changes in itertools.product(FRAMEWORKS, RESUMED)),
        {"framework": "torch", "precision": "bfloat16", **RESUMED[0]},
        {"framework": "torch", "adversarial_weight": 0.5, "preprocessing": "zero_one", **RESUMED[0]},
        *({"framework": name, "model": "mlp3", "dropout": 0.5, **RESUMED[0]} for name in FRAMEWORKS),
    ],
    ids=lambda changes: "-".join(
        str(changes.get(name)) for name in ("framework", "optimizer", "precision", "dropout", "adversarial_weight")
    ),
)
def test_an_interrupted_run_goes_on_to_the_same_bits(tmp_path, monkeypatch, trained_epochs, weights_sha256, changes):
    config = changed(epochs=6, **CORRUPTED, **changes)
    whole, parts = Store(tmp_path / "whole"), Store(tmp_path / "parts")
    expected = train(config, options(whole))
    trained_epochs.clear()
    for epoch in (3, 5):
        interrupt(monkeypatch, epoch)
        with pytest.raises(KeyboardInterrupt):
            train(config, options(parts, checkpoint_every=2))
        assert parts.done(config) is None
    record = train(config, options(parts, checkpoint_every=2))
    assert trained_epochs == [0, 1, 2, 2, 3, 4, 4, 5]  # each time from the last checkpoint on
    assert record["outcome"] == expected["outcome"] and record["outcome"]["train_loss"] < 2.3
    name = run_id(config)
    assert untimed(parts.history(name)) == untimed(whole.history(name)) and len(whole.history(name)) == 7
    assert weights_sha256(parts.model_path(config)) == weights_sha256(whole.model_path(config))
    assert not (parts.folder(name) / "checkpoint.npz").exists()
    np.testing.assert_equal(*(dict(np.load(store.folder(name) / "arrays.npz")) for store in (parts, whole)))


@pytest.fixture
def checkpoint(store, monkeypatch):
    """The checkpoint that an interrupted run left after its second epoch."""
    interrupt(monkeypatch, 3)
    with pytest.raises(KeyboardInterrupt):
        train(BASE, options(store, checkpoint_every=2))
    return store.folder(run_id(BASE)) / "checkpoint.npz"


def without_json(path):
    arrays = {name: array for name, array in np.load(path).items() if name != "json"}
    np.savez(path, **arrays)


def without_config(path):
    np.savez(path, **dict(np.load(path)) | {"json": np.frombuffer(b'{"history": []}', np.uint8)})


def with_another_shape(path):
    arrays = dict(np.load(path))
    np.savez(path, **arrays | {"weights/fc1/kernel": arrays["weights/fc1/kernel"][1:]})


@pytest.mark.parametrize(
    "spoil",
    [
        lambda path: path.write_bytes(b""),
        lambda path: path.write_bytes(b"no checkpoint\n" * 10),
        lambda path: path.write_bytes(path.read_bytes()[:-200]),
        lambda path: path.write_bytes(path.read_bytes()[:5000] + bytes(100) + path.read_bytes()[5100:]),
        without_json,
        without_config,
        with_another_shape,
    ],
    ids=["empty", "text", "truncated", "altered", "without json", "without config", "another shape"],
)
def test_a_spoilt_checkpoint_is_one_line_and_stays_until_it_is_deleted(store, checkpoint, trained_epochs, spoil):
    spoil(checkpoint)
    content = checkpoint.read_bytes()
    with pytest.raises(ValueError) as caught:
        train(BASE, options(store, checkpoint_every=2))
    expected = f"checkpoint must be whole; delete it to start again. Received: {checkpoint} ("
    assert str(caught.value).startswith(expected) and "\n" not in str(caught.value)
    assert checkpoint.read_bytes() == content and store.record(run_id(BASE)) is None and trained_epochs == []
    checkpoint.unlink()
    assert train(BASE, options(store))["outcome"]["epochs"] == 3 and trained_epochs == [0, 1, 2]


def test_a_checkpoint_of_before_the_added_fields_goes_on(store, checkpoint, trained_epochs):
    config = json.loads(np.load(checkpoint)["json"].tobytes())["config"]
    changed_content(checkpoint, config={name: value for name, value in config.items() if name in FOUNDING})
    trained_epochs.clear()
    train(BASE, options(store))
    assert trained_epochs == [2]


def test_a_checkpoint_of_another_config_is_left_aside(store, checkpoint, trained_epochs):
    other = changed(seed=1)
    store.folder(run_id(other)).mkdir()
    checkpoint.rename(store.folder(run_id(other)) / "checkpoint.npz")
    train(other, options(store))
    assert trained_epochs == [0, 1, 2]


def test_a_run_whose_labels_were_replaced_starts_again(store, monkeypatch, trained_epochs):
    config, labels = changed(labels="mine.npy"), datasets.load("digits").y_train
    store.models.mkdir(parents=True)
    np.save(store.models / "mine.npy", labels)
    interrupt(monkeypatch, 3)
    with pytest.raises(KeyboardInterrupt):
        train(config, options(store, checkpoint_every=2))
    np.save(store.models / "mine.npy", (labels + 1) % 10)
    trained_epochs.clear()
    record = train(config, options(store))
    assert trained_epochs == [0, 1, 2] and record["data"]["corruption_realised"] == 1.0
    assert record["inputs"] == {"labels": file_sha256(store.models / "mine.npy")}


def changed_content(path, **changes):
    """A checkpoint whose JSON says something else."""
    arrays = dict(np.load(path))
    content = json.loads(arrays["json"].tobytes()) | changes
    np.savez(path, **arrays | {"json": np.frombuffer(json.dumps(content).encode(), np.uint8)})


def test_a_run_whose_data_were_replaced_starts_again(store, checkpoint, trained_epochs):
    changed_content(checkpoint, data="of other images under the same name")
    trained_epochs.clear()
    train(BASE, options(store))
    assert trained_epochs == [0, 1, 2]


def test_a_record_names_what_trained_it_before(store, checkpoint, trained_epochs):
    (here,) = json.loads(np.load(checkpoint)["json"].tobytes())["stretches"]
    before = here | {"start_utc": "2000-01-01T00:00:00+00:00", "environment": here["environment"] | {"threads": 7}}
    changed_content(checkpoint, stretches=[before])
    trained_epochs.clear()
    record = train(BASE, options(store))
    assert trained_epochs == [2] and record["earlier"] == [before] and before["epoch"] == 0
    assert record["environment"] == here["environment"] and record["time"]["start_utc"] == before["start_utc"]


def test_a_killed_run_that_is_to_keep_an_epoch_it_has_passed_starts_again_at_once(store, checkpoint, trained_epochs):
    trained_epochs.clear()
    kept = options(store, keep_epochs=(0, 1))
    record = train(BASE, kept)
    assert trained_epochs == [0, 1, 2] and list(store.snapshots(BASE)) == [0, 1]
    assert train(BASE, kept) == record and trained_epochs == [0, 1, 2]


@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_a_model_file_does_not_tell_which_process_wrote_it(tmp_path, monkeypatch, framework):
    config, found = changed(framework=framework), []
    for place in range(2):
        monkeypatch.setattr(os, "getpid", lambda number=place: number)
        trainer = make_trainer(config, prepare(config), "cpu", tmp_path)
        trainer.save(tmp_path / f"model{SUFFIX[framework]}", {})
        found.append(file_sha256(tmp_path / f"model{SUFFIX[framework]}"))
    assert found[0] == found[1]


@pytest.mark.parametrize("given", [{"checkpoint_every": 0}, {"keep_epochs": (-1,)}, {"threads": -1}, {"workers": -1}])
def test_options_out_of_range_are_refused(given):
    ((name, value),) = given.items()
    with pytest.raises(ValueError, match=f"^{name} must be .* Received: {name}="):
        Options(**given)


def test_force_trains_again_from_the_start(store, checkpoint, trained_epochs, weights_sha256):
    train(BASE, options(store), force=True)
    first = weights_sha256(store.model_path(BASE))
    train(BASE, options(store), force=True)
    assert trained_epochs == [0, 1, 2, 0, 1, 2] and weights_sha256(store.model_path(BASE)) == first


def test_a_forced_run_that_is_interrupted_leaves_the_finished_one(store, monkeypatch):
    record = train(BASE, options(store))
    interrupt(monkeypatch, 2)
    with pytest.raises(KeyboardInterrupt):
        train(BASE, options(store), force=True)
    assert store.done(BASE) == record


@pytest.mark.parametrize("spoil", [Path.unlink, lambda path: path.write_bytes(path.read_bytes()[:-1] + b"?")])
def test_a_run_whose_model_is_missing_or_altered_trains_again(store, trained_epochs, weights_sha256, spoil):
    record = train(BASE, options(store))
    first = weights_sha256(store.model_path(BASE))
    spoil(store.model_path(BASE))
    assert store.record(run_id(BASE)) == record
    again = train(BASE, options(store))
    assert trained_epochs == [0, 1, 2, 0, 1, 2] and again["outcome"] == record["outcome"]
    assert store.done(BASE) == again and weights_sha256(store.model_path(BASE)) == first


@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_the_same_seed_gives_the_same_bits_and_another_seed_others(tmp_path, weights_sha256, framework):
    def bits(folder, **changes):
        config = changed(framework=framework, epochs=1, **CORRUPTED, **changes)
        train(config, options(Store(tmp_path / folder)))
        return weights_sha256(Store(tmp_path / folder).model_path(config))

    first = bits("first")
    assert first == bits("second")
    assert len({first, bits("first", seed=1), bits("first", data_seed=1)}) == 3


def test_a_run_can_be_watched_in_tensorboard(store):
    train(BASE, options(store, tensorboard=True))
    assert list(store.folder(run_id(BASE)).glob("tensorboard/events.out.tfevents.*"))


def test_a_run_loads_its_data_from_the_callers_folder(store, tmp_path):
    with pytest.raises(FileNotFoundError, match=str(tmp_path / "nowhere")):
        train(changed(dataset="mnist"), options(store, data_dir=tmp_path / "nowhere"))


def test_a_run_asks_for_the_callers_device(store):
    with pytest.raises(ValueError, match="^device must be one of .* Received: device='abacus'$"):
        train(BASE, options(store, device="abacus"))


@pytest.mark.parametrize(
    "changes, line, reason",
    [
        ({}, {}, ""),
        ({}, {"epoch": 3}, "epochs"),
        ({}, {"train_loss": None, "epoch": 3}, "diverged"),
        ({"stop_accuracy": 0.5}, {}, "train_accuracy"),
        ({"stop_accuracy": 0.51}, {}, ""),
        ({"stop_loss": 1.0}, {"epoch": 3}, "train_loss"),
        ({"stop_loss": 0.99}, {}, ""),
    ],
)
def test_the_stop_reason_is_the_first_rule_that_holds(changes, line, reason):
    last = {"epoch": 2, "train_loss": 1.0, "train_accuracy": 0.5} | line
    assert stop_reason(changed(**changes), [{"epoch": 0, "train_loss": None}, last]) == reason


def test_the_processor_is_named_as_the_system_names_it(monkeypatch):
    otherwise, content = platform.processor(), "processor\t: 0\nmodel name\t: Some CPU: 3 GHz\nmodel name\t: Other\n"
    monkeypatch.setattr("builtins.open", lambda path, **_: io.StringIO(content) if path == "/proc/cpuinfo" else None)
    assert processor() == "Some CPU: 3 GHz"
    content = "no name\n"
    assert processor() == otherwise


def test_the_best_epoch_is_the_first_of_the_best_and_the_fit_the_first_that_fits():
    accuracies = [(0.1, 0.1), (0.9, 0.6), (0.99, 0.7), (0.98, 0.7), (1.0, 0.65)]
    history = [
        {"epoch": epoch, "seconds": 1.0, "train_accuracy": train_accuracy, "test_accuracy": test_accuracy}
        for epoch, (train_accuracy, test_accuracy) in enumerate(accuracies)
    ]
    assert outcome(BASE, history, "epochs") == {
        "epochs": 4,
        "stop_reason": "epochs",
        "epochs_to_fit": 2,
        "fit_criterion": "train_accuracy >= 0.99",
        "train_accuracy": 1.0,
        "test_accuracy": 0.65,
        "best_test_accuracy": 0.7,
        "best_test_epoch": 2,
    }
    measured = [
        {**line, "test_top5_accuracy": value} for line, value in zip(history, (None, 0.8, 0.9, 0.85, 0.85), strict=True)
    ]
    assert outcome(BASE, measured, "epochs")["best_test_top5_accuracy"] == 0.9


@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_the_networks_of_named_epochs_are_kept_and_are_part_of_being_done(store, trained_epochs, framework):
    config, kept = changed(framework=framework), options(store, keep_epochs=(0, 2, 7))
    record = train(config, kept)
    paths = store.snapshots(config)
    assert list(paths) == [0, 2] and store.done(config, (0, 2, 7)) == record and store.done(config, (1,)) is None
    history, task = store.history(record["run_id"]), prepare(config)
    for epoch, path in paths.items():
        model = load(path)
        assert model.metadata["epoch"] == epoch and model.config == config
        right = model.logits(model.prepare(task.test.inputs, config)).argmax(1) == task.test.true_labels
        assert right.mean() == history[epoch]["test_accuracy"]
    paths[0].unlink()
    assert store.done(config) == record
    train(config, options(store))
    assert trained_epochs == [0, 1, 2]
    again = train(config, kept)
    assert trained_epochs == [0, 1, 2] * 2 and list(store.snapshots(config)) == [0, 2]
    assert [again[part] for part in ("run_id", "outcome", "model")] == [
        record[part] for part in ("run_id", "outcome", "model")
    ]


@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_training_again_gives_model_files_of_the_same_bytes(store, framework):
    config = changed(framework=framework)
    train(config, options(store, keep_epochs=(1,)))
    files = store.model_path(config), store.snapshot_path(config, 1)
    hashes = [file_sha256(path) for path in files]
    for path in files:
        path.unlink()
    train(config, options(store, keep_epochs=(1,)), force=True)
    assert [file_sha256(path) for path in files] == hashes


@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_training_goes_on_from_the_weights_of_a_model_file(store, trained_epochs, framework):
    first = changed(framework=framework, optimizer="adam")
    train(first, options(store, keep_epochs=(1,)))
    name = store.snapshot_path(first, 1).relative_to(store.models)
    config = dataclasses.replace(first, initial_model=str(name), shuffle=False)
    record = train(config, options(store))
    assert store.history(record["run_id"])[0]["train_loss"] == store.history(run_id(first))[1]["train_loss"]
    assert record["inputs"] == {"initial_model": file_sha256(store.models / name)}
    train(config, options(store))
    assert len(trained_epochs) == 6
    os.replace(store.model_path(first), store.models / name)
    assert store.done(config) is None
    (store.models / name).unlink()
    assert store.done(config) == record  # what is finished needs its inputs no more
    with pytest.raises(ValueError, match="^initial_model must be a .* Received: .*epoch0001"):
        train(config, options(store), force=True)


def test_the_initial_model_must_have_the_layers(store):
    train(BASE, options(store))
    name = store.model_path(BASE).name
    with pytest.raises(ValueError, match="^initial_model must have the layers of mlp3 for this data. Received: "):
        train(changed(model="mlp3", initial_model=name), options(store))
    with pytest.raises(ValueError, match="^initial_model must be a .h5 file under"):
        train(changed(framework="keras", initial_model=name), options(store))


@pytest.mark.parametrize("framework", FRAMEWORKS)
@pytest.mark.parametrize("content", [b"", b"no model"])
def test_an_initial_model_that_is_none_is_one_line(store, framework, content):
    name = f"mine{SUFFIX[framework]}"
    store.models.mkdir(parents=True)
    (store.models / name).write_bytes(content)
    with pytest.raises(ValueError, match=f"^initial_model must be a .*Received: .*{name} ") as caught:
        train(changed(framework=framework, initial_model=name), options(store))
    assert "\n" not in str(caught.value)


def test_labels_come_from_a_file(store, trained_epochs):
    config = changed(labels="mine.npy", validation_size=40)
    store.models.mkdir(parents=True)
    np.save(store.models / "mine.npy", (datasets.load("digits").y_train + 1) % 10)
    record = train(config, options(store))
    assert record["data"]["corruption_realised"] == 1.0
    assert record["inputs"] == {"labels": file_sha256(store.models / "mine.npy")}
    train(config, options(store))
    (store.models / "mine.npy").write_bytes(b"")
    with pytest.raises(ValueError, match="^labels must be a .npy, .csv or .txt with a class for each"):
        train(config, options(store))
    np.save(store.models / "mine.npy", datasets.load("digits").y_train)
    assert train(config, options(store))["data"]["corruption_realised"] == 0.0 and len(trained_epochs) == 6


def test_training_ends_when_accuracy_on_held_out_examples_has_not_risen_for_a_while(store, monkeypatch):
    accuracies = iter([0.1, 0.2, 0.4, 0.4, 0.3, 0.9])
    measure = Run.measure
    monkeypatch.setattr(Run, "measure", lambda *given: measure(*given) | {"validation_accuracy": next(accuracies)})
    outcome = train(changed(epochs=9, patience=2, validation_size=40), options(store))["outcome"]
    assert outcome["stop_reason"] == "validation_accuracy" and outcome["epochs"] == 4
