"""A run that is killed goes on where it was and ends with the weights of one that was never killed."""

import json
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
EPOCHS = 30
FLAGS = (
    f"--dataset digits --train-size 400 --crop 6 --random-crop --batch-size 8 --decay 0.9 --weight-decay 0.001 "
    f"--epochs {EPOCHS} --checkpoint-every 2 --threads 1"
)


def start(framework, output_dir):
    """The script of MLP 3x512 on random labels, as a user starts it."""
    command = [sys.executable, "experiments/mlp3_random_labels.py", "--framework", framework, *FLAGS.split()]
    command += ["--output-dir", str(output_dir)]
    return subprocess.Popen(command, cwd=ROOT, text=True, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)


def epochs_shown(process):
    """The epoch numbers that the process prints on stderr, one by one."""
    for line in process.stderr:
        if " epoch " in line:
            yield int(line.split(" epoch ")[1].split("/")[0])


def kill(process, epochs, share):
    """Kill after that many epochs, or after the last, and a share of one more; returns the first that it trained."""
    moments = {}
    for epoch in epochs_shown(process):
        moments[epoch] = time.monotonic()
        if len(moments) == epochs or epoch == EPOCHS:
            break
    first, last = min(moments), max(moments)
    time.sleep(share * (moments[last] - moments[first]) / max(1, last - first))
    process.kill()
    process.communicate()
    return first


def finish(process):
    """Wait for the end and return the epochs that were trained."""
    shown = list(epochs_shown(process))
    assert process.wait() == 0
    return shown


def only(folder, pattern):
    (path,) = folder.glob(pattern)
    return path


def history(output_dir):
    lines = only(output_dir, "runs/*/history.jsonl").read_text().splitlines()
    return [{name: value for name, value in json.loads(line).items() if "seconds" not in name} for line in lines]


@pytest.mark.parametrize("framework, kills", [("torch", 4), ("keras", 2)])
def test_a_run_killed_at_random_moments_ends_as_one_that_never_was(tmp_path, weights_sha256, framework, kills):
    random_moment, killed, whole = random.Random(0), tmp_path / "killed", tmp_path / "whole"
    firsts = []
    for _ in range(kills):
        process = start(framework, killed)
        firsts.append(kill(process, random_moment.randint(2, 4), random_moment.random()))
        assert process.returncode == -signal.SIGKILL
        assert not list(killed.glob("runs/*/run.json")) and not list(killed.glob("saved_models/*"))
    if framework == "torch":  # and once more while it saves
        process = start(framework, killed)
        firsts.append(kill(process, EPOCHS, random_moment.random()))
    shown = finish(start(framework, killed))
    assert firsts[0] == 1 and firsts[-1] > kills and all(first % 2 == 1 for first in firsts)  # after a checkpoint
    if framework == "torch":
        assert shown in ([], [EPOCHS - 1, EPOCHS])
    else:
        assert shown == list(range(shown[0], EPOCHS + 1)) and shown[0] % 2 == 1 and shown[0] > firsts[-1]
    assert finish(start(framework, whole)) == list(range(1, EPOCHS + 1))
    assert history(killed) == history(whole) and len(history(whole)) == EPOCHS + 1
    model, expected = (only(folder, "saved_models/*") for folder in (killed, whole))
    assert model.name == expected.name and weights_sha256(model) == weights_sha256(expected)
    outcome, expected = (json.loads(only(f, "runs/*/run.json").read_text())["outcome"] for f in (killed, whole))
    assert outcome == expected
