"""A time limit: nothing begins that could not be at a checkpoint in time, and what was cut ends with the same bits."""

import dataclasses
import json
from pathlib import Path

import distributed
import pytest

from common import job
from common.cli import one_line_errors
from common.errors import OutOfTime
from common.papers.decoding.raw_inputs import RawInputs
from common.runs import deadline, estimates, sweep, training
from common.runs.children import Answer
from common.runs.computation import carry_out, computation_id
from common.runs.config import Config, Options, run_id
from common.runs.deadline import Deadline, Watch, in_time
from common.runs.estimates import START_SECONDS, to_checkpoint
from common.runs.run import Run
from common.runs.store import Store, locked
from common.runs.task import prepare
from common.runs.trainers import make_trainer
from common.runs.training import train
from common.runs.writer import Writer

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
BASE = Config(
    model="mlp1", dataset="digits", framework="torch", train_size=200, crop=6, epochs=2, batch_size=32
)  # 7 steps each
LIMIT = int(deadline.END + deadline.FACTOR * START_SECONDS) + 2  # seconds without which nothing begins, and a bit


class Clock:
    """Goes on by `tick` seconds whenever it is looked at."""

    def __init__(self, tick):
        self.tick, self.seconds = tick, 0.0

    def __call__(self):
        self.seconds += self.tick
        return self.seconds


@pytest.fixture
def clock(monkeypatch):
    """A function that sets the clock of this process, beside which no evaluation takes any time."""
    monkeypatch.setattr(Run, "closing_seconds", 0.0)

    def set_clock(tick):
        made = Clock(tick)
        monkeypatch.setattr(deadline, "now", made)
        return made

    return set_clock


@pytest.fixture(autouse=True)
def nothing_known(monkeypatch, tmp_path):
    monkeypatch.setattr(estimates, "PUBLISHED", tmp_path / "published")
    monkeypatch.setattr(deadline, "LONGEST", {})


def changed(**changes):
    return dataclasses.replace(BASE, **changes)


def options(folder, limit=None, **changes):
    return Options(output_dir=folder, threads=1, time_limit=limit and Deadline.after(limit), **changes)


def results(configs, folder):
    """All that a run records and no clock tells."""
    store = Store(folder)
    return [
        {
            "outcome": (record := store.done(config))["outcome"],
            "sha256": record["model"]["sha256"],
            "history": [
                {name: value for name, value in line.items() if "seconds" not in name}
                for line in store.history(run_id(config))
            ],
            "arrays": {name: array.tolist() for name, array in store.arrays(run_id(config)).items()},
        }
        for config in configs
    ]


def cut_until_done(configs, folder, limit, **changes):
    """Give the same command again until all is done; what each cut said."""
    said = []
    while True:
        try:
            sweep.run(configs, options(folder, limit, **changes))
            return said
        except OutOfTime as late:
            said.append(str(late))
            assert len(said) < 30


@pytest.mark.parametrize("text, seconds", [("90s", 90), ("8m", 480), ("2h", 7200), ("1h30m", 5400), ("1h1m1s", 3661)])
def test_a_time_limit_is_read(clock, text, seconds):
    clock(0)
    assert Deadline.after(text) == Deadline(text, seconds)


@pytest.mark.parametrize("text", ["", "8", "m", "0s", "-8m", "8m30", "30s8m", "1.5h", "8 m"])
def test_what_is_no_time_is_one_line(text):
    with pytest.raises(ValueError, match=f"^time_limit must be a time as 90s, 8m, 2h or 1h30m. Received: .*'{text}'$"):
        Deadline.after(text)


def test_what_may_begin_ends_in_time_with_some_to_spare(clock):
    clock(0).seconds = 100.0
    limit = Deadline("", 100 + deadline.END + deadline.FACTOR * 10)
    assert limit.allows(10) and not limit.allows(10.1)


def test_a_run_stops_where_the_longest_step_so_far_would_be_too_long(clock):
    hour = clock(0)
    watch = Watch(Deadline.after("1h"), [])
    hour.seconds = 2900.0  # an evaluation, before steps begin
    watch.begin()
    hour.seconds += 250
    assert not watch.late() and watch.longest == 250
    hour.seconds += 100
    assert watch.late() and watch.longest == 250


def test_who_waits_for_another_process_waits_until_time_is_over(tmp_path, clock, monkeypatch):
    clock(0)
    monkeypatch.setattr(training, "train_missing", lambda *_: pytest.fail("began"))
    limited, settings = options(tmp_path, f"{LIMIT}s"), RawInputs()
    monkeypatch.setattr(Deadline, "left", 0.01)
    locks = [Store(tmp_path).folder(run_id(BASE)), Store(tmp_path).computation(computation_id(settings))]
    with locked(locks[0]), locked(locks[1]):
        with pytest.raises(OutOfTime, match=f"^another process is at {run_id(BASE)}$"):
            training.train(BASE, limited)
        with pytest.raises(OutOfTime, match=f"^another process is at {computation_id(settings)}$"):
            carry_out(settings, lambda: pytest.fail("began"), limited)
    with locked(locks[0], "lock", limited.time_limit):
        pass


def test_what_is_left_is_for_waiting(clock):
    hour = clock(0)
    limit = Deadline.after("1h")
    hour.seconds = 600.0
    assert limit.left == 3000 - deadline.END
    hour.seconds = 3600.0
    assert limit.left == 0


def test_work_that_cannot_be_cut_does_not_begin_where_the_longest_like_it_would_not_end(clock):
    hour = clock(0)
    limit = Deadline.after("1h")
    with in_time(limit, "read-outs", 60):
        hour.seconds += 2000
    with pytest.raises(OutOfTime, match="^not all read-outs are done$"), in_time(limit, "read-outs"):
        pytest.fail("began")
    with in_time(limit, "computations", 60), in_time(None, "read-outs", 9999):
        pass
    with pytest.raises(OutOfTime), in_time(limit, "computations", 1600):
        pytest.fail("began")


CUT = {
    "noise": {"input_noise": 0.1, "optimizer": "adam", "learning_rate": 0.001},
    "dropout": {"model": "mlp3", "dropout": 0.5, "learning_rate": 0.02, "schedule": "exponential", "decay": 0.5},
    "convolutions": {"model": "inception", "random_crop": True, "flip": True, "train_evaluation_every": 2},
    "keras": {
        **{"framework": "keras", "model": "mlp3", "dropout": 0.5, "weight_decay": 0.01, "epochs": 1},
        **{"learning_rate": 0.001},  # whose ratio to its float32 is not 1 in float32
    },
    "keras_convolutions": {
        **{"framework": "keras", "model": "alexnet", "random_crop": True, "optimizer": "adam", "epochs": 1},
        **{"learning_rate": 0.001, "weight_decay": 0.01, "precision": "bfloat16"},
    },
}


@pytest.mark.parametrize("name", CUT)
def test_a_run_that_is_cut_within_epochs_is_the_same_run(tmp_path, clock, name):
    config, watch = changed(**CUT[name]), clock(0)
    cut, whole = tmp_path / "cut", tmp_path / "whole"
    sweep.run([config], options(whole))
    watch.tick = 6  # which leaves two to three steps
    said = cut_until_done([config], cut, f"{LIMIT + 30}s")
    assert len(said) >= 2 and set(said) == {"of 1 run 0 are done, 1 at a checkpoint"}
    assert results([config], cut) == results([config], whole)
    lines = Store(cut).history(run_id(config))
    assert (
        all(line["seconds"] > 0 for line in lines[1:])
        and not (cut / "runs" / run_id(config) / "checkpoint.npz").exists()
    )


@pytest.mark.parametrize("name", CUT)
def test_a_run_that_is_killed_at_a_checkpoint_within_an_epoch_is_the_same_run(tmp_path, monkeypatch, name):
    config, written, write = changed(**CUT[name]), [], Writer.checkpoint
    sweep.run([config], options(tmp_path / "whole"))

    def kill(writer, run):
        write(writer, run)
        written.append(run.trainer.steps_taken)
        if written == [3]:
            raise KeyboardInterrupt

    monkeypatch.setattr(Writer, "checkpoint", kill)
    with pytest.raises(KeyboardInterrupt):
        sweep.run([config], options(tmp_path / "killed", checkpoint_steps=3))
    sweep.run([config], options(tmp_path / "killed", checkpoint_steps=3))
    assert written == [3, 6] * config.epochs
    assert results([config], tmp_path / "killed") == results([config], tmp_path / "whole")


def test_a_stack_keeps_checkpoints_within_epochs(tmp_path, monkeypatch):
    configs, taken, write = list(sweep.grid(changed(model="mlp2", width=16), seed=range(2))), [], Writer.checkpoint
    monkeypatch.setattr(sweep, "distribute", lambda configs, options, *_: in_one_child(configs, options))
    sweep.run(configs, options(tmp_path / "whole"))
    monkeypatch.setattr(Writer, "checkpoint", lambda *of: taken.append(of[1].trainer.steps_taken) or write(*of))
    sweep.run(configs, options(tmp_path / "kept", checkpoint_steps=4))
    assert taken == [4] * 4
    assert results(configs, tmp_path / "kept") == results(configs, tmp_path / "whole")


def test_a_stack_that_is_cut_is_the_same_stack(tmp_path, clock, monkeypatch):
    base = changed(model="mlp2", width=16)
    configs = [
        *sweep.grid(base, seed=range(2)),
        dataclasses.replace(base, corruption="uniform", corruption_fraction=1.0),
    ]
    watch = clock(0)
    monkeypatch.setattr(sweep, "distribute", lambda configs, options, *_: in_one_child(configs, options))
    sweep.run(configs, options(tmp_path / "whole"))
    watch.tick = 6
    said = cut_until_done(configs, tmp_path / "cut", f"{LIMIT + 42}s")
    assert len(said) >= 3 and "of 3 runs 0 are done, 3 at a checkpoint" in said
    assert results(configs, tmp_path / "cut") == results(configs, tmp_path / "whole")


def in_one_child(configs, options):
    """What a child makes of a job with these runs, in this process."""
    line = json.dumps(
        {
            "configs": list(map(sweep.as_dict, configs)),
            "options": sweep.encode(options),
            "force": False,
            "decode": False,
        }
    )
    answer = job.carry_out(line)
    assert not answer.reason
    return []


@pytest.fixture
def cluster_of_threads(monkeypatch):
    """Dask's workers are threads of this process, and children carry their jobs out in it."""
    local = distributed.LocalCluster
    monkeypatch.setattr(distributed, "LocalCluster", lambda **settings: local(**{**settings, "processes": False}))
    monkeypatch.setattr(sweep.CHILDREN, "carry_out", lambda framework, threads, line: job.carry_out(line))


def test_a_sweep_that_is_cut_ten_times_has_the_same_records(tmp_path, clock, cluster_of_threads):
    configs = [
        *sweep.grid(changed(model="mlp2", width=16), seed=[0, 1]),
        changed(corruption="uniform", corruption_fraction=0.5),
        changed(framework="keras", model="mlp3", dropout=0.5, epochs=1),
    ]
    watch = clock(0)
    sweep.run(configs, options(tmp_path / "whole", workers=1))
    watch.tick = 6
    said = cut_until_done(configs, tmp_path / "cut", f"{LIMIT + 36}s", workers=1)
    assert len(said) >= 10
    counts = [int(line.split()[3]) for line in said]
    assert counts == sorted(counts) and counts[0] == 0 and all(line.startswith("of 4 runs ") for line in said)
    assert results(configs, tmp_path / "cut") == results(configs, tmp_path / "whole")


def test_nothing_begins_that_could_not_be_at_a_checkpoint_in_time(
    tmp_path, clock, cluster_of_threads, monkeypatch, capsys
):
    clock(0)
    monkeypatch.setattr(sweep, "train", lambda *_: pytest.fail("began"))
    monkeypatch.setattr(job, "train_stacked", lambda *_: pytest.fail("began"))
    with pytest.raises(OutOfTime, match="^of 1 run 0 are done, 0 at a checkpoint, which takes about 18 seconds$"):
        sweep.run([BASE], options(tmp_path, f"{LIMIT - 3}s"))
    configs = list(sweep.grid(BASE, seed=[0, 1]))
    with pytest.raises(OutOfTime, match="^of 2 runs 0 are done, 0 at a checkpoint, which takes about 18 seconds$"):
        sweep.run(configs, options(tmp_path, f"{LIMIT - 3}s", workers=1))
    assert capsys.readouterr().err.count(" left for later\n") == 2


def test_a_run_knows_how_long_it_takes_to_a_checkpoint(tmp_path, monkeypatch):
    task, given = prepare(BASE), options(tmp_path, "8m")
    run = Run(BASE, task, make_trainer(BASE, task, "cpu"), given)
    assert run.closing_seconds == 0
    next(run.live())
    assert run.checkpoint.exists() and run.closing_seconds == run.seconds["measure"] + run.writer.seconds > 0
    run.seconds["measure"] = 1000.0
    assert Watch(given.time_limit, [run]).late() and not Watch(given.time_limit, []).late()
    again = Run(BASE, task, make_trainer(BASE, task, "cpu"), given)
    run.writer.checkpoint(run)
    assert again.restore() and again.seconds["measure"] == 1000


def test_a_forced_sweep_would_never_end(tmp_path):
    with pytest.raises(ValueError, match="^force must be off with a time limit, .*Received: force=True$"):
        sweep.run([BASE], options(tmp_path, "8m"), force=True)
    with pytest.raises(ValueError, match="^force must be off with a time limit, .*Received: force=True$"):
        carry_out(RawInputs(), lambda: pytest.fail("began"), options(tmp_path, "8m"), force=True)


def test_a_checkpoint_is_reached_after_a_start_and_two_evaluations_of_every_run_of_a_program(tmp_path, monkeypatch):
    record = train(BASE, options(tmp_path))
    record["time"]["evaluate_seconds"] = 20.0  # of two epochs
    assert to_checkpoint([BASE, changed(seed=1)], [record], options(tmp_path)) == START_SECONDS + 40
    assert to_checkpoint([changed(model="mlp3")], [record], options(tmp_path)) == START_SECONDS


def test_a_child_says_that_it_was_paused_and_reads_nothing_out_then(tmp_path, clock, monkeypatch):
    clock(0)
    monkeypatch.setattr(job, "decode_run", lambda *_, **__: pytest.fail("read out"))
    given = options(tmp_path, "1s")
    line = {"configs": [sweep.as_dict(BASE)], "options": sweep.encode(given), "force": False, "decode": True}
    assert job.carry_out(json.dumps(line)) == Answer("", sound=True, paused=True)
    assert (Store(tmp_path).folder(run_id(BASE)) / "checkpoint.npz").exists()


def test_time_that_is_over_is_one_line_and_no_error(capsys):
    with one_line_errors():
        raise OutOfTime("of 3 runs 1 are done, 1 at a checkpoint")
    assert capsys.readouterr().err == "time limit: of 3 runs 1 are done, 1 at a checkpoint; the same command goes on\n"
