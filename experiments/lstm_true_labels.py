"""LSTM on TREC's questions with their true labels: fitted perfectly, and most of the test set right.

Claim:     as Zhang et al. (2017), Table 1, of image networks: it interpolates, and generalizes; published of other
           networks that read: 91.8-92.0 % of the test set
Run:       python experiments/lstm_true_labels.py [--framework torch] [--model bow] [--seed 1] [--smoke]
Expected:  training accuracy 99 % and more, test accuracy 84-90 %
Measured:  results/published/*.html, with n, interval, hardware and commit, where it has been
Time:      about a minute on two cores
Deviations: no paper trained this network on random labels; the recipe is common/papers/language/recipes.py's. IMDB is
           --dataset imdb --length 100 --vocabulary 5000 --validation-size 2500
"""

from common.papers.language.recipes import lstm
from common.study import run

if __name__ == "__main__":
    run(__doc__, lstm("true_labels"))
