"""One run in many processes of torchrun: the same as in one, killed or not, and one line where it cannot be."""

import dataclasses
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch

from common.data.datasets import load
from common.runs import processes, sweep, training
from common.runs.children import Answer
from common.runs.config import Config, Options, run_id
from common.runs.deadline import END, Deadline, now
from common.runs.store import Store
from torch_models import trainer as trainers
from torch_models.processes import gpus

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
SCRIPT = "experiments/mlp3_random_labels.py"
GROUPED = """
from common.runs.config import Config
from common.study import run
run("", Config(model="inception_v3", framework="torch", dataset="enlarged.npz", width=4, batch_norm_group=32, crop=40,
    auxiliary_weight=0.4, weight_average=0.9, optimizer="rmsprop", learning_rate=0.0001, label_smoothing=0.1,
    batch_size=64, epochs=1))
"""
WATCHED = """
import itertools
from common.runs import deadline, processes
from common.runs.config import Config
from common.runs.run import Run
from common.study import run
if processes.is_first():
    deadline.now = map(float, itertools.count(0, 6)).__next__
else:
    deadline.now = lambda: 0.0
Run.closing_seconds = 0.0
run("", Config(model="mlp3", framework="torch", dataset="digits", train_size=200, crop=6, random_crop=True, dropout=0.5,
    batch_size=32, epochs=2))
"""
FLAGS = {"framework": "torch", "dataset": "digits", "crop": 6, "train-size": 501, "batch-size": 100, "epochs": 3}


def flags(folder, **changes):
    named = {**FLAGS, "decay": 0.9, "device": "cpu", "output-dir": folder, **changes}
    return ["--random-crop", *(word for name, value in named.items() for word in (f"--{name}", str(value)))]


def torchrun(count, *command, **settings):
    """So many processes of a command, started as a user starts them."""
    launcher = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", str(count)]
    settings = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True, "cwd": ROOT, **settings}
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.Popen([*launcher, *command], env=environment, **settings)


def finished(process):
    out, error = process.communicate(timeout=300)
    assert process.returncode == 0, error
    return out


def weights(folder):
    (path,) = folder.glob("saved_models/*.pt")
    return {name: array.numpy() for name, array in torch.load(path)["state_dict"].items()}


def record(folder):
    (path,) = folder.glob("runs/*/run.json")
    return json.loads(path.read_text())


def history(folder):
    (path,) = folder.glob("runs/*/history.jsonl")
    lines = map(json.loads, path.read_text().splitlines())
    return [{name: value for name, value in line.items() if "seconds" not in name} for line in lines]


def alone(*command):
    done = subprocess.run([sys.executable, *command], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_two_processes_do_what_one_does_with_501_examples_and_say_so_once(tmp_path):
    one, two = tmp_path / "one", tmp_path / "two"
    alone(SCRIPT, *flags(one))
    said = finished(torchrun(2, SCRIPT, *flags(two)))
    assert said.count("training accuracy") == 1
    expected, found = weights(one), weights(two)
    for name in expected:
        np.testing.assert_allclose(found[name], expected[name], rtol=0, atol=1e-5)
    for line, other in zip(history(one), history(two), strict=True):
        assert other == pytest.approx(line, abs=1e-5)
    assert [record(folder)["environment"]["processes"] for folder in (one, two)] == [1, 2]
    assert record(one)["run_id"] == record(two)["run_id"] and record(two)["data"]["train_n"] == 501


def test_groups_of_batch_norm_make_the_number_of_processes_immaterial(tmp_path):
    (tmp_path / "grouped.py").write_text(GROUPED.replace("enlarged", str(tmp_path / "enlarged")))
    digits = load("digits")
    sizes = {"train": 96, "test": 20}
    images = {f"x_{split}": getattr(digits, f"x_{split}")[:n].repeat(5, 1).repeat(5, 2) for split, n in sizes.items()}
    labels = {f"y_{split}": getattr(digits, f"y_{split}")[:n] for split, n in sizes.items()}
    np.savez(tmp_path / "enlarged.npz", **images, **labels)
    one, two = tmp_path / "one", tmp_path / "two"
    alone(tmp_path / "grouped.py", "--output-dir", one)
    finished(torchrun(2, tmp_path / "grouped.py", "--output-dir", two))
    expected, found = weights(one), weights(two)
    for name in expected:  # 96 examples in batches of 64: the last step is one group, which one process has alone
        np.testing.assert_allclose(found[name], expected[name], rtol=1e-5, atol=1e-5)


def test_a_killed_process_ends_the_run_with_one_line_and_the_same_command_goes_on_to_the_same_bits(tmp_path):
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    more = {"epochs": 12, "batch-size": 5, "dropout": 0.2, "checkpoint-steps": 30}
    finished(torchrun(2, SCRIPT, *flags(whole, **more)))
    process = torchrun(2, SCRIPT, *flags(killed, **more))
    checkpoint = killed / "runs" / run_id_of(whole) / "checkpoint.npz"
    while not checkpoint.exists() or not begun(checkpoint):  # within an epoch
        assert process.poll() is None
        time.sleep(0.01)
    os.kill(worker(process.pid), signal.SIGKILL)
    start = time.monotonic()
    _, error = process.communicate(timeout=60)
    assert time.monotonic() - start < 20 and process.returncode
    assert error.count(f"error: {processes.ENDED}") == 1
    assert not list(killed.glob("runs/*/run.json"))
    finished(torchrun(2, SCRIPT, *flags(killed, **more)))
    expected, found = weights(whole), weights(killed)
    assert all(np.array_equal(found[name], expected[name]) for name in expected)
    assert history(killed) == history(whole) and not checkpoint.exists()


def test_the_first_process_says_when_time_is_over_and_all_pause_at_its_step(tmp_path):
    (tmp_path / "watched.py").write_text(WATCHED)
    whole, cut = tmp_path / "whole", tmp_path / "cut"
    finished(torchrun(2, tmp_path / "watched.py", "--device", "cpu", "--output-dir", whole))
    cuts = 0
    while not list(cut.glob("runs/*/run.json")):
        command = "--device", "cpu", "--output-dir", cut, "--time-limit", "40s"
        process = torchrun(2, tmp_path / "watched.py", *command)
        _, error = process.communicate(timeout=300)
        assert process.returncode == 0
        late = error.count("time limit: of 1 run 0 are done, 1 at a checkpoint; the same command goes on")
        assert late == (not list(cut.glob("runs/*/run.json"))) and cuts < 10
        cuts += late
    assert cuts >= 2
    expected, found = weights(whole), weights(cut)
    assert all(np.array_equal(found[name], expected[name]) for name in expected)
    assert history(cut) == history(whole)


def run_id_of(folder):
    return record(folder)["run_id"]


def begun(checkpoint):
    """Steps that a checkpoint has of an epoch."""
    with np.load(checkpoint) as arrays:
        return arrays.get("progress/taken", 0)


def worker(agent):
    """The second process that torchrun has started, which is not the first of the run."""
    children = Path(f"/proc/{agent}/task/{agent}/children").read_text().split()
    ranks = {Path(f"/proc/{pid}/environ").read_bytes().split(b"\0RANK=")[1][:1]: int(pid) for pid in children
             if b"\0RANK=" in Path(f"/proc/{pid}/environ").read_bytes()}  # fmt: skip
    return ranks[b"1"]


def test_wrong_input_is_said_once_by_the_processes_of_a_run(tmp_path):
    for arguments, said in [
        (["--framework", "keras"], "framework must be torch with processes"),
        (["--model", "inception", "--random-crop", "--crop", "6"], "batch_norm_group must be given"),
    ]:
        process = torchrun(2, SCRIPT, "--dataset", "digits", "--output-dir", tmp_path, "--train-size", "50", *arguments)
        _, error = process.communicate(timeout=120)
        assert process.returncode and error.count("error: ") == 1 and said in error


def test_a_sweep_has_each_run_trained_by_several_processes(tmp_path):
    config = Config(model="mlp1", framework="torch", dataset="digits", train_size=60, crop=None, epochs=1)
    options = Options(output_dir=tmp_path, processes=2, device="cpu")
    (trained,) = sweep.run([config], options)
    assert trained["environment"]["processes"] == 2
    missing = dataclasses.replace(config, initial_model="nothing.pt", seed=2)
    options = dataclasses.replace(options, threads=1)
    assert "initial_model must be a .pt file" in sweep.child([missing], 0.0, options).reason
    begun = dataclasses.replace(options, time_limit=Deadline("1s", now() + END + 2))  # over before they have started
    assert sweep.child([dataclasses.replace(config, seed=3)], 0.0, begun) == Answer("", sound=True, paused=True)


class Scheduler:
    """What a dask client knows of its workers."""

    def __init__(self, *gpus):
        self.workers = {place: {"resources": {"GPU": number} if number else {}} for place, number in enumerate(gpus)}

    def scheduler_info(self, n_workers):
        return {"workers": self.workers}


def test_a_run_asks_a_worker_for_a_gpu_for_each_of_its_processes():
    options = Options(processes=4)
    assert sweep.resources(Scheduler(8, 0), options) == {"GPU": 4}
    assert sweep.resources(Scheduler(0, 0), options) is sweep.resources(Scheduler(8), Options()) is None
    with pytest.raises(ValueError, match="processes must be at most 2"):
        sweep.resources(Scheduler(2), options)
    assert gpus("cpu") == 0 and gpus("auto") == torch.cuda.device_count()


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


def one_of(monkeypatch, rank, count):
    """This process is one of torchrun's."""
    known = {"TORCHELASTIC_RUN_ID": "none", "WORLD_SIZE": count, "RANK": rank, "LOCAL_RANK": rank}
    for name, value in {**known, "LOCAL_WORLD_SIZE": count}.items():
        monkeypatch.setenv(name, str(value))


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
