"""One run in many processes of torchrun: the same as in one, killed or not, and one line where it cannot be."""

import contextlib
import dataclasses
import json
import os
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from itertools import product
from pathlib import Path

import numpy as np
import psutil
import pytest
import torch
from made_up import one_of
from torch.distributed import TCPStore
from torch.distributed import run as launcher
from torch.distributed.elastic.multiprocessing.errors import ChildFailedError

from common import job
from common.cli import one_line_errors
from common.data.datasets import identified, load
from common.errors import OutOfTime, RunsFailed
from common.runs import processes, sweep, threads, training
from common.runs.children import Answer
from common.runs.config import Actions, Config, Options, as_dict, run_id
from common.runs.store import Store
from common.study import run_all
from torch_models import processes as exchange
from torch_models import trainer as trainers
from torch_models.inception_v3 import InceptionV3
from torch_models.processes import gpus

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
SCRIPT = """
import itertools, json, sys
from pathlib import Path
import torch
from common.cli import one_line_errors
from common.runs import deadline, processes, sweep
from common.runs.config import Options, from_dict
from common.runs.run import Run
from common.study import run
torch.backends.mkldnn.set_flags(False)  # whose convolutions have other last bits in other batches
configs = [from_dict(fields) for fields in json.loads(Path(sys.argv.pop(1)).read_text())]
if processes.is_first():
    deadline.now = map(float, itertools.count(0, 6)).__next__
else:
    deadline.now = lambda: 0.0
Run.closing_seconds = 0.0
if len(configs) == 1:
    run("", *configs)
else:
    with one_line_errors():
        sweep.run(configs, Options(output_dir=Path(sys.argv[-1]), device="cpu", threads=1))
"""
UNEQUAL = Config(
    model="mlp1", framework="torch", dataset="digits", train_size=501, crop=6, random_crop=True, batch_size=100,
    epochs=3,
)  # fmt: skip
LONG = dataclasses.replace(UNEQUAL, train_size=200, dropout=0.5, batch_size=5, epochs=6)
GROUPED = Config(
    model="inception_v3", framework="torch", width=4, batch_norm_group=32, crop=40, auxiliary_weight=0.4,
    weight_average=0.9, optimizer="rmsprop", learning_rate=0.000001, label_smoothing=0.1, batch_size=64, epochs=1,
)  # fmt: skip


def torchrun(folder, configs, *words, **environment):
    """Two processes that train these, as torchrun starts them, which is in this one: 0, or the least failed status.

    One thread each, beside those of numpy's libraries.
    """
    (folder / "script.py").write_text(SCRIPT)
    (folder / "configs.json").write_text(json.dumps([as_dict(config) for config in configs]))
    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    with pytest.MonkeyPatch.context() as patch:
        for name, value in {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", **environment}.items():
            patch.setenv(name, value)
        command = folder / "script.py", folder / "configs.json", *words, "--threads", "1", "--output-dir", folder
        try:
            launcher.main(["--standalone", "--nproc-per-node", "2", *map(str, command)])
        except ChildFailedError as error:
            return min(failure.exitcode for failure in error.failures.values())
        finally:
            for number, handler in handlers.items():
                signal.signal(number, handler)
    return 0


def weights(folder, config):
    (path,) = (folder / "saved_models").glob(f"{run_id(config)}*.pt")
    return {name: array.numpy() for name, array in torch.load(path)["state_dict"].items()}


def record(folder, config):
    return json.loads((folder / "runs" / run_id(config) / "run.json").read_text())


def history(folder, config):
    lines = map(json.loads, (folder / "runs" / run_id(config) / "history.jsonl").read_text().splitlines())
    return [{name: value for name, value in line.items() if "seconds" not in name} for line in lines]


@pytest.fixture(scope="module")
def grouped(tmp_path_factory):
    """97 examples in batches of 64: the last step is one group, of 33, which one process has alone."""
    folder, digits = tmp_path_factory.mktemp("enlarged"), load("digits")
    images = {f"x_{split}": getattr(digits, f"x_{split}")[:97].repeat(5, 1).repeat(5, 2) for split in ("train", "test")}
    labels = {f"y_{split}": getattr(digits, f"y_{split}")[:97] for split in ("train", "test")}
    np.savez(folder / "enlarged.npz", **images, **labels)
    return dataclasses.replace(GROUPED, dataset=identified(str(folder / "enlarged.npz")))


@pytest.fixture(scope="module")
def two(tmp_path_factory, grouped):
    """The folder of what two processes have trained."""
    folder = tmp_path_factory.mktemp("two")
    assert torchrun(folder, [UNEQUAL, grouped, LONG]) == 0
    return folder


def test_two_processes_do_what_one_does_whatever_the_last_batch_and_groups_of_batch_norm(two, grouped, tmp_path):
    for config in (UNEQUAL, grouped):
        with torch.backends.mkldnn.flags(enabled=False):  # as in the script
            training.train(config, Options(output_dir=tmp_path, device="cpu", threads=1))
        expected, found = weights(tmp_path, config), weights(two, config)
        for name in expected:
            np.testing.assert_allclose(found[name], expected[name], rtol=1e-6, atol=1e-7)
        for line, other in zip(history(tmp_path, config), history(two, config), strict=True):
            assert other == pytest.approx(line, abs=1e-5)
        assert [record(folder, config)["environment"]["processes"] for folder in (tmp_path, two)] == [1, 2]
    assert record(two, UNEQUAL)["data"]["train_n"] == 501


def test_a_time_limit_or_a_killed_process_ends_the_run_with_one_line_and_a_sweep_too_goes_on_to_the_same_bits(
    two, tmp_path, capfd
):
    words = "--device", "cpu", "--checkpoint-steps", "15"
    assert torchrun(tmp_path, [LONG], *words, "--time-limit", "60s") == 0
    said = "time limit: of 1 run 0 are done, 1 at a checkpoint; the same command goes on"
    assert capfd.readouterr().err.count(said) == 1
    checkpoint = tmp_path / "runs" / run_id(LONG) / "checkpoint.npz"
    cut = checkpoint.stat().st_mtime_ns
    with np.load(checkpoint) as arrays:
        assert arrays["progress/taken"] > 0  # within an epoch

    def kill():
        while checkpoint.stat().st_mtime_ns == cut:
            time.sleep(0.005)
        os.kill(second_process(), signal.SIGKILL)
        return time.monotonic()

    with ThreadPoolExecutor(1) as thread:
        killed = thread.submit(kill)
        assert torchrun(tmp_path, [LONG], *words, OMP_NUM_THREADS="2") == -signal.SIGKILL
        assert time.monotonic() - killed.result() < 20
    assert capfd.readouterr().err.count(f"error: {processes.ENDED}") == 1
    assert not list(tmp_path.glob("runs/*/run.json"))
    (done,) = sweep.run([LONG], Options(output_dir=tmp_path, processes=2, device="cpu", threads=1))
    assert done["environment"]["processes"] == 2
    expected, found = weights(two, LONG), weights(tmp_path, LONG)
    assert all(np.array_equal(found[name], expected[name]) for name in expected)
    assert history(tmp_path, LONG) == history(two, LONG) and not checkpoint.exists()


def second_process():
    """What torchrun has started in this process, but the first of the run."""
    environments = {child.pid: child.environ() for child in psutil.Process().children()}
    (found,) = (number for number, environment in environments.items() if environment.get("RANK") == "1")
    return found


def test_of_many_processes_the_first_that_has_something_to_say_speaks(monkeypatch):
    store = TCPStore("localhost", 0, is_master=True)
    for name, value in (("MASTER_ADDR", "localhost"), ("MASTER_PORT", store.port), ("TORCHELASTIC_RUN_ID", "none")):
        monkeypatch.setenv(name, str(value))
    assert [exchange.speaks() for _ in range(3)] == [True, False, False]
    del store
    monkeypatch.setattr(exchange, "ANSWER", timedelta(milliseconds=10))
    for rank in (0, 1):  # nobody counts any more
        one_of(monkeypatch, rank, 2)
        assert exchange.speaks() == (rank == 0)


WATCHING = """
import time
import numpy
from common.runs import processes
processes.speaks = lambda: True
processes.watch()
numpy.ones((300, 300)) @ numpy.ones((300, 300))
print("ready", flush=True)
time.sleep(60)
"""


def test_torchruns_signal_is_heeded_beside_threads_of_libraries_and_while_nothing_returns():
    known = {"TORCHELASTIC_RUN_ID": "none", "WORLD_SIZE": "2", "RANK": "1"}
    environment = {**os.environ, **known, "PYTHONPATH": str(ROOT), "OPENBLAS_NUM_THREADS": "2", "OMP_NUM_THREADS": "2"}
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    process = subprocess.Popen([sys.executable, "-c", WATCHING], env=environment, **pipes)
    assert process.stdout.readline() == "ready\n"
    process.send_signal(signal.SIGTERM)
    _, error = process.communicate(timeout=20)
    assert (process.returncode, error) == (1, f"error: {processes.ENDED}\n")


@pytest.mark.parametrize("ended, status", [
    (None, 0), (SystemExit(), 0), (SystemExit(3), 3), (ValueError("n must be 1. Received: n=2"), 2),
    (RunsFailed("1 of 2 runs failed"), 1), (OutOfTime("of 1 run 0 are done"), 0), (ZeroDivisionError("a defect"), 1),
])  # fmt: skip
def test_one_of_many_processes_ends_at_once_whatever_became_of_it(monkeypatch, capsys, ended, status):
    one_of(monkeypatch, 1, 2)
    left = []
    monkeypatch.setattr(os, "_exit", left.append)
    monkeypatch.setattr(processes, "watch", lambda: None)
    monkeypatch.setattr(processes, "speaks", lambda: True)
    with one_line_errors():
        if ended:
            raise ended
    assert left == [status]
    error = capsys.readouterr().err
    assert ("Traceback" in error) == isinstance(ended, ZeroDivisionError)
    assert isinstance(ended, SystemExit) or str(ended or "") in error


def test_what_processes_together_cannot_train_is_refused(monkeypatch):
    one_of(monkeypatch, 1, 2)
    with pytest.raises(ValueError, match="framework must be torch with processes"):
        training.check_processes([dataclasses.replace(UNEQUAL, framework="keras")])
    for name, value in (("scheduler", "tcp://here:1"), ("workers", 2), ("processes", 2)):
        with pytest.raises(ValueError, match=f"{name} must be .* under torchrun. Received: {name}={value}"):
            sweep.run([UNEQUAL], Options(**{name: value}))
    whole = dataclasses.replace(GROUPED, batch_norm_group=None)
    with pytest.raises(ValueError, match="batch_norm_group must be given"):
        trainers.check_parts(whole, InceptionV3((39, 39, 3), 5, width=1))
    one_of(monkeypatch, 1, 3)
    with pytest.raises(ValueError, match="each of 3 processes. Received: batch_size=65, batch_norm_group=32"):
        trainers.check_parts(dataclasses.replace(GROUPED, batch_size=65), None)  # an example alone makes no third group


@pytest.mark.parametrize("rank, obtained", [(0, ["digits"]), (1, [])])
def test_the_first_process_has_data_come_before_any_reads_it(monkeypatch, rank, obtained):
    one_of(monkeypatch, rank, 2)
    done = []
    monkeypatch.setattr(training.datasets, "obtain", lambda name, folder: done.append(name))
    monkeypatch.setattr(processes, "told", lambda value: done.append("all go on"))
    training.obtain([UNEQUAL, LONG], Options())
    assert done == [*obtained, "all go on"]


def test_processes_share_the_cores_and_one_of_them_lists_runs_and_says_what_came_out(monkeypatch, capsys, tmp_path):
    monkeypatch.setattr(sweep, "run", lambda *arguments: [{"outcome": {"epochs": 0}}])
    for rank, lists in product((0, 1), (True, False)):
        one_of(monkeypatch, rank, 2)
        with pytest.raises(SystemExit) if rank or lists else contextlib.nullcontext():
            assert len(run_all([UNEQUAL], Options(output_dir=tmp_path, threads=1), Actions(list=lists))) == 1
    assert capsys.readouterr().out.count("1 run") == 1
    monkeypatch.setattr(threads, "cores", lambda: 6)
    for given, expected in (("1", 3), ("2", 2)):  # torchrun's own, and a user's
        monkeypatch.setenv("OMP_NUM_THREADS", given)
        assert threads.limit_threads(0) == expected


def test_a_message_between_processes_that_fails_says_why(monkeypatch):
    def broken():
        raise RuntimeError("Connection closed by peer")

    monkeypatch.setattr(exchange, "connect", broken)
    with pytest.raises(RunsFailed) as caught:
        exchange.told(1)
    assert str(caught.value) == f"{processes.ENDED} (Connection closed by peer)"


@pytest.mark.parametrize("said, answer", [
    (f"echo '{json.dumps(Answer('why', False)._asdict())}'; exit 1", Answer("why", False)),
    ("exit 3", Answer("ended with status 3", sound=True)), ("exit 0", Answer("", sound=True)),
])  # fmt: skip
def test_what_processes_say_of_a_job_is_its_answer_or_else_their_status(monkeypatch, tmp_path, said, answer):
    (tmp_path / "python").write_text(f"#!/bin/sh\n{said}\n")
    (tmp_path / "python").chmod(0o700)
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))
    assert sweep.child([UNEQUAL], 0.0, Options(processes=2, threads=1)) == answer


@pytest.mark.parametrize("answer, given, status", [
    (Answer("", True, paused=True), 1, 0), (Answer("why", False), 1, 1), (Answer("", True), 0, 0)
])  # fmt: skip
def test_one_of_the_processes_of_a_job_answers_where_it_did_not_come_to_its_end(monkeypatch, answer, given, status):
    said = []
    monkeypatch.setattr(job, "answers_alone", lambda: 1)
    monkeypatch.setattr(job, "lines", lambda: iter([""]))
    monkeypatch.setattr(job, "carry_out", lambda line: answer)
    monkeypatch.setattr(job, "give", lambda answers, each: said.append(each))
    monkeypatch.setattr(processes, "speaks", lambda: True)
    assert job.carry_out_together("{}") == status and said == [answer] * given


class Scheduler:
    """What a dask client knows of its workers."""

    def __init__(self, *gpus):
        self.workers = {place: {"resources": {"GPU": number} if number else {}} for place, number in enumerate(gpus)}

    def scheduler_info(self, n_workers):
        return {"workers": self.workers}


def test_a_run_in_several_processes_takes_all_gpus_of_a_worker(monkeypatch):
    options = Options(processes=4)
    assert sweep.resources(Scheduler(8, 4, 0), options) == {"GPU": 8}
    assert sweep.resources(Scheduler(0, 0), options) is sweep.resources(Scheduler(8), Options()) is None
    with pytest.raises(
        ValueError, match="processes must be at most 2, the GPUs of this machine. Received: processes=4"
    ):
        sweep.resources(Scheduler(2), options)
    with pytest.raises(ValueError, match="the GPUs that a worker offers .*--resources GPU=N"):
        sweep.resources(Scheduler(2), dataclasses.replace(options, scheduler="tcp://here:1"))
    assert gpus("cpu") == 0 and gpus("auto") == torch.cuda.device_count()
    monkeypatch.setattr(exchange, "gpus", lambda device: 8)
    assert [sweep.gpus_here(each) for each in (Options(), options, Options(processes=4, workers=1))] == [0, 8, 8]
    assert sweep.gpus_here(Options(processes=4, workers=2, scheduler="tcp://here:1")) == 0
    with pytest.raises(ValueError, match="workers must be 1 where a run takes all GPUs. Received: workers=2"):
        sweep.distribute([UNEQUAL], Options(processes=4, workers=2))


def test_more_processes_than_gpus_are_refused(monkeypatch):
    placed = []
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr(torch.cuda, "set_device", placed.append)
    one_of(monkeypatch, 1, 2)
    assert trainers.find_device("auto") == torch.device("cuda", 1) and placed == [torch.device("cuda", 1)]
    one_of(monkeypatch, 1, 3)
    with pytest.raises(ValueError, match="nproc-per-node must be at most 2"):
        trainers.find_device("auto")
    assert trainers.find_device("cpu").type == "cpu"


@pytest.mark.parametrize("n, group", [(501, 1), (501, 32), (7, 32), (0, 1), (0, 32), (96, 32), (65, 32), (1, 32)])
def test_every_example_is_one_processs_and_groups_are_whole(monkeypatch, n, group):
    parts = []
    for rank in range(3):
        one_of(monkeypatch, rank, 3)
        parts.append(processes.own_part(n, group))
    assert [place for part in parts for place in range(n)[part]] == list(range(n))
    assert all(part.start % group == 0 or part.start == n for part in parts)
    assert n == 1 or all(part.stop - part.start != 1 for part in parts) or group == 1


@pytest.mark.parametrize("name", ["checkpoint_steps", "processes"])
def test_numbers_of_steps_and_processes_are_positive(name):
    with pytest.raises(ValueError, match=f"{name} must be positive"):
        Options(**{name: 0})


def test_processes_must_find_one_checkpoint(tmp_path, monkeypatch):
    config = Config(model="mlp1", framework="torch", dataset="digits", train_size=60, crop=None, epochs=1)
    options = Options(output_dir=tmp_path)
    monkeypatch.setattr(processes, "told", lambda value: (True, 3, 0) if isinstance(value, tuple) else value)
    with pytest.raises(ValueError, match="one folder for all processes"):
        training.train(config, options)
    assert not Store.of(options).record(run_id(config))
