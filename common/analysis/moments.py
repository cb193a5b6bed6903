"""Mean, spread, shape and sparsity of an array of weights or activations."""

import math
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

CHUNK = 2**18  # values taken to float64 at a time


def statistics(values: ArrayLike) -> dict[str, float | None]:
    """`mean`, `variance`, `skewness`, `kurtosis` and `sparsity` of all values of an array of any shape and real dtype.

    Moments are of the values themselves, not estimates for a population they are drawn from: variance is divided by n,
    skewness is m3 / m2^1.5 and kurtosis the excess m4 / m2^2 - 3, 0 for a normal distribution, where mk is the mean
    k-th power of the deviations. Both are None where all values are equal. Sparsity is the share of values that are
    exactly 0. Sums are in float64, of one part of the array after the other. ValueError for values that are none, not
    real numbers or not finite.
    """
    flat = np.asarray(values).ravel(order="K")
    if flat.size == 0 or flat.dtype.kind not in "fiub":
        raise ValueError(f"values must be real numbers, at least one. Received: {flat.size} of dtype {flat.dtype}")
    chunks = [flat[start : start + CHUNK] for start in range(0, flat.size, CHUNK)]
    low, high = (float(end([end(chunk) for chunk in chunks])) for end in (np.min, np.max))
    if not math.isfinite(high - low):
        raise ValueError(f"values must be finite. Received: values from {low} to {high}")
    mean = math.fsum(chunk.sum(dtype=np.float64) for chunk in chunks) / flat.size
    zeros = flat.size - sum(int(np.count_nonzero(chunk)) for chunk in chunks)
    if low == high:
        return {"mean": low, "variance": 0.0, "skewness": None, "kurtosis": None, "sparsity": zeros / flat.size}
    return {"mean": mean, **_shape(chunks, mean, high - low), "sparsity": zeros / flat.size}


def _shape(chunks: list[NDArray[Any]], mean: float, width: float) -> dict[str, float]:
    """Variance, skewness and kurtosis; as shares of the width no deviation has a power that overflows or is lost."""
    powers = np.zeros(3)
    for chunk in chunks:
        deviations = (chunk.astype(np.float64) - mean) / width
        squares = deviations * deviations
        powers += squares.sum(), squares @ deviations, squares @ squares
    second, third, fourth = (powers / sum(map(len, chunks))).tolist()
    return {
        "variance": second * width**2,
        "skewness": third / second**1.5,
        "kurtosis": fourth / second**2 - 3,
    }
