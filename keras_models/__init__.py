"""Keras models by name: `MODELS[name](input_shape, num_classes)`, some with batch norm or dropout as keywords.

Those that read texts take the number of ids that there are, `ids`, too.

They are functional, of stock layers but for one of our own; "conv1-bn" belongs to the inside of "conv1".
"""

from collections.abc import Callable
from typing import Any

from keras_models import quiet_import  # noqa: F401  (first: it imports Keras)
from keras_models.alexnet import alexnet
from keras_models.hinges import hinges
from keras_models.inception import inception
from keras_models.mlp import mlp1, mlp2, mlp3, mlp4
from keras_models.texts import bilstm, bow, lstm, text_cnn

MODELS: dict[str, Callable[..., Any]] = {
    "mlp1": mlp1,
    "mlp2": mlp2,
    "mlp3": mlp3,
    "mlp4": mlp4,
    "alexnet": alexnet,
    "inception": inception,
    "lstm": lstm,
    "bilstm": bilstm,
    "bow": bow,
    "text_cnn": text_cnn,
}
CONSTRUCTED: dict[str, Callable[..., Any]] = {"hinges": hinges}
"""Networks whose weights are computed: files of them are opened as others are, and nothing trains them."""
