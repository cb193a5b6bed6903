"""Runs that were trained on the same, and their table of examples."""

from types import SimpleNamespace

import numpy as np
from made_up_runs import a_run

from common.report.examples import joined, trained_on


def test_runs_on_the_same_examples_are_chosen_by_data_set_and_corruption_without_unique_labels():
    noisy = {"corruption": "gaussian", "corruption_fraction": 1.0}
    changes = ({}, {"unique_labels": True}, noisy, noisy | {"corruption_fraction": 0.5}, {"dataset": "digits"})
    runs = [a_run(**{"model": "mlp2", "dataset": "mnist", **fields})[0] for fields in changes]
    assert trained_on(runs, "mnist") == runs[:1] and trained_on(runs, "digits") == runs[4:]
    assert trained_on(runs, "mnist", "gaussian", 1.0) == runs[2:3] and trained_on(runs, "cifar10") == []


def test_the_table_is_of_the_arrays_and_epochs_of_the_runs():
    runs = [a_run(seed=seed, model="mlp2", outcome={"epochs": 4 + 4 * seed})[0] for seed in (0, 1)]
    arrays = {"train_indices": [7, 2], "train_labels": [0, 1], "train_predictions": [0, 0]}
    arrays |= {"train_learned_epochs": [3, -1], "train_times_forgotten": [1, 0]}
    files = {run["run_id"]: {name: np.array(each) for name, each in arrays.items()} for run in runs}
    table = joined(runs, SimpleNamespace(arrays=files.__getitem__))
    assert table["index"].tolist() == [2, 7] and table["runs"].tolist() == [2, 2]
    assert table["correct"].tolist() == [0, 1] and table["learned"].tolist() == [1, (2 / 4 + 2 / 8) / 2]
