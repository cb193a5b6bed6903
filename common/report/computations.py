"""What tables of computations share."""

from collections.abc import Sequence

from common.runs.computation import Computed
from common.runs.store import commits_of


def run_on(computed: Sequence[Computed]) -> str:
    """Hardware, threads and commits."""
    machines = [found.record["environment"] for found in computed]
    places = {f"{machine['processor']}, {machine['threads']} threads" for machine in machines}
    return f"{', '.join(sorted(places))}; {commits_of(found.record for found in computed)}"
