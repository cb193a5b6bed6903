"""Test error of fitted networks against label corruption: it grows steadily to chance.

Claim:     Zhang et al. (2017), Figure 1c: small Inception, small AlexNet and MLP 1x512, trained to convergence, err on
           13, 30 and 50 % of the test set with true labels and on 90 % with random ones
Run:       python experiments/generalization_error_growth.py [--preset small] [--precision bfloat16] [--models alexnet]
Expected:  the published errors, drawn dashed: against test labels corrupted like the training labels
Measured:  results/published/*.html, with n, interval, hardware and commit, where it has been
Result:    figure, table and verdicts under results/generalization_error_growth/; the runs are those of
           convergence_slowdown.py
Time:      made for a GPU; --preset small takes about an hour on two cores with bfloat16
"""

from common.papers.zhang.corruption import ERROR_GROWTH

if __name__ == "__main__":
    ERROR_GROWTH.main(__doc__)
