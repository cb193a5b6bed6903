"""Section 5: gradient descent on a linear model, started at 0, finds the interpolating solution of least norm.

Each step adds a combination of the examples, so that the weights stay X' alpha, and with zero error X X' alpha = y.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
import tyro

from common.analysis.kernels import one_hot
from common.data import datasets
from common.data.arrays import Floats
from common.data.preprocessing import standardize
from common.errors import check_choice
from common.groups import grouped
from common.report import figures
from common.report.computations import run_on
from common.report.numbers import Number
from common.report.tables import Table
from common.runs.computation import Computation, Computed, Result
from common.runs.config import Options
from common.runs.store import Record
from common.seeds import stream
from common.study import ComputedStudy

if TYPE_CHECKING:
    from matplotlib.figure import Figure

STARTS = ("zero", "random")
TITLE = "Gradient descent and the solution of least norm"


@dataclass(frozen=True)
class GradientDescent(Computation):
    """A linear model of few images with more pixels, trained by gradient descent from 0 and from elsewhere."""

    slug = "gradient_descent_minimum_norm"

    dataset: Annotated[str, tyro.conf.arg(metavar="|".join(datasets.DATASETS))] = "mnist"
    """Data set."""
    train_size: int = 200
    """Training examples, drawn at random; fewer than an example has values."""
    steps: int = 2**17
    """Steps of gradient descent."""
    seed: int = 0
    """Draws the training examples and the start that is not 0."""

    def __post_init__(self) -> None:
        check_choice("dataset", self.dataset, datasets.DATASETS)
        for name in ("train_size", "steps"):
            if (value := getattr(self, name)) < 1:
                raise ValueError(f"{name} must be positive. Received: {name}={value}")
        pixels = math.prod(datasets.DATASETS[self.dataset].shape[1:])
        if self.train_size >= pixels:
            raise ValueError(
                f"train_size must be below the {pixels} values of an example. Received: train_size={self.train_size}"
            )


SMOKE = {"dataset": "digits", "train_size": 20, "steps": 2**10}


def cases(preset: str) -> Iterator[Mapping[str, Any]]:
    """One, whatever the preset: the paper proves it and measures nothing."""
    yield {}


def compute(settings: GradientDescent, options: Options) -> Result:
    """Go down from both starts, and compare with the closed form and its limit."""
    from common.analysis.gradient_descent import ClosedForm

    data = datasets.load(settings.dataset, options.data_dir)
    order = stream(settings.seed, "kernel examples").permutation(len(data.y_train))[: settings.train_size]
    x = standardize(data.x_train[order], "zero_one", None).reshape(len(order), -1).astype(np.float64)
    form = ClosedForm(x, one_hot(data.y_train[order], data.num_classes))
    shape = x.shape[1], data.num_classes
    starts = np.zeros(shape), stream(settings.seed, "start").standard_normal(shape) / math.sqrt(shape[0])
    lines = [line for name, start in zip(STARTS, starts, strict=True) for line in path(settings, form, name, start)]
    outcome = {
        "lines": lines,
        "least_norm": size(form.after(starts[0], form.rate, math.inf)),
        "condition": float(form.values[0] / form.values[-1]),
        "rate": form.rate,
    }
    return Result(outcome, {data.name: data.sha256})


def path(settings: GradientDescent, form: Any, name: str, start: Floats) -> Iterator[Record]:
    """A line for each power of two of steps: distances to the closed form and to its limit, relative to the limit."""
    from common.analysis.gradient_descent import descend

    counts = [2**power for power in range(settings.steps.bit_length())]
    limit = form.after(start, form.rate, math.inf)
    for steps, weights in zip(counts, descend(form.x, form.y, start, form.rate, counts), strict=True):
        yield {
            "start": name,
            "steps": steps,
            "norm": size(weights),
            "limit_norm": size(limit),
            "training_error": size(form.x @ weights - form.y) / size(form.y),
            "to_limit": size(weights - limit) / size(limit),
            "to_closed_form": size(weights - form.after(start, form.rate, steps)) / size(limit),
        }


def size(weights: Floats) -> float:
    """Euclidean norm of all of them together."""
    return float(np.linalg.norm(weights))


def table(computed: Sequence[Computed]) -> Table:
    """A row for each start: norms found and of least norm, distances to the limit and to the closed form."""
    rows = []
    for found in computed:
        for start, lines in grouped(found.outcome["lines"], lambda line: line["start"]).items():
            norms = [Number(value, "three digits") for value in (lines[-1]["norm"], found.outcome["least_norm"])]
            distance = max(line["to_closed_form"] for line in lines)
            errors = [f"{value:.1e}" for value in (lines[-1]["training_error"], lines[-1]["to_limit"], distance)]
            settings = found.settings
            rows.append([settings["dataset"], settings["train_size"], start, lines[-1]["steps"], *norms, *errors])
    columns = ["data", "n", "start", "steps", "norm", "least norm", "training error", "distance to the limit"]
    note = (
        "The limit is X' K^-1 y from 0, and from elsewhere that and what of the start lies in the null space of X. "
        f"Errors and distances are relative; those to the closed form are the largest on the way. {run_on(computed)}"
    )
    return Table(TITLE, [*columns, "to the closed form"], rows, note)


def figure(computed: Sequence[Computed]) -> Figure:
    """Distance to the limit and norm over steps, from either start."""
    names = {"to_limit": "distance to the limit, relative", "norm": "norm of the weights"}
    drawn, panels = figures.panel_figure(TITLE, list(names.values()), 2, (4.4, 3.4))
    colours = figures.palette(STARTS)
    for axes, name in zip(panels, names, strict=True):
        for found in computed:
            for start, lines in grouped(found.outcome["lines"], lambda line: line["start"]).items():
                curve = {line["steps"]: [line[name]] for line in lines}
                figures.draw_curve(axes, curve, color=colours[start], marker=".")
        figures.doubling_axis(axes, "steps")
        axes.set_ylabel(names[name])
    panels[0].set_yscale("log")
    panels[1].axhline(computed[0].outcome["least_norm"], color=figures.GREY, linestyle="--")
    least = figures.handle("least norm", color=figures.GREY, linestyle="--")
    figures.add_legend(drawn, [*figures.handles({f"from {start}": c for start, c in colours.items()}), least])
    return drawn


def report(computed: Sequence[Computed]) -> dict[str, Table | Figure]:
    """Where gradient descent ends."""
    return {"ends": table(computed), "descent": figure(computed)}


STUDY = ComputedStudy("gradient_descent_minimum_norm", GradientDescent(), cases, SMOKE, compute, report)
