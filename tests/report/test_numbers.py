"""Numbers over seeds, in words too, and the intervals of fractions."""

import pytest

from common.report.numbers import cell, compared, estimate, less, number, rate, share


def test_named_values_are_means_over_the_seeds_that_have_all():
    names = ("on real data", "on noise")
    assert compared([(1.0, 2.0), (None, 9.0), (1.0, 2.0)], names) == "1.00 [1.00, 1.00] on real data, " \
        "2.00 [2.00, 2.00] on noise"  # fmt: skip
    assert compared([(None, 1.0)], names) is None and compared([], names) is None
    assert compared([((1, 4), (3, 4))], names, text=rate).endswith("% (3 of 4) on noise")


def test_a_rate_of_one_seed_says_how_many_of_how_many():
    assert share((1, 4)) == 0.25
    assert rate([(1, 4)]) == "25.00 [4.56, 69.94] % (1 of 4)"
    assert rate([(1, 4), (1, 4)]) == "25.00 [25.00, 25.00] %" and rate([]) == "–"


def test_a_difference_with_what_was_not_measured_is_null():
    assert less(0.5, 0.2) == pytest.approx(0.3) and less(None, 1.0) is less(1.0, None) is None


def test_intervals_of_fractions_end_at_0_and_1_those_of_differences_do_not():
    assert estimate([0.97, 0.99, 1.0]).high > 1
    assert number([0.97, 0.99, 1.0]).high == 1 and number([0.0, 0.0, 0.03]).low == 0
    assert number([0.0, 0.0, 0.03], "points").low < 0 and number([0.97, 0.99, 1.0], "points").high > 1
    assert cell(number([0.5], "points")) == "50.00"
