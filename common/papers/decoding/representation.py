"""Networks trained on data and on noise: statistics of their weights and activations, and similarity of their layers.

Lines are those of `common.analysis.representation`. The networks have this wing's recipes where it has one.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations, combinations_with_replacement, product
from typing import TYPE_CHECKING, Any

import numpy as np

from common.analysis.representation import STATISTICS, similarity_file, similarity_run, statistics_run, swapped
from common.data import datasets
from common.data.corruption import IMAGE_RULES
from common.errors import check_choice
from common.papers.decoding.recipes import BASE, PAPER, RECIPES, SMALL, Fields
from common.report import figures
from common.report.layers import last_epoch
from common.report.numbers import Number, estimate, number
from common.report.readouts import Setting, network_of
from common.report.runs import Line, Run, Runs, data_text
from common.report.tables import Table
from common.runs.config import Config
from common.study import Call, Seeds, Study, with_progress

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

TITLE = "Networks trained on data and on noise"
EPOCHS = (0, 1, 2, 4, 8, 16, 32, 60)
SETTINGS: dict[str, Fields] = {
    "true_labels": {},
    "random_labels": {"corruption": "uniform", "corruption_fraction": 1.0},
    **{rule: {"corruption": rule, "corruption_fraction": 1.0} for rule in IMAGE_RULES if rule != "random_scalars"},
}
MOMENTS = {  # label, factor
    "mean": ("mean", 1),
    "variance": ("variance", 1),
    "skewness": ("skewness", 1),
    "kurtosis": ("excess kurtosis", 1),
    "sparsity": ("values that are 0 (%)", 100),
}
MEASURES = {"cka": "linear CKA", "svcca": "SVCCA"}
WEIGHTS = {True: "same initial weights", False: "other initial weights"}
COLUMNS = ("model", "data", "framework", "train_n")
Settings = Mapping[str, Runs]
Similarities = Mapping[tuple[str, str], Sequence[Line]]
"""Lines by the ids of two runs."""


def fields(model: str, dataset: str, setting: str, preset: str) -> Fields:
    """Fields of a run: the decoding papers' recipe where they train the model on the data set, else Zhang et al.'s."""
    check_choice("data set", dataset, datasets.IMAGE_SETS)
    check_choice("setting", setting, SETTINGS)
    papers = {**PAPER, **RECIPES[model, dataset]} if (model, dataset) in RECIPES else {}
    return {"model": model, "dataset": dataset, **(SMALL if preset == "small" else papers), **SETTINGS[setting]}


@dataclass(frozen=True)
class Networks(Seeds):
    """A run for each combination of these values."""

    models: tuple[str, ...] = ("mlp3", "cnn")
    """Architectures."""
    datasets: tuple[str, ...] = ("mnist",)
    """Data sets."""
    settings: tuple[str, ...] = ("true_labels", "random_labels", "gaussian")
    """What they are trained on: true_labels, random_labels, gaussian, shuffled_pixels, random_pixels."""

    def rows(self, preset: str) -> list[Fields]:
        return [fields(*row, preset) for row in product(self.models, self.datasets, self.settings)]


def by_network(runs: Runs) -> dict[Setting, dict[str, Runs]]:
    """Runs by what is compared and by setting, in the order of the runs."""
    groups = runs.grouped(network_of)
    return {network: group.grouped(lambda run: run.setting) for network, group in groups.items()}


def read_statistics(configs: Sequence[Config], call: Call) -> None:
    """Every network at every epoch that is kept."""
    for config in with_progress(configs, call.options):
        statistics_run(config, call.options, EPOCHS, call.force)


def report_statistics(runs: Runs, call: Call) -> dict[str, Table | Figure]:
    """Two figures for each network, of weights and of activations, and the table."""
    runs = runs.where(lambda run: run.lines(STATISTICS))
    drawn = {
        f"{of}_{network.name()}": statistics_figure(settings, of, network.text())
        for network, settings in by_network(runs).items()
        for of in ("weights", "activations")
    }
    return {**drawn, "last_epoch": statistics_table(runs, TITLE)}


def statistics_figure(settings: Settings, of: str, title: str, layer: str | None = None) -> Figure:
    """Each statistic of the `weights` or the `activations` of a layer, by default the last hidden one, over epochs.

    A line for each setting: means over seeds with 95 % t intervals, at epochs that all of its seeds have.
    """
    seeds = {name: [_of(run, of) for run in runs] for name, runs in settings.items()}
    layer = layer or last_hidden(next(iter(seeds.values()))[0])
    colours = dict(zip(seeds, figures.COLOURS, strict=False))
    labels = [label for label, _ in MOMENTS.values()]
    figure, panels = figures.panel_figure(f"{title}: {of} of {layer}", labels, 3, (3.1, 2.4))
    for axes, (key, (_, factor)) in zip(panels, MOMENTS.items(), strict=True):
        for name, group in seeds.items():
            curve = figures.shared_epochs({x["epoch"]: x[key] for x in lines if x["layer"] == layer} for lines in group)
            figures.draw_curve(axes, curve, factor, color=colours[name], marker="o")
        figures.doubling_axis(axes, "epoch", from_zero=True)
    figures.add_legend(figure, figures.handles({data_text(name): colours[name] for name in colours}, marker="o"))
    return figure


def _of(run: Run, of: str) -> list[Line]:
    return [line for line in run.lines(STATISTICS) if line["of"] == of]


def last_hidden(lines: Iterable[Line]) -> str:
    """The last layer that is neither the input nor the logits."""
    return [line["layer"] for line in lines if line["layer"] not in ("input", "logits")][-1]


def statistics_table(runs: Runs, title: str) -> Table:
    """A row for the weights and one for the activations of every layer at the end of training, of each setting."""
    rows = [
        [*network.cells(), data_text(name), len(group), *cells]
        for network, settings in by_network(runs).items()
        for name, group in settings.items()
        for cells in _statistics_rows([last_epoch(run.lines(STATISTICS)) for run in group])
    ]
    columns = [*COLUMNS, "setting", "seeds", "epochs", "of", "layer", "mean", "variance", "skewness", "excess kurtosis"]
    note = "Means over seeds with 95 % t intervals; activations are those on the test inputs of the network's own task."
    return Table(title, [*columns, "values that are 0, %"], rows, note)


def _statistics_rows(ends: Sequence[Sequence[Line]]) -> list[list[object]]:
    """Epochs, kind, layer and statistics, from the last epoch's lines of each seed."""
    epochs = ", ".join(map(str, sorted({lines[0]["epoch"] for lines in ends})))
    rows: list[list[object]] = []
    for seeds in zip(*ends, strict=True):
        *moments, sparsity = ([line[key] for line in seeds] for key in MOMENTS)
        rows.append([epochs, seeds[0]["of"], seeds[0]["layer"], *map(_digits, moments), number(sparsity)])
    return rows


def _digits(values: Sequence[float | None]) -> str | None:
    """Mean and interval in three significant digits: weights have variances of thousandths."""
    moment = estimate(values)
    interval = f" [{moment.low:.3g}, {moment.high:.3g}]" if moment.low is not None else ""
    return None if moment.mean is None else f"{moment.mean:.3g}{interval}"


def read_similarities(configs: Sequence[Config], call: Call) -> None:
    """Every two networks of one architecture and data set."""
    both = [(a, b) for a, b in combinations(configs, 2) if (a.model, a.dataset) == (b.model, b.dataset)]
    for config, other in with_progress(both, call.options):
        similarity_run(config, other, call.options, call.force)


def report_similarities(runs: Runs, call: Call) -> dict[str, Table | Figure]:
    """Two figures for each network, a measure each, and the table of corresponding layers."""
    runs = runs.where(lambda run: any(similarity(run, other) for other in runs))
    maps = {
        f"{measure}_{network.name()}": similarity_figure(settings, measure, f"{text}: {network.text()}")
        for network, settings in by_network(runs).items()
        for measure, text in MEASURES.items()
    }
    return {**maps, "corresponding_layers": similarity_table(runs, TITLE)}


def similarity(run: Run, other: Run) -> Sequence[Line]:
    """What was measured of two runs, `layer` one of the first; none where they were not compared."""
    if run.id < other.id:
        return run.lines(similarity_file(other.id))
    return [swapped(line) for line in other.lines(similarity_file(run.id))]


def compared(runs: Iterable[Run], others: Iterable[Run], same_weights: bool) -> Similarities:
    """What is known of two different runs, one of each group, whose seeds (initial weights) are equal or are not.

    Of one group with itself, every two are there in both orders.
    """
    return {
        (run.id, other.id): lines
        for run, other in product(runs, others)
        if (run.config.seed == other.config.seed) == same_weights and (lines := similarity(run, other))
    }


def similarity_figure(settings: Settings, measure: str, title: str) -> Figure:
    """Heat maps of `cka` or `svcca`, layer x layer, mean over pairs: a panel for every two settings.

    Rows are layers of the setting that is named first. Pairs on the diagonal and below it have other initial weights,
    those above it the same.
    """
    size = len(settings)
    figure, panels = figures.new_figure(title, (1.6 + 2.6 * size, 1 + 2.7 * size), (size, size))
    image = None
    for axes, ((row, name), (column, other)) in zip(panels, product(enumerate(settings), repeat=2), strict=True):
        pairs = compared(settings[name], settings[other], row < column).values()
        axes.set_visible(bool(pairs))
        axes.set_title(f"{data_text(name)} × {data_text(other)},\n{WEIGHTS[row < column]}", fontsize=8)
        image = _layer_map(axes, list(pairs), measure) if pairs else image
    if image:
        figure.colorbar(image, ax=panels, label=MEASURES[measure], shrink=0.6)
    return figure


def _layer_map(axes: Axes, pairs: Sequence[Sequence[Line]], measure: str) -> Any:
    layers = list(dict.fromkeys(line["layer"] for lines in pairs for line in lines))
    values = [[_mean(_values(pairs, layer, other, measure)) for other in layers] for layer in layers]
    image = figures.heat_map(axes, values, layers, layers, fontsize=7)
    axes.tick_params(axis="x", rotation=35)
    return image


def _values(pairs: Iterable[Iterable[Line]], layer: str, other: str, key: str) -> list[float]:
    """What was measured of two layers in each pair."""
    lines = (x for pair in pairs for x in pair if (x["layer"], x["other_layer"]) == (layer, other))
    return [line[key] for line in lines if line[key] is not None]


def _mean(values: Sequence[float]) -> float:
    return float(np.mean(values)) if values else math.nan


def similarity_table(runs: Runs, title: str) -> Table:
    """A row for each layer behind the input and every two settings, of pairs with other and with the same weights."""
    rows: list[Sequence[object]] = []
    for network, settings in by_network(runs).items():
        for (name, other), same in product(combinations_with_replacement(settings, 2), (False, True)):
            pairs = compared(settings[name], settings[other], same)
            once = list({frozenset(pair): lines for pair, lines in pairs.items()}.values())
            head = [*network.cells(), f"{data_text(name)} × {data_text(other)}", WEIGHTS[same], len(once)]
            rows += [[*head, *cells] for cells in _similarity_rows(once)]
    columns = [*COLUMNS, "networks", "that have", "pairs", "layer", "examples", "linear CKA", "SVCCA"]
    note = (
        "Means over pairs of networks, brackets their range. SVCCA: of directions that hold 99 % of the variance; by "
        "chance: what that many directions of unrelated layers reach on as many examples. Where the two are close, "
        "SVCCA says nothing."
    )
    return Table(title, [*columns, "SVCCA by chance, at most"], rows, note)


def _similarity_rows(pairs: Sequence[Sequence[Line]]) -> list[list[object]]:
    """Layer, examples, both measures and the chance level, of layers that correspond to each other."""
    same = [line for pair in pairs for line in pair if line["layer"] == line["other_layer"] != "input"]
    rows: list[list[object]] = []
    for layer in dict.fromkeys(line["layer"] for line in same):
        values = [_values(pairs, layer, layer, key) for key in MEASURES]
        level = max(_chance(line) for line in same if line["layer"] == layer)
        rows.append([layer, same[0]["n"], *map(_range, values), Number(level, "ratio")])
    return rows


def _chance(line: Line) -> float:
    from common.analysis.similarity import chance_correlation

    return chance_correlation(line["directions"], line["other_directions"], line["n"])


def _range(values: Sequence[float]) -> Number | None:
    ends = (min(values), max(values)) if len(values) > 1 else (None, None)
    return Number(_mean(values), "ratio", *ends) if values else None


SMOKE = {"models": ("cnn",), "settings": ("true_labels", "gaussian")}
STATISTICS_STUDY = Study(
    "representation_statistics", Networks(), BASE, report_statistics, EPOCHS, read_statistics, smoke=SMOKE
)
SIMILARITY_STUDY = Study(
    "representation_similarity", Networks((0, 1)), BASE, report_similarities, EPOCHS, read_similarities, smoke=SMOKE
)
