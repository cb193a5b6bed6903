"""Runs that were trained on the same, and what they say of its examples."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import NDArray

from common.analysis.examples import COLUMNS, Arrays, join
from common.report import figures
from common.report.numbers import Number
from common.report.runs import Runs
from common.report.tables import Table


def trained_on(runs: Runs, dataset: str, corruption: str = "none", corruption_fraction: float = 0.0) -> Runs:
    """Those of the runs that saw a data set so corrupted, with its own classes."""
    same = {"dataset": dataset, "corruption": corruption, "corruption_fraction": corruption_fraction}
    return runs.where(**same, unique_labels=False)


def joined(runs: Runs) -> dict[str, NDArray[Any]]:
    """The table of examples of runs; their arrays, which may be many, are not kept."""
    return join((run.source.arrays(run.id), run.outcome["epochs"]) for run in runs)


def agreement_table(table: Arrays, title: str) -> Table:
    """Spearman's rank correlation of every two columns of a table of well-known examples, over those that have both."""
    from scipy import stats

    rows: list[Sequence[object]] = []
    for first, second in combinations(COLUMNS, 2):
        both = np.isfinite(table[first]) & np.isfinite(table[second])
        values = table[first][both], table[second][both]
        if all(len(np.unique(column)) > 1 for column in values):
            rank = Number(float(stats.spearmanr(*values).statistic), "ratio")
            rows.append([first.replace("_", " "), second.replace("_", " "), int(both.sum()), rank])
    note = "Columns: means over runs, by example, of those that at least half as many runs saw as any."
    return Table(title, ["column", "and", "examples", "rank correlation"], rows, note)


def image_grid(images: NDArray[np.uint8], title: str) -> figures.Figure:
    """(rows, columns, height, width, channels) images, a row for each class, those of the right half the hardest."""
    rows, columns, height, width, channels = images.shape
    figure, (axes,) = figures.new_figure(title, (0.42 * columns + 0.6, 0.42 * rows + 1.1))
    canvas = figures.tiled(images.reshape(-1, height, width, channels), columns, 2, 255)
    axes.imshow(np.squeeze(canvas), cmap="gray", vmin=0, vmax=255, interpolation="nearest")
    axes.axvline(columns * (width + 2) / 2 - 1.5, color=figures.ORANGE, linewidth=2)
    axes.set_xticks([columns * (width + 2) * place for place in (0.25, 0.75)], ["easiest", "hardest"])
    axes.set_yticks([(row + 0.5) * (height + 2) for row in range(rows)], [str(row) for row in range(rows)])
    axes.grid(visible=False)
    axes.set_ylabel("class")
    return figure
