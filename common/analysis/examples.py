"""What many runs say of each example: one table by the data set's own index."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from common.data.arrays import Labels
from common.runs.learning import NEVER

Arrays = Mapping[str, NDArray[Any]]
COLUMNS = ("correct", "learned", "times_forgotten", "loss_sensitivity", "critical")
SHOWN = 8
"""Examples of each class that are shown as the most extreme at either end."""


def measured(arrays: Arrays, epochs: int) -> dict[str, tuple[NDArray[Any], NDArray[Any]]]:
    """What the arrays of a run of so many epochs hold of examples: data set's indices (n,) and values (n,) by column.

    `correct` after training; of runs of several epochs `learned`, the share of them until it was first right, 1 where
    it never was, and `times_forgotten`; `loss_sensitivity` in units of the run's mean; `critical`, of examples that
    were searched, trained on or held out.
    """
    if "train_indices" not in arrays:
        raise ValueError(f"arrays must be of a run's examples; --force makes them again. Received: {sorted(arrays)}")
    indices = arrays["train_indices"]
    found = {"correct": (indices, arrays["train_predictions"] == arrays["train_labels"])}
    if "train_learned_epochs" in arrays and epochs > 1:
        first = arrays["train_learned_epochs"]
        found["learned"] = indices, np.where(first == NEVER, epochs, first - 1) / epochs
        found["times_forgotten"] = indices, arrays["train_times_forgotten"]
    if "train_loss_sensitivity" in arrays:
        sensitivity = arrays["train_loss_sensitivity"]
        found["loss_sensitivity"] = indices, sensitivity / sensitivity.mean()
    searched = [split for split in ("train", "validation") if f"{split}_critical" in arrays]
    if searched:
        parts = [[arrays[f"{split}_critical{end}"] for split in searched] for end in ("_indices", "")]
        found["critical"] = np.concatenate(parts[0]), np.concatenate(parts[1])
    return found


def join(runs: Iterable[tuple[Arrays, int]]) -> dict[str, NDArray[Any]]:
    """Mean over runs, arrays and epochs, of each column at each `index` that any knows, sorted.

    `runs` counts those that were trained on it; nan where no run has a value. ValueError without runs.
    """
    columns = [measured(arrays, epochs) for arrays, epochs in runs]
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


def well_known(table: Arrays) -> Arrays:
    """Those examples of a table that at least half as many runs were trained on as on any: few runs rank otherwise."""
    return {name: column[2 * table["runs"] >= table["runs"].max()] for name, column in table.items()}


def extremes(table: Arrays, labels: Labels, column: str) -> NDArray[Any]:
    """Data set's indices (classes, 2 SHOWN) of the lowest and, from the right, highest of each class, ties in order.

    `labels` are those of the whole set; examples without a value have no place, classes with fewer than SHOWN neither.
    """
    known = np.isfinite(table[column])
    index, values = table["index"][known], table[column][known]
    rows = []
    for label in np.unique(labels[index]):
        places = np.flatnonzero(labels[index] == label)
        if len(places) >= SHOWN:
            lowest, highest = (places[np.argsort(sign * values[places], kind="stable")][:SHOWN] for sign in (1, -1))
            rows.append(index[[*lowest, *highest[::-1]]])
    return np.array(rows, int).reshape(-1, 2 * SHOWN)
