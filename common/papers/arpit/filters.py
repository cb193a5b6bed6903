"""Figure 2: how smooth first-layer filters are, untrained and fitted to noise and to real data."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from common.analysis.filters import spectral_centroid
from common.papers.arpit.networks import network, noise_of
from common.papers.arpit.recipes import BASE, KEPT, fields
from common.papers.arpit.targets import TARGETS
from common.report.claims import Finding
from common.report.figures import filter_grids
from common.report.numbers import cell, number
from common.report.runs import Runs
from common.report.tables import Table
from common.runs import initial_weights
from common.study import Call, Fields, Seeds, Study

if TYPE_CHECKING:
    from matplotlib.figure import Figure

TITLE = "First layer of the CNN"
KERNEL = "conv1-layer/kernel"
UNTRAINED = "untrained"
ORDER = ("real data", "random labels", UNTRAINED)
Filters = Mapping[int, Mapping[str, NDArray[np.floating[Any]]]]  # by seed, by what the network was trained on


@dataclass(frozen=True)
class Labels(Seeds):
    """Real and random labels."""

    def rows(self, preset: str) -> Iterable[Fields]:
        return [fields("cnn2", "cifar10", preset, noise) for noise in ("none", "uniform")]


def report(runs: Runs, call: Call) -> dict[str, Table | Figure]:
    """Filters of the first seed, centroids of all."""
    filters = filters_of(runs)
    return {
        "filters": filter_grids(filters[min(filters)], TITLE),
        "spectral_centroids": centroid_table(filters, TITLE),
    }


def filters_of(runs: Runs) -> Filters:
    """Kernels (height, width, channels, n) of each run's first convolution, and those that its seed started from."""
    filters = {}
    for seed, networks in runs.by("seed").items():
        kernels = {noise_of(run): run.arrays["first_layer_filters"] for run in networks}
        shapes = {KERNEL: next(iter(kernels.values())).shape}
        kernels[UNTRAINED] = initial_weights.draw(shapes, networks[0].config.initializer, seed)[KERNEL]
        filters[seed] = {key: kernels[key] for key in ORDER if key in kernels}
    return filters


def centroids(filters: Filters) -> dict[str, list[float | None]]:
    """Spectral centroids of the seeds by what the network was trained on, null where a seed was not."""
    return {key: [spectral_centroid(seed[key]) if key in seed else None for seed in filters.values()] for key in ORDER}


def centroid_table(filters: Filters, title: str) -> Table:
    """A row for what networks were trained on, over seeds."""
    found = centroids(filters).items()
    rows = [[key, len(values) - values.count(None), number(values, "ratio")] for key, values in found]
    note = "Mean spatial frequency of the filters, weighted by power; means over seeds, 95 % t intervals."
    return Table(title, ["trained on", "seeds", "spectral centroid, cycles per pixel"], rows, note)


def centroid_findings(runs: Runs, call: Call) -> list[Finding]:
    """By how much the filters of random labels are smoother than those they started from, seed by seed."""
    values = centroids(filters_of(runs))
    texts = [f"{key} {cell(number(seeds, 'three digits'))}" for key, seeds in values.items()]
    pairs = zip(values[UNTRAINED], values["random labels"], strict=True)
    effects = [None if start is None or end is None else start / end for start, end in pairs]
    subject = f"{network(runs[0])}, random labels"
    return [TARGETS.tested("arpit-filters", subject, runs, effects, f"spectral centroid: {'; '.join(texts)}")]


STUDY = Study("first_layer_filters", Labels(), BASE, report, KEPT, findings=centroid_findings)
