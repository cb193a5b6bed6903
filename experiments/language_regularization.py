"""Are regularizers needed where networks read? Explicit and implicit ones on true and on random labels.

Claim:     as Zhang et al. (2017), section 3, of image networks: regularizers are neither necessary to generalize nor
           sufficient to keep from memorizing; as Arpit et al. (2017), section 5: dropout hinders memorizing most
Run:       python experiments/language_regularization.py [--preset small] [--techniques dropout weight_decay]
Expected:  the two statements; no numbers are published
Measured:  results/published/*.html, with n, interval, hardware and commit, where it has been
Result:    figures, table and verdicts under results/language_regularization/
Time:      made for a GPU; with --preset small a run takes about a minute on two cores on TREC, two on movie reviews
Deviations: dropout before the logits, of embedding dimensions and of words, random windows of long texts, weight decay,
           width; a falling rate and large initial embeddings. Recurrent dropout and adversarial training are left out
"""

from common.papers.language.regularization import STUDY

if __name__ == "__main__":
    STUDY.main(__doc__)
