"""Training and test accuracy with and without explicit regularizers: they help, and are not what generalization needs.

Claim:     Zhang et al. (2017), Table 1: every model fits with the regularizers that it has rows for, random crops and
           weight decay, and without; it then still generalizes, at most 5.2 points worse; random labels are fitted
Run:       python experiments/explicit_regularization.py [--preset small] [--precision bfloat16] [--seeds 0 1 2]
Expected:  the table's numbers, beside ours in results/explicit_regularization/table.md
Measured:  results/published/*.html, with n, interval, hardware and commit, where it has been
Time:      made for a GPU; --list estimates it where like runs are on record
Deviations: the paper states neither epochs, initial weights nor weight decay: common/papers/zhang/recipes.py says ours
"""

from common.papers.zhang.tables import TABLE_1

if __name__ == "__main__":
    TABLE_1.main(__doc__)
