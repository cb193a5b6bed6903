"""Networks and what their layers know over training: how both peak and fall, and early stopping.

Early stopping is on examples held out from the network, with the labels a user has.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from common.report import figures, readouts
from common.report.layers import HELD_OUT, accuracy, choose_layer, last_layer, layers_of
from common.report.numbers import less
from common.report.runs import HistoryLine, Line, Run, Runs
from common.report.tables import Table

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

LAST = "last hidden layer"
Epochs = Sequence[int]
LayerOf = Callable[[Sequence[Line]], str | None]
LAYER_COLOURS = (figures.GREY, figures.SKY, figures.AMBER, figures.ORANGE, figures.PURPLE, figures.BLUE)


def stopped(run: Run) -> HistoryLine:
    """The epoch at which early stopping on held-out examples, with the labels a user has, would end."""
    return run.best("validation_accuracy")


def stopped_accuracy(run: Run) -> float | None:
    """The network's test accuracy there."""
    return stopped(run)["test_accuracy"]


def curves(runs: Runs, title: str) -> Figure:
    """Test accuracy (%) over epochs: the network and the subspace classifier on each layer, a panel for each setting.

    A mark shows the epoch at which early stopping on held-out examples ends.
    """
    settings = readouts.by_setting(runs)
    names = [setting.text(4, " ") for setting in settings]
    figure, panels = figures.panel_figure(title, names, 2, (4.2, 3.1))
    layers = dict.fromkeys(layer for group in settings.values() for layer in layers_of(group[0].readout))
    colours = figures.palette(list(layers), LAYER_COLOURS)
    for axes, group in zip(panels, settings.values(), strict=True):
        _draw(axes, group, colours)
    marked = figures.handles({f"MASC, {layer}": colours[layer] for layer in layers}, marker="o", markersize=3)
    stop = figures.handle("best epoch on held-out examples", color=figures.BLACK, linestyle=":")
    figures.add_legend(figure, [figures.handle("the network's own output", color=figures.BLACK), *marked, stop])
    return figure


def _draw(axes: Axes, runs: Runs, colours: dict[Any, Any]) -> None:
    """One setting, over the epochs that all of its runs were read out at; they may end at different ones."""
    own = [{epoch: run.history[epoch]["test_accuracy"] for epoch in readouts.epochs_of(run)} for run in runs]
    figures.draw_curve(axes, figures.shared_epochs(own), 100, color=figures.BLACK)
    for layer in layers_of(runs[0].readout):
        seeds = [{epoch: readouts.in_layer(run, layer, epoch) for epoch in readouts.epochs_of(run)} for run in runs]
        figures.draw_curve(axes, figures.shared_epochs(seeds), 100, color=colours[layer], marker="o", markersize=3)
    for run in runs:
        axes.axvline(stopped(run)["epoch"], color=figures.BLACK, linestyle=":", linewidth=0.8)
    axes.set_xlabel("epoch")
    figures.percent_axis(axes, "test accuracy (%)")


def layers_over_epochs(run: Run, title: str, probe: str = "masc") -> Figure:
    """Test accuracy (%) of a probe over epochs (columns) and layers (rows) of one run."""
    layers, epochs = layers_of(run.readout), readouts.epochs_of(run)
    values = [[readouts.in_layer(run, layer, epoch, probe=probe) for epoch in epochs] for layer in layers]
    figure, (axes,) = figures.new_figure(title, (1.6 + 0.42 * len(epochs), 1.6 + 0.42 * len(layers)))
    image = figures.heat_map(axes, np.array(values, float), layers, list(map(str, epochs)))
    axes.set_xlabel("epoch")
    figure.colorbar(image, ax=axes, label="test accuracy (%)", format=lambda share, _: f"{100 * share:g}")
    return figure


def early_stopping_table(runs: Runs, targets: readouts.Published, title: str, epochs: Epochs) -> Table:
    """Early stopping beside the end of training, of the network and of the layer that is chosen at each epoch."""
    cited = partial(readouts.published, targets=targets, probe="model", layer="logits", quantity="best_test_accuracy")
    cells: readouts.Cells = {
        "early stopping, epoch": readouts.mean(lambda run: stopped(run)["epoch"], "components"),
        "network there, %": readouts.mean(stopped_accuracy),
        "network's peak on test, epoch": readouts.mean("best_test_epoch", "components"),
        "network's peak, %": readouts.mean("best_test_accuracy"),
        "published peak, %": cited,
        "network at the end, %": readouts.mean("test_accuracy"),
        "layer's best epoch": readouts.mean(lambda run: peak(run, epochs)[0], "components"),
        "layer there, %": readouts.mean(lambda run: peak(run, epochs)[1]),
        "layer at the end, %": readouts.mean(readouts.in_chosen_layer),
    }
    return readouts.setting_table(runs, cells, title)


def peak(run: Run, epochs: Epochs, layer_of: LayerOf = choose_layer) -> tuple[int | None, float | None]:
    """The first epoch of training at which a layer, by default the one chosen at it, is best on held-out examples.

    And its test accuracy there; null unless the run was read out at all of these epochs, and at two of training.
    """
    known = {e: values for e in readouts.epochs_of(run) if e and (values := shares(run, e, layer_of))}
    if len(known) < 2 or not readouts.followed(run, epochs):
        return None, None
    best = max(known, key=lambda epoch: known[epoch][HELD_OUT])
    return best, known[best]["test"]


def shares(run: Run, epoch: int, layer_of: LayerOf) -> dict[str, float]:
    """Accuracy by split of a layer at an epoch; none where either was not measured."""
    lines = readouts.lines_of(run, epoch)
    found = {split: accuracy(lines, layer_of(lines), scored_on=split) for split in (HELD_OUT, "test")}
    values = {split: value for split, value in found.items() if value is not None}
    return values if len(values) == len(found) else {}


def network_fall(run: Run) -> float | None:
    """How much of its test accuracy the network loses from early stopping to the end."""
    return less(stopped_accuracy(run), readouts.own(run))


def network_peaks(run: Run) -> float | None:
    """When the network does, as a share of the training."""
    return stopped(run)["epoch"] / run.outcome["epochs"]


def comparisons(epochs: Epochs) -> list[readouts.Comparison]:
    """By names of statements, which each wing that asks has of its own; subspaces peak at one of these epochs."""

    def at_peak(run: Run, layer_of: LayerOf = choose_layer) -> float | None:
        return peak(run, epochs, layer_of)[1]

    def subspaces_fall(run: Run, layer_of: LayerOf = choose_layer) -> float | None:
        lines = readouts.lines_of(run)
        return less(at_peak(run, layer_of), accuracy(lines, layer_of(lines)))

    def subspaces_peak(run: Run) -> float | None:
        epoch = peak(run, epochs)[0]
        return None if epoch is None else epoch / run.outcome["epochs"]

    of_last, last_falls = partial(at_peak, layer_of=last_layer), partial(subspaces_fall, layer_of=last_layer)
    return [
        readouts.Comparison("early-stopping", stopped_accuracy, readouts.in_chosen_layer),
        readouts.Comparison("network-peak", stopped_accuracy, readouts.own),
        readouts.Comparison("early-peak", at_peak, readouts.in_chosen_layer),
        readouts.Comparison("early-peak", of_last, readouts.in_last_layer, where=LAST),
        readouts.Comparison("peaks-together", subspaces_peak, network_peaks),
        readouts.Comparison("falls-less", network_fall, subspaces_fall, unit="points"),
        readouts.Comparison("falls-less", network_fall, last_falls, where=LAST, unit="points"),
    ]
