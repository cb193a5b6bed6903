"""Label corruption from 0 to 100 %: networks fit every fraction, and generalize the worse the larger it is.

Claim:     Zhang et al. (2017), Figures 1b and 1c: the training set is fitted at every corruption, the time to fit grows
           by a small factor, and the test error grows to chance. Ketha & Ramaswamy (2025): a layer's class subspaces
           still classify the test set better than the network's own output does.
Run:       python experiments/label_corruption_sweep.py [--models mlp1 mlp3] [--fractions 0 0.5 1] [--seeds 0 1 2]
                                                        [--frameworks keras torch] [--decode] [--smoke]
Result:    a figure for each model, and one table as Markdown and CSV, under results/label_corruption_sweep/
Time:      --list estimates it; 7 to 11 minutes a run of 60 epochs on CIFAR-10 on one core. --preset changes nothing
           here; a small sweep is --train-size 12500 --downscale 2 --crop 14
Deviations: test error is shown against true labels; the record also holds it against equally corrupted ones, which is
           what the published Figure 1c shows
"""

from __future__ import annotations

from common.report import figures
from common.report.corruption import corruption_figure, corruption_table
from common.report.runs import Runs
from common.report.tables import Table
from common.runs.config import Config
from common.study import FEWEST, Call, Combinations, Study


def report(runs: Runs, call: Call) -> dict[str, Table | figures.Figure]:
    """A figure for each model, and every run."""
    drawn = {model: corruption_figure(own, f"{model}: label corruption") for model, own in runs.by("model").items()}
    return {**drawn, "table": corruption_table(runs)}


STUDY = Study("label_corruption_sweep", Combinations(), Config(), report, smoke=FEWEST)

if __name__ == "__main__":
    STUDY.main(__doc__)
