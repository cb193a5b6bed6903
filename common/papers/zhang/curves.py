"""Published curves, and how runs are put beside them: measured solid, published dashed."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from common.errors import check_choice
from common.papers.zhang.targets import TARGETS
from common.report.figures import GREY, handle, shared_epochs
from common.report.fitting import OverEpochs
from common.report.published import Target
from common.report.runs import Runs

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.lines import Line2D

Points = Iterable[tuple[float, float]]
STEPS = 391  # an epoch of 50,000 examples in batches of 128
PUBLISHED: dict[str, Any] = {"linestyle": (0, (4, 2)), "linewidth": 1.3, "alpha": 0.7, "zorder": 1.5}


def published(source: str, key: str = "id") -> dict[str, list[tuple[float, float]]]:
    """Published curves of a figure as points (x, y), by their `key`: setting, model, or id."""
    curves = TARGETS.of("curves")
    check_choice("source", source, dict.fromkeys(curve["source"] for curve in curves))
    return {curve[key]: points_of(curve) for curve in curves if curve["source"] == source}


def points_of(curve: Target) -> list[tuple[float, float]]:
    """The points (x, y) of a published curve."""
    return [(x, y) for x, y in curve["points"]]


def in_epochs(points: Points) -> list[tuple[float, float]]:
    """A published curve over thousands of steps, over epochs."""
    return [(1000 * x / STEPS, y) for x, y in points]


def fraction_read(curve: Target, at: float) -> dict[str, Any]:
    """A curve over label corruption at one of its points."""
    setting = {0.0: "true_labels", 1.0: "random_labels"}.get(at, "corrupted_labels")
    row = f"{curve['row']}, {100 * at:g} % corrupted"
    return {"value": dict(points_of(curve))[at], "row": row, "setting": setting, "corruption_fraction": at}


def epoch_width(runs: Runs) -> float:
    """Thousand steps in an epoch where it has as many as the published one, else 1; ValueError without runs."""
    if not runs:
        raise ValueError("runs must hold at least one of the figure's settings. Received: none")
    steps = {math.ceil(run.train_n / run.config.batch_size) for run in runs}
    return STEPS / 1000 if steps == {STEPS} else 1


def training_axis(axes: Axes, runs: Runs) -> None:
    """An axis of training from its start: thousand steps, or epochs of so many examples."""
    reduced = f"epoch (of {runs.sizes()} examples; published: {STEPS} steps)"
    axes.set_xlabel("thousand steps" if epoch_width(runs) < 1 else reduced)
    axes.set_xlim(left=0)


def over_training(runs: Runs, of: OverEpochs, width: float) -> dict[float, list[float]]:
    """Values of these runs at the epochs that all have, an epoch so wide."""
    return {width * epoch: values for epoch, values in shared_epochs(map(of, runs)).items()}


def draw_published(axes: Axes, points: Points, colour: str, scales: tuple[float, float] = (1, 1)) -> None:
    """A published curve, its x and y so much larger."""
    x, y = zip(*points, strict=True)
    axes.plot([scales[0] * at for at in x], [scales[1] * value for value in y], color=colour, **PUBLISHED)


def published_handle() -> Line2D:
    """What stands for the published curves in a legend."""
    return handle("published, 50,000 examples", color=GREY, **PUBLISHED)
