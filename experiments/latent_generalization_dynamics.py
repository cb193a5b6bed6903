"""When does a network know most? Network and layers over training on corrupted labels, against early stopping.

Claim:     Ketha & Ramaswamy (2026), arXiv 2603.19865: what layers know peaks early, with the network's own accuracy;
           as labels are memorized the network falls steeply and the layers modestly. Against the use of it speaks that
           the network at its best epoch is better than the layers of the memorizing network
Run:       python experiments/latent_generalization_dynamics.py [--preset small --precision bfloat16]
               [--fractions 0.8] [--seeds 0 1 2]
Expected:  early peaks; at the end layers above the network; early stopping above both
Measured:  results/published/*.html, with n, interval, hardware and commit, where it has been
Result:    curves, heat maps (layer x epoch), table and verdicts under results/latent_generalization_dynamics/
Time:      made for a GPU; so run, the small preset takes about 5 minutes a run on two cores, with 14 read-outs
Deviations: early stopping and layers are chosen on held-out examples with corrupted labels, the papers' on test data;
           networks are kept at the papers' epochs: 0, 1, 2, every second to 20, then every fifth
"""

from common.papers.decoding.dynamics import STUDY

if __name__ == "__main__":
    STUDY.main(__doc__)
