"""Tables, figures and page of the published runs, made from their records alone; trains nothing.

Run:       python experiments/published_report.py [--import runs.tar]
Result:    results/published/tables/, figures/, index.html and runs.csv, docs/findings.md, and what
           other documents hold between marks; --import first takes in an archive that reproduce_papers.py --export
           wrote, or the first of its parts: records to results/published, models to saved_models
Time:      two minutes
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

import benchmark_probes
import benchmark_stacked
import benchmark_training
from common.cli import one_line_errors, parse
from common.publishing import publish
from common.report import benchmarks
from common.report.runs import Runs
from common.report.tables import Table
from common.runs.archive import take_in
from common.runs.config import Actions, Options
from common.runs.store import PUBLISHED, Store

BENCHMARKS = {
    "What an epoch costs": benchmark_training,
    "What many networks as one program cost": benchmark_stacked,
    "What subspaces cost": benchmark_probes,
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
    publish(Runs.under(store), benchmark_tables(store))
    print(PUBLISHED / "index.html")


@dataclass(frozen=True)
class Archive:
    """Runs from elsewhere."""

    archive: Annotated[Path | None, tyro.conf.arg(name="import")] = None
    """File of runs to take in first."""


def main() -> None:
    """Say how many records there are, or publish them with those of an archive."""
    arguments = parse(__doc__, archive=Archive(), options=Options(), actions=Actions())
    if arguments.actions.list:
        return print(f"no runs of its own; {len(Runs.under(Store(PUBLISHED)))} published records")
    if path := arguments.archive.archive:
        print(f"{len(take_in(path, Store(PUBLISHED), Store.of(arguments.options)))} runs of {path}")
    report()


if __name__ == "__main__":
    with one_line_errors():
        main()
