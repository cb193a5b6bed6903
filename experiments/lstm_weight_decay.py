"""LSTM on TREC's questions with weight decay: does explicit regularization change what is learned?

Claim:     as Zhang et al. (2017), Table 1, of image networks: fits as well, generalizes about as well
Run:       python experiments/lstm_weight_decay.py [--framework torch] [--seed 1] [--smoke]
Expected:  training accuracy 99 % and more, test accuracy within some points of lstm_true_labels.py
Measured:  results/published/*.html, with n, interval, hardware and commit, where it has been
Time:      about a minute on two cores
Deviations: no paper gives a coefficient for this network; here 1e-4, as for the MLPs, on all kernels and the embedding
"""

from common.papers.language.recipes import lstm
from common.study import run

if __name__ == "__main__":
    run(__doc__, lstm("weight_decay"))
