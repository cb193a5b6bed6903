"""What a network's weights and feature maps look like."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from common.analysis.evaluator import SavedModel
from common.report.figures import BLUE, filter_grids, panel_figure
from common.report.numbers import Number
from common.report.tables import Table

if TYPE_CHECKING:
    from matplotlib.figure import Figure

BINS = 60
MOST_MAPS = 64  # of a layer
Weights = Mapping[str, NDArray[Any]]


def weight_table(weights: Weights, title: str) -> Table:
    """A row for each array of weights: how many, least, largest, mean and standard deviation."""
    rows = []
    for name, array in weights.items():
        measures = (function(array, dtype=np.float64) for function in (np.mean, np.std))
        numbers = [Number(float(value), "three digits") for value in (array.min(), array.max(), *measures)]
        rows.append([name, array.size, *numbers])
    return Table(title, ["weights", "n", "minimum", "maximum", "mean", "standard deviation"], rows)


def weight_histograms(weights: Weights, title: str) -> Figure:
    """How many weights of each array have which value, from the least to the largest, on a logarithmic axis."""
    names = [f"{name}\n{array.min():.3g} to {array.max():.3g}" for name, array in weights.items()]
    figure, panels = panel_figure(title, names, 3, (3.0, 2.2))
    for axes, array in zip(panels, weights.values(), strict=True):
        axes.hist(array.ravel(), bins=BINS, color=BLUE)
        axes.set_yscale("log")
    return figure


def feature_maps(model: SavedModel, image: NDArray[np.float32], layers: Sequence[str] = ()) -> dict[str, NDArray[Any]]:
    """Outputs (height, width, 1, maps) for one image (h, w, c) of each layer that has them, its first maps.

    `layers` picks some. ValueError where none has any.
    """
    spatial = [name for name in layers or model.layers if len(model.shape(name)) == 3 and name != model.input_layer]
    if not spatial:
        raise ValueError(f"layers must have feature maps. Received: {', '.join(layers or model.layers)}")
    outputs = model.outputs(image[None], spatial)
    maps = {name: values.reshape(model.shape(name)) for name, values in outputs.items()}
    return {name: values[:, :, None, :MOST_MAPS] for name, values in maps.items()}


def feature_map_grids(maps: Mapping[str, NDArray[Any]], title: str) -> Figure:
    """Each map from its least to its largest value."""
    return filter_grids(maps, title)
