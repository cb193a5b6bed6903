"""Runs trained as one program: what each of them would be alone, with its own stop, checkpoint, files and record."""

import dataclasses

import numpy as np
import pytest

from common.analysis.evaluator import load
from common.runs import trainers, training
from common.runs.config import Config, Options, run_id
from common.runs.run import Wanted
from common.runs.store import Store
from common.runs.training import drive, train, train_stacked
from common.runs.writer import Writer

pytestmark = pytest.mark.slow

BASE = Config(
    model="mlp2", width=16, dataset="digits", framework="torch", train_size=120, crop=None, epochs=3, batch_size=50,
    weight_decay=0.01, learning_rate=0.1,
)  # fmt: skip
SETTINGS = [
    {"seed": 0},
    {"seed": 1},
    {"seed": 1, "corruption": "gaussian", "corruption_fraction": 1.0},
    {"seed": 2, "corruption": "uniform", "corruption_fraction": 0.5, "data_seed": 1},
]


def runs(**changes):
    return [dataclasses.replace(BASE, **setting, **changes) for setting in SETTINGS]


def options(folder, **changes):
    return Options(output_dir=folder, threads=1, **changes)


def weights(folder, config):
    return load(Store(folder).model_path(config)).get_weights()


def assert_as_alone(configs, together, alone, tolerance=1e-5):
    """Weights and histories of the runs under both folders are the same within float tolerance."""
    for config in configs:
        expected = weights(alone, config)
        for name, array in weights(together, config).items():
            np.testing.assert_allclose(array, expected[name], rtol=0, atol=tolerance, err_msg=name)
        histories = [Store(folder).history(run_id(config)) for folder in (together, alone)]
        assert len(histories[0]) == len(histories[1])
        for line, other in zip(*histories, strict=True):
            assert set(line) == set(other)
            measured = [name for name in line if "accuracy" in name or "loss" in name]
            assert {name: line[name] for name in measured} == pytest.approx(
                {name: other[name] for name in measured}, abs=0.01
            )


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"optimizer": "adam", "learning_rate": 1e-3, "preprocessing": "per_channel"},
        {"momentum": 0.0, "validation_size": 20, "shuffle": False},
        {"model": "cnn", "width": None, "epochs": 1},
    ],
    ids=str,
)
def test_runs_that_are_stacked_end_as_they_do_alone(tmp_path, changes):
    configs = runs(**changes)
    records = train_stacked(configs, options(tmp_path / "together"))
    for config, record in zip(configs, records, strict=True):
        alone = train(config, options(tmp_path / "alone"))
        assert record == Store(tmp_path / "together").done(config)
        assert (record["environment"].pop("stacked"), alone["environment"].pop("stacked")) == (4, 1)
        for part in ("run_id", "config", "inputs", "environment", "data"):
            assert record[part] == alone[part]
        assert record["model"]["parameters"] == alone["model"]["parameters"]
    assert_as_alone(configs, tmp_path / "together", tmp_path / "alone")


def test_the_seconds_of_an_epoch_are_divided_among_the_runs(tmp_path, monkeypatch):
    seconds = iter([10.0, 13.0])

    def life(sent):
        sent.append((yield Wanted(0, 0, None, 0.1)))
        return "record"

    monkeypatch.setattr(training.time, "perf_counter", lambda: next(seconds))
    sent = []
    assert drive([life(sent) for _ in range(3)], lambda plans, rate, pause: [0.5, 0.6, 0.7]) == ["record"] * 3
    assert sent == [(0.5, 1.0), (0.6, 1.0), (0.7, 1.0)]


def test_each_round_trains_the_runs_that_want_the_earliest_epoch():
    def life(first, last):
        for epoch in range(first, last):
            yield Wanted(epoch, 0, f"plan {epoch}", epoch / 10)
        return last

    rounds = []
    lives = [life(2, 4), life(0, 3), life(1, 1), life(0, 1)]
    assert drive(lives, lambda plans, rate, pause: rounds.append((plans, rate)) or plans) == [4, 3, 1, 1]
    assert rounds == [
        ({1: "plan 0", 3: "plan 0"}, 0.0),
        ({1: "plan 1"}, 0.1),
        ({0: "plan 2", 1: "plan 2"}, 0.2),
        ({0: "plan 3"}, 0.3),
    ]


def test_runs_that_reach_their_goal_drop_out_and_the_others_go_on(tmp_path):
    configs = runs(epochs=8, stop_accuracy=0.6)
    together = [record["outcome"] for record in train_stacked(configs, options(tmp_path / "together"))]
    alone = [train(config, options(tmp_path / "alone"))["outcome"] for config in configs]
    for name in ("epochs", "stop_reason"):
        assert [outcome[name] for outcome in together] == [outcome[name] for outcome in alone]
    assert {outcome["stop_reason"] for outcome in together} == {"epochs", "train_accuracy"}
    assert len({outcome["epochs"] for outcome in together}) > 2
    assert_as_alone(configs, tmp_path / "together", tmp_path / "alone")


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_a_run_that_diverges_leaves_the_others_alone(tmp_path, monkeypatch):
    configs, first_weights = runs(), trainers.first_weights

    def spoilt(config, shapes, models):
        found = first_weights(config, shapes, models)
        return {name: array * (1e30 if config == configs[1] else 1) for name, array in found.items()}

    for config in configs:
        train(config, options(tmp_path / "alone"))
    monkeypatch.setattr(trainers, "first_weights", spoilt)
    records = train_stacked(configs, options(tmp_path / "together"))
    reasons = [record["outcome"]["stop_reason"] for record in records]
    assert reasons == ["epochs", "diverged", "epochs", "epochs"]
    assert_as_alone([configs[0], *configs[2:]], tmp_path / "together", tmp_path / "alone")


@pytest.mark.parametrize("changes", [{}, {"optimizer": "adam", "learning_rate": 1e-3}], ids=["sgd", "adam"])
def test_a_killed_stack_goes_on_from_checkpoints_of_different_epochs(tmp_path, monkeypatch, changes):
    configs = runs(epochs=5, **changes)
    killed, epoch = tmp_path / "killed", Writer.epoch

    def interrupted(writer, run):
        epoch(writer, run)
        if run.epoch == 4:
            raise KeyboardInterrupt

    monkeypatch.setattr(Writer, "epoch", interrupted)
    with pytest.raises(KeyboardInterrupt):  # after the fourth epoch of one run, the second of the others
        train_stacked(configs, options(killed, checkpoint_every=2))
    monkeypatch.setattr(Writer, "epoch", epoch)
    rounds, make_trainers = [], training.make_trainers

    def noted(*arguments):
        trainers, train_epoch = make_trainers(*arguments)
        return trainers, lambda plans, *rest: rounds.append(len(plans)) or train_epoch(plans, *rest)

    monkeypatch.setattr(training, "make_trainers", noted)
    train_stacked(configs, options(killed, checkpoint_every=2))
    assert rounds == [3, 3, 4]
    train_stacked(configs, options(tmp_path / "whole"))
    assert_as_alone(configs, killed, tmp_path / "whole")


def test_runs_that_are_done_are_not_trained_again_and_every_folder_is_locked(tmp_path, monkeypatch):
    configs, locked = runs(epochs=1), []
    first = train(configs[2], options(tmp_path))
    lock = Store.lock
    monkeypatch.setattr(Store, "lock", lambda store, name, **how: locked.append(name) or lock(store, name, **how))
    records = train_stacked([*configs, configs[0]], options(tmp_path))
    assert records[2] == first and records[4] == records[0]
    assert [record["environment"]["stacked"] for record in records] == [3, 3, 1, 3, 3]
    assert locked == sorted(run_id(config) for config in configs if config != configs[2])
    monkeypatch.setattr(training, "train_missing", None)
    assert train_stacked(configs, options(tmp_path)) == records[:4]


def test_runs_that_another_process_has_trained_meanwhile_are_read(tmp_path, monkeypatch):
    configs, lock = runs(epochs=1)[:2], Store.lock

    def late(store, name, **how):
        monkeypatch.setattr(Store, "lock", lock)
        for config in configs:
            train(config, options(tmp_path))
        return lock(store, name, **how)

    monkeypatch.setattr(Store, "lock", late)
    assert [record["environment"]["stacked"] for record in train_stacked(configs, options(tmp_path))] == [1, 1]


def test_runs_that_differ_in_seed_alone_share_one_task(tmp_path, monkeypatch):
    prepared, prepare = [], training.prepare
    monkeypatch.setattr(training, "prepare", lambda *arguments: prepared.append(arguments) or prepare(*arguments))
    train_stacked(runs(epochs=0), options(tmp_path))
    assert len(prepared) == 3
