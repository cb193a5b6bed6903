"""What Arpit et al. (2017) leave open in what they measure, and what it changes: a row for each choice.

Lines are by run id, as `critical_run` and `experiments/open_choices.py` keep them beside runs.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from common.groups import grouped
from common.report.critical import extremes_of
from common.report.numbers import Number, number
from common.report.records import Line, Record
from common.report.tables import Table

Lines = Mapping[str, Sequence[Line]]
SEARCH = ("radius", "iterations", "noise")
UNROLLED = ("loss", "direct")
SEEDS = "Over seeds with 95 % t intervals"


def by_choice(runs: Sequence[Record], lines: Lines, choice: Sequence[str]) -> dict[tuple[Any, ...], list[Line]]:
    """Lines of the runs that were measured in the most ways, by the values of these fields."""
    most = max((len(lines[run["run_id"]]) for run in runs), default=0)
    runs = [run for run in runs if len(lines[run["run_id"]]) == most]
    return grouped(
        (line for run in runs for line in lines[run["run_id"]]), lambda line: tuple(line[name] for name in choice)
    )


def search_table(records: Sequence[Record], lines: Lines, title: str) -> Table:
    """Critical sample ratios by radius, iterations and noise of the search."""
    groups = {name: by_choice(runs, lines, SEARCH) for name, runs in extremes_of(records).items()}
    choices = sorted({choice for group in groups.values() for choice in group})
    rows = []
    for choice in choices:
        found = [group.get(choice, []) for group in groups.values()]
        rows.append([*(f"{value:g}" for value in choice), max(map(len, found)), *map(ratio, found)])
    columns = ["radius", "iterations", "noise of the search", "seeds", *(f"critical, {name}, %" for name in groups)]
    note = f"Held-out examples, the last network. {SEEDS}; one seed with a Wilson interval."
    return Table(title, columns, rows, note)


def ratio(lines: Sequence[Line]) -> Number | None:
    """Critical sample ratio over seeds."""
    return number((each["critical"] / each["n"] for each in lines), counts=[(e["critical"], e["n"]) for e in lines])


def unrolled_table(records: Sequence[Record], lines: Lines, title: str) -> Table:
    """Gini coefficient and mean of the loss-sensitivity by the loss that is differentiated, and how."""
    groups = {name: by_choice(runs, lines, UNROLLED) for name, runs in extremes_of(records).items()}
    choices = sorted({choice for group in groups.values() for choice in group})
    rows: list[Sequence[object]] = []
    for loss, direct in choices:
        found = [group.get((loss, direct), []) for group in groups.values()]
        cells = [number((each["gini"] for each in part), "ratio") for part in found]
        cells += [number((each["mean"] * each["n"] for each in part), "ratio") for part in found]
        rows.append([loss, "yes" if direct else "no", max(map(len, found)), *cells])
    columns = ["loss", "direct term", "seeds", *(f"Gini coefficient, {name}" for name in groups)]
    note = f"l1 norm; Gini coefficients of the second half of training. Means of g-bar, times the examples. {SEEDS}."
    return Table(title, [*columns, *(f"mean, {name}" for name in groups)], rows, note)
