"""AlexNet on ImageNet: with its regularizers on true and on random labels.

Claim:     Zhang et al. (2017), Table 2, cites 83.6 % of five guesses for Krizhevsky et al.'s; torchvision's has 79.07 %
Run:       torchrun --nproc-per-node 8 experiments/imagenet_alexnet.py [--seeds 0 1 2] [--preset medium | small]
Result:    results/imagenet_alexnet/table.md
Time:      made for GPUs; --list estimates it where like runs are on record
Deviations: torchvision's network and recipe, with dropout after hidden layers, not before; not the grouped original
"""

from common.papers.zhang.imagenet import ALEXNET_STUDY

if __name__ == "__main__":
    ALEXNET_STUDY.main(__doc__)
