"""An independent replication of Arpit et al.'s experiments with random inputs, and ours, row by row."""

from collections.abc import Mapping, Sequence
from typing import Any

from common.report.arpit import NOISE
from common.report.claims import claim_of, judge
from common.report.numbers import Number
from common.report.records import Line, Record, full_size, run_on
from common.report.tables import Table

SAME = ("dataset", "width", "corruption", "corruption_fraction")


def measured_of(record: Record, history: Sequence[Line], quantity: str) -> float:
    """A quantity of a run; the best test accuracy is a trained network's, not that of the initial weights."""
    if quantity == "best_test_accuracy":
        return max(line["test_accuracy"] for line in history if line["epoch"])
    value: float = record["outcome"][quantity]
    return value


def replication_table(
    targets: Sequence[dict[str, Any]], records: Sequence[Record], histories: Mapping[str, Sequence[Line]], title: str
) -> Table:
    """A row for each number of the replication's logs that a run of ours stands beside, over seeds."""
    rows: list[list[object]] = []
    for target in targets:
        runs = [record for record in records if all(record["config"][name] == target[name] for name in SAME)]
        if not runs or not all(map(full_size, runs)):
            continue
        values = [measured_of(record, histories[record["run_id"]], target["quantity"]) for record in runs]
        test_n = runs[0]["data"]["test_n"]
        counts = [(round(value * test_n), test_n) if "test" in target["quantity"] else None for value in values]
        found = judge(claim_of(target), values, counts)
        described = [target["width"], NOISE[target["corruption"]], f"{100 * target['corruption_fraction']:g} %"]
        quantity = target["quantity"].replace("_", " ") + ", %"
        interval = Number(None, "fraction", found.low, found.high)
        measured = [target["value"], found.mean, interval, found.interval_kind, found.verdict, run_on(runs)]
        rows.append([*described, quantity, *measured])
    columns = ["width", "noise", "share", "quantity", "theirs", "ours", "95 % interval", "n", "verdict", "run on"]
    note = "Theirs: one run each, 1,000 epochs. Test accuracy: best over epochs. Band: 2 points around their number."
    return Table(title, columns, rows, note)
