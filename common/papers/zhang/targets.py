"""What the paper publishes: numbers, curves and statements, from the JSON files beside this, and what decides on them.

Orders and growth are judged per seed, on runs of any size, which is stated; numbers on full-size runs alone.
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from common.report.claims import NOT_MEASURED, Finding, Statement, Targets, judge
from common.report.numbers import Number, cell
from common.report.published import as_stated
from common.report.runs import SEEDS, Measure, Run, Runs

TARGETS = Targets(Path(__file__).parent / "targets")
NUMBERS = (*TARGETS.of("cifar10"), *TARGETS.of("mlp"))  # of Tables 1 and 4
NO_CLAIM = Statement("", "", "")
NO_BAND = "No band: nothing says how close is close enough."
REDUCED = (
    "Published: one run on 50,000 training examples; runs on fewer (train_n), or on smaller images, say nothing about "
    "its numbers."
)


def on_setting(runs: Runs, settings: Sequence[str], model: str | None = None) -> Runs:
    """Runs on one of these settings; images are corrupted all or not at all."""

    def belongs(run: Run) -> bool:
        whole = run.config.corruption_fraction in (0, 1) or "corrupted_labels" in settings
        return whole and run.setting in settings and model in (None, run.model)

    return runs.where(belongs)


def stated(run: Run) -> bool:
    """Whether a run may decide on a figure: at full size, by the recipe of its model's rows in Table 1."""
    own = (run.model, "true_labels")
    return any((target["model"], target["setting"]) == own and as_stated(run, target) for target in NUMBERS)


def verdict(claim: Statement | None, values: Sequence[float | None], runs: Sequence[Run]) -> str:
    """The verdict on runs as stated that all have a value; others decide nothing, and without a claim is no band."""
    _, judged = judge(claim or NO_CLAIM, values)
    return judged if all(map(stated, runs)) and None not in values else NOT_MEASURED


def by_seed(runs: Runs, key: Callable[[Run], Any], measure: Measure) -> list[dict[Any, float | None]]:
    """{key: value} of each seed; of two runs with one key, that of the more epochs."""
    longest_last = Runs(sorted(runs, key=lambda run: run.config.epochs))
    return [{key(run): measure(run) for run in seed} for seed in longest_last.by(*SEEDS).values()]


def finding(name: str, model: str = "inception", *tested: Any) -> Finding:
    """A statement on a model: the runs that tested it, numbers, n and verdict; not measured without."""
    return TARGETS.finding(name, model.replace("_", " "), *tested)


def number_findings(
    name: str,
    model: str,
    runs: Runs,
    values: Sequence[float | None],
    unit: tuple[str, str] = ("fraction", "points"),
) -> list[Finding]:
    """The verdict on a number, where there is one; reduced runs show theirs and decide nothing."""
    found, judged = judge(TARGETS.statement(name), values)
    if found.mean is None:
        return []
    numbers = f"{cell(Number(found.mean, unit[0], found.low, found.high))} {unit[1]}"
    decided = judged if all(map(stated, runs)) else NOT_MEASURED
    return [finding(name, model, runs, numbers, found.interval_kind, decided)]
