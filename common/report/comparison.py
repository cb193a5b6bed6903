"""Runs side by side that differ in one field, Keras and PyTorch above all: the same settings, measure by measure."""

from collections.abc import Sequence

from common.report.layers import chosen
from common.report.numbers import Number, difference, estimate
from common.report.runs import FRAMEWORKS, REGULARIZERS, Measure, Run, Runs
from common.report.tables import Table
from common.runs.config import recipe

FIELDS = {"framework": FRAMEWORKS, "precision": {"float32": "float32", "bfloat16": "bfloat16"}}
SECONDS = "seconds per epoch"  # compared only where every run had the same number of threads


def chosen_layer_accuracy(run: Run) -> float | None:
    """Test accuracy of the subspaces of corrupted labels in the layer chosen on held-out training examples."""
    return chosen(run.last_readout)


def best_layer_accuracy(run: Run) -> float | None:
    """The papers' number: that of the layer which the test data chose."""
    return chosen(run.last_readout, "test data")


def seconds_per_epoch(run: Run) -> float | None:
    """Of training, without evaluation."""
    epochs = run.outcome["epochs"]
    return float(run.record["time"]["train_seconds"] / epochs) if epochs else None


MEASURES: dict[str, tuple[str, Measure]] = {
    "training accuracy, %": ("fraction", lambda run: run.outcome["train_accuracy"]),
    "test accuracy, %": ("fraction", lambda run: run.outcome["test_accuracy"]),
    "epochs to fit": ("ratio", lambda run: run.outcome["epochs_to_fit"]),
    "MASC, layer chosen on held-out examples, %": ("fraction", chosen_layer_accuracy),
    "MASC, layer chosen on test data, %": ("fraction", best_layer_accuracy),
    SECONDS: ("ratio", seconds_per_epoch),
}


def comparison_table(runs: Runs, field: str = "framework") -> Table:
    """A row for each setting and measure: mean, 95 % t interval and n at both values of a field, and the difference.

    Runs that differ in more than the field and the seed are never compared.
    """
    first, second = FIELDS[field].values()
    rows = [
        [setting_in_full(setting[0], field), name, *cells]
        for setting in runs.grouped(lambda run: recipe(run.fields, (field, "seed"))).values()
        for name, (unit, measure) in MEASURES.items()
        if (name != SECONDS or len({run.record["environment"]["threads"] for run in setting}) == 1)
        and (cells := compared_cells(setting, measure, unit, field))
    ]
    columns = ["setting", "measure", first, "n", second, "n", f"{second} - {first}"]
    note = (
        "Brackets: 95 % t intervals over seeds, of the difference Welch's; none for a single seed. Seeds share the "
        "data, its corruption, and from seed to seed the initial weights and the order, on both sides. "
        "Seconds are comparable where the runs had the same machine to themselves."
    )
    return Table(f"{first} and {second}, the same runs", columns, rows, note)


def setting_in_full(run: Run, field: str) -> str:
    """Everything that both sides have in common, as it is read."""
    config = run.config
    labels = "true labels" if config.corruption == "none" else f"{config.corruption} {config.corruption_fraction:g}"
    decay = f", weight decay {config.weight_decay:g}" if config.weight_decay else ""
    others = [name for name in REGULARIZERS if name != "weight_decay" and getattr(config, name)]
    decay += "".join(f", {name.replace('_', ' ')}" for name in others)
    framework = [] if field == "framework" else [FRAMEWORKS[config.framework]]
    scale = [part for part in run.scale if field != "precision" or part != config.precision]
    size = ", ".join([*framework, *scale, f"{config.epochs} epochs"])
    return f"{run.model.replace('_', ' ')}, {config.dataset}, {labels}{decay} ({size})"


def compared_cells(runs: Runs, measure: Measure, unit: str, field: str) -> list[object]:
    """Mean and n at each value of the field, and the difference; nothing where a side has no value."""
    sides = [measured(runs.where(**{field: value}), measure) for value in FIELDS[field]]
    if not all(sides):
        return []
    cells: list[object] = []
    for side in map(estimate, sides):
        cells += [Number(side.mean, unit, side.low, side.high), str(side.n)]
    first, second = sides
    return [*cells, difference(second, first, unit)]


def measured(runs: Runs, measure: Measure) -> Sequence[float]:
    """Values of the runs that have one."""
    return [value for run in runs if (value := measure(run)) is not None]
