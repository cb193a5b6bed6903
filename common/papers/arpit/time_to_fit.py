"""Figure 6: epochs to fit over capacity and over examples, on noise and on real data."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import TYPE_CHECKING, NamedTuple

from common.papers.arpit.capacity import FRACTIONS, WIDTHS, check_fractions, run_fields, shares_figure, width
from common.papers.arpit.networks import network
from common.papers.arpit.recipes import BASE
from common.papers.arpit.targets import TARGETS
from common.report.claims import UNDECIDED, Finding, Held
from common.report.numbers import compared, number
from common.report.runs import Run, Runs
from common.report.tables import Table, claims_table
from common.study import Call, Fields, Seeds, Study

if TYPE_CHECKING:
    from matplotlib.figure import Figure

TITLE = "Time to fit"
SHARES = (0.2, 0.4, 0.6, 0.8, 1.0)
THRESHOLDS = (0.99, 0.999, 1.0)
Times = Mapping[float, float | None]  # epochs by width or by number of examples; null where it was not reached


@dataclass(frozen=True)
class Sizes(Seeds):
    """A run on all examples for each width and fraction, and for each size with the widest network."""

    widths: tuple[int, ...] = ()
    """Units of each hidden layer; none means a list of the preset."""
    fractions: tuple[float, ...] = ()
    """Shares of random inputs; none means a list of the preset."""
    shares: tuple[float, ...] = SHARES
    """Shares of the training examples."""

    def __post_init__(self) -> None:
        check_fractions(self.fractions)
        for share in self.shares:
            if not 0 < share <= 1:
                raise ValueError(f"shares must be above 0 and at most 1. Received: {share:g}")

    def rows(self, preset: str) -> Iterable[Fields]:
        widths = self.widths or WIDTHS[preset]
        for fraction in self.fractions or FRACTIONS[preset]:
            yield from (run_fields("mnist", preset, width, "gaussian", fraction) for width in widths)
            for share in self.shares:
                yield run_fields("mnist", preset, max(widths), "gaussian", fraction, share)


def report(runs: Runs, call: Call) -> dict[str, Table | Figure]:
    """Figure 6, its numbers and the verdicts."""
    return {
        "time": time_figure(runs, TITLE),
        "epochs_to_fit": time_table(runs, TITLE),
        "claims": claims_table(time_findings(runs), TITLE),
    }


class Span(NamedTuple):
    """What follows from epochs that are counted as whole ones, and the ends of what follows from any part of them."""

    value: float
    low: float
    high: float


class Comparison(NamedTuple):
    """What is told of times, in which unit, on noise beside real data, and when a statement holds."""

    claim: str
    of: Callable[[Runs], dict[float, Runs]]
    x: Callable[[Run], float]
    measure: Callable[[Times], Span | None]
    holds: Callable[[Span, Span], Held]
    text: str
    unit: str


def examples(run: Run) -> float:
    """Examples that a run was trained on."""
    return float(run.train_n)


def epochs_to_fit(run: Run, threshold: float = 1.0) -> float | None:
    """First epoch with a training accuracy of at least the threshold."""
    return run.epochs_to("train_accuracy", threshold)


def most(runs: Runs, x: Callable[[Run], float]) -> Runs:
    """Runs that have the largest x."""
    largest = max(map(x, runs))
    return runs.where(lambda run: x(run) == largest)


def over_capacity(runs: Runs) -> dict[float, Runs]:
    """Runs on the most examples, by the fraction of noise: Figure 6, left."""
    return most(runs, examples).by("corruption_fraction")


def over_examples(runs: Runs) -> dict[float, Runs]:
    """Runs of the widest network, by the fraction of noise: Figure 6, right."""
    return most(runs, width).by("corruption_fraction")


def largest(runs: Runs) -> dict[float, Runs]:
    """Runs of the widest network on the most examples that it has, by the fraction of noise."""
    return over_capacity(most(runs, width))


def time_figure(runs: Runs, title: str) -> Figure:
    """Figure 6: epochs to 100 % training accuracy over units of a hidden layer, and over training examples."""
    groups = {
        "most examples": (over_capacity(runs), "units of a hidden layer", width),
        "widest network": (over_examples(runs), "training examples", examples),
    }
    return shares_figure(groups, epochs_to_fit, "epochs to 100 % training accuracy", 1, title)


def time_table(runs: Runs, title: str) -> Table:
    """A row for each width, number of examples and fraction, over seeds."""
    rows: list[Sequence[object]] = []
    for (units, fraction), group in runs.by("width", "corruption_fraction").items():
        for n, seeds in sorted(group.grouped(lambda run: run.train_n).items()):
            times = [[epochs_to_fit(run, value) for run in seeds] for value in THRESHOLDS]
            cells = [number(values, "components") if None not in values else None for values in times]
            rows.append([units, n, f"{100 * fraction:g} %", len(seeds), *cells])
    columns = ["width", "train_n", "noise", "seeds", *(f"epochs to {100 * value:g} %" for value in THRESHOLDS)]
    return Table(title, columns, rows, "Means, 95 % t intervals; – where a seed does not get there.")


def time_findings(runs: Runs) -> list[Finding]:
    """C6 at each threshold, for the most noise against real data, seed by seed; nothing without either."""
    return [
        _compared(comparison, groups, threshold, list(runs.by("seed")))
        for threshold in THRESHOLDS
        for comparison in COMPARISONS
        if 0.0 in (groups := comparison.of(runs)) and len(groups) > 1
    ]


def _compared(comparison: Comparison, groups: Mapping[float, Runs], threshold: float, seeds: Sequence[int]) -> Finding:
    real, noise = groups[0.0], groups[max(groups)]
    spans = [
        [
            comparison.measure({comparison.x(run): epochs_to_fit(run, threshold) for run in side.where(seed=seed)})
            for side in (real, noise)
        ]
        for seed in seeds
    ]
    holds = [None if a is None or b is None else comparison.holds(a, b) for a, b in spans]
    values = [[span and span.value for span in pair] for pair in spans]
    told = compared(values, ("on real data", "on noise"), comparison.unit)
    subject = f"{network(noise[0]).split(' of ')[0]}, {100 * max(groups):g} % noise, {100 * threshold:g} %"
    numbers = f"{comparison.text} {told}" if told else None
    return TARGETS.judged(comparison.claim, subject, real + noise, numbers, holds)


def rises(real: Span, noise: Span) -> Held:
    """Whether what noise costs, or units gain, is there and more than on real data."""
    return above(noise, Span(*(max(value, 0) for value in real)))


def above(first: Span, second: Span) -> Held:
    """Whether the first is larger, undecided where it depends on when in their epochs networks had fitted."""
    if first.low >= second.high:
        return True
    return False if first.high <= second.low else UNDECIDED


def weighted(times: Iterable[tuple[float, float]], scale: Callable[[float], float]) -> Span:
    """Sum of weights times scaled epochs; (weight, epochs) each, the network having fitted in the last of these."""
    terms = [(weight, scale(time - 1), scale(time)) for weight, time in times if weight]
    ends = [sorted((weight * before, weight * after)) for weight, before, after in terms]
    return Span(sum(weight * after for weight, _, after in terms), *map(sum, zip(*ends, strict=True)))


def log(epochs: float) -> float:
    return math.log(epochs) if epochs else -math.inf


def slope(times: Times) -> Span | None:
    """Of log epochs over log examples, by least squares; null where a time is missing or there is one only."""
    points = [(math.log(x), y) for x, y in times.items() if y]
    if len(points) < max(2, len(times)):
        return None
    middle = fmean(x for x, _ in points)
    squares = sum((x - middle) ** 2 for x, _ in points)
    return weighted([((x - middle) / squares, y) for x, y in points], log)


def only(times: Times) -> Span | None:
    """Epochs at the one x; null where they are missing."""
    time = next(iter(times.values()), None)
    return weighted([(1, time)], float) if time else None


def gain(times: Times) -> Span | None:
    """Log of epochs at the second largest width over those at the largest; null where one is missing."""
    last = [times[x] for x in sorted(times)[-2:]]
    return weighted([(1, last[0]), (-1, last[1])], log) if len(last) == 2 and last[0] and last[1] else None


COMPARISONS = (
    Comparison("arpit-time-size", over_examples, examples, slope, rises, "slope", "ratio"),
    Comparison("arpit-time-capacity", over_capacity, width, gain, rises, "gain from the largest width", "ratio"),
    Comparison("arpit-time-level", largest, width, only, above, "epochs", "components"),
)
SMOKE = {"widths": (16, 32), "fractions": (0.0, 0.8), "shares": (0.2, 1.0)}
STUDY = Study("time_to_convergence", Sizes(), BASE, report, smoke=SMOKE)
