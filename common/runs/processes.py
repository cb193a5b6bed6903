"""The processes that train one run together, as torchrun starts them: who this one is, what they tell each other."""

import contextlib
import os
import signal
import sys
import threading
import traceback
from collections.abc import Iterator
from typing import Any, TypeVar

from numpy.typing import NDArray

from common import frameworks

Value = TypeVar("Value")
SAYING = threading.Lock()
ENDED = "a process of the run has ended: the same command goes on from the last checkpoint"


def count() -> int:
    """How many there are: 1 but under torchrun."""
    return int(os.environ["WORLD_SIZE"]) if "TORCHELASTIC_RUN_ID" in os.environ else 1


def local_count() -> int:
    """How many of them share this machine."""
    return int(os.environ["LOCAL_WORLD_SIZE"]) if count() > 1 else 1


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


@contextlib.contextmanager
def leaving() -> Iterator[None]:
    """Around all that this one does: one of many ends at once, whatever became of it.

    What libraries do at exit would wait for the others, which may be waiting for this one.
    """
    if count() == 1:
        yield
        return
    status = 0
    try:
        yield
    except SystemExit as ended:
        status = int(ended.code or 0)
    except BaseException:
        traceback.print_exc()
        status = 1
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)


def watch() -> None:
    """Where torchrun ends this one, since another has ended, that is said, whatever it is at.

    Any thread may get the signal, of libraries too, and the main one may be in one of their calls: Python writes the
    signal's number where a thread of its own reads.
    """
    if count() > 1:
        signals, written = os.pipe()
        os.set_blocking(written, False)
        signal.set_wakeup_fd(written, warn_on_full_buffer=False)
        signal.signal(signal.SIGTERM, lambda number, frame: None)
        threading.Thread(target=end_when_told, args=[signals], daemon=True).start()


def end_when_told(signals: int) -> None:
    """Wait for torchrun's signal."""
    while signal.SIGTERM not in os.read(signals, 1):
        pass
    say(f"error: {ENDED}")
    os._exit(1)


def exchange() -> Any:
    """What passes between them."""
    return frameworks.module("torch", "processes")
