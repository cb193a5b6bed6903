"""The network of Theorem 1 of Zhang et al. (2017), built and not trained: see `common.analysis.expressivity`."""

import keras

from common.data.arrays import Shape

FLOAT64 = {"dtype": "float64"}


def hinges(input_shape: Shape, num_classes: int, width: int) -> keras.Model:
    """sum_j w_j max(<a, z> - b_j, 0) of flattened inputs in float64: 2 width + d weights, one output.

    No stock layer has biases alone: one weight more, which must be 1, multiplies <a, z>.
    """
    inputs = keras.Input(input_shape, name="input", **FLOAT64)
    x = keras.layers.Flatten(name="flatten", **FLOAT64)(inputs)
    x = keras.layers.Dense(1, use_bias=False, name="projection", **FLOAT64)(x)
    x = keras.layers.RepeatVector(width, name="hinges-repeat", **FLOAT64)(x)
    x = keras.layers.EinsumDense("nhx,xy->nhy", (width, 1), activation="relu", bias_axes="h", name="hinges", **FLOAT64)(
        x
    )
    x = keras.layers.Flatten(name="hinges-flatten", **FLOAT64)(x)
    return keras.Model(
        inputs, keras.layers.Dense(num_classes, use_bias=False, name="logits", **FLOAT64)(x), name="model"
    )
