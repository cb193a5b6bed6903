"""Texts of several data sets with their labels, from the bytes of their files, as arrays of ids."""

from collections.abc import Iterator, Sequence

import numpy as np

from common.data.arrays import Labels
from common.data.texts import Ids, Tokens, encode, tokenize, vocabulary
from common.seeds import stream

Texts = tuple[list[Tokens], Labels]
Arrays = tuple[Ids, Labels, Ids, Labels, tuple[str, ...]]

QUESTIONS = ("ABBR", "DESC", "ENTY", "HUM", "LOC", "NUM")
"""What TREC's questions ask for: abbreviations, descriptions, entities, humans, places, numbers."""
SENTENCES = 4265, 533, 533
"""Of each class of rt-polarity, in the files' order: for training, for validation, for testing."""
BREAK = "<br />"
TOPICS = (
    ("rain", "wind", "snow", "storm", "cloud", "frost", "heat", "fog", "thunder", "sunshine"),
    ("bread", "soup", "cheese", "apple", "onion", "butter", "cake", "rice", "coffee", "salad"),
    ("train", "ticket", "airport", "hotel", "luggage", "bridge", "ferry", "map", "border", "passport"),
    ("violin", "song", "rhythm", "choir", "piano", "concert", "melody", "drum", "opera", "flute"),
)
"""Words that tell the classes of `phrases` apart."""
COMMON = tuple("the a our this some we they saw liked missed found heard about with near after before again".split())
SYLLABLES = ("ba", "de", "ki", "lo", "mu", "na", "po", "ri", "sa", "tu", "ve", "zo")


def decoded(content: bytes, encoding: str) -> str:
    """Text; ValueError of one line where it has another encoding."""
    try:
        return content.decode(encoding)
    except (UnicodeDecodeError, LookupError) as error:
        raise ValueError(f"texts must be in the encoding {encoding}. Received: {error}") from error


def encoded(train: Texts, test: Texts, width: int) -> Arrays:
    """Both splits as ids of the vocabulary of the training texts, and the word of each id."""
    words = vocabulary(train[0])
    return encode(train[0], words, width), train[1], encode(test[0], words, width), test[1], words


def read_questions(content: bytes) -> Texts:
    """TREC (Li & Roth, 2002): a question a line after its class, as in "HUM:ind Who invented the telephone ?"."""
    lines = decoded(content, "latin-1").splitlines()
    labels = [QUESTIONS.index(line.split(":", 1)[0]) for line in lines]
    return [tokenize(line.split(" ", 1)[1]) for line in lines], np.array(labels, np.int64)


def read_sentences(negative: bytes, positive: bytes) -> tuple[Texts, Texts]:
    """Both splits of rt-polarity (Pang & Lee, 2005), whose tokens are separated by blanks; classes 0 and 1.

    It has no split of its own: that of Hugging Face's `rotten_tomatoes`, without its validation texts.
    """
    classes = [
        [[token for token in line.split(" ") if token] for line in decoded(content, "cp1252").split("\n") if line]
        for content in (negative, positive)
    ]
    size, _, last = SENTENCES
    return labelled([texts[:size] for texts in classes]), labelled([texts[-last:] for texts in classes])


def reviews(contents: Sequence[bytes], width: int) -> Arrays:
    """IMDB, of the negative and the positive reviews of the training split, then of the test split's."""
    return encoded(read_reviews(*contents[:2]), read_reviews(*contents[2:]), width)


def read_reviews(negative: bytes, positive: bytes) -> Texts:
    """A split of IMDB (Maas et al., 2011), reviews separated by zeros, without signs; classes 0 and 1."""
    return labelled(
        [
            [tokenize(text.replace(BREAK, " "), signs=False) for text in decoded(content, "utf-8").split("\0")]
            for content in (negative, positive)
        ]
    )


def labelled(classes: Sequence[list[Tokens]]) -> Texts:
    """The texts of all classes, one after the other."""
    labels = np.repeat(np.arange(len(classes)), [len(texts) for texts in classes])
    return [text for texts in classes for text in texts], labels


def phrases(sizes: Sequence[int]) -> Iterator[Texts]:
    """Splits of so many generated texts about four topics; one word in ten is about another topic, or a rare name."""
    for number, size in enumerate(sizes):
        generator = stream(0, "phrases", number)
        labels = generator.integers(len(TOPICS), size=size)
        yield [phrase(generator, label) for label in labels], labels


def phrase(generator: np.random.Generator, label: int) -> Tokens:
    """4 to 12 words, the first about the topic and the others with probability 0.3."""
    length = generator.integers(4, 13)
    kinds = generator.choice(4, length, p=(0.3, 0.6, 0.05, 0.05))
    kinds[generator.integers(length)] = 0
    topics = TOPICS[label], COMMON, TOPICS[generator.integers(len(TOPICS))]
    return [
        str(generator.choice(topics[kind])) if kind < len(topics) else "".join(generator.choice(SYLLABLES, 3))
        for kind in kinds
    ]
