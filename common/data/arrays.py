"""The kinds of arrays that everything here passes on."""

from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

Array: TypeAlias = NDArray[Any]  # (n, ...), inputs of any kind
Images: TypeAlias = NDArray[np.uint8] | NDArray[np.float32]  # (n, height, width, channels), 0-255
Pixels: TypeAlias = NDArray[np.uint8]  # the same, as data sets have them
Floats: TypeAlias = NDArray[np.float64]
Labels: TypeAlias = NDArray[np.int64]  # (n,)
Shape: TypeAlias = tuple[int, ...]  # of an example, or of one layer's weights
