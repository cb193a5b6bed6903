"""Confusion and accuracy by class of runs that never were."""

import numpy as np
import pytest
from made_up import a_run

from common.report.classes import (
    arrays_of,
    class_counts,
    class_table,
    classes_over_runs,
    confusion,
    confusion_figure,
    views_of,
)
from common.report.runs import Runs

TRUE = np.array([0, 0, 1, 1, 2, 2])
GIVEN = np.array([0, 1, 1, 1, 2, 0])


def arrays(test_labels=TRUE, train_labels=GIVEN):
    return {
        "train_labels": train_labels, "train_true_labels": TRUE, "train_predictions": GIVEN,
        "test_labels": test_labels, "test_true_labels": TRUE, "test_predictions": np.array([0, 0, 0, 1, 2, 2]),
    }  # fmt: skip


def test_a_confusion_matrix_counts_predictions_of_each_label():
    assert confusion(arrays(), "train", "true_labels").tolist() == [[1, 1, 0], [0, 2, 0], [1, 0, 1]]
    assert class_counts(arrays(), "train", "labels") == [(2, 2), (3, 3), (1, 1)]
    assert class_counts(arrays(), "test", "true_labels") == [(2, 2), (1, 2), (2, 2)]


def test_labels_that_corruption_does_not_set_apart_are_shown_once():
    assert list(views_of(arrays(train_labels=TRUE))) == ["training, labels as given", "test, true labels"]
    assert list(views_of(arrays(test_labels=GIVEN))) == [
        "training, labels as given", "training, true labels", "test, true labels", "test, labels corrupted as well",
    ]  # fmt: skip
    nothing = {name: array[:0] if "test" in name else array for name, array in arrays().items()}
    assert list(views_of(nothing)) == ["training, labels as given", "training, true labels"]
    assert [row[0] for row in class_table(a_run(arrays=nothing)).rows] == ["0", "1", "2", "all"]


def test_classes_are_sorted_by_test_accuracy_and_the_last_row_is_all():
    run = a_run(arrays=arrays(), corruption="uniform", corruption_fraction=0.4, dataset="mnist")
    table = class_table(run)
    assert [row[0] for row in table.rows] == ["0", "2", "1", "all"]
    assert table.title == "Accuracy by class: mlp3 on mnist, corrupted labels 0.4, seed 0"
    last = dict(zip(table.columns, table.rows[-1], strict=True))
    assert last["n, training, true labels"] == 6 and last["training, true labels, %"].value == pytest.approx(4 / 6)
    worst = dict(zip(table.columns, table.rows[2], strict=True))["test, true labels, %"]
    assert worst.value == 0.5 and worst.low < 0.1 and worst.high > 0.9


def test_a_class_that_no_example_has_is_no_number():
    found = arrays()
    found["train_predictions"] = np.array([0, 1, 1, 1, 2, 3])
    rows = class_table(a_run(arrays=found)).rows
    assert [row[0] for row in rows] == ["0", "2", "1", "3", "all"] and rows[3][1:] == [0, None] * 3


def test_older_arrays_have_true_labels_where_labels_were_not_corrupted():
    old = {name: array for name, array in arrays(train_labels=TRUE).items() if "true" not in name}
    assert list(views_of(arrays_of(a_run(arrays=old)))) == ["training, labels as given", "test, true labels"]
    corrupted = a_run(arrays=old, corruption="uniform", corruption_fraction=0.4)
    with pytest.raises(ValueError, match="a run's arrays must have true labels; train it again. Received: "):
        class_table(corrupted)


def test_a_panel_for_each_view():
    figure = confusion_figure(a_run(arrays=arrays(), dataset="mnist"))
    panels = [axes for axes in figure.axes if axes.get_xlabel() == "prediction"]
    assert len(panels) == 3
    np.testing.assert_allclose(panels[1].images[0].get_array(), [[0.5, 0.5, 0], [0, 1, 0], [0.5, 0, 0.5]])


def test_recipes_side_by_side_over_their_seeds():
    other = {**arrays(), "test_predictions": np.array([1, 1, 1, 1, 2, 2])}
    runs = Runs([a_run(arrays=arrays(), seed=0), a_run(arrays=other, seed=1), a_run(arrays=arrays(), model="mlp1")])
    table = classes_over_runs(runs)
    assert [row[0] for row in table.rows] == ["2", "0", "1"] and "Processor" in table.note
    assert table.columns[1:] == ["mlp3, PyTorch (n=2), %", "mlp1, PyTorch (n=1), %"]
    column = table.columns.index("mlp3, PyTorch (n=2), %")
    assert [row[column].value for row in table.rows] == [1.0, 0.5, 0.75]
