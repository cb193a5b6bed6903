"""What a run's arrays say class by class: confusion matrices, accuracy against true and against corrupted labels."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from common.data.corruption import LABEL_RULES
from common.report.figures import heat_map, panel_figure
from common.report.numbers import Count, Number, number, share, wilson_interval
from common.report.runs import Run, Runs, group_names, setting_text
from common.report.tables import Table

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Arrays = Mapping[str, NDArray[Any]]
VIEWS = {
    "training, labels as given": ("train", "labels", False),
    "training, true labels": ("train", "true_labels", True),
    "test, true labels": ("test", "true_labels", False),
    "test, labels corrupted as well": ("test", "labels", True),
}
"""Examples, the labels that their predictions are held against, and whether only corruption sets these apart."""


def arrays_of(run: Run) -> Arrays:
    """The arrays of a run; where older ones have no true labels, its labels are these unless it corrupted them.

    ValueError where it did: they say nothing of true labels.
    """
    arrays = run.arrays
    if "test_true_labels" in arrays:
        return arrays
    if run.config.corruption in LABEL_RULES:
        raise ValueError(f"a run's arrays must have true labels; train it again. Received: {run.id}")
    return arrays | {f"{split}_true_labels": arrays[f"{split}_labels"] for split in ("train", "test")}


def views_of(arrays: Arrays) -> dict[str, tuple[str, str]]:
    """Those of the views that a run has."""

    def there(split: str, apart: bool) -> bool:
        given, true = arrays[f"{split}_labels"], arrays[f"{split}_true_labels"]
        return len(given) > 0 and (not apart or bool((given != true).any()))

    return {name: (split, kind) for name, (split, kind, apart) in VIEWS.items() if there(split, apart)}


def confusion(arrays: Arrays, split: str, kind: str) -> NDArray[np.int64]:
    """Examples (classes, classes) by label and prediction."""
    from sklearn.metrics import confusion_matrix

    labels, predictions = arrays[f"{split}_{kind}"], arrays[f"{split}_predictions"]
    found: NDArray[np.int64] = confusion_matrix(labels, predictions, labels=np.arange(num_classes(arrays)))
    return found


def num_classes(arrays: Arrays) -> int:
    """One more than the largest label or prediction."""
    names = [f"{split}_{kind}" for split in ("train", "test") for kind in ("labels", "true_labels", "predictions")]
    return 1 + max(int(arrays[name].max(initial=0)) for name in names)


def class_counts(arrays: Arrays, split: str, kind: str) -> list[Count]:
    """Right and all examples of each class."""
    matrix = confusion(arrays, split, kind)
    return [(int(right), int(row.sum())) for right, row in zip(matrix.diagonal(), matrix, strict=True)]


def class_table(run: Run) -> Table:
    """A row for each class, the best first on the test set, and one for all; accuracies in per cent."""
    arrays = arrays_of(run)
    views = views_of(arrays)
    counts = {name: class_counts(arrays, *view) for name, view in views.items()}
    ranked = next((counts[name] for name in views if name.startswith("test")), next(iter(counts.values())))
    order = sorted(range(len(ranked)), key=lambda label: -share_of(ranked[label]))
    rows: list[list[object]] = [
        [str(label), *(cell for column in counts.values() for cell in (column[label][1], accuracy(column[label])))]
        for label in order
    ]
    sums = [tuple(map(sum, zip(*column, strict=True))) for column in counts.values()]
    rows.append(["all", *(cell for right, n in sums for cell in (n, accuracy((right, n))))])
    columns = [text for name in views for text in (f"n, {name}", f"{name}, %")]
    note = "Brackets: Wilson's 95 % interval over the examples of the class."
    return Table(f"Accuracy by class: {title_of(run)}", ["class", *columns], rows, note)


def share_of(count: Count) -> float:
    """Of examples, 0 of none."""
    return share(count) if count[1] else 0.0


def accuracy(count: Count) -> Number | None:
    """With its interval; none without examples."""
    return Number(share(count), "fraction", *wilson_interval(*count)) if count[1] else None


def title_of(run: Run) -> str:
    """What a run is, in words."""
    fraction = run.config.corruption_fraction
    setting = setting_text(run.setting) + (f" {fraction:g}" if 0 < fraction < 1 else "")
    return f"{run.model.replace('_', ' ')} on {run.config.dataset}, {setting}, seed {run.config.seed}"


def confusion_figure(run: Run) -> Figure:
    """Shares of each label's examples by prediction, a panel for each view."""
    arrays = arrays_of(run)
    views = views_of(arrays)
    figure, panels = panel_figure(f"Predictions by class: {title_of(run)}", list(views), 2, (4.0, 3.6))
    names = [str(label) for label in range(num_classes(arrays))]
    few = names if len(names) <= 20 else [""] * len(names)
    for axes, view in zip(panels, views.values(), strict=True):
        matrix = confusion(arrays, *view)
        image = heat_map(axes, matrix / np.maximum(matrix.sum(1, keepdims=True), 1), few, few)
        axes.set(xlabel="prediction", ylabel="label")
        figure.colorbar(image, ax=axes)
    return figure


def classes_over_runs(runs: Runs) -> Table:
    """Test accuracy on true labels by class, a column for each recipe, means over its seeds; the best class first."""
    recipes, heads = [], []
    for model, group in runs.grouped(lambda run: run.model.replace("_", " ")).items():
        kinds = group.recipes()
        recipes += kinds
        heads += [f"{model}, {name} (n={len(seeds)}), %" for seeds, name in zip(kinds, group_names(kinds), strict=True)]
    columns = [[class_counts(arrays_of(run), "test", "true_labels") for run in seeds] for seeds in recipes]
    shares = np.array([np.mean([[share_of(count) for count in seed] for seed in seeds], axis=0) for seeds in columns])
    rows = [
        [str(label), *(number([share_of(seed[label]) for seed in seeds]) for seeds in columns)]
        for label in np.argsort(-shares.mean(0), kind="stable")
    ]
    note = f"Means over seeds, with 95 % t intervals where there are several. {runs.run_on()}."
    return Table("Test accuracy by class", ["class", *heads], rows, note)
