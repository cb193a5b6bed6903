"""What a run leaves on disk: a run measures and its writer writes, one for all processes that train the run."""

from __future__ import annotations

import contextlib
import json
import time
from pathlib import Path
from typing import Protocol, Self

import numpy as np

from common.files import write
from common.runs import processes
from common.runs.config import Config, Options, run_id
from common.runs.evaluation import score
from common.runs.learning import Learning
from common.runs.progress import Progress
from common.runs.store import ARRAYS, HISTORY, Record, Store, file_sha256, kept_files, write_arrays, write_lines
from common.runs.task import Task
from common.runs.trainers import Arrays, Trainer


class Measured(Protocol):
    """What a writer must know of a run, as `common.runs.run.Run` says it."""

    config: Config
    task: Task
    trainer: Trainer
    history: list[Record]
    learning: Learning

    @property
    def epoch(self) -> int: ...
    @property
    def checkpoint(self) -> Path: ...
    def metadata(self) -> Record: ...
    def state(self) -> Arrays: ...
    def record(self, reason: str, model: Record) -> Record: ...


class Writer:
    """Shows each epoch of a run, and writes checkpoints, kept networks and, last, model, history, arrays and record.

    Of the processes of a run all measure what is written, and the first writes.
    """

    def __init__(self, config: Config, options: Options):
        self.writes = processes.is_first()
        self.config, self.options, self.store = config, options, Store.of(options)
        self.folder, self.path = self.store.folder(run_id(config)), self.store.model_path(config)
        self.replaces = (self.folder / "run.json").exists()
        self.seconds = 0.0  # of the longest checkpoint

    def __enter__(self) -> Self:
        self.progress = Progress(self.config, self.options, self.folder).__enter__() if self.writes else None
        return self

    def __exit__(self, *error: object) -> None:
        if self.progress:
            self.progress.__exit__(*error)

    def epoch(self, run: Measured) -> None:
        """The last line of its history was added."""
        if run.epoch and self.progress:
            self.progress.update(run.history[-1])
        if run.epoch == 0 and self.replaces:  # before its kept networks are those of another training
            self.checkpoint(run)
        path = self.store.snapshot_path(run.config, run.epoch)
        if self.writes and (run.epoch in self.options.keep_epochs or path.exists()):  # one of before may be another
            path.parent.mkdir(parents=True, exist_ok=True)
            save(run, path)
        if run.epoch and run.epoch % self.options.checkpoint_every == 0:
            self.checkpoint(run)

    def checkpoint(self, run: Measured) -> None:
        """Keep all that the run needs to go on from here."""
        start = time.perf_counter()
        state = run.state()
        if self.writes:
            write_arrays(run.checkpoint, state)
        self.seconds = max(self.seconds, time.perf_counter() - start)

    def finish(self, run: Measured, reason: str) -> Record:
        """Write model, history, per-example values and, last, the record; empty where another process does."""
        examples = example_arrays(run)
        if not self.writes:
            return {}
        save(run, self.path)
        sha256 = file_sha256(self.path)
        model = {"path": self.path.name, "sha256": sha256, "parameters": run.trainer.parameters}
        arrays = self.measured_of(run, sha256) | examples | first_layer_filters(run.trainer)
        write_arrays(self.folder / ARRAYS, arrays, compress=True)
        write_lines(self.folder / HISTORY, run.history)
        record = run.record(reason, model)
        write(self.folder / "run.json", json.dumps(record, indent=1, allow_nan=False) + "\n")
        run.checkpoint.unlink(missing_ok=True)
        return record

    def measured_of(self, run: Measured, sha256: str) -> Arrays:
        """The arrays that are kept of this very network, none of damaged ones; all that is of another goes."""
        name, same = run_id(self.config), False
        with contextlib.suppress(ValueError):
            record = self.store.record(name)
            if same := record is not None and record["model"]["sha256"] == sha256:
                return self.store.kept_arrays(name, ARRAYS)
        later = [path for epoch, path in self.store.snapshots(self.config).items() if epoch > run.epoch]
        for path in () if same else (*later, *kept_files(self.store, name)):
            path.unlink()
        return {}


def save(run: Measured, path: Path) -> None:
    """Write the network as it is, with what its file says of itself."""
    run.trainer.save(path, run.metadata())


def example_arrays(run: Measured) -> Arrays:
    """Per-example values of the measured training examples and the test set, by the data set's own indices."""
    arrays: Arrays = {}
    kind = np.int16 if run.task.num_classes <= 2**15 else np.int32
    for split, examples in (("train", run.task.measured), ("test", run.task.test)):
        arrays |= {f"{split}_indices": examples.indices, f"{split}_labels": examples.labels.astype(kind)}
        arrays[f"{split}_true_labels"] = examples.true_labels.astype(kind)
        arrays[f"{split}_predictions"] = score(run.trainer, examples, examples.labels).predictions.astype(kind)
    names = ("learned_epochs", "times_forgotten")
    return arrays | {f"train_{name}": getattr(run.learning, name) for name in names}


def first_layer_filters(trainer: Trainer) -> Arrays:
    """Kernels (height, width, channels, filters) of the first convolution, where there is one."""
    kernels = [array for array in trainer.get_weights().values() if array.ndim == 4]
    return {"first_layer_filters": kernels[0]} if kernels else {}
