"""Epoch plans: a fresh order, crops, flips and angles for each epoch, each from its own stream."""

import numpy as np
import pytest

from common.data.epochs import EpochPlan, draw
from common.data.inputs import ImageInputs
from common.runs.config import Config

SHAPE, SIDE = (9, 9, 3), 6
N = 5000


def plan(seed=0, epoch=0, n=N, shape=SHAPE, crop=SIDE, shuffle=True, **fields):
    settings = Config(**{"crop": crop, "random_crop": True, "flip": True, "rotation": 25.0, **fields})
    return draw(ImageInputs(shape, settings), seed, epoch, n, shuffle)


def parts(plan):
    return plan.order, *plan.drawn.values()


def test_every_example_comes_once_in_an_order_that_is_not_sorted():
    order = plan().order
    assert order.dtype == np.int64
    np.testing.assert_array_equal(np.sort(order), np.arange(N))
    assert np.mean(order == np.arange(N)) < 0.01


def test_offsets_reach_every_place_alike_and_none_outside():
    offsets = plan().drawn["offsets"]
    assert offsets.shape == (N, 2)
    counts = np.zeros((4, 4))
    np.add.at(counts, tuple(offsets.T), 1)
    assert counts.sum() == N and counts.min() > 0.7 * N / 16 and counts.max() < 1.3 * N / 16


def test_half_of_the_examples_are_mirrored():
    flips = plan().drawn["flips"]
    assert flips.dtype == bool and 0.46 < flips.mean() < 0.54 and flips.shape == (N,)


@pytest.mark.parametrize("rotation", [0.5, 25.0, 180.0])
def test_angles_are_spread_over_their_range_on_both_sides(rotation):
    angles = plan(rotation=rotation).drawn["angles"]
    assert angles.dtype == np.float32 and angles.shape == (N,) and np.abs(angles).max() <= rotation
    counts, _ = np.histogram(angles, 10, (-rotation, rotation))
    assert counts.min() > 0.8 * N / 10 and counts.max() < 1.2 * N / 10
    np.testing.assert_allclose(angles, plan().drawn["angles"] * (rotation / 25), rtol=1e-5)  # one stream, scaled


@pytest.mark.parametrize("changes", [{"seed": 1}, {"epoch": 1}])
def test_a_plan_is_the_same_for_the_same_seed_and_epoch_only(changes):
    for first, again, other in zip(parts(plan()), parts(plan()), parts(plan(**changes)), strict=True):
        np.testing.assert_array_equal(first, again)
        assert np.mean(first != other) > 0.4
    assert plan().dropout_seed == plan().dropout_seed != plan(**changes).dropout_seed


def test_what_is_not_used_is_not_drawn_and_changes_nothing_else():
    names, off = ("offsets", "flips", "angles"), {"random_crop": False, "flip": False, "rotation": 0.0}
    whole, bare = plan(), plan(**off)
    assert tuple(whole.drawn) == names and not bare.drawn
    for name, flag in zip(names, off, strict=True):
        without, alone = plan(**{flag: off[flag]}), plan(**{key: value for key, value in off.items() if key != flag})
        assert list(alone.drawn) == [name] and {*without.drawn} == {*names} - {name}
        np.testing.assert_array_equal(alone.drawn[name], whole.drawn[name])
        for other in without.drawn:
            np.testing.assert_array_equal(without.drawn[other], whole.drawn[other])
        for drawn in (bare, without, alone):
            np.testing.assert_array_equal(drawn.order, whole.order)
            assert drawn.dropout_seed == whole.dropout_seed


def test_a_plan_without_rotation_is_the_one_of_before_there_was_any():
    drawn = plan(0, 3, 6, (8, 8, 1), 6, rotation=0.0)
    assert drawn.order.tolist() == [3, 0, 1, 4, 5, 2]
    assert drawn.drawn["offsets"].tolist() == [[0, 2], [2, 2], [0, 1], [2, 0], [1, 2], [0, 1]]
    assert drawn.drawn["flips"].tolist() == [True, False, True, False, False, True]
    assert "angles" not in drawn.drawn and EpochPlan(drawn.order).dropout_seed == 0


def test_boxes_have_a_stream_of_their_own_and_are_drawn_by_place():
    fields = {"random_crop": False, "random_box": True, "center_box": 0.875, "framework": "torch"}
    boxes, flips = plan(**fields).drawn["boxes"], plan(**fields).drawn["flips"]
    assert boxes.shape == (N, 4) and boxes.dtype == np.float32 and len(np.unique(boxes[:, 0])) > 0.9 * N
    np.testing.assert_array_equal(flips, plan().drawn["flips"])
    np.testing.assert_array_equal(boxes, plan(**fields).drawn["boxes"])
    for changes in ({"seed": 1}, {"epoch": 1}):
        assert np.mean(boxes == plan(**changes, **fields).drawn["boxes"]) < 0.01
    small = plan(**fields, box_area=(0.1, 0.2), box_aspect=(0.5, 0.5)).drawn["boxes"]
    areas = small[:, 2] * small[:, 3]
    assert areas.min() > 0.099 and areas.max() < 0.201
    np.testing.assert_allclose(small[:, 3], small[:, 2] / 2, rtol=1e-5)


def test_a_side_as_small_as_the_crop_stays_where_it_is():
    offsets = plan(shape=(6, 9, 3), rotation=0.0).drawn["offsets"]
    assert not offsets[:, 0].any() and offsets[:, 1].max() == 3


def test_without_shuffling_the_order_is_the_data_sets_and_nothing_else_changes():
    still, shuffled = plan(shuffle=False), plan()
    np.testing.assert_array_equal(still.order, np.arange(N))
    assert still.order.dtype == np.int64
    for one, other in zip(parts(still)[1:], parts(shuffled)[1:], strict=True):
        np.testing.assert_array_equal(one, other)
