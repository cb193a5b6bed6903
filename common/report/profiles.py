"""Figures of read-outs: test accuracy of networks and of what their layers know, over corruption and layer by layer."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from common.report import figures, readouts
from common.report.layers import accuracy, layers_of
from common.report.numbers import Curve, estimate
from common.report.runs import Line, Measure, Run, Runs

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

OWN: dict[str, Any] = {"color": figures.BLACK, "linestyle": "--", "linewidth": 1.2}
PROFILES: dict[str, tuple[str, dict[str, Any]]] = {
    "corrupted_labels": ("subspaces of corrupted labels", {"color": figures.ORANGE, "marker": "o"}),
    "true_labels": ("subspaces of true labels", {"color": figures.GREEN, "marker": "^"}),
    "untrained": ("untrained network, corrupted labels", {"color": figures.GREY, "marker": "s", "linestyle": ":"}),
    "clean": ("trained on true labels, corrupted subspaces", {"color": figures.SKY, "marker": "D", "linestyle": "-."}),
}


def over_fractions(measures: Mapping[str, Measure], runs: Iterable[Run], title: str) -> Figure:
    """Test accuracy (%) against corruption (%), a panel for each model and data set, a line for each named measure."""
    kinds = Runs(sorted(runs, key=readouts.setting_of)).grouped(readouts.network_of)
    figure, panels = figures.panel_figure(title, [kind.text() for kind in kinds], 3, (3, 2.7))
    colours = figures.palette(list(measures), (*figures.COLOURS, figures.GREY))
    for axes, group in zip(panels, kinds.values(), strict=True):
        for name, measure in measures.items():
            curve = {100 * x: [measure(run) for run in seeds] for x, seeds in group.by("corruption_fraction").items()}
            figures.draw_curve(axes, curve, 100, color=colours[name], marker="o")
        axes.set_xlabel("corrupted labels (%)")
        figures.percent_axis(axes, "test accuracy (%)")
    figures.add_legend(figure, figures.handles(colours, marker="o"))
    return figure


def layer_profiles(runs: Runs, title: str) -> Figure:
    """Test accuracy (%) of the subspace classifier on each layer, a panel for each data set (rows) and corruption.

    With the two controls: the untrained network, and the network trained on true labels with corrupted subspaces.
    """
    groups = runs.by("dataset", "corruption_fraction")
    datasets = list(dict.fromkeys(dataset for dataset, _ in groups))
    fractions = sorted({fraction for _, fraction in groups})
    shape = len(datasets), len(fractions)
    figure, panels = figures.new_figure(title, (1 + 2.7 * shape[1], 1.4 + 2.5 * shape[0]), shape)
    for index, axes in enumerate(panels):
        dataset, fraction = datasets[index // shape[1]], fractions[index % shape[1]]
        if (dataset, fraction) not in groups:
            axes.set_visible(False)
            continue
        _profile(axes, groups[dataset, fraction], groups.get((dataset, 0.0), Runs()))
        figures.percent_axis(axes, "" if index % shape[1] else "test accuracy (%)")
    used = [figures.handle(label, **style) for label, style in PROFILES.values()]
    figures.add_legend(figure, [*used, figures.handle("the network's own output", **OWN)])
    return figure


def _profile(axes: Axes, runs: Runs, clean: Runs) -> None:
    fraction, final = runs[0].config.corruption_fraction, [readouts.lines_of(run) for run in runs]
    layers = layers_of(final[0])
    sources: dict[str, tuple[Sequence[Sequence[Line]], str]] = {
        "corrupted_labels": (final, "corrupted_labels"),
        "true_labels": (final, "true_labels"),
        "untrained": ([readouts.lines_of(run, 0) for run in runs], "corrupted_labels"),
        "clean": ([readouts.other_lines(run).get(fraction, []) for run in clean], "corrupted_labels"),
    }
    for name, (seeds, fitted_on) in sources.items():
        curve: Curve = {
            place: [accuracy(lines, layer, fitted_on=fitted_on) for lines in seeds]
            for place, layer in enumerate(layers)
        }
        figures.draw_curve(axes, curve, 100, **PROFILES[name][1])
    axes.axhline(100 * (estimate([readouts.own(run) for run in runs]).mean or 0), **OWN)
    axes.set_xticks(range(len(layers)), layers, rotation=35, fontsize=8)
    axes.set_title(", ".join(map(str, readouts.setting_of(runs[0]).cells()[1:3])), fontsize=10)
