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
    table = join([FIRST, SECOND])
    assert tuple(table) == ("index", "runs", *COLUMNS)
    np.testing.assert_array_equal(table["index"], [3, 5, 7, 9])
    np.testing.assert_array_equal(table["runs"], [1, 2, 1, 1])
    np.testing.assert_array_equal(table["correct"], [1, 0.5, 1, 0])
    np.testing.assert_array_equal(table["learned_epoch"], [4, 1, np.nan, np.nan])
    np.testing.assert_array_equal(table["times_forgotten"], [2, 0, np.nan, 0])
    np.testing.assert_array_equal(table["loss_sensitivity"], [0.5, 1, np.nan, 1.5])
    np.testing.assert_array_equal(table["critical"], [np.nan, 0, 1, 1])


def test_runs_of_before_a_measure_have_no_column_of_it():
    assert set(measured(SECOND)) == {"correct"}
    assert np.isnan(join([SECOND])["learned_epoch"]).all()
    with pytest.raises(ValueError, match="^runs must be at least one. Received: none$"):
        join([])


def test_the_easiest_and_hardest_of_each_class_come_most_extreme_first_and_ties_in_order():
    difficulty, labels = np.array([0.5, 0.1, 0.9, 0.1, 0.2, 0.2]), np.array([0, 0, 0, 0, 1, 1])
    assert extremes(difficulty, labels, 2) == {0: ([1, 3], [2, 0]), 1: ([4, 5], [4, 5])}
