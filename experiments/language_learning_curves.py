"""Does a network that reads fit noise as one that looks does? True labels, four randomizations of words, random labels.

Claim:     as Zhang et al. (2017), Figure 1a, of image networks: all are fitted, in the order in which they lose
           structure; beside them a bag of words as the control, a convolution over words as another network
           that reads, and a permuted vocabulary, which must change nothing
Run:       python experiments/language_learning_curves.py [--preset small] [--datasets trec] [--models lstm]
Expected:  training accuracy 99 % and more in all settings; the order is open; no numbers are published
Measured:  results/published/*.html, with n, interval, hardware and commit, where it has been
Result:    figures, table and verdicts under results/language_learning_curves/
Time:      made for a GPU; with --preset small a run takes one to two minutes on two cores, six on IMDB
Deviations: words are the pixels: shuffled_words is one permutation of places for all texts, random_words one for each,
           random_tokens draws each word from the training set's; padding never moves
"""

from common.papers.language.learning_curves import STUDY

if __name__ == "__main__":
    STUDY.main(__doc__)
