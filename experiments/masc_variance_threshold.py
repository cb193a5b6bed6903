"""How many principal components should a class subspace have? Four shares of the variance, and a single component.

Claim:     Ketha & Ramaswamy (2025), arXiv 2501.14687, take 99 % of the variance; their own ablation speaks against it:
           at 80 % corrupted labels fewer components classify better by ten points and more
Run:       python experiments/masc_variance_threshold.py [--preset small --precision bfloat16]
               [--models mlp4] [--datasets mnist]
Expected:  at 80 % corruption 75 % of the variance, or one component, above 99 %
Measured:  results/published/*.html, with n, interval, hardware and commit, where it has been
Result:    figure, table and verdicts under results/masc_variance_threshold/; the runs are those of masc_decoding.py
Time:      a minute for each network of the small preset, once it is trained
Deviations: threshold and layer are chosen on held-out training examples; the papers show every threshold on test data
"""

from common.papers.decoding.probes import COMPONENTS_STUDY as STUDY

if __name__ == "__main__":
    STUDY.main(__doc__)
