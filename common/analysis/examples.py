"""What many runs say of each example: one table by the data set's own index."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

Arrays = Mapping[str, NDArray[Any]]
COLUMNS = ("correct", "learned_epoch", "times_forgotten", "loss_sensitivity", "critical")
NEVER = -1


def measured(arrays: Arrays) -> dict[str, tuple[NDArray[Any], NDArray[Any]]]:
    """What a run's arrays hold of examples of the training set: data set's indices (n,) and values (n,) by column.

    `correct` after training; `learned_epoch`, the first epoch, of examples that were learned at all; `times_forgotten`;
    `loss_sensitivity` in units of the run's mean; `critical`, of examples that were searched, trained on or held out.
    """
    indices = arrays["train_indices"]
    found = {"correct": (indices, arrays["train_predictions"] == arrays["train_labels"])}
    if "train_learned_epochs" in arrays:
        epochs = arrays["train_learned_epochs"]
        found["learned_epoch"] = indices[epochs != NEVER], epochs[epochs != NEVER]
        found["times_forgotten"] = indices, arrays["train_times_forgotten"]
    if "train_loss_sensitivity" in arrays:
        sensitivity = arrays["train_loss_sensitivity"]
        found["loss_sensitivity"] = indices, sensitivity / sensitivity.mean()
    searched = [split for split in ("train", "validation") if f"{split}_critical" in arrays]
    if searched:
        parts = [[arrays[f"{split}_critical{end}"] for split in searched] for end in ("_indices", "")]
        found["critical"] = np.concatenate(parts[0]), np.concatenate(parts[1])
    return found


def join(runs: Iterable[Arrays]) -> dict[str, NDArray[Any]]:
    """Mean over runs of each column at each `index` that any run knows, sorted; `runs` counts those trained on it.

    nan where no run has a value. ValueError without runs.
    """
    columns = [measured(arrays) for arrays in runs]
    if not columns:
        raise ValueError("runs must be at least one. Received: none")
    index = np.unique(np.concatenate([indices for run in columns for indices, _ in run.values()]))
    table: dict[str, NDArray[Any]] = {"index": index}
    for name in COLUMNS:
        count, total = np.zeros(len(index)), np.zeros(len(index))
        for run in columns:
            if name in run:
                places = np.searchsorted(index, run[name][0])
                count[places] += 1
                total[places] += run[name][1]
        table.setdefault("runs", count.astype(int))
        table[name] = np.divide(total, count, out=np.full(len(index), np.nan), where=count > 0)
    return table


def extremes(difficulty: NDArray[Any], labels: NDArray[Any], count: int) -> dict[int, tuple[list[int], list[int]]]:
    """Places of the `count` easiest and hardest examples of each class, the most extreme first; ties in order."""
    found = {}
    for label in np.unique(labels):
        places = np.flatnonzero(labels == label)
        order = places[np.argsort(difficulty[places], kind="stable")]
        hardest = places[np.argsort(-difficulty[places], kind="stable")]
        found[int(label)] = order[:count].tolist(), hardest[:count].tolist()
    return found
