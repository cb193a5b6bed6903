"""Which regularizer hinders memorization without hindering learning? Six of them, on real and on random labels.

Claim:     Arpit et al. (2017), Figures 10 and 11: dropout lowers the training accuracy on random labels most at the
           same validation accuracy on real data, with adversarial training on critical samples more still; regularizers
           rank differently by training loss on real and on random labels
Run:       python experiments/regularized_memorization.py [--preset small] [--techniques dropout] [--seeds 0 1 2]
Expected:  these orders; no numbers are published
Measured:  results/published/*.html, with n, interval, hardware and commit, where it has been
Result:    figures, table and verdicts under results/regularized_memorization/
Time:      made for a GPU; --preset small takes an hour on two cores
Deviations: only the ranges of the strengths are published; where dropout and noise go (after fully connected layers),
           the loss of adversarial training and the steps of its search are not: Config says what is done. That loss is
           over all points that the search ends at, whether or not they are critical, which count in batch norm's moving
           statistics too, and the search takes 10 steps (2 in the small preset) where that of its authors takes 100
"""

from common.papers.arpit.regularizers import STUDY

if __name__ == "__main__":
    STUDY.main(__doc__)
