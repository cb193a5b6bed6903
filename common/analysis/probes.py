"""Probes: classifiers that read labels out of the features of one layer, by scikit-learn's estimator contract."""

from collections.abc import Callable
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted

from common.analysis.linalg import check_size, principal_subspace

# Rows taken to float64 at a time: matrix products at full speed, while the batch stays in the cache for all classes.
BATCH = 512


class MASC(ClassifierMixin, BaseEstimator):
    """Minimum angle subspace classifier (Ketha & Ramaswamy, arXiv 2501.14687): the class whose subspace is nearest.

    The examples of each class span a linear subspace: `components` principal directions of it, or, if that is None,
    as many as the fraction `variance` of its uncentred second moment needs (k = #{cumulative ratio <= variance} + 1).
    The cosine of the angle between x and its projection P x is |P x| / |x|, hence argmin angle = argmax |P x|^2. Ties
    go to the lowest class: x = 0 ties with all. A class whose features are all zero has a subspace of dimension 0 and
    so the score 0; a class without examples is never predicted.

    Fitted attributes: `classes_` (c,), `components_` (c arrays (k, d), float64, orthonormal rows), `n_components_`
    (c,), `n_features_in_`. Where a class has fewer linearly independent examples than asked for, k is their number.
    """

    def __init__(self, variance: float | None = 0.99, components: int | None = None) -> None:
        self.variance = variance
        self.components = components

    def fit(self, features: ArrayLike, labels: ArrayLike) -> Self:
        """Find a subspace for each class in `labels` (n,) from its rows of `features` (n, d), any real dtype.

        Memory: beside the features and the subspaces, one class and a few (d, d) matrices in float64. Raises
        ValueError for features that are not two-dimensional, real and finite, for another number of labels than of
        examples, for `variance` outside (0, 1), and for `components` below 1, above d or above a class's examples.
        """
        check_size(self.variance, self.components)
        rows = check_features(features)
        targets = check_labels(labels, len(rows))
        classes, counts = np.unique(targets, return_counts=True)
        if self.components is not None and counts.min() < self.components:
            fewest = counts.argmin()
            raise ValueError(
                f"every class must have at least {self.components} examples. "
                f"Received: components={self.components}, {counts[fewest]} in class {classes[fewest]}"
            )
        self._subspaces = [
            principal_subspace(rows[targets == name], variance=self.variance, components=self.components)
            for name in classes
        ]
        self.classes_ = classes
        self.components_ = [subspace.directions for subspace in self._subspaces]
        self.n_components_ = np.array([len(directions) for directions in self.components_])
        self.n_features_in_ = rows.shape[1]
        return self

    def predict(self, features: ArrayLike) -> NDArray[Any]:
        """The class of the smallest angle for each row of `features` (n, d); (n,) of the labels' dtype.

        Raises ValueError for features that are not two-dimensional, real and finite, or of another d than at fit.
        """
        check_is_fitted(self)
        rows = check_features(features, self.n_features_in_)
        nearest: NDArray[np.intp] = np.empty(len(rows), dtype=np.intp)
        for start in range(0, len(rows), BATCH):
            batch = np.asarray(rows[start : start + BATCH], dtype=np.float64)
            scores = [subspace.squared_lengths(batch) for subspace in self._subspaces]
            nearest[start : start + BATCH] = np.argmax(scores, axis=0)
        return self.classes_[nearest]


def check_features(features: ArrayLike, dimensions: int | None = None) -> NDArray[Any]:
    """`features` as an array (n, d) of its own dtype; ValueError unless real, finite and d = `dimensions`."""
    rows = np.asarray(features)
    if rows.ndim != 2 or rows.shape[1] == 0:
        raise ValueError(f"features must have shape (n, d), d >= 1. Received: features of shape {rows.shape}")
    if dimensions is not None and rows.shape[1] != dimensions:
        raise ValueError(f"features must have d = {dimensions} as at fit. Received: features of shape {rows.shape}")
    if rows.dtype.kind not in "fiub":
        raise ValueError(f"features must be real numbers. Received: features of dtype {rows.dtype}")
    for start in range(0, len(rows), BATCH):
        wrong = np.argwhere(~np.isfinite(rows[start : start + BATCH]))
        if len(wrong):
            row, column = int(wrong[0, 0]) + start, int(wrong[0, 1])
            raise ValueError(f"features must be finite. Received: features[{row}, {column}]={rows[row, column]}")
    return rows


def check_labels(labels: ArrayLike, examples: int) -> NDArray[Any]:
    """`labels` as an array (n,); ValueError unless n = `examples` >= 1 and they are classes, not continuous values."""
    targets = np.asarray(labels)
    if examples == 0:
        raise ValueError("features must hold at least one example. Received: 0 examples")
    if targets.shape != (examples,):
        raise ValueError(
            f"labels must have one entry for each of the {examples} examples. Received: labels of shape {targets.shape}"
        )
    check_classification_targets(targets)
    return targets


PROBES: dict[str, Callable[..., ClassifierMixin]] = {"masc": MASC}
