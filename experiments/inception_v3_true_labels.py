"""Inception v3 on ImageNet with true labels and no explicit regularizer.

Claim:     Zhang et al. (2017), Table 2: training 99.53 %, test 59.80 %, of five guesses 100 % and 80.38 %
Run:       torchrun --nproc-per-node 8 experiments/inception_v3_true_labels.py [--preset medium | small]
Data:      python -m common.data.datasets imagenet --source FOLDER --side 320; the presets train on Tiny ImageNet
Time:      made for GPUs; --preset small on one process takes minutes on two cores
Deviations: common/papers/zhang/imagenet.py says what the paper leaves open
"""

from common.papers.zhang.imagenet import fields, row

if __name__ == "__main__":
    row(__doc__, fields, "true_labels")
