"""How complex is what a network has learned? Shares of examples with a decision boundary nearby, over training.

Claim:     Arpit et al. (2017), section 4, Figures 7 to 9: more held-out examples are critical, with another predicted
           class within 0.3 of 255 of every pixel, the more of the training set is noise; with random labels validation
           accuracy peaks before the noise is fitted, then falls while this ratio rises. Krueger et al. (2017): the
           largest eigenvalue of the Hessian grows with noise
Run:       python experiments/critical_sample_ratio.py [--preset small] [--models cnn2] [--seeds 0 1 2]
Expected:  these orders; no numbers are published
Measured:  results/published/*.html, with n, interval, hardware and commit, where it has been
Result:    figures, table and verdicts under results/critical_sample_ratio/; critical_samples.jsonl and sharpness.jsonl
           beside each run
Time:      made for a GPU; --preset small takes half an hour a seed on two cores
Deviations: held-out examples are clean; the small preset searches 500 of each kind, in 20 steps in place of 100
"""

from common.papers.arpit.critical_samples import STUDY

if __name__ == "__main__":
    STUDY.main(__doc__)
