"""Sharpness of a minimum: the largest eigenvalue of the loss's Hessian (Krueger et al., ICLR 2017 workshop)."""

from collections.abc import Callable

import numpy as np

from common.data.arrays import Floats
from common.seeds import stream

TOLERANCE = 1e-4  # relative; products in float32 allow no much smaller one


def largest_eigenvalue(product: Callable[[Floats], Floats], size: int) -> float | None:
    """Eigenvalue of the largest magnitude, with its sign, of a symmetric matrix (size, size), size 2 or more.

    The matrix is known by its `product` with a vector. None where that is not finite.
    """
    from scipy.sparse.linalg import LinearOperator, eigsh

    start = stream(0, "sharpness").standard_normal(size)
    image = product(start)
    if not np.isfinite(image).all():
        return None
    if not image.any():  # which eigsh refuses
        return 0.0
    operator = LinearOperator((size, size), matvec=product, dtype=np.float64)
    return float(eigsh(operator, 1, v0=start, tol=TOLERANCE, return_eigenvectors=False)[0])
