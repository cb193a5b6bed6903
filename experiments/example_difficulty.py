"""Are some examples harder than others? One epoch of 100 networks on real data, random inputs and random labels.

Claim:     Arpit et al. (2017), Figure 1: which examples are learned in the first epoch is about the same in all
           networks for real data; random inputs are all equally difficult; images with random labels are not,
           but differ far less than real ones
Run:       python experiments/example_difficulty.py [--preset small] [--seeds 0 1 2 ...] [--datasets cifar10]
Expected:  dispersion 1 for random inputs, above 1 for random labels, far above for real data; no numbers are published
Measured:  results/published/*.html, with n, band, hardware and commit, where it has been
Result:    figures, tables and verdicts under results/example_difficulty/; example_table.py makes a table of examples
Time:      made for a GPU; --preset small (10,000 examples, width 256) takes some minutes on two cores
Deviations: training sets hold as many examples of each class, since with MNIST's frequencies the networks' preference
           for frequent classes alone makes examples differ
"""

from common.papers.arpit.difficulty import STUDY

if __name__ == "__main__":
    STUDY.main(__doc__)
