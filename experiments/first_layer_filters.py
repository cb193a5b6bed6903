"""First-layer filters of a CNN fitted to real and to random labels, beside untrained ones.

Claim:     Arpit et al. (2017), Figure 2: networks fitted to random labels learn filters with structure too, so that
           they use patterns that examples share
Run:       python experiments/first_layer_filters.py [--preset small] [--seeds 0 1 2]
Expected:  lower spatial frequencies than untrained filters have, lower still for real labels; the paper shows pictures
Measured:  results/published/*.html, with n, interval, hardware and commit, where it has been
Result:    pictures, spectral centroids and verdict under results/first_layer_filters/; critical_sample_ratio.py shares
           its runs
Time:      made for a GPU; --preset small takes three minutes a seed on two cores
"""

from common.papers.arpit.filters import STUDY

if __name__ == "__main__":
    STUDY.main(__doc__)
