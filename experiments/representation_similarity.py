"""Do networks trained on data and on noise represent digits alike? Linear CKA and SVCCA between all of their layers.

Claim:     none with a number: a replication of Arpit et al. (2017) compares layers of networks trained on real data, on
           random inputs and on random labels by SVCCA
Run:       python experiments/representation_similarity.py [--preset small --precision bfloat16]
               [--models mlp3 cnn] [--seeds 0 1 2]
Expected:  two seeds on true labels are alike in all layers, more than networks trained on different things, and these
           the less, the later the layer
Measured:  results/published/*.html, with n, interval, hardware and commit, where it has been
Result:    heat maps (layer x layer) and a table under results/representation_similarity/; similarity_*.jsonl beside the
           runs, which are those of representation_statistics.py
Time:      made for a GPU; so run, the small preset takes one to five minutes a run on two cores, ten seconds a pair
Deviations: 2,000 test digits, the same for all. SVCCA keeps directions with 99 % of the variance, up to some hundreds:
           the table has beside it what it would be by chance. Two seeds of one setting are the reference; pairs that
           start from the same weights stand apart, for these alone make layers alike
"""

from common.papers.decoding.representation import SIMILARITY_STUDY as STUDY

if __name__ == "__main__":
    STUDY.main(__doc__)
