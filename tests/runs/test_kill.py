"""A run that is killed goes on where it was and ends with the weights of one that was never killed."""

import json
import random
import runpy
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
SCRIPT = "experiments/mlp3_random_labels.py"
EPOCHS = 14
EXAMPLES = {"torch": 400, "keras": 160}  # whose steps take longer
FLAGS = (
    f"--dataset digits --crop 6 --random-crop --batch-size 8 --decay 0.9 --weight-decay 0.001 "
    f"--epochs {EPOCHS} --checkpoint-every 2 --threads 1"
)


def arguments(framework, output_dir):
    """Of the script of MLP 3x512 on random labels."""
    own = ["--framework", framework, "--train-size", str(EXAMPLES[framework]), "--output-dir", str(output_dir)]
    return [SCRIPT, *FLAGS.split(), *own]


def start(framework, output_dir):
    """The script, as a user starts it."""
    command = [sys.executable, *arguments(framework, output_dir)]
    return subprocess.Popen(command, cwd=ROOT, text=True, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)


def epochs_shown(lines):
    """The epoch numbers that the script prints on stderr, one by one."""
    for line in lines:
        if " epoch " in line:
            yield int(line.split(" epoch ")[1].split("/")[0])


def kill(process, epochs, share):
    """Kill after that many epochs, or after the last, and a share of one more; returns the first that it trained."""
    moments = {}
    for epoch in epochs_shown(process.stderr):
        moments[epoch] = time.monotonic()
        if len(moments) == epochs or epoch == EPOCHS:
            break
    first, last = min(moments), max(moments)
    time.sleep(share * (moments[last] - moments[first]) / max(1, last - first))
    process.kill()
    process.communicate()
    return first


@pytest.fixture
def finish(monkeypatch, capsys):
    """Runs the script to its end, in this process, and returns the epochs that it trained."""

    def run(framework, output_dir):
        monkeypatch.setattr(sys, "argv", arguments(framework, output_dir))
        capsys.readouterr()
        runpy.run_path(str(ROOT / SCRIPT), run_name="__main__")
        return list(epochs_shown(capsys.readouterr().err.splitlines()))

    return run


def only(folder, pattern):
    (path,) = folder.glob(pattern)
    return path


def history(output_dir):
    lines = only(output_dir, "runs/*/history.jsonl").read_text().splitlines()
    return [{name: value for name, value in json.loads(line).items() if "seconds" not in name} for line in lines]


@pytest.mark.parametrize("framework", ["torch", "keras"])
def test_a_run_killed_at_a_random_moment_ends_as_one_that_never_was(tmp_path, weights_sha256, finish, framework):
    random_moment, killed, whole = random.Random(0), tmp_path / "killed", tmp_path / "whole"
    process = start(framework, killed)
    assert kill(process, random_moment.randint(2, 4), random_moment.random()) == 1
    assert process.returncode == -signal.SIGKILL
    assert not list(killed.glob("runs/*/run.json")) and not list(killed.glob("saved_models/*"))
    if framework == "torch":  # and once more while it saves
        first = kill(start(framework, killed), EPOCHS, random_moment.random())
        assert first > 1 and first % 2 == 1  # after a checkpoint
        assert finish(framework, killed) in ([], [EPOCHS - 1, EPOCHS])
    else:
        shown = finish(framework, killed)
        assert shown == list(range(shown[0], EPOCHS + 1)) and shown[0] > 1 and shown[0] % 2 == 1
    assert finish(framework, whole) == list(range(1, EPOCHS + 1))
    assert history(killed) == history(whole) and len(history(whole)) == EPOCHS + 1
    model, expected = (only(folder, "saved_models/*") for folder in (killed, whole))
    assert model.name == expected.name and weights_sha256(model) == weights_sha256(expected)
    outcome, expected = (json.loads(only(f, "runs/*/run.json").read_text())["outcome"] for f in (killed, whole))
    assert outcome == expected
