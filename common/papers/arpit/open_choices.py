"""What the paper leaves open in what it measures, and what it changes: a row for each choice."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import product
from typing import TYPE_CHECKING, Any

from common.analysis import loss_sensitivity
from common.analysis.evaluator import SavedModel
from common.analysis.loss_sensitivity import LOSSES, NORMS, Sensitivity, unrolled_sensitivity
from common.analysis.perturbations import CRITICAL, critical_run
from common.analysis.readout import measured_run
from common.groups import grouped
from common.papers.arpit import critical_samples
from common.papers.arpit.critical_samples import MEASUREMENTS, Measurement, extremes_of
from common.papers.arpit.networks import network
from common.papers.arpit.recipes import BASE, DATASETS, fields
from common.papers.arpit.sensitivity import Sensitivities, every, mean_gini
from common.papers.arpit.targets import TARGETS
from common.report.claims import Finding
from common.report.numbers import Number, cell, mean_share, number
from common.report.runs import Line, Run, Runs
from common.report.tables import Table
from common.runs.config import Config, Options, smoke
from common.runs.critical_points import Search
from common.runs.task import Task
from common.study import Call, Fields, Seeds, Study, with_progress

if TYPE_CHECKING:
    from matplotlib.figure import Figure

TITLE = "Open choices"
UNROLLED = "sensitivity_choices.jsonl"
SEEDS = "Over seeds with 95 % t intervals"
Choice = tuple[Any, ...]
Kinds = Mapping[str, Mapping[Choice, Sequence[Line]]]  # lines by what networks were trained on, and by choice


@dataclass(frozen=True)
class Choices(Seeds):
    """Runs on real data, random inputs and random labels, and the ways in which they are measured."""

    radius: tuple[float, ...] = tuple(factor * Search.radius for factor in (0.5, 1, 2))
    """Radii of the search, in pixel units of 0-255."""
    iterations: tuple[int, ...] = (10, 20, 100)
    """Steps of the search."""
    noise: tuple[float, ...] = (0.0, Search.noise)
    """Noise in its steps."""
    loss: tuple[str, ...] = LOSSES
    """Losses that are differentiated through the training: train, batch."""
    direct: tuple[bool, ...] = (False, True)
    """Whether the gradient with an example where it stands in the loss itself is added."""

    def __post_init__(self) -> None:
        self.searches(), self.sensitivities(1)  # which refuse wrong values

    def searches(self) -> list[Search]:
        """All combinations of radius, iterations and noise."""
        combinations = product(self.radius, self.iterations, self.noise)
        return [Search(radius=radius, iterations=count, noise=noise) for radius, count, noise in combinations]

    def sensitivities(self, every: int) -> list[Sensitivity]:
        """All combinations of loss and direct term, with a checkpoint every so many steps."""
        return [Sensitivity(every, loss, direct) for loss, direct in product(self.loss, self.direct)]

    def searched(self, preset: str) -> list[Fields]:
        """Runs of critical_sample_ratio.py."""
        return [fields("mlp2", DATASETS["mlp2"], preset, noise) for noise in ("none", "gaussian", "uniform")]

    def unrolled(self, preset: str) -> list[Fields]:
        """Runs of loss_sensitivity.py."""
        return list(Sensitivities(unique=(False,)).rows(preset))

    def rows(self, preset: str) -> Iterable[Fields]:
        return [*self.searched(preset), *self.unrolled(preset)]


def is_one_of(config: Config, rows: Iterable[Fields]) -> bool:
    """Whether a run has the fields of one of these rows, or is what a smoke test makes of it."""
    return any(config in (row, smoke(row)) for row in (replace(config, **fields) for fields in rows))


def read(configs: Sequence[Config], call: Call) -> None:
    """Every run in every way; only its own study's search says in a run's arrays which examples are critical."""
    how, grid = MEASUREMENTS[call.preset], call.grid
    rows = grid.unrolled(call.preset)
    for config in with_progress(configs, call.options):
        if is_one_of(config, rows):
            unrolled_run(config, call.options, grid.sensitivities(every(config)), call.force)
            continue
        for search in grid.searches():
            flags = search == how.search
            critical_run(config, call.options, search, size=how.size, flags=flags, force=call.force)


def unrolled_run(config: Config, options: Options, settings: Sequence[Sensitivity], force: bool = False) -> list[Line]:
    """A line for each of the settings of a finished run's loss-sensitivity: Gini coefficient and mean of l1 norms."""

    def measure(model: SavedModel, _: Task, chosen: Fields) -> Iterator[dict[str, Any]]:
        settings = Sensitivity(**{name: chosen[name] for name in asdict(Sensitivity())})
        arrays, l1 = unrolled_sensitivity(config, options, model, chosen["epoch"], settings), NORMS.index("l1")
        values = arrays["sensitivity"][l1]
        yield {"n": len(values), "gini": mean_gini(arrays["gini"][l1]), "mean": float(values.mean())}

    wanted = [asdict(setting) for setting in settings]
    return [*measured_run(config, options, UNROLLED, (), wanted, measure, force)]


def report(runs: Runs, call: Call) -> dict[str, Table | Figure]:
    """The two tables, of all that was measured of these runs."""
    size = MEASUREMENTS[call.preset].size
    return {
        "critical_samples": search_table(runs, size, f"{TITLE}: critical_samples"),
        "loss_sensitivity": unrolled_table(runs, f"{TITLE}: loss_sensitivity"),
    }


def check(config: Config) -> None:
    """What the two studies ask of their runs, which flags change alike."""
    critical_samples.check(config)
    loss_sensitivity.check(config, config.epochs)


def by_choice(lines_of: Sequence[Sequence[Line]], choice: Sequence[str]) -> dict[Choice, list[Line]]:
    """Lines of the runs that were measured in the most ways, by the values of these fields."""
    most = max(map(len, lines_of), default=0)
    lines = (line for lines in lines_of if len(lines) == most for line in lines)
    return grouped(lines, lambda line: tuple(line[name] for name in choice))


def choices_of(kinds: Kinds) -> list[tuple[Choice, list[Sequence[Line]]]]:
    """Every choice, and its lines of each kind of data."""
    choices = sorted({choice for lines in kinds.values() for choice in lines})
    return [(choice, [lines.get(choice, []) for lines in kinds.values()]) for choice in choices]


def search_table(runs: Runs, size: int | None, title: str) -> Table:
    """Critical sample ratios by radius, iterations and noise of the search, on at most `size` held-out examples."""

    def lines(run: Run) -> list[Line]:
        wanted = {"epoch": run.outcome["epochs"], "split": "validation", "size": size, "step": Search.step}
        return [line for line in run.lines(CRITICAL) if wanted.items() <= line.items()]

    groups = extremes_of(runs.where(lines))
    kinds = {name: by_choice([*map(lines, seeds)], ("radius", "iterations", "noise")) for name, seeds in groups.items()}
    rows = [
        [*(f"{value:g}" for value in choice), max(map(len, parts)), *map(ratio, parts)]
        for choice, parts in choices_of(kinds)
    ]
    columns = ["radius", "iterations", "noise of the search", "seeds", *(f"critical, {name}, %" for name in kinds)]
    note = f"Held-out examples, the last network. {SEEDS}; one seed with a Wilson interval."
    return Table(title, columns, rows, note)


def ratio(lines: Sequence[Line]) -> Number | None:
    """Critical sample ratio over seeds."""
    return mean_share([(line["critical"], line["n"]) for line in lines])


def radius_findings(runs: Runs, call: Call) -> list[Finding]:
    """Noise against real data at every radius, in the steps and with the noise of the study's own search."""
    how = MEASUREMENTS[call.preset]
    groups = extremes_of(runs.where(lambda run: run.lines(CRITICAL)))
    real = groups.pop("real data", Runs())
    findings = []
    for kind, seeds in groups.items():
        pairs = [[_by_radius(run, how) for run in pair] for pair in real.pairs(seeds)]
        gaps = [{radius: b[radius] - a[radius] for radius in sorted(set(a) & set(b))} for a, b in pairs]
        radii = sorted({radius for gap in gaps for radius in gap})
        told = [f"{radius:g}: {cell(number((gap.get(radius) for gap in gaps), 'points'))}" for radius in radii]
        numbers = f"difference (points) by radius {'; '.join(told)}" if told else None
        effects = [min(gap.values()) if len(gap) > 1 else None for gap in gaps]
        subject = f"{network(seeds[0])}, {kind}"
        findings.append(TARGETS.tested("arpit-critical-radius", subject, real + seeds, effects, numbers))
    return findings


def _by_radius(run: Run, how: Measurement) -> dict[float, float]:
    """Critical sample ratio of held-out examples at the end."""
    fields = {**asdict(how.search), "size": how.size, "split": "validation", "epoch": run.outcome["epochs"]}
    del fields["radius"]
    lines = [line for line in run.lines(CRITICAL) if fields.items() <= line.items()]
    return {line["radius"]: line["critical"] / line["n"] for line in lines}


def unrolled_table(runs: Runs, title: str) -> Table:
    """Gini coefficient and mean of the loss-sensitivity by the loss that is differentiated, and how."""
    measured = extremes_of(runs.where(lambda run: run.lines(UNROLLED)))
    kinds = {
        name: by_choice([run.lines(UNROLLED) for run in seeds], ("loss", "direct")) for name, seeds in measured.items()
    }
    rows: list[Sequence[object]] = []
    for (loss, direct), parts in choices_of(kinds):
        ginis = [number((line["gini"] for line in part), "ratio") for part in parts]
        means = [number((line["mean"] * line["n"] for line in part), "ratio") for part in parts]
        rows.append([loss, "yes" if direct else "no", max(map(len, parts)), *ginis, *means])
    columns = ["loss", "direct term", "seeds", *(f"Gini coefficient, {name}" for name in kinds)]
    note = f"l1 norm; Gini coefficients of the second half of training. Means of g-bar, times the examples. {SEEDS}."
    return Table(title, [*columns, *(f"mean, {name}" for name in kinds)], rows, note)


SMOKE: Mapping[str, tuple[Any, ...]] = {"radius": (Search.radius,), "iterations": (2,), "noise": (0.0,)}
STUDY = Study(
    "open_choices", Choices(), BASE, report, read=read, check=check, stack=False, smoke=SMOKE, findings=radius_findings
)
