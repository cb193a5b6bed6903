"""Implicit regularizers of small Inception: batch norm steadies learning, early stopping gains next to nothing.

Claim:     Zhang et al. (2017), Figure 2b and section 3.1: batch norm changes test accuracy by 3 to 4 points, and on
           CIFAR-10 early stopping has no potential benefit
Run:       python experiments/batch_norm_and_early_stopping.py [--preset small] [--precision bfloat16] [--seeds 0 1 2]
Expected:  the published curves, drawn dashed; best and final test accuracy nearly the same
Measured:  results/published/*.html, with n, interval, hardware and commit, where it has been
Result:    figure and verdicts under results/batch_norm_and_early_stopping/
Time:      made for a GPU; --preset small takes 20 minutes on two cores with bfloat16
Deviations: early stopping is recorded, not applied; weights start as Glorot uniform, which the paper does not state
"""

from common.papers.zhang.batch_norm import STUDY

if __name__ == "__main__":
    STUDY.main(__doc__)
