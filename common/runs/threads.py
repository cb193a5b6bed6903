"""Threads of the frameworks, set through the environment before they are imported."""

import os

from threadpoolctl import threadpool_limits

from common.cores import cores
from common.runs.processes import local_count

NAMES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "TF_NUM_INTRAOP_THREADS")
WAITING = {"OMP_WAIT_POLICY": "PASSIVE", "GOMP_SPINCOUNT": "1000"}
MEMORY = {"MALLOC_MMAP_THRESHOLD_": str(2**30), "MALLOC_TRIM_THRESHOLD_": str(2**32)}
"""GNU malloc keeps what a training step frees for the next; given back, every page of every step costs a fault."""


def thread_environment(threads: int) -> dict[str, str]:
    """Variables for a process with this many threads; waiting threads soon yield, since cores may be shared.

    GNU OpenMP's threads spin a few microseconds first: alone nearly as fast as spinning without end, and hardly slower
    than yielding at once where another process wants the cores. A policy that the environment sets stays alone.
    """
    variables = {name: str(threads) for name in NAMES}
    if "OMP_WAIT_POLICY" not in os.environ:
        variables |= WAITING
    return variables | ({"TF_NUM_INTEROP_THREADS": "1"} if threads == 1 else {})


def threads_set() -> int:
    """Threads that the environment sets, of a list, one for each nested level, the first; 0 where it sets none.

    torchrun sets 1 where nobody has and there are several processes: that says nothing.
    """
    first = os.environ.get("OMP_NUM_THREADS", "").split(",")[0].strip()
    if first and not first.isdecimal():
        raise ValueError(f"OMP_NUM_THREADS must be a number. Received: OMP_NUM_THREADS={first!r}")
    return 0 if local_count() > 1 and first == "1" else int(first or 0)


def limit_threads(threads: int) -> int:
    """Pin this process, before a framework is imported, to `threads` (0: its share of the cores); returns their number.

    A number that is given holds also for what is loaded already, as numpy's libraries are.
    """
    if threads:
        threadpool_limits(threads)
    threads = threads or threads_set() or max(1, cores() // local_count())
    os.environ.update(thread_environment(threads))
    return threads
