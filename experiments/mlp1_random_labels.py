"""MLP 1x512 on CIFAR-10 with random labels: the same network and recipe fit pure noise.

Claim:     Zhang et al. (2017), Table 1, MLP 1x512 on random labels: near-perfect training accuracy, test at chance
Run:       python experiments/mlp1_random_labels.py [--framework torch] [--seed 1] [--smoke]
Expected:  training accuracy 99.34 %, test accuracy 10.61 %
Measured:  in results/published/*.html, with n, interval, hardware and commit
Time:      about 2 minutes for 60 epochs of CIFAR-10 on two cores
Deviations: the paper states neither epochs nor initial weights; here 60 epochs and Glorot uniform weights
"""

from common.papers.zhang.recipes import mlp
from common.study import run

if __name__ == "__main__":
    run(__doc__, mlp("mlp1", "random_labels"))
