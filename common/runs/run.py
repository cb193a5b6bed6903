"""A run while it trains: from a Config and its examples to a saved model and its record, resumable at checkpoints."""

from __future__ import annotations

import json
import math
import os
import time
from collections.abc import Generator
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from common.data import epochs
from common.data.arrays import Labels
from common.data.preprocessing import crop_side
from common.errors import in_short
from common.files import write
from common.runs.config import Config, Options, as_dict, from_dict, run_id
from common.runs.learning import Learning
from common.runs.progress import Progress
from common.runs.record import best_epoch, describe, environment, outcome
from common.runs.store import Record, Store, code_version, file_sha256, write_arrays, write_lines
from common.runs.task import Examples, Task
from common.runs.trainers import Arrays, Online, Trainer

SCHEMA = 1


class Wanted(NamedTuple):
    """An epoch that a run wants trained, counted from 0."""

    epoch: int
    plan: epochs.EpochPlan
    learning_rate: float


Life = Generator[Wanted, tuple[Online, float], Record]


class Run:
    """A config, its examples and its trainer, with all that a checkpoint keeps: the history and what was learned when.

    `history` has a line for each epoch, the first of the untrained network.
    """

    def __init__(self, config: Config, task: Task, trainer: Trainer, options: Options):
        self.config, self.task, self.trainer, self.options = config, task, trainer, options
        self.store = Store.of(options)
        self.folder = self.store.folder(run_id(config))
        self.learning = Learning(len(task.train))
        self.inputs = self.store.inputs(config)
        self.history: list[Record] = []

    @property
    def epoch(self) -> int:
        """How many epochs it has trained."""
        epoch: int = self.history[-1]["epoch"]
        return epoch

    @property
    def checkpoint(self) -> Path:
        """File that a killed run goes on from."""
        return self.folder / "checkpoint.npz"

    def live(self, force: bool = False) -> Life:
        """From the last checkpoint, or with `force` from the start, to the record, until a stop rule holds.

        It yields each epoch that it wants trained, and is sent what came out on the way and the seconds.
        """
        started = datetime.now(UTC).isoformat(timespec="seconds")
        if force or not self.restore():
            untrained = {"epoch": 0, "learning_rate": None, "seconds": 0.0}
            self.history = [untrained | self.measure(0) | means(None)]
            self.keep_model()
        with Progress(self.config, self.options, self.folder) as progress:
            while not (reason := stop_reason(self.config, self.history)):
                learning_rate = self.config.learning_rate_at(self.epoch)
                online, seconds = yield Wanted(self.epoch, draw_plan(self.config, self.task, self.epoch), learning_rate)
                trained = time.perf_counter()
                line = {"epoch": self.epoch + 1, "learning_rate": learning_rate, "seconds": seconds}
                self.history.append(line | self.measure(self.epoch + 1) | means(online))
                self.history[-1]["evaluate_seconds"] = time.perf_counter() - trained
                progress.update(self.history[-1])
                self.keep_model()
                if self.epoch % self.options.checkpoint_every == 0:
                    self.keep()
        return self.finish(reason, started)

    def measure(self, epoch: int) -> Record:
        """Loss (cross-entropy without penalty) and accuracies on every split; none where there is nothing."""
        task = self.task
        train, validation, test = (self.logits(split) for split in (task.train, task.validation, task.test))
        corrupted, correct = task.train.corrupted, train.argmax(1) == task.train.labels
        self.learning.update(epoch, correct)
        return {
            "train_loss": cross_entropy(train, task.train.labels),
            "train_accuracy": share(correct),
            "train_accuracy_corrupted": share(correct[corrupted]),
            "train_accuracy_untouched": share(correct[~corrupted]),
            "train_accuracy_true_labels": share(train.argmax(1) == task.train.true_labels),
            "validation_accuracy": share(validation.argmax(1) == task.validation.labels),
            "test_loss": cross_entropy(test, task.test.true_labels),
            "test_accuracy": share(test.argmax(1) == task.test.true_labels),
            "test_accuracy_corrupted_labels": share(test.argmax(1) == task.test.labels),
        }

    def logits(self, examples: Examples) -> NDArray[np.float32]:
        """(n, num_classes), also of none."""
        return self.trainer.logits(examples.images) if len(examples) else np.empty((0, 1), np.float32)

    def save(self, path: Path) -> None:
        """Write the network as it is, with what its file says of itself.

        A file that comes out as it was keeps its time, by which what was read out of it counts as made of it.
        """
        before = (path.stat().st_mtime_ns, file_sha256(path)) if path.exists() else None
        statistics = self.task.channel_statistics
        metadata = {"config": as_dict(self.config), "epoch": self.epoch, "channel_statistics": statistics}
        self.trainer.save(path, metadata)
        if before and before[1] == file_sha256(path):
            os.utime(path, ns=(before[0], before[0]))

    def keep_model(self) -> None:
        """Write the network of an epoch that the options name."""
        if self.epoch in self.options.keep_epochs:
            path = self.store.snapshot_path(self.config, self.epoch)
            path.parent.mkdir(parents=True, exist_ok=True)
            self.save(path)

    def keep(self) -> None:
        """A checkpoint: weights, optimizer state, examples and history in one file, whole or not at all."""
        arrays = {f"weights/{name}": array for name, array in self.trainer.get_weights().items()}
        arrays |= {f"optimizer/{name}": array for name, array in self.trainer.get_optimizer_state().items()}
        arrays |= {f"examples/{name}": array for name, array in self.learning.arrays().items()}
        text = json.dumps({"config": as_dict(self.config), "inputs": self.inputs, "history": self.history})
        write_arrays(self.checkpoint, arrays | {"json": np.frombuffer(text.encode(), np.uint8)})

    def restore(self) -> bool:
        """Whether there is a checkpoint that fits the config; all that it holds is set."""
        path = self.checkpoint
        try:
            with np.load(path) as file:
                arrays = dict(file)
            content = json.loads(arrays.pop("json").tobytes())
            history, inputs = content["history"], content.get("inputs", self.inputs)
            fits = from_dict(content["config"]) == self.config and inputs == self.inputs
            passed = {epoch for epoch in self.options.keep_epochs if epoch <= history[-1]["epoch"]}
            if not fits or not passed <= set(self.store.snapshots(self.config)):
                return False
            parts: dict[str, Arrays] = {"weights": {}, "optimizer": {}, "examples": {}}
            for key, array in arrays.items():
                part, name = key.split("/", 1)
                parts[part][name] = array
            if not parts["examples"]:  # of before they were counted
                return False
            self.trainer.set_weights(parts["weights"])
            self.trainer.set_optimizer_state(parts["optimizer"])
            self.learning.restore(parts["examples"])
        except FileNotFoundError:
            return False
        except Exception as error:
            raise ValueError(
                f"checkpoint must be whole; delete it to start again. Received: {path} ({in_short(error)})"
            ) from error
        self.history = history
        return True

    def finish(self, reason: str, started: str) -> Record:
        """Write model, history, per-example values and, last, the record."""
        config, history, path = self.config, self.history, self.store.model_path(self.config)
        self.save(path)
        write_lines(self.folder / "history.jsonl", history)
        arrays = self.example_arrays() | first_layer_filters(self.trainer)
        write_arrays(self.folder / "arrays.npz", arrays, compress=True)
        record = {
            "schema": SCHEMA,
            "run_id": run_id(config),
            "config": as_dict(config),
            "code": code_version(),
            "environment": environment(config, self.trainer),
            "data": describe(config, self.task),
            "inputs": self.inputs,
            "outcome": outcome(config, history, reason),
            "model": {"path": path.name, "sha256": file_sha256(path), "parameters": self.trainer.parameters},
            "time": {
                "start_utc": started,
                "train_seconds": sum(line["seconds"] for line in history),
                "evaluate_seconds": sum(line.get("evaluate_seconds", 0.0) for line in history),
            },
        }
        write(self.folder / "run.json", json.dumps(record, indent=1, allow_nan=False) + "\n")
        self.checkpoint.unlink(missing_ok=True)
        return record

    def example_arrays(self) -> Arrays:
        """Per-example values of the training and the test set, in the order of the data set's own indices."""
        arrays: Arrays = {}
        kind = np.int16 if self.task.num_classes <= 2**15 else np.int32
        for split, examples in (("train", self.task.train), ("test", self.task.test)):
            arrays |= {f"{split}_indices": examples.indices, f"{split}_labels": examples.labels.astype(kind)}
            arrays[f"{split}_true_labels"] = examples.true_labels.astype(kind)
            arrays[f"{split}_predictions"] = self.logits(examples).argmax(1).astype(kind)
        names = ("learned_epochs", "times_forgotten")
        return arrays | {f"train_{name}": getattr(self.learning, name) for name in names}


def draw_plan(config: Config, task: Task, epoch: int) -> epochs.EpochPlan:
    """What the epoch, counted from 0, does."""
    return epochs.draw(
        config.seed, epoch, len(task.train), task.image_shape, crop_side(task.image_shape, config.crop),
        config.random_crop, config.flip, config.rotation, config.shuffle,
    )  # fmt: skip


def stop_reason(config: Config, history: list[Record]) -> str:
    """Why training ends after the last line of the history, or "" where it goes on."""
    last = history[-1]
    if last["train_loss"] is None:
        return "diverged"
    if config.stop_accuracy is not None and last["train_accuracy"] >= config.stop_accuracy:
        return "train_accuracy"
    if config.stop_loss is not None and last["train_loss"] <= config.stop_loss:
        return "train_loss"
    if config.patience is not None and last["epoch"] - best_epoch(history, "validation_accuracy") >= config.patience:
        return "validation_accuracy"
    return "epochs" if last["epoch"] >= config.epochs else ""


def means(online: Online | None) -> Record:
    """An epoch's own loss, where it is finite, and accuracy; none of the untrained network."""
    loss, accuracy = online or (None, None)
    return {"online_train_loss": finite(loss), "online_train_accuracy": accuracy}


def finite(loss: float | None) -> float | None:
    return loss if loss is not None and math.isfinite(loss) else None


def share(correct: NDArray[np.bool_]) -> float | None:
    return float(correct.mean()) if len(correct) else None


def cross_entropy(logits: NDArray[np.float32], labels: Labels) -> float | None:
    """Mean cross-entropy in nats, or none where it is not finite or there are no examples."""
    if not len(labels):
        return None
    shifted = logits.astype(np.float64) - logits.max(1, keepdims=True)
    loss = float(np.mean(np.log(np.exp(shifted).sum(1)) - shifted[np.arange(len(labels)), labels]))
    return finite(loss)


def first_layer_filters(trainer: Trainer) -> Arrays:
    """Kernels (height, width, channels, filters) of the first convolution, where there is one."""
    kernels = [array for array in trainer.get_weights().values() if array.ndim == 4]
    return {"first_layer_filters": kernels[0]} if kernels else {}
