"""Do subspaces know more than simple probes? Seven classifiers on the same layers, fitted on the same corrupted labels.

Claim:     Ketha & Ramaswamy (2025), arXiv 2501.14687: logistic regression and nearest neighbours overfit corrupted
           labels in late layers. Their comparison speaks against the subspaces too: nearest class means and quadratic
           discriminant analysis are often better
Run:       python experiments/probe_baselines.py [--preset small --precision bfloat16]
               [--models mlp4] [--datasets mnist] [--seeds 0 1 2]
Expected:  at 80 % corruption nearest class mean or quadratic discriminant analysis at least as good as the subspaces,
           logistic regression far below them in the last hidden layer
Measured:  results/published/*.html, with n, interval, hardware and commit, where it has been
Result:    figure, table and verdicts under results/probe_baselines/; the runs are those of masc_decoding.py
Time:      one to four minutes for each network of the small preset, once it is trained
Deviations: layers are chosen on held-out training examples; common/analysis/probes.py says how each probe is set
"""

from common.papers.decoding.probes import BASELINES_STUDY as STUDY

if __name__ == "__main__":
    STUDY.main(__doc__)
