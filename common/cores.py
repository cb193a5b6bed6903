"""How many cores there are to use."""

import os


def cores() -> int:
    """How many this process may use, which may be fewer than there are."""
    may_use = getattr(os, "sched_getaffinity", None)  # on Linux alone
    return len(may_use(0)) if may_use else os.cpu_count() or 1
