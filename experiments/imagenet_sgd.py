"""Inception v3 on ImageNet by SGD at a rate of 0.1 in batches of 32: three settings of an older reproduction's logs.

Claim:     public logs of one run each: training 99.52 %, test 62.79 % without augmentation, 97.08 % and 69.80 % with
           flips and rotation by 25 degrees, 88.38 % and 57.79 % at a constant rate
Run:       torchrun --nproc-per-node 1 experiments/imagenet_sgd.py [--seeds 0 1 2] [--preset medium | small]
Expected:  the logs' numbers, beside ours in results/imagenet_sgd/table.md, the best test in brackets
Time:      made for GPUs; --list estimates it where like runs are on record
Deviations: momentum of 0.9, 60 epochs and initial weights are not stated there; no auxiliary head
"""

from common.papers.zhang.imagenet import SGD

if __name__ == "__main__":
    SGD.main(__doc__)
