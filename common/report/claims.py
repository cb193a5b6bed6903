"""Published statements and the verdict that measurements give on them; nothing unmeasured counts as 0."""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from scipy import stats

from common.errors import check_choice

TARGETS = Path(__file__).parent / "targets"
CONFIDENCE = 0.95
NOT_MEASURED, UNDECIDED, NO_BAND = "not measured", "undecided", "no band"
Held = bool | str | None
"""Whether a statement holds in a seed: UNDECIDED where its numbers do not tell, null where it was not measured."""

Count = tuple[int, int]  # correct, examples


def mean_interval(values: Sequence[float]) -> tuple[float, float, float]:
    """Mean and the ends of its 95 % t interval over n >= 2 seeds, in the unit of `values`."""
    n = len(values)
    if n < 2:
        raise ValueError(f"a t interval needs at least 2 values. Received: n={n}")
    mean = float(np.mean(values))
    half = float(stats.t.ppf((1 + CONFIDENCE) / 2, n - 1) * np.std(values, ddof=1) / math.sqrt(n))
    return mean, mean - half, mean + half


def wilson_interval(correct: int, n: int) -> tuple[float, float]:
    """Ends of the 95 % interval of a fraction, `correct` of `n` examples (Wilson 1927, no continuity correction)."""
    if not 0 <= correct <= n or n == 0:
        raise ValueError(f"correct must be between 0 and n, n positive. Received: correct={correct}, n={n}")
    z = float(stats.norm.ppf((1 + CONFIDENCE) / 2))
    fraction = correct / n
    centre = fraction + z**2 / (2 * n)
    half = z * math.sqrt(fraction * (1 - fraction) / n + z**2 / (4 * n**2))
    scale = 1 + z**2 / n
    return max(0.0, (centre - half) / scale), min(1.0, (centre + half) / scale)


def difference_interval(first: Count, second: Count) -> tuple[float, float]:
    """Ends of the 95 % interval of one fraction less another, each of its own examples (Newcombe 1998, method 10).

    Of fractions of the same examples, which are usually right together, it is wider than it had to be.
    """
    (p, (low, high)), (q, (least, most)) = ((count[0] / count[1], wilson_interval(*count)) for count in (first, second))
    return p - q - math.hypot(p - low, most - q), p - q + math.hypot(high - p, q - least)


@dataclass(frozen=True)
class Estimate:
    """What the seeds of one setting say: mean, ends of the interval, and which interval it is."""

    n: int
    mean: float | None = None
    low: float | None = None
    high: float | None = None
    interval_kind: str = ""


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


def estimate(values: Sequence[float | None], counts: Sequence[Count | None] | None = None) -> Estimate:
    """Mean over the measured values: t interval for several seeds; for one, Wilson over its (correct, n) test examples.

    `counts` runs beside `values`; null values are left out, and one seed without counts has no interval.
    """
    pairs = zip(values, counts or [None] * len(values), strict=True)
    measured = [(value, count) for value, count in pairs if value is not None]
    n = len(measured)
    if n == 0:
        return Estimate(0)
    if n >= 2:
        return Estimate(n, *mean_interval([value for value, _ in measured]), f"t, {n} seeds")
    value, count = measured[0]
    if count is None:
        return Estimate(1, value, interval_kind="1 seed")
    return Estimate(1, value, *wilson_interval(*count), "Wilson, 1 seed")


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


def epochs_to(history: Sequence[Mapping[str, Any]], key: str, threshold: float) -> int | None:
    """First epoch of training at which a loss is at most, an accuracy at least, the threshold; null where none is.

    `history` has a line for each epoch; epoch 0 is the untrained network and null is no measurement.
    """
    sign = 1 if key.endswith("loss") else -1
    lines = (line for line in history if line["epoch"] > 0 and line.get(key) is not None)
    return next((line["epoch"] for line in lines if sign * line[key] <= sign * threshold), None)


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


def claim_of(target: dict[str, Any]) -> Claim:
    """The claim that a published number makes."""
    band = None if target["band"] is None else (target["band"][0], target["band"][1])
    source = f"{target['paper']}, {target['source']}"
    return Claim(target["id"], f"{target['row']}: {target['quantity']}", target["value"], band, source)


def load_targets(name: str) -> list[dict[str, Any]]:
    """Published numbers, curves or statements of `targets/<name>.json`."""
    check_choice("name", name, sorted(path.stem for path in TARGETS.glob("*.json")))
    targets: list[dict[str, Any]] = json.loads((TARGETS / f"{name}.json").read_text(encoding="utf-8"))
    return targets
