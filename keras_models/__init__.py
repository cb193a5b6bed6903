"""Keras models by name, called as `MODELS[name](input_shape, num_classes)`: functional, of stock layers."""

from keras_models import quiet_import  # noqa: F401  (first: it imports Keras)
from keras_models.mlp import mlp1, mlp3, mlp4

MODELS = {"mlp1": mlp1, "mlp3": mlp3, "mlp4": mlp4}
