"""An independent replication of the paper's experiments with random inputs, and ours, row by row."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from itertools import chain
from typing import TYPE_CHECKING, Any

from common.papers.arpit.networks import NOISE, noise_of
from common.papers.arpit.recipes import BASE, NONE_HELD_OUT, fields
from common.papers.arpit.targets import TARGETS
from common.report.claims import Finding, judged_number
from common.report.figures import learning_curves
from common.report.numbers import Number, counted
from common.report.published import OF_THE_END
from common.report.runs import FRAMEWORKS, Run, Runs
from common.report.tables import Table
from common.runs.config import SEEDS, as_dict, recipe
from common.study import Call, Fields, Seeds, Study

if TYPE_CHECKING:
    from matplotlib.figure import Figure

TITLE = "An independent replication"
RECIPE: Fields = {**NONE_HELD_OUT, "batch_size": 1024, "gaussian_statistics": "all"}
ALIKE = (*SEEDS, *OF_THE_END)
"""Their numbers are of the last epoch and of the best on the test set, however often the training set is measured."""
Target = Mapping[str, Any]


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


def numbers(runs: Runs) -> list[Finding]:
    """Every number of the replication's logs beside our runs of its recipe and size, over seeds."""
    known = runs.where(lambda run: run.full_size).grouped(lambda run: recipe(run.fields, ALIKE))
    return [
        _judged(target, Runs(chain.from_iterable(known.get(wanted, ()) for wanted in _recipes(target))))
        for target in published()
    ]


def _recipes(target: Target) -> list[str]:
    """Of the runs that a number stands beside, by framework."""
    noise = target["corruption"], target["corruption_fraction"]
    wanted = fields("mlp2", target["dataset"], "paper", *noise, width=target["width"], **RECIPE)
    return [recipe(as_dict(replace(BASE, framework=framework, **wanted)), ALIKE) for framework in FRAMEWORKS]


def _judged(target: Target, seeds: Runs) -> Finding:
    """Over seeds; of one seed a test accuracy has Wilson's interval."""
    values = [measured_of(run, target["quantity"]) for run in seeds]
    sizes = [run.data["test_n"] if "test" in target["quantity"] else None for run in seeds]
    return judged_number(target, _subject(target), seeds, values, counted(values, sizes))


def _subject(target: Target) -> str:
    return f"{target['width']} units, {100 * target['corruption_fraction']:g} % {NOISE[target['corruption']]}"


def replication_table(runs: Runs, title: str) -> Table:
    """A row for each number of the replication's logs, over seeds."""
    rows: list[list[object]] = []
    for target, found in zip(published(), numbers(runs), strict=True):
        quantity, effect = target["quantity"].replace("_", " ") + ", %", found.effect
        ours = [effect.mean, Number(None, "fraction", effect.low, effect.high), effect.interval_kind or None]
        run_on = found.runs.run_on() if found.runs else None
        rows.append([found.subject, quantity, found.verdict, target["value"], *ours, run_on])
    columns = ["network and noise", "quantity", "verdict", "theirs", "ours", "95 % interval", "n", "run on"]
    note = "Theirs: one run each, 1,000 epochs. Test accuracy: best over epochs. Band: 2 points around their number."
    return Table(title, columns, rows, note)


STUDY = Study("independent_replication", Widths(), BASE, report, smoke={"widths": (16,)}, free=OF_THE_END)
