"""What must hold of features of one layer, (n, d), before anything is made of them."""

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

# Rows looked at, or taken to float64, at a time: matrix products at full speed, while the batch stays in the cache.
BATCH = 512


def check_features(features: ArrayLike, dimensions: int | None = None) -> NDArray[Any]:
    """`features` as an array (n, d) of its own dtype; ValueError unless real, finite and d = `dimensions`."""
    rows = np.asarray(features)
    if rows.ndim != 2 or rows.shape[1] == 0:
        raise ValueError(f"features must have shape (n, d), d >= 1. Received: features of shape {rows.shape}")
    if dimensions is not None and rows.shape[1] != dimensions:
        raise ValueError(f"features must have d = {dimensions} as at fit. Received: features of shape {rows.shape}")
    if rows.dtype.kind not in "fiub":
        raise ValueError(f"features must be real numbers. Received: features of dtype {rows.dtype}")
    for batch in batches(len(rows)):
        finite = np.isfinite(rows[batch])
        if not finite.all():
            row, column = np.argwhere(~finite)[0] + (batch.start, 0)
            raise ValueError(f"features must be finite. Received: features[{row}, {column}]={rows[row, column]}")
    return rows


def varies(rows: NDArray[Any]) -> bool:
    """Whether any row of (n, d) differs from the first; compared in batches, up to the first that does."""
    return any((rows[batch] != rows[0]).any() for batch in batches(len(rows)))


def batches(rows: int) -> Iterator[slice]:
    """So many rows, in order."""
    return (slice(start, start + BATCH) for start in range(0, rows, BATCH))
