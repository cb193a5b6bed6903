"""Small Inception on CIFAR-10 with random labels: the same network and recipe fit pure noise.

Claim:     Zhang et al. (2017), Table 1, Inception, random labels
Run:       python experiments/inception_random_labels.py [--preset small] [--precision bfloat16]
Expected:  training accuracy 100 %, test accuracy 9.78 %
Measured:  results/published/*.html, with n, interval, hardware and commit, where it has been
Time:      made for a GPU; --preset small in bfloat16: 10 to 30 minutes on two cores; open choices: recipes.py
"""

from common.papers.zhang.tables import row

if __name__ == "__main__":
    row(__doc__, "inception", "random_labels")
