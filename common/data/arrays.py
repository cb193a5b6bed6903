"""The kinds of arrays that everything here passes on, and what tells two of them apart."""

import hashlib
from collections.abc import Mapping
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

Array: TypeAlias = NDArray[Any]  # (n, ...), inputs of any kind
Images: TypeAlias = NDArray[np.uint8] | NDArray[np.float32]  # (n, height, width, channels), 0-255
Pixels: TypeAlias = NDArray[np.uint8]  # the same, as data sets have them
Floats: TypeAlias = NDArray[np.float64]
Labels: TypeAlias = NDArray[np.int64]  # (n,)
Shape: TypeAlias = tuple[int, ...]  # of an example, or of one layer's weights


def digest(arrays: Mapping[str, Array]) -> str:
    """Hex digest over the names, types, shapes and bytes of arrays."""
    found = hashlib.sha256()
    for name, values in arrays.items():
        array = np.ascontiguousarray(values)
        found.update(f"{name} {array.dtype.str} {array.shape}\n".encode())
        found.update(array.data.cast("B"))
    return found.hexdigest()
