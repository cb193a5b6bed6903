"""Figures 1b and 1c: time to fit and test error against label corruption; both studies share their runs."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from statistics import fmean
from typing import TYPE_CHECKING, Any

from common.papers.zhang.curves import draw_published, fraction_read, published, published_handle
from common.papers.zhang.recipes import BASE, Fields, fields, shown
from common.papers.zhang.targets import REDUCED, curve_numbers, on_setting, tested
from common.report import figures
from common.report.claims import Finding, growth
from common.report.fitting import (
    FIT_LOSS,
    MOST,
    by_seed,
    clean_error,
    complete,
    epochs_to_fit,
    error,
    fitted,
    fraction_of,
    over,
    over_corruption,
    slowdown,
    told,
)
from common.report.numbers import Number, cell, less, number
from common.report.published import number_findings
from common.report.runs import Measure, Runs, group_names
from common.report.tables import Table
from common.study import Call, Seeds, Study

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

LABELS = ("true_labels", "corrupted_labels", "random_labels")
COLOURS = {"inception": figures.BLUE, "alexnet": figures.ORANGE, "mlp1": figures.GREEN, "mlp3": figures.PURPLE}
CLEAN: dict[str, Any] = {"linewidth": 0.9, "marker": ".", "zorder": 2}
CHANCE: dict[str, Any] = {"color": figures.BLACK, "linestyle": (0, (8, 4)), "linewidth": 0.9, "zorder": 1}
COLUMNS = (
    *("model", "corruption", "framework", "train_n", "seeds"),
    *("epochs to fit", "relative", "published relative"),
    *("test error, corrupted labels, %", "published, %", "test error, clean labels, %"),
)
NOTE = f"Means over seeds with 95 % t intervals; errors of one seed with Wilson's, over its test examples. {REDUCED}"
LEAST_POINTS = 3  # fewer say nothing of a curve


@dataclass(frozen=True)
class Fractions(Seeds):
    """A run for each combination of these values."""

    models: tuple[str, ...] = ("inception", "alexnet", "mlp1")
    """Architectures."""
    fractions: tuple[float, ...] = ()
    """Corrupted fractions of the labels; none means the paper's eleven, with the small preset six of them."""

    def rows(self, preset: str) -> list[Fields]:
        """Every model at every fraction; at 0 labels are true, whatever the rule."""
        rules = [
            {"corruption": "uniform" if fraction else "none", "corruption_fraction": fraction}
            for fraction in self.fractions_of(preset)
        ]
        return [{**fields(model, "true_labels", preset), **rule} for model in self.models for rule in rules]

    def fractions_of(self, preset: str) -> tuple[float, ...]:
        """Those given, or the preset's."""
        return self.fractions or tuple(number / 10 for number in range(0, 11, 2 if preset == "small" else 1))


def convergence_slowdown(runs: Runs, title: str) -> Figure:
    """Figure 1b: epochs to fit, relative to true labels, against corruption (%)."""
    runs = on_setting(runs, LABELS)
    figure, (axes,) = figures.new_figure(title, (6.6, 5.4))
    figures.add_legend(figure, _over_corruption(axes, runs, "Figure 1b", slowdown(runs, epochs_to_fit(runs)), 1))
    axes.set(xlabel="corrupted labels (%)", ylabel="epochs to fit, relative to true labels")
    return figure


def generalization_error(runs: Runs, title: str) -> Figure:
    """Figure 1c: test error against corruption (%): on equally corrupted test labels and, thinner, on clean ones."""
    runs = on_setting(runs, LABELS)
    figure, (axes,) = figures.new_figure(title, (6.6, 6.0))
    handles = _over_corruption(axes, runs, "Figure 1c", error, 100)
    for model, colour in _colours(runs).items():
        figures.draw_curve(
            axes,
            over_corruption(_of(runs, model), clean_error, model),
            100,
            label=f"{model}, clean",
            color=colour,
            **CLEAN,
        )
    axes.axhline(90, **CHANCE)
    axes.set(xlabel="corrupted labels (%)")
    figures.percent_axis(axes, "test error (%)")
    handles += [
        figures.handle("on clean test labels", color=figures.GREY, **CLEAN),
        figures.handle("chance, 90 %", **CHANCE),
    ]
    figures.add_legend(figure, handles)
    return figure


def _over_corruption(axes: Axes, runs: Runs, source: str, measure: Measure, scale: float) -> list[Any]:
    """Draw one line for each model and the published ones behind; their handles."""
    handles = []
    for model, colour in _colours(runs).items():
        if points := published(source, "model").get(model):
            draw_published(axes, points, colour, (100, scale))
        measured = over_corruption(_of(runs, model), measure, model)
        figures.draw_curve(axes, measured, scale, label=model, color=colour, marker="o")
        sizes = _of(runs, model).sizes()
        handles.append(figures.handle(f"{model.replace('_', ' ')}, {sizes} examples", color=colour, marker="o"))
    axes.set_xticks(range(0, 101, 20))
    return [*handles, published_handle()]


def _colours(runs: Runs) -> dict[str, str]:
    """A colour for each model: its own, or for one that has none, what is left."""
    if not runs:
        raise ValueError("runs must hold at least one on the figure's settings. Received: none")
    models = sorted({run.model for run in runs}, key=lambda name: [*COLOURS, name].index(name))
    left = iter([figures.SKY, figures.AMBER, *[figures.GREY] * len(models)])
    return {model: COLOURS.get(model) or next(left) for model in models}


def _of(runs: Runs, model: str) -> Runs:
    return runs.where(lambda run: run.model == model)


def corruption_table(runs: Runs) -> Table:
    """Figures 1b and 1c: a row for each model, fraction and recipe, over its seeds."""
    runs, rows = on_setting(runs, LABELS), []
    epochs = epochs_to_fit(runs)
    row = partial(_cells, epochs, slowdown(runs, epochs))
    for model in sorted({run.model for run in runs}):
        for fraction, of in _of(runs, model).by("corruption_fraction").items():
            groups = of.recipes()
            for name, group in zip(group_names(groups), groups, strict=True):
                described = [model.replace("_", " "), f"{100 * fraction:g} %", name, group[0].train_n, len(group)]
                rows.append([*described, *row(group)])
    return Table("Zhang et al. 2017, Figures 1b and 1c: published and measured", COLUMNS, rows, NOTE)


def _cells(epochs: Measure, ratio: Measure, group: Runs) -> list[object]:
    """What was measured of runs that differ in their seeds, beside what is published."""
    model, fraction = group[0].model, group[0].config.corruption_fraction
    relative, wrong = (dict(published(f"Figure {name}", "model").get(model, ())).get(fraction) for name in ("1b", "1c"))
    return [
        *(group.over_seeds(measure, "ratio") for measure in (epochs, ratio)), Number(relative, "ratio"),
        group.over_seeds(error, split="test"), wrong, group.over_seeds(clean_error, split="test"),
    ]  # fmt: skip


def slowdown_findings(runs: Runs, call: Call) -> list[Finding]:
    """Figure 1b: whether the time to fit grows with corruption, by a small factor, and as published, of each model."""
    runs = on_setting(runs, LABELS)
    epochs = epochs_to_fit(runs)
    ratio, models = slowdown(runs, epochs), published("Figure 1b", "model")
    fractions = call.grid.fractions_of(call.preset)
    return [found for model in models for found in _slowdowns(_of(runs, model), model, epochs, ratio, fractions)]


def _slowdowns(runs: Runs, model: str, epochs: Measure, ratio: Measure, fractions: Sequence[float]) -> list[Finding]:
    seeds = by_seed(runs, fraction_of, ratio)
    ends = [told(seed, 1.0) if 0.0 in seed else None for seed in seeds]
    means = (cell(number(map(epochs, runs.where(corruption_fraction=end)), "epochs")) for end in (0, 1))
    text = f"{' to '.join(means)} epochs to a loss of {FIT_LOSS:g}"
    curve = dict(published("Figure 1b", "model")[model])
    whole = complete(seeds, fractions)
    distances = [factor(seed, curve) for seed in whole]
    relative = ", ".join(f"{100 * x:g} %: {cell(number(values, 'ratio'))}" for x, values in over(whole).items())
    return [
        tested("zhang-slowdown", model, runs, ends, text),
        tested("zhang-small-factor", model, runs, ends, text),
        tested("zhang-slowdown-curve", model, runs, distances, relative),
    ]


def error_findings(runs: Runs, call: Call) -> list[Finding]:
    """Figure 1c: whether networks generalize worse with corruption, and err as published, of each model."""
    runs = on_setting(runs, LABELS)
    models, fractions = published("Figure 1c", "model"), call.grid.fractions_of(call.preset)
    return [found for model in models for found in _errors(_of(runs, model), model, fractions)]


def _errors(runs: Runs, model: str, fractions: Sequence[float]) -> list[Finding]:
    clean, corrupted = (by_seed(runs, fraction_of, measure) for measure in (clean_error, error))
    curve = dict(published("Figure 1c", "model")[model])
    whole = complete(corrupted, fractions)
    sound = by_seed(runs, fraction_of, fitted(clean_error))
    grown = [less(seed.get(MOST), seed.get(0.0)) for seed in sound]
    texts = [
        ", ".join(f"{100 * x:g} %: {cell(number(values))} %" for x, values in over(seeds).items())
        for seeds in (clean, whole)
    ]
    return [
        tested("zhang-error", model, runs, grown, texts[0]),
        tested("zhang-error-steadily", model, runs, [growth(seed) for seed in complete(sound, fractions)], texts[0]),
        tested("zhang-error-curve", model, runs, [distance(seed, curve) for seed in whole], texts[1]),
    ]


def factor(seed: Mapping[float, float | None], curve: Mapping[float, float]) -> float | None:
    """Geometric mean, over corruptions above 0, of measured over published values.

    Null below `LEAST_POINTS` of them or without the run on true labels; nan where one has no value.
    """
    points = [x for x in seed if x > 0 and x in curve]
    if len(points) < LEAST_POINTS or 0.0 not in seed:
        return None
    return math.exp(fmean(math.log(told(seed, x) / curve[x]) for x in points))  # type: ignore[operator]


def distance(seed: Mapping[float, float | None], curve: Mapping[float, float]) -> float | None:
    """Mean distance of measured from published values over corruptions; null below `LEAST_POINTS` of them."""
    gaps = [abs(value - curve[x]) for x, value in seed.items() if x in curve and value is not None]
    return fmean(gaps) if len(gaps) >= LEAST_POINTS else None


def numbers(runs: Runs) -> list[Finding]:
    """Points of the curves of Figures 1b and 1c."""
    own = on_setting(runs.where(lambda run: run.full_size, dataset="cifar10"), LABELS)
    ratio = slowdown(own, epochs_to_fit(own))
    return [
        judged
        for source, measure in (("Figure 1b", ratio), ("Figure 1c", error))
        for target in curve_numbers(source, fraction_read)
        for judged in number_findings(target, own, measure)
    ]


def slowdown_report(runs: Runs, call: Call) -> dict[str, Table | Figure]:
    """Figure 1b, and its table with Figure 1c's."""
    title = "Time to fit against label corruption"
    return {"epochs_to_fit": convergence_slowdown(runs, title), "table": corruption_table(runs)}


def error_report(runs: Runs, call: Call) -> dict[str, Table | Figure]:
    """Figure 1c, on equally corrupted and on true test labels, and its table."""
    title = "Test error against label corruption"
    return {"test_error": generalization_error(runs, title), "table": corruption_table(runs)}


SMOKE = {"models": ("mlp1",), "fractions": (0.0, 1.0)}
SLOWDOWN = Study(
    "convergence_slowdown",
    Fractions(),
    BASE,
    slowdown_report,
    check=shown(LABELS),
    smoke=SMOKE,
    findings=slowdown_findings,
)
ERROR_GROWTH = Study(
    "generalization_error_growth",
    Fractions(),
    BASE,
    error_report,
    check=shown(LABELS),
    smoke=SMOKE,
    findings=error_findings,
)
