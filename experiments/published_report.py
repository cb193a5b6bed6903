"""Tables, figures and page of the published runs, made from their records alone; trains nothing.

Run:       python experiments/published_report.py [--import runs.tar]
Result:    results/published/tables/, figures/, index.html with a page for each paper beside it, and runs.csv,
           docs/findings.md, and what other documents hold between marks; --import first takes in an archive that
           reproduce_papers.py --export wrote, or the first of its parts: records to results/published, and where
           networks came with them, or runs are begun, to results and saved_models, so that the same command goes on
           here
Time:      two minutes
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

import benchmark_probes
import benchmark_reader
import benchmark_stacked
import benchmark_texts
import benchmark_training
import durability_files
import durability_kills
from common import publishing
from common.cli import check_off, one_line_errors, parse
from common.report import benchmarks
from common.report.runs import Runs
from common.report.tables import Table
from common.runs.archive import take_in
from common.runs.computation import Computation
from common.runs.config import Actions, Untimed
from common.runs.store import PUBLISHED, Record, Store, publish

BENCHMARKS = {
    "What an epoch costs": benchmark_training,
    "What many networks as one program cost": benchmark_stacked,
    "What subspaces cost": benchmark_probes,
    "What texts cost": benchmark_texts,
    "What images on disk cost": benchmark_reader,
    "What becomes of processes that are killed": durability_kills,
    "What becomes of broken files": durability_files,
}


def benchmark_tables(store: Store) -> dict[str, dict[str, Table]]:
    """The tables of each benchmark's records."""
    tables = {}
    for heading, script in BENCHMARKS.items():
        name = script.Benchmark.slug
        records = benchmarks.records(store, name)
        tables[heading] = {f"{name}_{key}": script.table(record) for key, record in records.items()}
    return tables


def report() -> None:
    """Make everything anew from the records."""
    store = Store(PUBLISHED)
    publishing.publish(Runs.under(store), benchmark_tables(store))
    print(PUBLISHED / "index.html")


@dataclass(frozen=True)
class Archive:
    """Runs from elsewhere."""

    archive: Annotated[Path | None, tyro.conf.arg(name="import")] = None
    """File of runs to take in first."""


def kinds() -> dict[str, Computation]:
    """All computations that may be published, by slug."""
    studied = [study.default for studies in publishing.COMPUTED.values() for study in studies]
    return {each.slug: each for each in [*studied, *(script.Benchmark() for script in BENCHMARKS.values())]}


def show_taken(path: Path, own: Store) -> None:
    """Take an archive in, and print what came of it."""
    taken = take_in(path, Store(PUBLISHED), own, kinds())
    numbers = f"{len(taken.runs)} runs, {len(taken.begun)} begun runs, {len(taken.computations)} computations"
    print(f"{numbers} of {path}")
    show_stays(taken.stays)


def publish_runs(store: Store, records: Sequence[Record]) -> None:
    """Copy runs to the committed results, say which are there with another network, and make everything anew."""
    show_stays([f"{name} in {PUBLISHED}" for name in publish(store, records)])
    report()


def show_stays(names: Sequence[str]) -> None:
    """A line for each run that was not replaced."""
    for name in names:
        print(f"stays as it is: {name}, of another network")


def main() -> None:
    """Say how many records there are, or publish them with those of an archive."""
    arguments = parse(__doc__, archive=Archive(), options=Untimed(), actions=Actions())
    check_off(arguments.actions, "smoke", "force", "decode")
    if arguments.actions.list:
        return print(f"no runs of its own; {len(Runs.under(Store(PUBLISHED)))} published records")
    if path := arguments.archive.archive:
        show_taken(path, Store.of(arguments.options))
    report()


if __name__ == "__main__":
    with one_line_errors():
        main()
