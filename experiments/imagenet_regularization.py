"""Table 2 on ImageNet: Inception v3 on true and random labels with and without explicit regularizers.

Claim:     Zhang et al. (2017), Table 2: random labels are fitted there, too; regularizers lower that and do not prevent
           it; without any the network still generalizes
Run:       torchrun --nproc-per-node 8 experiments/imagenet_regularization.py [--seeds 0 1 2] [--preset medium | small]
           or --processes 8 [--scheduler tcp://HOST:PORT], whose workers offer --resources GPU=8
Expected:  the table's numbers, beside ours in results/imagenet_regularization/table.md, the best test in brackets
Measured:  results/published/*.html, with n, interval, hardware and commit, where it has been
Time:      made for GPUs; --list estimates it where like runs are on record
Deviations: common/papers/zhang/imagenet.py says what the paper leaves open
"""

from common.papers.zhang.imagenet import REGULARIZATION

if __name__ == "__main__":
    REGULARIZATION.main(__doc__)
