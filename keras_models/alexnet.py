"""Small AlexNet (Zhang et al. 2017, appendix A): two blocks of convolution, pooling and response normalization."""

import keras

from common.data.arrays import Shape
from keras_models.normalization import LocalResponseNormalization


def alexnet(input_shape: Shape, num_classes: int, dropout: float = 0.0) -> keras.Model:
    """Two 5x5x64 blocks, fc1 of 384 and fc2 of 192, dropout after both: 1,387,786 parameters on 28x28x3."""
    inputs = x = keras.Input(input_shape, name="input")
    for number in (1, 2):
        x = keras.layers.Conv2D(64, 5, padding="same", activation="relu", name=f"conv{number}")(x)
        x = keras.layers.MaxPooling2D(3, 2, padding="same", name=f"pool{number}")(x)
        x = LocalResponseNormalization(name=f"norm{number}")(x)
    x = keras.layers.Flatten(name="flatten")(x)
    for number, width in enumerate((384, 192), 1):
        x = keras.layers.Dense(width, activation="relu", name=f"fc{number}")(x)
        if dropout:
            x = keras.layers.Dropout(dropout, seed=0, name=f"fc{number}-dropout")(x)
    return keras.Model(inputs, keras.layers.Dense(num_classes, name="logits")(x), name="model")
