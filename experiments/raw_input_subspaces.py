"""What do class subspaces know where there is no network? Those of raw inputs, fitted on corrupted labels.

Claim:     Ketha & Ramaswamy (2025), arXiv 2501.14687, result files: 94 numbers that need no training, of subspaces of
           the raw images of MNIST, Fashion-MNIST and CIFAR-10 at all degrees of corruption and thresholds of variance,
           of their components, and of the share of labels that corruption leaves as they were
Run:       python experiments/raw_input_subspaces.py
Expected:  the published values: nothing is drawn but the labels, which the papers' own rule draws
Measured:  results/published/computations/raw_input_subspaces-*/record.json
Result:    records under results/computations/, a table under results/raw_input_subspaces/
Time:      a quarter of an hour on one core, most of it for CIFAR-10
"""

from common.papers.decoding.raw_inputs import STUDY

if __name__ == "__main__":
    STUDY.main(__doc__)
