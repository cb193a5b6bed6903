"""Least squares against numpy's own, for fewer and for more features than examples."""

import numpy as np
import pytest
from sklearn.linear_model import Ridge

from common.analysis.interpolation import least_squares

GENERATOR = np.random.default_rng(0)
TARGETS = GENERATOR.standard_normal((60, 3))


def fits(features, penalties):
    return list(least_squares(features[:60], features[60:], TARGETS, penalties))


@pytest.mark.parametrize("d", [7, 59, 60, 61, 200])
def test_solutions_are_those_of_numpy_and_scikit_learn(d):
    features = GENERATOR.standard_normal((80, d))
    plain, penalized = fits(features, (0.0, 2.5))
    weights = np.linalg.lstsq(features[:60], TARGETS)[0]
    np.testing.assert_allclose(plain.test, features[60:] @ weights, rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(plain.train, features[:60] @ weights, atol=1e-6)
    assert plain.norm == pytest.approx(np.linalg.norm(weights), rel=1e-4) and plain.penalty == 0
    ridge = Ridge(2.5, fit_intercept=False).fit(features[:60], TARGETS)
    np.testing.assert_allclose(penalized.test, ridge.predict(features[60:]), atol=1e-8)
    assert penalized.norm == pytest.approx(np.linalg.norm(ridge.coef_)) and penalized.norm < plain.norm


@pytest.mark.parametrize("d", [30, 100])
def test_directions_that_no_example_has_are_left_out(d):
    features = GENERATOR.standard_normal((80, d))
    features = np.concatenate([features, features[:, :1], np.zeros((80, 1))], axis=1)
    (fit,) = fits(features, (0.0,))
    np.testing.assert_allclose(fit.test, features[60:] @ np.linalg.lstsq(features[:60], TARGETS)[0], atol=1e-8)
