"""Figure 2b and section 3.1: what batch norm and early stopping, implicit regularizers, do for small Inception."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import accumulate
from operator import methodcaller
from statistics import fmean
from typing import TYPE_CHECKING, Any

from common.papers.zhang.curves import (
    STEPS,
    draw_published,
    epoch_width,
    one_recipe,
    over_training,
    published,
    published_handle,
    training_axis,
)
from common.papers.zhang.recipes import BASE, Fields, fields, shown
from common.papers.zhang.targets import by_seed, finding, number_findings, on_setting
from common.report import figures
from common.report.claims import Finding
from common.report.numbers import less
from common.report.runs import Run, Runs
from common.report.tables import Table, claims_table
from common.runs.config import SEEDS, recipe
from common.study import Call, Seeds, Study

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

TITLE = "Batch norm and early stopping: small Inception"
MODELS = {
    "inception": ("with batch norm", figures.BLUE),
    "inception_without_batch_norm": ("without batch norm", figures.ORANGE),
}
BEST: dict[str, Any] = {"linestyle": ":", "linewidth": 1.3}
MARKS: tuple[tuple[str, dict[str, Any]], ...] = (
    ("best test accuracy so far", {"color": figures.GREY, **BEST}),
    ("best", {**figures.RING, "color": figures.GREY, "markersize": 9}),
    ("final", {"color": figures.GREY, "marker": "s", "linestyle": "none"}),
)


class Models(Seeds):
    """Figure 2b."""

    def rows(self, preset: str) -> list[Fields]:
        """With and without batch norm, past the epoch of the best test accuracy."""
        whole = {"epochs": 30, "stop_loss": None} if preset == "small" else {}
        return [{"batch_norm": True, **fields(model, "true_labels", preset), **whole} for model in MODELS]


def batch_norm_curves(runs: Runs, title: str) -> Figure:
    """Training and test accuracy (%) of small Inception with and without batch norm, early stopping marked.

    Dotted: the best test accuracy so far; ring: its last value, square: the final test accuracy. Means over seeds.
    """
    runs = on_setting(runs, ["true_labels"]).where(lambda run: run.model in MODELS)
    width, curves = epoch_width(runs), published("Figure 2b")
    figure, panels = figures.new_figure(title, (6.6, 8.0), (2, 1))
    for model, (_, colour) in MODELS.items():
        group = one_recipe(on_setting(runs, ["true_labels"], model), model)
        for axes, split in zip(panels, ("train", "test"), strict=True):
            points = curves[f"zhang-fig2b-{model}-{split}"]
            draw_published(axes, points, colour, (1000 * width / STEPS, 100))
            measured = over_training(group, methodcaller("over_epochs", f"{split}_accuracy"), width)
            figures.draw_curve(axes, measured, 100, label=model, color=colour)
        _draw_best(panels[1], measured, colour)
    for axes, split in zip(panels, ("training", "test"), strict=True):
        axes.set_ylabel(f"{split} accuracy (%)")
        training_axis(axes, runs)
    panels[0].sharex(panels[1])
    panels[0].set_xlabel("")
    panels[0].tick_params(labelbottom=False)
    arms = [figures.handle(name, color=colour) for name, colour in MODELS.values()]
    figures.add_legend(figure, [*arms, published_handle(), *(figures.handle(name, **style) for name, style in MARKS)])
    return figure


def _draw_best(axes: Axes, curve: Mapping[float, Sequence[float]], colour: str) -> None:
    """The best test accuracy so far, where it is first reached on average, and the final one."""
    so_far = accumulate(curve.values(), lambda best, now: [max(pair) for pair in zip(best, now, strict=True)])
    x, y = list(curve), [100 * fmean(values) for values in so_far]
    if y:
        axes.plot(x, y, color=colour, **BEST)
        axes.plot([x[y.index(y[-1])]], [y[-1]], **{**figures.RING, "color": colour, "markersize": 9})
        axes.plot([x[-1]], [100 * fmean(curve[x[-1]])], color=colour, marker="s", linestyle="none")


def batch_norm_findings(runs: Runs) -> list[Finding]:
    """Test accuracy of small Inception with batch norm less without, same seeds and all else the same."""
    runs, findings = on_setting(runs, ["true_labels"]).where(lambda run: run.model in MODELS), []
    for group in runs.grouped(lambda run: recipe(run.fields, (*SEEDS, "batch_norm"))).values():
        seeds = by_seed(group, lambda run: run.model, lambda run: run.outcome["test_accuracy"])
        gains = [less(*(seed.get(model) for model in MODELS)) for seed in seeds]
        findings += number_findings("zhang-batch-norm", "inception", group, gains)
    return findings or [finding("zhang-batch-norm")]


def early_stopping_findings(runs: Runs) -> list[Finding]:
    """Best less final test accuracy of small Inception, with and without batch norm, of whole trainings."""
    findings = []
    for model in MODELS:
        trained = on_setting(runs, ["true_labels"], model).where(lambda run: run.trained)
        whole = trained.where(lambda run: run.outcome["stop_reason"] == "epochs")
        judged = [
            judged
            for group in whole.recipes()
            for judged in number_findings("zhang-early-stopping", model, group, list(map(early_stopping_gain, group)))
        ]
        findings += judged or [finding("zhang-early-stopping", model)]
    return findings


def early_stopping_gain(run: Run) -> float | None:
    """Best less final test accuracy."""
    return less(run.best("test_accuracy").get("test_accuracy"), run.outcome["test_accuracy"])


def report(runs: Runs, call: Call) -> dict[str, Table | Figure]:
    """Figure 2b and what becomes of its claims."""
    return {
        "accuracy": batch_norm_curves(runs, TITLE),
        "claims": claims_table([*batch_norm_findings(runs), *early_stopping_findings(runs)], TITLE),
    }


STUDY = Study("batch_norm_and_early_stopping", Models(), BASE, report, check=shown(["true_labels"]))
