"""The processes that train one run together, as torchrun starts them: who this one is, what they tell each other."""

import os
import signal
import sys
import threading
from typing import Any, TypeVar

from numpy.typing import NDArray

from common import frameworks

Value = TypeVar("Value")
SAYING = threading.Lock()
ENDED = "a process of the run has ended: the same command goes on from the last checkpoint"


def count() -> int:
    """How many there are: 1 but under torchrun."""
    return int(os.environ["WORLD_SIZE"]) if "TORCHELASTIC_RUN_ID" in os.environ else 1


def rank() -> int:
    """The place of this one among all, from 0."""
    return int(os.environ["RANK"]) if count() > 1 else 0


def is_first() -> bool:
    """Whether this is the one that locks and writes."""
    return rank() == 0


def cuts(n: int, group: int) -> range:
    """Where n examples part into groups of so many: the last may be smaller, but one left alone is of that before."""
    return range(group, n - (group > 1), group)


def own_part(n: int, group: int = 1) -> slice:
    """This one's places of n examples, in whole groups."""
    if count() == 1:
        return slice(0, n)
    bounds = 0, *cuts(n, group), n
    start, end = (bounds[(len(bounds) - 1) * place // count()] for place in (rank(), rank() + 1))
    return slice(start, end)


def summed(array: NDArray[Any]) -> NDArray[Any]:
    """The sum of an array over all; where each filled its part of zeros, integers and floats alike are exact."""
    return array if count() == 1 else exchange().summed(array)


def told(value: Value) -> Value:
    """What the first one says."""
    return value if count() == 1 else exchange().told(value)


def say(error: str) -> None:
    """On stderr; of all the first that has something to say."""
    with SAYING:
        if speaks():
            print(error, file=sys.stderr, flush=True)


def speaks() -> bool:
    """Whether this one says what went wrong."""
    return count() == 1 or exchange().speaks()


def watch() -> None:
    """Where torchrun ends this one, since another has ended, that is said, whatever it is at."""
    if count() > 1:
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})  # in threads to come, too
        threading.Thread(target=end_when_told, daemon=True).start()


def end_when_told() -> None:
    """Wait for torchrun's signal."""
    signal.sigwait({signal.SIGTERM})
    say(f"error: {ENDED}")
    os._exit(1)


def exchange() -> Any:
    """What passes between them."""
    return frameworks.module("torch", "processes")
