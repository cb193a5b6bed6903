"""Published numbers and statements, and the verdict that measurements give on them; nothing unmeasured counts as 0.

A statement is tested by an effect, a number for each seed, which is 0 (or what `null` says) where the statement is
wrong and lies in a band where it holds; the end of the band is the smallest effect that counts. From three seeds on it
is confirmed where all of the 95 % t interval of the effect lies in its band, contradicted where none of it does, and
else undecided; fewer seeds only indicate. A number is judged at full size alone, by its band.
"""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from functools import cache
from pathlib import Path
from typing import Any

from common.errors import check_choice
from common.report.numbers import Count, Estimate, estimate
from common.report.runs import FRAMEWORKS, Run, Runs

CONFIRMED, CONTRADICTED, UNDECIDED, INDICATED, NOT_INDICATED, NOT_MEASURED = STATEMENT_VERDICTS = (
    *("confirmed", "contradicted", "undecided", "indicated", "not indicated", "not measured"),
)
IN_BAND, OUTSIDE, NO_BAND = "in band", "outside band", "no band"
FULL, REDUCED = SIZES = "full size", "reduced"
NO_RUNS = Runs()
LEAST_SEEDS = 3  # fewer only indicate
Band = tuple[float | None, float | None]  # ends included; null is open


@dataclass(frozen=True)
class Statement:
    """A published statement or number, where it was published, and what decides on it.

    `effect` says what is measured, `null` what it would be if the statement were wrong, `band_source` why the band is
    what it is, `cause` why a measured number is outside of it, as far as that was found. Statements tested on the same
    evidence, such as three norms of one gradient, share its name.
    """

    id: str
    paper: str
    source: str
    statement: str = ""
    effect: str = ""
    unit: str = "fraction"
    band: Band | None = None
    null: str = ""
    band_source: str = ""
    evidence: str = ""
    cause: str = ""
    value: float | None = None

    @staticmethod
    def of(target: Mapping[str, Any]) -> "Statement":
        """From its target; a number is stated by its row and quantity."""
        known = {field.name: target[field.name] for field in fields(Statement) if field.name in target}
        known["band"] = tuple(target["band"]) if target.get("band") else None
        known.setdefault("statement", f"{target.get('row')}: {target.get('quantity')}")
        return Statement(**{"evidence": target["id"], **known})


@dataclass(frozen=True)
class Finding:
    """A statement, or number, with the runs that tested it, its effect over their seeds, and the verdict.

    `numbers` are what the effect was computed from, as text; `study` is the script that makes the runs.
    """

    statement: Statement
    subject: str
    runs: Runs = NO_RUNS
    effect: Estimate = Estimate(0)
    numbers: str | None = None
    verdict: str = NOT_MEASURED
    size: str = REDUCED
    study: str = ""
    is_number: bool = False

    @property
    def measured(self) -> bool:
        """Whether there was anything to judge."""
        return self.verdict != NOT_MEASURED

    @property
    def told(self) -> str:
        """What the effect was computed from, and of a number outside its band the cause as far as it was found."""
        cause = self.statement.cause if self.verdict == OUTSIDE else ""
        return ". ".join(filter(None, [self.numbers, cause and f"Cause: {cause}"]))


def decide(effects: Sequence[float | None], band: Band) -> tuple[Estimate, str]:
    """The effect over the measured seeds, and the verdict; nan is a seed whose numbers do not tell."""
    told = [value for value in effects if value is not None]
    if not told:
        return Estimate(0), NOT_MEASURED
    if any(map(math.isnan, told)):
        return Estimate(len(told)), UNDECIDED
    found = estimate(told)
    return found, _verdict(found, *_ends(band))


def _ends(band: Band) -> tuple[float, float]:
    least, most = band
    return -math.inf if least is None else least, math.inf if most is None else most


def _verdict(found: Estimate, least: float, most: float) -> str:
    if found.mean is None or found.low is None or found.high is None or found.n < LEAST_SEEDS:
        return INDICATED if found.mean is not None and least <= found.mean <= most else NOT_INDICATED
    if least <= found.low and found.high <= most:
        return CONFIRMED
    return CONTRADICTED if found.high < least or found.low > most else UNDECIDED


def judge(
    number: Statement, values: Sequence[float | None], counts: Sequence[Count | None] | None = None
) -> tuple[Estimate, str]:
    """The mean of the measured values, and whether it lies in the band of a published number."""
    found = estimate(values, counts)
    if found.mean is None:
        return found, NOT_MEASURED
    if number.band is None:
        return found, NO_BAND
    least, most = _ends(number.band)
    return found, IN_BAND if least <= found.mean <= most else OUTSIDE


def judged_number(
    target: Mapping[str, Any],
    subject: str,
    runs: Runs = NO_RUNS,
    values: Sequence[float | None] = (),
    counts: Sequence[Count | None] | None = None,
) -> Finding:
    """A published number beside its measurements in runs of full size; without any it is not measured."""
    said = Statement.of(target)
    found, verdict = judge(said, values, counts)
    return Finding(said, subject, runs, found, verdict=verdict, size=FULL, is_number=True)


def gap(levels: Sequence[Sequence[float | None]]) -> float | None:
    """By how much each level is above the one before: the least over levels, negative where any overlap.

    Null where a value is missing.
    """
    measured = [[value for value in level if value is not None] for level in levels]
    if any(len(found) < max(1, len(level)) for found, level in zip(measured, levels, strict=True)):
        return None
    return min(min(high) - max(low) for low, high in zip(measured, measured[1:], strict=False))


def growth(points: Mapping[float, float | None]) -> float | None:
    """Spearman's rank correlation of x and y over {x: y}: 0 where y is constant, null below 3 points or where y is."""
    pairs = _measured(points)
    if len(pairs) < max(3, len(points)):
        return None
    from scipy import stats

    constant = len({y for _, y in pairs}) == 1
    return 0.0 if constant else float(stats.spearmanr(*zip(*pairs, strict=True)).statistic)


def _measured(points: Mapping[float, float | None]) -> list[tuple[float, float]]:
    return sorted((x, y) for x, y in points.items() if y is not None)


@dataclass(frozen=True)
class Targets:
    """Published numbers, curves and statements: the JSON files of a folder, statements in `statements.json`."""

    folder: Path

    @property
    def wing(self) -> str:
        """Name of the package that the folder is in, with which the ids of its statements begin."""
        return self.folder.parent.name

    def of(self, name: str) -> list[dict[str, Any]]:
        """Everything in `<name>.json`; ValueError with the names there are."""
        check_choice("name", name, sorted(path.stem for path in self.folder.glob("*.json")))
        return parsed(self.folder / f"{name}.json")

    def statement(self, name: str) -> Statement:
        """The statement of an id."""
        found = {target["id"]: target for target in self.of("statements")}
        check_choice("statement", name, found)
        return Statement.of(found[name])

    def tested(
        self,
        name: str,
        subject: str,
        runs: Runs = NO_RUNS,
        effects: Sequence[float | None] = (),
        numbers: str | None = None,
        undecided: str = "",
    ) -> Finding:
        """The statement of an id, as `tested` gives it."""
        return tested(self.statement(name), subject, runs, effects, numbers, undecided)


def tested(
    statement: Statement,
    subject: str,
    runs: Runs = NO_RUNS,
    effects: Sequence[float | None] = (),
    numbers: str | None = None,
    undecided: str = "",
) -> Finding:
    """A statement with its effect in each seed of some runs; `undecided` says why measurements cannot tell."""
    if statement.band is None and not undecided and any(effect is not None for effect in effects):
        raise ValueError(f"a statement that is tested must have a band. Received: statement={statement.id}")
    found, verdict = decide(effects, statement.band or (None, None))
    if undecided and found.n:
        numbers, verdict = f"{numbers}; {undecided}" if numbers else undecided, UNDECIDED
    return Finding(statement, subject, runs, found, numbers, verdict)


@cache
def parsed(path: Path) -> list[dict[str, Any]]:
    """A file of targets, read once."""
    targets: list[dict[str, Any]] = json.loads(path.read_text(encoding="utf-8"))
    return targets


def runs_text(runs: Sequence[Run]) -> str | None:
    """Framework, precision, numbers of training examples and size of images of runs, as text; null without any."""
    sizes: dict[tuple[str, str, int], set[int]] = {}
    for run in runs:
        config = run.config
        sizes.setdefault((config.framework, config.precision, config.downscale), set()).add(run.train_n)
    texts = [
        f"{FRAMEWORKS[framework]}, {precision}, train_n={', '.join(map(str, sorted(found)))}"
        + (f", images {downscale} times smaller" if downscale > 1 else "")
        for (framework, precision, downscale), found in sorted(sizes.items())
    ]
    return "; ".join(texts) or None
