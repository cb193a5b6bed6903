"""Figures from plain records: colour-blind safe, one look, legends outside the data."""

import io
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from common import files
from common.report.claims import Estimate, estimate
from common.report.tables import FRAMEWORKS, Line, accuracies, choose_layer, last_epoch

# Okabe and Ito's palette, without its yellow.
BLUE, ORANGE, GREEN, PURPLE, AMBER, SKY, BLACK = "#0072B2 #D55E00 #009E73 #CC79A7 #E69F00 #56B4E9 #000000".split()
GREY = "#666666"
COLOURS = (BLUE, ORANGE, GREEN, PURPLE, AMBER, SKY, BLACK)
# Where two frameworks agree, the thin line with open markers lies on the thick one.
FRAMEWORK_STYLES: dict[str, dict[str, Any]] = {
    "keras": {"color": ORANGE, "linewidth": 2.6, "markersize": 5},
    "torch": {"color": BLUE, "linewidth": 1.3, "markersize": 9, "fillstyle": "none"},
}
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
SWEEP_MEASURES: dict[str, tuple[str, str, Any]] = {
    "train_accuracy": ("training accuracy, corrupted labels", "s", ":"),
    "chosen_layer_accuracy": ("test accuracy, chosen layer (MASC)", "^", "-"),
    "test_accuracy": ("test accuracy, the network's own", "o", "--"),
}


def new_figure(title: str, size: tuple[float, float], shape: tuple[int, int] = (1, 1)) -> tuple[Figure, list[Axes]]:
    """A titled figure of `size` inches with (rows, columns) panels, row by row."""
    figure = Figure(figsize=size, layout="constrained")
    figure.suptitle(title, fontsize=12, fontweight="bold")
    panels: list[Axes] = figure.subplots(*shape, squeeze=False).ravel().tolist()
    for axes in panels:
        axes.spines[["top", "right"]].set_visible(False)
        axes.grid(axis="y", color="#dddddd", linewidth=0.8)
        axes.set_axisbelow(True)
    return figure, panels


def add_legend(figure: Figure, handles: Sequence[Any]) -> None:
    figure.legend(handles=handles, loc="outside lower center", ncols=2, frameon=False, fontsize=9)


def percent_axis(axes: Axes, label: str = "accuracy (%)") -> None:
    axes.set(ylim=(-2, 102), ylabel=label)


def _colours(count: int) -> Sequence[Any]:
    """One colour for each run: the palette's, or for more runs than it has, steps from dark to light."""
    return COLOURS if count <= len(COLOURS) else [colormaps["viridis"](index / count) for index in range(count)]


def _draw(axes: Axes, history: Sequence[Line], key: str, scale: float = 1.0, **style: Any) -> list[Line2D]:
    """One measure over the epochs that have it; null breaks the line, and a measure that is all null is not drawn."""
    values = [math.nan if line.get(key) is None else scale * line[key] for line in history]
    if all(map(math.isnan, values)):
        return []
    return axes.plot([line["epoch"] for line in history], values, linewidth=1.8, **style)


def learning_curves(histories: Mapping[str, Sequence[Line]], title: str) -> Figure:
    """Training cross-entropy (nats) and accuracies (%) over epochs, of runs by label.

    One run shows every accuracy it has; several show training (solid) and test (dashed), a colour for each run.
    """
    figure, (loss, accuracy) = new_figure(title, (6.6, 7.2), (2, 1))
    draw = _draw_one if len(histories) == 1 else _draw_several
    add_legend(figure, draw(loss, accuracy, histories))
    loss.set_ylabel("training loss (nats)")
    loss.set_ylim(bottom=0)
    loss.sharex(accuracy)
    loss.tick_params(labelbottom=False)
    accuracy.set_xlabel("epoch")
    percent_axis(accuracy)
    return figure


def _draw_one(loss: Axes, accuracy: Axes, histories: Mapping[str, Sequence[Line]]) -> list[Line2D]:
    (history,) = histories.values()
    _draw(loss, history, "train_loss", color=BLUE, label="training")
    handles: list[Line2D] = []
    for key, (name, colour, style) in ACCURACIES.items():
        handles += _draw(accuracy, history, key, 100, color=colour, linestyle=style, label=name)
    return handles


def _draw_several(loss: Axes, accuracy: Axes, histories: Mapping[str, Sequence[Line]]) -> list[Line2D]:
    handles: list[Line2D] = []
    for (label, history), colour in zip(histories.items(), _colours(len(histories)), strict=False):
        handles.append(Line2D([], [], color=colour, label=label))
        _draw(loss, history, "train_loss", color=colour, label=label)
        for key in PAIR:
            name, _, style = ACCURACIES[key]
            _draw(accuracy, history, key, 100, color=colour, linestyle=style, label=f"{label}, {name}")
    pair = [ACCURACIES[key] for key in PAIR]
    return handles + [Line2D([], [], color=GREY, linestyle=style, label=name) for name, _, style in pair]


def layer_accuracies(readouts_by_label: Mapping[str, Sequence[Line]], title: str, probe: str = "masc") -> Figure:
    """Test accuracy (%) of the probe on each layer at the last read-out, a panel for each run.

    The horizontal line is the network's own test accuracy, the ring the layer chosen on held-out training examples.
    """
    columns = min(2, len(readouts_by_label))
    rows = math.ceil(len(readouts_by_label) / columns)
    figure, panels = new_figure(title, (6.0 if columns == 1 else 8.4, 1.2 + 2.8 * rows), (rows, columns))
    handles: dict[str, Any] = {}
    for index, (label, readout) in enumerate(readouts_by_label.items()):
        _layer_panel(panels[index], last_epoch(readout), probe)
        panels[index].set_title(label, fontsize=10)
        percent_axis(panels[index], "" if index % columns else "test accuracy (%)")
        handles |= {str(artist.get_label()): artist for artist in panels[index].lines}
    for axes in panels[len(readouts_by_label) :]:
        axes.set_visible(False)
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


def corruption_sweep(
    rows: Sequence[Mapping[str, Any]], title: str, published: Mapping[str, Sequence[tuple[float, float]]] | None = None
) -> Figure:
    """Accuracies (%) against the corrupted fraction (%): a colour for each framework, the band its 95 % interval.

    `rows` has one entry for each run: framework, corruption_fraction, any of train_accuracy, test_accuracy and
    chosen_layer_accuracy (0 to 1 or null), and test_n, which one seed's Wilson interval needs. `published` holds
    curves by label, as (fraction, accuracy) points, drawn dashed in black.
    """
    figure, (axes,) = new_figure(title, (6.6, 6.2))
    frameworks = sorted({row["framework"] for row in rows})
    handles = [Line2D([], [], marker="o", label=FRAMEWORKS[name], **FRAMEWORK_STYLES[name]) for name in frameworks]
    for key, (name, marker, style) in SWEEP_MEASURES.items():
        drawn = [_sweep_curve(axes, rows, framework, key) for framework in frameworks]
        if any(drawn):
            handles.append(Line2D([], [], color=GREY, marker=marker, linestyle=style, label=name))
    for label, points in (published or {}).items():
        x, y = zip(*[(100 * fraction, 100 * accuracy) for fraction, accuracy in points], strict=True)
        handles += axes.plot(x, y, color=BLACK, linestyle=(0, (6, 3)), linewidth=1.2, label=label, zorder=3)
    axes.set(xlabel="corrupted training examples (%)", xticks=range(0, 101, 20))
    percent_axis(axes)
    add_legend(figure, handles)
    return figure


def _sweep_curve(axes: Axes, rows: Sequence[Mapping[str, Any]], framework: str, key: str) -> bool:
    """Draw one measure of one framework, where it was measured; says whether it was."""
    found = {x: _at(rows, framework, x, key) for x in sorted({row["corruption_fraction"] for row in rows})}
    found = {100 * x: point for x, point in found.items() if point.n}
    if not found:
        return False
    name, marker, style = SWEEP_MEASURES[key]
    look, x = FRAMEWORK_STYLES[framework], list(found)
    means, lows, highs = ([_scaled(getattr(e, end)) for e in found.values()] for end in ("mean", "low", "high"))
    axes.fill_between(x, lows, highs, color=look["color"], alpha=0.18, linewidth=0)
    axes.plot(x, means, marker=marker, linestyle=style, label=f"{FRAMEWORKS[framework]}, {name}", **look)
    return True


def _at(rows: Sequence[Mapping[str, Any]], framework: str, fraction: float, key: str) -> Estimate:
    """Mean and interval of one measure over the runs of a framework at one fraction."""
    here = [row for row in rows if (row["framework"], row["corruption_fraction"]) == (framework, fraction)]
    values = [row.get(key) for row in here]
    sizes = [None if key == "train_accuracy" else row.get("test_n") for row in here]
    counts = [(round(v * n), n) if n and v is not None else None for v, n in zip(values, sizes, strict=True)]
    return estimate(values, counts)


def _scaled(value: float | None) -> float:
    return math.nan if value is None else 100 * value


def png(figure: Figure) -> bytes:
    """The figure as PNG, 150 dots per inch, the same bytes for the same figure and matplotlib."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=150, facecolor="white", metadata={"Software": None})
    return buffer.getvalue()


def save(figure: Figure, path: Path) -> None:
    """Write the figure as PNG, whole or not at all."""
    files.write(path, png(figure))
