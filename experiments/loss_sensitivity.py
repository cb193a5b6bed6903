"""On how many examples does training depend? Gradients of the loss with each example, through all steps before.

Claim:     Arpit et al. (2017), Figure 3: the loss during training is sensitive to a part of the real examples only, and
           to nearly all random inputs, so that the Gini coefficient of the sensitivity is higher on real data; also
           where each example has a class of its own
Run:       python experiments/loss_sensitivity.py [--preset small] [--seeds 0 1 2 3 4]
Expected:  that order; no numbers are published
Measured:  results/published/*.html, with n, interval, hardware and commit, where it has been
Result:    figures, table and verdicts under results/loss_sensitivity/; loss_sensitivity.npz beside each run, which
           class_loss_sensitivity.py shares
Time:      --preset small takes a minute a run on one core, where each example has a class (3,000 steps) four
Deviations: learning rate (0.1), batch (50) and number of steps are unknown; the loss that is differentiated is the mean
           over the training set
"""

from common.papers.arpit.sensitivity import STUDY

if __name__ == "__main__":
    STUDY.main(__doc__)
