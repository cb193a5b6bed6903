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
from common.report.tables import Table
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
SHARES = {"real data": "arpit-sensitivity-real", "random inputs": "arpit-sensitivity-noise"}
LEARNED, EQUAL = 0.5, 0.05  # training accuracy, and a difference of it
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
    for config in with_progress(configs, call.options):
        loss_sensitivity.sensitivity_run(config, call.options, Sensitivity(every=every(config)), call.force)


def report(runs: Runs, call: Call) -> dict[str, Table | Figure]:
    """Figure 3 in three norms and its numbers."""
    measured = runs.where(kept)
    return {
        **{f"gini_{norm}": gini_figure(measured, norm, TITLE) for norm in NORMS},
        "gini": gini_table(measured, TITLE),
    }


def report_classes(runs: Runs, call: Call) -> dict[str, Table | Figure]:
    """Figure 4 in three norms and its numbers."""
    measured = runs.where(kept)
    return {
        **{f"classes_{norm}": class_figure(measured, norm, CLASSES) for norm in NORMS},
        "classes": class_table(measured, CLASSES),
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
            start, curves = _checkpoint(seeds[0], 1), [of_norm(run, "gini", norm).tolist() for run in seeds]
            curve = dict(zip(kept(seeds[0])["steps"].tolist(), map(list, zip(*curves, strict=True)), strict=True))
            draw_curve(axes, dict(list(curve.items())[start:]), color=COLOURS[noise])
        axes.set(xlabel="steps", ylabel="Gini coefficient", ylim=(0, 1))
    add_legend(figure, handles(COLOURS))
    return figure


def _checkpoint(run: Run, epochs: int) -> int:
    """Place of the first checkpoint by which so many epochs have ended."""
    return bisect_left(kept(run)["steps"].tolist(), epochs * math.ceil(run.train_n / run.config.batch_size))


def mean_gini(curve: NDArray[Any]) -> float:
    """Mean Gini coefficient over the second half of the checkpoints."""
    return float(np.mean(curve[len(curve) // 2 :]))


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


def gini_findings(runs: Runs, call: Call) -> list[Finding]:
    """On how many examples the loss depends, in real data beside random inputs, and what the norm changes."""
    findings = []
    for unique, groups in by_task(runs.where(kept)).items():
        subject = f"{network(together(groups)[0])}, {TASKS[unique]}"
        findings.append(_concentrated("arpit-gini-unique" if unique else "arpit-gini", subject, groups))
        for noise, seeds in groups.items():
            here, claim = f"{subject}, {noise}", SHARES[noise]
            findings.append(TARGETS.tested(claim, here, seeds, [high_share(run) for run in seeds]))
            findings.append(TARGETS.tested("arpit-norms", here, seeds, [norm_distance(run) for run in seeds]))
    return findings


def _concentrated(claim: str, subject: str, groups: Mapping[str, Runs]) -> Finding:
    """The coefficients of networks that have fitted as much, seed by seed; what has hardly learned says nothing."""
    values, levels = [], []
    for pair in beside(groups):
        level = min(best_of(run) for run in pair)
        if level >= LEARNED:
            levels.append(level)
            values.append([gini_at(run, level) for run in pair])
    told = compared(values, ON, "three digits")
    numbers = f"at {cell(number(levels))} % training accuracy: {told}" if told else None
    return TARGETS.tested(claim, subject, together(groups), [real - noise for real, noise in values], numbers)


def best_of(run: Run) -> float:
    """Highest training accuracy over epochs."""
    return run.best("train_accuracy")["train_accuracy"] or 0.0


def gini_at(run: Run, accuracy: float) -> float:
    """Gini coefficient (l1) at the end of the first epoch with this training accuracy, by the next checkpoint."""
    epoch = run.epochs_to("train_accuracy", accuracy) or 0
    return float(of_norm(run, "gini", "l1")[_checkpoint(run, epoch)])


def high_share(run: Run) -> float:
    """Share of examples with at least half of the mean sensitivity (l1)."""
    values = of_norm(run, "sensitivity", "l1")
    return float(np.mean(values >= np.mean(values) / 2))


def norm_distance(run: Run) -> float:
    """Largest distance of the mean Gini coefficient in another norm from that in l1."""
    first, *others = (mean_gini(of_norm(run, "gini", norm)) for norm in NORMS)
    return max(abs(other - first) for other in others)


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


def class_findings(runs: Runs, call: Call) -> list[Finding]:
    """The diagonal in both kinds of data, and how far sensitivity spreads, seed by seed."""
    groups = by_task(runs.where(kept)).get(False, {})
    findings = []
    for noise, seeds in groups.items():
        effects = [1 / ratio(run) for run in seeds]
        findings.append(TARGETS.tested("arpit-class-diagonal", f"{network(seeds[0])}, {noise}", seeds, effects))
    return [*findings, _spread(groups)] if groups else []


def _spread(groups: Mapping[str, Runs]) -> Finding:
    """Real data against random inputs, which tells nothing where networks have not fitted as much of both."""
    pairs, runs = beside(groups), together(groups)
    both = [[ratio(run) for run in pair] for pair in pairs]
    fitted = [[run.outcome["train_accuracy"] or 0 for run in pair] for pair in pairs]
    apart = max((abs(real - noise) for real, noise in fitted), default=0)
    unequal = f"with training accuracy (%) {compared(fitted, ON, 'fraction')}" if apart > EQUAL else ""
    effects = [real / noise for real, noise in both]
    return TARGETS.tested("arpit-class-spread", network(runs[0]), runs, effects, compared(both, ON), unequal)


def ratio(run: Run) -> float:
    """`diagonal_ratio` of a run, in l1."""
    return diagonal_ratio(of_norm(run, "classes", "l1"))


def study(
    name: str,
    grid: Sensitivities,
    report: Callable[[Runs, Call], dict[str, Table | Figure]],
    findings: Callable[[Runs, Call], list[Finding]],
) -> Study:
    """A study of networks whose training is replayed, which one that was alone allows to the bit."""
    smoke = {"seeds": (0,)}
    return Study(
        name, grid, BASE, report, (), read, lambda config: check(config, config.epochs), False, smoke, findings
    )


STUDY = study("loss_sensitivity", Sensitivities(), report, gini_findings)
CLASS_STUDY = study("class_loss_sensitivity", Sensitivities(unique=(False,)), report_classes, class_findings)
