"""Figure 2b and section 3.1: what batch norm and early stopping, implicit regularizers, do for small Inception."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import accumulate, pairwise
from operator import methodcaller
from statistics import fmean
from typing import TYPE_CHECKING, Any

from common.papers.zhang.curves import (
    STEPS,
    draw_published,
    epoch_width,
    in_epochs,
    over_training,
    points_of,
    published,
    published_handle,
    training_axis,
)
from common.papers.zhang.recipes import BASE, Fields, fields, shown
from common.papers.zhang.targets import curve_numbers, on_setting, tested
from common.report import figures, readouts
from common.report.claims import Finding
from common.report.fitting import by_seed, fitted, one_recipe
from common.report.numbers import cell, less, number
from common.report.published import Target, number_findings
from common.report.runs import Measure, Run, Runs
from common.report.tables import Table
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
        draw_best(panels[1], measured, colour)
    for axes, split in zip(panels, ("training", "test"), strict=True):
        axes.set_ylabel(f"{split} accuracy (%)")
        training_axis(axes, runs)
    panels[0].sharex(panels[1])
    panels[0].set_xlabel("")
    panels[0].tick_params(labelbottom=False)
    arms = [figures.handle(name, color=colour) for name, colour in MODELS.values()]
    figures.add_legend(figure, [*arms, published_handle(), *(figures.handle(name, **style) for name, style in MARKS)])
    return figure


def draw_best(axes: Axes, curve: Mapping[float, Sequence[float]], colour: str) -> None:
    """The best test accuracy so far, where it is first reached on average, and the final one."""
    so_far = accumulate(curve.values(), lambda best, now: [max(pair) for pair in zip(best, now, strict=True)])
    x, y = list(curve), [100 * fmean(values) for values in so_far]
    if y:
        axes.plot(x, y, color=colour, **BEST)
        axes.plot([x[y.index(y[-1])]], [y[-1]], **{**figures.RING, "color": colour, "markersize": 9})
        axes.plot([x[-1]], [100 * fmean(curve[x[-1]])], color=colour, marker="s", linestyle="none")


def findings(runs: Runs, call: Call) -> list[Finding]:
    """What batch norm adds and how it stabilizes, same seeds and all else the same, and what early stopping gains."""
    runs = on_setting(runs, ["true_labels"]).where(lambda run: run.model in MODELS)
    final, sound, changes = (
        by_seed(runs, lambda run: run.model, of) for of in (readouts.own, fitted(readouts.own), mean_change)
    )
    gains = [_between(seed, less) for seed in sound]
    return [
        tested("zhang-batch-norm", "inception", runs, gains, _arms(final, "points")),
        tested("zhang-batch-norm-stable", "inception", runs, [_between(seed, _over) for seed in changes],
               _arms(changes, "points")),
        *(_early_stopping(on_setting(runs, ["true_labels"], model), model) for model in MODELS),
    ]  # fmt: skip


def _between(seed: Mapping[str, float | None], compare: Callable[..., float | None]) -> float | None:
    return compare(*(seed.get(model) for model in MODELS))


def _over(with_: float | None, without: float | None) -> float | None:
    return without / with_ if with_ and without is not None else None


def _arms(seeds: Sequence[Mapping[str, float | None]], unit: str) -> str:
    texts = (f"{cell(number((seed.get(model) for seed in seeds), unit))} {name}" for model, (name, _) in MODELS.items())
    return f"{', '.join(texts)} (%)"


def mean_change(run: Run) -> float | None:
    """Of the test accuracy, from one epoch of training to the next; null below two."""
    values = list(run.over_epochs("test_accuracy").values())
    return fmean(abs(after - before) for before, after in pairwise(values)) if len(values) > 1 else None


def _early_stopping(runs: Runs, model: str) -> Finding:
    """Best less final test accuracy of whole trainings: how others would have gone on nobody knows."""
    whole = runs.where(lambda run: run.trained, lambda run: run.outcome["stop_reason"] == "epochs")
    return tested(
        "zhang-early-stopping", model, whole, [early_stopping_gain(run, fitted(readouts.own)) for run in whole]
    )


def early_stopping_gain(run: Run, final: Measure = readouts.own) -> float | None:
    """Best less final test accuracy."""
    return less(run.best("test_accuracy").get("test_accuracy"), final(run))


def numbers(runs: Runs) -> list[Finding]:
    """Points of the curves of Figure 2b."""
    own = runs.where(lambda run: run.full_size, dataset="cifar10", model="inception")
    published = curve_numbers("Figure 2b", _epoch_read)
    return [judged for target in published for judged in number_findings(target, own, _accuracy_of(target))]


def _epoch_read(curve: Target, at: float) -> dict[str, Any]:
    """The point of a published curve that is nearest to the end of an epoch."""
    _, value = min(in_epochs(points_of(curve)), key=lambda point: abs(point[0] - at))
    return {"value": value, "row": f"{curve['row']}, epoch {at:g}", "corruption_fraction": 0.0}


def _accuracy_of(target: Target) -> Measure:
    return lambda run: run.over_epochs(target["quantity"]).get(target["at"])


def report(runs: Runs, call: Call) -> dict[str, Table | Figure]:
    """Figure 2b."""
    return {"accuracy": batch_norm_curves(runs, TITLE)}


STUDY = Study("batch_norm_and_early_stopping", Models(), BASE, report, check=shown(["true_labels"]), findings=findings)
