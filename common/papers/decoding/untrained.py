"""Class subspaces of networks before any training: what the layers have from random weights and the data alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from common.analysis.readout import decode_run
from common.papers.decoding.recipes import BASE, SMOKE, Corrupted, Fields, untrained
from common.papers.decoding.targets import TARGETS
from common.report import profiles, readouts
from common.report.runs import Measure, Runs
from common.report.tables import Table
from common.runs.config import Config
from common.study import Call, Study, with_progress

if TYPE_CHECKING:
    from matplotlib.figure import Figure

TITLE = "Subspaces of untrained networks"


@dataclass(frozen=True)
class Untrained(Corrupted):
    """The networks that `Corrupted` trains, as they are before; one seed of those of which the papers have one draw."""

    def rows(self, preset: str) -> list[Fields]:
        rows = super().rows(preset)
        return [untrained(row["model"], row["dataset"], row["corruption_fraction"], preset) for row in rows]

    def runs(self, preset: str) -> list[Mapping[str, Any]]:
        runs = super().runs(preset)
        return [run for run in runs if run["seed"] == 0 or run["initializer"] != "torch_manual_seed"]


def read(configs: Sequence[Config], call: Call) -> None:
    """Every network."""
    for config in with_progress(configs, call.options):
        decode_run(config, call.options, force=call.force)


def report(runs: Runs, call: Call) -> dict[str, Table | Figure]:
    """Test accuracy over corruption, and the table with the published numbers."""
    runs, on_test = readouts.read_out(runs), partial(readouts.in_chosen_layer, choice="test data")
    measures: dict[str, Measure] = {
        "corrupted labels, layer chosen on test": on_test,
        "corrupted labels, layer chosen on held-out": readouts.in_chosen_layer,
        "true labels, layer chosen on test": partial(on_test, fitted_on="true_labels"),
        "corrupted labels, raw inputs": readouts.in_input,
    }
    cited = partial(readouts.published, targets=TARGETS.of("untrained"), probe="masc", layer="best_on_test", epoch=0)
    measured = {f"{label}, %": readouts.mean(measure) for label, measure in measures.items()}
    return {
        "over_corruption": profiles.over_fractions(measures, runs, TITLE),
        "untrained": readouts.setting_table(runs, {"published, %": cited, **measured}, TITLE),
    }


STUDY = Study("untrained_networks", Untrained(), BASE, report, read=read, smoke=SMOKE)
