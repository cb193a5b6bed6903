"""Which texts are hard, which are learned by heart, and are rare words the keys? A table of the texts themselves.

Claim:     as Arpit et al. (2017), Figure 1, of image networks: networks agree on what is hard where labels are true;
           and ours: a text that holds a word of its own is memorized early, and without rare words noise takes longer
Run:       python experiments/language_texts.py [--preset small] [--datasets trec] [--vocabularies 2000 500]
Expected:  six of ten texts of TREC and of film reviews hold a word that no other has, less than one of a hundred where
           the 2,000 or 500 most frequent words are read; the rest is open
Measured:  results/published/*.html, with n, interval, hardware and commit, where it has been
Result:    figure, tables and verdicts under results/language_texts/
Time:      made for a GPU; with --preset small a run takes about a minute on two cores on TREC, two on movie reviews
Deviations: a text is first right by the network after an epoch, by chance too; IMDB is read with its frequent words
"""

from common.papers.language.texts import STUDY

if __name__ == "__main__":
    STUDY.main(__doc__)
