"""Published statements and the verdict that measurements give on them; nothing unmeasured counts as 0."""

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from scipy import stats

from common.errors import check_choice

TARGETS = Path(__file__).parent / "targets"
CONFIDENCE = 0.95

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

    verdict: str = "not measured"


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
        verdict = "no band"
    else:
        verdict = "confirmed" if claim.band[0] <= found.mean <= claim.band[1] else "not confirmed"
    return Verdict(found.n, found.mean, found.low, found.high, found.interval_kind, verdict)


def claim_of(target: dict[str, Any]) -> Claim:
    """The claim that a published number makes."""
    band = None if target["band"] is None else (target["band"][0], target["band"][1])
    source = f"{target['paper']}, {target['source']}"
    return Claim(target["id"], f"{target['row']}: {target['quantity']}", target["value"], band, source)


def load_targets(name: str) -> list[dict[str, Any]]:
    """Published numbers of `targets/<name>.json`."""
    check_choice("name", name, sorted(path.stem for path in TARGETS.glob("*.json")))
    targets: list[dict[str, Any]] = json.loads((TARGETS / f"{name}.json").read_text(encoding="utf-8"))
    return targets
