"""Figures 1 and 2b of Zhang et al. (2017) from plain records: measured solid, published dashed behind in its colour."""

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from common.report.figures import (
    AMBER,
    BLACK,
    BLUE,
    GREEN,
    GREY,
    ORANGE,
    PURPLE,
    RING,
    SKY,
    add_legend,
    new_figure,
    percent_axis,
)
from common.report.numbers import Estimate, estimate
from common.report.records import Line, Record, by_recipe, model_of, setting_text
from common.report.zhang import (
    READINGS,
    SETTINGS,
    STEPS,
    Histories,
    Row,
    in_epochs,
    published,
    published_loss,
    with_setting,
)

PUBLISHED: dict[str, Any] = {"linestyle": (0, (4, 2)), "linewidth": 1.3, "alpha": 0.7, "zorder": 1.5}
MEASURED: dict[str, Any] = {"linewidth": 1.8, "zorder": 3}
CLEAN: dict[str, Any] = {"linewidth": 0.9, "marker": ".", "zorder": 2}
CHANCE: dict[str, Any] = {"color": BLACK, "linestyle": (0, (8, 4)), "linewidth": 0.9, "zorder": 1}
BEST: dict[str, Any] = {"linestyle": ":", "linewidth": 1.3}
SETTING_COLOURS = dict(zip(SETTINGS, (BLUE, ORANGE, GREEN, PURPLE, SKY), strict=True))
MODEL_COLOURS = {"inception": BLUE, "alexnet": ORANGE, "mlp1": GREEN, "mlp3": PURPLE}
BATCH_NORM = {
    "inception": ("with batch norm", BLUE),
    "inception_without_batch_norm": ("without batch norm", ORANGE),
}
Points = Sequence[tuple[float, float]]
Curve = Mapping[float, Estimate]  # x: mean over seeds and its interval


def training_losses(records: Iterable[Record], histories: Histories, title: str) -> Figure:
    """Figure 1a: training loss (nats) of small Inception on five settings, mean over seeds and its 95 % t interval.

    The mean over each epoch's steps, as published, where the runs have it.

    Over thousands of steps, or where an epoch has not the published 391 of them, over epochs, the published ones too.
    """
    records = with_setting(records, (*SETTINGS, *READINGS), "inception")
    thousands, histories = _thousands(records), published_loss(records, histories)
    figure, (axes,) = new_figure(title, (6.6, 5.6))
    for setting, points in published("Figure 1a", "setting").items():
        group = _one_recipe(with_setting(records, [setting]), setting)
        colour = SETTING_COLOURS[setting]
        _draw_published(axes, points if thousands else in_epochs(points), colour)
        _draw(axes, _over_epochs(group, histories, "train_loss"), (thousands or 1, 1), setting, color=colour)
    handles = [Line2D([], [], color=SETTING_COLOURS[name], label=setting_text(name)) for name in SETTINGS]
    for setting, read in READINGS.items():
        if group := _one_recipe(with_setting(records, [setting]), setting):
            style: dict[str, Any] = {"color": SETTING_COLOURS[read], "linestyle": ":"}
            _draw(axes, _over_epochs(group, histories, "train_loss"), (thousands or 1, 1), setting, **style)
            handles.append(Line2D([], [], label=setting_text(setting), **style))
    axes.set(xlabel=_epoch_label(thousands, records), ylim=(0, 2.5), ylabel="training loss (nats)")
    axes.set_xlim(left=0)
    add_legend(figure, [*handles, _published_handle()])
    return figure


def convergence_slowdown(rows: Sequence[Row], title: str) -> Figure:
    """Figure 1b: epochs to fit, relative to true labels, against corruption (%); `rows` of `zhang.corruption_rows`."""
    figure, (axes,) = new_figure(title, (6.6, 5.4))
    add_legend(figure, _over_corruption(axes, rows, "Figure 1b", "ratio", 1))
    axes.set(xlabel="corrupted labels (%)", ylabel="epochs to fit, relative to true labels")
    return figure


def generalization_error(rows: Sequence[Row], title: str) -> Figure:
    """Figure 1c: test error against corruption (%): on equally corrupted test labels and, thinner, on clean ones."""
    figure, (axes,) = new_figure(title, (6.6, 6.0))
    handles = _over_corruption(axes, rows, "Figure 1c", "test_error_corrupted_labels", 100)
    for model, colour in _model_colours(rows).items():
        _draw(axes, _by_corruption(rows, model, "test_error"), (100, 100), f"{model}, clean", color=colour, **CLEAN)
    axes.axhline(90, **CHANCE)
    axes.set(xlabel="corrupted labels (%)")
    percent_axis(axes, "test error (%)")
    handles.append(Line2D([], [], color=GREY, label="on clean test labels", **CLEAN))
    add_legend(figure, [*handles, Line2D([], [], label="chance, 90 %", **CHANCE)])
    return figure


def batch_norm_curves(records: Iterable[Record], histories: Histories, title: str) -> Figure:
    """Figure 2b: training and test accuracy (%) of small Inception with and without batch norm, early stopping marked.

    Dotted: the best test accuracy so far; ring: its last value, square: the final test accuracy. Means over seeds.
    """
    records = [r for r in with_setting(records, ["true_labels"]) if model_of(r["config"]) in BATCH_NORM]
    thousands = _thousands(records)
    figure, panels = new_figure(title, (6.6, 8.0), (2, 1))
    curves = published("Figure 2b")
    for model, (_, colour) in BATCH_NORM.items():
        group = _one_recipe([r for r in records if model_of(r["config"]) == model], model)
        for axes, split in zip(panels, ("train", "test"), strict=True):
            points = [(x, 100 * y) for x, y in curves[f"zhang-fig2b-{model}-{split}"]]
            _draw_published(axes, points if thousands else in_epochs(points), colour)
            curve = _over_epochs(group, histories, f"{split}_accuracy")
            _draw(axes, curve, (thousands or 1, 100), model, color=colour)
        _draw_best(axes, curve, _over_epochs(group, histories, "test_accuracy", best=True), colour, thousands or 1)
    for axes, label in zip(panels, ("training accuracy (%)", "test accuracy (%)"), strict=True):
        axes.set(ylabel=label)
        axes.set_xlim(left=0)
    panels[0].sharex(panels[1])
    panels[0].tick_params(labelbottom=False)
    panels[1].set_xlabel(_epoch_label(thousands, records))
    add_legend(figure, _batch_norm_handles())
    return figure


def _batch_norm_handles() -> list[Line2D]:
    return [
        *(Line2D([], [], color=colour, label=name) for name, colour in BATCH_NORM.values()),
        _published_handle(),
        Line2D([], [], color=GREY, label="best test accuracy so far", **BEST),
        Line2D([], [], **RING | {"color": GREY, "markersize": 9}, label="best"),
        Line2D([], [], color=GREY, marker="s", linestyle="none", label="final"),
    ]


def _one_recipe(records: Sequence[Record], line: str) -> list[Record]:
    """The runs of one line: those that differ in more than their seeds are never averaged."""
    groups = by_recipe(records)
    if len(groups) > 1:
        raise ValueError(f"runs of one line must differ in their seeds alone. Received: {line}, recipes={len(groups)}")
    return groups[0] if groups else []


def _thousands(records: Sequence[Record]) -> float | None:
    """Thousand steps in an epoch, where it has as many as the published one; else null."""
    if not records:
        raise ValueError("records must hold at least one run of the figure's settings. Received: none")
    steps = {math.ceil(r["data"]["train_n"] / r["config"]["batch_size"]) for r in records}
    return STEPS / 1000 if steps == {STEPS} else None


def _epoch_label(thousands: float | None, records: Sequence[Record]) -> str:
    return "thousand steps" if thousands else f"epoch (of {_sizes(records)} examples; published: {STEPS} steps)"


def _sizes(records: Sequence[Record]) -> str:
    return ", ".join(f"{size:,}" for size in sorted({record["data"]["train_n"] for record in records}))


def _over_epochs(group: Sequence[Record], histories: Histories, key: str, best: bool = False) -> Curve:
    """A measure, or the best of it so far, over the epochs of training that every seed has."""
    seeds = [_values(histories.get(record["run_id"], []), key) for record in group]
    if best:
        seeds = [dict(zip(seed, np.maximum.accumulate([*seed.values()]).tolist(), strict=True)) for seed in seeds]
    shared = [epoch for epoch in seeds[0] if all(epoch in seed for seed in seeds)] if seeds else []
    return {epoch: estimate([seed[epoch] for seed in seeds]) for epoch in shared}


def _values(history: Sequence[Line], key: str) -> dict[float, float]:
    return {line["epoch"]: line[key] for line in history if line["epoch"] > 0 and line.get(key) is not None}


def _by_corruption(rows: Sequence[Row], model: str, key: str) -> Curve:
    """A measure over corruption; null is no point."""
    here = [row for row in rows if row["model"] == model]
    curve = {}
    for x in sorted({row["corruption_fraction"] for row in here}):
        group = [row for row in here if row["corruption_fraction"] == x]
        _one_recipe([row["record"] for row in group], f"{model}, corruption {x:g}")
        curve[x] = estimate([row[key] for row in group])
    return {x: found for x, found in curve.items() if found.n}


def _model_colours(rows: Sequence[Row]) -> dict[str, str]:
    """A colour for each model: its own, or for one that has none, what is left."""
    if not rows:
        raise ValueError("rows must hold at least one run. Received: none")
    models = sorted({row["model"] for row in rows}, key=lambda name: [*MODEL_COLOURS, name].index(name))
    left = iter([SKY, AMBER, *[GREY] * len(models)])
    return {model: MODEL_COLOURS.get(model) or next(left) for model in models}


def _over_corruption(axes: Axes, rows: Sequence[Row], source: str, key: str, scale: float) -> list[Line2D]:
    """Draw one line for each model and the published ones behind; their handles."""
    handles = []
    for model, colour in _model_colours(rows).items():
        if points := published(source, "model").get(model):
            _draw_published(axes, [(100 * x, scale * y) for x, y in points], colour)
        _draw(axes, _by_corruption(rows, model, key), (100, scale), model, color=colour, marker="o")
        sizes = _sizes([row["record"] for row in rows if row["model"] == model])
        label = f"{model.replace('_', ' ')}, {sizes} examples"
        handles.append(Line2D([], [], color=colour, marker="o", label=label))
    axes.set_xticks(range(0, 101, 20))
    return [*handles, _published_handle()]


def _draw_published(axes: Axes, points: Points, colour: str) -> None:
    x, y = zip(*points, strict=True)
    axes.plot(x, y, color=colour, **PUBLISHED)


def _published_handle() -> Line2D:
    return Line2D([], [], color=GREY, label="published, 50,000 examples", **PUBLISHED)


def _draw(axes: Axes, curve: Curve, scales: tuple[float, float], label: str, **style: Any) -> None:
    """Means, and the interval where there are several seeds: fainter around a thinner line."""
    style = {**MEASURED, **style}
    x = [scales[0] * at for at in curve]
    means, lows, highs = (
        [_scaled(getattr(found, end), scales[1]) for found in curve.values()] for end in ("mean", "low", "high")
    )
    axes.plot(x, means, label=label, **style)
    axes.fill_between(x, lows, highs, color=style["color"], alpha=0.1 * style["linewidth"], linewidth=0)


def _scaled(value: float | None, scale: float) -> float:
    return math.nan if value is None else scale * value


def _draw_best(axes: Axes, curve: Curve, best: Curve, colour: str, x_scale: float) -> None:
    """The best test accuracy so far, where it is first reached on average, and the final one."""
    if not best:
        return
    x, y = [x_scale * at for at in best], [_scaled(found.mean, 100) for found in best.values()]
    axes.plot(x, y, color=colour, **BEST)
    axes.plot([x[y.index(y[-1])]], [y[-1]], **RING | {"color": colour, "markersize": 9})
    axes.plot([x[-1]], [_scaled([*curve.values()][-1].mean, 100)], color=colour, marker="s", linestyle="none")
