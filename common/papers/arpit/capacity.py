"""Figure 5: validation accuracy at the end of training over capacity, with more and more noise."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise, starmap
from typing import TYPE_CHECKING

from common.data.corruption import RULES
from common.errors import check_choice
from common.papers.arpit.networks import best_accuracy, noise_of
from common.papers.arpit.recipes import BASE, HELD_OUT, SIZES, fields
from common.papers.arpit.targets import TARGETS
from common.report.claims import NO_BAND, UNDECIDED, Finding, Held
from common.report.figures import add_legend, doubling_axis, draw_curve, handle, panel_figure, shades
from common.report.numbers import Curve, compared
from common.report.runs import Measure, Run, Runs
from common.report.tables import Table, claims_table
from common.study import Call, Fields, Seeds, Study

if TYPE_CHECKING:
    from matplotlib.figure import Figure

TITLE = "Capacity and noise"
WIDTHS = {"paper": (256, 512, 1024, 2048, 4096, 8192), "small": (16, 64, 256, 1024)}
WIDER = {"paper": (), "small": (4096,)}
"""More widths for digits."""
WIDEST = {"paper": (), "small": (8192,)}
"""More for real digits alone."""
INPUTS: dict[str, Fields] = {"mnist": {}, "cifar10": {"preprocessing": "per_channel"}}
"""In [0, 1], far from centred, few networks fit CIFAR-10 in the small preset's epochs."""
FRACTIONS = {"paper": (0.0, 0.2, 0.4, 0.6, 0.8), "small": (0.0, 0.4, 0.8)}
TRAIN_SIZE = {"paper": {"mnist": 60_000, "cifar10": 50_000}, "small": dict.fromkeys(("mnist", "cifar10"), 6000)}
FITTED = 0.99  # of the training set, by some width
UNITS = 4096  # of the paper's networks
Shares = Mapping[float, Runs]  # by the share of the training set that is noise, or was left out of it


def run_fields(
    dataset: str, preset: str, width: int, noise: str = "none", fraction: float = 0.0, share: float = 1.0
) -> Fields:
    """Fields of a run that ends when it has fitted; `share` of the examples that are not held out are kept."""
    held_out = (SIZES if preset == "small" else HELD_OUT)["validation_size"]
    kept = round(share * (TRAIN_SIZE[preset][dataset] - held_out))
    if not kept:
        raise ValueError(f"a share must leave at least one example to train on. Received: {share:g}")
    changes = {"width": width, "train_size": held_out + kept, "stop_accuracy": 1.0, **INPUTS[dataset]}
    return fields("mlp2", dataset, preset, noise, fraction, **changes)


def check_fractions(fractions: Iterable[float]) -> None:
    """ValueError unless all are shares."""
    for fraction in fractions:
        if not 0 <= fraction <= 1:
            raise ValueError(f"fractions must be between 0 and 1. Received: {fraction:g}")


@dataclass(frozen=True)
class Capacities(Seeds):
    """A run for each combination of these values, and on MNIST one on as many digits as the noise leaves clean."""

    widths: tuple[int, ...] = ()
    """Units of each hidden layer; none means a list of the preset, longer for digits, longest for real ones."""
    fractions: tuple[float, ...] = ()
    """Shares of noise; none means a list of the preset."""
    noises: tuple[str, ...] = ("mnist:gaussian", "cifar10:gaussian", "cifar10:uniform")
    """Data set and kind of noise."""

    def __post_init__(self) -> None:
        for pair in self.noises:
            dataset, _, noise = pair.partition(":")
            check_choice("data set", dataset, TRAIN_SIZE["paper"])
            check_choice("noise", noise, RULES[1:])
        check_fractions(self.fractions)

    def rows(self, preset: str) -> Iterable[Fields]:
        fractions = self.fractions or FRACTIONS[preset]
        left = [1 - fraction for fraction in {0.0, *fractions} if fraction != 1]
        for dataset, noise in (pair.split(":") for pair in self.noises):
            for width in self.widths or WIDTHS[preset] + WIDER[preset] * (dataset == "mnist"):
                yield from (run_fields(dataset, preset, width, noise, fraction) for fraction in fractions)
                if (dataset, noise) == ("mnist", "gaussian"):
                    yield from (run_fields(dataset, preset, width, share=share) for share in left)
        if "mnist:gaussian" in self.noises and not self.widths:
            yield from (run_fields("mnist", preset, width) for width in WIDEST[preset])


def report(runs: Runs, call: Call) -> dict[str, Table | Figure]:
    """Figure 5, its numbers and the verdicts."""
    return {
        "capacity": capacity_figure(runs, TITLE),
        "validation_accuracy": capacity_table(runs, TITLE),
        "claims": claims_table(capacity_findings(runs), TITLE),
    }


def width(run: Run) -> float:
    """Units of a hidden layer."""
    return float(run.config.width or UNITS)


def validation_accuracy(run: Run) -> float | None:
    """At the end of training."""
    return run.outcome["validation_accuracy"]


def panels(runs: Runs) -> dict[str, Runs]:
    """Runs by data set and kind of noise, those without noise in each; and real data alone, as many as noise leaves."""
    found = {}
    for dataset, here in runs.by("dataset").items():
        full, data = max(run.train_n for run in here), dataset.replace("_", " ")
        real = here.where(corruption_fraction=0)
        whole = Runs(run for run in real if run.train_n == full)
        noise = here.where(lambda run: run.config.corruption_fraction).by("corruption")
        for noisy in noise.values():
            found[f"{data}, {noise_of(noisy[0])}"] = whole + noisy
        if len(whole) < len(real) or not noise:
            found[f"{data}, real data alone"] = real
    return found


def by_share(runs: Runs) -> dict[float, Runs]:
    """Runs by the share of the training set that is noise, or that was left out of it."""
    full = max(run.train_n for run in runs)
    shares = runs.grouped(lambda run: round(run.config.corruption_fraction or 1 - run.train_n / full, 6))
    return dict(sorted(shares.items()))


def over(runs: Runs, x: Callable[[Run], float], y: Measure) -> Curve:
    """Values of y of the seeds at each x, none where a seed has no value."""
    curve = {place: [y(run) for run in seeds] for place, seeds in runs.grouped(x).items()}
    return {place: values for place, values in curve.items() if None not in values}


def shares_figure(
    groups: Mapping[str, tuple[Shares, str, Callable[[Run], float]]], y: Measure, label: str, scale: float, title: str
) -> Figure:
    """A panel for each group, with label and value of its x axis; a line for each share of noise, over seeds.

    `label` is that of the y axis, `scale` what y is multiplied by.
    """
    figure, axes_of = panel_figure(title, list(groups), 2, (3.9, 3.1), (1, 1.3))
    colours = shades(sorted({share for shares, _, _ in groups.values() for share in shares}))
    for axes, (shares, x_label, x) in zip(axes_of, groups.values(), strict=True):
        for share, runs in shares.items():
            draw_curve(axes, over(runs, x, y), scale, color=colours[share], marker="o")
        axes.set_ylabel(label)
        doubling_axis(axes, x_label)
    handles = [handle(f"{100 * share:g} % noise, or left out", color=colours[share], marker="o") for share in colours]
    add_legend(figure, handles)
    return figure


def capacity_figure(runs: Runs, title: str) -> Figure:
    """Figure 5: validation accuracy (%) at the end over units of a hidden layer."""
    groups = {name: (by_share(here), "units of a hidden layer", width) for name, here in panels(runs).items()}
    return shares_figure(groups, validation_accuracy, "validation accuracy (%)", 100, title)


def capacity_table(runs: Runs, title: str) -> Table:
    """A row for each width, share and kind of noise, over seeds."""
    rows: list[Sequence[object]] = []
    for name, here in panels(runs).items():
        for share, group in by_share(here).items():
            for units, seeds in group.by("width").items():
                measures = (validation_accuracy, best_accuracy, "train_accuracy")
                cells = [seeds.over_seeds(measure) for measure in measures]
                rows.append([name, f"{100 * share:g} %", units, seeds[0].train_n, len(seeds), *cells])
    columns = ["data and noise", "noise, or left out", "width", "train_n", "seeds", "validation accuracy at the end, %"]
    return Table(title, [*columns, "best over epochs, %", "training accuracy, %"], rows, "Means, 95 % t intervals.")


def best_width(runs: Iterable[Run]) -> float | None:
    """The smallest width with a validation accuracy at the end within one standard error of the best.

    The error is that over the held-out examples; none where no width has fitted.
    """
    runs = list(runs)
    measured = {width(run): value for run in runs if (value := validation_accuracy(run)) is not None}
    if not measured or all((run.outcome["train_accuracy"] or 0) < FITTED for run in runs):
        return None
    best, n = max(measured.values()), runs[0].data["validation_n"]
    return min(units for units, value in measured.items() if best - value <= math.sqrt(best * (1 - best) / n))


def best_widths(
    groups: Iterable[Iterable[Run]], order: Callable[[float, float], bool]
) -> tuple[list[float | None], Held]:
    """Of each group the best of the widths that all have, and whether neighbours are in order.

    Null where a group has none; undecided where the widest is the best of all, which says nothing of wider ones.
    """
    by_width = [{width(run): run for run in group} for group in groups]
    shared = set.intersection(*map(set, by_width))
    best = [best_width(group[units] for units in shared) for group in by_width]
    measured = [units for units in best if units is not None]
    if len(measured) < max(2, len(best)):
        return best, None
    if set(measured) == {max(shared)}:
        return best, UNDECIDED
    return best, all(starmap(order, pairwise(measured)))


def capacity_findings(runs: Runs) -> list[Finding]:
    """C5: the best width for each share of noise, seed by seed; without the noise examples; and on real data."""
    groups = panels(runs)
    inputs = [
        TARGETS.judged("arpit-capacity", name, here, _told(here), [held for _, held in _over_noise(here)])
        for name, here in groups.items()
        if "random inputs" in name
    ]
    return [*inputs, *_removed(groups), _of_labels(groups), _maximal(groups)]


def _over_noise(runs: Runs) -> list[tuple[list[float | None], Held]]:
    """Of each seed the best width at each share of noise, and whether it never falls."""
    return [best_widths(by_share(seed).values(), operator.le) for seed in runs.by("seed").values()]


def _told(runs: Runs) -> str:
    shares = ", ".join(f"{100 * share:g}" for share in by_share(runs))
    texts = (", ".join(f"{value:g}" if value else "none fitted" for value in best) for best, _ in _over_noise(runs))
    return f"best width at {shares} % noise: {'; '.join(texts)}"


def _of_labels(groups: Mapping[str, Runs]) -> Finding:
    """Random labels on CIFAR-10, of which the paper claims no order."""
    claim, name = "arpit-capacity-labels", "cifar10, random labels"
    if not (runs := groups.get(name)):
        return TARGETS.finding(claim, name)
    return TARGETS.finding(claim, name, runs, _told(runs), f"{len(runs.by('seed'))} seeds", NO_BAND)


def _maximal(groups: Mapping[str, Runs]) -> Finding:
    """Real digits at 4,096 units beside the best of the widths, some of them larger, seed by seed."""
    digits = [by_share(here).get(0.0, Runs()) for name, here in groups.items() if name.startswith("mnist")]
    real = Runs(run for runs in digits for run in runs)
    values = []
    for seed in real.by("seed").values():
        accuracies = {width(run): value for run in seed if (value := validation_accuracy(run)) is not None}
        if UNITS in accuracies and max(accuracies) > UNITS:
            values.append((accuracies[UNITS], max(accuracies.values())))
    most = TARGETS.statement("arpit-capacity-maximal")["band"][1]
    told = compared(values, (f"at {UNITS} units", "at the best width"), "fraction")
    numbers = f"validation accuracy (%): {told}" if told else None
    holds = [best - at <= most for at, best in values]
    return TARGETS.judged("arpit-capacity-maximal", "mnist, real data", real, numbers, holds)


def _removed(groups: Mapping[str, Runs]) -> list[Finding]:
    """Real data alone beside as many real examples with noise, at the most noise of both."""
    findings = []
    for name, removed in groups.items():
        noisy = groups.get(name.replace("real data alone", "random inputs"), Runs())
        if "alone" in name and noisy:
            share = max(set(by_share(removed)) & set(by_share(noisy)))
            pair = by_share(removed)[share] + by_share(noisy)[share]
            findings.append(_fewer_suffice(name, share, pair))
    return findings


def _fewer_suffice(name: str, share: float, runs: Runs) -> Finding:
    holds, texts = [], []
    for seed in runs.by("seed").values():
        real, noisy = seed.where(corruption_fraction=0), seed.where(lambda run: run.config.corruption_fraction)
        (without, beside), held = best_widths([real, noisy], operator.lt)
        holds.append(held)
        texts.append(f"{without or math.nan:g} without, {beside or math.nan:g} with")
    return TARGETS.judged("arpit-removed", name, runs, f"best width at {100 * share:g} %: {'; '.join(texts)}", holds)


STUDY = Study("capacity_and_noise", Capacities(), BASE, report, smoke={"widths": (16, 32), "fractions": (0.0, 0.8)})
