"""Texts as rows of ids, and back: tokens, a vocabulary of training texts alone, padding on the left.

Id 0 is padding, 1 is every word that training texts lack or that was cut off; the word of rank r has the id r + 1.
"""

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import chain

import numpy as np
from numpy.typing import NDArray

from common.data.arrays import Array, Shape

Ids = NDArray[np.int32]
Tokens = list[str]

PADDING, UNKNOWN = 0, 1
MARKS = ("", "<unknown>")
"""What stands for the words of both."""
WORD = re.compile(r"[a-z0-9]+(?:'[a-z]+)?")
TOKEN = re.compile(rf"{WORD.pattern}|[^\sa-z0-9]")


def tokenize(text: str, signs: bool = True) -> Tokens:
    """Words and numbers in lower case, with what follows an apostrophe, and every other sign by itself, or no signs."""
    return (TOKEN if signs else WORD).findall(text.lower())


def vocabulary(texts: Iterable[Tokens]) -> tuple[str, ...]:
    """The word of every id of texts: the most frequent first, equally frequent ones in order of the alphabet."""
    counts = Counter(chain.from_iterable(texts))
    return (*MARKS, *sorted(counts, key=lambda word: (-counts[word], word)))


def encode(texts: Sequence[Tokens], words: Sequence[str], width: int) -> Ids:
    """Ids (n, width): of longer texts the last `width` tokens, shorter ones are padded on the left."""
    ids = {word: number for number, word in enumerate(words)}
    rows = np.full((len(texts), width), PADDING, np.int32)
    for row, text in zip(rows, texts, strict=True):
        kept = [ids.get(token, UNKNOWN) for token in text[-width:]]
        row[width - len(kept) :] = kept
    return rows


def check_length(shape: Shape, least: int) -> None:
    """ValueError where texts of this shape, (tokens,), are too short for a network."""
    if shape[0] < least:
        raise ValueError(f"length must be at least {least} for this model. Received: length={shape[0]}")


def sentence(ids: Iterable[int], words: Sequence[str]) -> str:
    """The words of one row of ids, padding left out."""
    return " ".join(words[number] for number in ids if number != PADDING)


def limited(ids: Array, words: int | None) -> Array:
    """Ids with all but the most frequent `words` as the unknown one; as they are where none is said."""
    return ids if words is None else np.where(ids < words + len(MARKS), ids, np.asarray(UNKNOWN, ids.dtype))


def counts(ids: Array, number: int) -> NDArray[np.float32]:
    """How often each id but padding is in each of the texts (n, t), of ids below `number`: (n, number - 1)."""
    found = np.zeros((len(ids), number), np.float32)
    np.add.at(found, (np.arange(len(ids))[:, None], ids), 1)
    return found[:, 1:]


def mean_over_tokens(values: Array, ids: Array) -> NDArray[np.float32]:
    """Means (n, d) of values (n, t, d) over the tokens of texts (n, t), without padding; 0 of a text without any."""
    tokens = (ids != PADDING).astype(np.float32)
    totals = np.einsum("ntd,nt->nd", values, tokens)
    return (totals / np.maximum(tokens.sum(1), 1)[:, None]).astype(np.float32)
