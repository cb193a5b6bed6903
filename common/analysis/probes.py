"""Probes: classifiers that read labels out of the features of one layer, by scikit-learn's estimator contract."""

import warnings
from abc import ABC, abstractmethod
from collections.abc import Callable
from functools import partial
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis, QuadraticDiscriminantAnalysis
from sklearn.exceptions import ConvergenceWarning
from sklearn.neighbors import KNeighborsClassifier
from sklearn.neural_network import MLPClassifier
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted

from common.analysis.features import batches, check_features, varies
from common.analysis.linalg import Subspaces, check_size, principal_subspace, squared_norms
from common.data.arrays import Floats

CLOSE = 5e-5  # shares of |x|^2 that differ by less are computed again in float64
LEAST = 1e-20  # squares below it may have lost digits to float32's least numbers


class HighestScore(ClassifierMixin, BaseEstimator, ABC):
    """A classifier that predicts the class of the highest score; ties go to the lowest class.

    Subclasses fit what `_begin` returns, and define `_scores`. Fitted attributes: `classes_` (c,) in ascending order,
    `n_features_in_`.
    """

    def _begin(self, X: ArrayLike, y: ArrayLike) -> tuple[NDArray[Any], NDArray[Any]]:
        """Check what is to be fitted, note classes and dimensions, and return both as arrays (n, d) and (n,)."""
        rows = check_features(X)
        targets = check_labels(y, len(rows))
        check_variety(rows)
        self.classes_: NDArray[Any] = np.unique(targets)
        self.n_features_in_ = rows.shape[1]
        return rows, targets

    @abstractmethod
    def _scores(self, batch: Floats) -> Floats:
        """A score for each class and row of `batch` (n, d); (c, n)."""

    def predict(self, X: ArrayLike) -> NDArray[Any]:
        """The class of each row of `X` (n, d); (n,) of the labels' dtype.

        Raises ValueError for features that are not two-dimensional, real and finite, or of another d than at fit.
        """
        check_is_fitted(self)
        rows = check_features(X, self.n_features_in_)
        return self.classes_[self._highest(rows)]

    def _highest(self, rows: NDArray[Any]) -> NDArray[np.intp]:
        """The index of each row's class, by scores in float64; (n, d) in, (n,) out."""
        highest: NDArray[np.intp] = np.empty(len(rows), dtype=np.intp)
        for batch in batches(len(rows)):
            highest[batch] = np.argmax(self._scores(np.asarray(rows[batch], dtype=np.float64)), axis=0)
        return highest


class MASC(HighestScore):
    """Minimum angle subspace classifier (Ketha & Ramaswamy, arXiv 2501.14687): the class whose subspace is nearest.

    The examples of each class span a linear subspace: `components` principal directions of it, or, if that is None,
    as many as the fraction `variance` of its uncentred second moment needs (k = #{cumulative ratio <= variance} + 1).
    The cosine of the angle between x and its projection P x is |P x| / |x|, hence argmin angle = argmax |P x|^2. Ties
    go to the lowest class: x = 0 ties with all. A class whose features are all zero has a subspace of dimension 0 and
    so the score 0; a class without examples is never predicted.

    Fitted attributes: `classes_` (c,), `n_components_` (c,), `n_features_in_`, and `components_`, c arrays (k, d) of
    orthonormal rows, float64: the principal directions, the strongest first, while k <= d / 2, else any that span the
    subspace. Where a class has fewer linearly independent examples than asked for, k is their number.
    """

    def __init__(self, variance: float | None = 0.99, components: int | None = None) -> None:
        self.variance = variance
        self.components = components

    def fit(self, X: ArrayLike, y: ArrayLike) -> Self:
        """Find a subspace for each class in the labels `y` (n,) from its rows of `X` (n, d), any real dtype.

        Memory: beside the features and the subspaces, one class and a few (d, d) matrices in float64. Raises
        ValueError for features that are not two-dimensional, real and finite, or all alike, for another number of
        labels than of examples, for `variance` outside (0, 1), and for `components` below 1, above d or above a
        class's examples.
        """
        check_size(self.variance, self.components)
        rows, targets = self._begin(X, y)
        if self.components is not None:
            check_counts(targets, self.components)
        self._subspaces = Subspaces(
            principal_subspace(rows[targets == name], variance=self.variance, components=self.components)
            for name in self.classes_
        )
        self.n_components_ = np.array([subspace.size for subspace in self._subspaces])
        return self

    @property
    def components_(self) -> list[NDArray[np.floating]]:
        """Directions of each class's subspace; computed at each call where the subspace is kept by its complement."""
        check_is_fitted(self)
        return [subspace.directions for subspace in self._subspaces]

    def _highest(self, rows: NDArray[Any]) -> NDArray[np.intp]:
        """By lengths in float32, which take half as long, but for rows whose nearest two subspaces are nearly as near.

        Those are looked at again in float64: rounding errors of float32 are some 1e-6 of |x|^2, `CLOSE` far above them.
        """
        if len(self.classes_) == 1:
            return super()._highest(rows)
        highest, close = np.empty(len(rows), dtype=np.intp), np.empty(len(rows), dtype=bool)
        subspaces = Subspaces(self._subspaces, np.float32)
        for batch in batches(len(rows)):
            with np.errstate(over="ignore", invalid="ignore"):  # what float32 cannot hold is close
                single = rows[batch].astype(np.float32, copy=False)
                lengths = subspaces.squared_lengths(single)
                second, first = np.partition(lengths, -2, axis=0)[-2:]
                close[batch] = ~(first - second > CLOSE * np.maximum(squared_norms(single), LEAST))
            highest[batch] = np.argmax(lengths, axis=0)
        highest[close] = super()._highest(rows[close])
        return highest

    def _scores(self, batch: Floats) -> Floats:
        """Squared length of the projection on each class's subspace; (n, d) in, (c, n) out."""
        return self._subspaces.squared_lengths(batch)


class VeLPIC(HighestScore):
    """Linear probe of class vectors (Ketha & Ramaswamy, arXiv 2603.19865): argmax of <x, p>, p the class's vector.

    The vector of a class is the top principal direction of its uncentred second moment, of unit length, turned so that
    its mean inner product with all training rows, not only the class's, is not negative. As output weights without
    biases, `coef_` makes the network itself this classifier. On features that are nowhere negative it is MASC with one
    component. A class whose features are all zero has the vector 0.

    Fitted attributes: `classes_` (c,), `coef_` (c, d) float64, `n_features_in_`.
    """

    def fit(self, X: ArrayLike, y: ArrayLike) -> Self:
        """Find a vector for each class in the labels `y` (n,) from its rows of `X` (n, d); memory, errors: MASC's."""
        rows, targets = self._begin(X, y)
        tops = [principal_subspace(rows[targets == name], components=1).directions for name in self.classes_]
        self.coef_ = np.stack([top.sum(axis=0) for top in tops])  # of no row or one
        self.coef_[self.coef_ @ rows.mean(axis=0, dtype=np.float64) < 0] *= -1
        return self

    def _scores(self, batch: Floats) -> Floats:
        """Inner product with each class's vector; (n, d) in, (c, n) out."""
        return self.coef_ @ batch.T


class NearestClassMean(HighestScore):
    """The class whose mean has the smallest angle to x; `NearestCentroid` of scikit-learn knows no cosine.

    A mean of zero has the cosine 0 with everything. Fitted attributes: `classes_` (c,), `means_` (c, d) float64,
    `n_features_in_`.
    """

    def fit(self, X: ArrayLike, y: ArrayLike) -> Self:
        """Take the mean of each class in the labels `y` (n,) over its rows of `X` (n, d); errors: MASC's."""
        rows, targets = self._begin(X, y)
        self.means_ = np.stack([rows[targets == name].mean(axis=0, dtype=np.float64) for name in self.classes_])
        return self

    def _scores(self, batch: Floats) -> Floats:
        """|x| times the cosine with each class's mean; (n, d) in, (c, n) out."""
        lengths = np.linalg.norm(self.means_, axis=1, keepdims=True)
        return self.means_ / np.where(lengths > 0, lengths, 1) @ batch.T


class LinearSoftmax(MLPClassifier):
    """scikit-learn's network trained for `max_iter` epochs whatever its loss does, so without a word about that."""

    def fit(self, X: ArrayLike, y: ArrayLike) -> Self:
        """Train; `X` (n, d), `y` (n,). A batch is at most all examples."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            warnings.filterwarnings("ignore", "Got `batch_size`", UserWarning)
            super().fit(X, y)
        return self


def check_variety(rows: NDArray[Any]) -> None:
    """Raise ValueError where several rows of features (n, d) are all the same, as those of a layer of dead units."""
    if len(rows) > 1 and not varies(rows):
        raise ValueError(f"features must differ between examples. Received: {len(rows)} equal rows")


def check_labels(labels: ArrayLike, examples: int) -> NDArray[Any]:
    """`labels` as an array (n,), names or any integers; ValueError unless n = `examples` >= 1 and they are classes."""
    targets = np.asarray(labels)
    if examples == 0:
        raise ValueError("features must hold at least one example. Received: 0 examples")
    if targets.shape != (examples,):
        raise ValueError(
            f"labels must have one entry for each of the {examples} examples. Received: labels of shape {targets.shape}"
        )
    check_classification_targets(targets)
    return targets


def check_counts(targets: NDArray[Any], components: int) -> None:
    """Raise ValueError where a class in labels (n,) has fewer examples than components."""
    classes, counts = np.unique(targets, return_counts=True)
    fewest = counts.argmin()
    if counts[fewest] < components:
        raise ValueError(
            f"every class must have at least {components} examples. "
            f"Received: components={components}, {counts[fewest]} in class {classes[fewest]}"
        )


PROBES: dict[str, Callable[..., ClassifierMixin]] = {
    "masc": MASC,
    "masc_0.25": partial(MASC, variance=0.25),
    "masc_0.50": partial(MASC, variance=0.5),
    "masc_0.75": partial(MASC, variance=0.75),
    "masc_1pc": partial(MASC, components=1),
    "velpic": VeLPIC,
    # A linear layer and softmax, trained by Adam without penalty. Weights start as Glorot's, not as PyTorch's.
    "logistic_regression": partial(
        LinearSoftmax,
        hidden_layer_sizes=(),
        alpha=0,
        learning_rate_init=1e-3,
        batch_size=128,
        max_iter=20,
        n_iter_no_change=20,
        random_state=0,
    ),
    "nearest_class_mean": NearestClassMean,
    "k_nearest_neighbours": partial(KNeighborsClassifier, n_neighbors=5, metric="cosine"),
    "lda": LinearDiscriminantAnalysis,
    # scikit-learn's default refuses a class with a singular covariance S: at most d examples, or a unit that is dead
    # for all of them. Shrinkage, of this solver alone, makes it (1 - 1e-4) S + 1e-4 tr(S) / d I, which is regular and
    # follows the features' scale; tol, the variance that is refused as none, does not, and so is 0.
    "qda": partial(QuadraticDiscriminantAnalysis, solver="eigen", shrinkage=1e-4, tol=0),
}
"""Every probe of both papers by name: functions that make one, unfitted, with the settings of the papers."""
