"""MLP 3x512 on CIFAR-10 with weight decay: explicit regularization changes little.

Claim:     Zhang et al. (2017), Table 1, MLP 3x512 with weight decay: fits as well, generalizes about as well
Run:       python experiments/mlp3_weight_decay.py [--framework torch] [--seed 1] [--smoke]
Expected:  training accuracy 100 %, test accuracy 53.35 %
Measured:  in results/published/*.html, with n, interval, hardware and commit
Time:      about 4 minutes for 60 epochs of CIFAR-10 on two cores, 6 in PyTorch
Deviations: the paper gives no coefficient; here 1e-4, as in its first author's pluskid/fitting-random-labels. It
           states neither epochs nor initial weights; here 60 epochs and Glorot uniform weights
"""

from common.papers.zhang.recipes import mlp
from common.study import run

if __name__ == "__main__":
    run(__doc__, mlp("mlp3", "weight_decay"))
