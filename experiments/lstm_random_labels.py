"""LSTM on TREC's questions with random labels: does a network that reads memorize as one that looks does?

Claim:     as Zhang et al. (2017), Table 1, of image networks: near-perfect training accuracy, test at chance
Run:       python experiments/lstm_random_labels.py [--framework torch] [--model bow] [--seed 1] [--smoke]
Expected:  training accuracy 99 % and more, test accuracy near 17 %, one class of six
Measured:  results/published/*.html, with n, interval, hardware and commit, where it has been
Time:      about a minute on two cores
Deviations: questions that are equal after lower-casing are left out but one, since equal texts with different labels
           cannot be fitted; the recipe is common/papers/language/recipes.py's
"""

from common.papers.language.recipes import lstm
from common.study import run

if __name__ == "__main__":
    run(__doc__, lstm("random_labels"))
