"""What do the layers of a network know before it is trained? Class subspaces of untrained networks.

Claim:     Ketha & Ramaswamy (2026), arXiv 2603.19865, tables of their code: class subspaces of untrained layers, fitted
           on corrupted labels, classify the test set; of MLPs at 80 % corruption, better than after training
Run:       python experiments/untrained_networks.py [--models mlp4 cnn] [--datasets mnist] [--seeds 0 1 2]
Expected:  on MNIST the MLP's best hidden layer is right on 88.03 % (true labels) to 85.88 % (80 % corrupted) of the
           test set; every published number stands beside the measured one
Measured:  results/published/*.html, with n, interval, hardware and commit, where it has been
Result:    a figure and a table under results/untrained_networks/; read-outs beside each run. The statement that
           compares them with trained networks is masc_decoding.py's
Time:      nothing is trained; a read-out of a whole training set takes up to four minutes of a core, on CIFAR-10
Deviations: 500 training examples are held out, to choose layers on; the papers choose them on test data, as beside it.
           The CNN is the papers' own, from torch.manual_seed(0); from which numbers their MLPs start is not known
"""

from common.papers.decoding.untrained import STUDY

if __name__ == "__main__":
    STUDY.main(__doc__)
