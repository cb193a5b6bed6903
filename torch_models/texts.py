"""Networks that read texts, rows of ids (n, t) padded on the left: their words are embedded, read, and classified.

No layer knows what padding is: before each text, it is a word that is learned as others are.
"""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn
from torch.nn.functional import dropout, dropout1d

from common.data.arrays import Shape
from common.data.texts import check_length
from torch_models.text_layers import Bidirectional, Filters, Mean, Recurrent

UNITS, FILTERS, WORDS = 64, 100, (3, 4, 5)


class Reading(nn.Module):
    """An embedding, named layers that make features of it side by side, dropout of all features, and logits."""

    input_dtype = "int32"

    def __init__(
        self,
        num_classes: int,
        embedding: nn.Embedding,
        readers: Mapping[str, nn.Module],
        features: int,
        dropout: float,
        embedding_dropout: float,
    ) -> None:
        super().__init__()
        self.dropout, self.embedding_dropout = dropout, embedding_dropout
        self.embedding, self.readers = embedding, tuple(readers)
        for name, reader in readers.items():
            self.add_module(name, reader)
        self.logits = nn.Linear(features, num_classes)
        self.layer_names = ("input", "embedding", *readers, *(["concat"] if len(readers) > 1 else []), "logits")

    def forward(self, x: Tensor, taps: Sequence[str] = ()) -> Tensor | tuple[Tensor, dict[str, Tensor]]:
        """Logits (n, num_classes), and where taps are named also a dict of those layers' outputs."""
        embedded = self.embedding(x)
        outputs = {"input": x, "embedding": embedded}
        if self.embedding_dropout:
            embedded = dropout1d(embedded.transpose(1, 2), self.embedding_dropout, self.training).transpose(1, 2)
        read = {name: getattr(self, name)(embedded) for name in self.readers}
        outputs |= read | {"concat": torch.cat([*read.values()], 1)}
        features = dropout(outputs["concat"], self.dropout, self.training)
        outputs["logits"] = self.logits(features)
        return (outputs["logits"], {name: outputs[name] for name in taps}) if taps else outputs["logits"]


def lstm(
    input_shape: Shape,
    num_classes: int,
    ids: int,
    width: int | None = None,
    embedding_width: int | None = None,
    dropout: float = 0.0,
    embedding_dropout: float = 0.0,
) -> Reading:
    """The last state of an LSTM of 64 units, or `width`: 575,366 parameters on TREC."""
    units = width or UNITS
    embedding = nn.Embedding(ids, embedding_width or units)
    readers = {"lstm": Recurrent(embedding.embedding_dim, units)}
    return Reading(num_classes, embedding, readers, units, dropout, embedding_dropout)


def bilstm(
    input_shape: Shape,
    num_classes: int,
    ids: int,
    width: int | None = None,
    embedding_width: int | None = None,
    dropout: float = 0.0,
    embedding_dropout: float = 0.0,
) -> Reading:
    """The last states of two LSTMs of 64 units, or `width`, one of which reads from the end."""
    units = width or UNITS
    embedding = nn.Embedding(ids, embedding_width or units)
    readers = {"bilstm": Bidirectional(embedding.embedding_dim, units)}
    return Reading(num_classes, embedding, readers, 2 * units, dropout, embedding_dropout)


def bow(
    input_shape: Shape,
    num_classes: int,
    ids: int,
    embedding_width: int | None = None,
    dropout: float = 0.0,
    embedding_dropout: float = 0.0,
) -> Reading:
    """A bag of words: the mean of the embedding, of 64 dimensions, over all places."""
    embedding = nn.Embedding(ids, embedding_width or UNITS)
    return Reading(num_classes, embedding, {"mean": Mean()}, embedding.embedding_dim, dropout, embedding_dropout)


def text_cnn(
    input_shape: Shape,
    num_classes: int,
    ids: int,
    width: int | None = None,
    embedding_width: int | None = None,
    dropout: float = 0.0,
    embedding_dropout: float = 0.0,
) -> Reading:
    """Filters on 3, 4 and 5 words, 100 or `width` of each, and their largest responses (Kim 2014, arXiv 1408.5882)."""
    check_length(input_shape, max(WORDS))
    filters = width or FILTERS
    embedding = nn.Embedding(ids, embedding_width or UNITS)
    readers = {f"conv{words}": Filters(embedding.embedding_dim, filters, words) for words in WORDS}
    return Reading(num_classes, embedding, readers, len(WORDS) * filters, dropout, embedding_dropout)
