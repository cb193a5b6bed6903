"""An independent replication of the paper's experiments with random inputs, and ours, row by row."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from common.papers.arpit.networks import NOISE, noise_of
from common.papers.arpit.recipes import BASE, NONE_HELD_OUT, fields
from common.papers.arpit.targets import TARGETS
from common.report.claims import claim_of, judge
from common.report.figures import learning_curves
from common.report.numbers import Number
from common.report.runs import Run, Runs
from common.report.tables import Table
from common.study import Call, Fields, Seeds, Study

if TYPE_CHECKING:
    from matplotlib.figure import Figure

TITLE = "An independent replication"
RECIPE: Fields = {**NONE_HELD_OUT, "batch_size": 1024, "gaussian_statistics": "all"}
SAME = ("dataset", "width", "corruption", "corruption_fraction")


def published() -> list[dict[str, Any]]:
    """The numbers of the replication's logs."""
    return TARGETS.of("replication")


@dataclass(frozen=True)
class Widths(Seeds):
    """A run for each share of random inputs, and one on random labels."""

    widths: tuple[int, ...] = ()
    """Units of each hidden layer; none means 16, 512 and 1024, with the small preset 16."""

    def rows(self, preset: str) -> Iterable[Fields]:
        settings = dict.fromkeys((target["corruption"], target["corruption_fraction"]) for target in published())
        for width in self.widths or ((16,) if preset == "small" else (16, 512, 1024)):
            for noise, fraction in settings:
                yield fields("mlp2", "mnist", "paper", noise, fraction, width=width, **RECIPE)


def report(runs: Runs, call: Call) -> dict[str, Table | Figure]:
    """The table, and training and test accuracy of the first seed."""
    first = runs.where(seed=runs[0].config.seed)
    curves = {
        f"{run.config.width} units, {100 * run.config.corruption_fraction:g} % {noise_of(run)}": run.history
        for run in first
    }
    return {"curves": learning_curves(curves, TITLE), "table": replication_table(runs, TITLE)}


def measured_of(run: Run, quantity: str) -> float:
    """A quantity of a run; the best test accuracy is a trained network's, not that of the initial weights."""
    if quantity == "best_test_accuracy":
        return run.best("test_accuracy")["test_accuracy"] or 0
    value: float = run.outcome[quantity]  # type: ignore[literal-required]
    return value


def replication_table(runs: Runs, title: str) -> Table:
    """A row for each number of the replication's logs that a run of ours stands beside, over seeds."""
    rows: list[list[object]] = []
    for target in published():
        seeds = runs.where(**{name: target[name] for name in SAME})
        if seeds and all(run.full_size for run in seeds):
            described = [target["width"], NOISE[target["corruption"]], f"{100 * target['corruption_fraction']:g} %"]
            rows.append([*described, target["quantity"].replace("_", " ") + ", %", *_judged(target, seeds)])
    columns = ["width", "noise", "share", "quantity", "theirs", "ours", "95 % interval", "n", "verdict", "run on"]
    note = "Theirs: one run each, 1,000 epochs. Test accuracy: best over epochs. Band: 2 points around their number."
    return Table(title, columns, rows, note)


def _judged(target: dict[str, Any], seeds: Runs) -> list[object]:
    """Their number, ours with its interval over seeds, of one seed's test accuracy Wilson's, and the verdict."""
    values = [measured_of(run, target["quantity"]) for run in seeds]
    test_n = seeds[0].data["test_n"]
    counts = [(round(value * test_n), test_n) if "test" in target["quantity"] else None for value in values]
    verdict = judge(claim_of(target), values, counts)
    interval = Number(None, "fraction", verdict.low, verdict.high)
    return [target["value"], verdict.mean, interval, verdict.interval_kind, verdict.verdict, seeds.run_on()]


STUDY = Study("independent_replication", Widths(), BASE, report, smoke={"widths": (16,)})
