"""Figures 7 to 9: critical sample ratio, sharpness and accuracy over training, with more and more noise."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from common.analysis.perturbations import CRITICAL, SHARPNESS, critical_run, sharpness_run
from common.data.preprocessing import pixel_scale
from common.errors import check_choice
from common.papers.arpit.networks import best_accuracy, network, noise_of
from common.papers.arpit.recipes import BASE, DATASETS, KEPT, fields
from common.papers.arpit.targets import TARGETS
from common.report import figures
from common.report.claims import Finding, grows, growth
from common.report.numbers import Count, cell, compared, mean_share, number, rate, share, wilson_interval
from common.report.runs import Line, Run, Runs
from common.report.tables import Table, claims_table
from common.runs.config import Config
from common.runs.critical_points import Search
from common.study import Call, Fields, Seeds, Study, with_progress

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

TITLE = "Critical sample ratio"
HALF = 0.5  # of the corrupted examples
SPLITS = {"validation": "held-out examples", "train": "training examples"}
Shares = Mapping[float, Runs]  # by the share of noise
Measures = Mapping[str, Callable[[Run], Count | float | None]]  # by what they are called beside others


@dataclass(frozen=True)
class Measurement:
    """How networks are measured at a preset, and what runs that were measured so hold."""

    search: Search
    size: int | None
    """Most examples of a split that are searched."""
    sharpness_size: int
    """Examples that the sharpness is of."""

    def counts(self, run: Run, split: str = "validation") -> dict[int, Count]:
        """Critical examples and all, by epoch."""
        wanted = asdict(self.search) | {"size": self.size, "split": split}
        lines = [line for line in run.lines(CRITICAL) if wanted.items() <= line.items()]
        return dict(sorted((line["epoch"], (line["critical"], line["n"])) for line in lines))

    def trained(self, run: Run, split: str = "validation") -> list[tuple[int, Count]]:
        """Counts by epoch, without the untrained network's."""
        return [(epoch, count) for epoch, count in self.counts(run, split).items() if epoch]

    def ratios(self, run: Run, split: str = "validation") -> dict[int, float | None]:
        """Critical sample ratio by epoch."""
        return {epoch: share(count) for epoch, count in self.counts(run, split).items()}

    def last(self, run: Run, split: str = "validation") -> Count | None:
        """Counts of the last network."""
        return next(reversed(self.counts(run, split).values()), None)

    def sharpness_lines(self, run: Run) -> list[Line]:
        return [line for line in run.lines(SHARPNESS) if line["size"] == self.sharpness_size]

    def sharpness(self, run: Run) -> float | None:
        """Largest eigenvalue of the Hessian of the last network."""
        last = max(self.sharpness_lines(run), key=lambda line: line["epoch"], default=None)
        return None if last is None else last["largest_eigenvalue"]


MEASUREMENTS = {"paper": Measurement(Search(), None, 1000), "small": Measurement(Search(iterations=20), 500, 200)}


@dataclass(frozen=True)
class Noises(Seeds):
    """A run for each combination of these values, and one on real data."""

    models: tuple[str, ...] = ("mlp2", "cnn2")
    """Architectures, mlp2 on MNIST and cnn2 on CIFAR-10."""
    noises: tuple[str, ...] = ("gaussian", "uniform")
    """Kinds of noise, as corruption rules."""
    fractions: tuple[float, ...] = (0.2, 0.4, 0.6, 0.8, 1.0)
    """Shares of noise."""

    def rows(self, preset: str) -> Iterable[Fields]:
        for model in self.models:
            check_choice("model", model, DATASETS)
            yield fields(model, DATASETS[model], preset)
            for noise in self.noises:
                yield from (fields(model, DATASETS[model], preset, noise, fraction) for fraction in self.fractions)


def read(configs: Sequence[Config], call: Call) -> None:
    """The ratio on held-out and on training examples at every epoch that is kept, and the sharpness at the end."""
    how = MEASUREMENTS[call.preset]
    for config in with_progress(configs):
        critical_run(config, call.options, how.search, KEPT, tuple(SPLITS), how.size, force=call.force)
        sharpness_run(config, call.options, size=how.sharpness_size, force=call.force)


def report(runs: Runs, call: Call) -> dict[str, Table | Figure]:
    """Figure 9 for each network, Figures 7 and 8 for each kind of noise, the numbers and the verdicts."""
    how = MEASUREMENTS[call.preset]
    measured = runs.where(lambda run: how.counts(run) or how.counts(run, "train"))
    drawn = {}
    for (model, _), here in measured.by("model", "width").items():
        drawn[f"splits_{model}"] = splits_figure(extremes_of(here), how, f"{TITLE}, {model}")
    for name, shares in families(measured).items():
        drawn[name.replace(",", "").replace(" ", "_")] = noise_figure(name, shares, how)
    return {
        **drawn,
        "ratios": critical_table(measured, how, TITLE),
        "claims": claims_table(critical_findings(measured, how), TITLE),
    }


def check(config: Config) -> None:
    """Gradients of inputs are PyTorch's, and a radius in pixels needs a scale that images share."""
    pixel_scale(config.preprocessing, ([0.0], [1.0]))
    check_choice("framework", config.framework, ("torch",))


def families(runs: Runs) -> dict[str, Shares]:
    """For each network and kind of noise its runs by the share of it, those on real data in each."""
    found: dict[str, Shares] = {}
    for here in runs.by("model", "width", "dataset").values():
        real = here.where(corruption_fraction=0)
        for noisy in here.where(lambda run: run.config.corruption_fraction).by("corruption").values():
            shares = noisy.by("corruption_fraction")
            found[f"{network(noisy[0])}, {noise_of(noisy[0])}"] = {0.0: real, **shares} if real else shares
    return found


def extremes_of(runs: Runs) -> dict[str, Runs]:
    """Runs on nothing but real data, random inputs or random labels."""
    return runs.where(lambda run: run.config.corruption_fraction in (0, 1)).grouped(noise_of)


def noise_figure(name: str, shares: Shares, how: Measurement) -> Figure:
    """Accuracy on training (solid) and clean held-out examples (dotted) and the latter's critical sample ratio (%)."""
    figure, (left, right) = figures.new_figure(name, (9.4, 4.9), (1, 2))
    colours, styles = figures.shades(list(shares)), {"train": "-", "validation": ":"}
    for noise, runs in shares.items():
        for split, style in styles.items():
            accuracies = figures.shared_epochs(_accuracies(run.history, split) for run in runs)
            figures.draw_curve(left, accuracies, 100, color=colours[noise], linestyle=style)
        figures.draw_curve(right, figures.shared_epochs(map(how.ratios, runs)), 100, color=colours[noise], marker="o")
    figures.percent_axis(left)
    left.set_xlabel("epoch")
    _ratio_axes(right)
    noises = figures.handles({f"{100 * noise:g} % noise": colour for noise, colour in colours.items()})
    texts = zip(("training", "validation"), styles.values(), strict=True)
    figures.add_legend(
        figure, [*noises, *(figures.handle(text, color=figures.GREY, linestyle=style) for text, style in texts)]
    )
    return figure


def _accuracies(history: Sequence[Line], split: str) -> dict[int, float | None]:
    return {line["epoch"]: line[f"{split}_accuracy"] for line in history}


def _ratio_axes(axes: Axes) -> None:
    axes.set_ylabel("critical sample ratio (%)")
    figures.doubling_axis(axes, "epoch", from_zero=True)
    axes.set_ylim(bottom=0)


def splits_figure(groups: Mapping[str, Runs], how: Measurement, title: str) -> Figure:
    """Figure 9: critical sample ratio (%) over epochs, of held-out and of training examples, a line for each group."""
    figure, panels = figures.panel_figure(title, list(SPLITS.values()), 2, (4.2, 3.1))
    colours = figures.shades(list(groups))
    for axes, split in zip(panels, SPLITS, strict=True):
        for name, runs in groups.items():
            curve = figures.shared_epochs(how.ratios(run, split) for run in runs)
            figures.draw_curve(axes, curve, 100, color=colours[name], marker="o")
        _ratio_axes(axes)
    figures.add_legend(figure, figures.handles(colours, marker="o"))
    return figure


def critical_table(runs: Runs, how: Measurement, title: str) -> Table:
    """A row for each network, noise and share of it at the end of training, over seeds."""
    rows: list[Sequence[object]] = []
    for name, shares in families(runs).items():
        for noise, seeds in shares.items():
            ends = [[how.last(run, split) for run in seeds] for split in SPLITS]
            cells = [mean_share([count for count in counts if count]) for counts in ends]
            eigenvalue = seeds.over_seeds(how.sharpness, "three digits")
            accuracies = seeds.over_seeds("validation_accuracy"), seeds.over_seeds(best_accuracy)
            rows.append([name, f"{100 * noise:g} %", len(seeds), *cells, eigenvalue, *accuracies])
    columns = ["network and noise", "share", "seeds", "critical, held out, %", "critical, training, %", "sharpness"]
    columns += ["validation accuracy at the end, %", "best over epochs, %"]
    sizes = sorted({line["n"] for run in runs for line in how.sharpness_lines(run)})
    of = f"{' or '.join(map(str, sizes))} training examples" if sizes else "training examples"
    note = "Means over seeds with 95 % t intervals; critical sample ratios of one seed with Wilson intervals. "
    note += f"Sharpness: largest eigenvalue of the Hessian of the cross-entropy on {of}."
    return Table(title, columns, rows, note)


def critical_findings(runs: Runs, how: Measurement) -> list[Finding]:
    """C7 to C10, and the sharpness, seed by seed."""
    findings: list[Finding] = []
    for here in runs.by("model", "width", "dataset").values():
        groups = extremes_of(here)
        for kind, seeds in groups.items():
            subject = f"{network(seeds[0])}, {kind}"
            if "real data" in groups and kind != "real data":
                findings.append(_against_real(subject, groups["real data"], seeds, how))
            findings += _over_training(subject, seeds, how)
    for name, shares in families(runs).items():
        findings += _over_shares(name, shares, how)
        for noise, seeds in shares.items():
            if 0 < noise < 1 and seeds[0].config.corruption == "uniform":
                findings += _transition(f"{name}, {100 * noise:g} %", seeds, how)
    return findings


def _against_real(subject: str, real: Runs, noise: Runs, how: Measurement) -> Finding:
    """C7: ratios at every epoch that both have, from a quarter of the training on."""
    curves = [[dict(how.trained(run)) for run in pair] for pair in real.pairs(noise)]
    both = [{epoch: (a[epoch], b[epoch]) for epoch in a if epoch in b} for a, b in curves]
    late = [{epoch: pair for epoch, pair in points.items() if 4 * epoch >= max(points)} for points in both]
    holds = [all(share(b) > share(a) for a, b in points.values()) if points else None for points in late]
    ends = [(*points[min(points)], *points[max(points)]) for points in both if points]
    names = [f"on {data} at the {end}" for end in ("first epoch", "last") for data in ("real data", "noise")]
    return TARGETS.judged("arpit-critical-noise", subject, real + noise, compared(ends, names, text=rate), holds)


def _over_shares(name: str, shares: Shares, how: Measurement) -> list[Finding]:
    """C7 and C10: what grows with the share of noise."""
    runs = Runs(run for group in shares.values() for run in group)
    seeds = [{run.config.corruption_fraction: run for run in group} for group in runs.by("seed").values()]
    falls = {
        "error at the end: ": lambda run: _errors(run, run.outcome["validation_accuracy"]),
        "least error: ": lambda run: _errors(run, best_accuracy(run)),
    }
    measures: dict[str, Measures] = {
        "arpit-critical-grows": {"": how.last},
        "arpit-sharpness": {"": how.sharpness},
        "arpit-validation-falls": falls,
    }
    return [_growing(claim, name, runs, seeds, of) for claim, of in measures.items()]


def _growing(claim: str, name: str, runs: Runs, seeds: Sequence[Mapping[float, Run]], measures: Measures) -> Finding:
    """Whether all measures grow with the share of noise, their rank correlations and their values at both ends."""
    texts, holds, least = [], [], TARGETS.statement(claim)["band"][0]
    for label, measure in measures.items():
        values = [{noise: measure(run) for noise, run in seed.items()} for seed in seeds]
        points = [{x: share(y) if isinstance(y, tuple) else y for x, y in seed.items()} for seed in values]
        holds.append([grows(curve, least) for curve in points])
        rank = cell(number(map(growth, points), "ratio"))
        if ends := _ends(values, None if claim == "arpit-sharpness" else rate):
            texts.append(f"{label}rank correlation {rank}, {ends}")
    every = [None if None in seed else all(seed) for seed in zip(*holds, strict=True)]
    return TARGETS.judged(claim, name, runs, "; ".join(texts) or None, every)


def _ends(
    values: Sequence[Mapping[float, Count | float | None]], text: Callable[[Sequence[Count]], str] | None
) -> str | None:
    """Values at the least and at the most noise of all seeds."""
    noises = [end(noise for seed in values for noise in seed) for end in (min, max)]
    names = [f"at {100 * noise:g} %" for noise in noises]
    return compared([[seed.get(noise) for noise in noises] for seed in values], names, "three digits", text)


def _errors(run: Run, accuracy: float | None) -> Count | None:
    """Held-out examples that are classified wrongly, and all."""
    n = run.data["validation_n"]
    return None if accuracy is None else (n - round(accuracy * n), n)


def _over_training(subject: str, runs: Runs, how: Measurement) -> list[Finding]:
    """C8: the ratio from the first epoch on, of held-out and of training examples."""
    held_out, training = ([how.trained(run, split) for run in runs] for split in SPLITS)
    plateau = [None if len(curve) < 3 else _flattens(curve) for curve in held_out]
    stages = [(curve[0][1], _middle(curve), curve[-1][1]) for curve in held_out if curve]
    rises = [None if len(curve) < 3 else _rises_and_falls([count for _, count in curve]) for curve in training]
    peaks = [(curve[0][1], max((count for _, count in curve), key=share), curve[-1][1]) for curve in training if curve]
    told = compared(stages, ("at the first epoch", "at half of the epochs", "at the last"), text=rate)
    highest = compared(peaks, ("at the first epoch", "at the highest", "at the last"), text=rate)
    return [
        TARGETS.judged("arpit-critical-plateau", subject, runs, told, plateau),
        TARGETS.judged("arpit-critical-training", subject, runs, highest, rises),
    ]


def _middle(curve: Sequence[tuple[int, Count]]) -> Count:
    """At the last epoch of the first half."""
    return max((point for point in curve if point[0] <= curve[-1][0] / 2), default=curve[0])[1]


def _flattens(curve: Sequence[tuple[int, Count]]) -> bool:
    """Whether it has risen by half of the epochs, and stays within what those examples can tell apart."""
    low, high = wilson_interval(*_middle(curve))
    return share(curve[0][1]) < low <= share(curve[-1][1]) <= high


def _rises_and_falls(counts: Sequence[Count]) -> bool:
    """Whether the highest value between is above the first and the last by more than its examples may err."""
    low, _ = wilson_interval(*max(counts[1:-1], key=share))
    return share(counts[0]) < low > share(counts[-1])


def _transition(subject: str, runs: Runs, how: Measurement) -> list[Finding]:
    """C9: validation accuracy peaks before the noise is fitted, untouched examples sooner; then the ratio rises."""
    peaks: list[Line] = [run.best("validation_accuracy") for run in runs]
    both = zip(runs, peaks, strict=True)
    accuracies = [(_right(run, peak), _right(run, run.history[-1])) for run, peak in both]
    early = [_hardly_fitted(peak) and share(last) < wilson_interval(*best)[0]
             for peak, (best, last) in zip(peaks, accuracies, strict=True)]  # fmt: skip
    critical = [(_until(how.counts(run), peak["epoch"]), how.last(run)) for run, peak in zip(runs, peaks, strict=True)]
    rises = [share(after) > share(before) if before and after else None for before, after in critical]
    epoch = cell(number((peak["epoch"] for peak in peaks), "components"))
    noise, rest = (
        cell(number(peak[f"train_accuracy_{part}"] for peak in peaks)) for part in ("corrupted", "untouched")
    )
    fitted = f"{noise} % of the corrupted and {rest} % of the untouched examples fitted"
    told = f"{compared(accuracies, ('at the peak', 'at the end'), text=rate)}; peak at epoch {epoch}, {fitted}"
    kept = compared(critical, ("at the last kept epoch until the peak", "at the end"), text=rate)
    return [
        TARGETS.judged("arpit-patterns-first", subject, runs, told, early),
        TARGETS.judged("arpit-critical-transition", subject, runs, kept, rises),
    ]


def _right(run: Run, line: Line) -> Count:
    """Held-out examples that are classified as they should at an epoch, and all."""
    n = run.data["validation_n"]
    return round(line["validation_accuracy"] * n), n


def _hardly_fitted(line: Line) -> bool:
    """Whether fewer than half of the corrupted examples are fitted, and a smaller share than of the untouched."""
    return bool(line["train_accuracy_corrupted"] < min(HALF, line["train_accuracy_untouched"]))


def _until(counts: Mapping[int, Count], epoch: int) -> Count | None:
    """At the last epoch that is not after this one."""
    return next((count for kept, count in sorted(counts.items(), reverse=True) if kept <= epoch), None)


SMOKE = {"models": ("cnn2",), "fractions": (0.4, 1.0)}
STUDY = Study("critical_sample_ratio", Noises(), BASE, report, KEPT, read, check, smoke=SMOKE)
