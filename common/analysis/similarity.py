"""How alike two layers, or two networks, represent the same examples: linear CKA and SVCCA, in float64."""

import math
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.linalg import qr, svdvals

from common.analysis.features import check_features, varies
from common.analysis.linalg import check_size, principal_subspace
from common.data.arrays import Floats


def linear_cka(x: ArrayLike, y: ArrayLike) -> float:
    """Centred kernel alignment with linear kernels (Kornblith et al. 2019), 0 to 1: |Y'X|^2 / (|X'X| |Y'Y|), Frobenius.

    `x` (n, d1) and `y` (n, d2) are features of the same examples, any real dtype; columns are centred here. Rotations
    of the features and a common factor change nothing, other linear maps do. Memory: both in float64 and the smaller
    of products over examples (n, n) and over features (d, d). Raises ValueError for features that are not
    two-dimensional, real and finite, that are the same for all examples, or for different n.
    """
    first, second = _centred_pair(x, y)
    if len(first) < max(first.shape[1], second.shape[1]):
        kernels = first @ first.T, second @ second.T
        shared = float(np.vdot(*kernels))
    else:
        kernels = first.T @ first, second.T @ second
        shared = float(np.linalg.norm(second.T @ first)) ** 2
    return shared / float(np.linalg.norm(kernels[0]) * np.linalg.norm(kernels[1]))


def svcca(x: ArrayLike, y: ArrayLike, variance: float = 0.99) -> float:
    """Singular vector canonical correlation (Raghu et al. 2017), 0 to 1: the mean correlation of leading directions.

    Of centred `x` (n, d1) and `y` (n, d2) the principal directions are kept that hold the share `variance` of each;
    the mean is over the canonical correlations of these, as many as the smaller number of directions. With nearly as
    many directions as examples it is near 1 whatever the features are. Raises ValueError as `linear_cka` does, and
    unless 0 < variance < 1.
    """
    check_size(variance, None)
    return mean_correlation(*(leading_scores(features, variance) for features in _centred_pair(x, y)))


def leading_scores(centred: Floats, variance: float = 0.99) -> Floats:
    """Orthonormal columns (n, k) that span the examples' places along the k principal directions of (n, d) features."""
    directions = principal_subspace(centred, variance=variance).directions
    scores: Floats = qr(centred @ directions.T, mode="economic")[0]
    return scores


def mean_correlation(first: Floats, second: Floats) -> float:
    """Mean canonical correlation of two layers by their `leading_scores`, (n, k1) and (n, k2): their `svcca`."""
    return float(np.minimum(svdvals(first.T @ second), 1).mean())


def chance_correlation(directions: int, other_directions: int, n: int) -> float:
    """Most that SVCCA is expected to be for unrelated layers with so many directions, on `n` examples.

    Centred examples lie in n - 1 dimensions. The squared canonical correlations of two uniformly random subspaces of
    these, of p and q dimensions, sum to p q / (n - 1) on average, so that the mean of the min(p, q) correlations is on
    average at most sqrt(max(p, q) / (n - 1)).
    """
    return min(1.0, math.sqrt(max(directions, other_directions) / (n - 1)))


def _centred_pair(x: ArrayLike, y: ArrayLike) -> tuple[Floats, Floats]:
    first, second = check_features(x), check_features(y)
    if len(first) != len(second):
        raise ValueError(
            f"y must hold the examples of x. Received: x of shape {first.shape}, y of shape {second.shape}"
        )
    return _centred("x", first), _centred("y", second)


def _centred(name: str, features: NDArray[Any]) -> Floats:
    if not varies(features):
        raise ValueError(
            f"{name} must differ between examples. Received: {name} of shape {features.shape}, constant or empty"
        )
    centred: Floats = features - features.mean(axis=0, dtype=np.float64)
    return centred
