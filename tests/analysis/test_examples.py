"""One table over runs, against values worked out by hand."""

import numpy as np
import pytest

from common.analysis.examples import COLUMNS, extremes, join, measured

FIRST = {
    "train_indices": np.array([3, 5, 9]),
    "train_labels": np.array([0, 1, 2]),
    "train_predictions": np.array([0, 1, 1]),
    "train_learned_epochs": np.array([4, 1, -1]),
    "train_times_forgotten": np.array([2, 0, 0]),
    "train_loss_sensitivity": np.array([1.0, 2.0, 3.0]),
    "validation_critical": np.array([True, False]),
    "validation_critical_indices": np.array([7, 5]),
    "train_critical": np.array([True]),
    "train_critical_indices": np.array([9]),
}
SECOND = {
    "train_indices": np.array([5, 7]),
    "train_labels": np.array([1, 1]),
    "train_predictions": np.array([0, 1]),
}


def test_the_table_holds_means_over_the_runs_that_know_an_example():
    table = join([(FIRST, 8), (SECOND, 8)])
    assert tuple(table) == ("index", "runs", *COLUMNS)
    np.testing.assert_array_equal(table["index"], [3, 5, 7, 9])
    np.testing.assert_array_equal(table["runs"], [1, 2, 1, 1])
    np.testing.assert_array_equal(table["correct"], [1, 0.5, 1, 0])
    np.testing.assert_array_equal(table["learned"], [3 / 8, 0, np.nan, 1])
    np.testing.assert_array_equal(table["times_forgotten"], [2, 0, np.nan, 0])
    np.testing.assert_array_equal(table["loss_sensitivity"], [0.5, 1, np.nan, 1.5])
    np.testing.assert_array_equal(table["critical"], [np.nan, 0, 1, 1])


def test_runs_of_before_a_measure_have_no_column_of_it():
    assert set(measured(SECOND, 8)) == {"correct"}
    assert set(measured(FIRST, 1)) == {"correct", "loss_sensitivity", "critical"}  # of one epoch: learned is correct
    assert np.isnan(join([(SECOND, 8)])["learned"]).all()
    with pytest.raises(ValueError, match="^runs must be at least one. Received: none$"):
        join([])


def test_the_lowest_and_highest_of_each_class_come_most_extreme_first_and_ties_in_order():
    labels = np.arange(60) % 3
    table = {"index": np.arange(10, 60), "correct": np.arange(50) // 6 / 10}
    table["correct"][:9] = np.nan  # without a value
    found = extremes(table, labels, "correct")
    known = np.arange(19, 60)
    for label, row in enumerate(found):
        members = known[known % 3 == label]
        np.testing.assert_array_equal(row[:8], members[:8])
        order = sorted(members, key=lambda i: (-((i - 10) // 6), i))
        np.testing.assert_array_equal(row[8:], order[:8][::-1])
    few = {"index": np.arange(30), "correct": np.arange(30.0)}
    assert extremes(few, np.where(np.arange(30) < 5, 0, 1), "correct").shape == (1, 16)


def test_where_no_class_has_enough_examples_with_a_value_there_are_none_to_show():
    table = {"index": np.arange(30), "correct": np.full(30, np.nan), "learned": np.arange(30.0)}
    for column, labels in (("correct", np.zeros(30, int)), ("learned", np.arange(30) % 5)):
        found = extremes(table, labels, column)
        assert found.shape == (0, 16) and labels[found].shape == (0, 16)
