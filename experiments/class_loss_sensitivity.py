"""Whose examples does the loss of a class depend on? Gradients of each class's loss with the examples of each class.

Claim:     Arpit et al. (2017), Figure 4: most on the examples of the same class; on real data relatively more on those
           of other classes than on random inputs, so that classes share patterns
Run:       python experiments/class_loss_sensitivity.py [--preset small] [--seeds 0 1 2 3 4]
Expected:  that order; no numbers are published
Measured:  results/published/*.html, with n, interval, hardware and commit, where it has been
Result:    heat maps, table and verdicts under results/class_loss_sensitivity/; loss_sensitivity.py shares its runs
Time:      --preset small (1,000 steps) takes a minute a run on two cores
Deviations: those of loss_sensitivity.py
"""

from common.papers.arpit.sensitivity import CLASS_STUDY as STUDY

if __name__ == "__main__":
    STUDY.main(__doc__)
