"""Gradient descent from 0 finds the interpolating solution of least norm; from elsewhere it keeps its null-space part.

Claim:     Zhang et al. (2017), section 5: SGD's solution on a linear model is X' alpha with X X' alpha = y, of least
           norm, where it starts at 0 and interpolates
Run:       python experiments/gradient_descent_minimum_norm.py [--train-size 200] [--steps 131072]
Expected:  from 0 the norm rises to the least one; distances to X' K^-1 y fall to 0 as the closed form says
Measured:  results/published/*.html, with hardware and commit, where it has been
Result:    table and figure under results/gradient_descent_minimum_norm/
Time:      two minutes a draw on one core
"""

from common.papers.zhang.gradient_descent import STUDY

if __name__ == "__main__":
    STUDY.main(__doc__)
