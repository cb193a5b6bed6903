"""Gradient descent on a linear model of fewer examples than weights, and where it is after t steps in closed form."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np

from common.analysis.linalg import decompose
from common.data.arrays import Floats


def descend(x: Floats, y: Floats, weights: Floats, rate: float, steps: Iterable[int]) -> Iterator[Floats]:
    """Weights (d, c) after each of these numbers of steps, ascending, down the gradient of |x W - y|^2 / 2."""
    weights, done = weights.copy(), 0
    for count in steps:
        for _ in range(count - done):
            weights -= rate * (x.T @ (x @ weights - y))
        done = count
        yield weights.copy()


def descend_by_examples(
    x: Floats, y: Floats, weights: Floats, rate: float, steps: Iterable[int], generator: np.random.Generator
) -> Iterator[Floats]:
    """The same by stochastic gradient descent: each step takes one example, drawn at random."""
    weights, done = weights.copy(), 0
    for count in steps:
        for i in generator.integers(len(x), size=count - done):
            weights -= rate * np.outer(x[i], x[i] @ weights - y[i])
        done = count
        yield weights.copy()


class ClosedForm:
    """What gradient descent does, by the eigendecomposition of K = x x' (n, n), for x (n, d) of rank n < d."""

    def __init__(self, x: Floats, y: Floats):
        self.x, self.y = x, y
        self.values, vectors = decompose(np.asfortranarray(x @ x.T))
        self.vectors: Floats = vectors(0, len(x))

    @property
    def rate(self) -> float:
        """The rate that takes the steepest direction to its end in one step: one over the largest eigenvalue."""
        return float(1 / self.values[0])

    @property
    def example_rate(self) -> float:
        """The same of steps of one example: one over the largest squared length."""
        return float(1 / np.einsum("ij,ij->i", self.x, self.x).max())

    def after(self, start: Floats, rate: float, steps: float) -> Floats:
        """start + x' K^-1 (I - (I - rate K)^steps) (y - x start): (d, c); infinite steps give the limit.

        From 0 that is x' K^-1 y, the solution of least norm; from elsewhere it keeps what of the start lies in the null
        space of x. ValueError for a rate above `rate`, of which the steepest direction goes past its end.
        """
        if rate > self.rate * (1 + 1e-9):
            raise ValueError(f"rate must be at most {self.rate:g}. Received: rate={rate:g}")
        left = self.vectors @ (self.y - self.x @ start)
        shares = -np.expm1(steps * np.log1p(-np.minimum(rate * self.values, 1 - 1e-16)))
        coefficients = self.vectors.T @ (left * (shares / self.values)[:, None])
        return start + self.x.T @ coefficients
