"""Finite-sample expressivity (Zhang et al. 2017, section 4 and appendix C): networks that are built, not trained.

Theorem 1: c(z) = sum_j w_j max(<a, z> - b_j, 0) with 2n + d weights takes any n values at n points of R^d.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from common.data.arrays import Floats, Labels

if TYPE_CHECKING:
    from scipy.sparse import csr_array

BLOCK = 256  # examples whose hinges are evaluated at a time
VALUES = 2**22  # of a layer, of as many examples as there are at a time


@dataclass(frozen=True)
class Hinges:
    """The network of Theorem 1: a (d,), b (n,) ascending and w (n,), float64."""

    projection: Floats
    biases: Floats
    weights: Floats

    @property
    def size(self) -> int:
        """Its weights, 2n + d."""
        return self.projection.size + self.biases.size + self.weights.size

    def outputs(self, inputs: Floats) -> Floats:
        """c(z) of each row of inputs (m, d): (m,) float64."""
        return self.of_projections(inputs @ self.projection)

    def of_projections(self, x: Floats) -> Floats:
        """c of each <a, z>: sums over the hinges that lie below, the others are 0."""
        order, found = np.argsort(x), np.empty(len(x))
        for start in range(0, len(x), BLOCK):
            rows = order[start : start + BLOCK]
            below = np.searchsorted(self.biases, x[rows[-1]])
            active = x[rows, None] - self.biases[:below]
            found[rows] = np.maximum(active, 0, out=active) @ self.weights[:below]
        return found


def construct(inputs: Floats, targets: Floats | Labels, projection: Floats, place: float = 0.1) -> Hinges:
    """The network that takes the targets (n,) at the inputs (n, d), in O(n log n).

    With x_1 < ... < x_n the sorted projections, b_j = x_{j-1} + place (x_j - x_{j-1}) interleaves with them, so that
    A = [max(x_i - b_j, 0)] is lower triangular (Lemma 1). A w = y is solved without A: between b_j and b_{j+1} the
    network is a line through (b_j, f_j) and (x_j, y_j), and w_j is how much its slope s_j changes. The nearer b_j is to
    x_{j-1}, the less of an error f_j carries on. ValueError where projections repeat, or for fewer than two inputs.
    """
    if len(inputs) < 2:
        raise ValueError(f"examples must be at least 2. Received: n={len(inputs)}")
    if not 0 < place < 1:
        raise ValueError(f"place must lie between 0 and 1, both excluded. Received: place={place}")
    projected = inputs @ projection
    order = np.argsort(projected)
    x, gaps = projected[order], np.diff(projected[order])
    if not gaps.all():
        raise ValueError(
            "projections must differ from each other, and so must examples. "
            f"Received: {len(gaps) - np.count_nonzero(gaps)} repeated of {len(x)}"
        )
    biases = np.concatenate([[x[0] - gaps.mean()], x[:-1] + place * gaps])
    slopes = line_slopes(x, targets[order].astype(np.float64), biases)
    return Hinges(projection, biases, np.diff(slopes, prepend=0.0))


def line_slopes(x: Floats, y: Floats, biases: Floats) -> Floats:
    """Slopes s_j of the lines of `construct`, one after the other."""
    slopes, value = np.empty(len(x)), 0.0
    for j in range(len(x)):
        slopes[j] = (y[j] - value) / (x[j] - biases[j])
        if j + 1 < len(x):
            value = y[j] + slopes[j] * (biases[j + 1] - x[j])
    return slopes


class Layer(NamedTuple):
    """max(W h + b, 0) with W (units, inputs) sparse and b (units,)."""

    weights: csr_array
    biases: Floats


def deep(network: Hinges, depth: int) -> list[Layer]:
    """Corollary 1: layers of the same function at depth k and width n / (k - 1) + 3, of the projection; the last is
    linear.

    Each of the k - 1 hidden layers holds the next group of hinges, and passes on x as max(x - b_1, 0), below which
    the function is 0, and the sum of the groups before as a pair, its positive and its negative part.
    """
    n = len(network.biases)
    if not 2 <= depth <= n + 1:
        raise ValueError(f"depth must be from 2 to {n + 1} for {n} examples. Received: depth={depth}")
    groups = np.array_split(np.arange(n), depth - 1)
    offsets = network.biases - network.biases[0]
    layers = [Layer(column(np.ones(len(groups[0]) + 1)), -network.biases[np.r_[0, groups[0]]])]
    for before, group in zip(groups, groups[1:], strict=False):
        layers.append(hidden_layer(network.weights[before], offsets[group], first=before[0] == 0))
    layers.append(Layer(summing(network.weights[groups[-1]], depth == 2, (1,)), np.zeros(1)))
    return layers


def column(values: Floats) -> csr_array:
    """A sparse matrix (n, 1)."""
    from scipy.sparse import csr_array

    return csr_array(values[:, None])


def summing(weights: Floats, first: bool, signs: tuple[int, ...]) -> csr_array:
    """Rows that add up a layer with these signs: of x nothing, its group's weights, then the pair, which the first
    layer has not."""
    from scipy.sparse import csr_array

    row = np.concatenate([[0.0], weights, [] if first else [1.0, -1.0]])
    return csr_array(np.outer(signs, row))


def hidden_layer(weights: Floats, offsets: Floats, first: bool) -> Layer:
    """A layer after another with these weights: x, hinges at these offsets from b_1, positive and negative sum."""
    from scipy.sparse import csr_array, vstack

    sums = summing(weights, first, (1, -1))
    ones = np.ones(len(offsets) + 1)
    places = np.arange(len(ones)), np.zeros(len(ones), int)
    copies = csr_array((ones, places), shape=(len(ones), sums.shape[1]))
    return Layer(csr_array(vstack([copies, sums])), np.concatenate([[0.0], -offsets, [0.0, 0.0]]))


def deep_outputs(layers: list[Layer], x: Floats) -> Floats:
    """Outputs (m,) of the layers at projections x (m,), so many at a time that their states fit into VALUES."""
    found: Floats = np.empty(len(x))
    size = max(1, VALUES // width(layers))
    for start in range(0, len(x), size):
        state = x[None, start : start + size]
        for layer in layers[:-1]:
            state = np.maximum(layer.weights @ state + layer.biases[:, None], 0)
        found[start : start + size] = (layers[-1].weights @ state)[0]
    return found


def connections(layers: list[Layer]) -> int:
    """Weights and biases that are not 0."""
    return int(sum(layer.weights.count_nonzero() + np.count_nonzero(layer.biases) for layer in layers))


def width(layers: list[Layer]) -> int:
    """Units of the widest hidden layer."""
    return max(len(layer.biases) for layer in layers[:-1])
