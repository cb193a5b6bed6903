"""Figure 1: how difficult single examples are, over many networks that were trained for one epoch."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from common.analysis.dispersion import Dispersion, binomial_shares, dispersion
from common.analysis.examples import extremes, join
from common.data import datasets
from common.groups import grouped
from common.papers.arpit.networks import network
from common.papers.arpit.recipes import BASE, NONE_HELD_OUT, fields
from common.papers.arpit.targets import TARGETS
from common.report.claims import Finding
from common.report.examples import image_grid
from common.report.figures import BLACK, BLUE, GREEN, ORANGE, add_legend, handle, new_figure, percent_axis
from common.report.numbers import Number
from common.report.runs import Runs, data_text
from common.report.tables import Table, claims_table
from common.runs.config import Config, run_id
from common.runs.task import stratified_subset
from common.study import Call, Fields, Seeds, Study

if TYPE_CHECKING:
    from matplotlib.figure import Figure

TITLE = "Difficulty of examples after one epoch"
ONCE: Fields = {"epochs": 1, "balanced": True, "train_size": 50_000, **NONE_HELD_OUT}
SMALL: Fields = {**ONCE, "train_size": 10_000, "width": 256, "learning_rate": 0.01}
TRACKED = 1000
STATEMENTS = {
    "gaussian": "arpit-random-inputs", "random_labels": "arpit-random-labels", "true_labels": "arpit-real-data",
}  # fmt: skip
COLOURS = {"true_labels": BLUE, "gaussian": GREEN, "random_labels": ORANGE}


@dataclass(frozen=True)
class Initializations(Seeds):
    """Networks that differ in initial weights and order."""

    seeds: tuple[int, ...] = tuple(range(100))
    """Seeds of weights and order."""
    datasets: tuple[str, ...] = ("mnist",)
    """Data sets; the paper does not say which it used."""

    def rows(self, preset: str) -> Iterable[Fields]:
        sizes = SMALL if preset == "small" else ONCE
        noises = ("none", "gaussian", "uniform")
        return [fields("mlp2", name, preset, noise, **sizes) for name in self.datasets for noise in noises]


def read(configs: Sequence[Config], call: Call) -> None:
    """Keep the easiest and hardest images of each data set with the first network that was trained on real ones."""
    real = [config for config in configs if config.corruption == "none"]
    for dataset, networks in grouped(real, lambda config: config.dataset).items():
        data = datasets.load(dataset, call.options.data_dir)
        arrays = [call.store.arrays(run_id(config)) for config in networks]
        table = join((each, 1) for each in arrays)
        indices = extremes(table | {"wrong": 1 - table["correct"]}, data.y_train, "wrong")
        if not np.array_equal(arrays[0].get("extreme_indices", ()), indices):
            shown = {"extreme_indices": indices, "extreme_images": data.x_train[indices]}
            call.store.add_arrays(run_id(networks[0]), shown)


def report(runs: Runs, call: Call) -> dict[str, Table | Figure]:
    """For each data set the curves, the images, the numbers and the verdicts."""
    items: dict[str, Table | Figure] = {}
    for dataset, here in runs.by("dataset").items():
        title = f"{TITLE}, {dataset.replace('_', ' ')}"
        settings = here.grouped(lambda run: run.setting)
        difficulties = {name: difficulty(group) for name, group in settings.items() if len(group) > 1}
        items[f"difficulty_{dataset}"] = difficulty_figure(difficulties, title)
        first = settings["true_labels"][0].arrays if "true_labels" in settings else {}
        if "extreme_images" in first:
            items[f"images_{dataset}"] = image_grid(first["extreme_images"], title)
        items[f"dispersion_{dataset}"] = difficulty_table(difficulties, title)
        items[f"claims_{dataset}"] = claims_table(difficulty_findings(difficulties), title)
    return items


class Difficulty(NamedTuple):
    """Runs of one setting, the tracked examples' shares of networks that are wrong, and the dispersion."""

    runs: Runs
    wrong: NDArray[np.float64]
    dispersion: Dispersion

    @property
    def equal(self) -> bool:
        """Whether examples are as difficult as those of a binomial distribution are, by both indices."""
        spread, (low, high), (lowest, highest) = self.dispersion, self.dispersion.band, self.dispersion.index_band
        return low <= spread.within <= high and lowest <= spread.index <= highest


def difficulty(runs: Runs) -> Difficulty:
    """Of networks that differ in their seed alone: correctness on at most 1,000 training examples, as many of a class.

    The class of an example is the label that the networks were given.
    """
    labels = runs[0].arrays["train_labels"].astype(np.int64)
    tracked = stratified_subset(labels, min(TRACKED, len(labels)), 0, balanced=True)
    right = np.array([(run.arrays["train_predictions"] == run.arrays["train_labels"])[tracked] for run in runs])
    return Difficulty(runs, 1 - right.mean(axis=0), dispersion(right, labels[tracked]))


def difficulty_figure(difficulties: Mapping[str, Difficulty], title: str) -> Figure:
    """Share of networks that are wrong on each example (%), in rising order; dashed: equally difficult examples."""
    figure, (axes,) = new_figure(title, (6.6, 5.4))
    handles = []
    for setting, (runs, wrong, spread) in difficulties.items():
        colour, n = COLOURS.get(setting, BLACK), len(wrong)
        x = 100 * (np.arange(n) + 0.5) / n
        equal = 1 - binomial_shares(len(runs), spread.mean, n)
        handles += axes.plot(x, 100 * np.sort(wrong), color=colour, label=data_text(setting))
        axes.plot(x, 100 * np.sort(equal), color=colour, linestyle="--", linewidth=1)
    axes.set(xlabel="training examples in the order of their difficulty (%)")
    percent_axis(axes, "networks that are wrong (%)")
    add_legend(figure, [*handles, handle("binomial, same mean", color=BLACK, linestyle="--", linewidth=1)])
    return figure


def difficulty_table(difficulties: Mapping[str, Difficulty], title: str) -> Table:
    """A row for each setting."""
    rows = []
    for setting, (runs, wrong, spread) in difficulties.items():
        indices = [Number(value, "ratio") for value in (spread.index, spread.within)]
        ends = [Number(None, "ratio", *spread.band), Number(spread.distance, "ratio")]
        rows.append([data_text(setting), len(runs), len(wrong), spread.mean, *indices, *ends])
    columns = ["trained on", "networks", "examples", "right on average, %", "dispersion", "within classes"]
    note = (
        "Dispersion: variance over examples of the share of networks that are right, over that of a binomial "
        "distribution of the same mean. Within classes: Cochran's Q over its degrees of freedom, 1 where a network is "
        "right on all examples of a class with one probability. Distance: Kolmogorov's, to the binomial distribution."
    )
    return Table(title, [*columns, "95 % band of 1", "distance to the binomial"], rows, note)


def difficulty_findings(difficulties: Mapping[str, Difficulty]) -> list[Finding]:
    """C1: dispersion in its bands for random inputs, above for random labels, far above for digits."""
    findings = []
    for setting, name in STATEMENTS.items():
        if setting in difficulties:
            runs, wrong, spread = difficulties[setting]
            held = None if math.isnan(spread.within) else _holds(setting, difficulties)
            n = f"{len(runs)} networks, {len(wrong)} examples"
            findings.append(TARGETS.judged(name, network(runs[0]), runs, _numbers(spread), [held], n))
        else:
            findings.append(TARGETS.judged(name, data_text(setting)))
    return findings


def _holds(setting: str, difficulties: Mapping[str, Difficulty]) -> bool | None:
    """Random inputs must also be closer to the binomial distribution than real data; null where there are none."""
    here, spread = difficulties[setting], difficulties[setting].dispersion
    if setting == "gaussian":
        real = difficulties.get("true_labels")
        return None if real is None else here.equal and spread.distance < real.dispersion.distance
    if setting == "random_labels":
        return spread.within > spread.band[1]
    noise = [other.dispersion.within for name, other in difficulties.items() if name != setting]
    least = TARGETS.statement("arpit-real-data")["band"][0]
    return spread.within >= max([least, *(value for value in noise if not math.isnan(value))])


def _numbers(spread: Dispersion) -> str:
    (low, high), (lowest, highest) = spread.band, spread.index_band
    return (
        f"{spread.within:.2f} within classes, band of 1: [{low:.2f}, {high:.2f}]; {spread.index:.2f} over all, "
        f"band of 1: [{lowest:.2f}, {highest:.2f}]; distance to the binomial {spread.distance:.2f}"
    )


STUDY = Study("example_difficulty", Initializations(), BASE, report, read=read, smoke={"seeds": (0, 1)})
