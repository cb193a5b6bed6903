"""Figures 7 to 9: critical sample ratio, sharpness and accuracy over training, with more and more noise."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from common.analysis.perturbations import CRITICAL, SHARPNESS, critical_run, sharpness_run
from common.data.preprocessing import pixel_scale
from common.errors import check_choice
from common.papers.arpit.networks import FITTED, best_accuracy, network, noise_of
from common.papers.arpit.recipes import BASE, DATASETS, KEPT, NOISES, fields
from common.papers.arpit.targets import TARGETS
from common.report import figures
from common.report.claims import CONFIRMED, INDICATED, Finding, growth
from common.report.fitting import complete
from common.report.numbers import Count, cell, compared, less, mean_share, number, rate, share
from common.report.runs import Line, Run, Runs
from common.report.tables import Table
from common.runs.config import Config
from common.runs.critical_points import Search
from common.study import Call, Fields, Seeds, Study, with_progress

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

TITLE = "Critical sample ratio"
HOLDS = (CONFIRMED, INDICATED)
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
                check_choice("noise", noise, NOISES)
                yield from (fields(model, DATASETS[model], preset, noise, fraction) for fraction in self.fractions)


def read(configs: Sequence[Config], call: Call) -> None:
    """The ratio on held-out and on training examples at every epoch that is kept, and the sharpness at the end."""
    how = MEASUREMENTS[call.preset]
    for config in with_progress(configs, call.options):
        critical_run(config, call.options, how.search, KEPT, tuple(SPLITS), how.size, force=call.force)
        sharpness_run(config, call.options, size=how.sharpness_size, force=call.force)


def report(runs: Runs, call: Call) -> dict[str, Table | Figure]:
    """Figure 9 for each network, Figures 7 and 8 for each kind of noise, and the numbers."""
    how = MEASUREMENTS[call.preset]
    measured = runs.where(lambda run: how.counts(run) or how.counts(run, "train"))
    drawn = {}
    for (model, _), here in measured.by("model", "width").items():
        drawn[f"splits_{model}"] = splits_figure(extremes_of(here), how, f"{TITLE}, {model}")
    for name, shares in families(measured).items():
        drawn[name.replace(",", "").replace(" ", "_")] = noise_figure(name, shares, how)
    return {**drawn, "ratios": critical_table(measured, how, TITLE)}


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


def critical_findings(runs: Runs, call: Call) -> list[Finding]:
    """What becomes of critical samples over training and with more noise, and of accuracy and sharpness."""
    how, findings = MEASUREMENTS[call.preset], []
    measured = runs.where(lambda run: how.counts(run) or how.counts(run, "train"))
    for here in measured.by("model", "width", "dataset").values():
        groups = extremes_of(here)
        real = groups.get("real data", Runs())
        for kind, seeds in groups.items():
            subject = f"{network(seeds[0])}, {kind}"
            findings += _over_training(subject, seeds, how)
            if real and kind != "real data":
                findings.append(_against_real(subject, real, seeds, how))
            if real and kind == "random labels":
                findings.append(_slower(network(seeds[0]), real, seeds))
    for name, shares in families(measured).items():
        findings += _over_shares(name, shares, how, {0.0, *call.grid.fractions})
        for noise, seeds in shares.items():
            if 0 < noise < 1 and seeds[0].config.corruption == "uniform":
                findings += _transition(f"{name}, {100 * noise:g} %", shares.get(0.0, Runs()), seeds, how)
    return findings


def _against_real(subject: str, real: Runs, noise: Runs, how: Measurement) -> Finding:
    """Ratios at every epoch that both have, from a quarter of the training on."""
    curves = [[dict(how.trained(run)) for run in pair] for pair in real.pairs(noise)]
    both = [{epoch: (a[epoch], b[epoch]) for epoch in a if epoch in b} for a, b in curves]
    late = [{epoch: pair for epoch, pair in points.items() if 4 * epoch >= max(points)} for points in both]
    effects = [min((share(b) - share(a) for a, b in points.values()), default=None) for points in late]
    ends = [(*points[min(points)], *points[max(points)]) for points in both if points]
    names = [f"on {data} at the {end}" for end in ("first epoch", "last") for data in ("real data", "noise")]
    return TARGETS.tested("arpit-critical-noise", subject, real + noise, effects, compared(ends, names, text=rate))


def _slower(subject: str, real: Runs, labels: Runs) -> Finding:
    """Epochs to fit random labels, all of them where they are not fitted, beside those to fit real data."""
    pairs = real.pairs(labels)
    times = [[run.epochs_to("train_accuracy", FITTED) for run in pair] for pair in pairs]
    known = [(a, b or pair[1].outcome["epochs"]) if a else None for (a, b), pair in zip(times, pairs, strict=True)]
    effects = [math.log(both[1] / both[0]) if both else None for both in known]
    told = compared([both for both in known if both], ("on real data", "on random labels"), "epochs")
    return TARGETS.tested("arpit-time-labels", subject, real + labels, effects, told and f"epochs {told}")


def _over_shares(name: str, shares: Shares, how: Measurement, points: Collection[float]) -> list[Finding]:
    """What grows with the share of noise, in seeds that have a run at all these shares."""
    runs = Runs(run for group in shares.values() for run in group)
    by_share = ({run.config.corruption_fraction: run for run in group} for group in runs.by("seed").values())
    seeds = complete(by_share, points)
    falls = {
        "error at the end: ": lambda run: _errors(run, run.outcome["validation_accuracy"]),
        "least error: ": lambda run: _errors(run, best_accuracy(run)),
    }
    measures: dict[str, Measures] = {
        "arpit-critical-grows": {"": how.last},
        "arpit-sharpness": {"": how.sharpness},
        "arpit-validation-falls": falls,
    }
    return [_growing(claim, name, runs, seeds, of) for claim, of in measures.items() if seeds]


def _growing(claim: str, name: str, runs: Runs, seeds: Sequence[Mapping[float, Run]], measures: Measures) -> Finding:
    """The lowest of the measures' rank correlations with the share of noise, and their values at both ends."""
    texts, ranks = [], []
    for label, measure in measures.items():
        values = [{noise: measure(run) for noise, run in seed.items()} for seed in seeds]
        points = [{x: share(y) if isinstance(y, tuple) else y for x, y in seed.items()} for seed in values]
        ranks.append([growth(curve) for curve in points])
        if ends := _ends(values, None if claim == "arpit-sharpness" else rate):
            texts.append(f"{label}rank correlation {cell(number(ranks[-1], 'ratio'))}, {ends}")
    effects = [None if None in seed else min(seed) for seed in zip(*ranks, strict=True)]
    return TARGETS.tested(claim, name, runs, effects, "; ".join(texts) or None)


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
    """The ratio from the first epoch on, of held-out and of training examples."""
    held_out, training = ([how.trained(run, split) for run in runs] for split in SPLITS)
    stages = [(curve[0][1], _middle(curve), curve[-1][1]) for curve in held_out if len(curve) > 2]
    told = compared(stages, ("at the first epoch", "at half of the epochs", "at the last"), text=rate)
    rises, changes = ([share(stage[i + 1]) - share(stage[i]) for stage in stages] for i in (0, 1))
    highest = peaks([dict(curve) for curve in training])
    fallen = compared(highest, ("at the first epoch", "at the highest of other seeds", "at the last"), text=rate)
    humps = [share(peak) - max(share(first), share(last)) for first, peak, last in highest]
    rising = TARGETS.tested("arpit-critical-rises", subject, runs, rises, told)
    level = TARGETS.tested("arpit-critical-plateau", subject, runs, changes, told)
    if level.verdict in HOLDS and rising.verdict not in HOLDS:
        never = "it is not confirmed that it rose before"
        level = TARGETS.tested("arpit-critical-plateau", subject, runs, changes, told, never)
    return [rising, level, TARGETS.tested("arpit-critical-training", subject, runs, humps, fallen)]


def _middle(curve: Sequence[tuple[int, Count]]) -> Count:
    """At the last epoch of the first half."""
    return max((point for point in curve if point[0] <= curve[-1][0] / 2), default=curve[0])[1]


def peaks(curves: Sequence[Mapping[int, Count]]) -> list[tuple[Count, Count, Count]]:
    """Of each seed the first, the highest and the last count; which epoch is the highest the other seeds say.

    The highest of a seed's own epochs is above the others on a level curve too.
    """
    epochs = sorted(set.intersection(*map(set, curves))) if len(curves) > 1 else []
    if len(epochs) < 3:
        return []
    found = []
    for curve in curves:
        others = [other for other in curves if other is not curve]
        peak = max(epochs[1:-1], key=lambda epoch: sum(share(other[epoch]) for other in others))
        found.append((curve[epochs[0]], curve[peak], curve[epochs[-1]]))
    return found


def _transition(subject: str, real: Runs, runs: Runs, how: Measurement) -> list[Finding]:
    """What is fitted at the peak of validation accuracy, and what follows it, less what follows on real data."""
    tops = [run.best("validation_accuracy") for run in runs]
    fitted = [[top[f"train_accuracy_{part}"] for part in ("corrupted", "untouched")] for top in tops]  # type: ignore[literal-required]
    told = compared(fitted, ("of the corrupted examples", "of the untouched ones"), "fraction")
    epochs = cell(number((top["epoch"] for top in tops), "epochs"))
    pairs = [(run, control) for control, run in real.pairs(runs)]
    falls = [[_fall(side) for side in pair] for pair in pairs]
    rises = [[_rise(side, pair[0].best("validation_accuracy")["epoch"], how) for side in pair] for pair in pairs]
    names, both = ("with noise", "on real data"), runs + real
    fall, rise = (compared(values, names, "points") for values in (falls, rises))
    return [
        TARGETS.tested(
            "arpit-patterns-first", subject, runs, [noise for noise, _ in fitted],
            told and f"at the peak, epoch {epochs}, fitted (%): {told}",
        ),
        TARGETS.tested("arpit-peak-falls", subject, both, [less(*pair) for pair in falls], fall and f"falls by {fall}"),
        TARGETS.tested(
            "arpit-critical-transition", subject, both, [less(*pair) for pair in rises], rise and f"rises by {rise}"
        ),
    ]  # fmt: skip


def _fall(run: Run) -> float | None:
    """Of validation accuracy, from its highest to the end."""
    return less(best_accuracy(run), run.history[-1]["validation_accuracy"])


def _rise(run: Run, epoch: int, how: Measurement) -> float | None:
    """Of the critical sample ratio, from the last epoch kept until this one to the end."""
    before, after = _until(how.counts(run), epoch), how.last(run)
    return share(after) - share(before) if before and after else None


def _until(counts: Mapping[int, Count], epoch: int) -> Count | None:
    """At the last epoch that is not after this one."""
    return next((count for kept, count in sorted(counts.items(), reverse=True) if kept <= epoch), None)


SMOKE = {"models": ("cnn2",), "noises": ("gaussian",), "fractions": (1.0,)}
STUDY = Study(
    "critical_sample_ratio", Noises(), BASE, report, KEPT, read, check, smoke=SMOKE, findings=critical_findings
)
