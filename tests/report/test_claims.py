import math

import pytest
from scipy import stats

from common.report.claims import Claim, Targets, grows, growth, judge, judge_seeds, ordered
from common.report.numbers import estimate, mean_interval, wilson_interval

CLAIM = Claim("a", "half of it", 0.5, (0.49, 0.56), "Table 1")


def test_mean_interval_is_the_t_interval():
    values = [0.51, 0.53, 0.56]
    expected = stats.ttest_1samp(values, 0).confidence_interval(0.95)
    assert mean_interval(values) == pytest.approx((1.6 / 3, expected.low, expected.high), abs=1e-12)
    assert mean_interval([0.0, 1.0]) == pytest.approx((0.5, 0.5 - 12.7062047 / 2, 0.5 + 12.7062047 / 2))
    assert mean_interval([0.4, 0.4]) == (0.4, 0.4, 0.4)


def test_mean_interval_needs_two_values():
    with pytest.raises(ValueError, match="at least 2 values. Received: n=1"):
        mean_interval([0.5])


def test_wilson_interval_against_known_values():
    # Newcombe (1998), table I, method 3.
    assert wilson_interval(81, 263) == pytest.approx((0.2553, 0.3662), abs=5e-5)
    assert wilson_interval(0, 20) == pytest.approx((0.0, 0.1611), abs=5e-5)
    low, high = wilson_interval(9_000, 10_000)
    scipy = stats.binomtest(9_000, 10_000).proportion_ci(method="wilson")
    assert (low, high) == pytest.approx((scipy.low, scipy.high), abs=1e-12)
    assert wilson_interval(20, 20)[1] == 1.0


@pytest.mark.parametrize(("correct", "n"), [(1, 0), (3, 2), (-1, 2)])
def test_wilson_interval_refuses_impossible_counts(correct, n):
    with pytest.raises(ValueError, match="Received: correct="):
        wilson_interval(correct, n)


def test_null_is_left_out_and_never_counts_as_zero():
    assert estimate([None, 0.5, None, 0.54]) == estimate([0.5, 0.54])
    assert estimate([0.5, None]).mean == 0.5
    empty = judge(CLAIM, [None, None])
    assert (empty.verdict, empty.n, empty.mean, empty.low) == ("not measured", 0, None, None)
    assert judge(CLAIM, []).verdict == "not measured"


def test_zero_is_a_measurement():
    verdict = judge(CLAIM, [0.0, 0.0])
    assert (verdict.verdict, verdict.n, verdict.mean) == ("not confirmed", 2, 0.0)


def test_one_seed_has_a_wilson_interval_over_its_test_examples():
    verdict = judge(CLAIM, [None, 0.52], [None, (5_200, 10_000)])
    assert (verdict.verdict, verdict.n, verdict.interval_kind) == ("confirmed", 1, "Wilson, 1 seed")
    assert (verdict.low, verdict.high) == wilson_interval(5_200, 10_000)
    without = judge(CLAIM, [0.52])
    assert (without.low, without.high, without.interval_kind) == (None, None, "1 seed")


def test_several_seeds_have_a_t_interval():
    verdict = judge(CLAIM, [0.5, 0.52, 0.54], [(1, 2), (1, 2), (1, 2)])
    assert (verdict.interval_kind, verdict.n) == ("t, 3 seeds", 3)
    assert (verdict.mean, verdict.low, verdict.high) == mean_interval([0.5, 0.52, 0.54])


@pytest.mark.parametrize(
    ("value", "holds"), [(0.49, True), (0.56, True), (0.4899, False), (0.57, False), (math.nan, False)]
)
def test_the_band_includes_its_ends(value, holds):
    assert judge(CLAIM, [value]).verdict == ("confirmed" if holds else "not confirmed")


def test_a_claim_without_a_band_is_measured_but_not_decided():
    verdict = judge(Claim("b", "", 1.79, None, "Figure 1b"), [1.7, 1.9])
    assert (verdict.verdict, verdict.n) == ("no band", 2)
    assert verdict.mean == pytest.approx(1.8)


def test_unknown_targets_and_statements_are_named(tmp_path):
    (tmp_path / "statements.json").write_text('[{"id": "order"}]')
    targets = Targets(tmp_path)
    with pytest.raises(ValueError, match="Did you mean statements"):
        targets.of("statement")
    with pytest.raises(ValueError, match="Did you mean order"):
        targets.statement("ordr")
    assert targets.statement("order") is targets.of("statements")[0]  # read once


@pytest.mark.parametrize(
    ("levels", "holds"),
    [
        ([[1], [2], [4, 3], [5]], True),
        ([[1], [2], [3, 5], [5]], False),  # a tie is no order
        ([[1], [3], [2, 4], [5]], False),
        ([[1], [2], [3, None], [5]], None),
        ([[1], [2], [], [5]], None),
    ],
)
def test_ordered(levels, holds):
    assert ordered(levels) is holds


def test_growth_is_spearmans_correlation():
    points = {0.0: 10, 0.2: 19, 0.4: 18, 0.6: 27, 1.0: 27}
    assert growth(points) == pytest.approx(stats.spearmanr([0, 1, 2, 3, 4], [10, 19, 18, 27, 27]).statistic)
    assert growth(dict(reversed(points.items()))) == pytest.approx(growth(points))
    assert growth({0.0: 5, 0.5: 5, 1.0: 5}) == 0
    assert growth({0.0: 1, 1.0: 2}) is None and growth({0.0: 1, 0.4: 3, 0.6: None, 1.0: 4}) is None


@pytest.mark.parametrize(
    ("values", "holds"),
    [
        ([1, 2, 3, 4, 5, 6], True),
        ([1, 2, 3, 4, 6, 5], True),
        ([1, 3, 2, 6, 4, 5], False),  # 0.83
        ([6, 5, 4, 3, 2, 1], False),
        ([2, 2, 2, 2, 2, 2], False),
        ([1, 2, 3, 4, 5, None], None),
    ],
)
def test_grows(values, holds):
    assert grows(dict(enumerate(values)), 0.9) is holds


def test_growth_needs_ordered_ends_too():
    points = dict(enumerate([1.5, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 1]))
    assert growth(points) < 0.9 and not grows(points, 0.5)


def test_a_statement_is_confirmed_where_it_holds_in_every_measured_seed():
    assert judge_seeds([True, True]) == ("2 of 2 seeds", "confirmed")
    assert judge_seeds([True, False, True]) == ("2 of 3 seeds", "not confirmed")
    assert judge_seeds([True, None]) == ("1 of 1 seeds, 1 not measured", "confirmed")
    assert judge_seeds([False, "undecided", None]) == ("0 of 1 seeds, 1 undecided, 1 not measured", "not confirmed")
    assert judge_seeds(["undecided", None]) == (None, "undecided")
    assert judge_seeds([None]) == judge_seeds([]) == (None, "not measured")
