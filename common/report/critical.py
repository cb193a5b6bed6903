"""Arpit et al. (2017), Figures 7 to 9: critical sample ratio and accuracy over training, with more and more noise."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from common.report.arpit import (
    best_validation_accuracy,
    grouped,
    judged,
    network,
    noise_of,
    pairs,
    shades,
    target,
)
from common.report.claims import Finding, grows, growth, wilson_interval
from common.report.decoding_figures import Curve, draw
from common.report.figures import GREY, add_legend, new_figure, percent_axis
from common.report.tables import Line, Number, Record, Table, cell, number

HALF = 0.5  # of the corrupted examples
SPLITS = {"validation": "held-out examples", "train": "training examples"}
Lines = Mapping[str, Sequence[Line]]  # of critical_samples.jsonl, by run id
Histories = Mapping[str, Sequence[Line]]


def ratios(lines: Iterable[Line], split: str = "validation") -> dict[int, float]:
    """Critical sample ratio by epoch."""
    found = {line["epoch"]: line["critical"] / line["n"] for line in lines if line["split"] == split}
    return dict(sorted(found.items()))


def families(records: Iterable[Record]) -> dict[str, dict[float, list[Record]]]:
    """For each network and kind of noise its runs by the share of it, those on real data in each."""
    found: dict[str, dict[float, list[Record]]] = {}
    for runs in grouped(records, "model", "width", "dataset").values():
        real = [run for run in runs if not run["config"]["corruption_fraction"]]
        for noisy in grouped((run for run in runs if run not in real), "corruption").values():
            shares = {share: group for (share,), group in grouped(noisy, "corruption_fraction").items()}
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
    groups: dict[str, list[Record]] = {}
    for record in records:
        if record["config"]["corruption_fraction"] in (0, 1):
            groups.setdefault(noise_of(record), []).append(record)
    return groups


def critical_table(records: Iterable[Record], lines: Lines, sharp: Lines, histories: Histories, title: str) -> Table:
    """A row for each network, noise and share of it at the end of training, over seeds."""
    rows: list[Sequence[object]] = []
    for name, shares in families(records).items():
        for share, runs in shares.items():
            cells = [_cell(runs, lines, split) for split in SPLITS]
            eigenvalue = number((sharpness(sharp[run["run_id"]]) for run in runs), "components")
            final = number(run["outcome"]["validation_accuracy"] for run in runs)
            best = number(best_validation_accuracy(histories[run["run_id"]]) for run in runs)
            rows.append([name, f"{100 * share:g} %", len(runs), *cells, eigenvalue, final, best])
    columns = ["network and noise", "share", "seeds", "critical, held out, %", "critical, training, %", "sharpness"]
    note = "Means over seeds with 95 % t intervals; critical sample ratios of one seed with Wilson intervals. "
    note += "Sharpness: largest eigenvalue of the Hessian of the cross-entropy on training examples."
    return Table(title, [*columns, "validation accuracy at the end, %", "best over epochs, %"], rows, note)


def _cell(runs: Sequence[Record], lines: Lines, split: str) -> Number | None:
    found = [[line for line in lines[run["run_id"]] if line["split"] == split] for run in runs]
    last = [max(each, key=lambda line: line["epoch"]) for each in found if each]
    counts = [(line["critical"], line["n"]) for line in last]
    return number((critical / n for critical, n in counts), counts=counts)


def sharpness(lines: Sequence[Line]) -> float | None:
    """Largest eigenvalue of the Hessian of the last network."""
    last = max(lines, key=lambda line: line["epoch"], default=None)
    return None if last is None else last["largest_eigenvalue"]


def critical_findings(records: Sequence[Record], lines: Lines, sharp: Lines, histories: Histories) -> list[Finding]:
    """C7 to C10, and the sharpness, seed by seed."""
    found: list[Finding] = []
    for runs in grouped(records, "model", "width", "dataset").values():
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
    """C7: ratios at the end of training."""
    values = [(_last(lines, a), _last(lines, b)) for a, b in pairs(real, noise)]
    texts = "; ".join(f"{_percent(a)} on real data, {_percent(b)} on noise" for a, b in values)
    holds = [None if a is None or b is None else b > a for a, b in values]
    return judged("arpit-critical-noise", subject, [*real, *noise], texts, holds)


def _over_shares(
    name: str, shares: Mapping[float, Sequence[Record]], lines: Lines, sharp: Lines, histories: Histories
) -> list[Finding]:
    """C7 and C10: what grows with the share of noise."""
    runs = [run for group in shares.values() for run in group]
    seeds = [{share: run for share, group in shares.items() for run in group if run["config"]["seed"] == seed}
             for (seed,) in grouped(runs, "seed")]  # fmt: skip
    measures = {
        "arpit-critical-grows": [lambda run: _last(lines, run)],
        "arpit-sharpness": [lambda run: sharpness(sharp[run["run_id"]])],
        "arpit-validation-falls": [
            lambda run: 1 - run["outcome"]["validation_accuracy"],
            lambda run: 1 - best_validation_accuracy(histories[run["run_id"]]),
        ],
    }
    found = []
    for claim, values in measures.items():
        points = [[{share: value(run) for share, run in seed.items()} for value in values] for seed in seeds]
        each = [[grows(curve, target(claim)["band"][0]) for curve in curves] for curves in points]
        holds = [None if None in seed else all(seed) for seed in each]
        ranks = [cell(number((growth(curve) for curve in curves), "ratio")) for curves in zip(*points, strict=True)]
        found.append(judged(claim, name, runs, f"rank correlation {', '.join(ranks)}", holds))
    return found


def _over_training(subject: str, runs: Sequence[Record], lines: Lines) -> list[Finding]:
    """C8: the ratio from the first epoch on, of held-out and of training examples."""
    held_out = [_trained(lines[run["run_id"]]) for run in runs]
    plateau = [None if len(curve) < 3 else _flattens(curve) for curve in held_out]
    ends = "; ".join(", ".join(f"{epoch}: {_percent(value)}" for epoch, value in curve) for curve in held_out)
    trained = [[value for _, value in _trained(lines[run["run_id"]], "train")] for run in runs]
    falls = [None if len(curve) < 3 else curve[0] < max(curve[1:-1]) > curve[-1] for curve in trained]
    texts = "; ".join(f"highest {_percent(max(curve))}, last {_percent(curve[-1])}" for curve in trained if curve)
    return [
        judged("arpit-critical-plateau", subject, runs, ends, plateau),
        judged("arpit-critical-training", subject, runs, texts, falls),
    ]


def _trained(lines: Iterable[Line], split: str = "validation") -> list[tuple[int, float]]:
    """Ratios by epoch, without the untrained network's."""
    return [(epoch, value) for epoch, value in ratios(lines, split).items() if epoch]


def _flattens(curve: Sequence[tuple[int, float]]) -> bool:
    """Whether it rises by more until half of the epochs than after."""
    last, end = curve[-1]
    middle = max((point for point in curve if point[0] <= last / 2), default=curve[0])[1]
    return curve[0][1] < end and middle - curve[0][1] > abs(end - middle)


def _transition(subject: str, runs: Sequence[Record], lines: Lines, histories: Histories) -> list[Finding]:
    """C9: validation accuracy peaks before the noise is fitted; then the ratio rises."""
    early, rises, texts, more = [], [], [], []
    for run in runs:
        history = histories[run["run_id"]][1:]
        peak = max(history, key=lambda line: (line["validation_accuracy"] or 0, -line["epoch"]))
        best, last = peak["validation_accuracy"], history[-1]["validation_accuracy"]
        n = run["data"]["validation_n"]
        early.append(peak["train_accuracy_corrupted"] < HALF and last < wilson_interval(round(best * n), n)[0])
        fitted = f"{_percent(peak['train_accuracy_corrupted'])} of the noise fitted"
        texts.append(f"peak {_percent(best)} at epoch {peak['epoch']}, {fitted}; end {_percent(last)}")
        before = [value for epoch, value in ratios(lines[run["run_id"]]).items() if epoch <= peak["epoch"]][-1:]
        after = _last(lines, run)
        rises.append(after > before[0] if before and after is not None else None)
        more.append(f"{_percent(before[0] if before else None)} to {_percent(after)}")
    return [
        judged("arpit-patterns-first", subject, runs, "; ".join(texts), early),
        judged("arpit-critical-transition", subject, runs, "; ".join(more), rises),
    ]


def _last(lines: Lines, run: Record) -> float | None:
    values = list(ratios(lines[run["run_id"]]).values())
    return values[-1] if values else None


def _percent(value: float | None) -> str:
    return "–" if value is None else f"{100 * value:.1f} %"
