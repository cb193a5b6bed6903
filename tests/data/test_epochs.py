"""Epoch plans: a fresh order, crops and flips for each epoch, each from its own stream."""

import numpy as np
import pytest

from common.data.epochs import draw

SHAPE, SIDE = (6, 9, 3), 4
N = 5000


def plan(seed=0, epoch=0, n=N, random_crop=True, flip=True):
    return draw(seed, epoch, n, SHAPE, SIDE, random_crop, flip)


def parts(drawn):
    return drawn.order, drawn.offsets, drawn.flips


def test_every_example_comes_once_in_an_order_that_is_not_sorted():
    order = plan().order
    assert order.dtype == np.int64
    np.testing.assert_array_equal(np.sort(order), np.arange(N))
    assert np.mean(order == np.arange(N)) < 0.01


def test_offsets_reach_every_place_alike_and_none_outside():
    offsets = plan().offsets
    assert offsets.shape == (N, 2)
    counts = np.zeros((6 - SIDE + 1, 9 - SIDE + 1))
    np.add.at(counts, tuple(offsets.T), 1)
    assert counts.sum() == N and counts.min() > 0.7 * N / 18 and counts.max() < 1.3 * N / 18


def test_half_of_the_examples_are_mirrored():
    assert plan().flips.dtype == bool and 0.46 < plan().flips.mean() < 0.54 and plan().flips.shape == (N,)


@pytest.mark.parametrize("changes", [{"seed": 1}, {"epoch": 1}])
def test_a_plan_is_the_same_for_the_same_seed_and_epoch_only(changes):
    for first, again, other in zip(parts(plan()), parts(plan()), parts(plan(**changes)), strict=True):
        np.testing.assert_array_equal(first, again)
        assert np.mean(first != other) > 0.4


def test_what_is_not_used_is_not_drawn_and_changes_nothing_else():
    order, offsets, flips = parts(plan())
    bare, cropped, mirrored = plan(random_crop=False, flip=False), plan(flip=False), plan(random_crop=False)
    assert (bare.offsets, bare.flips, cropped.flips, mirrored.offsets) == (None,) * 4
    for drawn in (bare, cropped, mirrored):
        np.testing.assert_array_equal(drawn.order, order)
    np.testing.assert_array_equal(cropped.offsets, offsets)
    np.testing.assert_array_equal(mirrored.flips, flips)


def test_an_image_as_small_as_the_crop_stays_where_it_is():
    assert not draw(0, 0, 10, (8, 8, 1), 8, True, False).offsets.any()
