"""Rotations, crops, flips and input scales against scipy, slow loops, closed forms and TensorFlow."""

import numpy as np
import pytest
from scipy import ndimage

from common.data.preprocessing import (
    PREPROCESSING,
    center_crop,
    central_box,
    channel_statistics,
    crop_and_flip,
    crop_side,
    draw_boxes,
    minimum_std,
    pixel_scale,
    rotate,
    sample_boxes,
    standardize,
)

pytestmark = pytest.mark.slow

SHAPE = (12, 7, 9, 3)


def images(shape=SHAPE, seed=0):
    return np.random.default_rng(seed).integers(0, 256, shape, np.uint8)


@pytest.mark.parametrize(
    "shape, crop, side",
    [
        ((32, 32, 3), 28, 28),
        ((28, 28, 1), 28, 28),
        ((8, 8, 1), 28, 8),
        ((32, 32, 3), None, 32),
        ((64, 48, 3), 60, 48),
        ((48, 64, 3), 28, 28),
    ],
)
def test_the_crop_is_no_larger_than_the_image(shape, crop, side):
    assert crop_side(shape, crop) == side


def test_images_that_are_not_square_are_cut_where_that_is_asked_for():
    with pytest.raises(ValueError, match="crop must be the side of a square .* crop=None, images of 64 x 48 pixels"):
        crop_side((64, 48, 3), None)


@pytest.mark.parametrize("side, top, left", [(7, 0, 1), (6, 0, 1), (5, 1, 2), (4, 1, 2), (1, 3, 4)])
def test_the_centre_leaves_an_odd_remainder_at_the_bottom_and_right(side, top, left):
    expected = images()[:, top : top + side, left : left + side]
    np.testing.assert_array_equal(center_crop(images(), side), expected)
    np.testing.assert_array_equal(crop_and_flip(images(), side, None, None), expected)
    assert expected.shape == (12, side, side, 3)


@pytest.mark.parametrize("flipped", [False, True])
@pytest.mark.parametrize("moved", [False, True])
@pytest.mark.parametrize("side", [4, 5, 7])
def test_crops_and_flips_agree_with_a_loop_over_pixels(side, moved, flipped):
    x, random = images(), np.random.default_rng(1)
    offsets = random.integers((7 - side + 1, 9 - side + 1), size=(12, 2)) if moved else None
    flips = random.random(12) < 0.5 if flipped else None
    expected = np.empty((12, side, side, 3), np.uint8)
    for number in range(12):
        top, left = offsets[number] if moved else ((7 - side) // 2, (9 - side) // 2)
        for row in range(side):
            for column in range(side):
                source = side - 1 - column if flipped and flips[number] else column
                expected[number, row, column] = x[number, top + row, left + source]
    np.testing.assert_array_equal(crop_and_flip(x, side, offsets, flips), expected)
    np.testing.assert_array_equal(x, images())


@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
@pytest.mark.parametrize("side", [1, 2, 7, 12])
def test_rotation_is_scipys(side, dtype):
    x = images((9, side, side, 3)).astype(dtype)
    angles = np.float32([0, 90, -90, 180, 25, -25, 133.7, -7.5, 45])
    expected = [
        ndimage.rotate(image.astype(np.float64), angle, reshape=False, order=1, mode="grid-constant")
        for image, angle in zip(x, angles, strict=True)
    ]
    turned = rotate(x, angles)
    assert turned.dtype == np.float32 and turned.shape == x.shape
    np.testing.assert_allclose(turned, expected, rtol=0, atol=0.01)  # of 255: float32 places
    np.testing.assert_array_equal(x, images((9, side, side, 3)))


@pytest.mark.parametrize("side", [1, 6, 7])
def test_quarter_turns_are_counterclockwise_and_angle_0_changes_nothing(side):
    x = images((5, side, side, 3))
    np.testing.assert_array_equal(rotate(x, np.zeros(5, np.float32)), x)
    for turns in (-2, -1, 1, 2, 4):
        turned = rotate(x, np.full(5, 90 * turns, np.float32))
        np.testing.assert_allclose(turned, np.rot90(x, turns, (1, 2)), rtol=0, atol=0.01)


def test_what_comes_from_outside_is_0_and_fades_in_over_one_pixel():
    turned = rotate(np.full((1, 9, 9, 1), 200, np.uint8), np.float32([45]))[0, ..., 0]
    assert turned[0, 0] == turned[8, 8] == 0 and turned[4, 4] == pytest.approx(200, abs=0.01)
    assert turned.min() >= 0 and turned.max() < 200.01 and 0 < turned[0, 2] < 200


def test_each_image_has_its_own_angle():
    x, angles = images((6, 5, 5, 2)), np.float32([10, -20, 30, 0, 90, -170])
    alone = [rotate(x[i : i + 1], angles[i : i + 1])[0] for i in range(6)]
    np.testing.assert_array_equal(rotate(x, angles), alone)


def test_images_that_are_not_square_are_not_turned():
    with pytest.raises(ValueError) as caught:
        rotate(images(), np.zeros(12, np.float32))
    assert str(caught.value) == "rotation needs square images. Received: images of shape (7, 9, 3)"


RATIOS = np.float32([1, 4 / 3, 0.75, 500 / 333, 3]).repeat(4000)


@pytest.mark.parametrize("area, aspect", [((0.05, 1.0), (0.75, 1.33)), ((0.3, 0.6), (1.0, 1.0))])
def test_boxes_lie_within_their_image_and_have_the_area_and_form_asked_for(area, aspect):
    boxes = draw_boxes(np.random.default_rng(0), RATIOS, area, aspect)
    assert boxes.shape == (len(RATIOS), 4) and boxes.dtype == np.float32
    top, left, height, width = boxes.T.astype(np.float64)
    assert min(top.min(), left.min()) >= 0 and max((top + height).max(), (left + width).max()) <= 1 + 1e-6
    covered, form = height * width, width * RATIOS / height
    fits = covered >= area[0] - 1e-6  # in the longest of images, 3 to 1, the largest of some forms is too small
    assert fits[RATIOS < 2].all() and covered.max() <= area[1] + 1e-6
    assert form.min() >= aspect[0] - 1e-5 and form.max() <= aspect[1] + 1e-5
    assert np.allclose(np.maximum(height, width)[~fits], 1)


def test_a_box_has_any_place_and_its_height_is_uniform_as_tensorflows_is():
    boxes = draw_boxes(np.random.default_rng(0), np.ones(20_000, np.float32), (0.05, 1.0), (1.0, 1.0))
    top, left, height, _ = boxes.T
    assert height.min() == pytest.approx(0.05**0.5, abs=0.001) and height.max() == pytest.approx(1, abs=0.001)
    for share in (height - 0.05**0.5) / (1 - 0.05**0.5), top / (1 - height), left / (1 - height):
        counts, _ = np.histogram(share, 10, (0, 1))
        assert counts.min() > 1800 and counts.max() < 2200
    assert np.abs(np.corrcoef(np.stack([top / (1 - height), left / (1 - height), height])) - np.eye(3)).max() < 0.03
    forms = draw_boxes(np.random.default_rng(0), np.ones(20_000, np.float32), (0.2, 0.2), (0.5, 2.0))
    counts, _ = np.histogram(forms[:, 3] / forms[:, 2], 10, (0.5, 2))
    assert counts.min() > 1800 and counts.max() < 2200  # the form itself is uniform, not its logarithm


@pytest.mark.parametrize("side", [1, 5, 9, 20])
def test_a_sampled_box_agrees_with_a_loop_over_pixels(side):
    x = images()
    boxes = draw_boxes(np.random.default_rng(1), np.full(12, 9 / 7, np.float32), (0.05, 1.0), (0.5, 2.0))
    boxes[0], boxes[1] = (0, 0, 1, 1), central_box(0.875)
    expected = np.empty((12, side, side, 3))
    for number, (top, left, height, width) in enumerate(boxes.astype(np.float64)):
        for row in range(side):
            for column in range(side):
                y = min(max((top + (row + 0.5) / side * height) * 7 - 0.5, 0), 6)
                x_ = min(max((left + (column + 0.5) / side * width) * 9 - 0.5, 0), 8)
                corners = [(int(y) + i, int(x_) + j) for i in (0, 1) for j in (0, 1)]
                weights = [(1 - abs(y - i)) * (1 - abs(x_ - j)) for i, j in corners]
                pixels = [x[number, min(i, 6), min(j, 8)] for i, j in corners]
                expected[number, row, column] = np.average(pixels, 0, weights)
    sampled = sample_boxes(x, boxes, side)
    assert sampled.dtype == np.float32
    np.testing.assert_allclose(sampled, expected, rtol=0, atol=1e-5 * 255)
    np.testing.assert_array_equal(x, images())


def test_a_box_that_is_the_whole_image_leaves_it_as_it_is_and_resizes_as_others_do():
    import torch

    x, whole = images((4, 9, 9, 3)), np.tile(central_box(1.0), (4, 1))
    np.testing.assert_array_equal(sample_boxes(x, whole, 9), x)
    for side in (5, 9, 14):
        resized = torch.nn.functional.interpolate(
            torch.from_numpy(x).permute(0, 3, 1, 2).float(), (side, side), mode="bilinear"
        )
        np.testing.assert_allclose(sample_boxes(x, whole, side), resized.permute(0, 2, 3, 1), rtol=0, atol=1e-3)


def hard_images():
    """Noise, one constant image of each brightness, and images of so little contrast that the lower bound counts."""
    flat = np.repeat(np.uint8([0, 77, 255]), 28 * 28 * 3).reshape(3, 28, 28, 3)
    faint = np.full((2, 28, 28, 3), 100, np.uint8)
    faint[0, 5, 5, 1], faint[1, ::2] = 140, 103
    return np.concatenate([images((4, 28, 28, 3)), flat, faint])


def test_per_image_is_tensorflows():
    import tensorflow as tf

    expected = tf.image.per_image_standardization(hard_images().astype(np.float32) / 255).numpy()
    result = standardize(hard_images(), "per_image", None)
    assert result.dtype == np.float32
    np.testing.assert_allclose(result, expected, rtol=1e-4, atol=1e-5)
    np.testing.assert_array_equal(result[4:7], 0)


@pytest.mark.parametrize("shape", [(28, 28, 3), (8, 8, 1)])
def test_a_faint_image_is_divided_by_the_lower_bound_alone(shape):
    assert minimum_std(shape) == pytest.approx(np.prod(shape) ** -0.5, rel=1e-6)
    image = np.full((1, *shape), 10, np.uint8)
    image[0, 0, 0, 0] = 11
    x = image.astype(np.float64) / 255
    np.testing.assert_allclose(standardize(image, "per_image", None), (x - x.mean()) * np.sqrt(x.size), atol=1e-5)


def test_per_channel_gives_every_channel_mean_0_and_standard_deviation_1():
    x = (images((50, 6, 7, 3)) // np.uint8([1, 3, 20])).astype(np.uint8)
    mean, std = channel_statistics(x)
    np.testing.assert_allclose(mean, [x[..., c].astype(float).mean() / 255 for c in range(3)], rtol=1e-12)
    np.testing.assert_allclose(std, [x[..., c].astype(float).std() / 255 for c in range(3)], rtol=1e-12)
    assert all(type(value) is float for value in mean + std)  # they go into files
    assert channel_statistics(np.full((2, 3, 3, 1), 51, np.uint8)) == ([0.2], [1.0])  # and inputs are 0
    result = standardize(x, "per_channel", (mean, std))
    assert result.dtype == np.float32
    np.testing.assert_allclose(result.mean((0, 1, 2), np.float64), 0, atol=1e-5)
    np.testing.assert_allclose(result.std((0, 1, 2), np.float64), 1, atol=1e-5)


def test_per_channel_without_statistics_is_refused():
    with pytest.raises(ValueError, match="^per_channel needs .* Received: statistics=None$"):
        standardize(images(), "per_channel", None)


def test_minus_one_one_maps_the_ends_to_the_ends():
    x = np.linspace(0, 255, 256).astype(np.uint8).reshape(1, 16, 16, 1)
    result = standardize(x, "minus_one_one", None)
    assert result.dtype == np.float32 and result.min() == -1 and result.max() == 1
    np.testing.assert_allclose(result.ravel(), np.arange(256) / 127.5 - 1, atol=1e-6)


def test_zero_one_is_the_scale_alone():
    np.testing.assert_array_equal(standardize(images(), "zero_one", None), images() / np.float32(255))


@pytest.mark.parametrize("kind", PREPROCESSING)
def test_float_images_on_the_same_scale_give_the_same_inputs_and_stay_as_they_are(kind):
    x, statistics = images(), channel_statistics(images())
    given = x.astype(np.float32)
    np.testing.assert_array_equal(standardize(given, kind, statistics), standardize(x, kind, statistics))
    np.testing.assert_array_equal(given, x)


def test_a_step_of_one_pixel_unit_is_the_pixel_scale():
    x, statistics = images() // 2, channel_statistics(images())
    for kind in ("per_channel", "minus_one_one", "zero_one"):
        scale = pixel_scale(kind, statistics)
        steps = standardize(x + np.uint8(100), kind, statistics) - standardize(x, kind, statistics)
        np.testing.assert_allclose(steps, np.broadcast_to(100 * scale, x.shape), rtol=1e-4)
    np.testing.assert_allclose(pixel_scale("per_channel", statistics), 1 / (255 * np.array(statistics[1])), rtol=1e-5)
    assert pixel_scale("zero_one", None) == np.float32(1 / 255) and pixel_scale("minus_one_one", None).shape == (1,)


def test_per_image_has_no_pixel_scale():
    with pytest.raises(ValueError) as caught:
        pixel_scale("per_image", None)
    assert "must be one of per_channel, minus_one_one, zero_one" in str(caught.value) and "\n" not in str(caught.value)
