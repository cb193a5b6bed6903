"""First-layer filters of small AlexNet fitted to true and to random labels, as images.

Claim:     Zhang et al. (2017) fit both with one recipe; what the first layer makes of the images is there to be seen
Run:       python experiments/alexnet_first_layer_filters.py [--preset small] [--precision bfloat16]
Result:    results/alexnet_first_layer_filters/filters.png; the runs are those of alexnet_true_labels.py and
           alexnet_random_labels.py
Time:      made for a GPU; --preset small takes 5 minutes on two cores
"""

from dataclasses import dataclass

from common.report.figures import filter_grids
from common.report.records import setting_of, setting_text
from common.study import Seeds, Study
from configs import BASE, fields, shown

SETTINGS = ("true_labels", "random_labels")


@dataclass(frozen=True)
class Labels(Seeds):
    """True and random labels."""

    def rows(self, preset):
        return [fields("alexnet", setting, preset) for setting in SETTINGS]


def report(runs, call):
    """The filters of the first seed."""
    records, store = [run.record for run in runs], call.store
    first = {setting_text(setting_of(record["config"])): record["run_id"] for record in reversed(records)}
    filters = {setting: store.arrays(name)["first_layer_filters"] for setting, name in sorted(first.items())}
    return {"filters": filter_grids(filters, "First layer of small AlexNet")}


STUDY = Study("alexnet_first_layer_filters", Labels(), BASE, report, check=shown(SETTINGS, ("alexnet",)))

if __name__ == "__main__":
    STUDY.main(__doc__)
