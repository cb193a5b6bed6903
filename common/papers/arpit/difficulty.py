"""Figure 1: how difficult single examples are, over many networks that were trained for one epoch."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from common.analysis.dispersion import Dispersion, binomial_shares, dispersion, jackknifed, within
from common.analysis.examples import extremes, join
from common.data import datasets
from common.groups import grouped
from common.papers.arpit.networks import network, noise_of
from common.papers.arpit.recipes import BASE, NONE_HELD_OUT, fields
from common.papers.arpit.targets import TARGETS
from common.report.claims import LEAST_SEEDS, Finding
from common.report.examples import image_grid
from common.report.figures import BLACK, BLUE, GREEN, ORANGE, add_legend, handle, new_figure, percent_axis
from common.report.numbers import Number
from common.report.runs import Runs, data_text
from common.report.tables import Table
from common.runs.config import Config, run_id
from common.runs.task import stratified_subset
from common.study import Call, Fields, Seeds, Study

if TYPE_CHECKING:
    from matplotlib.figure import Figure

TITLE = "Difficulty of examples after one epoch"
ONCE: Fields = {"epochs": 1, "balanced": True, "train_size": 50_000, **NONE_HELD_OUT}
SMALL: Fields = {**ONCE, "train_size": 10_000, "width": 256, "learning_rate": 0.01}
TRACKED = 1000  # by the figure
NETWORKS = 100  # of the figure
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
    """For each data set the curves, the images and the numbers."""
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
    return items


class Difficulty(NamedTuple):
    """Runs of one setting, which are right on which training example (networks, examples), and what follows."""

    runs: Runs
    right: NDArray[np.bool_]
    labels: NDArray[np.int64]
    tracked: NDArray[np.int64]
    spread: Dispersion


def difficulty(runs: Runs) -> Difficulty:
    """Of networks that differ in their seed alone: correctness on every training example that was recorded.

    The class of an example is the label that the networks were given; as many of a class are `tracked` by the figure,
    at most 1,000 in all.
    """
    labels = runs[0].arrays["train_labels"].astype(np.int64)
    right = np.array([run.arrays["train_predictions"] == run.arrays["train_labels"] for run in runs])
    tracked = stratified_subset(labels, min(TRACKED, len(labels)), 0, balanced=True)
    return Difficulty(runs, right, labels, tracked, dispersion(right, labels))


def difficulty_figure(difficulties: Mapping[str, Difficulty], title: str) -> Figure:
    """Share of networks that are wrong on each example (%), in rising order; dashed: equally difficult examples."""
    figure, (axes,) = new_figure(title, (6.6, 5.4))
    handles = []
    for setting, (runs, right, _, tracked, spread) in difficulties.items():
        wrong = 1 - right[:, tracked].mean(axis=0)
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
    for setting, (runs, right, _, _, spread) in difficulties.items():
        indices = [Number(value, "ratio") for value in (spread.index, spread.within)]
        ends = [Number(None, "ratio", *spread.band), Number(spread.distance, "ratio")]
        rows.append([data_text(setting), len(runs), right.shape[1], spread.mean, *indices, *ends])
    columns = ["trained on", "networks", "examples", "right on average, %", "dispersion", "within classes"]
    note = (
        "Dispersion: variance over examples of the share of networks that are right, over that of a binomial "
        "distribution of the same mean. Within classes: Cochran's Q over its degrees of freedom, 1 where a network is "
        "right on all examples of a class with one probability. Distance: Kolmogorov's, to the binomial distribution."
    )
    return Table(title, [*columns, "95 % band of 1", "distance to the binomial"], rows, note)


def difficulty_findings(runs: Runs, call: Call) -> list[Finding]:
    """How far apart examples are in real data and noise, and in real data against noise, over networks."""
    findings = []
    for here in runs.by("dataset").values():
        settings = here.grouped(lambda run: run.setting)
        several = {name: settings[name] for name in STATEMENTS if len(settings.get(name, ())) >= LEAST_SEEDS}
        difficulties = {name: difficulty(group) for name, group in several.items()}
        findings += [_spread(STATEMENTS[name], found) for name, found in difficulties.items()]
        if real := difficulties.pop("true_labels", None):
            findings += [_alike(real, noise) for noise in difficulties.values()]
    return findings


def _subject(runs: Runs) -> str:
    return f"{network(runs[0])}, {noise_of(runs[0])}"


def _spread(claim: str, found: Difficulty) -> Finding:
    runs, right, labels, _, spread = found
    effects = jackknifed(lambda places: within(right[places], labels, NETWORKS), len(runs))
    numbers = (
        f"{right.shape[1]} examples; {spread.within:.3g} within classes, {spread.index:.3g} over all; "
        f"distance to the binomial {spread.distance:.3g}"
    )
    return TARGETS.tested(claim, _subject(runs), runs, effects, numbers)


def _alike(real: Difficulty, noise: Difficulty) -> Finding:
    """Real data over noise, on networks of the same seeds."""
    pairs = [(real.runs.index(first), noise.runs.index(second)) for first, second in real.runs.pairs(noise.runs)]

    def ratio(places: Sequence[int]) -> float:
        first, second = zip(*(pairs[place] for place in places), strict=True)
        spread = within(noise.right[[*second]], noise.labels, NETWORKS)
        return within(real.right[[*first]], real.labels, NETWORKS) / spread

    numbers = f"within classes {real.spread.within:.3g} on real data, {noise.spread.within:.3g} on noise"
    effects = jackknifed(ratio, len(pairs)) if len(pairs) >= LEAST_SEEDS else []
    return TARGETS.tested("arpit-noise-alike", _subject(noise.runs), real.runs + noise.runs, effects, numbers)


SMOKE = {"seeds": (0, 1)}
STUDY = Study(
    "example_difficulty", Initializations(), BASE, report, read=read, smoke=SMOKE, findings=difficulty_findings
)
