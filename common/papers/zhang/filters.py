"""First-layer filters of small AlexNet fitted to true and to random labels, as images."""

from __future__ import annotations

from typing import TYPE_CHECKING

from common.papers.zhang.recipes import BASE, Fields, fields, shown
from common.report.figures import filter_grids
from common.report.runs import Runs, setting_text
from common.study import Call, Seeds, Study

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SETTINGS = ("true_labels", "random_labels")


class Labels(Seeds):
    """True and random labels."""

    def rows(self, preset: str) -> list[Fields]:
        """Small AlexNet on both."""
        return [fields("alexnet", setting, preset) for setting in SETTINGS]


def report(runs: Runs, call: Call) -> dict[str, Figure]:
    """The filters of the first seed."""
    first = {setting_text(run.setting): run for run in reversed(runs)}
    filters = {setting: run.arrays["first_layer_filters"] for setting, run in sorted(first.items())}
    return {"filters": filter_grids(filters, "First layer of small AlexNet")}


STUDY = Study("alexnet_first_layer_filters", Labels(), BASE, report, check=shown(SETTINGS, ("alexnet",)))
