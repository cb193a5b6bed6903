"""Which regularizer hinders memorization without hindering learning? Six of them, on real and on random labels.

Claim:     Arpit et al. (2017), Figures 10 and 11: dropout lowers the training accuracy on random labels most at the
           same validation accuracy on real data, with adversarial training on critical samples more still; regularizers
           rank differently by training loss on real and on random labels
Run:       python experiments/regularized_memorization.py [--preset small] [--techniques dropout] [--seeds 0 1 2]
Expected:  these orders; no numbers are published
Measured:  results/published/index.html, with n, interval, hardware and commit, where it has been
Result:    figures, table and verdicts under results/regularized_memorization/
Time:      made for a GPU; --preset small takes an hour on two cores
Deviations: only the ranges of the strengths are published; where dropout and noise go (after fully connected layers),
           the loss of adversarial training and the steps of its search are not: Config says what is done. That loss is
           over all points that the search ends at, whether or not they are critical, which count in batch norm's moving
           statistics too, and the search takes 10 steps (2 in the small preset) where that of its authors takes 100
"""

from dataclasses import dataclass

from common.errors import check_choice
from common.papers.arpit.recipes import BASE, KEPT, fields
from common.report.regularizers import (
    SINGLE,
    effect_table,
    effects,
    loss_figure,
    regularizer_findings,
    trade_off_figure,
)
from common.report.tables import claims_table
from common.study import Seeds, Study

TITLE = "Regularizers and memorization"
NOTHING = dict.fromkeys((*SINGLE, "adversarial_weight"), 0.0)
STRENGTHS = {
    "none": [{}],
    "dropout": [{"dropout": value} for value in (0.1, 0.3, 0.5, 0.7, 0.9)],
    "input_dropout": [{"input_dropout": value} for value in (0.1, 0.3, 0.5, 0.7, 0.9)],
    "input_noise": [{"input_noise": value} for value in (0.3, 1.0, 2.0, 3.5, 5.0)],
    "hidden_noise": [{"hidden_noise": value} for value in (0.03, 0.1, 0.2, 0.3)],
    "weight_decay": [{"weight_decay": value} for value in (1e-3, 1e-2, 0.1, 1.0)],
    "adversarial": [
        {"dropout": dropout, "adversarial_weight": weight}
        for dropout, weight in ((0.03, 0.2), (0.1, 0.5), (0.3, 0.5), (0.5, 0.5), (0.5, 0.7))
    ],
}
SMALL = {
    "none": (0,),
    "dropout": (1, 2, 3),
    "input_dropout": (1, 3),
    "input_noise": (0, 1, 3),
    "hidden_noise": (1, 3),
    "weight_decay": (1, 2, 3),
    "adversarial": (2, 3),
}
"""Places of the strengths that the small preset takes; adversarial training has two of dropout's rates."""


def strengths(technique, preset):
    """Fields of each strength of a technique; the small preset takes two or three, and a shorter search."""
    check_choice("technique", technique, STRENGTHS)
    if preset != "small":
        return STRENGTHS[technique]
    search = {"adversarial_iterations": 2} if technique == "adversarial" else {}
    return [STRENGTHS[technique][place] | search for place in SMALL[technique]]


@dataclass(frozen=True)
class Techniques(Seeds):
    """A run on real and one on random labels for each strength of these."""

    techniques: tuple[str, ...] = tuple(STRENGTHS)
    """dropout, input_dropout, input_noise, hidden_noise, weight_decay, adversarial; none is always there."""

    def rows(self, preset):
        return [
            fields("cnn2", "cifar10", preset, noise, **NOTHING | changes)
            for technique in dict.fromkeys(("none", *self.techniques))
            for changes in strengths(technique, preset)
            for noise in ("none", "uniform")
        ]


def report(runs, call):
    """Figures 10 and 11, their numbers and the verdicts."""
    records, store = [run.record for run in runs], call.store
    histories = store.histories(records)
    found = effects(records, histories)
    return {
        "trade_off": trade_off_figure(found, TITLE),
        "training_loss": loss_figure(found, histories, TITLE),
        "effects": effect_table(found, TITLE),
        "claims": claims_table(regularizer_findings(found, histories), TITLE),
    }


STUDY = Study("regularized_memorization", Techniques(), BASE, report, KEPT)

if __name__ == "__main__":
    STUDY.main(__doc__)
