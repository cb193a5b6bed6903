"""Two sides of the same runs: means, intervals and differences against closed forms."""

import numpy as np
import pytest
from scipy import stats

from common.report.comparison import (
    best_layer_accuracy,
    chosen_layer_accuracy,
    comparison_table,
    difference,
)
from common.report.numbers import Number
from common.runs.config import Config, as_dict

LAYERS = {"input": (60, 90), "fc1": (50, 70), "fc2": (40, 80), "logits": (90, 95)}  # on held-out, on test


def readout():
    return [
        {"epoch": 3, "layer": layer, "probe": "masc", "fitted_on": "corrupted_labels", "scored_on": split,
         "components": 2.0, "n": 100, "correct": correct}
        for layer, pair in LAYERS.items()
        for split, correct in zip(("validation_corrupted_labels", "test"), pair, strict=True)
    ]  # fmt: skip


def record(seed, accuracy, **fields):
    config = as_dict(Config(seed=seed, **fields))
    return {
        "run_id": f"{seed}{sorted(fields.items())}",
        "config": config,
        "data": {"train_n": config["train_size"] or 50_000},
        "outcome": {"train_accuracy": 1.0, "test_accuracy": accuracy, "epochs_to_fit": None, "epochs": 4},
        "environment": {"threads": 2},
        "time": {"train_seconds": 2.0 + seed},
    }


KERAS, TORCH = (0.5, 0.52, 0.57), (0.49, 0.53)


def runs(**fields):
    sides = {"keras": KERAS, "torch": TORCH}
    return [record(s, a, framework=f, **fields) for f, side in sides.items() for s, a in enumerate(side)]


def test_the_chosen_layer_is_hidden_and_chosen_on_held_out_examples_the_papers_on_test():
    assert chosen_layer_accuracy(readout()) == 0.7
    assert best_layer_accuracy(readout()) == 0.8
    assert chosen_layer_accuracy([]) is None and best_layer_accuracy([]) is None


@pytest.mark.parametrize(("first", "second"), [(TORCH, KERAS), (KERAS, (0.1, 0.4, 0.9, 0.3))])
def test_the_difference_has_welchs_interval(first, second):
    found = stats.ttest_ind(first, second, equal_var=False).confidence_interval(0.95)
    assert np.allclose(difference(first, second)[2:], found)
    assert difference(first, second)[0] == pytest.approx(np.mean(first) - np.mean(second))


def test_one_seed_has_no_interval_and_equal_seeds_have_one_of_no_width():
    assert difference((0.5,), KERAS)[2:] == (None, None)
    assert difference((0.5, 0.5), (0.4, 0.4))[2:] == pytest.approx((0.1, 0.1))


def test_a_row_for_each_measure_that_both_sides_have():
    table = comparison_table(runs(), {})
    rows = {row[1]: row for row in table.rows}
    assert set(rows) == {"training accuracy, %", "test accuracy, %", "seconds per epoch"}
    _, _, keras, keras_n, torch, torch_n, apart = rows["test accuracy, %"]
    assert (keras.value, keras_n, torch.value, torch_n) == pytest.approx((0.53, "3", 0.51, "2"))
    assert apart == Number(*difference(TORCH, KERAS))
    assert rows["seconds per epoch"][2].value == pytest.approx(0.75) and rows["seconds per epoch"][6].unit == "ratio"


def test_decoding_is_compared_where_it_was_read_out():
    records = runs()
    table = comparison_table(records, {r["run_id"]: readout() for r in records})
    means = {row[1]: row[2].value for row in table.rows}
    assert means["MASC, layer chosen on held-out examples, %"] == pytest.approx(0.7)
    assert means["MASC, layer chosen on test data, %"] == pytest.approx(0.8)


def test_seconds_are_compared_between_equal_numbers_of_threads_alone():
    records = runs()
    records[0]["environment"]["threads"] = 1
    assert "seconds per epoch" not in {row[1] for row in comparison_table(records, {}).rows}


def test_settings_are_apart_and_one_sided_ones_are_left_out():
    decay = runs(weight_decay=0.1)
    table = comparison_table([*runs(), *decay, record(0, 0.1, framework="keras", model="mlp1")], {})
    assert {row[0] for row in table.rows} == {
        "mlp3, cifar10, true labels (60 epochs)",
        "mlp3, cifar10, true labels, weight decay 0.1 (60 epochs)",
    }


def test_smaller_runs_say_that_they_are():
    table = comparison_table(runs(train_size=3000, downscale=2, precision="bfloat16", epochs=20), {})
    scale = "train_n=3000, images 2 times smaller, bfloat16, 20 epochs"
    assert {row[0] for row in table.rows} == {f"mlp3, cifar10, true labels ({scale})"}


def test_precisions_compare_within_a_framework():
    sides = [record(s, a, framework="torch", precision=p) for p in ("float32", "bfloat16") for s, a in enumerate(TORCH)]
    table = comparison_table([*sides, *runs()], {}, "precision")
    assert table.columns[2] == "float32" and table.columns[-1] == "bfloat16 - float32"
    assert {row[0] for row in table.rows} == {"mlp3, cifar10, true labels (PyTorch, 60 epochs)"}
