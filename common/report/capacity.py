"""Arpit et al. (2017), Figures 5 and 6: validation accuracy and time to fit, over capacity, noise and examples."""

import math
import operator
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import pairwise, starmap
from statistics import fmean
from typing import NamedTuple

from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from common.groups import grouped
from common.report.arpit import best_validation_accuracy, by_fields, compared, judged, network, noise_of, shades, target
from common.report.claims import NO_BAND, UNDECIDED, Finding, Held, epochs_to
from common.report.decoding_figures import Curve, draw
from common.report.figures import add_legend, new_figure
from common.report.numbers import number
from common.report.records import Line, Record, finding
from common.report.tables import Table

THRESHOLDS = (0.99, 0.999, 1.0)
UNITS = 4096  # of the paper's networks
Histories = Mapping[str, Sequence[Line]]
Measure = Callable[[Record], float | None]


class Span(NamedTuple):
    """What follows from epochs that are counted as whole ones, and the ends of what follows from any part of them."""

    value: float
    low: float
    high: float


def validation_accuracy(record: Record) -> float | None:
    """At the end of training."""
    value: float | None = record["outcome"]["validation_accuracy"]
    return value


def epochs_to_fit(histories: Histories, threshold: float = 1.0) -> Measure:
    """First epoch with a training accuracy of at least the threshold."""
    return lambda record: epochs_to(histories[record["run_id"]], "train_accuracy", threshold)


def panels(records: Sequence[Record]) -> dict[str, list[Record]]:
    """Runs by data set and kind of noise, those without noise in each; and real data alone, as many as noise leaves."""
    found: dict[str, list[Record]] = {}
    for (dataset,), runs in by_fields(records, "dataset").items():
        full = max(record["data"]["train_n"] for record in runs)
        real = [record for record in runs if not record["config"]["corruption_fraction"]]
        whole = [record for record in real if record["data"]["train_n"] == full]
        noise = by_fields((r for r in runs if r["config"]["corruption_fraction"]), "corruption")
        for noisy in noise.values():
            found[f"{dataset.replace('_', ' ')}, {noise_of(noisy[0])}"] = [*whole, *noisy]
        if len(whole) < len(real) or not noise:
            found[f"{dataset.replace('_', ' ')}, real data alone"] = real
    return found


def noise_share(record: Record, full: int) -> float:
    """Share of the training set that is noise, or that was left out of it."""
    removed = 1 - record["data"]["train_n"] / full
    return round(record["config"]["corruption_fraction"] or removed, 6)


def over(records: Iterable[Record], x: Callable[[Record], float], y: Measure) -> Curve:
    """Values of y of the seeds at each x, none where a seed has no value."""
    curve = {place: [y(record) for record in group] for place, group in grouped(records, x).items()}
    return {place: values for place, values in curve.items() if None not in values}


def width(record: Record) -> float:
    return float(record["config"]["width"])


def examples(record: Record) -> float:
    return float(record["data"]["train_n"])


def by_share(records: Sequence[Record]) -> dict[float, list[Record]]:
    """Runs by the share of noise."""
    full = max(record["data"]["train_n"] for record in records)
    return dict(sorted(grouped(records, lambda record: noise_share(record, full)).items()))


def figure(
    groups: Mapping[str, Mapping[float, Sequence[Record]]],
    axes_of: Mapping[str, tuple[str, Callable[[Record], float]]],
    y: Measure,
    labels: tuple[str, float],
    title: str,
) -> Figure:
    """A panel for each group, its x axis by `axes_of` (label, value); a line for each share of noise, over seeds.

    `labels` are those of the y axis and what y is multiplied by.
    """
    columns = min(2, len(groups))
    rows = math.ceil(len(groups) / columns)
    whole, shown = new_figure(title, (1 + 3.9 * columns, 1.3 + 3.1 * rows), (rows, columns))
    shares = sorted({share for group in groups.values() for share in group})
    colours = shades(shares)
    for axes, (name, group) in zip(shown, groups.items(), strict=False):
        label, x = axes_of[name]
        for share, runs in group.items():
            draw(axes, over(runs, x, y), labels[1], color=colours[share], marker="o")
        axes.set(xlabel=label, ylabel=labels[0])
        axes.set_xscale("log", base=2)
        axes.xaxis.set_major_formatter("{x:g}")
        axes.set_title(name, fontsize=10)
    for axes in shown[len(groups) :]:
        axes.set_visible(False)
    add_legend(whole, [Line2D([], [], color=colour, marker="o", label=f"{100 * share:g} % noise, or left out")
                       for share, colour in colours.items()])  # fmt: skip
    return whole


def capacity_figure(records: Sequence[Record], title: str) -> Figure:
    """Figure 5: validation accuracy (%) at the end over units of a hidden layer."""
    groups = {name: by_share(runs) for name, runs in panels(records).items()}
    return figure(groups, dict.fromkeys(groups, ("units of a hidden layer", width)), validation_accuracy,
                  ("validation accuracy (%)", 100), title)  # fmt: skip


def capacity_table(records: Sequence[Record], histories: Histories, title: str) -> Table:
    """A row for each width, share and kind of noise, over seeds."""
    rows: list[Sequence[object]] = []
    for name, runs in panels(records).items():
        for share, group in by_share(runs).items():
            for (units,), seeds in by_fields(group, "width").items():
                best = (best_validation_accuracy(histories[record["run_id"]]) for record in seeds)
                train = (record["outcome"]["train_accuracy"] for record in seeds)
                cells = [number(values) for values in (map(validation_accuracy, seeds), best, train)]
                rows.append([name, f"{100 * share:g} %", units, seeds[0]["data"]["train_n"], len(seeds), *cells])
    columns = ["data and noise", "noise, or left out", "width", "train_n", "seeds", "validation accuracy at the end, %"]
    return Table(title, [*columns, "best over epochs, %", "training accuracy, %"], rows, "Means, 95 % t intervals.")


def best_width(runs: Iterable[Record]) -> float | None:
    """The smallest width with a validation accuracy at the end within one standard error of the best.

    The error is that over the held-out examples; none where no width has fitted.
    """
    runs = list(runs)
    measured = {width(run): value for run in runs if (value := validation_accuracy(run)) is not None}
    if not measured or all(run["outcome"]["train_accuracy"] < THRESHOLDS[0] for run in runs):
        return None
    best, n = max(measured.values()), runs[0]["data"]["validation_n"]
    return min(units for units, value in measured.items() if best - value <= math.sqrt(best * (1 - best) / n))


def best_widths(
    groups: Iterable[Iterable[Record]], order: Callable[[float, float], bool]
) -> tuple[list[float | None], Held]:
    """Of each group the best of the widths that all have, and whether neighbours are in order.

    Null where a group has none; undecided where the widest is the best of all, which says nothing of wider ones.
    """
    runs = [{width(run): run for run in group} for group in groups]
    shared = set.intersection(*map(set, runs))
    best = [best_width(group[units] for units in shared) for group in runs]
    measured = [units for units in best if units is not None]
    if len(measured) < max(2, len(best)):
        return best, None
    if set(measured) == {max(shared)}:
        return best, UNDECIDED
    return best, all(starmap(order, pairwise(measured)))


def capacity_findings(records: Sequence[Record]) -> list[Finding]:
    """C5: the best width for each share of noise, seed by seed; without the noise examples; and on real data."""
    found, groups = [], panels(records)
    for name, runs in groups.items():
        if "random inputs" in name:
            holds = [held for _, held in _over_noise(runs)]
            found.append(judged("arpit-capacity", name, runs, _told(runs), holds))
    return [*found, *_removed(groups), _of_labels(groups), _maximal(groups)]


def _over_noise(runs: Sequence[Record]) -> list[tuple[list[float | None], Held]]:
    """Of each seed the best width at each share of noise, and whether it never falls."""
    return [best_widths(by_share(seed).values(), operator.le) for seed in by_fields(runs, "seed").values()]


def _told(runs: Sequence[Record]) -> str:
    shares = ", ".join(f"{100 * share:g}" for share in by_share(runs))
    texts = (", ".join(f"{value:g}" if value else "none fitted" for value in row) for row, _ in _over_noise(runs))
    return f"best width at {shares} % noise: {'; '.join(texts)}"


def _of_labels(groups: Mapping[str, Sequence[Record]]) -> Finding:
    """Random labels on CIFAR-10, of which the paper claims no order."""
    cited, name = target("arpit-capacity-labels"), "cifar10, random labels"
    runs = groups.get(name, [])
    if not runs:
        return finding(cited, name)
    return finding(cited, name, runs, _told(runs), f"{len(by_fields(runs, 'seed'))} seeds", NO_BAND)


def _maximal(groups: Mapping[str, Sequence[Record]]) -> Finding:
    """Real digits at 4,096 units beside the best of the widths, some of them larger, seed by seed."""
    real = [run for name, runs in groups.items() if name.startswith("mnist") for run in by_share(runs).get(0.0, [])]
    holds, values = [], []
    for seed in by_fields(real, "seed").values():
        accuracies = {width(run): value for run in seed if (value := validation_accuracy(run)) is not None}
        if UNITS in accuracies and max(accuracies) > UNITS:
            at, best = accuracies[UNITS], max(accuracies.values())
            holds.append(best - at <= target("arpit-capacity-maximal")["band"][1])
            values.append((at, best))
    numbers = f"validation accuracy (%): {compared(values, 'fraction', (f'at {UNITS} units', 'at the best width'))}"
    return judged("arpit-capacity-maximal", "mnist, real data", real, numbers if values else None, holds)


def _removed(groups: Mapping[str, Sequence[Record]]) -> list[Finding]:
    found = []
    for name, removed in groups.items():
        noisy = groups.get(name.replace("real data alone", "random inputs"), [])
        if "alone" not in name or not noisy:
            continue
        share = max(set(by_share(removed)) & set(by_share(noisy)))
        runs, holds, texts = [*by_share(removed)[share], *by_share(noisy)[share]], [], []
        for seed in by_fields(runs, "seed").values():
            real = [run for run in seed if not run["config"]["corruption_fraction"]]
            (without, beside), held = best_widths([real, [run for run in seed if run not in real]], operator.lt)
            holds.append(held)
            texts.append(f"{without or math.nan:g} without, {beside or math.nan:g} with")
        found.append(judged("arpit-removed", name, runs, f"best width at {100 * share:g} %: {'; '.join(texts)}", holds))
    return found


def by_fraction(records: Iterable[Record]) -> dict[float, list[Record]]:
    """Runs by the corrupted fraction of what they were trained on."""
    return {fraction: runs for (fraction,), runs in by_fields(records, "corruption_fraction").items()}


def over_capacity(records: Sequence[Record]) -> dict[float, list[Record]]:
    """Runs on the most examples, by fraction: Figure 6, left."""
    full = max(map(examples, records))
    return by_fraction(record for record in records if examples(record) == full)


def over_examples(records: Sequence[Record]) -> dict[float, list[Record]]:
    """Runs of the widest network, by fraction: Figure 6, right."""
    return by_fraction(widest(records))


def widest(records: Sequence[Record]) -> list[Record]:
    """Runs of the widest network."""
    most = max(map(width, records))
    return [record for record in records if width(record) == most]


def time_figure(records: Sequence[Record], histories: Histories, title: str) -> Figure:
    """Figure 6: epochs to 100 % training accuracy over units of a hidden layer, and over training examples."""
    axes = {"most examples": ("units of a hidden layer", width), "widest network": ("training examples", examples)}
    groups = dict(zip(axes, (over_capacity(records), over_examples(records)), strict=True))
    return figure(groups, axes, epochs_to_fit(histories), ("epochs to 100 % training accuracy", 1), title)


def time_table(records: Sequence[Record], histories: Histories, title: str) -> Table:
    """A row for each width, number of examples and fraction, over seeds."""
    rows: list[Sequence[object]] = []
    for (units, fraction), group in by_fields(records, "width", "corruption_fraction").items():
        for n in sorted(set(map(examples, group))):
            seeds = [record for record in group if examples(record) == n]
            times = [[epochs_to_fit(histories, value)(record) for record in seeds] for value in THRESHOLDS]
            cells = [number(values, "components") if None not in values else None for values in times]
            rows.append([units, int(n), f"{100 * fraction:g} %", len(seeds), *cells])
    columns = ["width", "train_n", "noise", "seeds", *(f"epochs to {100 * value:g} %" for value in THRESHOLDS)]
    return Table(title, columns, rows, "Means, 95 % t intervals; – where a seed does not get there.")


def time_findings(records: Sequence[Record], histories: Histories) -> list[Finding]:
    """C6 at each threshold, for the most noise against real data, seed by seed; nothing without either."""
    found: list[Finding] = []
    for threshold in THRESHOLDS:
        time = epochs_to_fit(histories, threshold)
        for name, groups, x, measure, holds, what, unit in (
            ("arpit-time-size", over_examples(records), examples, slope, rises, "slope", "ratio"),
            ("arpit-time-capacity", over_capacity(records), width, gain, rises, "gain from the largest width", "ratio"),
            ("arpit-time-level", over_capacity(widest(records)), width, only, above, "epochs", "components"),
        ):
            if min(groups) > 0 or len(groups) < 2:
                continue
            real, noise = groups[0.0], groups[max(groups)]
            values = [
                [measure({x(r): time(r) for r in runs if r["config"]["seed"] == seed}) for runs in (real, noise)]
                for (seed,) in by_fields(records, "seed")
            ]
            each = [None if a is None or b is None else holds(a, b) for a, b in values]
            subject = f"{network(noise[0]).split(' of ')[0]}, {100 * max(groups):g} % noise, {100 * threshold:g} %"
            told = compared([[side and side.value for side in pair] for pair in values], unit)
            found.append(judged(name, subject, [*real, *noise], f"{what} {told}" if told else None, each))
    return found


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


def slope(times: Mapping[float, float | None]) -> Span | None:
    """Of log epochs over log examples, by least squares; null where a time is missing or there is one only."""
    points = [(math.log(x), y) for x, y in times.items() if y]
    if len(points) < max(2, len(times)):
        return None
    middle = fmean(x for x, _ in points)
    squares = sum((x - middle) ** 2 for x, _ in points)
    return weighted([((x - middle) / squares, y) for x, y in points], log)


def only(times: Mapping[float, float | None]) -> Span | None:
    """Epochs at the one x; null where they are missing."""
    time = next(iter(times.values()), None)
    return weighted([(1, time)], float) if time else None


def gain(times: Mapping[float, float | None]) -> Span | None:
    """Log of epochs at the second largest width over those at the largest; null where one is missing."""
    last = [times[x] for x in sorted(times)[-2:]]
    return weighted([(1, last[0]), (-1, last[1])], log) if len(last) == 2 and last[0] and last[1] else None
