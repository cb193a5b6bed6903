"""Arpit et al. (2017), Figures 3 and 4: on how many examples, and on whose, the loss during training depends."""

import math
from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from statistics import median
from typing import Any

import numpy as np
from matplotlib.cm import ScalarMappable
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from numpy.typing import NDArray

from common.analysis.loss_sensitivity import NORMS, off_diagonal_share
from common.report.arpit import by_fields, compared, judged, network, noise_of, pairs
from common.report.claims import Finding
from common.report.decoding_figures import draw
from common.report.figures import BLUE, GREEN, add_legend, new_figure
from common.report.numbers import Number, cell, number
from common.report.records import Record
from common.report.tables import Table

COLOURS = {"real data": BLUE, "random inputs": GREEN}
TASKS = {False: "class labels", True: "a class for each example"}
LEARNED = 0.5  # training accuracy
Kept = Mapping[str, Mapping[str, NDArray[Any]]]  # of common.analysis.loss_sensitivity, by run id


def by_task(records: Iterable[Record]) -> dict[bool, dict[str, list[Record]]]:
    """Runs by whether each example has a class of its own, and by what they were trained on, real data first."""
    found = {}
    for (unique,), runs in by_fields(records, "unique_labels").items():
        groups = {noise_of(group[0]): group for group in by_fields(runs, "corruption").values()}
        found[unique] = {noise: groups[noise] for noise in COLOURS if noise in groups}
    return found


def gini_figure(records: Iterable[Record], kept: Kept, norm: str, title: str) -> Figure:
    """Figure 3: Gini coefficient of the loss-sensitivity up to each step after the first epoch, for each task."""
    tasks = by_task(records)
    columns = max(1, len(tasks))
    figure, panels = new_figure(f"{title}, {norm}", (1 + 4.2 * columns, 4.6), (1, columns))
    for axes, (unique, groups) in zip(panels, tasks.items(), strict=False):
        for noise, runs in groups.items():
            curves = [kept[run["run_id"]]["gini"][NORMS.index(norm)] for run in runs]
            steps = kept[runs[0]["run_id"]]["steps"].tolist()
            points = {
                steps[i]: [float(curve[i]) for curve in curves] for i in range(_start(runs[0], steps), len(steps))
            }
            draw(axes, points, 1, color=COLOURS[noise])
        axes.set(xlabel="steps", ylabel="Gini coefficient", ylim=(0, 1))
        axes.set_title(TASKS[unique], fontsize=10)
    add_legend(figure, [Line2D([], [], color=colour, label=noise) for noise, colour in COLOURS.items()])
    return figure


def _start(record: Record, steps: Sequence[int]) -> int:
    """Place of the first checkpoint by which every example has been used."""
    return bisect_left(steps, math.ceil(record["data"]["train_n"] / record["config"]["batch_size"]))


def mean_gini(arrays: Mapping[str, NDArray[Any]], norm: str, start: int | None = None) -> float:
    """Mean Gini coefficient over the checkpoints from this place on, or over their second half."""
    curve = arrays["gini"][NORMS.index(norm)]
    return float(np.mean(curve[len(curve) // 2 if start is None else start :]))


def gini_table(records: Iterable[Record], kept: Kept, title: str) -> Table:
    """A row for each task, data and norm, over seeds, with what a checkpoint took where runs say so."""
    rows: list[Sequence[object]] = []
    for unique, groups in by_task(records).items():
        for noise, runs in groups.items():
            accuracy = number(run["outcome"]["train_accuracy"] for run in runs)
            for norm in NORMS:
                found = [kept[run["run_id"]] for run in runs]
                last = [float(arrays["gini"][NORMS.index(norm)][-1]) for arrays in found]
                late = [mean_gini(arrays, norm) for arrays in found]
                cells = [number(values, "ratio") for values in (late, last)]
                seconds = [float(arrays["seconds"]) for arrays in found if "seconds" in arrays]
                taken = Number(median(seconds), "ratio") if seconds else None
                steps = int(found[0]["steps"][-1])
                rows.append([TASKS[unique], noise, norm, len(runs), steps, *cells, accuracy, taken])
    columns = ["task", "data", "norm", "seeds", "steps", "Gini coefficient, second half", "at the last step"]
    columns += ["training accuracy, %", "seconds per checkpoint, median"]
    return Table(title, columns, rows, "Means over seeds, 95 % t intervals.")


def gini_findings(records: Iterable[Record], kept: Kept) -> list[Finding]:
    """C2 for each task and norm, seed by seed, over the second half of training and over all of it after an epoch.

    Networks that have hardly begun to learn say nothing.
    """
    found = []
    for unique, groups in by_task(records).items():
        real, noise = (groups.get(name, []) for name in COLOURS)
        both = pairs(real, noise)
        learned = [all(run["outcome"]["train_accuracy"] >= LEARNED for run in pair) for pair in both]
        runs = [*real, *noise]
        start = _start(runs[0], kept[runs[0]["run_id"]]["steps"].tolist())
        for norm in NORMS:
            subject = f"{network(runs[0])}, {TASKS[unique]}, {norm}"
            for claim, first in (("arpit-gini", None), ("arpit-gini-whole", start)):
                values = [[mean_gini(kept[run["run_id"]], norm, first) for run in pair] for pair in both]
                numbers = compared(values, "three digits", [f"on {name}" for name in COLOURS])
                holds = [a > b if known else None for (a, b), known in zip(values, learned, strict=True)]
                found.append(judged(claim, subject, runs, numbers, holds))
    return found


def class_matrices(records: Iterable[Record], kept: Kept, norm: str) -> dict[str, list[NDArray[Any]]]:
    """Class-specific loss-sensitivities (classes, classes) of the seeds, by what networks were trained on."""
    groups = by_task(records).get(False, {})
    return {
        noise: [kept[run["run_id"]]["classes"][NORMS.index(norm)] for run in runs] for noise, runs in groups.items()
    }


def class_figure(records: Iterable[Record], kept: Kept, norm: str, title: str) -> Figure:
    """Figure 4: heat maps of the sensitivity of each class's loss (rows) to each class's examples, logarithmic."""
    means = {noise: np.mean(found, axis=0) for noise, found in class_matrices(records, kept, norm).items()}
    columns = max(1, len(means))
    figure, panels = new_figure(f"{title}, {norm}", (1 + 4 * columns, 4.4), (1, columns))
    relative = {noise: matrix / matrix.max() for noise, matrix in means.items()}
    scale = LogNorm(min((matrix.min() for matrix in relative.values()), default=0.1), 1)
    for axes, (noise, matrix) in zip(panels, relative.items(), strict=False):
        axes.imshow(matrix, norm=scale, cmap="viridis")
        axes.grid(visible=False)
        axes.set(xlabel="class of the example", ylabel="class of the loss", title=noise)
        axes.set_xticks(range(len(matrix)))
        axes.set_yticks(range(len(matrix)))
        figure.colorbar(ScalarMappable(scale, "viridis"), ax=axes, shrink=0.7, label="share of the largest")
    return figure


def diagonal_ratio(matrix: NDArray[Any]) -> float:
    """Mean off the diagonal over mean on it."""
    classes = len(matrix)
    share = off_diagonal_share(matrix)
    return share / (1 - share) / (classes - 1)


def class_table(records: Iterable[Record], kept: Kept, title: str) -> Table:
    """A row for each data and norm, over seeds."""
    rows: list[Sequence[object]] = []
    records = list(records)
    for norm in NORMS:
        for noise, found in class_matrices(records, kept, norm).items():
            shares, ratios = ([measure(each) for each in found] for measure in (off_diagonal_share, diagonal_ratio))
            rows.append([noise, norm, len(found), number(shares), number(ratios, "ratio")])
    columns = ["data", "norm", "seeds", "mass off the diagonal, %", "mean off the diagonal / mean on it"]
    return Table(title, columns, rows, "Means over seeds, 95 % t intervals.")


def class_findings(records: Iterable[Record], kept: Kept) -> list[Finding]:
    """C3 for each norm, seed by seed: the diagonal in both kinds of data, and how far sensitivity spreads."""
    records, found = list(records), []
    groups = by_task(records).get(False, {})
    for norm in NORMS:
        place, runs = NORMS.index(norm), [run for group in groups.values() for run in group]
        ratio = {run["run_id"]: diagonal_ratio(kept[run["run_id"]]["classes"][place]) for run in runs}
        for noise, group in groups.items():
            values = [ratio[run["run_id"]] for run in group]
            texts = f"off the diagonal / on it {cell(number(values, 'ratio'))}"
            subject = f"{network(group[0])}, {noise}, {norm}"
            found.append(judged("arpit-class-diagonal", subject, group, texts, [value < 1 for value in values]))
        if runs:
            both = [[ratio[run["run_id"]] for run in pair] for pair in pairs(*(groups.get(n, []) for n in COLOURS))]
            spread = compared(both, names=[f"on {name}" for name in COLOURS])
            holds = [real > noise for real, noise in both]
            found.append(judged("arpit-class-spread", f"{network(runs[0])}, {norm}", runs, spread, holds))
    return found
