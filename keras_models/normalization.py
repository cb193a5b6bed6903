"""Local response normalization, which Keras does not have: a file that holds it opens after `import keras_models`."""

import keras
from keras import ops

RADIUS, BIAS, ALPHA = 4, 1.0, 0.001 / 9  # TensorFlow's CIFAR-10 tutorial; the exponent is 0.75


@keras.saving.register_keras_serializable(package="memorization_suite")
class LocalResponseNormalization(keras.layers.Layer):
    """x / (1 + alpha * sum of squares over 9 neighbouring channels)^0.75 (Krizhevsky et al. 2012, section 3.3)."""

    def call(self, x: keras.KerasTensor) -> keras.KerasTensor:
        """NHWC in, NHWC out; the sum is a product with a banded 0/1 matrix, its power float32 in any precision."""
        channel = ops.cumsum(ops.ones_like(x[0, 0, 0], dtype="float32"))  # made from x, so it lies where x does
        band = ops.cast(ops.abs(channel[:, None] - channel) <= RADIUS, x.dtype)
        root = ops.rsqrt(BIAS + ALPHA * ops.cast(ops.matmul(x * x, band), "float32"))
        return x * ops.cast(root * ops.sqrt(root), x.dtype)
