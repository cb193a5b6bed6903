"""Arpit et al. (2017), Figure 1: how difficult single examples are, over many networks."""

import math
from collections.abc import Iterable, Mapping, Sequence
from itertools import combinations
from typing import NamedTuple

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray
from scipy import stats

from common.analysis.dispersion import Dispersion, binomial_shares, dispersion
from common.analysis.examples import COLUMNS, Arrays
from common.groups import grouped
from common.report.arpit import judged, network, target
from common.report.claims import Finding
from common.report.figures import BLACK, BLUE, GREEN, ORANGE, add_legend, new_figure, percent_axis
from common.report.numbers import Number
from common.report.records import Record, setting_of
from common.report.runs import data_text
from common.report.tables import Table
from common.runs.task import stratified_subset

TRACKED = 1000
CLAIMS = {"gaussian": "arpit-random-inputs", "random_labels": "arpit-random-labels", "true_labels": "arpit-real-data"}
COLOURS = {"true_labels": BLUE, "gaussian": GREEN, "random_labels": ORANGE}


class Difficulty(NamedTuple):
    """Runs of one setting: their records, the tracked examples' shares of networks that are wrong, the dispersion."""

    runs: Sequence[Record]
    wrong: NDArray[np.float64]
    dispersion: Dispersion


def by_setting(records: Iterable[Record]) -> dict[str, list[Record]]:
    """Runs by what they were trained on."""
    return grouped(records, lambda record: setting_of(record["config"]))


def difficulty(runs: Sequence[Record], arrays: Sequence[Arrays]) -> Difficulty:
    """Of networks that differ in their seed alone: correctness on at most 1,000 training examples, as many of a class.

    The class of an example is the label that the networks were given.
    """
    labels = arrays[0]["train_labels"].astype(np.int64)
    tracked = stratified_subset(labels, min(TRACKED, len(labels)), 0, balanced=True)
    right = np.array([(each["train_predictions"] == each["train_labels"])[tracked] for each in arrays])
    return Difficulty(runs, 1 - right.mean(axis=0), dispersion(right, labels[tracked]))


def difficulty_figure(found: Mapping[str, Difficulty], title: str) -> Figure:
    """Share of networks that are wrong on each example (%), in rising order; dashed: equally difficult examples."""
    figure, (axes,) = new_figure(title, (6.6, 5.4))
    handles = []
    for setting, each in found.items():
        colour, n = COLOURS.get(setting, BLACK), len(each.wrong)
        x = 100 * (np.arange(n) + 0.5) / n
        equal = 1 - binomial_shares(len(each.runs), each.dispersion.mean, n)
        handles += axes.plot(x, 100 * np.sort(each.wrong), color=colour, label=data_text(setting))
        axes.plot(x, 100 * np.sort(equal), color=colour, linestyle="--", linewidth=1)
    handles += axes.plot([], [], color=BLACK, linestyle="--", linewidth=1, label="binomial, same mean")
    axes.set(xlabel="training examples in the order of their difficulty (%)")
    percent_axis(axes, "networks that are wrong (%)")
    add_legend(figure, handles)
    return figure


def difficulty_table(found: Mapping[str, Difficulty], title: str) -> Table:
    """A row for each setting."""
    rows = [
        [
            data_text(setting),
            len(each.runs),
            len(each.wrong),
            each.dispersion.mean,
            Number(each.dispersion.index, "ratio"),
            Number(each.dispersion.within, "ratio"),
            Number(None, "ratio", *each.dispersion.band),
            Number(each.dispersion.distance, "ratio"),
        ]
        for setting, each in found.items()
    ]
    columns = ["trained on", "networks", "examples", "right on average, %", "dispersion", "within classes"]
    note = (
        "Dispersion: variance over examples of the share of networks that are right, over that of a binomial "
        "distribution of the same mean. Within classes: Cochran's Q over its degrees of freedom, 1 where a network is "
        "right on all examples of a class with one probability. Distance: Kolmogorov's, to the binomial distribution."
    )
    return Table(title, [*columns, "95 % band of 1", "distance to the binomial"], rows, note)


def difficulty_findings(found: Mapping[str, Difficulty]) -> list[Finding]:
    """C1: dispersion in its bands for random inputs, above for random labels, far above for digits.

    Random inputs must also be closer to the binomial distribution than real data. What cannot be compared is null.
    """
    noise = [each.dispersion.within for setting, each in found.items() if setting != "true_labels"]
    least = max([target("arpit-real-data")["band"][0], *(value for value in noise if not math.isnan(value))])
    real = found["true_labels"].dispersion.distance if "true_labels" in found else None
    findings = []
    for setting, name in CLAIMS.items():
        if setting not in found:
            findings.append(judged(name, data_text(setting)))
            continue
        runs, wrong, spread = found[setting]
        low, high = spread.band
        lowest, highest = spread.index_band
        equal = low <= spread.within <= high and lowest <= spread.index <= highest
        holds = {
            "gaussian": None if real is None else equal and spread.distance < real,
            "random_labels": spread.within > high,
            "true_labels": spread.within >= least,
        }
        numbers = (
            f"{spread.within:.2f} within classes, band of 1: [{low:.2f}, {high:.2f}]; {spread.index:.2f} over all, "
        )
        numbers += f"band of 1: [{lowest:.2f}, {highest:.2f}]; distance to the binomial {spread.distance:.2f}"
        n = f"{len(runs)} networks, {len(wrong)} examples"
        verdict = None if math.isnan(spread.within) else holds[setting]
        findings.append(judged(name, network(runs[0]), runs, numbers, [verdict], n))
    return findings


def image_grid(images: NDArray[np.uint8], title: str) -> Figure:
    """(rows, columns, height, width, channels) images, a row for each class, those of the right half the hardest."""
    rows, columns = images.shape[:2]
    figure, (axes,) = new_figure(title, (0.42 * columns + 0.6, 0.42 * rows + 1.1))
    height, width = images.shape[2:4]
    canvas = np.full((rows, height + 2, columns, width + 2, images.shape[4]), 255, np.uint8)
    canvas[:, :height, :, :width] = images.transpose(0, 2, 1, 3, 4)
    canvas = canvas.reshape(rows * (height + 2), columns * (width + 2), -1)
    axes.imshow(np.squeeze(canvas), cmap="gray", vmin=0, vmax=255, interpolation="nearest")
    axes.axvline(columns * (width + 2) / 2 - 1.5, color=ORANGE, linewidth=2)
    axes.set_xticks([columns * (width + 2) * place for place in (0.25, 0.75)], ["easiest", "hardest"])
    axes.set_yticks([(row + 0.5) * (height + 2) for row in range(rows)], [str(row) for row in range(rows)])
    axes.grid(visible=False)
    axes.set_ylabel("class")
    return figure


def agreement_table(table: Arrays, title: str) -> Table:
    """Spearman's rank correlation of every two columns of a table of well-known examples, over those that have both."""
    rows: list[Sequence[object]] = []
    for first, second in combinations(COLUMNS, 2):
        both = np.isfinite(table[first]) & np.isfinite(table[second])
        values = table[first][both], table[second][both]
        if all(len(np.unique(column)) > 1 for column in values):
            rank = Number(float(stats.spearmanr(*values).statistic), "ratio")
            rows.append([first.replace("_", " "), second.replace("_", " "), int(both.sum()), rank])
    note = "Columns: means over runs, by example, of those that at least half as many runs saw as any."
    return Table(title, ["column", "and", "examples", "rank correlation"], rows, note)
