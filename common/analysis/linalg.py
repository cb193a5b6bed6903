"""Principal subspaces through the origin: eigendecompositions of uncentred second moments, in float64."""

from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import eigh, qr

Floats: TypeAlias = NDArray[np.float64]


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
    rows = np.asarray(features, dtype=np.float64)
    # F'F (d, d) and FF' (n, n) have the same non-zero eigenvalues, and F' takes the eigenvectors of the second to
    # those of the first. An eigendecomposition is cubic in the side, so the smaller of the two is decomposed.
    if len(rows) < rows.shape[1]:
        vectors, size = _leading_eigenvectors(rows @ rows.T, max(rows.shape), variance, components)
        # Orthogonal up to the ratio of rounding error to eigenvalue; the QR decomposition makes that rounding error.
        return Subspace(np.ascontiguousarray(qr((vectors[:size] @ rows).T, mode="economic")[0].T), None)
    vectors, size = _leading_eigenvectors(rows.T @ rows, max(rows.shape), variance, components)
    directions, rest = np.ascontiguousarray(vectors[:size]), vectors[size:]
    known = vectors.shape[0] == vectors.shape[1]
    return Subspace(directions, np.ascontiguousarray(rest) if known and len(rest) < size else None)


def check_size(variance: float | None, components: int | None) -> None:
    """Raise ValueError unless `components`, or `variance` where it is None, can give the size of a subspace."""
    if components is not None:
        if components < 1:
            raise ValueError(f"components must be at least 1. Received: components={components!r}")
    elif variance is None or not 0 < variance < 1:
        raise ValueError(f"variance must lie between 0 and 1, both excluded. Received: variance={variance!r}")


def _leading_eigenvectors(
    moment: Floats, longer_side: int, variance: float | None, components: int | None
) -> tuple[Floats, int]:
    """Eigenvectors of a second moment as rows, the strongest first, and how many of them span the subspace."""
    side = len(moment)
    # The transpose of a symmetric matrix is itself, in the column order that LAPACK overwrites without a copy.
    # Divide and conquer ("evd") is the fastest for all eigenvectors, "evr" for up to a quarter of them.
    if components is not None and components <= side // 4:
        leading = (side - components, side - 1)
        values, vectors = eigh(moment.T, driver="evr", subset_by_index=leading, overwrite_a=True)
    else:
        values, vectors = eigh(moment.T, driver="evd", overwrite_a=True)
    values, vectors = values[::-1], vectors.T[::-1]
    # What is below the largest eigenvalue's rounding error is noise, and no direction can be recovered from it.
    rank = int(np.count_nonzero(values > values[0] * longer_side * np.finfo(np.float64).eps))
    if components is not None:
        return vectors, min(components, rank)
    cumulative = np.cumsum(values[:rank])
    return vectors, min(int(np.count_nonzero(cumulative / cumulative[-1:] <= variance)) + 1, rank)


def _squared_norms(rows: Floats) -> Floats:
    return np.einsum("ij,ij->i", rows, rows)
