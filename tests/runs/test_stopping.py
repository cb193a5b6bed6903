"""Stop rules, and how seldom the training set must be measured for them to be as certain as where it always is."""

import dataclasses

import numpy as np
import pytest

from common.runs.config import Config, Options, run_id
from common.runs.run import TRAINING
from common.runs.stopping import is_due, stop_reason
from common.runs.store import Store
from common.runs.training import train, train_stacked

pytestmark = pytest.mark.slow

BASE = Config(
    model="mlp1", dataset="digits", framework="torch", train_size=200, validation_size=40, crop=6, epochs=11,
    batch_size=32, learning_rate=0.003, train_evaluation_every=4,
)  # fmt: skip


def changed(**changes):
    return dataclasses.replace(BASE, **changes)


def line(epoch=3, loss=1.0, accuracy=0.5, validation=None):
    own = {"online_train_loss": loss, "online_train_accuracy": accuracy}
    return {"epoch": epoch, "train_loss": None, "train_accuracy": None, "validation_accuracy": validation, **own}


FITTED = [line() | {"train_accuracy": 0.995, "train_loss": 0.1}]


@pytest.mark.parametrize(
    "changes, history, now, due",
    [
        ({}, [], line(3), False),
        ({}, [], line(4), True),
        ({"train_evaluation_every": 1}, [], line(3), True),
        ({}, [], line(11), True),  # the last
        ({}, [], line(3, loss=None), True),  # perhaps diverged
        ({}, [], line(3, accuracy=0.939), False),
        ({}, [], line(3, accuracy=0.941), True),  # perhaps fitted
        ({}, FITTED, line(5, accuracy=0.995), False),
        ({"stop_accuracy": 1.0}, FITTED, line(5, accuracy=0.949), False),
        ({"stop_accuracy": 1.0}, FITTED, line(5, accuracy=0.951), True),
        ({"stop_loss": 0.1}, FITTED, line(5, loss=0.21), False),
        ({"stop_loss": 0.1}, FITTED, line(5, loss=0.19), True),
        ({"patience": 2}, [line(3, validation=0.5)], line(5, validation=0.5), True),
        ({"patience": 2}, [line(3, validation=0.5)], line(5, validation=0.6), False),
    ],
)
def test_the_training_set_is_measured_now_and_then_and_wherever_a_rule_may_hold(changes, history, now, due):
    assert is_due(changed(**changes), history, now) == due


def test_a_line_without_the_training_sets_measures_stops_nothing():
    assert stop_reason(changed(stop_loss=9.0, stop_accuracy=0.1, epochs=1), [line(5)]) == ""


def without_times(history):
    return [{name: value for name, value in line.items() if "seconds" not in name} for line in history]


@pytest.mark.parametrize("framework", ["torch", "keras"])
def test_what_is_measured_is_what_is_measured_every_epoch_and_the_rest_is_null(tmp_path, framework):
    often, seldom = changed(framework=framework, train_evaluation_every=1), changed(framework=framework)
    records = [train(config, Options(output_dir=tmp_path, threads=1)) for config in (often, seldom)]
    store = Store(tmp_path)
    whole, sparse = (without_times(store.history(run_id(config))) for config in (often, seldom))
    measured = [line["epoch"] for line in sparse if line["train_accuracy"] is not None]
    assert measured == [0, 4, 8, 11] and len(sparse) == 12
    for line, other in zip(sparse, whole, strict=True):
        null = {} if line["epoch"] in measured else dict.fromkeys(TRAINING)
        counted = {"online_train_accuracy": line["online_train_accuracy"]}
        assert line == other | null | counted
        assert (line["online_train_accuracy"] is None) == (line["epoch"] == 0)
    counted = {"online_train_accuracy": sparse[-1]["online_train_accuracy"]}
    assert records[1]["outcome"] == records[0]["outcome"] | counted
    assert records[1]["model"]["sha256"] != records[0]["model"]["sha256"]  # each names its own config
    arrays = store.arrays(run_id(seldom))
    assert set(np.unique(arrays["train_learned_epochs"])) <= {-1, 4, 8, 11}
    right = arrays["train_predictions"] == arrays["train_labels"]
    np.testing.assert_array_equal(arrays["train_learned_epochs"][right] > 0, True)
    assert run_id(often) != run_id(seldom) and run_id(changed(train_evaluation_every=1)) == run_id(
        Config(**{**vars(BASE), "train_evaluation_every": Config.train_evaluation_every})
    )


@pytest.mark.parametrize(
    "rule, reason",
    [
        ({"stop_accuracy": 0.9}, "train_accuracy"),
        ({"stop_loss": 0.3}, "train_loss"),
        ({"patience": 2, "learning_rate": 0.03}, "validation_accuracy"),
    ],
    ids=str,
)
def test_a_run_that_is_measured_seldom_stops_as_one_that_is_always_measured(tmp_path, rule, reason):
    fields, options = {"learning_rate": 0.01, "epochs": 40, **rule}, Options(output_dir=tmp_path, threads=1)
    records = [train(changed(**fields, train_evaluation_every=every), options) for every in (1, 40)]
    first, second = (record["outcome"] for record in records)
    assert first["stop_reason"] == second["stop_reason"] == reason
    assert first["epochs"] == second["epochs"] < 40 and first["train_loss"] == second["train_loss"] is not None
    assert first["epochs_to_fit"] == second["epochs_to_fit"]


def test_runs_of_a_stack_count_what_is_right_as_runs_alone_do(tmp_path):
    configs = [changed(model="mlp2", width=16, epochs=3, seed=seed) for seed in range(2)]
    train_stacked(configs, Options(output_dir=tmp_path / "stacked", threads=1))
    for config in configs:
        train(config, Options(output_dir=tmp_path / "alone", threads=1))
        stacked, alone = (
            [line["online_train_accuracy"] for line in Store(tmp_path / name).history(run_id(config))]
            for name in ("stacked", "alone")
        )
        assert stacked[0] is None and 0 < stacked[3] < 1 and stacked[1:] == pytest.approx(alone[1:], abs=0.011)
