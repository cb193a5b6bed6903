"""What an epoch does, as arrays: the same order, crops and flips for both frameworks."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from common.seeds import stream


@dataclass(frozen=True)
class EpochPlan:
    """Order of n examples, and for each place in that order its crop offset (n, 2) and flip (n,), where used."""

    order: NDArray[np.int64]
    offsets: NDArray[np.int64] | None = None
    flips: NDArray[np.bool_] | None = None


def draw(
    seed: int, epoch: int, n: int, image_shape: tuple[int, ...], side: int, random_crop: bool, flip: bool
) -> EpochPlan:
    """The plan of one epoch; each part has its own random stream."""
    room = (image_shape[0] - side + 1, image_shape[1] - side + 1)
    return EpochPlan(
        stream(seed, "order", epoch).permutation(n),
        stream(seed, "crop", epoch).integers(room, size=(n, 2)) if random_crop else None,
        stream(seed, "flip", epoch).random(n) < 0.5 if flip else None,
    )
