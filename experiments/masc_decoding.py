"""What do the layers of a memorizing network still know? Class subspaces of every layer against the network itself.

Claim:     Ketha & Ramaswamy (2025), arXiv 2501.14687: subspaces of a layer, fitted on the corrupted labels that the
           network memorized, classify the test set better than the network, the more so the more labels are corrupted;
           subspaces of the true labels do better still; where all labels are random they are at chance. Controls
           are subspaces of untrained networks, of raw inputs and of networks trained on true labels
Run:       python experiments/masc_decoding.py [--preset small --precision bfloat16]
               [--models mlp4 cnn resnet18] [--datasets mnist] [--seeds 0 1 2]
Expected:  the orders above; published numbers, beside the measured ones, are of whole training sets
Measured:  results/published/*.html, with n, interval, hardware and commit, where it has been
Result:    figures, tables and verdicts under results/masc_decoding/; read-outs beside each run
Time:      made for a GPU; so run, the small preset takes 1 to 3 minutes a run on two cores, read-out included
Deviations: layers are chosen on held-out training examples, the papers' choice on test data is beside it; the control
           on clean networks uses the labels that the corrupted runs were trained on; common/papers/decoding/recipes.py
"""

from common.papers.decoding.subspaces import STUDY

if __name__ == "__main__":
    STUDY.main(__doc__)
