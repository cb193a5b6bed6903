"""The one training loop: from a Config to a saved model and its record, resumable at every checkpoint."""

from __future__ import annotations

import contextlib
import dataclasses
import importlib
import json
import math
import os
import platform
import time
from collections.abc import Callable, Generator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from common.data import epochs
from common.data.arrays import Images, Labels
from common.data.preprocessing import crop_side
from common.files import write
from common.runs import initial_weights
from common.runs.config import Config, Options, as_dict, from_dict, run_id
from common.runs.learning import Learning
from common.runs.progress import Progress
from common.runs.store import SUFFIX, Record, Store, code_version, file_sha256, write_arrays, write_lines
from common.runs.task import Examples, Task, prepare
from common.runs.threads import limit_threads

Arrays = dict[str, NDArray[Any]]
SCHEMA = 1


class Wanted(NamedTuple):
    """An epoch that a run wants trained, counted from 0."""

    epoch: int
    plan: epochs.EpochPlan
    learning_rate: float


Life = Generator[Wanted, tuple[float | None, float], Record]
TrainEpoch = Callable[[dict[int, epochs.EpochPlan], float], float | None]
"""Trains the runs at these places by their plans; accuracy on augmented examples, which stacked runs do not have."""


class Trainer(Protocol):
    """All that a framework must provide. Images are (n, h, w, c) on the 0-255 scale; preprocessing is the trainer's."""

    parameters: int
    description: Record

    def put(self, images: Images, labels: Labels) -> None: ...
    def train_epoch(self, plan: epochs.EpochPlan, learning_rate: float) -> float | None: ...
    def logits(self, images: Images) -> NDArray[np.float32]: ...
    def features(self, images: Images, layer: str) -> NDArray[np.float32]: ...
    def get_weights(self) -> Arrays: ...
    def set_weights(self, weights: Arrays) -> None: ...
    def get_optimizer_state(self) -> Arrays: ...
    def set_optimizer_state(self, arrays: Arrays) -> None: ...
    def save(self, path: Path, metadata: Record) -> None: ...


def make_trainer(config: Config, task: Task, device: str = "auto", models: Path = Path()) -> Trainer:
    """The config's trainer with its initial weights set and the training set on the device."""
    module = importlib.import_module(f"{config.framework}_models.trainer")
    trainer: Trainer = module.Trainer(config, task.image_shape, task.num_classes, task.channel_statistics, device)
    initialize(trainer, config, models)
    trainer.put(task.train.images, task.train.labels)
    return trainer


def initialize(trainer: Trainer, config: Config, models: Path) -> None:
    """Set the config's initial weights."""
    shapes = {name: array.shape for name, array in trainer.get_weights().items()}
    trainer.set_weights(first_weights(config, shapes, models))


def first_weights(config: Config, shapes: dict[str, tuple[int, ...]], models: Path) -> Arrays:
    """Drawn, or those of the config's initial model, which must have the same shapes."""
    if config.initial_model is None:
        return initial_weights.draw(shapes, config.initializer, config.seed)
    path, files = models / config.initial_model, importlib.import_module(f"{config.framework}_models.files")
    if not path.is_file() or path.suffix != SUFFIX[config.framework]:
        raise ValueError(f"initial_model must be a {SUFFIX[config.framework]} file under {models}. Received: {path}")
    weights: Arrays = files.get_weights(files.load(path).model)
    if {name: array.shape for name, array in weights.items()} != shapes:
        raise ValueError(f"initial_model must have the layers of {config.model} for this data. Received: {path}")
    return weights


def train(config: Config, options: Options) -> Record:
    """The record of the run: read where it is done, else trained, from its last checkpoint if there is one."""
    return train_stacked([config], options)[0]


def train_stacked(configs: Sequence[Config], options: Options) -> list[Record]:
    """Records of runs that train as one program, but for those that are done; see `torch_models.stacked` for which can.

    Each has its own checkpoint, stop rules, files and record, as if it had been alone.
    """
    store = Store.of(options)

    def done(config: Config) -> Record | None:
        return None if options.force else store.done(config, options.keep_epochs)

    records = {config: done(config) for config in configs}
    with contextlib.ExitStack() as locks:
        # All processes lock in the same order, so that no two wait for each other.
        missing = sorted((config for config, record in records.items() if not record), key=run_id)
        for config in missing:
            locks.enter_context(store.lock(run_id(config)))
        records |= {config: done(config) for config in missing}  # perhaps trained by another process meanwhile
        if missing := [config for config in missing if not records[config]]:
            records |= zip(missing, train_missing(missing, options, store), strict=True)
    return [record for config in configs if (record := records[config])]


def train_missing(configs: Sequence[Config], options: Options, store: Store) -> list[Record]:
    """Train runs whose folders are locked; those that differ in seed alone share one task."""
    limit_threads(options.threads)
    keys = [dataclasses.replace(config, seed=0) for config in configs]
    tasks = {key: prepare(key, options.data_dir, store.models) for key in dict.fromkeys(keys)}
    runs = [(config, tasks[key]) for config, key in zip(configs, keys, strict=True)]
    store.models.mkdir(parents=True, exist_ok=True)
    trainers, train_epoch = make_trainers(runs, options.device, store.models)
    return drive([live(*run, trainer, options) for run, trainer in zip(runs, trainers, strict=True)], train_epoch)


def make_trainers(runs: Sequence[tuple[Config, Task]], device: str, models: Path) -> tuple[list[Trainer], TrainEpoch]:
    """A trainer for each run, and what trains an epoch of some of them: the one there is, or one program for all."""
    if len(runs) == 1:
        trainer = make_trainer(*runs[0], device, models)
        return [trainer], lambda plans, learning_rate: trainer.train_epoch(plans[0], learning_rate)
    stack = importlib.import_module("torch_models.stacked").StackedTrainer(runs, device)
    for (config, _), run in zip(runs, stack.runs, strict=True):
        initialize(run, config, models)
    return stack.runs, stack.train_epoch


def drive(lives: Sequence[Life], train_epoch: TrainEpoch) -> list[Record]:
    """Records of runs' lives. Of the epochs they want each round trains the earliest, so that late ones catch up."""
    wanted: dict[int, Wanted] = {}
    records: dict[int, Record] = {}

    def go_on(place: int, result: tuple[float | None, float] | None = None) -> None:
        try:
            wanted[place] = next(lives[place]) if result is None else lives[place].send(result)
        except StopIteration as end:
            wanted.pop(place, None)
            records[place] = end.value

    for place in range(len(lives)):
        go_on(place)
    while wanted:
        first = min(wanted.values(), key=lambda want: want.epoch)
        plans = {place: want.plan for place, want in wanted.items() if want.epoch == first.epoch}
        start = time.perf_counter()
        online = train_epoch(plans, first.learning_rate)
        seconds = (time.perf_counter() - start) / len(plans)
        for place in plans:
            go_on(place, (online, seconds))
    return [records[place] for place in range(len(lives))]


def live(config: Config, task: Task, trainer: Trainer, options: Options) -> Life:
    """A run from its last checkpoint to its record, until a stop rule holds.

    It yields each epoch that it wants trained, and is sent the accuracy on augmented examples and the seconds.
    """
    started = datetime.now(UTC).isoformat(timespec="seconds")
    store, learning = Store.of(options), Learning(len(task.train))
    checkpoint = store.folder(run_id(config)) / "checkpoint.npz"
    history = [] if options.force else restore(checkpoint, config, trainer, learning)
    if not history:  # a line per epoch; 0 is the untrained network
        untrained = {"epoch": 0, "learning_rate": None, "seconds": 0.0}
        history = [untrained | measure(trainer, task, learning, 0) | {"online_train_accuracy": None}]
        keep_model(config, options, task, trainer, store, epoch=0)
    with Progress(config, options, store.folder(run_id(config))) as progress:
        while not (reason := stop_reason(config, history)):
            epoch = history[-1]["epoch"]
            plan = draw_plan(config, task, epoch)
            online, seconds = yield Wanted(epoch, plan, config.learning_rate_at(epoch))
            trained = time.perf_counter()
            line = {"epoch": epoch + 1, "learning_rate": config.learning_rate_at(epoch), "seconds": seconds}
            history.append(line | measure(trainer, task, learning, epoch + 1) | {"online_train_accuracy": online})
            history[-1]["evaluate_seconds"] = time.perf_counter() - trained
            progress.update(history[-1])
            keep_model(config, options, task, trainer, store, epoch + 1)
            if (epoch + 1) % options.checkpoint_every == 0:
                keep(checkpoint, config, trainer, learning, history)
    return finish(config, task, trainer, store, learning, history, reason, started)


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


def best_epoch(history: list[Record], name: str) -> int:
    """The first epoch with the highest value of an accuracy."""
    best: int = max(history, key=lambda line: (line[name] or 0, -line["epoch"]))["epoch"]
    return best


def keep_model(config: Config, options: Options, task: Task, trainer: Trainer, store: Store, epoch: int) -> None:
    """Write the network of an epoch that the options name."""
    if epoch in options.keep_epochs:
        path = store.snapshot_path(config, epoch)
        path.parent.mkdir(parents=True, exist_ok=True)
        trainer.save(path, metadata(config, task, epoch))


def metadata(config: Config, task: Task, epoch: int) -> Record:
    """What a model file says of itself."""
    return {"config": as_dict(config), "epoch": epoch, "channel_statistics": task.channel_statistics}


def measure(trainer: Trainer, task: Task, learning: Learning, epoch: int) -> Record:
    """Loss (cross-entropy without penalty) and accuracies on every split; none where there is nothing to measure."""
    train, validation, test = (logits(trainer, split) for split in (task.train, task.validation, task.test))
    corrupted, correct = task.train.corrupted, train.argmax(1) == task.train.labels
    learning.update(epoch, correct)
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


def logits(trainer: Trainer, examples: Examples) -> NDArray[np.float32]:
    """(n, num_classes), also of none."""
    return trainer.logits(examples.images) if len(examples) else np.empty((0, 1), np.float32)


def share(correct: NDArray[np.bool_]) -> float | None:
    return float(correct.mean()) if len(correct) else None


def cross_entropy(logits: NDArray[np.float32], labels: Labels) -> float | None:
    """Mean cross-entropy in nats, or none where it is not finite or there are no examples."""
    if not len(labels):
        return None
    shifted = logits.astype(np.float64) - logits.max(1, keepdims=True)
    loss = float(np.mean(np.log(np.exp(shifted).sum(1)) - shifted[np.arange(len(labels)), labels]))
    return loss if math.isfinite(loss) else None


def keep(path: Path, config: Config, trainer: Trainer, learning: Learning, history: list[Record]) -> None:
    """A checkpoint: weights, optimizer state, examples and history in one file, whole or not at all."""
    arrays = {f"weights/{name}": array for name, array in trainer.get_weights().items()}
    arrays |= {f"optimizer/{name}": array for name, array in trainer.get_optimizer_state().items()}
    arrays |= {f"examples/{name}": array for name, array in learning.arrays().items()}
    text = json.dumps({"config": as_dict(config), "history": history})
    write_arrays(path, arrays | {"json": np.frombuffer(text.encode(), np.uint8)})


def restore(path: Path, config: Config, trainer: Trainer, learning: Learning) -> list[Record]:
    """The history of a checkpoint that fits the config, with all that it holds set; else an empty one."""
    try:
        with np.load(path) as file:
            arrays = dict(file)
        content = json.loads(arrays.pop("json").tobytes())
        fits = from_dict(content["config"]) == config
    except FileNotFoundError:
        return []
    except Exception as error:
        raise ValueError(f"checkpoint must be whole; delete it to start again. Received: {path} ({error})") from error
    if not fits:
        return []
    parts: dict[str, Arrays] = {"weights": {}, "optimizer": {}, "examples": {}}
    for key, array in arrays.items():
        part, name = key.split("/", 1)
        parts[part][name] = array
    if not parts["examples"]:  # of before they were counted
        return []
    trainer.set_weights(parts["weights"])
    trainer.set_optimizer_state(parts["optimizer"])
    learning.restore(parts["examples"])
    history: list[Record] = content["history"]
    return history


def finish(
    config: Config,
    task: Task,
    trainer: Trainer,
    store: Store,
    learning: Learning,
    history: list[Record],
    reason: str,
    started: str,
) -> Record:
    """Write model, history, per-example values and, last, the record."""
    folder, path = store.folder(run_id(config)), store.model_path(config)
    trainer.save(path, metadata(config, task, history[-1]["epoch"]))
    write_lines(folder / "history.jsonl", history)
    arrays = example_arrays(trainer, task, learning) | first_layer_filters(trainer)
    write_arrays(folder / "arrays.npz", arrays, compress=True)
    record = {
        "schema": SCHEMA,
        "run_id": run_id(config),
        "config": as_dict(config),
        "code": code_version(),
        "environment": environment(config, trainer),
        "data": describe(config, task),
        "inputs": store.inputs(config),
        "outcome": outcome(config, history, reason),
        "model": {"path": path.name, "sha256": file_sha256(path), "parameters": trainer.parameters},
        "time": {
            "start_utc": started,
            "train_seconds": sum(line["seconds"] for line in history),
            "evaluate_seconds": sum(line.get("evaluate_seconds", 0.0) for line in history),
        },
    }
    write(folder / "run.json", json.dumps(record, indent=1, allow_nan=False) + "\n")
    (folder / "checkpoint.npz").unlink(missing_ok=True)
    return record


def outcome(config: Config, history: list[Record], reason: str) -> Record:
    """The last epoch's measures, the best test epoch, and the first epoch that fitted the training set."""
    last = {name: value for name, value in history[-1].items() if "accuracy" in name or "loss" in name}
    fitted = [line["epoch"] for line in history if (line["train_accuracy"] or 0) >= config.fit_accuracy]
    best = history[best_epoch(history, "test_accuracy")]
    return {
        "epochs": history[-1]["epoch"],
        "stop_reason": reason,
        "epochs_to_fit": fitted[0] if fitted else None,
        "fit_criterion": f"train_accuracy >= {config.fit_accuracy}",
        **last,
        "best_test_accuracy": best["test_accuracy"],
        "best_test_epoch": None if best["test_accuracy"] is None else best["epoch"],
    }


def example_arrays(trainer: Trainer, task: Task, learning: Learning) -> Arrays:
    """Per-example values of the training and the test set, in the order of the data set's own indices."""
    arrays: Arrays = {}
    for split, examples in (("train", task.train), ("test", task.test)):
        arrays |= {f"{split}_indices": examples.indices, f"{split}_labels": examples.labels.astype(np.int16)}
        arrays[f"{split}_true_labels"] = examples.true_labels.astype(np.int16)
        arrays[f"{split}_predictions"] = logits(trainer, examples).argmax(1).astype(np.int16)
    names = ("learned_epochs", "times_forgotten")
    return arrays | {f"train_{name}": getattr(learning, name) for name in names}


def first_layer_filters(trainer: Trainer) -> Arrays:
    """Kernels (height, width, channels, filters) of the first convolution, where there is one."""
    kernels = [array for array in trainer.get_weights().values() if array.ndim == 4]
    return {"first_layer_filters": kernels[0]} if kernels else {}


def describe(config: Config, task: Task) -> Record:
    known: list[Examples] = [task.train] if config.clean_validation else [task.train, task.validation]
    changed = sum(int(examples.corrupted.sum()) for examples in known)
    return {
        "name": config.dataset,
        "sha256": task.sha256,
        "train_n": len(task.train),
        "validation_n": len(task.validation),
        "test_n": len(task.test),
        "corruption_rule": config.corruption,
        "corruption_requested": config.corruption_fraction,
        "corruption_realised": changed / sum(map(len, known)),
        "replacement_may_equal_true_label": config.corruption in ("uniform", "ketha"),
    }


def environment(config: Config, trainer: Trainer) -> Record:
    return {
        "python": platform.python_version(),
        "framework": config.framework,
        "numpy": np.__version__,
        "platform": platform.platform(),
        "processor": processor(),
        "threads": int(os.environ["OMP_NUM_THREADS"]),
        "omp_wait_policy": os.environ["OMP_WAIT_POLICY"],
        "gomp_spincount": os.environ.get("GOMP_SPINCOUNT"),
        "stacked": 1,
        **trainer.description,
    }


def processor() -> str:
    """The processor's name, where the system tells it."""
    try:
        with open("/proc/cpuinfo") as file:
            return next(line.split(":", 1)[1].strip() for line in file if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor()
