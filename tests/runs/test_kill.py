"""A run that is killed goes on where it was and ends with the weights of one that was never killed."""

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from common.runs.config import Config, run_id
from common.runs.store import Store

ROOT = Path(__file__).parents[2]
EPOCHS = 30
FLAGS = {
    "dataset": "digits", "train-size": 400, "batch-size": 8, "crop": 6, "decay": 0.9, "weight-decay": 0.001,
    "epochs": EPOCHS, "checkpoint-every": 2, "threads": 1,
}  # fmt: skip


def start(output_dir, framework):
    """The script of MLP 3x512 on random labels, as a user starts it."""
    flags = FLAGS | {"framework": framework, "output-dir": output_dir}
    command = [sys.executable, "experiments/mlp3_random_labels.py"]
    command += [part for name, value in flags.items() for part in (f"--{name}", str(value))]
    return subprocess.Popen([*command, "--random-crop"], cwd=ROOT, stderr=subprocess.PIPE, text=True, bufsize=1,
                            stdout=subprocess.DEVNULL, env=os.environ | {"COLUMNS": "80"})  # fmt: skip


def epochs_shown(process):
    """The epoch numbers that the process prints on stderr, one by one."""
    for line in process.stderr:
        if " epoch " in line:
            yield int(line.split(" epoch ")[1].split("/")[0])


def kill_after(process, epochs, share):
    """Kill after that many epochs and a share of one more; the first epoch trained and whether it was killed."""
    shown = epochs_shown(process)
    first, began = next(shown), time.monotonic()
    for _ in range(epochs - 1):
        next(shown, None)
    time.sleep(share * (time.monotonic() - began) / max(1, epochs - 1))
    process.send_signal(signal.SIGKILL)
    process.communicate()
    return first, process.returncode == -signal.SIGKILL


@pytest.mark.parametrize("framework, kills", [("torch", 5), ("keras", 2)])
def test_a_run_killed_at_random_moments_ends_as_one_that_never_was(tmp_path, weights_sha256, framework, kills):
    delays, killed = random.Random(0), Store(tmp_path / "killed")
    config = Config(corruption="uniform", corruption_fraction=1.0, dataset="digits", train_size=400, batch_size=8,
                    crop=6, decay=0.9, weight_decay=0.001, epochs=EPOCHS, random_crop=True, framework=framework)  # fmt: skip
    name = run_id(config)
    firsts = []
    for _ in range(kills):
        first, was_killed = kill_after(start(killed.results, framework), delays.randint(2, 4), delays.random())
        assert was_killed and killed.record(name) is None and not killed.model_path(config).exists()
        firsts.append(first)
    last = start(killed.results, framework)
    shown = list(epochs_shown(last))
    assert last.wait() == 0 and shown == list(range(shown[0], EPOCHS + 1))
    firsts.append(shown[0])
    assert firsts[0] == 1 and firsts == sorted(firsts) and firsts[-1] > kills
    assert all(first % 2 == 1 for first in firsts)  # the epoch after a checkpoint
    whole = Store(tmp_path / "whole")
    assert start(whole.results, framework).wait() == 0
    histories = [
        [{key: value for key, value in line.items() if "seconds" not in key} for line in store.history(name)]
        for store in (killed, whole)
    ]
    assert histories[0] == histories[1] and len(histories[0]) == EPOCHS + 1
    assert weights_sha256(killed.model_path(config)) == weights_sha256(whole.model_path(config))
    assert killed.done(config)["outcome"] == whole.done(config)["outcome"]
