"""Time to fit against label corruption: it grows, but only by a small factor.

Claim:     Zhang et al. (2017), Figure 1b: from 0 to 100 % corrupted labels small Inception needs 3.6 times as many
           epochs, small AlexNet 1.5 times, MLP 1x512 2 times
Run:       python experiments/convergence_slowdown.py [--preset small] [--precision bfloat16] [--models alexnet]
Expected:  the published ratios, drawn dashed; time to fit grows with corruption
Measured:  results/published/*.html, with n, interval, hardware and commit, where it has been
Result:    figure, table and verdicts under results/convergence_slowdown/; the runs are those of
           generalization_error_growth.py
Time:      made for a GPU; --preset small takes about an hour on two cores with bfloat16
Deviations: fitted means a training loss of at most 0.05, which gives the published ratios on the published curves
"""

from common.papers.zhang.corruption import SLOWDOWN

if __name__ == "__main__":
    SLOWDOWN.main(__doc__)
