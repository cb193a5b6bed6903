"""Runs side by side that differ in one field, Keras and PyTorch above all: the same settings, measure by measure."""

import math
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from scipy import stats

from common.report.layers import accuracies, best_on_test, choose_layer, last_epoch
from common.report.numbers import CONFIDENCE, Number, estimate
from common.report.records import REGULARIZERS, model_of, recipe, scale_of
from common.report.runs import FRAMEWORKS
from common.report.tables import Table

Record = Mapping[str, Any]
Line = Mapping[str, Any]
FIELDS = {"framework": FRAMEWORKS, "precision": {"float32": "float32", "bfloat16": "bfloat16"}}


def chosen_layer_accuracy(readout: Sequence[Line]) -> float | None:
    """Test accuracy of the probe, fitted on corrupted labels, on the layer chosen on held-out training examples."""
    return _layer_accuracy(readout, choose_layer(readout))


def best_layer_accuracy(readout: Sequence[Line]) -> float | None:
    """The papers' number: test accuracy on the layer that the test data chose."""
    return _layer_accuracy(readout, best_on_test(readout))


def corruption_row(record: Record, readout: Sequence[Line]) -> dict[str, Any]:
    """One run, as figures and tables of label corruption show it."""
    config, outcome = record["config"], record["outcome"]
    return {
        "model": config["model"],
        "framework": config["framework"],
        "seed": config["seed"],
        "corruption_fraction": config["corruption_fraction"],
        "train_accuracy": outcome["train_accuracy"],
        "test_accuracy": outcome["test_accuracy"],
        "test_accuracy_corrupted_labels": outcome["test_accuracy_corrupted_labels"],
        "epochs_to_fit": outcome["epochs_to_fit"],
        "chosen_layer_accuracy": chosen_layer_accuracy(readout),
        "test_n": record["data"]["test_n"],
    }


def _layer_accuracy(readout: Sequence[Line], layer: str | None) -> float | None:
    if layer is None:
        return None
    line = accuracies(last_epoch(readout), "masc", "corrupted_labels")[layer]
    return float(line["correct"] / line["n"])


def _seconds_per_epoch(record: Record, _: Sequence[Line]) -> float | None:
    epochs = record["outcome"]["epochs"]
    return float(record["time"]["train_seconds"] / epochs) if epochs else None


def _outcome(name: str) -> Callable[[Record, Sequence[Line]], float | None]:
    return lambda record, _: record["outcome"][name]


SECONDS = "seconds per epoch"  # compared only where every run had the same number of threads
MEASURES: dict[str, tuple[str, Callable[[Record, Sequence[Line]], float | None]]] = {
    "training accuracy, %": ("fraction", _outcome("train_accuracy")),
    "test accuracy, %": ("fraction", _outcome("test_accuracy")),
    "epochs to fit": ("ratio", _outcome("epochs_to_fit")),
    "MASC, layer chosen on held-out examples, %": ("fraction", lambda _, lines: chosen_layer_accuracy(lines)),
    "MASC, layer chosen on test data, %": ("fraction", lambda _, lines: best_layer_accuracy(lines)),
    SECONDS: ("ratio", _seconds_per_epoch),
}


def comparison_table(
    records: Sequence[Record], readouts: Mapping[str, Sequence[Line]], field: str = "framework"
) -> Table:
    """A row for each setting and measure: mean, 95 % t interval and n at both values of a field, and the difference.

    Runs that differ in more than the field and the seed are never compared.
    """
    first, second = FIELDS[field].values()
    settings: dict[str, list[Record]] = defaultdict(list)
    for record in {record["run_id"]: record for record in records}.values():
        settings[recipe(record["config"], (field, "seed"))].append(record)
    both = [group for group in settings.values() if {r["config"][field] for r in group} == set(FIELDS[field])]
    rows = [
        [_setting(group[0], field), measure, *cells]
        for group in both
        for measure, (unit, of) in MEASURES.items()
        if (measure != SECONDS or len({record["environment"]["threads"] for record in group}) == 1)
        and (cells := _cells(group, readouts, unit, of, field)) is not None
    ]
    columns = ["setting", "measure", first, "n", second, "n", f"{second} - {first}"]
    note = (
        "Brackets: 95 % t intervals over seeds, of the difference Welch's; none for a single seed. Seeds share the "
        "data, its corruption, and from seed to seed the initial weights and the order, on both sides. "
        "Seconds are comparable where the runs had the same machine to themselves."
    )
    return Table(f"{first} and {second}, the same runs", columns, rows, note)


def _setting(record: Record, field: str) -> str:
    config = record["config"]
    labels = (
        "true labels" if config["corruption"] == "none" else f"{config['corruption']} {config['corruption_fraction']:g}"
    )
    decay = f", weight decay {config['weight_decay']:g}" if config["weight_decay"] else ""
    others = [name for name in REGULARIZERS if name != "weight_decay" and config[name]]
    decay += "".join(f", {name.replace('_', ' ')}" for name in others)
    framework = [] if field == "framework" else [FRAMEWORKS[config["framework"]]]
    scale = [part for part in scale_of(record) if field != "precision" or part != config["precision"]]
    size = ", ".join([*framework, *scale, f"{config['epochs']} epochs"])
    return f"{model_of(config).replace('_', ' ')}, {config['dataset']}, {labels}{decay} ({size})"


def _cells(
    group: Sequence[Record],
    readouts: Mapping[str, Sequence[Line]],
    unit: str,
    of: Callable[[Record, Sequence[Line]], float | None],
    field: str,
) -> list[object] | None:
    """Mean and n at each value of the field and the difference; none where a side has no value."""
    values = {
        name: [
            value
            for record in group
            if record["config"][field] == name and (value := of(record, readouts.get(record["run_id"], []))) is not None
        ]
        for name in FIELDS[field]
    }
    if not all(values.values()):
        return None
    cells: list[object] = []
    for found in map(estimate, values.values()):
        cells += [Number(found.mean, unit, found.low, found.high), str(found.n)]
    first, second = values.values()
    return [*cells, Number(*difference(second, first, unit))]


def difference(
    first: Sequence[float], second: Sequence[float], unit: str = "fraction"
) -> tuple[float, str, float | None, float | None]:
    """Difference of the means, its unit, and the ends of Welch's 95 % interval where both have two values or more."""
    mean = float(np.mean(first) - np.mean(second))
    if min(len(first), len(second)) < 2:
        return mean, unit, None, None
    squares = [float(np.var(values, ddof=1)) / len(values) for values in (first, second)]
    if sum(squares) == 0:
        return mean, unit, mean, mean
    parts = [square**2 / (len(values) - 1) for square, values in zip(squares, (first, second), strict=True)]
    half = float(stats.t.ppf((1 + CONFIDENCE) / 2, sum(squares) ** 2 / sum(parts))) * math.sqrt(sum(squares))
    return mean, unit, mean - half, mean + half
