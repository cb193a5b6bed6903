"""Section 5: gradient descent on a linear model, started at 0, finds the interpolating solution of least norm.

Each step adds a combination of the examples, so that the weights stay X' alpha, and with zero error X X' alpha = y.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
import tyro

from common.analysis.kernels import one_hot
from common.data import datasets
from common.data.arrays import Floats
from common.errors import check_choice
from common.groups import grouped
from common.papers.zhang.kernels import drawn
from common.papers.zhang.targets import TARGETS
from common.report import figures
from common.report.claims import NO_RUNS, Finding
from common.report.computations import run_on
from common.report.numbers import number
from common.report.tables import Table
from common.runs.computation import Computation, Computed, Result
from common.runs.config import Options
from common.runs.store import Record
from common.seeds import stream
from common.study import ComputedStudy

if TYPE_CHECKING:
    from matplotlib.figure import Figure

WAYS = _, ELSEWHERE, STOCHASTIC = "from 0", "from a random start", "from 0, an example a step"
EXAMPLES = 8  # steps of one example for each step of all
TITLE = "Gradient descent and the solution of least norm"


@dataclass(frozen=True)
class GradientDescent(Computation):
    """A linear model of few images with more pixels, trained by gradient descent from 0 and from elsewhere."""

    slug = "gradient_descent_minimum_norm"
    least = {"train_size": 1, "steps": 1}

    dataset: Annotated[str, tyro.conf.arg(metavar="|".join(datasets.IMAGE_SETS))] = "mnist"
    """Data set."""
    train_size: int = 200
    """Training examples, drawn at random; fewer than an example has values."""
    steps: int = 2**17
    """Steps of gradient descent."""
    seed: int = 0
    """Draws the training examples, their order and the start that is not 0."""

    def __post_init__(self) -> None:
        check_choice("dataset", self.dataset, datasets.IMAGE_SETS)
        super().__post_init__()
        pixels = math.prod(datasets.DATASETS[self.dataset].shape[1:])
        if self.train_size >= pixels:
            raise ValueError(
                f"train_size must be below the {pixels} values of an example. Received: train_size={self.train_size}"
            )


SMOKE = {"dataset": "digits", "train_size": 20, "steps": 2**10, "seed": 0}


def cases(preset: str) -> Iterator[Mapping[str, Any]]:
    """Three draws, whatever the preset: the paper proves it and measures nothing."""
    yield from ({"seed": seed} for seed in range(3))


def compute(settings: GradientDescent, options: Options) -> Result:
    """Go down from both starts, and compare with the closed form and its limit."""
    from common.analysis.gradient_descent import ClosedForm

    data = datasets.load(settings.dataset, options.data_dir)
    images, labels = drawn(data, settings.seed, settings.train_size)
    x = images.reshape(len(labels), -1).astype(np.float64)
    form = ClosedForm(x, one_hot(labels, data.num_classes))
    shape = x.shape[1], data.num_classes
    outcome = {
        "lines": [line for way in WAYS for line in path(settings, form, way, shape)],
        "least_norm": size(form.after(np.zeros(shape), form.rate, math.inf)),
        "condition": float(form.values[0] / form.values[-1]),
    }
    return Result(outcome, {data.name: data.sha256})


def path(settings: GradientDescent, form: Any, way: str, shape: tuple[int, int]) -> Iterator[Record]:
    """A line for each power of two of steps: distances to the closed form and to its limit, relative to the limit."""
    from common.analysis.gradient_descent import descend, descend_by_examples

    counts = [2**power for power in range(settings.steps.bit_length())]
    drawn = stream(settings.seed, "start").standard_normal(shape) / math.sqrt(shape[0])
    start = drawn if way == ELSEWHERE else np.zeros(shape)
    if way == STOCHASTIC:
        counts = [EXAMPLES * count for count in counts]
        generator = stream(settings.seed, "order")
        found = descend_by_examples(form.x, form.y, start, form.example_rate, counts, generator)
    else:
        found = descend(form.x, form.y, start, form.rate, counts)
    limit = form.after(start, form.rate, math.inf)
    for steps, weights in zip(counts, found, strict=True):
        apart = None if way == STOCHASTIC else size(weights - form.after(start, form.rate, steps)) / size(limit)
        yield {
            "way": way,
            "steps": steps,
            "norm": size(weights),
            "training_error": size(form.x @ weights - form.y) / size(form.y),
            "to_limit": size(weights - limit) / size(limit),
            "to_closed_form": apart,
        }


def size(weights: Floats) -> float:
    """Euclidean norm of all of them together."""
    return float(np.linalg.norm(weights))


def by_way(found: Computed) -> dict[str, list[Record]]:
    """Lines of each way down."""
    return grouped(found.outcome["lines"], lambda line: line["way"])


def table(computed: Sequence[Computed]) -> Table:
    """A row for each way down, means over seeds: norms found and least, distances to the limit and the closed form."""
    rows = []
    for way in WAYS:
        ends = [by_way(found)[way][-1] for found in computed]
        least = number([found.outcome["least_norm"] for found in computed], "three digits")
        measured = (
            number([end[name] for end in ends], "three digits") for name in ("norm", "training_error", "to_limit")
        )
        norm, error, distance = measured
        apart = [line["to_closed_form"] for found in computed for line in by_way(found)[way]]
        exact = None if None in apart else f"{max(apart):.1e}"
        rows.append([way, ends[0]["steps"], norm, least, error, distance, exact, len(ends)])
    columns = ["gradient descent", "steps", "norm", "least norm", "training error", "distance to the limit"]
    settings = computed[0].settings
    note = (
        f"{settings['dataset']}, {settings['train_size']} examples; means, 95 % t intervals over draws. The limit is "
        "X' K^-1 y from 0, and from elsewhere that and what of the start lies in the null space of X. Errors and "
        f"distances are relative; those to the closed form are the largest on the way. {run_on(computed)}"
    )
    return Table(TITLE, [*columns, "to the closed form", "n"], rows, note)


def figure(computed: Sequence[Computed]) -> Figure:
    """Distance to the limit and norm over steps, a curve for each way down, means over seeds."""
    names = {"to_limit": "distance to the limit, relative", "norm": "norm of the weights"}
    drawn, panels = figures.panel_figure(TITLE, list(names.values()), 2, (4.4, 3.4))
    colours = figures.palette(WAYS)
    for axes, name in zip(panels, names, strict=True):
        for way in WAYS:
            paths = [{line["steps"]: line[name] for line in by_way(found)[way]} for found in computed]
            figures.draw_curve(axes, figures.shared_epochs(paths), color=colours[way], marker=".")
        figures.doubling_axis(axes, "steps")
        axes.set_ylabel(names[name])
    panels[0].set_yscale("log")
    panels[1].axhline(fmean(found.outcome["least_norm"] for found in computed), color=figures.GREY, linestyle="--")
    least = figures.handle("least norm", color=figures.GREY, linestyle="--")
    figures.add_legend(drawn, [*figures.handles(colours), least])
    return drawn


def report(computed: Sequence[Computed]) -> dict[str, Table | Figure]:
    """Where gradient descent ends."""
    return {"ends": table(computed), "descent": figure(computed)}


def findings(computed: Sequence[Computed]) -> list[Finding]:
    """Section 5's statement, with how far the stochastic steps of each draw end from the solution of least norm."""
    distances = [by_way(found)[STOCHASTIC][-1]["to_limit"] for found in computed]
    settings = computed[0].settings
    subject = f"a linear model of {settings['train_size']} examples of {settings['dataset']}"
    return [TARGETS.tested("zhang-sgd-minimum-norm", subject, NO_RUNS, distances)]


STUDY = ComputedStudy(
    "gradient_descent_minimum_norm", GradientDescent(), cases, SMOKE, compute, report, findings=findings
)
