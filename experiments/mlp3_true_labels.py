"""MLP 3x512 on CIFAR-10 with its true labels: fitted perfectly, and about half of the test set right.

Claim:     Zhang et al. (2017), Table 1, MLP 3x512 without regularization: it interpolates, and generalizes
Run:       python experiments/mlp3_true_labels.py [--framework torch] [--seed 1] [--smoke]
Expected:  training accuracy 100 %, test accuracy 52.39 %
Measured:  in results/published/*.html, with n, interval, hardware and commit
Time:      about 4 minutes for 60 epochs of CIFAR-10 on two cores, 6 in PyTorch
Deviations: the paper states neither epochs nor initial weights; here 60 epochs and Glorot uniform weights
"""

from common.papers.zhang.recipes import mlp
from common.study import run

if __name__ == "__main__":
    run(__doc__, mlp("mlp3", "true_labels"))
