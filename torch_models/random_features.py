"""Means of rectified responses to fixed filters over windows of an image, which need no training."""

from collections.abc import Iterator

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn.functional import avg_pool2d, conv2d

VALUES = 2**24  # responses at a time


def pooled_responses(
    images: NDArray[np.float32],
    filters: NDArray[np.float32],
    threshold: float,
    window: int,
    stride: int,
    padding: int = 0,
    device: str = "cpu",
) -> torch.Tensor:
    """Means of max(0, r - threshold) and of max(0, -r - threshold) over square windows, r being what filters respond.

    Images (n, h, w, c), filters (k, side, side, c); the result is (n, k, 2, rows, columns), on the device.
    """
    kernels = torch.from_numpy(filters).permute(0, 3, 1, 2).contiguous().to(device)
    pooled = []
    for batch in batches(images, len(filters)):
        responses = conv2d(torch.from_numpy(batch).permute(0, 3, 1, 2).to(device), kernels, padding=padding)
        halves = [(sign * responses - threshold).relu_() for sign in (1, -1)]
        pooled.append(torch.stack([avg_pool2d(half, window, stride) for half in halves], 2))
    return torch.cat(pooled)


def batches(images: NDArray[np.float32], filters: int) -> Iterator[NDArray[np.float32]]:
    """Images, as many at a time as their responses leave room for."""
    size = max(1, VALUES // (images.shape[1] * images.shape[2] * filters))
    for start in range(0, len(images), size):
        yield np.ascontiguousarray(images[start : start + size])
