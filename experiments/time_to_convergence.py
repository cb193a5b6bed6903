"""How long does it take to fit noise? Epochs to 100 % training accuracy over capacity and over examples.

Claim:     Arpit et al. (2017), Figure 6: fewer units or more examples slow training down, noise more than real data;
           more units stop helping earlier on real data
Run:       python experiments/time_to_convergence.py [--preset small] [--widths 64 256] [--shares 0.2 1] [--seeds 0]
Expected:  steeper growth with examples, and more gain from the largest width, for noise; no numbers are published.
           The last per mille of real digits can take longer than all of the noise, so that the level may be reversed
Measured:  results/published/*.html, with n, interval, hardware and commit, where it has been
Result:    figure, table and verdicts under results/time_to_convergence/; capacity_and_noise.py shares runs with it
Time:      made for a GPU; --preset small takes ten minutes a seed on two cores
Deviations: the paper's widths, sizes and noise levels are unknown; noise is random inputs, as the caption says
"""

from common.papers.arpit.time_to_fit import STUDY

if __name__ == "__main__":
    STUDY.main(__doc__)
