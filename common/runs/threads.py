"""Threads of the frameworks, set through the environment before they are imported."""

import os

NAMES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "TF_NUM_INTRAOP_THREADS")


def thread_environment(threads: int) -> dict[str, str]:
    """Variables for a process with this many threads; waiting threads yield, since cores may be shared."""
    variables = {name: str(threads) for name in NAMES} | {
        "OMP_WAIT_POLICY": os.environ.get("OMP_WAIT_POLICY", "PASSIVE")
    }
    return variables | ({"TF_NUM_INTEROP_THREADS": "1"} if threads == 1 else {})


def limit_threads(threads: int) -> int:
    """Pin this process, before a framework is imported, to `threads` (0: all cores); returns the number in force."""
    threads = threads or int(os.environ.get("OMP_NUM_THREADS", 0)) or os.cpu_count() or 1
    os.environ.update(thread_environment(threads))
    return threads
