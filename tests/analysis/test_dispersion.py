"""Dispersion of correctness against its closed forms: independent predictions, mixtures, networks with a bias."""

import numpy as np
import pytest
from scipy import stats

from common.analysis.dispersion import binomial_shares, dispersion, jackknifed, within, within_classes

LABELS = np.arange(1000) % 10


def draw(probabilities, seed=0, networks=100):
    """Correctness of networks, each prediction right with the given probability (broadcast over networks)."""
    probabilities = np.broadcast_to(probabilities, (networks, 1000))
    return np.random.default_rng(seed).random(probabilities.shape) < probabilities


def test_independent_predictions_have_an_index_of_1_and_lie_in_the_band_as_often_as_stated():
    found = [dispersion(draw(0.3, seed), LABELS) for seed in range(200)]
    assert np.mean([each.index for each in found]) == pytest.approx(1, abs=0.02)
    assert np.mean([each.within for each in found]) == pytest.approx(1, abs=0.02)
    inside = np.mean([each.band[0] <= each.within <= each.band[1] for each in found])
    assert 0.9 <= inside <= 0.99
    assert found[0].mean == pytest.approx(draw(0.3, 0).mean())
    assert found[0].distance < 0.05


def test_the_band_is_that_of_chi_square():
    found = dispersion(draw(0.3), LABELS)
    assert found.band == pytest.approx(stats.chi2.ppf([0.025, 0.975], 990) / 990)
    assert found.index_band == pytest.approx(stats.chi2.ppf([0.025, 0.975], 999) / 999)


def test_networks_that_predict_one_class_each_leave_what_is_within_classes_unmeasured():
    found = dispersion(np.arange(100)[:, None] % 10 == LABELS, LABELS)
    assert np.isnan([found.within, *found.band]).all()
    assert found.mean == pytest.approx(0.1) and found.index == pytest.approx(0)


def test_the_index_is_the_variance_over_that_of_the_binomial_and_the_distance_kolmogorovs():
    correct = draw(np.linspace(0.1, 0.9, 1000))
    found, counts = dispersion(correct, LABELS), correct.sum(axis=0)
    p = correct.mean()
    assert found.index == pytest.approx(np.var(counts / 100, ddof=1) / (p * (1 - p) / 100))
    levels = np.arange(101)
    empirical = [(counts <= level).mean() for level in levels]
    assert found.distance == pytest.approx(np.abs(empirical - stats.binom.cdf(levels, 100, p)).max())
    assert found.index > 10 and found.within > 10 and found.distance > 0.2


def test_a_difficulty_of_classes_alone_shows_in_the_index_and_not_within_classes():
    found = dispersion(draw(np.where(LABELS < 5, 0.2, 0.6)), LABELS)
    assert found.index > 10 and 0.85 < found.within < 1.15


def test_networks_that_prefer_a_class_are_no_difference_between_its_examples():
    """Within each class a network is right on all examples alike: the plain variance is too small, Q is not."""
    bias = np.random.default_rng(1).choice([0.05, 0.9], (100, 10))
    found = [dispersion(draw(bias[:, LABELS], seed), LABELS) for seed in range(20)]
    assert np.mean([each.within for each in found]) == pytest.approx(1, abs=0.03)


def test_cochrans_q_agrees_with_an_example_by_hand():
    correct = np.array([[1, 1, 0], [1, 0, 0], [1, 1, 1], [1, 0, 1], [0, 0, 0]], bool)
    columns, rows, k = correct.sum(axis=0), correct.sum(axis=1), 3
    q = (k - 1) * (k * (columns**2).sum() - columns.sum() ** 2) / (k * rows.sum() - (rows**2).sum())
    assert within_classes(correct, np.zeros(3, int)) == (pytest.approx(q / (k - 1)), 2)
    assert np.isnan(within_classes(np.ones((4, 3), bool), np.zeros(3, int))[0])


@pytest.mark.parametrize(
    "correct, labels, reason",
    [
        (np.ones((1, 5), bool), np.zeros(5, int), "at least two networks"),
        (np.ones((5, 1), bool), np.zeros(1, int), "at least two networks"),
        (np.eye(5, dtype=bool), np.zeros(4, int), "4 labels"),
        (np.ones((5, 5), bool), np.zeros(5, int), "neither all right nor all wrong. Received: mean=1"),
        (np.zeros((5, 5), bool), np.zeros(5, int), "neither all right nor all wrong. Received: mean=0"),
    ],
)
def test_what_cannot_be_compared_is_refused_in_one_line(correct, labels, reason):
    with pytest.raises(ValueError, match=reason):
        dispersion(correct, labels)


def test_binomial_shares_are_the_same_again_and_have_the_mean_and_variance_of_the_distribution():
    shares = binomial_shares(100, 0.2, 10000)
    np.testing.assert_array_equal(shares, binomial_shares(100, 0.2, 10000))
    assert shares.mean() == pytest.approx(0.2, abs=0.002)
    assert shares.var() == pytest.approx(0.2 * 0.8 / 100, rel=0.05)


def test_the_index_of_other_numbers_of_networks_grows_with_what_lies_between_examples():
    correct = draw(np.random.default_rng(0).beta(1, 1, len(LABELS)))
    whole = within(correct, LABELS, len(correct))
    assert whole == dispersion(correct, LABELS).within
    half = within(correct[::2], LABELS, len(correct))
    assert half == pytest.approx(whole, rel=0.1) and within_classes(correct[::2], LABELS)[0] < 0.6 * whole
    assert within(draw(0.3), LABELS, 1000) == pytest.approx(1, abs=1)


def test_pseudo_values_of_a_mean_are_the_values_and_those_of_a_variance_have_no_bias():
    values = np.array([1.0, 4.0, 2.0, 9.0])
    assert jackknifed(lambda places: float(np.mean(values[places])), 4) == pytest.approx(list(values))
    variances = jackknifed(lambda places: float(np.var(values[places])), 4)
    assert np.mean(variances) == pytest.approx(np.var(values, ddof=1))
