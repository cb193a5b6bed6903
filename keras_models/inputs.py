"""Model inputs from examples as they are kept, on the device, by kind; `torch_models/inputs.py` is its twin."""

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

import numpy as np
from keras import ops

from common.data.inputs import ImageInputs, TokenInputs
from common.data.preprocessing import minimum_std
from common.data.texts import PADDING, UNKNOWN

Tensor: TypeAlias = Any  # the backend's, symbolic, or what either takes: an array of numpy


class Images:
    """What `common.data.inputs.ImageInputs.prepare` defines."""

    def __init__(self, kind: ImageInputs, statistics: Mapping[str, Any]) -> None:
        self.side, self.scale, self.statistics = kind.side, kind.settings.preprocessing, statistics

    def __call__(
        self, images: Tensor, offsets: Tensor | None = None, flips: Tensor | None = None, angles: Tensor | None = None
    ) -> Tensor:
        """Model inputs from images: turn, crop, flip, standardize."""
        side = self.side
        if angles is not None:
            images = rotate(images, angles)
        if offsets is None:
            top, left = (images.shape[1] - side) // 2, (images.shape[2] - side) // 2
            images = images[:, top : top + side, left : left + side]
        else:
            _, height, width, channels = images.shape
            place = ops.cumsum(ops.ones_like(offsets[:, 0])) - 1
            start = place * height * width + offsets[:, 0] * width + offsets[:, 1]
            window = ops.arange(side, dtype="int64")[:, None] * width + ops.arange(side, dtype="int64")
            images = ops.take(ops.reshape(images, (-1, channels)), start[:, None, None] + window, axis=0)
        if flips is not None:
            images = ops.where(flips[:, None, None, None], ops.flip(images, 2), images)
        return self.standardize(ops.cast(images, "float32"))

    def standardize(self, x: Tensor) -> Tensor:
        """From the 0-255 scale to the config's."""
        if self.scale == "raw":
            return x
        x = x / 255
        if self.scale == "zero_one":
            return x
        if self.scale == "minus_one_one":
            return x * 2 - 1
        if self.scale == "per_channel":
            mean, std = (
                ops.convert_to_tensor(np.asarray(values, "float32")) for values in self.statistics["channel_statistics"]
            )
            return (x - mean) / std
        x = x - ops.mean(x, (1, 2, 3), keepdims=True)
        std = ops.sqrt(ops.mean(x * x, (1, 2, 3), keepdims=True))
        return x / ops.maximum(std, minimum_std(x.shape[1:]))


def rotate(images: Tensor, angles: Tensor) -> Tensor:
    """Square NHWC images turned counterclockwise about their centre by degrees (n,): bilinear, 0 from outside."""
    cosine, sine, zero = ops.cos(ops.deg2rad(angles)), ops.sin(ops.deg2rad(angles)), ops.zeros_like(angles)
    centre = (images.shape[1] - 1) / 2
    across, down = centre * (1 - cosine + sine), centre * (1 - cosine - sine)
    matrices = ops.stack([cosine, -sine, across, sine, cosine, down, zero, zero], 1)
    return ops.image.affine_transform(ops.cast(images, "float32"), matrices, data_format="channels_last")


class Tokens:
    """What `common.data.inputs.TokenInputs.prepare` defines."""

    def __init__(self, kind: TokenInputs, statistics: Mapping[str, Any]) -> None:
        self.window = kind.window

    def __call__(self, texts: Tensor, places: Tensor | None = None, hidden: Tensor | None = None) -> Tensor:
        """Model inputs from texts: take the window, hide words."""
        width = texts.shape[1]
        if places is None:
            texts = texts[:, width - self.window :]
        else:
            tokens = ops.sum(ops.cast(ops.not_equal(texts, PADDING), "int32"), 1)
            room = ops.maximum(tokens - self.window, 0)
            back = ops.minimum(ops.cast(places * ops.cast(room + 1, "float32"), "int32"), room)
            window = ops.arange(width - self.window, width, dtype="int32")
            texts = ops.take_along_axis(texts, window - back[:, None], axis=1)
        if hidden is not None:
            hidden = ops.logical_and(hidden, ops.not_equal(texts, PADDING))
            texts = ops.where(hidden, ops.full_like(texts, UNKNOWN), texts)
        return texts


PREPARATIONS: dict[str, Callable[..., Callable[..., Tensor]]] = {"images": Images, "tokens": Tokens}
