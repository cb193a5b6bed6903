"""Published numbers beside measured ones: which runs may stand for a number, and the table of both."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from common.report.claims import NOT_MEASURED, Finding, Statement, judge, judged_number
from common.report.numbers import UNITS, Count, Number, counted
from common.report.runs import REGULARIZERS, Measure, Run, Runs, group_names, setting_text
from common.report.tables import Table
from common.runs.config import Config
from common.runs.parts import Mark

Target = Mapping[str, Any]
NOISE = [name for name in Config.marked(Mark.NOISE) if name not in REGULARIZERS]  # no setting names it
OF_THE_END = ("train_evaluation_every",)
"""Fields that change no outcome of a run, but for when it had fitted."""
NOTE = (
    "Wilson: over the test examples of one seed; t: over seeds. In band, or outside: the mean at full size with the "
    "values that the paper states; anything else is shown and decides nothing, which is not measured."
)


def matches(run: Run, target: Target) -> bool:
    """Whether a run is of a target's model, data set, setting and fraction, at full size or on less of the data."""
    config = run.config
    same = all(getattr(config, name) == target[name] for name in ("dataset", "corruption_fraction"))
    setting = (run.model, run.setting) == (target["model"], target["setting"])
    return same and setting and not any(getattr(config, name) for name in NOISE) and (run.full_size or run.reduced)


def as_stated(run: Run, target: Target) -> bool:
    """Whether a run may decide on a number: at full size, with the values of its recipe."""
    stated: Mapping[str, Any] = target.get("recipe", {})
    return run.full_size and all(getattr(run.config, name) == value for name, value in stated.items())


def number_findings(target: Target, runs: Runs, measure: Measure | None = None) -> list[Finding]:
    """A number beside each recipe of the runs that may decide on it; one finding, not measured, where there are none.

    Its `quantity` is that of the outcome, or what a measure says. Where it says nothing of some seeds the others
    decide nothing: they would be the better ones.
    """
    decisive = runs.where(partial(matches, target=target), partial(as_stated, target=target))
    of = measure or partial(outcome, quantity=target["quantity"])
    groups = decisive.recipes(() if measure else OF_THE_END)
    found = [_number_finding(target, group, of) for group in groups]
    return found or [judged_number(target, subject_of(target))]


def subject_of(target: Target) -> str:
    """The model that a number is of, as it is read."""
    return str(target["model"]).replace("_", " ")


def _number_finding(target: Target, group: Runs, measure: Measure) -> Finding:
    values = [measure(run) for run in group]
    if missing := values.count(None):
        said = f"{len(values) - missing} of {len(values)} seeds have a value"
        return replace(judged_number(target, subject_of(target), group), numbers=said)
    found = judged_number(target, subject_of(target), group, values, _counts(target, group, values))
    return replace(found, numbers=", ".join(group[0].scale) or None)


def outcome(run: Run, quantity: str) -> float | None:
    """What came out of a run, by its name."""
    value: float | None = run.outcome[quantity]  # type: ignore[literal-required]
    return value


def _counts(target: Target, group: Runs, values: Sequence[float | None]) -> list[Count | None]:
    """Shares of test examples as counts of these; null for anything else."""
    share = target["quantity"].startswith("test") and target["unit"] == "fraction"
    return counted(values, [run.data["test_n"] if share else None for run in group])


def published_table(targets: Sequence[Target], runs: Runs) -> Table:
    """Published against measured: a row for each target and framework, over the seeds of one recipe.

    A run matches a target with the same model, data set, setting and corruption fraction when it trained on the whole
    training set for at least 60 epochs. One on less of it is shown with its train_n and decides nothing: not measured;
    so does one that departs from the target's `recipe`, the values that the paper states.
    Runs that differ in more than their seeds are never averaged.
    """
    papers, rows = sorted({target["paper"] for target in targets}), []
    for target in targets:
        source = target["source"] if len(papers) == 1 else f"{target['paper']}, {target['source']}"
        described = [source, *_target_cells(target)]
        groups = runs.where(partial(matches, target=target)).recipes(OF_THE_END)
        for name, group in zip(group_names(groups), groups, strict=True):
            rows.append([*described, name, *_measured_cells(target, group), group.run_on()])
        if not groups:
            rows.append([*described, None, *_measured_cells(target, Runs()), None])
    columns = ["source", "model", "setting", "quantity", "published", "framework", "measured", "95 % interval", "n"]
    return Table(f"{' and '.join(papers)}: published and measured", [*columns, "verdict", "run on"], rows, NOTE)


def _target_cells(target: Target) -> list[object]:
    quantity = target["quantity"].replace("_", " ") + UNITS[target["unit"]][2]
    published = target.get("statement") or Number(target["value"], target["unit"])
    return [subject_of(target), setting_text(target["setting"]), quantity, published]


def _measured_cells(target: Target, group: Runs) -> list[object]:
    """Mean, interval, which interval it is, and verdict; a fraction of one seed has its test examples'."""
    values = [outcome(run, target["quantity"]) for run in group]
    found, judged = judge(Statement.of(target), values, _counts(target, group, values))
    mean = None if found.mean is None else Number(found.mean, target["unit"])
    interval = replace(found.number(target["unit"]), value=None)
    decisive = None not in values and all(as_stated(run, target) for run in group)
    return [mean, interval, found.interval_kind or None, judged if decisive else NOT_MEASURED]
