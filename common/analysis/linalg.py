"""Principal subspaces through the origin: eigendecompositions of uncentred second moments, in float64."""

import contextlib
from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import DTypeLike, NDArray
from scipy.linalg import eigh_tridiagonal, qr
from scipy.linalg.blas import dsyrk
from scipy.linalg.lapack import dormqr, dsytrd
from scipy.sparse.linalg import ArpackNoConvergence, LinearOperator, eigsh

from common.data.arrays import Floats

BLOCK = 64  # columns that LAPACK works on at a time, given the space
KRYLOV, RESTARTS = 20, 10  # of Lanczos' method: 200 products with the features cost less than their second moment
COLUMNS = 1024  # of the features, taken to float64 at a time: enough for full speed


class Subspace(NamedTuple):
    """A linear subspace of R^d by the shorter of two bases, so that at most d / 2 vectors are computed and kept.

    `basis` (m, d) has orthonormal rows, float64 as found. They span the subspace, the strongest direction first, or,
    where it is `outside`, all that is orthogonal to it.
    """

    basis: NDArray[np.floating]
    outside: bool

    @property
    def size(self) -> int:
        """The subspace's dimension, k."""
        rows, dimensions = self.basis.shape
        return dimensions - rows if self.outside else rows

    @property
    def directions(self) -> NDArray[np.floating]:
        """Orthonormal rows (k, d) that span it: the basis or, where that lies outside, any, computed at each call."""
        return np.ascontiguousarray(qr(self.basis.T)[0].T[len(self.basis) :]) if self.outside else self.basis


class Subspaces:
    """Several linear subspaces of R^d, each as a `Subspace`, their bases in one matrix (m, d) of a dtype."""

    def __init__(self, subspaces: Iterable[Subspace], dtype: DTypeLike = np.float64):
        bases, outside = zip(*subspaces, strict=True)
        self._bases = np.concatenate(bases, dtype=dtype, casting="same_kind")
        self._ends = np.cumsum([len(basis) for basis in bases])[:-1]
        self._outside = outside

    def __iter__(self) -> Iterator[Subspace]:
        return map(Subspace, np.split(self._bases, self._ends), self._outside)

    def squared_lengths(self, features: NDArray[np.floating]) -> NDArray[Any]:
        """|P x|^2 of each row's projection on each subspace; (n, d) of the bases' dtype in, (subspaces, n) out.

        From outside, with the basis R, it is |x|^2 - |R x|^2: exactly |x|^2 where k = d, so that subspaces which are
        the whole space tie.
        """
        parts = np.split(features @ self._bases.T, self._ends, axis=1)
        lengths = np.stack([squared_norms(part) for part in parts])
        return np.where(np.array(self._outside)[:, np.newaxis], squared_norms(features) - lengths, lengths)


def principal_subspace(
    features: NDArray[np.floating], *, variance: float | None = None, components: int | None = None
) -> Subspace:
    """The span of the leading eigenvectors of the uncentred second moment of `features` (n, d), any real dtype.

    Size: `components` if given, else the number of cumulative variance ratios that are <= `variance`, plus one; never
    more than the numerical rank, so 0 for features that are all zero. An uncentred second moment is what principal
    component analysis takes of examples stacked with their negatives (Ketha & Ramaswamy, arXiv 2501.14687).
    Raises ValueError unless 1 <= components <= min(n, d) or, without components, 0 < variance < 1.
    """
    check_size(variance, components)
    if components is not None and components > min(features.shape):
        raise ValueError(
            "components must be at most the number of examples and of dimensions. "
            f"Received: components={components}, features of shape {features.shape}"
        )
    if components == 1 and (top := _leading_direction(features)) is not None:
        return Subspace(top, outside=False)
    # F'F (d, d) and FF' (n, n) have the same non-zero eigenvalues, and F' takes the eigenvectors of the second to
    # those of the first. An eigendecomposition is cubic in the side, so the smaller of the two is decomposed.
    wide = features.shape[0] < features.shape[1]
    values, vectors = decompose(_second_moment(features if wide else features.T), components)
    size = _size(values, max(features.shape), variance, components)
    if wide:
        directions = vectors(0, size) @ np.asarray(features, dtype=np.float64)
        # Orthogonal up to the ratio of rounding error to eigenvalue; the QR decomposition makes that rounding error.
        return Subspace(np.ascontiguousarray(qr(directions.T, mode="economic")[0].T), outside=False)
    outside = 2 * size > features.shape[1]
    return Subspace(vectors(size, features.shape[1]) if outside else vectors(0, size), outside)


def _leading_direction(features: NDArray[np.floating]) -> Floats | None:
    """The leading eigenvector (1, d) of F'F by Lanczos' method, which does not make that matrix.

    None where few restarts do not find it, since the next eigenvalue is near, and where there are few dimensions.
    """
    dimensions, largest = features.shape[1], np.abs(features).max()
    if dimensions < 2 * KRYLOV or not largest:
        return None
    rows = np.asarray(features, dtype=np.float64) / largest  # ARPACK's tolerance is relative down to 1e-11
    moment: Any = LinearOperator((dimensions, dimensions), matvec=lambda x: (rows @ x) @ rows, dtype=np.float64)
    start = np.random.default_rng(0).standard_normal(dimensions)
    with contextlib.suppress(ArpackNoConvergence):
        return np.ascontiguousarray(eigsh(moment, k=1, ncv=KRYLOV, v0=start, maxiter=RESTARTS)[1].T)
    return None


def check_size(variance: float | None, components: int | None) -> None:
    """Raise ValueError unless `components`, or `variance` where it is None, can give the size of a subspace."""
    if components is not None:
        if components < 1:
            raise ValueError(f"components must be at least 1. Received: components={components!r}")
    elif variance is None or not 0 < variance < 1:
        raise ValueError(f"variance must lie between 0 and 1, both excluded. Received: variance={variance!r}")


def decompose(moment: Floats, count: int | None = None) -> tuple[Floats, Callable[[int, int], Floats]]:
    """Eigenvalues of a symmetric matrix, the largest first, and a function: its eigenvectors start to stop as rows.

    Where `count` is at most a quarter of its side, there are only so many of each: a faster method finds the leading.
    These are the steps of LAPACK's divide and conquer driver (dsyevd): A = Q T Q' with T tridiagonal, the eigenvectors
    of T, and Q times them. For all vectors the last takes as long as the others, so it is left until it is known which
    are wanted. Only the lower triangle is read; in column order the matrix is overwritten, else copied.
    """
    reflectors, diagonal, beside, scales, _ = dsytrd(moment, lower=True, lwork=BLOCK * len(moment), overwrite_a=True)
    side = len(moment)
    few = {"select": "i", "select_range": (side - count, side - 1)} if count and count <= side // 4 else {}
    values, columns = eigh_tridiagonal(diagonal, beside, **few, lapack_driver="stemr" if few else "stevd")

    def vectors(start: int, stop: int) -> Floats:
        chosen = np.asfortranarray(columns[:, ::-1][:, start:stop])
        if chosen[1:].size:
            workspace = BLOCK * (BLOCK + 1 + chosen.shape[1])
            chosen[1:] = dormqr("L", "N", reflectors[1:, :-1], scales, chosen[1:], workspace)[0]
        return chosen.T

    return values[::-1], vectors


def _second_moment(features: NDArray[np.floating]) -> Floats:
    """The lower triangle of A A' for A (m, n) of any real dtype, in column order; A is never in float64 as a whole."""
    moment = np.zeros((len(features), len(features)), order="F")
    for start in range(0, features.shape[1], COLUMNS):
        columns = np.asarray(features[:, start : start + COLUMNS], dtype=np.float64, order="F")
        moment = dsyrk(1.0, columns, beta=1.0, c=moment, lower=True, overwrite_c=True)
    return moment


def _size(values: Floats, longer_side: int, variance: float | None, components: int | None) -> int:
    """How many eigenvectors span the subspace, from the eigenvalues of the second moment, the largest first."""
    # What is below the largest eigenvalue's rounding error is noise, and no direction can be recovered from it.
    rank = int(np.count_nonzero(values > values[0] * longer_side * np.finfo(np.float64).eps))
    if components is not None:
        return min(components, rank)
    cumulative: NDArray[Any] = np.cumsum(values[:rank])
    return min(int(np.count_nonzero(cumulative / cumulative[-1:] <= variance)) + 1, rank)


def squared_norms(rows: NDArray[np.floating]) -> NDArray[np.floating]:
    """|x|^2 of each row; (n, d) in, (n,) out."""
    return np.einsum("ij,ij->i", rows, rows)
