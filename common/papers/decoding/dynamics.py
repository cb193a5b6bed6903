"""Network and layers over training on corrupted labels, against early stopping on held-out examples."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from common.analysis.readout import decode_run
from common.papers.decoding import readouts
from common.papers.decoding.recipes import BASE, SMOKE, Corrupted
from common.papers.decoding.targets import TARGETS
from common.report import figures
from common.report.claims import Finding
from common.report.layers import CHOICES, choose_layer, last_layer, layers_of
from common.report.runs import HistoryLine, Run, Runs
from common.report.tables import Table, claims_table
from common.runs.config import Config
from common.study import Call, Study, with_progress

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

TITLE = "Network and layers over training"
EPOCHS = (0, 1, *range(2, 20, 2), *range(20, 501, 5))
LAYER_COLOURS = (figures.GREY, figures.SKY, figures.AMBER, figures.ORANGE, figures.PURPLE, figures.BLUE)
FALLING = {"layer chosen on held-out examples": CHOICES["held-out examples"], "last hidden layer": last_layer}


def read(configs: Sequence[Config], call: Call) -> None:
    """Every network at every epoch that is kept."""
    for config in with_progress(configs):
        decode_run(config, call.options, epochs=EPOCHS, force=call.force)


def report(runs: Runs, call: Call) -> dict[str, Table | Figure]:
    """Curves, a heat map of each setting's first seed, the table, and what becomes of the statements."""
    runs = readouts.read_out(runs)
    followed = runs.where(lambda run: len(readouts.epochs_of(run)) > 2)  # other studies read out both ends
    groups = readouts.by_setting(followed)
    return {
        **({"dynamics": curves(followed, TITLE)} if followed else {}),
        "early_stopping": early_stopping_table(followed, TARGETS.of("dynamics"), TITLE),
        "claims": claims_table(findings(runs), TITLE),
        **{
            f"heat_map_{setting.name()}": layers_over_epochs(group[0], setting.text())
            for setting, group in groups.items()
        },
    }


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


def early_stopping_table(runs: Runs, targets: readouts.Published, title: str) -> Table:
    """Early stopping beside the end of training, of the network and of the layer that is chosen at the end."""
    cited = partial(readouts.published, targets=targets, probe="model", layer="logits", quantity="best_test_accuracy")
    cells: readouts.Cells = {
        "early stopping, epoch": readouts.mean(lambda run: stopped(run)["epoch"], "components"),
        "network there, %": readouts.mean(stopped_accuracy),
        "network's peak on test, epoch": readouts.mean("best_test_epoch", "components"),
        "network's peak, %": readouts.mean("best_test_accuracy"),
        "published peak, %": cited,
        "network at the end, %": readouts.mean("test_accuracy"),
        "layer": lambda group: ", ".join(dict.fromkeys(filter(None, map(_layer, group)))) or None,
        "its peak on test, epoch": readouts.mean(lambda run: peak(run)[0], "components"),
        "its peak, %": readouts.mean(lambda run: peak(run)[1]),
        "layer at the end, %": readouts.mean(readouts.in_chosen_layer),
    }
    return readouts.setting_table(runs, cells, title)


def _layer(run: Run) -> str | None:
    return choose_layer(readouts.lines_of(run))


def peak(run: Run) -> tuple[int | None, float | None]:
    """The first epoch at which the layer that is chosen at the end knows most, and how much.

    The untrained network counts, as it does in the network's own peak.
    """
    curve = measured(run, _layer(run))
    best = max(curve, key=lambda epoch: curve[epoch], default=None)
    return best, None if best is None else curve[best]


def measured(run: Run, layer: str | None) -> dict[int, float]:
    """What a layer knows by epoch, where it was measured."""
    values = {epoch: readouts.in_layer(run, layer, epoch) for epoch in readouts.epochs_of(run)}
    return {epoch: value for epoch, value in values.items() if value is not None}


def findings(runs: Runs) -> list[Finding]:
    """Early stopping against the subspaces of the end, and how network and subspaces peak and fall."""
    tested: list[Finding] = []
    for group in readouts.by_setting(runs.where(readouts.in_part)).values():
        tested.append(readouts.compare("decoding-early-stopping", group, stopped_accuracy, readouts.in_chosen_layer))
        tested += [early_peak(group, which) for which in FALLING]
    return tested


def early_peak(runs: Runs, which: str) -> Finding:
    """Network and the subspaces of a layer, chosen at the end, both fall from their best epoch, the network by more."""
    seeds = [falls(run, FALLING[which](readouts.lines_of(run))) for run in runs]
    holds = [None if pair is None else fall_early(*pair) for pair in seeds]
    network, subspaces = (readouts.points([pair and pair[place] for pair in seeds]) for place in (0, 1))
    numbers = f"network falls by {network}, subspaces by {subspaces}" if network else None
    subject = f"{readouts.setting_of(runs[0]).text()}, {which}"
    return TARGETS.judged("decoding-early-peak", subject, runs, numbers, holds)


def fall_early(network: readouts.Lead, subspaces: readouts.Lead) -> bool:
    """Whether both fall, by more than the interval over test examples, and the network by more."""
    both = all(fall.interval and fall.interval[0] > 0 for fall in (network, subspaces))
    return both and network.value > subspaces.value


def falls(run: Run, layer: str | None) -> tuple[readouts.Lead, readouts.Lead] | None:
    """How far network and a layer's subspaces fall from their best epoch to the end.

    Null where an epoch was not measured, or none between the untrained network and the end.
    """
    epochs = [epoch for epoch in readouts.epochs_of(run) if epoch]
    subspaces = [value for epoch, value in measured(run, layer).items() if epoch]
    if len(subspaces) < max(2, len(epochs)):
        return None
    history = run.over_epochs("test_accuracy")
    network = [history[epoch] for epoch in epochs]
    first, second = (readouts.lead(run, max(values), values[-1]) for values in (network, subspaces))
    return (first, second) if first and second else None


GRID = Corrupted(fractions=(0.8,))
STUDY = Study("latent_generalization_dynamics", GRID, BASE, report, EPOCHS, read, smoke={"models": SMOKE["models"]})
