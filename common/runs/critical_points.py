"""Where a search for adversarial points ends: Langevin search in a box (Arpit et al. 2017, Algorithm 1: LASS).

A network is a `Model` and its arrays are numpy's or torch's: nothing here leaves the device.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Protocol

Array = Any  # of numpy or torch


class Model(Protocol):
    """What the search asks of a network in evaluation mode, for inputs (n, ...) in the network's own scale."""

    def predictions(self, x: Array) -> Array:
        """Class (n,) of each input."""

    def ascent(self, x: Array, labels: Array | None = None) -> tuple[Array, Array]:
        """Predictions, and the sign of the gradient of the cross-entropy of labels (n,), or else of the predictions."""

    def normal(self, x: Array) -> Array:
        """Standard normal noise of the shape of x."""


@dataclass(frozen=True)
class Search:
    """Langevin search in the box of `radius` around an input, in pixel units of 0-255; `iterations` is the authors'."""

    radius: float = 0.3
    step: float = 0.25
    noise: float = 0.2
    iterations: int = 100

    def __post_init__(self) -> None:
        for name in ("radius", "step", "noise"):
            if not 0 <= getattr(self, name) < math.inf:
                raise ValueError(f"{name} must be finite and 0 or more. Received: {name}={getattr(self, name)!r}")
        if self.iterations < 1:
            raise ValueError(f"iterations must be 1 or more. Received: iterations={self.iterations!r}")


def critical_points(model: Model, x: Array, search: Search, scale: Array) -> Array:
    """Where the search from each input is after all its iterations: it stays at the first point of another class.

    Nothing depends on values read back from a device.
    """
    points, labels = x, None
    for _ in range(search.iterations):
        predictions, signs = model.ascent(points, labels)
        labels = predictions if labels is None else labels
        same = (predictions == labels).reshape(-1, *[1] * (x.ndim - 1))
        points = moved(model, x, points, signs, search, scale, same)
    return points


def moved(
    model: Model, x: Array, points: Array, signs: Array, search: Search, scale: Array, free: Array | bool = True
) -> Array:
    """The points, those that are free, one step further and back into the box around x."""
    reach = search.radius * scale
    change = (search.step * signs + search.noise * model.normal(points)) * scale
    return (points + free * change).clip(x - reach, x + reach)
