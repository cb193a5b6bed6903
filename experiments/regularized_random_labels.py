"""Random labels with regularizers switched on: they slow fitting down and rarely prevent it.

Claim:     Zhang et al. (2017), Table 4: with weight decay, random crops or flips and rotations random labels are still
           fitted (99.2 to 100 %); only small AlexNet with weight decay fails to converge
Run:       python experiments/regularized_random_labels.py [--preset small] [--precision bfloat16] [--seeds 0 1 2]
Expected:  the table's numbers, beside ours in results/regularized_random_labels/table.md
Measured:  results/published/*.html, with n, interval, hardware and commit, where it has been
Time:      made for a GPU; --list estimates it where like runs are on record
Deviations: with augmentation training accuracy is that of the augmented examples as they were trained on, as published;
           how many epochs, and the coefficients, the paper does not say: common/papers/zhang/recipes.py says ours
"""

from common.papers.zhang.tables import TABLE_4

if __name__ == "__main__":
    TABLE_4.main(__doc__)
