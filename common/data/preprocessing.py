"""Input scales. This is the reference; the trainers do the same on their device and are tested against it."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from common.data.arrays import Images
from common.errors import check_choice

PREPROCESSING = ("per_image", "per_channel", "minus_one_one", "zero_one", "raw")
IN_CACHE = 128  # images standardized at a time, twice as fast as all at once


def downscale(images: Images, factor: int) -> Images:
    """Means of squares of `factor` x `factor` pixels of (n, h, w, c), float32; the images themselves at 1."""
    n, height, width, channels = images.shape
    if height % factor or width % factor:
        raise ValueError(f"downscale must divide sides of {height} and {width} pixels. Received: downscale={factor}")
    squares = images.reshape(n, height // factor, factor, width // factor, factor, channels)
    return images if factor == 1 else squares.mean(axis=(2, 4), dtype=np.float32)


def crop_side(image_shape: tuple[int, ...], crop: int | None) -> int:
    """Side in pixels that the crop leaves of (height, width, channels): images that are smaller stay whole.

    ValueError without a crop of images that are not square, which networks do not take.
    """
    if crop is None and image_shape[0] != image_shape[1]:
        raise ValueError(
            "crop must be the side of a square where images are not square. "
            f"Received: crop=None, images of {image_shape[0]} x {image_shape[1]} pixels"
        )
    return min(image_shape[0], image_shape[1], crop or max(image_shape[:2]))


def center_crop(images: Images, side: int) -> Images:
    """The central side x side window of (n, h, w, c); an odd remainder goes to the bottom and right."""
    top, left = (images.shape[1] - side) // 2, (images.shape[2] - side) // 2
    return images[:, top : top + side, left : left + side]


def crop_and_flip(
    images: Images, side: int, offsets: NDArray[np.int64] | None, flips: NDArray[np.bool_] | None
) -> Images:
    """Window of each image at its (top, left) offset, mirrored where its flip is set; none means centre, unmirrored."""
    cropped = center_crop(images, side)
    if offsets is not None:
        window = np.arange(side)
        rows, columns = offsets[:, :1] + window, offsets[:, 1:] + window
        cropped = images[np.arange(len(images))[:, None, None], rows[:, :, None], columns[:, None, :]]
    if flips is not None:
        cropped = np.where(flips[:, None, None, None], cropped[:, :, ::-1], cropped)
    return cropped


def rotate(images: Images, angles: NDArray[np.float32]) -> NDArray[np.float32]:
    """Square images turned counterclockwise about their centre by degrees (n,): bilinear, 0 from outside."""
    n, side, width, _ = images.shape
    if side != width:
        raise ValueError(f"rotation needs square images. Received: images of shape {images.shape[1:]}")
    cosine, sine = (function(np.deg2rad(angles))[:, None, None] for function in (np.cos, np.sin))
    y, x = np.mgrid[:side, :side].astype(np.float32) - np.float32((side - 1) / 2)
    sources = np.stack([sine * x + cosine * y, cosine * x - sine * y]) + np.float32((side - 1) / 2)
    floor = np.floor(sources).astype(int)
    padded = np.pad(images.astype(np.float32), ((0, 0), (1, 1), (1, 1), (0, 0)))
    turned = np.zeros(images.shape, np.float32)
    for corner in ((0, 0), (0, 1), (1, 0), (1, 1)):
        row, column = floor + np.reshape(corner, (2, 1, 1, 1))
        weight = np.prod(1 - np.abs(sources - np.stack([row, column])), 0, dtype=np.float32)
        row, column = (np.clip(places, -1, side) + 1 for places in (row, column))
        turned += weight[..., None] * padded[np.arange(n)[:, None, None], row, column]
    return turned


def central_box(share: float) -> NDArray[np.float32]:
    """The box (4,) that keeps this share of each side."""
    return np.array([(1 - share) / 2, (1 - share) / 2, share, share], np.float32)


def draw_boxes(
    generator: np.random.Generator, ratios: NDArray[np.float32], area: Sequence[float], aspect: Sequence[float]
) -> NDArray[np.float32]:
    """A box (n, 4) for each image, by its width over height: top, left, height and width as shares of its sides.

    As TensorFlow's `sample_distorted_bounding_box`: the box's own width over height is uniform in `aspect`, its height
    uniform among those that fit and leave its share of the image within `area`, its place uniform. Where none fits, as
    in the longest of images, it is the largest of its form.
    """
    shape, size, top, left = generator.random((4, len(ratios)))
    across = (aspect[0] + (aspect[1] - aspect[0]) * shape) / ratios  # width over height, in shares of the sides
    most = np.minimum(np.sqrt(area[1] / across), np.minimum(1, 1 / across))
    least = np.minimum(np.sqrt(area[0] / across), most)
    height = least + (most - least) * size
    width = height * across
    return np.stack([top * (1 - height), left * (1 - width), height, width], 1).astype(np.float32)


def sample_boxes(images: Images, boxes: NDArray[np.float32], side: int) -> NDArray[np.float32]:
    """Boxes (n, 4) of images (n, h, w, c), as `draw_boxes` gives them, resized to side x side.

    Bilinear between the centres of pixels; beyond the outermost centres the border goes on.
    """
    steps = (np.arange(side, dtype=np.float32) + np.float32(0.5)) / np.float32(side)
    sampled = images.astype(np.float32)
    for axis in (1, 2):
        last, shape = images.shape[axis] - 1, [len(images), *(side if axis == other else 1 for other in (1, 2, 3))]
        places = (boxes[:, axis - 1, None] + boxes[:, axis + 1, None] * steps) * np.float32(last + 1) - np.float32(0.5)
        places = np.clip(places, 0, last).reshape(shape)
        low = places.astype(np.int64)
        below, above = (np.take_along_axis(sampled, end, axis) for end in (low, np.minimum(low + 1, last)))
        sampled = below + (above - below) * (places - low.astype(np.float32))
    return sampled


def channel_statistics(images: Images) -> tuple[list[float], list[float]]:
    """Mean and standard deviation of each channel of the training images, on the 0-1 scale; 1 of a constant channel."""
    channels = [images[..., channel] for channel in range(images.shape[-1])]
    mean = [float(np.mean(values, dtype=np.float64)) / 255 for values in channels]
    return mean, [float(np.std(values, dtype=np.float64)) / 255 or 1.0 for values in channels]


def standardize(images: Images, kind: str, statistics: tuple[list[float], list[float]] | None) -> NDArray[np.float32]:
    """float32 model inputs from images on the 0-255 scale.

    `per_image` is TensorFlow's `per_image_standardization`: (x - mean) / max(std, 1 / sqrt(number of values)), on the
    0-1 scale, as Zhang et al. (appendix A) use it; `per_channel` uses `channel_statistics`; `minus_one_one` is
    (x - 0.5) / 0.5, `zero_one` leaves it at x, and `raw` on the 0-255 scale, for networks that rescale it themselves.
    """
    if kind == "raw":
        return images.astype(np.float32)
    scaled = images.astype(np.float32) / np.float32(255)
    if kind == "zero_one":
        return scaled
    if kind == "minus_one_one":
        return scaled * 2 - 1
    if kind == "per_channel":
        if statistics is None:
            raise ValueError("per_channel needs the training images' statistics. Received: statistics=None")
        mean, std = (np.asarray(values, np.float32) for values in statistics)
        return (scaled - mean) / std
    for start in range(0, len(scaled), IN_CACHE):
        part = scaled[start : start + IN_CACHE]
        part -= part.mean(axis=(1, 2, 3), keepdims=True)
        std = np.sqrt(np.mean(part * part, axis=(1, 2, 3), keepdims=True))
        part /= np.maximum(std, minimum_std(images.shape[1:]))
    return scaled


def pixel_scale(kind: str, statistics: tuple[list[float], list[float]] | None) -> NDArray[np.float32]:
    """Units of the input scale per unit of the 0-255 scale, (1,) or (channels,), of a scale that images share."""
    check_choice("preprocessing", kind, [name for name in PREPROCESSING if name != "per_image"])
    black = np.zeros((1, 1, 1, len(statistics[0]) if statistics else 1), np.float32)
    ends = (standardize(images, kind, statistics)[0, 0, 0] for images in (black + 255, black))
    return np.subtract(*ends) / np.float32(255)


def minimum_std(image_shape: tuple[int, ...]) -> np.float32:
    """TensorFlow's lower bound of an image's standard deviation, on the 0-1 scale."""
    return np.float32(1 / np.sqrt(np.prod(image_shape)))
