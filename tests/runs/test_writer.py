"""A run measures and its writer writes: without one it trains to the same numbers and leaves nothing behind."""

import dataclasses
import json
from functools import partial

import numpy as np
import pytest

from common.runs.config import Config, Options, run_id
from common.runs.run import Run
from common.runs.store import READOUT, Store
from common.runs.task import prepare
from common.runs.trainers import make_trainer
from common.runs.training import drive, train, train_alone
from common.runs.writer import Writer

pytestmark = pytest.mark.slow

CONFIG = Config(model="mlp1", dataset="digits", framework="torch", train_size=100, crop=6, epochs=3, batch_size=32)


class Silent(Writer):
    """What another process of the same run has."""

    def __enter__(self):
        return self

    def __exit__(self, *error):
        pass

    def epoch(self, run):
        pass

    def finish(self, run, reason):
        return run.record(reason, {})


class Counting(Writer):
    """Writes, and counts the calls."""

    def __init__(self, *arguments):
        super().__init__(*arguments)
        self.epochs, self.finished = [], []

    def epoch(self, run):
        super().epoch(run)
        self.epochs.append(run.epoch)

    def finish(self, run, *arguments):
        self.finished.append(run.epoch)
        return super().finish(run, *arguments)


def trained(writer, options):
    task = prepare(CONFIG)
    trainer = make_trainer(CONFIG, task, "cpu")
    run = Run(CONFIG, task, trainer, options, writer(CONFIG, options))
    Store.of(options).models.mkdir(parents=True)
    run.folder.mkdir(parents=True)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("OMP_WAIT_POLICY", "PASSIVE")
        (record,) = drive([run.live()], partial(train_alone, trainer))
    return run, record


def files(folder):
    return sorted(path.name for path in folder.rglob("*") if path.is_file())


def test_of_two_processes_that_train_the_same_run_one_writes_and_both_measure_the_same(tmp_path):
    options = [Options(output_dir=tmp_path / name, threads=1, keep_epochs=(0, 2)) for name in ("silent", "counting")]
    silent, record = trained(Silent, options[0])
    counting, written = trained(Counting, options[1])
    assert files(tmp_path / "silent") == []
    name = run_id(CONFIG)
    assert files(tmp_path / "counting") == sorted(
        ["arrays.npz", "epoch0000.pt", "epoch0002.pt", "history.jsonl", "run.json", f"{name}.pt"]
    )
    assert counting.writer.epochs == [0, 1, 2, 3] and counting.writer.finished == [3]
    assert record["outcome"] == written["outcome"] and record["model"] == {} != written["model"]
    times = ("seconds", "evaluate_seconds")
    for line, other in zip(silent.history, counting.history, strict=True):
        assert {key: line[key] for key in line if key not in times} == {
            key: other[key] for key in other if key not in times
        }


def test_what_a_run_with_its_own_writer_leaves_is_what_any_run_leaves(tmp_path):
    trained(Counting, dataclasses.replace(Options(output_dir=tmp_path / "given", threads=1)))
    train(CONFIG, Options(output_dir=tmp_path / "own", threads=1))
    assert set(files(tmp_path / "own")) - set(files(tmp_path / "given")) == {"lock"}
    records = [Store(tmp_path / name).record(run_id(CONFIG)) for name in ("given", "own")]
    assert records[0]["model"] == records[1]["model"] and records[0]["outcome"] == records[1]["outcome"]


def test_arrays_that_were_measured_of_a_network_stay_where_it_is_trained_again_to_the_same_bytes(tmp_path):
    options, name = Options(output_dir=tmp_path, threads=1), run_id(CONFIG)
    store = Store.of(options)
    record = train(CONFIG, options)
    own = store.arrays(name)
    critical = {"train_critical": np.ones(3, bool), "train_predictions": -own["train_predictions"]}
    store.add_arrays(name, critical)
    assert train(CONFIG, options, force=True)["model"] == record["model"]
    kept = store.arrays(name)
    assert kept.keys() == {*own, "train_critical"} and kept["train_critical"].all()
    assert (kept["train_predictions"] == own["train_predictions"]).all()
    path, lines = store.folder(name) / "run.json", store.folder(name) / READOUT
    lines.write_text("{}\n")
    path.with_name("arrays.npz").write_text("{")
    train(CONFIG, options, force=True)
    assert store.arrays(name).keys() == own.keys() and lines.exists()


def test_a_training_that_was_to_replace_another_and_was_killed_is_not_done(tmp_path, monkeypatch):
    options = Options(output_dir=tmp_path, threads=1, keep_epochs=(0,))
    record, store, measured = train(CONFIG, options), Store.of(options), Writer.epoch

    def stop(writer, run):
        measured(writer, run)
        if run.epoch == 1:
            raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(Writer, "epoch", stop)
        train(CONFIG, options, force=True)
    assert store.done(CONFIG) == record and store.done(CONFIG, (0,)) is None  # the network it keeps is the new one's
    again = train(CONFIG, options)
    assert store.done(CONFIG, (0,)) == again and not store.checkpoint(CONFIG).exists()


@pytest.mark.parametrize("spoil", [lambda record: record["model"] | {"sha256": "another network's"}, lambda _: []])
def test_of_another_network_nothing_stays(tmp_path, spoil):
    options, name = Options(output_dir=tmp_path, threads=1), run_id(CONFIG)
    store = Store.of(options)
    record = train(CONFIG, dataclasses.replace(options, keep_epochs=(0, 2)))
    kept = {path: path.read_bytes() for path in store.snapshots(CONFIG).values()}
    for path in (*kept, store.snapshot_path(CONFIG, 4)):
        path.write_bytes(b"another network")
    store.add_arrays(name, {"train_critical": np.ones(3, bool)})
    for file in (READOUT, "statistics.jsonl", "loss_sensitivity.npz"):
        (store.folder(name) / file).write_text("{}\n")
    (store.folder(name) / "run.json").write_text(json.dumps(record | {"model": spoil(record)}))
    train(CONFIG, options, force=True)
    assert {path: path.read_bytes() for path in store.snapshots(CONFIG).values()} == kept and len(kept) == 2
    assert files(store.folder(name)) == ["arrays.npz", "history.jsonl", "lock", "run.json"]
    assert "train_critical" not in store.arrays(name)
