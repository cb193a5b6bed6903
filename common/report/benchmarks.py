"""What benchmarks share: they are computations of every measurement and what it ran on, with a table made of it."""

import contextlib
import dataclasses
import json
import os
import statistics
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from typing import Annotated, Any, ClassVar

import tyro

from common.cores import cores
from common.report.numbers import Number
from common.report.tables import Table
from common.runs.computation import Computation, Result, carry_out, read_record
from common.runs.config import Options
from common.runs.record import processor
from common.runs.store import Record, Store, commits_of


@dataclass(frozen=True, kw_only=True)
class Benchmark(Computation):
    """Settings of a benchmark, and where it is measured: another machine has a record of its own."""

    hardware: Annotated[str, tyro.conf.Fixed, tyro.conf.Suppress] = ""
    """Processor or GPU."""
    threads: Annotated[int, tyro.conf.Fixed, tyro.conf.Suppress] = 0
    """CPU threads of a measuring process."""

    small: ClassVar[Mapping[str, Any]]
    """Settings of a smoke test."""


def report(
    arguments: Any,
    parts: Iterable[str],
    placed: Callable[[Any, Options], Any],
    measure: Callable[[Any, Options], Record],
    table: Callable[[Record], Table],
) -> None:
    """Carry a benchmark out where it is `placed`, unless it is done and not forced; write and print its table.

    With --list only say what its parts are.
    """
    options, actions = arguments.options, arguments.actions
    if actions.list:
        return print(*parts, sep="\n")
    settings = arguments.benchmark
    benchmark = placed(dataclasses.replace(settings, **settings.small) if actions.smoke else settings, options)
    record = carry_out(benchmark, lambda: Result(measure(benchmark, options)), options, actions.force)
    shown = table(flat(record))
    shown.save(Store.of(options).computation(record["id"]) / "table")
    print(shown.markdown())


def on_processor(benchmark: Any, options: Options) -> Any:
    """The benchmark, placed on this machine's cores."""
    return dataclasses.replace(benchmark, hardware=processor(), threads=options.threads or cores())


@contextlib.contextmanager
def child(environment: Mapping[str, str]) -> Iterator[Callable[..., Any]]:
    """What calls functions in a process of its own, which has these variables and ends with the block."""
    os.environ.update(environment)
    with ProcessPoolExecutor(1, get_context("spawn")) as process:
        yield lambda *call: process.submit(*call).result()


def flat(record: Record) -> Record:
    """A computation's record as tables read it, which is how older benchmarks were recorded."""
    settings = record["settings"]
    where = {name: settings[name] for name in ("hardware", "threads")}
    return {"benchmark": settings, **where, **record["outcome"], "code": record["code"]}


def records(store: Store, slug: str) -> dict[str, Record]:
    """All of a benchmark, by name; those of before they were computations lie in a folder of its own."""
    older = {path.stem: json.loads(path.read_text("utf-8")) for path in sorted((store.results / slug).glob("*.json"))}
    paths = sorted(store.results.glob(f"computations/{slug}-*/record.json"))
    return older | {path.parent.name.removeprefix(f"{slug}-"): flat(read_record(path)) for path in paths}


def median(values: Sequence[float]) -> Number:
    """Median of repeats, between their extremes where there are several."""
    extremes = (min(values), max(values)) if len(values) > 1 else ()
    return Number(statistics.median(values), "ratio", *extremes)


def ratio(above: Sequence[float], below: Sequence[float]) -> float:
    """Of the medians."""
    return statistics.median(above) / statistics.median(below)


def compared(above: Sequence[float], below: Sequence[float], word: str = "", bound: float = 0) -> list[object]:
    """Cells of both medians, of their ratio and, where a word says so, of its bound."""
    return [median(above), median(below), *verdict(ratio(above, below), word, bound)]


def verdict(value: float, word: str, bound: float) -> list[object]:
    """Cells of a value, of its bound, "at most" or "at least", and of whether it holds; "" is no bound."""
    holds = {"at most": value <= bound, "at least": value >= bound}
    return [Number(value, "ratio"), *([f"{word} {bound:g}", "yes" if holds[word] else "no"] if word else [None, None])]


def run_on(record: Record) -> str:
    """What stands below every table: repeats, hardware, commit."""
    repeats = record["benchmark"]["repeats"]
    medians = f"Medians of {repeats}, brackets their extremes; " if repeats > 1 else ""
    return f"{medians}{record['hardware']}; {commits_of([record])}"
