"""Tables, figures and page of the published runs, made from their records alone; trains nothing.

Run:       python experiments/published_report.py
Result:    results/published/tables/, figures/, index.html and runs.csv, docs/findings.md, and what
           other documents hold between marks
Time:      two minutes
"""

import benchmark_probes
import benchmark_stacked
import benchmark_training
from common.cli import one_line_errors, parse
from common.publishing import publish
from common.report import benchmarks
from common.report.runs import Runs
from common.report.tables import Table
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


def main() -> None:
    """Say how many records there are, or publish them."""
    if parse(__doc__, options=Options(), actions=Actions()).actions.list:
        print(f"no runs of its own; {len(Runs.under(Store(PUBLISHED)))} published records")
    else:
        report()


if __name__ == "__main__":
    with one_line_errors():
        main()
