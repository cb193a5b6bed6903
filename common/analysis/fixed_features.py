"""Features that nothing was trained for: Gabor filters, and filters that are random patches of the training images.

Images (n, h, w, c) are float32 on the 0-1 scale.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from common import frameworks
from common.data.arrays import Floats
from common.seeds import stream

Images = NDArray[np.float32]
ORIENTATIONS, GABOR_SIDE, WAVELENGTH, SIGMA, ASPECT, GABOR_POOL = 8, 9, 5.0, 2.0, 0.5, 4
PATCH, PATCHES, WHITENING, THRESHOLD = 6, 100_000, 1e-3, 1.0
WINDOWS = 3  # a side
FILTERS = 1024  # of a block
FEATURES = 2 * WINDOWS**2  # of a filter


def gabor_filters() -> NDArray[np.float32]:
    """Real Gabor filters (orientations, side, side, 1) of mean 0 and norm 1, half a turn shared out evenly."""
    y, x = np.mgrid[:GABOR_SIDE, :GABOR_SIDE] - (GABOR_SIDE - 1) / 2
    angles = (np.pi * np.arange(ORIENTATIONS) / ORIENTATIONS)[:, None, None]
    along, across = x * np.cos(angles) + y * np.sin(angles), y * np.cos(angles) - x * np.sin(angles)
    waves = np.exp(-(along**2 + (ASPECT * across) ** 2) / (2 * SIGMA**2)) * np.cos(2 * np.pi * along / WAVELENGTH)
    waves -= waves.mean(axis=(1, 2), keepdims=True)
    return (waves / np.linalg.norm(waves, axis=(1, 2), keepdims=True)).astype(np.float32)[..., None]


def gabor_features(images: Images, device: str = "cpu") -> Floats:
    """Means of absolute responses over squares of 4 x 4 pixels, of each channel: (n, values) float64."""
    responses = frameworks.module("torch", "random_features").pooled_responses
    channels = [images[..., channel : channel + 1] for channel in range(images.shape[-1])]
    settings = 0.0, GABOR_POOL, GABOR_POOL, GABOR_SIDE // 2, device
    values = [responses(channel, gabor_filters(), *settings).sum(2).flatten(1).cpu().numpy() for channel in channels]
    return np.concatenate(values, axis=1).astype(np.float64)


def random_filters(images: Images, count: int, seed: int) -> NDArray[np.float32]:
    """Whitened random patches of the images (count, side, side, c), the first `count` of those that say how to whiten.

    Patches have mean 0 and norm 1, and are whitened twice, so that a patch of an image responds as a whitened one to a
    whitened filter: as in github.com/modestyachts/nondeep, by some of the paper's authors.
    """
    generator = stream(seed, "patches")
    patches = random_patches(images, max(PATCHES, count), generator).astype(np.float64)
    patches -= patches.mean(1, keepdims=True)
    patches /= np.maximum(np.linalg.norm(patches, axis=1, keepdims=True), 1e-8)
    values, vectors = np.linalg.eigh(patches.T @ patches / len(patches))
    twice = (vectors / (values + WHITENING)) @ vectors.T
    return (patches[:count] @ twice).reshape(count, PATCH, PATCH, -1).astype(np.float32)


def random_patches(images: Images, count: int, generator: np.random.Generator) -> Images:
    """Patches (count, values) at random places of random images; ValueError where images are smaller than a patch."""
    n, height, width, _ = images.shape
    if min(height, width) < PATCH + WINDOWS - 1:
        raise ValueError(
            f"images must have sides of {PATCH + WINDOWS - 1} pixels for {WINDOWS} x {WINDOWS} windows of responses. "
            f"Received: {height} x {width}"
        )
    places = [generator.integers(most, size=count) for most in (n, height - PATCH + 1, width - PATCH + 1)]
    window = np.arange(PATCH)
    image, top, left = (place[:, None, None] for place in places)
    return images[image, top + window[:, None], left + window].reshape(count, -1)


def convolution_blocks(images: Images, filters: NDArray[np.float32], device: str = "cpu") -> Iterator[Any]:
    """Features (n, values) of some filters after the other, 18 for each: rectified either way, over 3 x 3 windows.

    They are float32 tensors on the device.
    """
    responses = frameworks.module("torch", "random_features").pooled_responses
    side = min(images.shape[1:3]) - PATCH + 1
    stride = max(1, round(side * 6 / 27))  # of CIFAR-10: windows of 15 x 15, 6 apart
    window = side - (WINDOWS - 1) * stride
    for start in range(0, len(filters), FILTERS):
        yield responses(images, filters[start : start + FILTERS], THRESHOLD, window, stride, 0, device).flatten(1)
