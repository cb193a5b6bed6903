"""Test error of fitted networks against label corruption: it grows steadily to chance.

Claim:     Zhang et al. (2017), Figure 1c: small Inception, small AlexNet and MLP 1x512, trained to convergence, err on
           13, 30 and 50 % of the test set with true labels and on 90 % with random ones
Run:       python experiments/generalization_error_growth.py [--preset small] [--precision bfloat16] [--models alexnet]
Expected:  the published errors, drawn dashed: against test labels corrupted like the training labels
Measured:  results/published/index.html, with n, interval, hardware and commit, where it has been
Result:    figure, table and verdicts under results/generalization_error_growth/; the runs are those of
           convergence_slowdown.py
Time:      made for a GPU; --preset small takes about an hour on two cores with bfloat16
"""

from common.report import zhang_figures
from common.report.tables import claims_table
from common.report.zhang import LABELS, corruption_rows, corruption_table
from common.report.zhang_claims import error_findings
from common.study import Study
from configs import BASE, Fractions, shown

TITLE = "Test error against label corruption"


def report(runs, call):
    """Figure 1c, on equally corrupted and on true test labels, its table, and what becomes of its claims."""
    records, store = [run.record for run in runs], call.store
    rows = corruption_rows(records, store.histories(records))
    return {
        "test_error": zhang_figures.generalization_error(rows, TITLE),
        "table": corruption_table(rows),
        "claims": claims_table(error_findings(rows), TITLE),
    }


STUDY = Study("generalization_error_growth", Fractions(), BASE, report, check=shown(LABELS))

if __name__ == "__main__":
    STUDY.main(__doc__)
