"""Features that nothing was trained for, against what they are defined to be."""

import numpy as np
import pytest
from scipy.signal import correlate

from common.analysis import fixed_features
from common.analysis.fixed_features import convolution_blocks, gabor_features, gabor_filters, random_filters

pytestmark = pytest.mark.slow

IMAGES = np.random.default_rng(0).random((5, 32, 32, 3)).astype(np.float32)


def responses(image, kernel, mode):
    """Of an image (h, w, c) to a filter (side, side, c)."""
    both = zip(np.moveaxis(image, 2, 0), np.moveaxis(kernel, 2, 0), strict=True)
    return sum(correlate(plane, weights, mode=mode) for plane, weights in both)


def test_gabor_filters_have_mean_0_norm_1_and_turn():
    filters = gabor_filters()
    assert filters.shape == (8, 9, 9, 1) and filters.dtype == np.float32
    np.testing.assert_allclose(filters.mean(axis=(1, 2, 3)), 0, atol=1e-8)
    np.testing.assert_allclose(np.linalg.norm(filters.reshape(8, -1), axis=1), 1, rtol=1e-6)
    np.testing.assert_allclose(filters[4], filters[0].transpose(1, 0, 2), atol=1e-7)  # a quarter of a turn
    row = filters[0, 4, :, 0]
    assert row.argmax() == 4 and row[[2, 6]].max() < 0  # a wave of 5 pixels across


def test_gabor_features_are_pooled_absolute_responses():
    images = IMAGES[:2, :28, :28, :1]
    found = gabor_features(images).reshape(2, 8, 7, 7)
    direct = np.abs(responses(images[1], gabor_filters()[3], "same")).reshape(7, 4, 7, 4).mean(axis=(1, 3))
    np.testing.assert_allclose(found[1, 3], direct, atol=1e-6)
    assert gabor_features(IMAGES).shape == (5, 3 * 8 * 64) and found.dtype == np.float64


def test_convolutions_are_rectified_either_way_and_pooled_in_nine_windows(monkeypatch):
    monkeypatch.setattr(fixed_features, "FILTERS", 3)
    filters = random_filters(IMAGES, 4, 0)
    first, rest = convolution_blocks(IMAGES, filters)
    assert first.shape == (5, 3 * 18) and rest.shape == (5, 18)
    response = responses(IMAGES[2], filters[1], "valid")
    halves = [np.maximum(sign * response - 1, 0) for sign in (1, -1)]
    windows = [[half[y : y + 15, x : x + 15].mean() for y in (0, 6, 12) for x in (0, 6, 12)] for half in halves]
    np.testing.assert_allclose(np.asarray(first)[2, 18:36], np.ravel(windows), rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(np.asarray(rest), np.asarray(next(convolution_blocks(IMAGES, filters[3:]))), rtol=1e-5)


def test_random_filters_are_whitened_patches(monkeypatch):
    monkeypatch.setattr(fixed_features, "PATCHES", 2000)
    filters = random_filters(IMAGES, 2000, 0).reshape(2000, -1).astype(np.float64)
    generator = fixed_features.stream(0, "patches")
    patches = fixed_features.random_patches(IMAGES, 2000, generator).astype(np.float64)
    patches -= patches.mean(1, keepdims=True)
    patches /= np.linalg.norm(patches, axis=1, keepdims=True)
    moment = patches.T @ patches / 2000 + 1e-3 * np.eye(108)
    np.testing.assert_allclose(filters @ moment, patches, atol=1e-4)
    np.testing.assert_array_equal(random_filters(IMAGES, 10, 0), filters[:10].reshape(10, 6, 6, 3).astype(np.float32))
    assert not np.array_equal(random_filters(IMAGES, 10, 1), random_filters(IMAGES, 10, 0))


def test_patches_lie_inside_their_images():
    places = np.arange(2 * 8 * 9, dtype=np.float32).reshape(2, 8, 9, 1)
    patches = fixed_features.random_patches(places, 500, np.random.default_rng(0)).reshape(-1, 6, 6)
    np.testing.assert_array_equal(patches - patches[:, :1, :1], np.broadcast_to(places[0, :6, :6, 0], (500, 6, 6)))
    assert len(np.unique(patches[:, 0, 0])) == 2 * 3 * 4
    with pytest.raises(ValueError, match="images must have sides of 8 pixels .* Received: 7 x 9"):
        fixed_features.random_patches(places[:, :7], 1, np.random.default_rng(0))


def test_digits_are_large_enough():
    (block,) = convolution_blocks(IMAGES[:, :8, :8, :1], np.ones((2, 6, 6, 1), np.float32))
    assert block.shape == (5, 36)
