"""What a framework's trainer must provide, and how one gets its initial weights."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from common import frameworks
from common.data.arrays import Array, Labels, Shape
from common.data.epochs import EpochPlan
from common.data.inputs import Kind, TokenInputs
from common.errors import check_choice, in_short
from common.runs import initial_weights
from common.runs.config import Config
from common.runs.store import SUFFIX, Record
from common.runs.task import Task

Arrays = dict[str, NDArray[Any]]


def device_of(name: str, gpus: int, without: str) -> str:
    """cpu, cuda or cuda:N for one of these or auto, where there are so many GPUs; `without` says why there is none."""
    if name.startswith("cuda") and not gpus:
        raise ValueError(f"device must be cpu or auto: {without}. Received: device={name!r}")
    check_choice("device", name, ("auto", "cpu", "cuda", *(f"cuda:{number}" for number in range(gpus))))
    return name if name != "auto" else "cuda" if gpus else "cpu"


class Online(NamedTuple):
    """Means over the examples of an epoch as they were trained on, each before its step changed the network."""

    loss: float
    """Cross-entropy in nats, without penalty."""
    accuracy: float | None
    """Where the config counts it, else none."""


def never() -> bool:
    """It is not late."""
    return False


@dataclass(frozen=True)
class Pause:
    """Where an epoch is paused: after every so many of its steps, where there is such a number, and when it is late.

    `begin` is told when its steps begin, or go on.
    """

    steps: int | None = None
    late: Callable[[], bool] = never
    begin: Callable[[], object] = never

    def follows(self, taken: int) -> bool:
        """Whether it comes after so many steps of an epoch, late or not."""
        return self.steps is not None and taken % self.steps == 0

    def is_due(self, taken: int) -> bool:
        """Whether to pause now that so many steps of an epoch are taken."""
        return self.follows(taken) or self.late()


NO_PAUSE = Pause()


class Trainer(Protocol):
    """All that a framework must provide. Inputs are as their kind keeps them; their preparation is the trainer's.

    An epoch that is paused, after `steps_taken` of its steps, is gone on with by the next call with the same plan. Its
    progress is what else is needed for that in another process; there is none between epochs.
    """

    steps_taken: int

    @property
    def parameters(self) -> int: ...
    @property
    def description(self) -> Record: ...
    def put(self, inputs: Array, labels: Labels) -> None: ...
    def train_epoch(self, plan: EpochPlan, learning_rate: float, pause: Pause = NO_PAUSE) -> Online | None: ...
    def feature_batches(self, inputs: Array, layer: str) -> Iterator[NDArray[np.float32]]: ...
    def features(self, inputs: Array, layer: str) -> NDArray[np.float32]: ...
    def logits(self, inputs: Array) -> NDArray[np.float32]: ...
    def get_weights(self) -> Arrays: ...
    def set_weights(self, weights: Arrays) -> None: ...
    def get_optimizer_state(self) -> Arrays: ...
    def set_optimizer_state(self, arrays: Arrays) -> None: ...
    def get_progress(self) -> Arrays: ...
    def set_progress(self, arrays: Arrays) -> None: ...
    def save(self, path: Path, metadata: Record) -> None: ...


def make_trainer(config: Config, task: Task, device: str = "auto", models: Path = Path()) -> Trainer:
    """The config's trainer with its initial weights set and the training set on the device."""
    module = frameworks.module(config.framework, "trainer")
    trainer: Trainer = module.Trainer(config, task.kind, task.num_classes, task.statistics, device)
    initialize(trainer, config, models)
    trainer.put(task.train.inputs, task.train.labels)
    return trainer


def check_precision(config: Config, kind: Kind, device: str) -> None:
    """ValueError for what no CPU does: recurrent layers in bfloat16 fail there, and other texts gain nothing by it."""
    if config.precision == "bfloat16" and kind.name == TokenInputs.name and device == "cpu":
        raise ValueError(
            f"precision must be float32 for {kind.name} on a CPU. Received: precision={config.precision!r}"
        )


def forget(framework: str) -> None:
    """Free what the trainers of this process have left, so that the next one finds the framework as new."""
    frameworks.module(framework, "trainer").forget()


def initialize(trainer: Trainer, config: Config, models: Path) -> None:
    """Set the config's initial weights."""
    shapes = {name: array.shape for name, array in trainer.get_weights().items()}
    trainer.set_weights(first_weights(config, shapes, models))


def first_weights(config: Config, shapes: dict[str, Shape], models: Path) -> Arrays:
    """Drawn, or those of the config's initial model, which must have the same shapes."""
    if config.initial_model is None:
        return initial_weights.draw(shapes, config.initializer, config.seed)
    path, files = models / config.initial_model, frameworks.module(config.framework, "files")
    if not path.is_file() or path.suffix != SUFFIX[config.framework]:
        raise ValueError(f"initial_model must be a {SUFFIX[config.framework]} file under {models}. Received: {path}")
    try:
        weights: Arrays = files.get_weights(files.load(path).model)
    except Exception as error:
        raise ValueError(f"initial_model must be {files.KIND}. Received: {path} ({in_short(error)})") from error
    if {name: array.shape for name, array in weights.items()} != shapes:
        raise ValueError(f"initial_model must have the layers of {config.model} for this data. Received: {path}")
    return weights
