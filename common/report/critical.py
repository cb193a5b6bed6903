"""Arpit et al. (2017), Figures 7 to 9: critical sample ratio and accuracy over training, with more and more noise."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from common.groups import grouped
from common.report.arpit import (
    best_validation_accuracy,
    by_fields,
    compared,
    judged,
    network,
    noise_of,
    pairs,
    shades,
    target,
)
from common.report.claims import Finding, grows, growth
from common.report.decoding_figures import Curve, draw
from common.report.figures import GREY, add_legend, new_figure, percent_axis
from common.report.numbers import Count, Number, cell, number, wilson_interval
from common.report.records import Line, Record
from common.report.tables import Table

HALF = 0.5  # of the corrupted examples
SPLITS = {"validation": "held-out examples", "train": "training examples"}
Lines = Mapping[str, Sequence[Line]]  # of critical_samples.jsonl, by run id
Histories = Mapping[str, Sequence[Line]]


def counts(lines: Iterable[Line], split: str = "validation") -> dict[int, Count]:
    """Critical examples and all, by epoch."""
    found = {line["epoch"]: (line["critical"], line["n"]) for line in lines if line["split"] == split}
    return dict(sorted(found.items()))


def ratios(lines: Iterable[Line], split: str = "validation") -> dict[int, float]:
    """Critical sample ratio by epoch."""
    return {epoch: share(count) for epoch, count in counts(lines, split).items()}


def share(count: Count) -> float:
    """Of examples."""
    return count[0] / count[1]


def rate(found: Sequence[Count]) -> str:
    """Share over seeds in per cent with its interval; of one seed k of n too."""
    mean = number(map(share, found), counts=found)
    single = f" ({found[0][0]} of {found[0][1]})" if len(found) == 1 else ""
    return f"{cell(mean)} %{single}" if mean else cell(None)


def families(records: Iterable[Record]) -> dict[str, dict[float, list[Record]]]:
    """For each network and kind of noise its runs by the share of it, those on real data in each."""
    found: dict[str, dict[float, list[Record]]] = {}
    for runs in by_fields(records, "model", "width", "dataset").values():
        real = [run for run in runs if not run["config"]["corruption_fraction"]]
        for noisy in by_fields((run for run in runs if run not in real), "corruption").values():
            shares = {share: group for (share,), group in by_fields(noisy, "corruption_fraction").items()}
            found[f"{network(noisy[0])}, {noise_of(noisy[0])}"] = {0.0: real, **shares} if real else shares
    return found


def _over_epochs(runs: Sequence[Record], values: Mapping[str, Mapping[int, float | None]]) -> Curve:
    """Values of the seeds at epochs that all of them have."""
    curves = [values[run["run_id"]] for run in runs]
    return {epoch: [curve[epoch] for curve in curves] for epoch in sorted(set.intersection(*map(set, curves)))}


def _accuracies(histories: Histories, key: str) -> dict[str, dict[int, float | None]]:
    return {name: {line["epoch"]: line[key] for line in history} for name, history in histories.items()}


def noise_figure(name: str, shares: Mapping[float, Sequence[Record]], lines: Lines, histories: Histories) -> Figure:
    """Accuracy on training (solid) and clean held-out examples (dotted) and the latter's critical sample ratio (%)."""
    figure, (left, right) = new_figure(name, (9.4, 4.9), (1, 2))
    colours = shades(list(shares))
    critical = {run: ratios(found) for run, found in lines.items()}
    for share, runs in shares.items():
        for key, style in (("train_accuracy", "-"), ("validation_accuracy", ":")):
            draw(left, _over_epochs(runs, _accuracies(histories, key)), color=colours[share], linestyle=style)
        draw(right, _over_epochs(runs, critical), color=colours[share], marker="o")
    percent_axis(left)
    left.set_xlabel("epoch")
    _ratio_axes(right)
    handles = [Line2D([], [], color=colour, label=f"{100 * share:g} % noise") for share, colour in colours.items()]
    styles: dict[str, Any] = {"training": "-", "validation": ":"}
    add_legend(figure, [*handles, *(Line2D([], [], color=GREY, linestyle=s, label=text) for text, s in styles.items())])
    return figure


def _ratio_axes(axes: Axes) -> None:
    axes.set(xlabel="epoch", ylabel="critical sample ratio (%)")
    axes.set_xscale("symlog", base=2, linthresh=1, linscale=0.5)
    axes.xaxis.set_major_formatter("{x:g}")
    axes.set_ylim(bottom=0)


def splits_figure(groups: Mapping[str, Sequence[Record]], lines: Lines, title: str) -> Figure:
    """Figure 9: critical sample ratio (%) over epochs, of held-out and of training examples, a line for each group."""
    figure, panels = new_figure(title, (9.4, 4.9), (1, 2))
    colours = shades(list(groups))
    for axes, (split, label) in zip(panels, SPLITS.items(), strict=True):
        values = {run: ratios(found, split) for run, found in lines.items()}
        for name, runs in groups.items():
            draw(axes, _over_epochs(runs, values), color=colours[name], marker="o")
        axes.set_title(label, fontsize=10)
        _ratio_axes(axes)
    add_legend(figure, [Line2D([], [], color=colour, marker="o", label=name) for name, colour in colours.items()])
    return figure


def extremes_of(records: Iterable[Record]) -> dict[str, list[Record]]:
    """Runs on nothing but real data, random inputs or random labels."""
    return grouped((record for record in records if record["config"]["corruption_fraction"] in (0, 1)), noise_of)


def critical_table(records: Iterable[Record], lines: Lines, sharp: Lines, histories: Histories, title: str) -> Table:
    """A row for each network, noise and share of it at the end of training, over seeds."""
    rows: list[Sequence[object]] = []
    for name, shares in families(records).items():
        for share, runs in shares.items():
            cells = [_cell(runs, lines, split) for split in SPLITS]
            eigenvalue = number((sharpness(sharp[run["run_id"]]) for run in runs), "three digits")
            final = number(run["outcome"]["validation_accuracy"] for run in runs)
            best = number(best_validation_accuracy(histories[run["run_id"]]) for run in runs)
            rows.append([name, f"{100 * share:g} %", len(runs), *cells, eigenvalue, final, best])
    columns = ["network and noise", "share", "seeds", "critical, held out, %", "critical, training, %", "sharpness"]
    note = "Means over seeds with 95 % t intervals; critical sample ratios of one seed with Wilson intervals. "
    sizes = sorted({line["n"] for found in sharp.values() for line in found})
    of = f"{' or '.join(map(str, sizes))} training examples" if sizes else "training examples"
    note += f"Sharpness: largest eigenvalue of the Hessian of the cross-entropy on {of}."
    return Table(title, [*columns, "validation accuracy at the end, %", "best over epochs, %"], rows, note)


def _cell(runs: Sequence[Record], lines: Lines, split: str) -> Number | None:
    last = [count for run in runs if (count := _last(lines, run, split))]
    return number(map(share, last), counts=last)


def sharpness(lines: Sequence[Line]) -> float | None:
    """Largest eigenvalue of the Hessian of the last network."""
    last = max(lines, key=lambda line: line["epoch"], default=None)
    return None if last is None else last["largest_eigenvalue"]


def critical_findings(records: Sequence[Record], lines: Lines, sharp: Lines, histories: Histories) -> list[Finding]:
    """C7 to C10, and the sharpness, seed by seed."""
    found: list[Finding] = []
    for runs in by_fields(records, "model", "width", "dataset").values():
        groups = extremes_of(runs)
        for noise, group in groups.items():
            subject = f"{network(group[0])}, {noise}"
            if "real data" in groups and noise != "real data":
                found.append(_against_real(subject, groups["real data"], group, lines))
            found += _over_training(subject, group, lines)
    for name, shares in families(records).items():
        found += _over_shares(name, shares, lines, sharp, histories)
        for share, runs in shares.items():
            if 0 < share < 1 and "random labels" in name:
                found += _transition(f"{name}, {100 * share:g} %", runs, lines, histories)
    return found


def _against_real(subject: str, real: Sequence[Record], noise: Sequence[Record], lines: Lines) -> Finding:
    """C7: ratios at every epoch that both have, from a quarter of the training on."""
    curves = [[dict(_trained(lines[run["run_id"]], "validation")) for run in pair] for pair in pairs(real, noise)]
    both = [{epoch: (a[epoch], b[epoch]) for epoch in a if epoch in b} for a, b in curves]
    late = [{epoch: pair for epoch, pair in points.items() if 4 * epoch >= max(points)} for points in both]
    holds = [all(share(b) > share(a) for a, b in points.values()) if points else None for points in late]
    ends = [(*points[min(points)], *points[max(points)]) for points in both if points]
    names = [f"on {data} at the {end}" for end in ("first epoch", "last") for data in ("real data", "noise")]
    texts = compared(ends, names=names, text=rate)
    return judged("arpit-critical-noise", subject, [*real, *noise], texts, holds)


def _over_shares(
    name: str, shares: Mapping[float, Sequence[Record]], lines: Lines, sharp: Lines, histories: Histories
) -> list[Finding]:
    """C7 and C10: what grows with the share of noise."""
    runs = [run for group in shares.values() for run in group]
    seeds = [{noise: run for noise, group in shares.items() for run in group if run["config"]["seed"] == seed}
             for (seed,) in by_fields(runs, "seed")]  # fmt: skip
    measures: dict[str, dict[str, Callable[[Record], Count | float | None]]] = {
        "arpit-critical-grows": {"": lambda run: _last(lines, run)},
        "arpit-sharpness": {"": lambda run: sharpness(sharp[run["run_id"]])},
        "arpit-validation-falls": {
            "error at the end: ": lambda run: _errors(run, run["outcome"]["validation_accuracy"]),
            "least error: ": lambda run: _errors(run, best_validation_accuracy(histories[run["run_id"]])),
        },
    }
    return [_growing(claim, name, runs, seeds, found) for claim, found in measures.items()]


def _growing(
    claim: str,
    name: str,
    runs: Sequence[Record],
    seeds: Sequence[Mapping[float, Record]],
    measures: Mapping[str, Callable[[Record], Count | float | None]],
) -> Finding:
    """Whether all measures grow with the share of noise, their rank correlations and their values at both ends."""
    texts, holds = [], []
    for label, measure in measures.items():
        found = [{noise: measure(run) for noise, run in seed.items()} for seed in seeds]
        points = [{x: share(y) if isinstance(y, tuple) else y for x, y in seed.items()} for seed in found]
        holds.append([grows(curve, target(claim)["band"][0]) for curve in points])
        rank = cell(number((growth(curve) for curve in points), "ratio"))
        noises = [end(noise for seed in seeds for noise in seed) for end in (min, max)]
        ends = compared([[seed.get(noise) for noise in noises] for seed in found], "three digits",
                        [f"at {100 * noise:g} %" for noise in noises],
                        None if claim == "arpit-sharpness" else rate)  # fmt: skip
        if ends:
            texts.append(f"{label}rank correlation {rank}, {ends}")
    every = [None if None in seed else all(seed) for seed in zip(*holds, strict=True)]
    return judged(claim, name, runs, "; ".join(texts) or None, every)


def _errors(run: Record, accuracy: float) -> Count:
    """Held-out examples that are classified wrongly, and all."""
    n = run["data"]["validation_n"]
    return n - round(accuracy * n), n


def _over_training(subject: str, runs: Sequence[Record], lines: Lines) -> list[Finding]:
    """C8: the ratio from the first epoch on, of held-out and of training examples."""
    held_out, training = ([_trained(lines[run["run_id"]], split) for run in runs] for split in SPLITS)
    plateau = [None if len(curve) < 3 else _flattens(curve) for curve in held_out]
    stages = [(curve[0][1], _middle(curve), curve[-1][1]) for curve in held_out if curve]
    rises = [None if len(curve) < 3 else _rises_and_falls([count for _, count in curve]) for curve in training]
    peaks = [(curve[0][1], max((count for _, count in curve), key=share), curve[-1][1]) for curve in training if curve]
    names = "at the first epoch", "at half of the epochs", "at the last"
    highest = "at the first epoch", "at the highest", "at the last"
    return [
        judged("arpit-critical-plateau", subject, runs, compared(stages, names=names, text=rate), plateau),
        judged("arpit-critical-training", subject, runs, compared(peaks, names=highest, text=rate), rises),
    ]


def _trained(lines: Iterable[Line], split: str) -> list[tuple[int, Count]]:
    """Counts by epoch, without the untrained network's."""
    return [(epoch, count) for epoch, count in counts(lines, split).items() if epoch]


def _middle(curve: Sequence[tuple[int, Count]]) -> Count:
    """At the last epoch of the first half."""
    return max((point for point in curve if point[0] <= curve[-1][0] / 2), default=curve[0])[1]


def _flattens(curve: Sequence[tuple[int, Count]]) -> bool:
    """Whether it has risen by half of the epochs, and stays within what those examples can tell apart."""
    low, high = wilson_interval(*_middle(curve))
    return share(curve[0][1]) < low <= share(curve[-1][1]) <= high


def _rises_and_falls(found: Sequence[Count]) -> bool:
    """Whether the highest value between is above the first and the last by more than its examples may err."""
    low, _ = wilson_interval(*max(found[1:-1], key=share))
    return share(found[0]) < low > share(found[-1])


def _transition(subject: str, runs: Sequence[Record], lines: Lines, histories: Histories) -> list[Finding]:
    """C9: validation accuracy peaks before the noise is fitted, untouched examples sooner; then the ratio rises."""
    early, rises, accuracies, critical, peaks = [], [], [], [], []
    for run in runs:
        history, n = histories[run["run_id"]][1:], run["data"]["validation_n"]
        peak = max(history, key=lambda line: (line["validation_accuracy"] or 0, -line["epoch"]))
        best, last = ((round(line["validation_accuracy"] * n), n) for line in (peak, history[-1]))
        first = peak["train_accuracy_corrupted"] < min(HALF, peak["train_accuracy_untouched"])
        early.append(first and share(last) < wilson_interval(*best)[0])
        accuracies.append((best, last))
        peaks.append(peak)
        before = [count for epoch, count in counts(lines[run["run_id"]]).items() if epoch <= peak["epoch"]][-1:]
        after = _last(lines, run)
        rises.append(share(after) > share(before[0]) if before and after else None)
        critical.append((before[0] if before else None, after))
    names = "at the peak", "at the end"
    epoch = cell(number((peak["epoch"] for peak in peaks), "components"))
    noise, rest = (
        cell(number(peak[f"train_accuracy_{part}"] for peak in peaks)) for part in ("corrupted", "untouched")
    )
    fitted = f"{noise} % of the corrupted and {rest} % of the untouched examples fitted"
    texts = f"{compared(accuracies, names=names, text=rate)}; peak at epoch {epoch}, {fitted}"
    kept = compared(critical, names=("at the last kept epoch until the peak", names[1]), text=rate)
    return [
        judged("arpit-patterns-first", subject, runs, texts, early),
        judged("arpit-critical-transition", subject, runs, kept, rises),
    ]


def _last(lines: Lines, run: Record, split: str = "validation") -> Count | None:
    values = list(counts(lines[run["run_id"]], split).values())
    return values[-1] if values else None
