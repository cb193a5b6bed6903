"""Numbers as they are shown, with unit, interval and n, and the intervals: over seeds, and over test examples."""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

CONFIDENCE = 0.95
UNITS = {
    "fraction": (100.0, ".2f", ", %"),
    "points": (100.0, ".2f", ", points"),
    "ratio": (1.0, ".2f", ""),
    "components": (1.0, ".1f", ""),
    "epochs": (1.0, ".1f", ""),
    "parameters": (1.0, ",.0f", ""),
    "three digits": (1.0, "#.3g", ""),
}
"""Factor, format and heading. Fractions lie between 0 and 1, and so do their intervals; differences are points."""
Count = tuple[int, int]  # correct, examples
Curve = Mapping[Any, Sequence[float | None]]  # x: the value of each seed


@dataclass(frozen=True)
class Number:
    """A number with its unit and, where it has one, its interval; an interval alone has no value.

    `n` is the number of seeds where it is not that of the row.
    """

    value: float | None
    unit: str = "fraction"
    low: float | None = None
    high: float | None = None
    n: int | None = None


@dataclass(frozen=True)
class Estimate:
    """What the seeds of one setting say: mean, ends of the interval, and which interval it is."""

    n: int
    mean: float | None = None
    low: float | None = None
    high: float | None = None
    interval_kind: str = ""

    def number(self, unit: str = "fraction", n: int | None = None) -> Number:
        """As it is shown; the interval of a fraction ends at 0 and 1."""
        ends = (self.low, self.high)
        if unit == "fraction":
            ends = tuple(None if end is None else min(max(end, 0.0), 1.0) for end in ends)  # type: ignore[assignment]
        return Number(self.mean, unit, *ends, n)


def cell(value: object, missing: str = "–") -> str:
    """Text of one cell: floats are fractions and become percent, null becomes `missing`."""
    if isinstance(value, float):
        value = Number(value)
    if not isinstance(value, Number):
        return missing if value is None else str(value)
    factor, form, _ = UNITS[value.unit]
    found, low, high = (
        None if end is None else f"{factor * end:{form}}".rstrip(".") for end in (value.value, value.low, value.high)
    )
    interval = f"[{low}, {high}]" if low and high else None
    n = f"(n={value.n})" if value.n else None
    return " ".join(text for text in (found, interval, n) if text) or missing


def number(
    values: Iterable[float | None], unit: str = "fraction", counts: Sequence[Count | None] | None = None
) -> Number | None:
    """Mean and interval over seeds, of one with its `counts` Wilson's; null where nothing was measured.

    It says how many seeds were measured where some, null, were not.
    """
    found = estimate(seeds := list(values), counts)
    n = found.n if found.n < len(seeds) else None
    return None if found.mean is None else found.number(unit, n)


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


def counted(values: Iterable[float | None], sizes: Iterable[int | None]) -> list[Count | None]:
    """Fractions of so many examples as counts of these; null where either is."""
    return [(round(v * n), n) if n and v is not None else None for v, n in zip(values, sizes, strict=True)]


def mean_interval(values: Sequence[float]) -> tuple[float, float, float]:
    """Mean and the ends of its 95 % t interval over n >= 2 seeds, in the unit of `values`."""
    n = len(values)
    if n < 2:
        raise ValueError(f"a t interval needs at least 2 values. Received: n={n}")
    mean = float(np.mean(values))
    half = t_quantile(n - 1) * float(np.std(values, ddof=1)) / math.sqrt(n)
    return mean, mean - half, mean + half


def t_quantile(degrees: float) -> float:
    """Half the width of Student's central 95 %, in standard errors."""
    from scipy.special import stdtrit  # scipy.stats is slow to import

    return float(stdtrit(degrees, (1 + CONFIDENCE) / 2))


def wilson_interval(correct: int, n: int) -> tuple[float, float]:
    """Ends of the 95 % interval of a fraction, `correct` of `n` examples (Wilson 1927, no continuity correction)."""
    from scipy.special import ndtri

    if not 0 <= correct <= n or n == 0:
        raise ValueError(f"correct must be between 0 and n, n positive. Received: correct={correct}, n={n}")
    z = float(ndtri((1 + CONFIDENCE) / 2))
    fraction = correct / n
    centre = fraction + z**2 / (2 * n)
    half = z * math.sqrt(fraction * (1 - fraction) / n + z**2 / (4 * n**2))
    scale = 1 + z**2 / n
    return max(0.0, (centre - half) / scale), min(1.0, (centre + half) / scale)


def difference(first: Sequence[float], second: Sequence[float], unit: str = "fraction") -> Number:
    """Difference of the means, with Welch's 95 % interval where both have two values or more."""
    mean = float(np.mean(first) - np.mean(second))
    if min(len(first), len(second)) < 2:
        return Number(mean, unit)
    squares = [float(np.var(values, ddof=1)) / len(values) for values in (first, second)]
    if sum(squares) == 0:
        return Number(mean, unit, mean, mean)
    parts = [square**2 / (len(values) - 1) for square, values in zip(squares, (first, second), strict=True)]
    half = t_quantile(sum(squares) ** 2 / sum(parts)) * math.sqrt(sum(squares))
    return Number(mean, unit, mean - half, mean + half)


def less(first: float | None, second: float | None) -> float | None:
    """The difference; null where one is."""
    return None if first is None or second is None else first - second


def over(part: float | None, whole: float | None) -> float | None:
    """The ratio; null where one is, or the whole is 0."""
    return part / whole if part is not None and whole else None


def share(count: Count) -> float:
    """Of examples."""
    return count[0] / count[1]


def mean_share(counts: Sequence[Count]) -> Number | None:
    """Share over seeds, of one seed with Wilson's interval; null without any."""
    return number(map(share, counts), counts=counts)


def rate(found: Sequence[Count]) -> str:
    """Share over seeds in per cent with its interval; of one seed k of n too."""
    mean = mean_share(found)
    single = f" ({found[0][0]} of {found[0][1]})" if len(found) == 1 else ""
    return f"{cell(mean)} %{single}" if mean else cell(None)


def compared(
    seeds: Iterable[Sequence[Any]],
    names: Sequence[str],
    unit: str = "ratio",
    text: Callable[[Sequence[Any]], str] | None = None,
) -> str | None:
    """Named values over the seeds that have all: 1.00 on real data, 2.00 on noise; `text` describes those of a name."""
    columns = list(zip(*(seed for seed in seeds if None not in seed), strict=True))
    if not columns:
        return None
    texts = [text(column) if text else cell(number(column, unit)) for column in columns]
    return ", ".join(f"{found} {name}" for found, name in zip(texts, names, strict=True))
