"""Are all examples equally difficult? Correctness of each over many networks against the binomial distribution."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from common.data.arrays import Labels
from common.seeds import stream

CONFIDENCE = 0.95
Correct = NDArray[np.bool_]  # (networks, examples)


@dataclass(frozen=True)
class Dispersion:
    """Spread of the share of networks that are right on an example, as a ratio to what chance alone gives.

    `index` is the variance over examples over p (1 - p) / networks, where p is the mean share: 1 on average if every
    prediction is right with probability p, independently of all others, and then within `index_band` with probability
    0.95. `within` (Cochran's Q over its degrees of freedom, examples of one class together) asks for less: that a
    network is right on all examples of a class with one probability, which may differ between networks and classes, as
    it does where networks prefer some; it is then within `band` with probability 0.95, and it and the band are nan
    where no network is right on some examples of a class and wrong on others. `distance` is the largest difference of
    the distribution functions of the shares and of Binomial(networks, p) / networks.
    """

    mean: float
    index: float
    index_band: tuple[float, float]
    band: tuple[float, float]
    within: float
    distance: float


def dispersion(correct: Correct, labels: Labels) -> Dispersion:
    """Of (networks, examples) correctness and the examples' labels (n,), as the networks were given them.

    ValueError for fewer than two networks or examples, and where all predictions are right, or all wrong.
    """
    from scipy.stats import binom

    networks, n = correct.shape
    if min(networks, n) < 2 or len(labels) != n:
        raise ValueError(
            "correct must be of at least two networks and two labelled examples. "
            f"Received: shape {correct.shape}, {len(labels)} labels"
        )
    shares = correct.mean(axis=0)
    mean = float(shares.mean())
    if mean in (0, 1):
        raise ValueError(f"correct must be neither all right nor all wrong. Received: mean={mean:g}")
    within, freedom = within_classes(correct, labels)
    index = float(np.var(shares, ddof=1)) / (mean * (1 - mean) / networks)
    counts = np.arange(networks + 1)
    steps = np.searchsorted(np.sort(correct.sum(axis=0)), counts, side="right") / n
    distance = float(np.max(np.abs(steps - binom.cdf(counts, networks, mean))))
    return Dispersion(mean, index, chi_square_band(n - 1), chi_square_band(freedom), within, distance)


def chi_square_band(freedom: int) -> tuple[float, float]:
    """Where chi-square over its degrees of freedom is with probability 0.95; nan without any."""
    from scipy.stats import chi2

    if not freedom:
        return float("nan"), float("nan")
    low, high = chi2.ppf([(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2], freedom) / freedom
    return float(low), float(high)


def within(correct: Correct, labels: Labels, networks: int) -> float:
    """The index within classes that so many networks would have: 1 and a share of variance that grows with them."""
    index, _ = within_classes(correct, labels)
    return 1 + (networks - 1) * (index - 1) / (len(correct) - 1)


def within_classes(correct: Correct, labels: Labels) -> tuple[float, int]:
    """Cochran's Q (1950) of each class's examples, summed, over their degrees of freedom, and these; nan without any.

    Networks that are right on all of a class, or on none of it, say nothing.
    """
    total, freedom = 0.0, 0
    for label in np.unique(labels):
        right = correct[:, labels == label]
        n, by_network = right.shape[1], right.sum(axis=1)
        informative = float((by_network * (n - by_network)).sum())
        if informative:
            total += n * (n - 1) * float(np.sum((right.sum(axis=0) - by_network.sum() / n) ** 2)) / informative
            freedom += n - 1
    return total / freedom if freedom else float("nan"), freedom


def jackknifed(statistic: Callable[[Sequence[int]], float], networks: int) -> list[float]:
    """Pseudo-values (Tukey 1958) of a statistic of some of these networks: a value for each, whose mean it is.

    Their t interval is that of the statistic over networks. It must be of as many networks as it is given by their
    places, or not depend on how many there are.
    """
    places = range(networks)
    whole = statistic(places)
    return [networks * whole - (networks - 1) * statistic([*places[:out], *places[out + 1 :]]) for out in places]


def binomial_shares(networks: int, mean: float, n: int) -> NDArray[np.float64]:
    """What `n` equally difficult examples would show: Binomial(networks, mean) / networks, the same at each call."""
    return stream(0, "binomial").binomial(networks, mean, n) / networks
