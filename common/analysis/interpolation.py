"""Least squares of least norm, with and without a penalty, on fewer and on more features than examples."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from common.data.arrays import Floats


class Fit(NamedTuple):
    """A penalty, outputs on training (n, c) and test examples (m, c), and the norm of the weights (d, c)."""

    penalty: float
    train: Floats
    test: Floats
    norm: float


def least_squares(train: Floats, test: Floats, targets: Floats, penalties: Sequence[float]) -> Iterator[Fit]:
    """W that minimizes |train W - targets|^2 + p |W|^2 for each penalty p, of least norm where p is 0.

    Features (n, d) and (m, d), targets (n, c). One eigendecomposition of the smaller Gram matrix gives all of them.
    Directions below rounding error are left out: nothing is known of them.
    """
    from common.analysis.linalg import decompose

    n, d = train.shape
    wide = n < d
    values, vectors = decompose(np.asfortranarray(train @ train.T if wide else train.T @ train))
    rank = int(np.count_nonzero(values > values[0] * max(n, d) * np.finfo(np.float64).eps))
    values, basis = values[:rank], vectors(0, rank)
    projected = basis @ (targets if wide else train.T @ targets)
    for penalty in penalties:
        weights = basis.T @ (projected / (values + penalty)[:, None])
        weights = train.T @ weights if wide else weights
        yield Fit(penalty, train @ weights, test @ weights, float(np.linalg.norm(weights)))
