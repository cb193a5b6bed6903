"""Small AlexNet on CIFAR-10 with random crops: the regularizer that helps most.

Claim:     Zhang et al. (2017), Table 1, AlexNet, random crop
Run:       python experiments/alexnet_random_crop.py [--preset small] [--precision bfloat16]
Expected:  training accuracy 99.82 %, test accuracy 79.66 %
Measured:  results/published/*.html, with n, interval, hardware and commit, where it has been
Time:      made for a GPU; --preset small in bfloat16: 4 to 5 minutes on two cores; open choices: recipes.py
"""

from common.papers.zhang.tables import row

if __name__ == "__main__":
    row(__doc__, "alexnet", "random_crop")
