"""Do the findings hang on what the paper leaves open? Critical samples and loss-sensitivity, measured in other ways.

Claim:     Arpit et al. (2017): other radii "did not change results qualitatively"; how long the search is, which loss
           is differentiated and whether an example counts where it stands in that loss itself they do not say
Run:       python experiments/open_choices.py [--preset small] [--radius 0.15 0.3 0.6] [--loss batch] [--seeds 0 1 2]
Expected:  more critical samples for random inputs and labels than for real data, and a higher Gini coefficient on real
           data than on random inputs, in every row
Result:    two tables under results/open_choices/; lines in critical_samples.jsonl and sensitivity_choices.jsonl beside
           the runs, which are those of critical_sample_ratio.py and loss_sensitivity.py: train these first, since here
           no network on the way is kept
Time:      --preset small takes about ten minutes a seed on two cores where the runs are there
Deviations: those of critical_sample_ratio.py and loss_sensitivity.py
"""

from common.papers.arpit.open_choices import STUDY

if __name__ == "__main__":
    STUDY.main(__doc__)
