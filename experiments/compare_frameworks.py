"""Keras against PyTorch: the same data, corruption, initial weights and batches give the same science.

Claim:     accuracy, epochs to fit and decoding agree between the frameworks within the spread over seeds
Run:       python experiments/compare_frameworks.py [--models mlp1 mlp3] [--fractions 0 1] [--seeds 0 1 2] [--smoke]
           python experiments/compare_frameworks.py --records results/published     (reads records, trains nothing)
           python experiments/compare_frameworks.py --models alexnet inception --preset small
           python experiments/compare_frameworks.py --by precision --frameworks torch     (float32 against bfloat16)
Result:    framework.md and framework.csv (precision.*) under results/compare_frameworks/: mean, 95 % interval and n on
           each side, and the difference, for accuracy, epochs to fit, decoding and seconds per epoch
Time:      --list estimates it; about 4 minutes a run of an MLP, 60 epochs, on CIFAR-10 on one core
"""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated

import tyro

from common.cli import Preset, given_flags, one_line_errors, parse
from common.errors import check_choice
from common.report.comparison import FIELDS, comparison_table
from common.runs.config import Actions, Config, Options, overlay
from common.runs.store import Store, all_records
from common.runs.sweep import grid
from common.study import Grid, run_all
from configs import BASE, MODELS, small

DEFAULT = Config(epochs=BASE.epochs)


@dataclass(frozen=True)
class Source:
    """Where the records come from."""

    records: Path | None = None
    """A folder with runs/ whose records are compared as they are; none trains what is missing."""
    by: Annotated[str, tyro.conf.arg(metavar="|".join(FIELDS))] = "framework"
    """What differs between the two sides."""


def model_fields(model, preset):
    """What the experiments of Zhang et al. change for a model."""
    return {**MODELS.get(model, {}), **(small(model) if preset == "small" else {})}


def main():
    defaults = {"grid": Grid(fractions=(0.0, 1.0)), "source": Source(), "preset": Preset()}
    settings = {"options": Options(), "actions": Actions()}
    arguments = parse(__doc__, config=replace(DEFAULT, corruption="uniform"), **defaults, **settings)
    store, by = Store.of(arguments.options), arguments.source.by
    check_choice("by", by, FIELDS)
    if arguments.source.records:
        source = Store(arguments.source.records)
        records = all_records(source)
    else:
        source = store
        sides = {"precision": list(FIELDS["precision"])} if by == "precision" else {}
        bases = [
            overlay(config, DEFAULT, model_fields(config.model, arguments.preset.preset), "this model", given_flags())
            for config in arguments.grid.configs(arguments.config)
        ]
        configs = [config for base in bases for config in grid(base, **sides)]
        records = run_all(configs, arguments.options, arguments.actions)
    readouts = {record["run_id"]: source.readout(record["run_id"]) for record in records}
    table = comparison_table(records, readouts, by)
    table.save(store.results / "compare_frameworks" / by)
    print(f"{table.markdown()}\n{store.results / 'compare_frameworks'}")


if __name__ == "__main__":
    with one_line_errors():
        main()
