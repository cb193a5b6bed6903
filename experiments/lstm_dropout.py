"""LSTM on TREC's questions with dropout before the logits: does it change what is learned?

Claim:     as Zhang et al. (2017), section 3, of image networks: explicit regularization may help and is not needed
Run:       python experiments/lstm_dropout.py [--framework torch] [--seed 1] [--smoke]
Expected:  training accuracy 99 % and more, test accuracy within some points of lstm_true_labels.py
Measured:  results/published/*.html, with n, interval, hardware and commit, where it has been
Time:      about a minute on two cores
Deviations: no paper did it for this network; here a rate of 0.5, as in Kim (2014) and in Keras' example
"""

from common.papers.language.recipes import lstm
from common.study import run

if __name__ == "__main__":
    run(__doc__, lstm("dropout"))
