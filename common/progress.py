"""How long work is watched: a bar on a terminal, plain lines elsewhere."""

from __future__ import annotations

import sys
import time
from typing import Any, Self

QUICK = 5  # seconds of work of which nobody asks how much is left
UNITS = {"day": 86_400, "hour": 3600, "minute": 60}  # of more than a second


def counted(count: int, noun: str) -> str:
    """1 run, 2 runs."""
    return f"{count} {noun}{'s' * (count != 1)}"


def about(seconds: float) -> str:
    """A length of time in one number, in the largest unit of which it has more than one and a half."""
    unit, size = next(((unit, size) for unit, size in UNITS.items() if seconds > 1.5 * size), ("second", 1))
    return f"about {counted(max(1, round(seconds / size)), unit)}"


def bar(unit: str, **settings: Any) -> Any:
    """A tqdm bar of these units on a terminal, and nowhere else."""
    from tqdm import tqdm

    return tqdm(unit=unit, disable=not sys.stderr.isatty(), **settings)


class Work:
    """Shows how much of a known amount of work is done and the time that is left: a bar, or a line each tenth."""

    def __init__(self, name: str, total: float):
        self.name, self.total, self.tenth, self.start = name, total, 0, time.perf_counter()
        self.bar = bar("%", total=100, desc=name, bar_format="{l_bar}{bar}| {elapsed}<{remaining}")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.bar.close()

    def done(self, amount: float) -> None:
        """So much of it is done by now."""
        share = amount / self.total
        self.bar.update(100 * share - self.bar.n)
        taken = time.perf_counter() - self.start
        if self.bar.disable and taken > QUICK and int(10 * share) > self.tenth:
            self.tenth = int(10 * share)
            left = taken * (1 - share) / share
            print(f"{self.name} {share:.0%}, {about(left)} left", file=sys.stderr, flush=True)
