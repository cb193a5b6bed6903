"""Figures: colour-blind safe, one look, legends outside the data. Nobody else imports matplotlib; this does to draw.

A curve over seeds, panels side by side, handles of a legend: each is drawn here and nowhere else.
"""

from __future__ import annotations

import io
import math
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from common import files
from common.report.layers import accuracies, choose_layer, last_epoch
from common.report.numbers import Curve, estimate
from common.report.runs import Line

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.lines import Line2D

Value = TypeVar("Value")
# Okabe and Ito's palette, without its yellow.
BLUE, ORANGE, GREEN, PURPLE, AMBER, SKY, BLACK = "#0072B2 #D55E00 #009E73 #CC79A7 #E69F00 #56B4E9 #000000".split()
GREY = "#666666"
COLOURS = (BLUE, ORANGE, GREEN, PURPLE, AMBER, SKY, BLACK)
# Where two frameworks agree, the thin line with open markers lies on the thick one.
FRAMEWORK_STYLES: dict[str, dict[str, Any]] = {
    "keras": {"color": ORANGE, "linewidth": 2.6, "markersize": 5},
    "torch": {"color": BLUE, "linewidth": 1.3, "markersize": 9, "fillstyle": "none"},
}
THIN: dict[str, Any] = {"linewidth": 0.6, "alpha": 0.5, "label": "_seed"}
RING: dict[str, Any] = {"marker": "o", "markersize": 13, "fillstyle": "none", "linestyle": "none", "color": BLACK}
ACCURACIES: dict[str, tuple[str, str, Any]] = {
    "train_accuracy": ("training", BLUE, "-"),
    "train_accuracy_untouched": ("training, untouched examples", GREEN, "-"),
    "train_accuracy_corrupted": ("training, corrupted examples", ORANGE, "-"),
    "train_accuracy_true_labels": ("training, scored on true labels", PURPLE, "-"),
    "test_accuracy": ("test", BLACK, "--"),
    "test_accuracy_corrupted_labels": ("test, corrupted labels", GREY, ":"),
}
PAIR = ("train_accuracy", "test_accuracy")
DOTS = 150  # an inch
BAND_SEEDS = 5  # fewer are lines of their own: the t interval of two or three hides the curves


def new_figure(title: str, size: tuple[float, float], shape: tuple[int, int] = (1, 1)) -> tuple[Figure, list[Axes]]:
    """A titled figure of `size` inches with (rows, columns) panels, row by row."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=size, layout="constrained")
    figure.suptitle(title, fontsize=12, fontweight="bold")
    panels: list[Axes] = figure.subplots(*shape, squeeze=False).ravel().tolist()
    for axes in panels:
        axes.spines[["top", "right"]].set_visible(False)
        axes.grid(axis="y", color="#dddddd", linewidth=0.8)
        axes.set_axisbelow(True)
    return figure, panels


def panel_figure(
    title: str, names: Sequence[str], columns: int, panel: tuple[float, float], margin: tuple[float, float] = (1, 1.8)
) -> tuple[Figure, list[Axes]]:
    """A figure with a panel of `panel` inches for each name, at most so many in a row; spare ones are not shown."""
    columns = max(1, min(columns, len(names)))
    rows = max(1, math.ceil(len(names) / columns))
    size = margin[0] + panel[0] * columns, margin[1] + panel[1] * rows
    figure, panels = new_figure(title, size, (rows, columns))
    for axes, name in zip(panels, names, strict=False):
        axes.set_title(name, fontsize=10)
    for axes in panels[len(names) :]:
        axes.set_visible(False)
    return figure, panels[: len(names)]


def draw_curve(axes: Axes, curve: Curve, scale: float = 1, **style: Any) -> None:
    """Mean over seeds of each x, times `scale`, over the seeds as thin lines; what no seed has is no point.

    Many seeds are a band: their 95 % t interval.
    """
    points = {x: found for x, values in sorted(curve.items()) if (found := estimate(values)).mean is not None}
    if not points:
        return
    means, lows, highs = ([_scaled(getattr(p, end), scale) for p in points.values()] for end in ("mean", "low", "high"))
    seeds = max(len(curve[x]) for x in points)
    if seeds >= BAND_SEEDS:
        axes.fill_between(list(points), lows, highs, color=style["color"], alpha=0.15, linewidth=0)
    elif seeds > 1:
        for place in range(seeds):
            values = [_scaled(next(iter(curve[x][place : place + 1]), None), scale) for x in points]
            axes.plot(list(points), values, color=style["color"], **THIN)
    axes.plot(list(points), means, **{"linewidth": 1.6, "markersize": 4, **style})


def shared_epochs(seeds: Iterable[Mapping[int, Value]]) -> dict[int, list[Value]]:
    """Values of the seeds at the epochs that all of them have."""
    runs = list(seeds)
    common = set.intersection(*map(set, runs)) if runs else set()
    return {epoch: [run[epoch] for run in runs] for epoch in sorted(common)}


def handle(label: str, **style: Any) -> Line2D:
    """An entry of a legend."""
    from matplotlib.lines import Line2D

    return Line2D([], [], label=label, **style)


def handles(colours: Mapping[str, Any], **style: Any) -> list[Line2D]:
    """An entry for each of these colours by label, in one style."""
    return [handle(label, color=colour, **style) for label, colour in colours.items()]


def add_legend(figure: Figure, handles: Sequence[Any]) -> None:
    """Below the panels, two entries in a row."""
    figure.legend(handles=handles, loc="outside lower center", ncols=2, frameon=False, fontsize=9)


def percent_axis(axes: Axes, label: str = "accuracy (%)") -> None:
    """The whole of 0 to 100 %."""
    axes.set(ylim=(-2, 102), ylabel=label)


def doubling_axis(axes: Axes, label: str, from_zero: bool = False) -> None:
    """An x axis on which ticks are powers of 2, as numbers of five digits at most or with an exponent.

    `from_zero` has a place for 0, as epochs need.
    """
    axes.set_xlabel(label)
    scale: dict[str, Any] = {"linthresh": 1, "linscale": 0.5} if from_zero else {}
    axes.set_xscale("symlog" if from_zero else "log", base=2, **scale)
    axes.xaxis.set_major_formatter(lambda x, _: f"{x:g}" if x < 1e5 else f"$2^{{{math.log2(x):.3g}}}$")


def shades(keys: Sequence[Any]) -> dict[Any, Any]:
    """A colour for each of these, from dark to light."""
    from matplotlib import colormaps

    return {key: colormaps["viridis"](0.9 * place / max(1, len(keys) - 1)) for place, key in enumerate(keys)}


def palette(keys: Sequence[Any], colours: Sequence[str] = COLOURS) -> dict[Any, Any]:
    """A colour for each of these: the palette's, or from dark to light where there are more."""
    return dict(zip(keys, colours, strict=False)) if len(keys) <= len(colours) else shades(keys)


def heat_map(
    axes: Axes, values: Any, rows: Sequence[str], columns: Sequence[str], lowest: float = 0, fontsize: int = 8
) -> Any:
    """Values (rows, columns) from `lowest` to 1 as colours, logarithmic unless that is 0; returns a colour bar's."""
    norm = "log" if lowest else "linear"
    image = axes.imshow(values, cmap="viridis", aspect="auto", norm=norm, vmin=lowest, vmax=1)
    axes.grid(visible=False)
    axes.set_xticks(range(len(columns)), columns, fontsize=fontsize)
    axes.set_yticks(range(len(rows)), rows, fontsize=fontsize)
    return image


def line_over_epochs(axes: Axes, history: Sequence[Any], key: str, scale: float = 1.0, **style: Any) -> list[Line2D]:
    """One measure over the epochs of one run after which it was measured; one that never was is not drawn."""
    points = [(line["epoch"], scale * line[key]) for line in history if line.get(key) is not None]
    return axes.plot(*zip(*points, strict=True), linewidth=1.8, **style) if points else []


def _scaled(value: float | None, scale: float) -> float:
    return math.nan if value is None else scale * value


def learning_curves(histories: Mapping[str, Sequence[Line]], title: str) -> Figure:
    """Training cross-entropy (nats) and accuracies (%) over epochs, of histories by label.

    One run shows every accuracy it has; several show training (solid) and test (dashed), a colour for each run.
    """
    figure, (loss, accuracy) = new_figure(title, (6.6, 7.2), (2, 1))
    colours, several, lines = palette(list(histories)), len(histories) > 1, []
    for label, history in histories.items():
        line_over_epochs(loss, history, "train_loss", color=colours[label], label=label)
        for key in PAIR if several else ACCURACIES:
            name, own, style = ACCURACIES[key]
            look = {"color": colours[label], "label": f"{label}, {name}"} if several else {"color": own, "label": name}
            lines += line_over_epochs(accuracy, history, key, 100, linestyle=style, **look)
    pair = [handle(name, color=GREY, linestyle=style) for name, _, style in (ACCURACIES[key] for key in PAIR)]
    add_legend(figure, [*handles(colours), *pair] if several else lines)
    loss.set_ylabel("training loss (nats)")
    loss.set_ylim(bottom=0)
    loss.sharex(accuracy)
    loss.tick_params(labelbottom=False)
    accuracy.set_xlabel("epoch")
    percent_axis(accuracy)
    return figure


def layer_accuracies(readouts: Mapping[str, Sequence[Line]], title: str, probe: str = "masc") -> Figure:
    """Test accuracy (%) of the probe on each layer at the last read-out, a panel for each label.

    The horizontal line is the network's own test accuracy, the ring the layer chosen on held-out training examples.
    """
    figure, panels = panel_figure(title, list(readouts), 2, (4.2 if len(readouts) > 1 else 6.0, 2.8), (0, 1.2))
    handles: dict[str, Any] = {}
    for place, (axes, readout) in enumerate(zip(panels, readouts.values(), strict=True)):
        _layer_panel(axes, last_epoch(readout), probe)
        percent_axis(axes, "" if place % 2 else "test accuracy (%)")
        handles |= {str(artist.get_label()): artist for artist in axes.lines}
    add_legend(figure, list(handles.values()))
    return figure


def _layer_panel(axes: Axes, readout: Sequence[Line], probe: str) -> None:
    curves = {labels: accuracies(readout, probe, f"{labels}_labels") for labels in ("true", "corrupted")}
    layers = list(dict.fromkeys(layer for lines in curves.values() for layer in lines))
    for (labels, lines), colour, marker in zip(curves.items(), (GREEN, ORANGE), "^o", strict=True):
        x, y = [layers.index(layer) for layer in lines], [_share(line) for line in lines.values()]
        if lines:
            axes.plot(x, y, color=colour, marker=marker, label=f"fitted on {labels} labels")
    chosen = choose_layer(readout, probe=probe)
    if chosen in curves["corrupted"]:
        height = _share(curves["corrupted"][chosen])
        axes.plot([layers.index(chosen)], [height], label="chosen on held-out training examples", **RING)
    for line in accuracies(readout, "model", None).values():
        axes.axhline(_share(line), color=GREY, linestyle="--", label="the network's own output")
    axes.set_xlabel("layer")
    axes.set_xticks(range(len(layers)), layers, rotation=30 if len(layers) > 6 else 0)


def _share(line: Line) -> float:
    return float(100 * line["correct"] / line["n"])


def filter_grids(kernels: Mapping[str, NDArray[Any]], title: str) -> Figure:
    """First-layer filters (height, width, 1 or 3, n) of each network; each filter from its least to its largest."""
    if not kernels:
        raise ValueError("kernels must hold at least one network's. Received: none")
    for name, array in kernels.items():
        if array.ndim != 4 or array.shape[2] not in (1, 3) or not array.size or not np.isfinite(array).all():
            raise ValueError(f"kernels must be finite, (height, width, 1 or 3, n). Received: {name}, {array.shape}")
    figure, panels = new_figure(title, (3.8 * len(kernels), 4.3), (1, len(kernels)))
    figure.set_layout_engine("constrained", wspace=0.06)
    for axes, (name, array) in zip(panels, kernels.items(), strict=True):
        axes.imshow(_grid(np.asarray(array, dtype=np.float64)), cmap="gray", vmin=0, vmax=1, interpolation="nearest")
        axes.set_title(name, fontsize=10)
        axes.set_axis_off()
    return figure


def _grid(kernels: NDArray[np.float64]) -> NDArray[np.float64]:
    """Filters row by row with white between them; a constant filter is grey."""
    low, high = kernels.min(axis=(0, 1, 2)), kernels.max(axis=(0, 1, 2))
    scaled = np.where(high > low, (kernels - low) / np.where(high > low, high - low, 1), 0.5)
    return tiled(np.moveaxis(scaled, 3, 0), math.ceil(math.sqrt(kernels.shape[3])), 1, 1.0)


def tiled(images: NDArray[Any], columns: int, gap: int, white: float) -> NDArray[Any]:
    """Images (n, height, width, channels) row by row as one, with `gap` white pixels between them."""
    spare = -len(images) % columns
    padded = np.pad(images, [(0, spare), (0, gap), (0, gap), (0, 0)], constant_values=white)
    _, height, width, channels = padded.shape
    rows = padded.reshape(-1, columns, height, width, channels).swapaxes(1, 2)
    return rows.reshape(-1, columns * width, channels)[:-gap, :-gap]


def labelled_images(panels: Mapping[str, Sequence[tuple[NDArray[np.uint8], str]]], title: str) -> Figure:
    """Images (height, width, 1 or 3) of each panel, side by side, four in a row, and what is said below each."""
    from matplotlib.figure import Figure

    rows = max(1, *(math.ceil(len(images) / 4) for images in panels.values()))
    figure = Figure(figsize=(5 * len(panels), 1 + 1.9 * rows), layout="constrained")
    figure.suptitle(title, fontsize=12, fontweight="bold")
    for panel, (name, images) in zip(figure.subfigures(1, len(panels), squeeze=False)[0], panels.items(), strict=True):
        panel.suptitle(name, fontsize=11)
        places = panel.subplots(rows, 4, squeeze=False).ravel()
        for axes, (image, text) in zip(places, images, strict=False):
            axes.imshow(image.squeeze(), cmap="gray", vmin=0, vmax=255, interpolation="nearest")
            axes.set(xticks=[], yticks=[])
            axes.set_xlabel(text, fontsize=9)
        for axes in places[len(images) :]:
            axes.set_visible(False)
    return figure


def png(figure: Figure) -> bytes:
    """The figure as PNG of at most 128 colours, `DOTS` an inch; the same figure gives the same bytes."""
    from PIL import Image

    drawn, packed = io.BytesIO(), io.BytesIO()
    figure.savefig(drawn, format="png", dpi=DOTS, facecolor="white", metadata={"Software": None})
    image = Image.open(drawn).convert("RGB").quantize(128, dither=Image.Dither.NONE)
    image.save(packed, format="png", optimize=True)
    return packed.getvalue()


def looks(figure: Figure) -> tuple[tuple[int, int], bool]:
    """Its width and height on a page in pixels, two dots each, and whether it is a drawing: without images."""
    width, height = (round(inches * DOTS / 2) for inches in figure.get_size_inches())
    return (width, height), not any(axes.images for axes in figure.axes)


def save(figure: Figure, path: Path) -> None:
    """Write the figure as PNG, whole or not at all."""
    files.write(path, png(figure))
