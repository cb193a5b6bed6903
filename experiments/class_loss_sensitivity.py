"""Whose examples does the loss of a class depend on? Gradients of each class's loss with the examples of each class.

Claim:     Arpit et al. (2017), Figure 4: most on the examples of the same class; on real data relatively more on those
           of other classes than on random inputs, so that classes share patterns
Run:       python experiments/class_loss_sensitivity.py [--preset small] [--seeds 0 1 2 3 4]
Expected:  that order; no numbers are published
Measured:  results/published/index.html, with n, interval, hardware and commit, where it has been
Result:    heat maps, table and verdicts under results/class_loss_sensitivity/; loss_sensitivity.py shares its runs
Time:      --preset small (1,000 steps) takes a minute a run on two cores
Deviations: those of loss_sensitivity.py
"""

from common.analysis.loss_sensitivity import NORMS
from common.report.sensitivity import class_figure, class_findings, class_table
from common.report.tables import claims_table
from loss_sensitivity import Sensitivities, kept, study

TITLE = "Loss-sensitivity of classes"


def report(runs, call):
    """Figure 4 in three norms, its numbers and the verdicts."""
    records, store = [run.record for run in runs], call.store
    records, arrays = kept(records, store)
    return {
        **{f"classes_{norm}": class_figure(records, arrays, norm, TITLE) for norm in NORMS},
        "classes": class_table(records, arrays, TITLE),
        "claims": claims_table(class_findings(records, arrays), TITLE),
    }


STUDY = study("class_loss_sensitivity", Sensitivities(unique=(False,)), report)

if __name__ == "__main__":
    STUDY.main(__doc__)
