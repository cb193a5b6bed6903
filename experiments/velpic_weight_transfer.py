"""Can what a layer knows be given back to its network? VeLPIC's class vectors as output weights, then trained on.

Claim:     Ketha & Ramaswamy (2026), arXiv 2603.19865: with its output weights replaced by the principal direction of
           each class in the last hidden layer, found with the corrupted labels alone, a memorizing network classifies
           the test set better at once, without training; trained on, it memorizes more slowly. The control goes on
           from the same epoch with an output layer that is drawn anew. In a submission of 2025: an MLP that starts
           from such weights memorizes less than from drawn ones
Run:       python experiments/velpic_weight_transfer.py [--preset small --precision bfloat16]
               [--models mlp4 resnet18] [--datasets mnist]
Expected:  test accuracy far above the memorizing network's at 80 % corruption, slightly below the clean one's at 0
Measured:  results/published/*.html, with n, interval, hardware and commit, where it has been
Result:    saved_models/RUN_ID-velpic.h5 or .pt; of networks that are trained on RUN_ID-epoch0040-velpic and, for the
           control, -redrawn (epoch0008 with the small preset), of the untrained MLP RUN_ID-epoch0000-start; figure,
           table and verdicts under results/velpic_weight_transfer/
Time:      with --preset small two or three minutes for each network beside its training
Deviations: biases become 0, as in the paper's first variant; the optimizer starts anew, and the small preset's
           falling learning rate with it; that preset edits after 8 of 60 epochs, where the paper does after 40 of
           about 300
"""

from common.papers.decoding.transfer import EDITING_STUDY as STUDY

if __name__ == "__main__":
    STUDY.main(__doc__)
