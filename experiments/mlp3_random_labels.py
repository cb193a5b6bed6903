"""MLP 3x512 on CIFAR-10 with random labels: the same network and recipe fit pure noise.

Claim:     Zhang et al. (2017), Table 1, MLP 3x512 on random labels: near-perfect training accuracy, test at chance
Run:       python experiments/mlp3_random_labels.py [--framework torch] [--seed 1] [--smoke]
Expected:  training accuracy 100 %, test accuracy 10.48 %
Measured:  in results/published/*.html, with n, interval, hardware and commit
Time:      about 4 minutes for 60 epochs of CIFAR-10 on two cores, 6 in PyTorch
Deviations: the paper states neither epochs nor initial weights; here 60 epochs and Glorot uniform weights
"""

from common.papers.zhang.recipes import mlp
from common.study import run

if __name__ == "__main__":
    run(__doc__, mlp("mlp3", "random_labels"))
