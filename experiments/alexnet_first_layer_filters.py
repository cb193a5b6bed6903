"""First-layer filters of small AlexNet fitted to true and to random labels, as images.

Claim:     Zhang et al. (2017) fit both with one recipe; what the first layer makes of the images is there to be seen
Run:       python experiments/alexnet_first_layer_filters.py [--preset small] [--precision bfloat16]
Result:    results/alexnet_first_layer_filters/filters.png; the runs are those of alexnet_true_labels.py and
           alexnet_random_labels.py
Time:      made for a GPU; --preset small with bfloat16 takes 9 minutes on two cores
"""

from common.papers.zhang.filters import STUDY

if __name__ == "__main__":
    STUDY.main(__doc__)
