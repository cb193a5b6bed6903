"""Words by which a network can tell a text from all others."""

import numpy as np
from numpy.typing import NDArray

from common.data.texts import MARKS, PADDING

NO_WORD = PADDING
"""Stands for the word that a text does not have."""


def own_words(texts: NDArray[np.int32]) -> NDArray[np.int32]:
    """The word of each text (n, length), as its id, that no other text has, (n,); `NO_WORD` where there is none.

    Of several it is the last in the vocabulary; padding and what stands for unknown words are nobody's own.
    """
    rows = np.repeat(np.arange(len(texts)), texts.shape[1])
    rows, ids = np.unique(np.stack([rows, texts.ravel()]), axis=1)  # a word counts once in a text
    alone = (np.bincount(ids)[ids] == 1) & (ids >= len(MARKS))
    found = np.full(len(texts), NO_WORD, np.int32)
    np.maximum.at(found, rows[alone], ids[alone])
    return found
