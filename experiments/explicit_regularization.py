"""Training and test accuracy with and without explicit regularizers: they help, and are not what generalization needs.

Claim:     Zhang et al. (2017), Table 1: every model fits with and without random crops and weight decay; without either
           it still generalizes, only 2 to 5 points worse; random labels are fitted as well
Run:       python experiments/explicit_regularization.py [--preset small] [--precision bfloat16] [--seeds 0 1 2]
Expected:  the table's numbers, beside ours in results/explicit_regularization/table.md
Measured:  results/published/index.html, with n, interval, hardware and commit, where it has been
Time:      made for a GPU; --list estimates it where like runs are on record
Deviations: the paper states neither epochs, initial weights nor weight decay: experiments/configs.py says ours
"""

from dataclasses import dataclass

from common.cli import Study
from common.report.claims import load_targets
from common.report.tables import published_table
from configs import BASE, Seeds, fields

TARGETS = [t for name in ("zhang_cifar10", "zhang_mlp") for t in load_targets(name) if t["source"] == "Table 1"]


@dataclass(frozen=True)
class Rows(Seeds):
    """Table 1."""

    def rows(self, preset):
        rows = dict.fromkeys((target["model"], target["setting"]) for target in TARGETS)
        return [fields(*row, preset) for row in rows]


def report(records, store):
    """The table, published against measured."""
    return {"table": published_table(TARGETS, records)}


STUDY = Study("explicit_regularization", Rows(), BASE, report)

if __name__ == "__main__":
    STUDY.main(__doc__)
