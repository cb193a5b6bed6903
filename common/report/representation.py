"""Networks trained on data and on noise: statistics of weights and activations, similarity of layers.

Runs are records; lines are those of `common.analysis.representation`, by run id or by the ids of two runs.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from itertools import combinations_with_replacement, product
from typing import NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from common.groups import grouped
from common.report.decoding_figures import Curve, draw
from common.report.figures import COLOURS, add_legend, new_figure
from common.report.layers import last_epoch
from common.report.numbers import Number, estimate
from common.report.records import Line, Record, setting_of
from common.report.runs import FRAMEWORKS, data_text
from common.report.tables import Table

STATISTICS = {  # label, factor
    "mean": ("mean", 1),
    "variance": ("variance", 1),
    "skewness": ("skewness", 1),
    "kurtosis": ("excess kurtosis", 1),
    "sparsity": ("values that are 0 (%)", 100),
}
MEASURES = {"cka": "linear CKA", "svcca": "SVCCA"}
WEIGHTS = {True: "same initial weights", False: "other initial weights"}
Settings = Mapping[str, Sequence[Record]]  # runs by setting
Lines = Mapping[str, Sequence[Line]]
Similarities = Mapping[tuple[str, str], Sequence[Line]]


class Network(NamedTuple):
    """What runs have in common that are compared: architecture, data set, framework and training examples."""

    model: str
    dataset: str
    framework: str
    train_n: int

    def cells(self) -> list[object]:
        return [self.model, self.dataset.replace("_", " "), FRAMEWORKS[self.framework], self.train_n]

    def text(self) -> str:
        return ", ".join(map(str, self.cells()[:3]))

    def name(self) -> str:
        return "_".join(self[:3])


COLUMNS = ["model", "data", "framework", "train_n"]


def by_network(records: Iterable[Record]) -> dict[Network, dict[str, list[Record]]]:
    """Runs by what is compared and by setting, in the order of the records, each once."""

    def network(record: Record) -> Network:
        config = record["config"]
        return Network(config["model"], config["dataset"], config["framework"], record["data"]["train_n"])

    groups = grouped({record["run_id"]: record for record in records}.values(), network)
    return {name: grouped(runs, lambda run: setting_of(run["config"])) for name, runs in groups.items()}


def statistics_figure(settings: Settings, lines: Lines, of: str, title: str, layer: str | None = None) -> Figure:
    """Each statistic of the `weights` or the `activations` of a layer, by default the last hidden one, over epochs.

    A line for each setting: means over seeds with 95 % t intervals, at epochs that all of its seeds have.
    """
    groups = {name: [_of(lines[run["run_id"]], of) for run in runs] for name, runs in settings.items()}
    layer = layer or last_hidden(next(iter(groups.values()))[0])
    colours = dict(zip(groups, COLOURS, strict=False))
    figure, panels = new_figure(f"{title}: {of} of {layer}", (10.5, 6.4), (2, 3))
    for axes, (key, (label, factor)) in zip(panels, STATISTICS.items(), strict=False):
        for name, group in groups.items():
            draw(axes, _over_epochs(group, layer, key), factor, color=colours[name], marker="o")
        axes.set(xlabel="epoch", ylabel=label)
        axes.set_xscale("symlog", base=2, linthresh=1, linscale=0.5)
        axes.xaxis.set_major_formatter("{x:g}")
    panels[-1].set_visible(False)
    add_legend(figure, [Line2D([], [], color=colours[name], marker="o", label=data_text(name)) for name in groups])
    return figure


def _of(lines: Iterable[Line], of: str) -> list[Line]:
    return [line for line in lines if line["of"] == of]


def last_hidden(lines: Iterable[Line]) -> str:
    """The last layer that is neither the input nor the logits."""
    return [line["layer"] for line in lines if line["layer"] not in ("input", "logits")][-1]


def _over_epochs(group: Iterable[Iterable[Line]], layer: str, key: str) -> Curve:
    """The value of each run, at epochs that all of them have."""
    runs = [{line["epoch"]: line[key] for line in lines if line["layer"] == layer} for lines in group]
    return {epoch: [run[epoch] for run in runs] for epoch in sorted(set.intersection(*map(set, runs)))}


def statistics_table(records: Iterable[Record], lines: Lines, title: str) -> Table:
    """A row for the weights and one for the activations of every layer at the end of training, of each setting."""
    rows: list[Sequence[object]] = []
    for network, settings in by_network(records).items():
        for name, runs in settings.items():
            ends = [last_epoch(lines[run["run_id"]]) for run in runs]
            rows += [[*network.cells(), data_text(name), len(runs), *cells] for cells in _statistics_rows(ends)]
    columns = [*COLUMNS, "setting", "seeds", "epochs", "of", "layer", "mean", "variance", "skewness", "excess kurtosis"]
    note = "Means over seeds with 95 % t intervals; activations are those on the test inputs of the network's own task."
    return Table(title, [*columns, "values that are 0, %"], rows, note)


def _statistics_rows(ends: Sequence[Sequence[Line]]) -> list[list[object]]:
    """Epochs, kind, layer and statistics, from the last epoch's lines of each seed."""
    epochs = ", ".join(str(epoch) for epoch in sorted({lines[0]["epoch"] for lines in ends}))
    rows: list[list[object]] = []
    for found in zip(*ends, strict=True):
        *moments, sparsity = ([line[key] for line in found] for key in STATISTICS)
        share = estimate(sparsity)
        cells = [*map(_digits, moments), Number(share.mean, "fraction", share.low, share.high)]
        rows.append([epochs, found[0]["of"], found[0]["layer"], *cells])
    return rows


def _digits(values: Sequence[float | None]) -> str | None:
    """Mean and interval in three significant digits: weights have variances of thousandths."""
    found = estimate(values)
    interval = f" [{found.low:.3g}, {found.high:.3g}]" if found.low is not None else ""
    return None if found.mean is None else f"{found.mean:.3g}{interval}"


def compared(runs: Iterable[Record], others: Iterable[Record], same_weights: bool, lines: Similarities) -> Similarities:
    """What is known of two different runs, one of each group, whose seeds (initial weights) are equal or are not.

    Of one group with itself, every two are there in both orders.
    """
    return {
        pair: lines[pair]
        for run, other in product(runs, others)
        if (pair := (run["run_id"], other["run_id"])) in lines
        and (run["config"]["seed"] == other["config"]["seed"]) == same_weights
    }


def similarity_figure(settings: Settings, lines: Similarities, measure: str, title: str) -> Figure:
    """Heat maps of `cka` or `svcca`, layer x layer, mean over pairs: a panel for every two settings.

    Rows are layers of the setting that is named first. Pairs on the diagonal and below it have other initial weights,
    those above it the same.
    """
    size = len(settings)
    figure, panels = new_figure(title, (1.6 + 2.6 * size, 1 + 2.7 * size), (size, size))
    for axes, ((row, name), (column, other)) in zip(panels, product(enumerate(settings), repeat=2), strict=True):
        same = row < column
        found = compared(settings[name], settings[other], same, lines)
        axes.set_visible(bool(found))
        if found:
            _heat_map(axes, list(found.values()), measure)
        axes.set_title(f"{data_text(name)} × {data_text(other)},\n{WEIGHTS[same]}", fontsize=8)
    scale = ScalarMappable(cmap="viridis")
    scale.set_clim(0, 1)
    figure.colorbar(scale, ax=panels, label=MEASURES[measure], shrink=0.6)
    return figure


def _heat_map(axes: Axes, found: Sequence[Sequence[Line]], measure: str) -> None:
    layers = list(dict.fromkeys(line["layer"] for pair in found for line in pair))
    values = [[_mean(_values(found, layer, other, measure)) for other in layers] for layer in layers]
    axes.imshow(values, cmap="viridis", vmin=0, vmax=1)
    axes.grid(visible=False)
    axes.set_xticks(range(len(layers)), layers, rotation=35, fontsize=7)
    axes.set_yticks(range(len(layers)), layers, fontsize=7)


def _values(found: Iterable[Iterable[Line]], layer: str, other: str, key: str) -> list[float]:
    """What was measured of two layers in each pair."""
    lines = (line for pair in found for line in pair if (line["layer"], line["other_layer"]) == (layer, other))
    return [line[key] for line in lines if line[key] is not None]


def _mean(values: Sequence[float]) -> float:
    return float(np.mean(values)) if values else math.nan


def similarity_table(records: Iterable[Record], lines: Similarities, title: str) -> Table:
    """A row for each layer behind the input and every two settings, of pairs with other and with the same weights."""
    rows: list[Sequence[object]] = []
    for network, settings in by_network(records).items():
        every = product(combinations_with_replacement(settings, 2), (False, True))
        for (name, other), same in every:
            found = compared(settings[name], settings[other], same, lines)
            once = list({frozenset(pair): known for pair, known in found.items()}.values())
            head = [*network.cells(), f"{data_text(name)} × {data_text(other)}", WEIGHTS[same], len(once)]
            rows += [[*head, *cells] for cells in _similarity_rows(once)]
    columns = [*COLUMNS, "networks", "that have", "pairs", "layer", "examples", "linear CKA", "SVCCA"]
    note = (
        "Means over pairs of networks, brackets their range. SVCCA: of directions that hold 99 % of the variance; by "
        "chance: what that many directions of unrelated layers reach on as many examples. Where the two are close, "
        "SVCCA says nothing."
    )
    return Table(title, [*columns, "SVCCA by chance, at most"], rows, note)


def _similarity_rows(found: Sequence[Sequence[Line]]) -> list[list[object]]:
    """Layer, examples, both measures and the chance level, of layers that correspond to each other."""
    same = [line for pair in found for line in pair if line["layer"] == line["other_layer"] != "input"]
    rows: list[list[object]] = []
    for layer in dict.fromkeys(line["layer"] for line in same):
        values = [_values(found, layer, layer, key) for key in MEASURES]
        level = max(chance(line) for line in same if line["layer"] == layer)
        rows.append([layer, same[0]["n"], *map(_range, values), Number(level, "ratio")])
    return rows


def _range(values: Sequence[float]) -> Number | None:
    ends = (min(values), max(values)) if len(values) > 1 else (None, None)
    return Number(_mean(values), "ratio", *ends) if values else None


def chance(line: Line) -> float:
    """Most that SVCCA is expected to be for unrelated layers with as many directions, on as many examples.

    Centred examples lie in n - 1 dimensions. The squared canonical correlations of two uniformly random subspaces of
    these, of p and q dimensions, sum to p q / (n - 1) on average, so that the mean of the min(p, q) correlations is on
    average at most sqrt(max(p, q) / (n - 1)).
    """
    return min(1.0, math.sqrt(max(line["directions"], line["other_directions"]) / (line["n"] - 1)))
