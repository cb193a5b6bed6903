"""Runs that were trained on the same, their table of examples, how its columns agree, and pictures."""

import numpy as np
import pytest
from made_up import a_run

from common.analysis.examples import well_known
from common.report.examples import agreement_table, image_grid, joined, trained_on
from common.report.runs import Runs


def run(**changes):
    return a_run(**{"model": "mlp2", "dataset": "mnist", **changes})


def test_runs_on_the_same_examples_are_chosen_by_data_set_and_corruption_without_unique_labels():
    noisy = {"corruption": "gaussian", "corruption_fraction": 1.0}
    changes = ({}, {"unique_labels": True}, noisy, noisy | {"corruption_fraction": 0.5}, {"dataset": "digits"})
    runs = Runs(run(**fields) for fields in changes)
    assert list(trained_on(runs, "mnist")) == [runs[0]] and list(trained_on(runs, "digits")) == [runs[4]]
    assert list(trained_on(runs, "mnist", "gaussian", 1.0)) == [runs[2]] and not trained_on(runs, "cifar10")


def test_the_table_is_of_the_arrays_and_epochs_of_the_runs():
    arrays = {"train_indices": [7, 2], "train_labels": [0, 1], "train_predictions": [0, 0]}
    arrays |= {"train_learned_epochs": [3, -1], "train_times_forgotten": [1, 0]}
    arrays = {name: np.array(values) for name, values in arrays.items()}
    table = joined(Runs(run(arrays=arrays, seed=seed, outcome={"epochs": 4 + 4 * seed}) for seed in (0, 1)))
    assert table["index"].tolist() == [2, 7] and table["runs"].tolist() == [2, 2]
    assert table["correct"].tolist() == [0, 1] and table["learned"].tolist() == [1, (2 / 4 + 2 / 8) / 2]


def test_images_lie_in_a_grid_in_their_order():
    images = np.zeros((2, 4, 3, 3, 1), np.uint8)
    images[1, 2] = 200
    axes = image_grid(images, "title").axes[0]
    shown = axes.images[0].get_array()
    assert shown.shape == (8, 18) and (shown[5:8, 10:13] == 200).all() and (shown[:3, :3] == 0).all()
    assert (shown == 200).sum() == 9 and [text.get_text() for text in axes.get_xticklabels()] == ["easiest", "hardest"]


def test_columns_agree_by_rank_over_the_examples_that_have_both():
    table = {name: np.full(5, np.nan) for name in ("correct", "times_forgotten", "loss_sensitivity", "critical")}
    table |= {"learned": np.array([1, 2, 3, 4, np.nan]), "loss_sensitivity": np.array([9.0, 4.0, 1.0, 0.0, 5.0])}
    table["correct"] = np.ones(5)
    table["runs"] = np.array([4, 4, 2, 2, 4])
    assert [[*row[:3], row[3].value] for row in agreement_table(well_known(table), "title").rows] == [
        ["learned", "loss sensitivity", 4, pytest.approx(-1)]
    ]
    table["runs"][3] = 1  # known by too few to be ranked beside the others
    assert agreement_table(well_known(table), "title").rows[0][2] == 3
