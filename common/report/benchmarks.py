"""What benchmarks share: a record of every measurement and of what it ran on, and cells of the table made from it."""

import json
import statistics
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from common import files
from common.report.numbers import Number
from common.report.records import Record
from common.report.tables import Table
from common.runs.config import Options
from common.runs.store import Store, code_version


def record(benchmark: Any, hardware: str, **measured: Any) -> Record:
    """Settings, measurements, processor or GPU, and commit."""
    return {"benchmark": asdict(benchmark), **measured, "hardware": hardware, "code": code_version()}


def save(options: Options, name: str, record: Record, table: Table) -> None:
    """Write `name`.json, the record, with the table beside it, and print the table."""
    path = Store.of(options).results / name
    files.write(path.with_suffix(".json"), json.dumps(record, indent=1) + "\n")
    table.save(path)
    print(table.markdown())


def median(values: Sequence[float]) -> Number:
    """Median of repeats, between their extremes where there are several."""
    extremes = (min(values), max(values)) if len(values) > 1 else ()
    return Number(statistics.median(values), "ratio", *extremes)


def verdict(value: float, word: str, bound: float) -> list[object]:
    """Cells of a value, of its bound, "at most" or "at least", and of whether it holds."""
    holds = value <= bound if word == "at most" else value >= bound
    return [Number(value, "ratio"), f"{word} {bound:g}", "yes" if holds else "no"]


def run_on(record: Record) -> str:
    """What stands below every table: repeats, hardware, commit."""
    code, repeats = record["code"], record["benchmark"]["repeats"]
    commit = "no commit" if code["commit"] is None else f"commit {code['commit'][:7]}{' (changed)' * code['dirty']}"
    return f"Medians of {repeats}, brackets their extremes; {record['hardware']}; {commit}"
