"""Figures 3 and 4: on how many examples, and on whose, the loss during training depends."""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from common.analysis import loss_sensitivity
from common.analysis.loss_sensitivity import NORMS, Sensitivity, check, off_diagonal_share
from common.papers.arpit.networks import network, noise_of
from common.papers.arpit.recipes import BASE, NONE_HELD_OUT, fields
from common.papers.arpit.targets import TARGETS
from common.report.claims import Finding
from common.report.figures import BLUE, GREEN, add_legend, draw_curve, handles, heat_map, panel_figure
from common.report.numbers import Number, cell, compared, number
from common.report.runs import Run, Runs
from common.report.tables import Table, claims_table
from common.runs.config import Config
from common.study import Call, Fields, Seeds, Study, with_progress

if TYPE_CHECKING:
    from matplotlib.figure import Figure

TITLE, CLASSES = "Loss-sensitivity", "Loss-sensitivity of classes"
TINY: Fields = {"width": 16, "downscale": 2, "train_size": 1000, "test_size": None, **NONE_HELD_OUT}
"""The 16-16 network on 1,000 digits of 14 x 14 pixels."""
RATE: Fields = {"learning_rate": 0.1, "batch_size": 50}
EPOCHS = {"paper": 250, "small": 50}
"""Of 20 steps each; three times as many where each example has a class of its own, which takes longer to learn."""
COLOURS = {"real data": BLUE, "random inputs": GREEN}
ON = [f"on {noise}" for noise in COLOURS]
TASKS = {False: "class labels", True: "a class for each example"}
LEARNED = 0.5  # training accuracy
MEANS = "Means over seeds, 95 % t intervals."


@dataclass(frozen=True)
class Sensitivities(Seeds):
    """Real data and random inputs, with class labels and with a class for each example."""

    seeds: tuple[int, ...] = (0, 1, 2, 3, 4)
    """Seeds of weights and order."""
    unique: tuple[bool, ...] = (False, True)
    """Whether each example has a class of its own."""

    def rows(self, preset: str) -> Iterable[Fields]:
        for unique in self.unique:
            task = {**TINY, **RATE, "unique_labels": unique, "epochs": EPOCHS[preset] * (3 if unique else 1)}
            yield from (fields("mlp2", "mnist", preset, noise, **task) for noise in ("none", "gaussian"))


def every(config: Config) -> int:
    """Steps between a hundred checkpoints."""
    return max(1, config.epochs // 5)


def read(configs: Sequence[Config], call: Call) -> None:
    """The sensitivity of every run, at a hundred checkpoints."""
    for config in with_progress(configs):
        loss_sensitivity.sensitivity_run(config, call.options, Sensitivity(every=every(config)), call.force)


def report(runs: Runs, call: Call) -> dict[str, Table | Figure]:
    """Figure 3 in three norms, its numbers and the verdicts."""
    measured = runs.where(kept)
    return {
        **{f"gini_{norm}": gini_figure(measured, norm, TITLE) for norm in NORMS},
        "gini": gini_table(measured, TITLE),
        "claims": claims_table(gini_findings(measured), TITLE),
    }


def report_classes(runs: Runs, call: Call) -> dict[str, Table | Figure]:
    """Figure 4 in three norms, its numbers and the verdicts."""
    measured = runs.where(kept)
    return {
        **{f"classes_{norm}": class_figure(measured, norm, CLASSES) for norm in NORMS},
        "classes": class_table(measured, CLASSES),
        "claims": claims_table(class_findings(measured), CLASSES),
    }


def kept(run: Run) -> loss_sensitivity.Arrays:
    """The loss-sensitivity of a run; nothing where it was not measured."""
    return run.kept_arrays(loss_sensitivity.SENSITIVITY)


def of_norm(run: Run, name: str, norm: str) -> NDArray[Any]:
    """One of the arrays of a run that have a norm as their first axis."""
    array: NDArray[Any] = kept(run)[name][NORMS.index(norm)]
    return array


def by_task(runs: Runs) -> dict[bool, dict[str, Runs]]:
    """Runs by whether each example has a class of its own, and by what they were trained on, real data first."""
    tasks = {}
    for unique, here in runs.by("unique_labels").items():
        groups = here.grouped(noise_of)
        tasks[unique] = {noise: groups[noise] for noise in COLOURS if noise in groups}
    return tasks


def gini_figure(runs: Runs, norm: str, title: str) -> Figure:
    """Figure 3: Gini coefficient of the loss-sensitivity up to each step after the first epoch, for each task."""
    tasks = by_task(runs)
    figure, panels = panel_figure(f"{title}, {norm}", [TASKS[unique] for unique in tasks], 2, (4.2, 2.8))
    for axes, groups in zip(panels, tasks.values(), strict=True):
        for noise, seeds in groups.items():
            start, curves = first_whole(seeds[0]), [of_norm(run, "gini", norm).tolist() for run in seeds]
            curve = dict(zip(kept(seeds[0])["steps"].tolist(), map(list, zip(*curves, strict=True)), strict=True))
            draw_curve(axes, dict(list(curve.items())[start:]), color=COLOURS[noise])
        axes.set(xlabel="steps", ylabel="Gini coefficient", ylim=(0, 1))
    add_legend(figure, handles(COLOURS))
    return figure


def first_whole(run: Run) -> int:
    """Place of the first checkpoint by which every example has been used."""
    return bisect_left(kept(run)["steps"].tolist(), math.ceil(run.train_n / run.config.batch_size))


def mean_gini(curve: NDArray[Any], start: int | None = None) -> float:
    """Mean Gini coefficient over the checkpoints from this place on, or over their second half."""
    return float(np.mean(curve[len(curve) // 2 if start is None else start :]))


def gini_table(runs: Runs, title: str) -> Table:
    """A row for each task, data and norm, over seeds, with what a checkpoint took where runs say so."""
    rows = [
        [TASKS[unique], noise, norm, *_gini_cells(seeds, norm)]
        for unique, groups in by_task(runs).items()
        for noise, seeds in groups.items()
        for norm in NORMS
    ]
    columns = ["task", "data", "norm", "seeds", "steps", "Gini coefficient, second half", "at the last step"]
    return Table(title, [*columns, "training accuracy, %", "seconds per checkpoint, median"], rows, MEANS)


def _gini_cells(runs: Runs, norm: str) -> list[object]:
    late = runs.over_seeds(lambda run: mean_gini(of_norm(run, "gini", norm)), "ratio")
    last = runs.over_seeds(lambda run: float(of_norm(run, "gini", norm)[-1]), "ratio")
    seconds = [float(arrays["seconds"]) for run in runs if "seconds" in (arrays := kept(run))]
    taken = Number(median(seconds), "ratio") if seconds else None
    return [len(runs), int(kept(runs[0])["steps"][-1]), late, last, runs.over_seeds("train_accuracy"), taken]


def gini_findings(runs: Runs) -> list[Finding]:
    """C2 for each task and norm, over the second half of training and over all of it after an epoch."""
    return [
        _concentrated(claim, groups, f"{TASKS[unique]}, {norm}", norm, first)
        for unique, groups in by_task(runs).items()
        for norm in NORMS
        for claim, first in (("arpit-gini", None), ("arpit-gini-whole", first_whole(together(groups)[0])))
    ]


def _concentrated(claim: str, groups: Mapping[str, Runs], of: str, norm: str, first: int | None) -> Finding:
    """Whether the coefficient is higher on real data, seed by seed; networks that have hardly learned say nothing."""
    pairs, runs = beside(groups), together(groups)
    values = [[mean_gini(of_norm(run, "gini", norm), first) for run in pair] for pair in pairs]
    learned = [all(run.outcome["train_accuracy"] >= LEARNED for run in pair) for pair in pairs]  # type: ignore[operator]
    holds = [real > noise if known else None for (real, noise), known in zip(values, learned, strict=True)]
    return TARGETS.judged(claim, f"{network(runs[0])}, {of}", runs, compared(values, ON, "three digits"), holds)


def together(groups: Mapping[str, Runs]) -> Runs:
    """Runs of all groups."""
    return Runs(run for seeds in groups.values() for run in seeds)


def beside(groups: Mapping[str, Runs]) -> list[tuple[Run, Run]]:
    """Runs of one seed on real data and on random inputs."""
    real, noise = (groups.get(name, Runs()) for name in COLOURS)
    return real.pairs(noise)


def class_matrices(runs: Runs, norm: str) -> dict[str, list[NDArray[Any]]]:
    """Class-specific loss-sensitivities (classes, classes) of the seeds, by what networks were trained on."""
    groups = by_task(runs).get(False, {})
    return {noise: [of_norm(run, "classes", norm) for run in seeds] for noise, seeds in groups.items()}


def class_figure(runs: Runs, norm: str, title: str) -> Figure:
    """Figure 4: heat maps of the sensitivity of each class's loss (rows) to each class's examples, logarithmic."""
    means = {noise: np.mean(seeds, axis=0) for noise, seeds in class_matrices(runs, norm).items()}
    relative = {noise: matrix / matrix.max() for noise, matrix in means.items()}
    lowest = min((matrix.min() for matrix in relative.values()), default=0.1)
    figure, panels = panel_figure(f"{title}, {norm}", list(relative), 2, (4, 3.4), (1, 1))
    for axes, matrix in zip(panels, relative.values(), strict=True):
        names = [str(label) for label in range(len(matrix))]
        axes.set(xlabel="class of the example", ylabel="class of the loss")
        image = heat_map(axes, matrix, names, names, lowest)
        figure.colorbar(image, ax=axes, shrink=0.7, label="share of the largest")
    return figure


def diagonal_ratio(matrix: NDArray[Any]) -> float:
    """Mean off the diagonal over mean on it."""
    share = off_diagonal_share(matrix)
    return share / (1 - share) / (len(matrix) - 1)


def class_table(runs: Runs, title: str) -> Table:
    """A row for each data and norm, over seeds."""
    rows: list[Sequence[object]] = []
    for norm in NORMS:
        for noise, seeds in class_matrices(runs, norm).items():
            cells = number(map(off_diagonal_share, seeds)), number(map(diagonal_ratio, seeds), "ratio")
            rows.append([noise, norm, len(seeds), *cells])
    columns = ["data", "norm", "seeds", "mass off the diagonal, %", "mean off the diagonal / mean on it"]
    return Table(title, columns, rows, MEANS)


def class_findings(runs: Runs) -> list[Finding]:
    """C3 for each norm, seed by seed: the diagonal in both kinds of data, and how far sensitivity spreads."""
    groups, findings = by_task(runs).get(False, {}), []
    for norm in NORMS if groups else ():
        for noise, seeds in groups.items():
            values = [ratio(run, norm) for run in seeds]
            told = f"off the diagonal / on it {cell(number(values, 'ratio'))}"
            subject, holds = f"{network(seeds[0])}, {noise}, {norm}", [value < 1 for value in values]
            findings.append(TARGETS.judged("arpit-class-diagonal", subject, seeds, told, holds))
        both, here = [[ratio(run, norm) for run in pair] for pair in beside(groups)], together(groups)
        holds = [real > noise for real, noise in both]
        subject = f"{network(here[0])}, {norm}"
        findings.append(TARGETS.judged("arpit-class-spread", subject, here, compared(both, ON), holds))
    return findings


def ratio(run: Run, norm: str) -> float:
    """`diagonal_ratio` of a run."""
    return diagonal_ratio(of_norm(run, "classes", norm))


def study(name: str, grid: Sensitivities, report: Callable[[Runs, Call], dict[str, Table | Figure]]) -> Study:
    """A study of networks whose training is replayed, which one that was alone allows to the bit."""
    smoke = {"seeds": (0,)}
    return Study(name, grid, BASE, report, (), read, lambda config: check(config, config.epochs), False, smoke)


STUDY = study("loss_sensitivity", Sensitivities(), report)
CLASS_STUDY = study("class_loss_sensitivity", Sensitivities(unique=(False,)), report_classes)
