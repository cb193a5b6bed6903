"""What an epoch does, as arrays: the same order and random changes of its examples for both frameworks."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from common.data.inputs import Kind
from common.seeds import integer, stream


@dataclass(frozen=True)
class EpochPlan:
    """Order of n examples, and by name what their kind of inputs draws for each place in it, (n, ...).

    Dropout is reseeded in each epoch, in either framework's own way.
    """

    order: NDArray[np.int64]
    drawn: Mapping[str, NDArray[Any]] = field(default_factory=dict)
    dropout_seed: int = 0


def draw(kind: Kind, seed: int, epoch: int, n: int, shuffle: bool = True) -> EpochPlan:
    """The plan of one epoch; each part has its own random stream."""
    order = stream(seed, "order", epoch).permutation(n) if shuffle else np.arange(n)
    return EpochPlan(order, kind.draw(seed, epoch, order), integer(seed, "dropout", epoch))
