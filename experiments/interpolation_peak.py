"""Random convolutional features through the interpolation peak: double descent, and how a penalty flattens it.

Claim:     none of Zhang et al. (2017), whose solutions of least norm (section 5) have many more features than examples;
           with as many features as examples such a solution errs most (Belkin et al. 2019)
Run:       python experiments/interpolation_peak.py [--train-size 2000] [--seed 0]
Expected:  test error falls, rises to a peak at one feature for each example, and falls again below the first valley's;
           with a penalty there is no peak
Measured:  results/published/*.html, with n, interval, hardware and commit, where it has been
Result:    table and figure under results/interpolation_peak/
Time:      two minutes a seed on one core
"""

from common.papers.zhang.interpolation import STUDY

if __name__ == "__main__":
    STUDY.main(__doc__)
