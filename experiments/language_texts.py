"""Which texts are hard, which are learned by heart, and are rare words the keys? A table of the texts themselves.

Claim:     as Arpit et al. (2017), Figure 1, of image networks: networks agree on what is hard where labels are true;
           and ours: a text that holds a word of its own is memorized early, and without rare words noise takes longer
Run:       python experiments/language_texts.py [--preset small] [--datasets trec] [--vocabularies 2000 500]
Expected:  with all words, six of ten texts of TREC and of film reviews hold one that no other has; with the 2,000 and
           the 500 most frequent, of which less than one text in a hundred does, the rest is open
Measured:  results/published/index.html, with n, interval, hardware and commit, where it has been
Result:    figure, tables and verdicts under results/language_texts/
Time:      made for a GPU; with --preset small a run takes about a minute on two cores on TREC, two on movie reviews
Deviations: a text is first right by the network after an epoch, by chance too; IMDB is read with its frequent words
"""

from common.papers.language.texts import STUDY

if __name__ == "__main__":
    STUDY.main(__doc__)
