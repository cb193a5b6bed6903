"""Does noise call for capacity? Validation accuracy of MLPs over their width, with more and more noise examples.

Claim:     Arpit et al. (2017), Figure 5 and section 3.3.1: on real data a network is about as good at 4,096 units as it
           gets; the more examples are random inputs, the more units the best one has; with those examples removed fewer
           suffice. For random labels on CIFAR-10 the paper sees no relation
Run:       python experiments/capacity_and_noise.py [--preset small] [--widths 64 256] [--seeds 0 1 2]
Expected:  width gains more test accuracy the more noise there is; no numbers are published
Measured:  results/published/*.html, with n, interval, hardware and commit, where it has been
Result:    figure, table and verdicts under results/capacity_and_noise/; time_to_convergence.py shares runs with it
Time:      made for a GPU; --preset small takes an hour a seed on two cores
Deviations: the paper's widths and noise levels are unknown; runs end at 100 % training accuracy or after
           the preset's epochs; "without the noise examples" means as many real digits, sampled and held out anew
"""

from common.papers.arpit.capacity import STUDY

if __name__ == "__main__":
    STUDY.main(__doc__)
