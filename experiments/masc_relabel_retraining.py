"""Can a network be mended with what its layers know? Training labels from its own subspaces, then trained on.

Claim:     Ketha & Ramaswamy (2025), arXiv 2501.14687: the classes that a memorizing network's subspaces give to its
           training examples are cleaner labels than those it memorized; trained on with them it classifies better
Run:       python experiments/masc_relabel_retraining.py [--preset small --precision bfloat16]
               [--models mlp4] [--datasets mnist]
Expected:  wrong labels repaired, few right ones broken, test accuracy above the memorizing network's; no values of it
           are published
Measured:  results/published/*.html, with n, interval, hardware and commit, where it has been
Result:    saved_models/RUN_ID-PROBE-LAYER.npy, table and verdict under results/masc_relabel_retraining/
Time:      with --preset small about a minute for each network beside its training
Deviations: layer and threshold are chosen, and training stopped, on training examples held out from the network with
           the labels a user has; their code uses a fifth of the test set for that, and 99 % of the variance alone:
           where a class has fewer examples than the layer units, such subspaces give each example the label it has
"""

from common.papers.decoding.transfer import RELABELLING_STUDY as STUDY

if __name__ == "__main__":
    STUDY.main(__doc__)
