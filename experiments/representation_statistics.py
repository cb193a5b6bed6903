"""Do weights and activations show what a network was trained on? Real digits, random labels, random inputs.

Claim:     none with a number: Arpit et al. (2017) find that networks fit noise otherwise than data; a replication of
           theirs compares mean, variance, skewness, kurtosis and sparsity of weights and activations over training
Run:       python experiments/representation_statistics.py [--preset small --precision bfloat16]
               [--models mlp3 cnn] [--seeds 0 1 2]
Expected:  one start; then the variance of the weights grows more where noise is memorized than where digits are learned
Measured:  results/published/*.html, with n, interval, hardware and commit, where it has been
Result:    figures of the last hidden layer, table of all under results/representation_statistics/; statistics.jsonl
           beside each run
Time:      made for a GPU; so run, the small preset takes one to five minutes a run on two cores, the statistics seconds
Deviations: networks, recipes and epochs are ours, the CNN's those of common/papers/decoding/recipes.py; activations are
           those on the test set, which is real digits for networks that were trained on random inputs too
"""

from common.papers.decoding.representation import STATISTICS_STUDY as STUDY

if __name__ == "__main__":
    STUDY.main(__doc__)
