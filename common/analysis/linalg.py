"""Principal subspaces through the origin: eigendecompositions of uncentred second moments, in float64."""

from collections.abc import Callable
from typing import Any, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import eigh_tridiagonal, qr
from scipy.linalg.lapack import dormqr, dsytrd

Floats: TypeAlias = NDArray[np.float64]

BLOCK = 64  # columns that LAPACK works on at a time, given the space


class Subspace(NamedTuple):
    """A linear subspace of R^d: `directions` (k, d), orthonormal rows, the strongest first.

    `complement` (d - k, d) spans the rest. It is kept where it is known and shorter than `directions`, else None.
    """

    directions: Floats
    complement: Floats | None

    def squared_lengths(self, features: Floats) -> Floats:
        """The squared length |P x|^2 of each row's projection on the subspace; (n, d) float64 in, (n,) out.

        With a complement R it is |x|^2 - |R x|^2: at most d / 2 inner products for each row, and exactly |x|^2 where
        k = d, so that subspaces which are the whole space tie.
        """
        if self.complement is None:
            return _squared_norms(features @ self.directions.T)
        return _squared_norms(features) - _squared_norms(features @ self.complement.T)


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
    # F'F (d, d) and FF' (n, n) have the same non-zero eigenvalues, and F' takes the eigenvectors of the second to
    # those of the first. An eigendecomposition is cubic in the side, so the smaller of the two is decomposed.
    wide = features.shape[0] < features.shape[1]
    values, leading = _decompose(_second_moment(features if wide else features.T))
    size = _size(values, max(features.shape), variance, components)
    if wide:
        directions = leading(size) @ np.asarray(features, dtype=np.float64)
        # Orthogonal up to the ratio of rounding error to eigenvalue; the QR decomposition makes that rounding error.
        return Subspace(np.ascontiguousarray(qr(directions.T, mode="economic")[0].T), None)
    if 2 * size <= len(values):
        return Subspace(leading(size), None)
    vectors = leading(len(values))
    return Subspace(vectors[:size], vectors[size:])


def check_size(variance: float | None, components: int | None) -> None:
    """Raise ValueError unless `components`, or `variance` where it is None, can give the size of a subspace."""
    if components is not None:
        if components < 1:
            raise ValueError(f"components must be at least 1. Received: components={components!r}")
    elif variance is None or not 0 < variance < 1:
        raise ValueError(f"variance must lie between 0 and 1, both excluded. Received: variance={variance!r}")


def _second_moment(features: NDArray[np.floating]) -> Floats:
    """A A' in float64; numpy leaves it to the symmetric rank-k update, half the operations of a product."""
    matrix = np.asarray(features, dtype=np.float64)
    return matrix @ matrix.T


def _decompose(moment: Floats) -> tuple[Floats, Callable[[int], Floats]]:
    """Eigenvalues of a symmetric matrix, the largest first, and a function: the k leading eigenvectors as rows.

    These are the steps of LAPACK's divide and conquer driver (dsyevd): A = Q T Q' with T tridiagonal, the eigenvectors
    of T, and Q times them. The last takes as long as the first two where all vectors are wanted, so it is left until
    their number is known. The matrix is overwritten.
    """
    # The transpose of a symmetric matrix is itself, in the column order that LAPACK overwrites without a copy.
    reflectors, diagonal, beside, scales, _ = dsytrd(moment.T, lower=True, lwork=BLOCK * len(moment), overwrite_a=True)
    values, vectors = eigh_tridiagonal(diagonal, beside, lapack_driver="stevd")

    def leading(count: int) -> Floats:
        chosen = np.asfortranarray(vectors[:, ::-1][:, :count])
        if chosen[1:].size:
            workspace = BLOCK * (BLOCK + 1 + count)
            chosen[1:] = dormqr("L", "N", reflectors[1:, :-1], scales, chosen[1:], workspace)[0]
        return chosen.T

    return values[::-1], leading


def _size(values: Floats, longer_side: int, variance: float | None, components: int | None) -> int:
    """How many eigenvectors span the subspace, from the eigenvalues of the second moment, the largest first."""
    # What is below the largest eigenvalue's rounding error is noise, and no direction can be recovered from it.
    rank = int(np.count_nonzero(values > values[0] * longer_side * np.finfo(np.float64).eps))
    if components is not None:
        return min(components, rank)
    cumulative: NDArray[Any] = np.cumsum(values[:rank])
    return min(int(np.count_nonzero(cumulative / cumulative[-1:] <= variance)) + 1, rank)


def _squared_norms(rows: Floats) -> Floats:
    return np.einsum("ij,ij->i", rows, rows)
