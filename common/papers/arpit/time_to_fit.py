"""Figure 6: epochs to fit over capacity and over examples, on noise and on real data."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import TYPE_CHECKING, NamedTuple

from common.papers.arpit.capacity import FRACTIONS, WIDTHS, check_fractions, run_fields, shares_figure, width
from common.papers.arpit.networks import network
from common.papers.arpit.recipes import BASE
from common.papers.arpit.targets import TARGETS
from common.report.claims import Finding
from common.report.numbers import compared, number
from common.report.runs import Run, Runs
from common.report.tables import Table
from common.study import Call, Fields, Seeds, Study

if TYPE_CHECKING:
    from matplotlib.figure import Figure

TITLE = "Time to fit"
SHARES = (0.2, 0.4, 0.6, 0.8, 1.0)
THRESHOLDS = (0.99, 0.999, 1.0)
Times = Mapping[float, float]  # epochs by width or by number of examples


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
    """Figure 6 and its numbers."""
    return {"time": time_figure(runs, TITLE), "epochs_to_fit": time_table(runs, TITLE)}


class Span(NamedTuple):
    """What follows from epochs that are counted as whole ones, and the ends of what follows from any part of them."""

    value: float
    low: float
    high: float

    def signed(self, sign: int) -> Span:
        """Times 1 or -1."""
        return Span(sign * self.value, *sorted((sign * self.low, sign * self.high)))

    def above(self, other: Span, floor: float) -> Span:
        """Less another one, or the floor where that is lower."""
        value, low, high = (max(end, floor) for end in other)
        return Span(self.value - value, self.low - high, self.high - low)


class Question(NamedTuple):
    """What is told of times on noise and on real data: the statement on both together, and, if any, on each.

    The effect is `sign` times the measure, on noise less that on real data, where that is above the floor; `text` and
    `shown` say what stands beside it.
    """

    claim: str
    alone: str
    of: Callable[[Runs], dict[float, Runs]]
    x: Callable[[Run], float]
    measure: Callable[[Times], Span | None]
    text: str
    sign: int = 1
    floor: float = 0.0
    shown: Callable[[float], float] = float


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


def time_findings(runs: Runs, call: Call) -> list[Finding]:
    """What slows training down, on real data and on the most noise, and where more, seed by seed."""
    findings = []
    for question in QUESTIONS:
        groups = question.of(runs)
        if 0.0 in groups and len(groups) > 1:
            findings += _answers(question, {0.0: groups[0.0], max(groups): groups[max(groups)]})
    return findings


def _answers(question: Question, groups: Mapping[float, Runs]) -> list[Finding]:
    """On each of the two kinds of data, and on noise against real data, at each x at which all networks fit."""
    both = Runs(run for side in groups.values() for run in side)
    slow = {question.x(run) for run in both if epochs_to_fit(run) is None}
    spans = [[_span(question, side.where(seed=seed), slow) for seed in both.by("seed")] for side in groups.values()]
    names = "real data", f"{100 * max(groups):g} % noise"
    subject = network(both[0]).split(" of ")[0]
    findings = [
        _tested(question.alone, f"{subject}, {name}", side, found)
        for name, side, found in zip(names, groups.values(), spans, strict=True)
        if question.alone
    ]
    pairs = list(zip(*spans, strict=True))
    more = [real and noise and noise.above(real, question.floor) for real, noise in pairs]
    values = [[span and question.shown(span.value) for span in pair] for pair in pairs]
    told = compared(values, [f"on {name}" for name in names])
    numbers = f"{question.text} {told}" if told else None
    return [*findings, _tested(question.claim, f"{subject}, {names[-1]}", both, more, numbers)]


def _span(question: Question, runs: Runs, slow: Collection[float]) -> Span | None:
    times = {question.x(run): time for run in runs if (time := epochs_to_fit(run)) and question.x(run) not in slow}
    found = question.measure(times)
    return found and found.signed(question.sign)


def _tested(claim: str, subject: str, runs: Runs, spans: Sequence[Span | None], numbers: str | None = None) -> Finding:
    """Undecided where an epoch less would turn it, since times are whole epochs."""
    known, least = [span for span in spans if span], (TARGETS.statement(claim).band or (0.0,))[0] or 0.0
    turns = bool(known) and fmean(span.low for span in known) < least <= fmean(span.high for span in known)
    undecided = "parts of an epoch, in which times are not known, turn it" if turns else ""
    effects = [span and span.value for span in spans]
    return TARGETS.tested(claim, subject, runs, effects, numbers, undecided)


def weighted(times: Iterable[tuple[float, float]]) -> Span:
    """Sum of weights times log epochs; (weight, epochs) each, the network having fitted in the last of these."""
    terms = [(weight, log(time - 1), log(time)) for weight, time in times if weight]
    ends = [sorted((weight * before, weight * after)) for weight, before, after in terms]
    return Span(sum(weight * after for weight, _, after in terms), *map(sum, zip(*ends, strict=True)))


def log(epochs: float) -> float:
    return math.log(epochs) if epochs else -math.inf


def slope(times: Times) -> Span | None:
    """Of log epochs over log x, by least squares; null below two points."""
    if len(times) < 2:
        return None
    logs = {math.log(x): time for x, time in times.items()}
    middle = fmean(logs)
    squares = sum((x - middle) ** 2 for x in logs)
    return weighted(((x - middle) / squares, time) for x, time in logs.items())


def only(times: Times) -> Span | None:
    """Log of epochs at the one x; null without."""
    return weighted((1, time) for time in times.values()) if times else None


def gain(times: Times) -> Span | None:
    """Log of epochs at the second largest width over those at the largest; null below two widths."""
    return weighted(zip((1, -1), (times[x] for x in sorted(times)[-2:]), strict=True)) if len(times) > 1 else None


QUESTIONS = (
    Question("arpit-time-units", "arpit-time-units-slow", over_capacity, width, slope, "slope", sign=-1),
    Question("arpit-time-size", "arpit-time-size-slows", over_examples, examples, slope, "slope"),
    Question("arpit-time-capacity", "", over_capacity, width, gain, "gain"),
    Question("arpit-time-level", "", largest, width, only, "epochs", -1, -math.inf, lambda log: math.exp(-log)),
)
SMOKE = {"widths": (16, 32), "fractions": (0.0, 0.8), "shares": (0.2, 1.0)}
STUDY = Study("time_to_convergence", Sizes(), BASE, report, smoke=SMOKE, findings=time_findings)
