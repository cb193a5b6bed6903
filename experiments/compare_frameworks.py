"""Keras against PyTorch: the same data, corruption, initial weights and batches give the same science.

Claim:     accuracy, epochs to fit and decoding agree between the frameworks within the spread over seeds
Run:       python experiments/compare_frameworks.py [--models mlp1 mlp3] [--fractions 0 1] [--seeds 0 1 2] [--smoke]
           python experiments/compare_frameworks.py --records results/published     (reads records, trains nothing)
           python experiments/compare_frameworks.py --models alexnet inception --preset small
           python experiments/compare_frameworks.py --by precision --frameworks torch     (float32 against bfloat16)
Result:    framework.md and framework.csv (precision.*) under results/compare_frameworks/: mean, 95 % interval and n on
           each side, and the difference, for accuracy, epochs to fit, decoding and seconds per epoch
Time:      --list estimates it; 7 to 11 minutes a run of an MLP, 60 epochs, on CIFAR-10 on one core
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from common.cli import one_line_errors
from common.errors import check_choice
from common.papers.zhang.recipes import BASE, MODELS, small
from common.report.comparison import FIELDS, comparison_table
from common.report.runs import Runs
from common.report.tables import Table
from common.runs.config import Config
from common.runs.store import Store
from common.study import FEWEST, Call, Combinations, Fields, Study


@dataclass(frozen=True)
class Sides(Combinations):
    """A run on each side for each combination of these values, by the recipes of Zhang et al."""

    fractions: tuple[float, ...] = (0.0, 1.0)
    """Corrupted fractions of the training set; 0 means true labels, whatever the rule."""
    by: Annotated[str, tyro.conf.arg(metavar="|".join(FIELDS))] = "framework"
    """What differs between the two sides."""

    def __post_init__(self) -> None:
        check_choice("by", self.by, FIELDS)

    def rows(self, preset: str) -> Iterator[Fields]:
        sides = [{"precision": name} for name in FIELDS["precision"]] if self.by == "precision" else [{}]
        for row in super().rows(preset):
            recipe = {**MODELS.get(row["model"], {}), **(small(row["model"]) if preset == "small" else {})}
            yield from ({**recipe, **row, **side} for side in sides)


@dataclass(frozen=True)
class Source:
    """Where the records come from."""

    records: Path | None = None
    """A folder with runs/ whose records are compared as they are; none trains what is missing."""


def report(runs: Runs, call: Call) -> Mapping[str, Table]:
    """Side by side."""
    return {call.grid.by: comparison_table(runs, call.grid.by)}


STUDY = Study("compare_frameworks", Sides(), Config(epochs=BASE.epochs), report, smoke=FEWEST)


def main() -> None:
    """Compare records that are there, or train what is missing."""
    arguments = STUDY.parse(__doc__, source=Source())
    if arguments.source.records:
        runs = Runs.under(Store(arguments.source.records))
        if arguments.actions.list:
            return print("\n".join(f"recorded  {run.id}" for run in runs))
        STUDY.show(runs, Call(arguments.preset.preset, arguments.grid, arguments.options))
    else:
        STUDY.carry_out(arguments)


if __name__ == "__main__":
    with one_line_errors():
        main()
