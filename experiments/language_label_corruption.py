"""Time to fit and test error of networks that read, against label corruption in eleven steps.

Claim:     as Zhang et al. (2017), Figures 1b and 1c, of image networks: time to fit grows, but only by a small factor;
           the error on true labels grows steadily
Run:       python experiments/language_label_corruption.py [--preset small] [--datasets trec] [--fractions 0 0.4 0.8]
Expected:  both grow; that rare words let a network memorize for nothing may hide the slowdown; see language_texts.py
Measured:  results/published/*.html, with n, interval, hardware and commit, where it has been
Result:    figures, table and verdicts under results/language_label_corruption/
Time:      made for a GPU; with --preset small a run takes about a minute on two cores on TREC, two on movie reviews
Deviations: fitted means a training loss of at most 0.05, as for images; networks stopped early are drawn beside
"""

from common.papers.language.corruption import STUDY

if __name__ == "__main__":
    STUDY.main(__doc__)
