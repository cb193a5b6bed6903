"""A run while it trains: from a Config and its examples to a saved model and its record, resumable at checkpoints."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Generator
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

import numpy as np

from common.data import epochs
from common.errors import OutOfTime, in_short
from common.runs import processes
from common.runs.config import Config, Options, as_dict, from_dict, run_id
from common.runs.evaluation import finite, mean, score, share, top5
from common.runs.learning import Learning
from common.runs.record import describe, environment, outcome
from common.runs.stopping import is_due, stop_reason
from common.runs.store import Record, Store, code_version, read_arrays
from common.runs.task import Task
from common.runs.trainers import Arrays, Online, Trainer, never
from common.runs.writer import Writer

SCHEMA = 1
TRAINING = (
    "train_loss",
    *("train_accuracy", "train_accuracy_corrupted", "train_accuracy_untouched", "train_accuracy_true_labels"),
    "train_top5_accuracy",
)


class Wanted(NamedTuple):
    """An epoch that a run wants trained, counted from 0, of which some steps may be taken."""

    epoch: int
    taken: int
    plan: epochs.EpochPlan
    learning_rate: float


Life = Generator[Wanted, tuple[Online | None, float], Record]


class Run:
    """A config, its examples and its trainer, with all that a checkpoint keeps: the history and what was learned when.

    `history` has a line for each epoch, the first of the untrained network; `stretches` say by which code and in which
    environment it trained since which epoch; `seconds` are those spent on the epoch that is paused, and on the longest
    evaluation.
    """

    def __init__(self, config: Config, task: Task, trainer: Trainer, options: Options, writer: Writer | None = None):
        self.config, self.task, self.trainer, self.options = config, task, trainer, options
        self.store = Store.of(options)
        self.folder = self.store.folder(run_id(config))
        self.writer = writer or Writer(config, options)
        self.learning = Learning(len(task.measured))
        self.inputs = self.store.inputs(config)
        self.history: list[Record] = []
        self.stretches: list[Record] = []
        self.seconds = {"epoch": 0.0, "measure": 0.0}

    @property
    def epoch(self) -> int:
        """How many epochs it has trained."""
        epoch: int = self.history[-1]["epoch"]
        return epoch

    @property
    def checkpoint(self) -> Path:
        """File that a killed run goes on from."""
        return self.store.checkpoint(self.config)

    @property
    def closing_seconds(self) -> float:
        """Time for what may have to be done before a pause: an evaluation and a checkpoint."""
        return self.seconds["measure"] + self.writer.seconds

    def live(self, force: bool = False, late: Callable[[], bool] = never) -> Life:
        """From the last checkpoint, or with `force` from the start, to the record, until a stop rule holds.

        It yields each epoch that it wants trained, and is sent what came out on the way, none where the epoch is
        paused, and the seconds. Where one is paused it keeps a checkpoint; where it is late, too, it raises OutOfTime.
        """
        started = datetime.now(UTC).isoformat(timespec="seconds")
        with self.writer:
            if not self.resumed(force):
                self.add_line({"epoch": 0, "learning_rate": None, "seconds": 0.0}, None)
            self.begin_stretch(started)
            if self.options.time_limit:  # how long does it take?
                self.writer.checkpoint(self)
            while not (reason := stop_reason(self.config, self.history)):
                learning_rate = self.config.learning_rate_at(self.epoch)
                plan = draw_plan(self.config, self.task, self.epoch)
                online, seconds = yield Wanted(self.epoch, self.trainer.steps_taken, plan, learning_rate)
                self.seconds["epoch"] += seconds
                if online is None:
                    self.check(late())
                    self.writer.checkpoint(self)
                    continue
                line = {"epoch": self.epoch + 1, "learning_rate": learning_rate, "seconds": self.seconds["epoch"]}
                self.add_line(line, online)
            self.check(late())
        return processes.told(self.writer.finish(self, reason))

    def begin_stretch(self, started: str) -> None:
        """Note where it goes on, unless that is as before."""
        here = {"code": code_version(), "environment": environment(self.config, self.trainer)}
        if not self.stretches or not here.items() <= self.stretches[-1].items():
            self.stretches.append({"start_utc": started, "epoch": self.epoch, **here})

    def resumed(self, force: bool) -> bool:
        """Whether it goes on from a checkpoint; all its processes must find the same one."""
        restored = not force and self.restore()
        place = restored, len(self.history), self.trainer.steps_taken
        if processes.told(place) != place:
            raise ValueError(f"output_dir must be one folder for all processes. Received: {self.folder}")
        return restored

    def check(self, late: bool) -> None:
        """Where it is late, leave a checkpoint and raise OutOfTime."""
        if late:
            self.writer.checkpoint(self)
            raise OutOfTime(f"{run_id(self.config)} is at a checkpoint")

    def add_line(self, line: Record, online: Online | None) -> None:
        """Measure an epoch and write what is due."""
        start = time.perf_counter()
        self.history.append(self.measure(line, online))
        seconds = time.perf_counter() - start
        if online:
            self.history[-1]["evaluate_seconds"] = seconds
        self.seconds = {"epoch": 0.0, "measure": max(self.seconds["measure"], seconds)}
        self.writer.epoch(self)

    def measure(self, line: Record, online: Online | None) -> Record:
        """The line of an epoch with its measures: loss (cross-entropy without penalty) and accuracies on every split.

        None is what there is nothing of, and the training set's where it is not due.
        """
        held_out, own = self.measure_held_out(), means(online)
        due = is_due(self.config, self.history, line | held_out | own)
        training = self.measure_training(line["epoch"]) if due else dict.fromkeys(TRAINING)
        return line | training | held_out | own

    def measure_held_out(self) -> Record:
        """The measures of validation and test set."""
        task = self.task
        validation = score(self.trainer, task.validation, task.validation.labels).predictions
        test, guesses, ranks = score(self.trainer, task.test, task.test.true_labels)
        return {
            "validation_accuracy": share(validation == task.validation.labels),
            "test_loss": mean(test),
            "test_accuracy": share(guesses == task.test.true_labels),
            "test_top5_accuracy": top5(ranks, task.num_classes),
            "test_accuracy_corrupted_labels": share(guesses == task.test.labels),
        }

    def measure_training(self, epoch: int) -> Record:
        """The measures of the training set, whose examples are counted as learned or not."""
        examples = self.task.measured
        losses, guesses, ranks = score(self.trainer, examples, examples.labels)
        corrupted, correct = examples.corrupted, guesses == examples.labels
        self.learning.update(epoch, correct)
        shares = (correct, correct[corrupted], correct[~corrupted], guesses == examples.true_labels)
        measures = [mean(losses), *map(share, shares), top5(ranks, self.task.num_classes)]
        return dict(zip(TRAINING, measures, strict=True))

    def metadata(self) -> Record:
        """What a file of the network as it is says of itself."""
        return {"config": as_dict(self.config), "epoch": self.epoch, **self.task.statistics}

    def state(self) -> Arrays:
        """All that a checkpoint holds: weights, optimizer state, examples and history."""
        arrays = {f"weights/{name}": array for name, array in self.trainer.get_weights().items()}
        arrays |= {f"optimizer/{name}": array for name, array in self.trainer.get_optimizer_state().items()}
        arrays |= {f"examples/{name}": array for name, array in self.learning.arrays().items()}
        arrays |= {f"progress/{name}": array for name, array in self.trainer.get_progress().items()}
        content: Record = {"config": as_dict(self.config), "inputs": self.inputs, "data": self.task.sha256}
        content |= {"history": self.history, "stretches": self.stretches, "seconds": self.seconds}
        text = json.dumps(content)
        return arrays | {"json": np.frombuffer(text.encode(), np.uint8)}

    def restore(self) -> bool:
        """Whether there is a checkpoint that fits the config; all that it holds is set."""
        path = self.checkpoint
        try:
            with np.load(path) as file:
                arrays = dict(file)
            content = json.loads(arrays.pop("json").tobytes())
            history, made_of = content["history"], (self.inputs, self.task.sha256)
            same = (content.get("inputs", self.inputs), content.get("data", self.task.sha256)) == made_of
            fits = from_dict(content["config"]) == self.config and same
            passed = {epoch for epoch in self.options.keep_epochs if epoch <= history[-1]["epoch"]}
            if not fits or not passed <= set(self.store.snapshots(self.config)):
                return False
            parts: dict[str, Arrays] = {"weights": {}, "optimizer": {}, "examples": {}, "progress": {}}
            for key, array in arrays.items():
                part, name = key.split("/", 1)
                parts[part][name] = array
            if not parts["examples"]:  # of before they were counted
                return False
            self.trainer.set_weights(parts["weights"])
            self.trainer.set_optimizer_state(parts["optimizer"])
            self.trainer.set_progress(parts["progress"])
            self.learning.restore(parts["examples"])
            self.seconds |= content.get("seconds", {})
            self.stretches = content.get("stretches", [])
        except FileNotFoundError:
            return False
        except Exception as error:
            raise ValueError(
                f"checkpoint must be whole; delete it to start again. Received: {path} ({in_short(error)})"
            ) from error
        self.history = history
        return True

    def record(self, reason: str, model: Record) -> Record:
        """What the run was and what came of it; `model` says which file holds the network.

        Code and environment are those that it ended in; what trained it before, if that was another, is `earlier`.
        """
        *earlier, last = self.stretches
        return {
            "schema": SCHEMA,
            "run_id": run_id(self.config),
            "config": as_dict(self.config),
            "code": last["code"],
            "environment": last["environment"],
            "earlier": earlier,
            "data": describe(self.config, self.task),
            "inputs": self.inputs,
            "outcome": outcome(self.config, self.history, reason),
            "model": model,
            "time": {
                "start_utc": self.stretches[0]["start_utc"],
                "train_seconds": sum(line["seconds"] for line in self.history),
                "evaluate_seconds": sum(line.get("evaluate_seconds", 0.0) for line in self.history),
            },
        }


class Place(NamedTuple):
    """Where a checkpoint was left: of which run, after how many epochs and steps of the next."""

    config: Config
    epoch: int
    taken: int


def place_of(path: Path) -> Place:
    """Of a checkpoint; ValueError for a damaged one."""
    arrays = read_arrays(path)
    content = json.loads(arrays["json"].tobytes())
    taken = int(arrays.get("progress/taken", 0))
    return Place(from_dict(content["config"]), content["history"][-1]["epoch"], taken)


def draw_plan(config: Config, task: Task, epoch: int) -> epochs.EpochPlan:
    """What the epoch, counted from 0, does."""
    return epochs.draw(task.kind, config.seed, epoch, len(task.train), config.shuffle)


def means(online: Online | None) -> Record:
    """An epoch's own loss, where it is finite, and accuracy; none of the untrained network."""
    loss, accuracy = online or (None, None)
    return {"online_train_loss": finite(loss), "online_train_accuracy": accuracy}
