"""Early stopping on ImageNet: without augmentation test accuracy falls after its best epoch.

Claim:     Zhang et al. (2017), Figure 2a and Table 2: the best epoch has 3 to 5 points more than the last
Run:       torchrun --nproc-per-node 8 experiments/imagenet_early_stopping.py [--seeds 0 1 2] [--preset medium | small]
Expected:  what the published curves end at, drawn dashed; the runs are three of imagenet_regularization.py
Measured:  results/published/*.html, with n, interval, hardware and commit, where it has been
Result:    figure and verdicts under results/imagenet_early_stopping/
Time:      made for GPUs; --list estimates it where like runs are on record
Deviations: early stopping is recorded, not applied; common/papers/zhang/imagenet.py says what the paper leaves open
"""

from common.papers.zhang.imagenet import EARLY_STOPPING

if __name__ == "__main__":
    EARLY_STOPPING.main(__doc__)
