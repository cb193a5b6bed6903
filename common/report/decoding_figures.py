"""Figures of Ketha & Ramaswamy (arXiv 2501.14687 and 2603.19865) from decoded runs, means over seeds with intervals."""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from common.report.decoding import Decoded, by_setting
from common.report.figures import (
    AMBER,
    BLACK,
    BLUE,
    COLOURS,
    GREEN,
    GREY,
    ORANGE,
    PURPLE,
    SKY,
    add_legend,
    new_figure,
    percent_axis,
)
from common.report.layers import accuracy, layers_of
from common.report.numbers import estimate
from common.report.records import Line
from common.report.runs import FRAMEWORKS

OWN: dict[str, Any] = {"color": BLACK, "linestyle": "--", "linewidth": 1.2}
SPLITS: dict[str, Any] = {"test labels": "-", "training labels": ":"}
Curve = Mapping[Any, Sequence[float | None]]  # x: the value of each seed

PROFILES: dict[str, tuple[str, dict[str, Any]]] = {
    "corrupted_labels": ("subspaces of corrupted labels", {"color": ORANGE, "marker": "o"}),
    "true_labels": ("subspaces of true labels", {"color": GREEN, "marker": "^"}),
    "untrained": ("untrained network, corrupted labels", {"color": GREY, "marker": "s", "linestyle": ":"}),
    "clean": ("trained on true labels, corrupted subspaces", {"color": SKY, "marker": "D", "linestyle": "-."}),
}


def layer_profiles(runs: Sequence[Decoded], title: str) -> Figure:
    """Test accuracy (%) of the subspace classifier on each layer, a panel for each data set (rows) and corruption.

    With the two controls: the untrained network, and the network trained on true labels with corrupted subspaces.
    """
    groups = {(s.dataset, s.fraction): group for s, group in by_setting(runs).items()}
    datasets = list(dict.fromkeys(dataset for dataset, _ in groups))
    fractions = sorted({fraction for _, fraction in groups})
    shape = len(datasets), len(fractions)
    figure, panels = new_figure(title, (1 + 2.7 * shape[1], 1.4 + 2.5 * shape[0]), shape)
    for index, axes in enumerate(panels):
        dataset, fraction = datasets[index // shape[1]], fractions[index % shape[1]]
        if (dataset, fraction) not in groups:
            axes.set_visible(False)
            continue
        clean = groups.get((dataset, 0.0), [])
        _profile(axes, groups[dataset, fraction], [run.other.get(fraction, []) for run in clean])
        axes.set_title(f"{dataset.replace('_', ' ')}, {100 * fraction:g} %", fontsize=10)
        percent_axis(axes, "" if index % shape[1] else "test accuracy (%)")
    used = [Line2D([], [], label=label, **style) for label, style in PROFILES.values()]
    add_legend(figure, [*used, Line2D([], [], label="the network's own output", **OWN)])
    return figure


def _profile(axes: Axes, group: Sequence[Decoded], clean: Sequence[Sequence[Line]]) -> None:
    final = [run.lines() for run in group]
    layers = layers_of(final[0])
    sources = {
        "corrupted_labels": (final, "corrupted_labels"),
        "true_labels": (final, "true_labels"),
        "untrained": ([run.lines(0) for run in group], "corrupted_labels"),
        "clean": (clean, "corrupted_labels"),
    }
    for name, (lines, fitted_on) in sources.items():
        curve = {layer: [accuracy(each, layer, fitted_on=fitted_on) for each in lines] for layer in layers}
        draw(axes, {layers.index(layer): values for layer, values in curve.items()}, **PROFILES[name][1])
    own = [run.record["outcome"]["test_accuracy"] for run in group]
    axes.axhline(100 * float(np.mean(own)), **OWN)
    axes.set_xticks(range(len(layers)), layers, rotation=35, fontsize=8)


def draw(axes: Axes, curve: Curve, scale: float = 100, **style: Any) -> None:
    """Mean over seeds, in percent unless scaled otherwise, with its 95 % t interval as a band."""
    points = {x: estimate(values) for x, values in sorted(curve.items())}
    points = {x: point for x, point in points.items() if point.mean is not None}
    if not points:
        return
    means, lows, highs = ([_scaled(getattr(p, end), scale) for p in points.values()] for end in ("mean", "low", "high"))
    axes.fill_between(list(points), lows, highs, color=style["color"], alpha=0.15, linewidth=0)
    axes.plot(list(points), means, **{"linewidth": 1.6, "markersize": 4, **style})


def _scaled(value: float | None, scale: float) -> float:
    return math.nan if value is None else scale * value


def over_fractions(
    groups: Mapping[str, Callable[[Decoded], float | None]], runs: Sequence[Decoded], title: str
) -> Figure:
    """Test accuracy (%) against corruption (%), a panel for each model and data set, a line for each named measure."""
    settings = by_setting(runs)
    pairs = list(dict.fromkeys((s.model, s.dataset, s.framework) for s in settings))
    columns = max(1, min(3, len(pairs)))
    shape = max(1, math.ceil(len(pairs) / columns)), columns
    figure, panels = new_figure(title, (1 + 3 * columns, 1.8 + 2.7 * shape[0]), shape)
    colours = dict(zip(groups, (*COLOURS, GREY), strict=False))
    for axes, pair in zip(panels, pairs, strict=False):
        here = {s.fraction: group for s, group in settings.items() if (s.model, s.dataset, s.framework) == pair}
        for name, measure in groups.items():
            draw(
                axes,
                {100 * x: [measure(run) for run in group] for x, group in here.items()},
                color=colours[name],
                marker="o",
            )
        model, dataset, framework = pair
        axes.set_title(f"{model}, {dataset.replace('_', ' ')}, {FRAMEWORKS[framework]}", fontsize=10)
        axes.set_xlabel("corrupted labels (%)")
        percent_axis(axes, "test accuracy (%)")
    for axes in panels[len(pairs) :]:
        axes.set_visible(False)
    add_legend(figure, [Line2D([], [], label=name, color=colour, marker="o") for name, colour in colours.items()])
    return figure


def dynamics(runs: Sequence[Decoded], title: str) -> Figure:
    """Test accuracy (%) over epochs: the network and the subspace classifier on each layer, a panel for each setting.

    A mark shows the epoch at which early stopping on held-out examples ends.
    """
    settings = by_setting(runs)
    shape = math.ceil(len(settings) / 2), min(2, len(settings))
    figure, panels = new_figure(title, (1 + 4.2 * shape[1], 1.8 + 3.1 * shape[0]), shape)
    colours = _layer_colours(layer for group in settings.values() for layer in layers_of(group[0].readout))
    for axes, (setting, group) in zip(panels, settings.items(), strict=False):
        draw(axes, _over_epochs(group, _own), color=BLACK)
        for layer in layers_of(group[0].readout):
            curve = _over_epochs(group, partial(_layer, layer=layer))
            draw(axes, curve, color=colours[layer], marker="o", markersize=3)
        for run in group:
            axes.axvline(run.at_best_validation()["epoch"], color=BLACK, linestyle=":", linewidth=0.8)
        axes.set_title(" ".join(map(str, setting.cells()[:4])), fontsize=10)
        axes.set_xlabel("epoch")
        percent_axis(axes, "test accuracy (%)")
    for axes in panels[len(settings) :]:
        axes.set_visible(False)
    own = Line2D([], [], color=BLACK, label="the network's own output")
    stop = Line2D([], [], color=BLACK, linestyle=":", label="best epoch on held-out examples")
    marked: dict[str, Any] = {"marker": "o", "markersize": 3}
    handles = [Line2D([], [], color=colour, label=f"MASC, {layer}", **marked) for layer, colour in colours.items()]
    add_legend(figure, [own, *handles, stop])
    return figure


def _layer_colours(layers: Iterable[str]) -> dict[str, Any]:
    """One colour for each layer, whatever the panel; steps from dark to light where there are more than colours."""
    names = list(dict.fromkeys(layers))
    steps = [colormaps["viridis"](index / len(names)) for index in range(len(names))]
    palette = (GREY, SKY, AMBER, ORANGE, PURPLE, BLUE)
    return dict(zip(names, steps if len(names) > len(palette) else palette, strict=False))


def _own(run: Decoded, epoch: int) -> float | None:
    found: float | None = run.history[epoch]["test_accuracy"]
    return found


def _layer(run: Decoded, epoch: int, layer: str) -> float | None:
    return accuracy(run.lines(epoch), layer)


def _over_epochs(group: Iterable[Decoded], value: Callable[[Decoded, int], float | None]) -> Curve:
    """Values at each epoch that every run of the group was read out at; runs may end at different ones."""
    runs = list(group)
    common = set.intersection(*(set(run.epochs) for run in runs))
    return {epoch: [value(run, epoch) for run in runs] for epoch in sorted(common)}


def heat_map(run: Decoded, title: str, probe: str = "masc") -> Figure:
    """Test accuracy (%) of a probe over epochs (columns) and layers (rows) of one run."""
    layers = layers_of(run.readout)
    values = [[_scaled(accuracy(run.lines(e), layer, probe), 100) for e in run.epochs] for layer in layers]
    figure, (axes,) = new_figure(title, (1.6 + 0.42 * len(run.epochs), 1.6 + 0.42 * len(layers)))
    image = axes.imshow(values, aspect="auto", cmap="viridis", vmin=0, vmax=100)
    axes.grid(visible=False)
    axes.set_xticks(range(len(run.epochs)), [str(epoch) for epoch in run.epochs], fontsize=8)
    axes.set_yticks(range(len(layers)), layers, fontsize=8)
    axes.set_xlabel("epoch")
    figure.colorbar(image, ax=axes, label="test accuracy (%)")
    return figure


def edited_training(pairs: Sequence[tuple[Decoded, Sequence[Line]]], title: str) -> Figure:
    """Test accuracy and, dotted, training accuracy (%) of networks before and after an edit, a panel for each setting.

    `pairs` are runs and the histories that go on from their edit, over the same epochs; the first seed of each.
    """
    settings = {run.setting: (run, history) for run, history in reversed(pairs)}
    shape = max(1, math.ceil(len(settings) / 3)), max(1, min(3, len(settings)))
    figure, panels = new_figure(title, (1 + 3 * shape[1], 1.8 + 2.7 * shape[0]), shape)
    for axes, (setting, (run, edited)) in zip(panels, sorted(settings.items()), strict=False):
        for history, colour in ((run.history, BLACK), (edited, ORANGE)):
            for key, style in (("test_accuracy", "-"), ("train_accuracy", ":")):
                curve = {line["epoch"]: [line[key]] for line in history}
                draw(axes, curve, color=colour, linestyle=style)
        axes.set_title(" ".join(map(str, setting.cells()[:3])), fontsize=10)
        axes.set_xlabel("epoch")
        percent_axis(axes)
    for axes in panels[len(settings) :]:
        axes.set_visible(False)
    names = {"unedited": BLACK, "edited, then trained on": ORANGE}
    handles = [Line2D([], [], color=colour, label=name) for name, colour in names.items()]
    styles = [Line2D([], [], color=GREY, linestyle=style, label=f"on {name}") for name, style in SPLITS.items()]
    add_legend(figure, [*handles, *styles])
    return figure
