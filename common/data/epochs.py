"""What an epoch does, as arrays: the same order, crops, flips and angles for both frameworks."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from common.seeds import integer, stream


@dataclass(frozen=True)
class EpochPlan:
    """Order of n examples, and for each place in it crop offset (n, 2), flip (n,) and angle (n,), where used.

    Dropout is reseeded in each epoch, in either framework's own way.
    """

    order: NDArray[np.int64]
    offsets: NDArray[np.int64] | None = None
    flips: NDArray[np.bool_] | None = None
    angles: NDArray[np.float32] | None = None
    dropout_seed: int = 0


def draw(
    seed: int,
    epoch: int,
    n: int,
    image_shape: tuple[int, ...],
    side: int,
    random_crop: bool,
    flip: bool,
    rotation: float = 0.0,
    shuffle: bool = True,
) -> EpochPlan:
    """The plan of one epoch, rotation in degrees; each part has its own random stream."""
    room = (image_shape[0] - side + 1, image_shape[1] - side + 1)
    return EpochPlan(
        stream(seed, "order", epoch).permutation(n) if shuffle else np.arange(n),
        stream(seed, "crop", epoch).integers(room, size=(n, 2)) if random_crop else None,
        stream(seed, "flip", epoch).random(n) < 0.5 if flip else None,
        stream(seed, "rotation", epoch).uniform(-rotation, rotation, n).astype(np.float32) if rotation else None,
        integer(seed, "dropout", epoch),
    )
