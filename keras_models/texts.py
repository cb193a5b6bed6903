"""Networks that read texts, rows of ids (n, t) padded on the left: their words are embedded, read, and classified.

No layer knows what padding is: before each text, it is a word that is learned as others are.
"""

from collections.abc import Callable

import keras

from common.data.arrays import Shape
from common.data.texts import check_length
from keras_models.inputs import Tensor

UNITS, FILTERS, WORDS = 64, 100, (3, 4, 5)


def reading(
    input_shape: Shape,
    num_classes: int,
    embedding: keras.layers.Embedding,
    read: Callable[[Tensor], Tensor],
    dropout: float,
    embedding_dropout: float,
) -> keras.Model:
    """An embedding, what makes features of it, dropout of the features, and logits."""
    inputs = keras.Input(input_shape, dtype="int32", name="input")
    x = embedding(inputs)
    if embedding_dropout:
        x = keras.layers.SpatialDropout1D(embedding_dropout, seed=0, name="embedding-dropout")(x)
    x = read(x)
    if dropout:
        x = keras.layers.Dropout(dropout, seed=0, name="logits-dropout")(x)
    return keras.Model(inputs, keras.layers.Dense(num_classes, name="logits")(x), name="model")


def lstm(
    input_shape: Shape,
    num_classes: int,
    ids: int,
    width: int | None = None,
    embedding_width: int | None = None,
    dropout: float = 0.0,
    embedding_dropout: float = 0.0,
) -> keras.Model:
    """The last state of an LSTM of 64 units, or `width`: 575,366 parameters on TREC."""
    units = width or UNITS
    embedding = keras.layers.Embedding(ids, embedding_width or units, name="embedding")
    read = keras.layers.LSTM(units, name="lstm")
    return reading(input_shape, num_classes, embedding, read, dropout, embedding_dropout)


def bilstm(
    input_shape: Shape,
    num_classes: int,
    ids: int,
    width: int | None = None,
    embedding_width: int | None = None,
    dropout: float = 0.0,
    embedding_dropout: float = 0.0,
) -> keras.Model:
    """The last states of two LSTMs of 64 units, or `width`, one of which reads from the end."""
    units = width or UNITS
    embedding = keras.layers.Embedding(ids, embedding_width or units, name="embedding")

    def read(x: Tensor) -> Tensor:
        forwards = keras.layers.LSTM(units, name="bilstm-forwards")(x)
        backwards = keras.layers.LSTM(units, go_backwards=True, name="bilstm-backwards")(x)
        return keras.layers.Concatenate(name="bilstm")([forwards, backwards])

    return reading(input_shape, num_classes, embedding, read, dropout, embedding_dropout)


def bow(
    input_shape: Shape,
    num_classes: int,
    ids: int,
    embedding_width: int | None = None,
    dropout: float = 0.0,
    embedding_dropout: float = 0.0,
) -> keras.Model:
    """A bag of words: the mean of the embedding, of 64 dimensions, over all places."""
    embedding = keras.layers.Embedding(ids, embedding_width or UNITS, name="embedding")
    read = keras.layers.GlobalAveragePooling1D(name="mean")
    return reading(input_shape, num_classes, embedding, read, dropout, embedding_dropout)


def text_cnn(
    input_shape: Shape,
    num_classes: int,
    ids: int,
    width: int | None = None,
    embedding_width: int | None = None,
    dropout: float = 0.0,
    embedding_dropout: float = 0.0,
) -> keras.Model:
    """Filters on 3, 4 and 5 words, 100 or `width` of each, and their largest responses (Kim 2014, arXiv 1408.5882)."""
    check_length(input_shape, max(WORDS))
    embedding = keras.layers.Embedding(ids, embedding_width or UNITS, name="embedding")

    def read(x: Tensor) -> Tensor:
        largest = []
        for words in WORDS:
            responses = keras.layers.Conv1D(width or FILTERS, words, activation="relu", name=f"conv{words}-filters")(x)
            largest.append(keras.layers.GlobalMaxPooling1D(name=f"conv{words}")(responses))
        return keras.layers.Concatenate(name="concat")(largest)

    return reading(input_shape, num_classes, embedding, read, dropout, embedding_dropout)
