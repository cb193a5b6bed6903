"""Wide ResNet 28-1 on CIFAR-10 with random labels: 369,498 parameters are enough to fit 50,000 of them.

Claim:     the demonstration by Zhang et al.'s first author (github.com/pluskid/fitting-random-labels)
Run:       python experiments/wide_resnet_random_labels.py [--preset small] [--precision bfloat16] [--smoke]
Expected:  training accuracy 100 % soon after the learning rate falls at epoch 150, test accuracy 10 %
Measured:  results/published/*.html, with n, interval, hardware and commit, where it has been
Time:      made for a GPU
Deviations: initial weights are Glorot's, weight decay is on kernels alone
"""

from common.papers.zhang.recipes import WIDE_RESNET, WIDE_RESNET_SMALL
from common.study import run

if __name__ == "__main__":
    run(__doc__, WIDE_RESNET, WIDE_RESNET_SMALL)
