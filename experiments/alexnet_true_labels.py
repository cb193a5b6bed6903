"""Small AlexNet on CIFAR-10 with no explicit regularizer: it fits, and generalizes.

Claim:     Zhang et al. (2017), Table 1, AlexNet, no regularizer
Run:       python experiments/alexnet_true_labels.py [--preset small] [--precision bfloat16]
Expected:  training accuracy 100 %, test accuracy 76.07 %
Measured:  results/published/*.html, with n, interval, hardware and commit, where it has been
Time:      made for a GPU; --preset small in bfloat16: 4 to 5 minutes on two cores; open choices: recipes.py
"""

from common.papers.zhang.tables import row

if __name__ == "__main__":
    row(__doc__, "alexnet", "true_labels")
