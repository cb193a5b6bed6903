"""A time limit: until when a command trains, and what may still be begun by then."""

from __future__ import annotations

import contextlib
import re
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from common.errors import OutOfTime
from common.runs import processes

FORM = re.compile(r"(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?")
FACTOR = 1.5
"""By how much longer than known anything may take: processors are shared."""
END = 3.0
"""Seconds until the processes of a sweep have ended."""
LONGEST: dict[str, float] = {}
"""Seconds of the longest work of a kind that this process did."""


def now() -> float:
    """Seconds on the clock that the processes of a sweep share."""
    return time.time()


def needed(seconds: float) -> float:
    """What must be left of a time limit for what takes so long."""
    return END + FACTOR * seconds


class Closing(Protocol):
    """A run that says in how many seconds it can be at a checkpoint."""

    @property
    def closing_seconds(self) -> float: ...


@dataclass(frozen=True)
class Deadline:
    """A time limit as it was given, and when it is over, on the clock of `now`."""

    text: str
    ends: float

    @staticmethod
    def after(text: str) -> Deadline:
        """From now on; ValueError for anything but 90s, 8m, 2h, 1h30m or the like."""
        match = FORM.fullmatch(text)
        hours, minutes, seconds = (int(part or 0) for part in match.groups()) if match else (0, 0, 0)
        if not (total := 3600 * hours + 60 * minutes + seconds):
            raise ValueError(f"time_limit must be a time as 90s, 8m, 2h or 1h30m. Received: time_limit={text!r}")
        return Deadline(text, now() + total)

    def allows(self, seconds: float, moment: float | None = None) -> bool:
        """Whether what takes so long may still be begun, now or at a moment."""
        return self.ends - (now() if moment is None else moment) >= needed(seconds)

    @property
    def left(self) -> float:
        """Seconds for which something may be waited for."""
        return max(0.0, self.ends - END - now())


class Watch:
    """Asks, while runs train as one program, whether they must stop for all to be evaluated and checkpointed in time.

    Between two questions lie steps that cannot be cut: the longest time so far is taken for that until the next one.
    """

    def __init__(self, deadline: Deadline, runs: Sequence[Closing]):
        self.deadline, self.runs = deadline, runs
        self.asked, self.longest = now(), 0.0

    def begin(self) -> None:
        """Steps begin."""
        self.asked = now()

    def late(self) -> bool:
        """Whether to stop now. Of the processes of a run the first one decides, when all ask."""
        moment = now()
        self.longest, self.asked = max(self.longest, moment - self.asked), moment
        closing = sum(run.closing_seconds for run in self.runs)
        return processes.told(not self.deadline.allows(self.longest + closing, moment))


def check_force(force: bool, deadline: Deadline | None) -> None:
    """ValueError for what would begin anew whenever the same command goes on."""
    if force and deadline:
        raise ValueError(
            "force must be off with a time limit, after which the same command goes on. Received: force=True"
        )


@contextlib.contextmanager
def in_time(deadline: Deadline | None, kind: str, seconds: float = 0.0) -> Iterator[None]:
    """Around work that cannot be cut: OutOfTime where it, or the longest of its kind here, would end too late."""
    if deadline and not deadline.allows(max(seconds, LONGEST.get(kind, 0.0))):
        raise OutOfTime(f"not all {kind} are done")
    begun = now()
    yield
    LONGEST[kind] = max(LONGEST.get(kind, 0.0), now() - begun)
