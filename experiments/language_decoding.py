"""What do the layers of a memorizing network that reads still know? Subspaces of mean embeddings and of last states.

Claim:     as Ketha & Ramaswamy (2025, 2026) of image networks: subspaces of a layer, fitted on the corrupted labels,
           classify the test set better than the network; those of true labels better still; both peak early.
           Controls are untrained networks, those trained on true labels, and word counts, which need no network
Run:       python experiments/language_decoding.py [--preset small] [--datasets trec] [--models lstm]
Expected:  the orders above; no numbers are published
Measured:  results/published/*.html, with n, interval, hardware and commit, where it has been
Result:    figures, tables and verdicts under results/language_decoding/; read-outs beside each run
Time:      made for a GPU; with --preset small a run takes some minutes on two cores, read-out included
Deviations: layers are chosen on held-out training texts; labels are corrupted by uniform classes, for all seeds alike
"""

from common.papers.language.decoding import STUDY

if __name__ == "__main__":
    STUDY.main(__doc__)
