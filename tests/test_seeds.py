"""Random streams: pinned, independent of each other and of numpy's global generator."""

import numpy as np
import pytest

from common.seeds import integer, stream


def draws(*names):
    return stream(*names).integers(2**32, size=4).tolist()


def test_streams_are_pinned_because_every_recorded_run_depends_on_them():
    assert draws(0, "labels") == [1844857436, 3879842065, 2170219231, 3030769973]
    assert draws(7, "order", 3) == [405547749, 1332558575, 4254699481, 2651288512]
    assert integer(0, "dropout", 1) == 233971780


@pytest.mark.parametrize(
    "one, other",
    [
        ((0, "labels"), (1, "labels")),
        ((0, "labels"), (0, "images")),
        ((0, "order", 1), (0, "order", 2)),
        ((0, "order", 1), (0, "order", "1")),
        ((0, "ab", "c"), (0, "a", "bc")),
        ((0, "a"), (0, "a", "")),
        ((1, 2, "a"), (12, "a")),
    ],
)
def test_another_seed_or_name_is_another_stream(one, other):
    assert draws(*one) != draws(*other) and integer(*one) != integer(*other)
    assert draws(*one) == draws(*one) and integer(*one) == integer(*one)


def test_drawing_from_a_stream_changes_no_other_and_no_global_generator():
    expected, state = draws(0, "b"), np.random.get_state()[1].tolist()
    stream(0, "a").random(100)
    np.testing.assert_array_equal(state, np.random.get_state()[1])
    np.random.random(3)
    assert draws(0, "b") == expected


def test_integers_are_seeds_of_31_bits_spread_over_their_range():
    values = [integer(0, "n", number) for number in range(400)]
    assert all(type(value) is int and 0 <= value < 2**31 for value in values)
    assert min(values) < 2**31 / 20 and max(values) > 2**31 * 19 / 20 and len(set(values)) == 400
