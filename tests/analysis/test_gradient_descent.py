"""Gradient descent against its closed form, and both against the solution of least norm."""

import math

import numpy as np
import pytest

from common.analysis.gradient_descent import ClosedForm, descend, descend_by_examples

GENERATOR = np.random.default_rng(0)
X, Y, START = (GENERATOR.standard_normal(shape) for shape in ((20, 50), (20, 3), (50, 3)))
FORM = ClosedForm(X, Y)


@pytest.mark.parametrize("start", [np.zeros((50, 3)), START])
def test_every_step_is_where_the_closed_form_says(start):
    for steps, weights in zip((0, 1, 7, 300), descend(X, Y, start, FORM.rate, (0, 1, 7, 300)), strict=True):
        np.testing.assert_allclose(weights, FORM.after(start, FORM.rate, steps), atol=1e-12)
    np.testing.assert_array_equal(next(descend(X, Y, start, FORM.rate, (0,))), start)
    one = start - 0.001 * X.T @ (X @ start - Y)
    np.testing.assert_allclose(next(descend(X, Y, start, 0.001, (1,))), one)
    with pytest.raises(ValueError, match="rate must be at most"):
        FORM.after(start, 1.5 * FORM.rate, 3)


def test_the_limit_has_least_norm_from_0_and_keeps_the_null_space_part_from_elsewhere():
    least = np.linalg.lstsq(X, Y)[0]
    np.testing.assert_allclose(FORM.after(np.zeros((50, 3)), FORM.rate, math.inf), least, atol=1e-12)
    null = START - np.linalg.pinv(X) @ (X @ START)
    np.testing.assert_allclose(FORM.after(START, FORM.rate, math.inf), least + null, atol=1e-12)
    assert FORM.rate == pytest.approx(1 / np.linalg.norm(X, 2) ** 2)


def test_steps_of_one_example_find_the_solution_of_least_norm_too():
    zero = np.zeros((50, 3))
    few, end = descend_by_examples(X, Y, zero, FORM.example_rate, (1, 20_000), np.random.default_rng(1))
    place = int(np.random.default_rng(1).integers(20, size=1)[0])
    np.testing.assert_allclose(few, FORM.example_rate * np.outer(X[place], Y[place]))
    np.testing.assert_allclose(end, np.linalg.lstsq(X, Y)[0], atol=1e-6)
    assert FORM.example_rate == pytest.approx(1 / (X**2).sum(1).max())
