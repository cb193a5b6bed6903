"""What tables of computations share."""

from collections.abc import Sequence

from common.runs.computation import Computed


def run_on(computed: Sequence[Computed]) -> str:
    """Hardware, threads and commits."""
    machines = [found.record["environment"] for found in computed]
    places = {f"{machine['processor']}, {machine['threads']} threads" for machine in machines}
    codes = [found.record["code"] for found in computed]
    commits = {(code["commit"] or "no commit")[:9] + ("+" if code["dirty"] else "") for code in codes}
    return f"{', '.join(sorted(places))}; {', '.join(sorted(commits))}"
