"""Figure 5: validation accuracy at the end of training over capacity, with more and more noise."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import TYPE_CHECKING

from common.errors import check_choice
from common.papers.arpit.networks import FITTED, best_accuracy, noise_of
from common.papers.arpit.recipes import BASE, HELD_OUT, NOISES, SIZES, fields
from common.papers.arpit.targets import TARGETS
from common.report.claims import Finding
from common.report.figures import add_legend, doubling_axis, draw_curve, handle, panel_figure, shades
from common.report.numbers import Curve, compared, less
from common.report.runs import Measure, Run, Runs
from common.report.tables import Table
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
            dataset, colon, noise = pair.partition(":")
            if not colon:
                raise ValueError(f"noises must be DATASET:RULE, as mnist:gaussian. Received: {pair}")
            check_choice("data set", dataset, TRAIN_SIZE["paper"])
            check_choice("noise", noise, NOISES)
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
    """Figure 5 and its numbers."""
    return {"capacity": capacity_figure(runs, TITLE), "validation_accuracy": capacity_table(runs, TITLE)}


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
                measures = (validation_accuracy, best_accuracy, "test_accuracy", "train_accuracy")
                cells = [seeds.over_seeds(measure) for measure in measures]
                rows.append([name, f"{100 * share:g} %", units, seeds[0].train_n, len(seeds), *cells])
    columns = ["data and noise", "noise, or left out", "width", "train_n", "seeds", "validation accuracy at the end, %"]
    accuracies = "test accuracy, %", "training accuracy, %"
    return Table(title, [*columns, "best over epochs, %", *accuracies], rows, "Means, 95 % t intervals.")


def fitted_widths(groups: Iterable[Runs]) -> list[float]:
    """Widths, rising, at which the networks of every group fit the training set, on average over seeds."""

    def fits(seeds: Runs) -> bool:
        return fmean(run.outcome["train_accuracy"] or 0 for run in seeds) >= FITTED

    fitting = [{units for units, seeds in runs.grouped(width).items() if fits(seeds)} for runs in groups]
    return sorted(set.intersection(*fitting))


def gain(runs: Runs, widths: Sequence[float]) -> float | None:
    """Test accuracy of one seed at the last of these widths less that at the first; null without either."""
    accuracies = {width(run): run.outcome["test_accuracy"] for run in runs}
    return less(accuracies.get(widths[-1]), accuracies.get(widths[0]))


def capacity_findings(runs: Runs, call: Call) -> list[Finding]:
    """Gain of width at more and more noise, without the noise examples, and what 4,096 units lack on real data."""
    groups = panels(runs)
    noises = {"random inputs": "arpit-capacity", "random labels": "arpit-capacity-labels"}
    gains = [
        gain_finding(claim, name, {f"at {100 * share:g} % noise": seeds for share, seeds in by_share(here).items()})
        for name, here in groups.items()
        for noise, claim in noises.items()
        if noise in name and 0.0 in by_share(here)
    ]
    return [*gains, *_removed(groups), _maximal(groups)]


def gain_finding(claim: str, subject: str, groups: Mapping[str, Runs]) -> Finding:
    """How much more width gains in the last of these groups than in the first, seed by seed.

    Widths are those at which all groups fit; with fewer than two of them nothing is decided.
    """
    runs, fitting = Runs(run for here in groups.values() for run in here), fitted_widths(groups.values())
    shared = set.intersection(*(set(map(width, here)) for here in groups.values()))
    if len(shared) < 2:
        return TARGETS.tested(claim, subject, runs)
    widths = fitting if len(fitting) > 1 else sorted(shared)
    gains = [[gain(here.where(seed=seed), widths) for here in groups.values()] for seed in runs.by("seed")]
    told = compared(gains, [f"points {name}" for name in groups], "points")
    numbers = f"from {widths[0]:g} to {widths[-1]:g} units test accuracy gains {told}" if told else None
    fit = ", ".join(f"{units:g}" for units in fitting) or "none"
    undecided = "" if widths is fitting else f"of {len(shared)} widths, {fit} fit all training sets"
    effects = [less(of_seed[-1], of_seed[0]) for of_seed in gains]
    return TARGETS.tested(claim, subject, runs, effects, numbers, undecided)


def _maximal(groups: Mapping[str, Runs]) -> Finding:
    """Real digits at 4,096 units beside wider ones, seed by seed, and the fewest units that are as close."""
    digits = [by_share(here).get(0.0, Runs()) for name, here in groups.items() if name.startswith("mnist")]
    real = Runs(run for runs in digits for run in runs)
    seeds = [{width(run): run.outcome["test_accuracy"] or 0 for run in seed} for seed in real.by("seed").values()]
    measured = [of for of in seeds if UNITS in of and max(of) > UNITS]
    most = (TARGETS.statement("arpit-capacity-maximal").band or (None, 0.0))[1] or 0.0

    def lack(of: Mapping[float, float], units: float) -> float:
        return max(value for wider, value in of.items() if wider > UNITS) - of[units]

    few = [
        units
        for units in sorted(set.intersection(*map(set, measured)) if measured else ())
        if units <= UNITS / 4 and fmean(lack(of, units) for of in measured) <= most
    ]
    told = compared([(of[UNITS], max(v for w, v in of.items() if w > UNITS)) for of in measured],
                    (f"at {UNITS} units", "at the best of more"), "fraction")  # fmt: skip
    return TARGETS.tested(
        "arpit-capacity-maximal",
        "mnist, real data",
        real,
        [lack(of, UNITS) for of in measured],
        f"test accuracy (%): {told}" if told else None,
        f"{few[0]:g} units are as close" if few else "",
    )


def _removed(groups: Mapping[str, Runs]) -> list[Finding]:
    """Real data alone beside as many real examples with noise, at the most noise of both."""
    findings = []
    for name, removed in groups.items():
        noisy = groups.get(name.replace("real data alone", "random inputs"), Runs())
        if "alone" in name and noisy:
            alone, beside = by_share(removed), by_share(noisy)
            share = max(set(alone) & set(beside))
            sides = {"without the noise examples": alone[share], "with them": beside[share]}
            findings.append(gain_finding("arpit-removed", f"mnist, random inputs, {100 * share:g} %", sides))
    return findings


SMOKE = {"widths": (16, 32), "fractions": (0.0, 0.8)}
STUDY = Study("capacity_and_noise", Capacities(), BASE, report, smoke=SMOKE, findings=capacity_findings)
