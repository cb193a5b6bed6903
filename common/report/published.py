"""Published numbers beside measured ones: which runs may stand for a number, and the table of both."""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from common.report.claims import NOT_MEASURED, Statement, judge
from common.report.numbers import UNITS, Number, counted
from common.report.runs import REGULARIZERS, Run, Runs, group_names, setting_text
from common.report.tables import Table
from common.runs.config import Config
from common.runs.parts import Mark

Target = Mapping[str, Any]
NOISE = [name for name in Config.marked(Mark.NOISE) if name not in REGULARIZERS]  # no setting names it
NOTE = "Wilson: over the test examples of one seed; t: over seeds; no band: nothing says how close is close enough."


def matches(run: Run, target: Target) -> bool:
    """Whether a run is of a target's model, data set, setting and fraction, at full size or on less of the data."""
    config = run.config
    same = all(getattr(config, name) == target[name] for name in ("dataset", "corruption_fraction"))
    setting = (run.model, run.setting) == (target["model"], target["setting"])
    return same and setting and not any(getattr(config, name) for name in NOISE) and (run.full_size or run.reduced)


def as_stated(run: Run, target: Target) -> bool:
    """Whether a run may decide on a number: at full size, with the values that the paper states."""
    stated: Mapping[str, Any] = target.get("recipe", {})
    return run.full_size and all(getattr(run.config, name) == value for name, value in stated.items())


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
        groups = runs.where(partial(matches, target=target)).recipes()
        for name, group in zip(group_names(groups), groups, strict=True):
            rows.append([*described, name, *_measured_cells(target, group), group.run_on()])
        if not groups:
            rows.append([*described, None, *_measured_cells(target, Runs()), None])
    columns = ["source", "model", "setting", "quantity", "published", "framework", "measured", "95 % interval", "n"]
    return Table(f"{' and '.join(papers)}: published and measured", [*columns, "verdict", "run on"], rows, NOTE)


def _target_cells(target: Target) -> list[object]:
    quantity = target["quantity"].replace("_", " ") + UNITS[target["unit"]][2]
    published = target.get("statement") or Number(target["value"], target["unit"])
    return [target["model"].replace("_", " "), setting_text(target["setting"]), quantity, published]


def _measured_cells(target: Target, group: Runs) -> list[object]:
    """Mean, interval, which interval it is, and verdict; a fraction of one seed has its test examples'."""
    values = [run.outcome[target["quantity"]] for run in group]  # type: ignore[literal-required]
    sizes = [run.data["test_n"] if target["quantity"].startswith("test") else None for run in group]
    found, judged = judge(Statement.of(target), values, counted(values, sizes))
    mean = None if found.mean is None else Number(found.mean, target["unit"])
    interval = Number(None, target["unit"], found.low, found.high)
    verdict = judged if all(as_stated(run, target) for run in group) else NOT_MEASURED
    return [mean, interval, found.interval_kind or None, verdict]
