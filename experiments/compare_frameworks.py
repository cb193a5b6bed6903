"""Keras against PyTorch: the same data, corruption, initial weights and batches give the same science.

Claim:     accuracy, epochs to fit and decoding agree between the frameworks within the spread over seeds
Run:       python experiments/compare_frameworks.py [--models mlp1 mlp3] [--fractions 0 1] [--seeds 0 1 2] [--smoke]
           python experiments/compare_frameworks.py --records results/published     (reads records, trains nothing)
Result:    table.md and table.csv under results/compare_frameworks/: mean, 95 % interval and n for each framework, and
           the difference, for accuracy, epochs to fit, decoding and seconds per epoch
Time:      --list estimates it; about 4 minutes a run of 60 epochs on CIFAR-10 on one core
"""

from dataclasses import dataclass
from pathlib import Path

from common.cli import Grid, one_line_errors, parse, run_all
from common.report.comparison import comparison_table
from common.runs.config import Config, Options
from common.runs.store import Store, all_records


@dataclass(frozen=True)
class Source:
    """Where the records come from."""

    records: Path | None = None
    """A folder with runs/ whose records are compared as they are; none trains and decodes what is missing."""


def main():
    defaults = {"grid": Grid(fractions=(0.0, 1.0)), "source": Source(), "options": Options()}
    arguments = parse(__doc__, config=Config(corruption="uniform"), **defaults)
    store = Store.of(arguments.options)
    if arguments.source.records:
        source = Store(arguments.source.records)
        records = all_records(source)
    else:
        source = store
        records = run_all(arguments.grid.configs(arguments.config), arguments.options)
    readouts = {record["run_id"]: source.readout(record["run_id"]) for record in records}
    table = comparison_table(records, readouts)
    table.save(store.results / "compare_frameworks" / "table")
    print(f"{table.markdown()}\n{store.results / 'compare_frameworks'}")


if __name__ == "__main__":
    with one_line_errors():
        main()
