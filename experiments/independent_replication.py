"""MLPs on MNIST with random inputs beside an independent replication whose logs are public.

Claim:     github.com/csdai0324/MLDS2017FinalProject: an MLP with two layers of 16 units that sees a share p of random
           inputs fits about its accuracy on real digits times 1 - p, and loses little test accuracy
Run:       python experiments/independent_replication.py [--preset small] [--widths 16] [--seeds 0 1 2]
Expected:  training accuracy 96.8, 81.0, 64.8, 48.1, 33.8, 15.7 % at 16 units and 0, 20, 40, 60, 80, 100 % random inputs
Measured:  results/published/*.html, with n, interval, hardware and commit, where it has been
Result:    table and learning curves under results/independent_replication/
Time:      --preset small (width 16; full size, 1,000 epochs) takes half an hour on two cores; other widths hours
Deviations: none known; their recipe is in their logs: SGD 0.01 without momentum, batches of 1,024, pixels / 255
"""

from common.papers.arpit.replication import STUDY

if __name__ == "__main__":
    STUDY.main(__doc__)
