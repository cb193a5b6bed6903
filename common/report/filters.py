"""Arpit et al. (2017), Figure 2: how smooth first-layer filters are, untrained and fitted to noise and to real data."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from common.analysis.filters import spectral_centroid
from common.report.arpit import by_fields, judged, network, noise_of
from common.report.claims import Finding, ordered
from common.report.numbers import cell, number
from common.report.records import Record
from common.report.tables import Table
from common.runs import initial_weights
from common.runs.store import Store

UNTRAINED = "untrained"
ORDER = ("real data", "random labels", UNTRAINED)
Filters = Mapping[int, Mapping[str, NDArray[np.floating[Any]]]]  # by seed, by what the network was trained on


def filters_of(records: Iterable[Record], store: Store) -> Filters:
    """Kernels (height, width, channels, n) of each run's first convolution, and those that its seed started from."""
    found: dict[int, dict[str, NDArray[np.floating[Any]]]] = {}
    for (seed,), runs in by_fields(records, "seed").items():
        trained = {noise_of(run): store.arrays(run["run_id"])["first_layer_filters"] for run in runs}
        shape = next(iter(trained.values())).shape
        name, initializer = "conv1-layer/kernel", runs[0]["config"]["initializer"]
        start = initial_weights.draw({name: shape}, initializer, seed)[name]
        found[seed] = {key: (trained | {UNTRAINED: start})[key] for key in ORDER if key in trained or key == UNTRAINED}
    return found


def centroids(filters: Filters) -> dict[str, list[float]]:
    """Spectral centroids of the seeds, by what the network was trained on."""
    return {key: [spectral_centroid(seed[key]) for seed in filters.values() if key in seed] for key in ORDER}


def centroid_table(filters: Filters, title: str) -> Table:
    """A row for what networks were trained on, over seeds."""
    rows: list[Sequence[object]] = []
    for key, values in centroids(filters).items():
        rows.append([key, len(values), number(values, "ratio")])
    note = "Mean spatial frequency of the filters, weighted by power; means over seeds, 95 % t intervals."
    return Table(title, ["trained on", "seeds", "spectral centroid, cycles per pixel"], rows, note)


def centroid_findings(filters: Filters, records: Sequence[Record]) -> list[Finding]:
    """C4: the order of the centroids, seed by seed."""
    values = centroids(filters)
    texts = [f"{key} {cell(number(found, 'three digits'))}" for key, found in values.items()]
    holds = [ordered([[spectral_centroid(seed[key])] if key in seed else [None] for key in ORDER])
             for seed in filters.values()]  # fmt: skip
    return [judged("arpit-filters", network(records[0]), records, "; ".join(texts), holds)]
