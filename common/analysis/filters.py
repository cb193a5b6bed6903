"""How smooth the filters of a first layer are."""

import numpy as np
from numpy.typing import NDArray


def spectral_centroid(kernels: NDArray[np.floating]) -> float:
    """Mean spatial frequency, weighted by power, of filters (height, width, channels, n), in cycles per pixel.

    0 for filters of one value; for white noise the mean of the frequencies of the grid. ValueError for filters that
    are 0, not finite or of another shape.
    """
    if kernels.ndim != 4 or not np.isfinite(kernels).all() or not kernels.any():
        raise ValueError(f"kernels must be finite, not 0, (height, width, channels, n). Received: {kernels.shape}")
    power = np.abs(np.fft.fft2(kernels.astype(np.float64), axes=(0, 1))) ** 2
    frequencies = np.hypot(*np.meshgrid(*map(np.fft.fftfreq, kernels.shape[:2]), indexing="ij"))
    return float((power.sum(axis=(2, 3)) * frequencies).sum() / power.sum())
