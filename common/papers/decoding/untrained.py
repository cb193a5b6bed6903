"""Class subspaces of networks before any training: what the layers have from random weights and the data alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from common.analysis.readout import decode_run
from common.papers.decoding.recipes import BASE, SMOKE, Corrupted, Fields
from common.papers.decoding.targets import TARGETS
from common.report import profiles, readouts
from common.report.runs import Runs
from common.report.tables import Table
from common.runs.config import Config
from common.study import Call, Study, with_progress

if TYPE_CHECKING:
    from matplotlib.figure import Figure

TITLE = "Subspaces of untrained networks"


@dataclass(frozen=True)
class Untrained(Corrupted):
    """The networks that `Corrupted` trains, as they are before."""

    seeds: tuple[int, ...] = (0, 1, 2)
    """Seeds of weights."""

    def rows(self, preset: str) -> list[Fields]:
        return [{**row, "epochs": 0} for row in super().rows(preset)]


def read(configs: Sequence[Config], call: Call) -> None:
    """Every network."""
    for config in with_progress(configs, call.options):
        decode_run(config, call.options, force=call.force)


def report(runs: Runs, call: Call) -> dict[str, Table | Figure]:
    """A figure for each model, and the table."""
    runs = readouts.read_out(runs)
    kinds = runs.grouped(lambda run: (run.config.model, run.config.framework))
    return {
        **{f"layers_{model}_{framework}": profiles.layer_profiles(kind, f"{TITLE}: {model}")
           for (model, framework), kind in kinds.items()},
        "untrained": untrained_table(runs),
    }  # fmt: skip


def untrained_table(runs: Runs) -> Table:
    """A row for each setting: the best hidden layer, published beside measured, and raw inputs."""
    on_test = partial(readouts.in_chosen_layer, choice="test data")
    cells: readouts.Cells = {
        "published, %": partial(
            readouts.published, targets=TARGETS.of("untrained"), probe="masc", layer="best_on_test", epoch=0
        ),
        "layer chosen on test, %": readouts.mean(on_test),
        "layer chosen on held-out, %": readouts.mean(readouts.in_chosen_layer),
        "true-label, on test, %": readouts.mean(partial(on_test, fitted_on="true_labels")),
        "raw inputs, %": readouts.mean(readouts.in_input),
    }
    return readouts.setting_table(runs, cells, TITLE)


STUDY = Study("untrained_networks", Untrained(), BASE, report, read=read, smoke=SMOKE)
