"""Which pixels decide? Integrated gradients through networks fitted to true labels, random labels, random inputs.

Claim:     none of Zhang et al. (2017); a question of ours beside its Figure 1: do networks that fit noise look
           elsewhere than those that learn, and do two that differ in their seeds alone look at the same?
Run:       python experiments/attributions.py [--preset small] [--seeds 0 1 2]
Expected:  nothing published
Measured:  results/published/*.html, with n, interval, hardware and commit, where it has been
Result:    pictures, the share of attribution on the digit, and rank correlations between seeds, over training, under
           results/attributions/; PyTorch only, since Keras gives no gradients of inputs
Time:      --preset small takes about half an hour on two cores; --list says it for each run
"""

from common.papers.zhang.attributions import STUDY

if __name__ == "__main__":
    STUDY.main(__doc__)
