"""What benchmarks share: they are computations of every measurement and what it ran on, with a table made of it."""

import json
import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

import tyro

from common.report.numbers import Number
from common.report.tables import Table
from common.runs.computation import Computation, Result, carry_out, read_record
from common.runs.config import Options
from common.runs.store import Record, Store


@dataclass(frozen=True, kw_only=True)
class Benchmark(Computation):
    """Settings of a benchmark, and where it is measured: another machine has a record of its own."""

    hardware: Annotated[str, tyro.conf.Fixed, tyro.conf.Suppress] = ""
    """Processor or GPU."""
    threads: Annotated[int, tyro.conf.Fixed, tyro.conf.Suppress] = 0
    """CPU threads of a measuring process."""


def report(
    benchmark: Benchmark, measure: Callable[[], Record], table: Callable[[Record], Table], arguments: Any
) -> None:
    """Carry a benchmark out, unless it is done and not forced, write its table beside the record and print it."""
    options: Options = arguments.options
    record = carry_out(benchmark, lambda: Result(measure()), options, arguments.actions.force)
    made = table(flat(record))
    made.save(Store.of(options).computation(record["id"]) / "table")
    print(made.markdown())


def flat(record: Record) -> Record:
    """A computation's record as tables read it, which is how older benchmarks were recorded."""
    settings = record["settings"]
    where = {name: settings[name] for name in ("hardware", "threads")}
    return {"benchmark": settings, **where, **record["outcome"], "code": record["code"]}


def records(store: Store, slug: str) -> dict[str, Record]:
    """All of a benchmark, by name; those of before they were computations lie in a folder of its own."""
    older = {path.stem: json.loads(path.read_text()) for path in sorted((store.results / slug).glob("*.json"))}
    paths = sorted(store.results.glob(f"computations/{slug}-*/record.json"))
    return older | {path.parent.name.removeprefix(f"{slug}-"): flat(read_record(path)) for path in paths}


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
