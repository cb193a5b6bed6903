"""Learning curves of small Inception on true labels and five randomizations: it fits them all, the noisier the later.

Claim:     Zhang et al. (2017), Figure 1a: training error reaches 0 in every setting, and true labels are fitted first,
           then shuffled pixels, then Gaussian images and random pixels, random labels last
Run:       python experiments/randomization_learning_curves.py [--preset small] [--precision bfloat16] [--seeds 0 1 2]
Expected:  the published curves, drawn dashed, and the order above
Measured:  results/published/*.html, with n, interval, hardware and commit, where it has been
Result:    figure, epochs to fit and verdicts under results/randomization_learning_curves/
Time:      made for a GPU; --preset small takes 40 minutes a seed on two cores with bfloat16
Deviations: random pixels move whole, so that images keep their colours, as in public reproductions; since the published
           curve starts as if they did not, random scalars, a permutation of all values, are drawn beside it. The paper
           states neither epochs nor initial weights: common/papers/zhang/recipes.py says ours
"""

from common.papers.zhang.randomization import STUDY

if __name__ == "__main__":
    STUDY.main(__doc__)
