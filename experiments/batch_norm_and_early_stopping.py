"""Implicit regularizers of small Inception: batch norm steadies learning, early stopping gains next to nothing.

Claim:     Zhang et al. (2017), Figure 2b and section 3.1: batch norm changes test accuracy by 3 to 4 points, and on
           CIFAR-10 early stopping has no potential benefit
Run:       python experiments/batch_norm_and_early_stopping.py [--preset small] [--precision bfloat16] [--seeds 0 1 2]
Expected:  the published curves, drawn dashed; best and final test accuracy nearly the same
Measured:  results/published/index.html, with n, interval, hardware and commit, where it has been
Result:    figure and verdicts under results/batch_norm_and_early_stopping/
Time:      made for a GPU; --preset small takes 20 minutes on two cores with bfloat16
Deviations: early stopping is recorded, not applied; weights start as Glorot uniform, which the paper does not state
"""

from dataclasses import dataclass

from common.report.tables import claims_table
from common.report.zhang_claims import batch_norm_findings, early_stopping_findings
from common.report.zhang_figures import batch_norm_curves
from common.study import Seeds, Study
from configs import BASE, fields, shown

TITLE = "Batch norm and early stopping: small Inception"


@dataclass(frozen=True)
class Models(Seeds):
    """Figure 2b."""

    def rows(self, preset):
        models = ("inception", "inception_without_batch_norm")
        # past the epoch of the best test accuracy
        whole = {"epochs": 30, "stop_loss": None} if preset == "small" else {}
        return [{"batch_norm": True, **fields(model, "true_labels", preset), **whole} for model in models]


def report(runs, call):
    """Figure 2b and what becomes of its claims."""
    records, store = [run.record for run in runs], call.store
    histories = store.histories(records)
    return {
        "accuracy": batch_norm_curves(records, histories, TITLE),
        "claims": claims_table([*batch_norm_findings(records), *early_stopping_findings(records)], TITLE),
    }


STUDY = Study("batch_norm_and_early_stopping", Models(), BASE, report, check=shown(["true_labels"]))

if __name__ == "__main__":
    STUDY.main(__doc__)
