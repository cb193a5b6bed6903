"""Published statements and the verdict that measurements give on them; nothing unmeasured counts as 0."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from common.errors import check_choice
from common.report.numbers import Count, Estimate, estimate
from common.report.runs import FRAMEWORKS, Run

NOT_MEASURED, UNDECIDED, NO_BAND = "not measured", "undecided", "no band"
Held = bool | str | None
"""Whether a statement holds in a seed: UNDECIDED where its numbers do not tell, null where it was not measured."""


@dataclass(frozen=True)
class Claim:
    """A published statement, its number, the band that confirms it (ends included), and where it was published."""

    id: str
    statement: str
    published: float | None
    band: tuple[float, float] | None
    source: str


@dataclass(frozen=True)
class Verdict(Estimate):
    """An estimate, and `confirmed`, `not confirmed`, `not measured`, or `no band` where the claim names none."""

    verdict: str = NOT_MEASURED


@dataclass(frozen=True)
class Finding:
    """A statement about several runs: what confirms it, what it is of, the runs and numbers that tested it, verdict."""

    statement: str
    source: str
    criterion: str
    subject: str
    runs: str | None
    numbers: str | None
    n: str | None
    verdict: str


def judge(claim: Claim, values: Sequence[float | None], counts: Sequence[Count | None] | None = None) -> Verdict:
    """Verdict on a claim: confirmed when the mean of the measured values lies in its band."""
    found = estimate(values, counts)
    if found.mean is None:
        return Verdict(0)
    if claim.band is None:
        verdict = NO_BAND
    else:
        verdict = "confirmed" if claim.band[0] <= found.mean <= claim.band[1] else "not confirmed"
    return Verdict(found.n, found.mean, found.low, found.high, found.interval_kind, verdict)


def ordered(levels: Sequence[Sequence[float | None]]) -> bool | None:
    """Whether all of each level is below all of the next; null where a value is missing."""
    measured = [[value for value in level if value is not None] for level in levels]
    if any(len(found) < max(1, len(level)) for found, level in zip(measured, levels, strict=True)):
        return None
    return all(max(low) < min(high) for low, high in zip(measured, measured[1:], strict=False))


def growth(points: Mapping[float, float | None]) -> float | None:
    """Spearman's rank correlation of x and y over {x: y}: 0 where y is constant, null below 3 points or where y is."""
    pairs = _measured(points)
    if len(pairs) < max(3, len(points)):
        return None
    from scipy import stats

    constant = len({y for _, y in pairs}) == 1
    return 0.0 if constant else float(stats.spearmanr(*zip(*pairs, strict=True)).statistic)


def grows(points: Mapping[float, float | None], least: float) -> bool | None:
    """Whether y grows with x over {x: y}: rank correlation at least `least`, and the last y above the first."""
    correlation, pairs = growth(points), _measured(points)
    return None if correlation is None else correlation >= least and pairs[-1][1] > pairs[0][1]


def _measured(points: Mapping[float, float | None]) -> list[tuple[float, float]]:
    return sorted((x, y) for x, y in points.items() if y is not None)


def judge_seeds(holds: Sequence[Held]) -> tuple[str | None, str]:
    """In how many of the decided seeds a statement holds, and the verdict: confirmed where it holds in all of them."""
    decided = [value for value in holds if value not in (None, UNDECIDED)]
    if not decided:
        return None, UNDECIDED if UNDECIDED in holds else NOT_MEASURED
    others = ((holds.count(value), name) for value, name in ((UNDECIDED, UNDECIDED), (None, NOT_MEASURED)))
    rest = "".join(f", {count} {name}" for count, name in others if count)
    return f"{sum(map(bool, decided))} of {len(decided)} seeds{rest}", "confirmed" if all(decided) else "not confirmed"


@dataclass(frozen=True)
class Targets:
    """Published numbers, curves and statements: the JSON files of a folder, statements in `statements.json`.

    `paper` says whether a statement's source names its paper.
    """

    folder: Path
    paper: bool = False

    def of(self, name: str) -> list[dict[str, Any]]:
        """Everything in `<name>.json`; ValueError with the names there are."""
        check_choice("name", name, sorted(path.stem for path in self.folder.glob("*.json")))
        return parsed(self.folder / f"{name}.json")

    def statement(self, name: str) -> dict[str, Any]:
        """The statement of an id."""
        found = {target["id"]: target for target in self.of("statements")}
        check_choice("statement", name, found)
        return found[name]

    def judged(
        self,
        name: str,
        subject: str,
        runs: Sequence[Run] = (),
        numbers: str | None = None,
        holds: Sequence[Held] = (),
        n: str | None = None,
    ) -> Finding:
        """A statement with what was measured, confirmed where it holds in every seed; `n` says more than how many."""
        seeds, verdict = judge_seeds(holds)
        return self.finding(name, subject, runs, numbers, n or seeds, verdict)

    def finding(
        self,
        name: str,
        subject: str,
        runs: Sequence[Run] = (),
        numbers: str | None = None,
        n: str | None = None,
        verdict: str = NOT_MEASURED,
    ) -> Finding:
        """A statement tested on some runs, which it describes."""
        target = self.statement(name)
        source = f"{target['paper']}: {target['source']}" if self.paper else target["source"]
        cited = target["statement"], source, target["band_source"]
        return Finding(*cited, subject, tested_on(runs), numbers, n, verdict)


@cache
def parsed(path: Path) -> list[dict[str, Any]]:
    """A file of targets, read once."""
    targets: list[dict[str, Any]] = json.loads(path.read_text(encoding="utf-8"))
    return targets


def tested_on(runs: Sequence[Run]) -> str | None:
    """Framework, precision and numbers of training examples of runs, as text; null without any."""
    sizes: dict[tuple[str, str], set[int]] = {}
    for run in runs:
        sizes.setdefault((run.config.framework, run.config.precision), set()).add(run.train_n)
    texts = [
        f"{FRAMEWORKS[framework]}, {precision}, train_n={', '.join(map(str, sorted(found)))}"
        for (framework, precision), found in sorted(sizes.items())
    ]
    return "; ".join(texts) or None


def claim_of(target: dict[str, Any]) -> Claim:
    """The claim that a published number makes."""
    band = None if target["band"] is None else (target["band"][0], target["band"][1])
    source = f"{target['paper']}, {target['source']}"
    return Claim(target["id"], f"{target['row']}: {target['quantity']}", target["value"], band, source)
