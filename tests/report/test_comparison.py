"""Two sides of the same runs: means, intervals and differences against closed forms."""

import numpy as np
import pytest
from made_up import a_run
from scipy import stats

from common.report.comparison import best_layer_accuracy, chosen_layer_accuracy, comparison_table
from common.report.numbers import difference
from common.report.runs import Runs

LAYERS = {"input": (60, 90), "fc1": (50, 70), "fc2": (40, 80), "logits": (90, 95)}  # on held-out, on test


def readout():
    return [
        {"epoch": 3, "layer": layer, "probe": "masc", "fitted_on": "corrupted_labels", "scored_on": split,
         "components": 2.0, "n": 100, "correct": correct}
        for layer, pair in LAYERS.items()
        for split, correct in zip(("validation_corrupted_labels", "test"), pair, strict=True)
    ]  # fmt: skip


def run(seed, accuracy, lines=(), threads=2, **fields):
    outcome = {"test_accuracy": accuracy, "epochs": 4}
    made = a_run((), outcome, {"readout.jsonl": lines}, train_n=fields.get("train_size", 50_000), seed=seed, **fields)
    made.record["time"]["train_seconds"] = 2.0 + seed
    made.record["environment"]["threads"] = threads
    return made


def ends(number):
    return number.low, number.high


KERAS, TORCH = (0.5, 0.52, 0.57), (0.49, 0.53)


def runs(lines=(), **fields):
    sides = {"keras": KERAS, "torch": TORCH}
    return Runs(run(s, a, lines, framework=f, **fields) for f, side in sides.items() for s, a in enumerate(side))


def test_the_chosen_layer_is_hidden_and_chosen_on_held_out_examples_the_papers_on_test():
    made = run(0, 0.5, readout())
    assert chosen_layer_accuracy(made) == 0.7
    assert best_layer_accuracy(made) == 0.8
    assert chosen_layer_accuracy(run(0, 0.5)) is None and best_layer_accuracy(run(0, 0.5)) is None


@pytest.mark.parametrize(("first", "second"), [(TORCH, KERAS), (KERAS, (0.1, 0.4, 0.9, 0.3))])
def test_the_difference_has_welchs_interval(first, second):
    found = stats.ttest_ind(first, second, equal_var=False).confidence_interval(0.95)
    assert np.allclose(ends(difference(first, second)), found)
    assert difference(first, second).value == pytest.approx(np.mean(first) - np.mean(second))


def test_one_seed_has_no_interval_and_equal_seeds_have_one_of_no_width():
    assert ends(difference((0.5,), KERAS)) == (None, None)
    assert ends(difference((0.5, 0.5), (0.4, 0.4))) == pytest.approx((0.1, 0.1))


def test_a_row_for_each_measure_that_both_sides_have():
    table = comparison_table(runs())
    rows = {row[1]: row for row in table.rows}
    assert set(rows) == {"training accuracy, %", "test accuracy, %", "seconds per epoch"}
    _, _, keras, keras_n, torch, torch_n, apart = rows["test accuracy, %"]
    assert (keras.value, keras_n, torch.value, torch_n) == pytest.approx((0.53, "3", 0.51, "2"))
    assert apart == difference(TORCH, KERAS)
    assert rows["seconds per epoch"][2].value == pytest.approx(0.75) and rows["seconds per epoch"][6].unit == "ratio"


def test_decoding_is_compared_where_it_was_read_out():
    table = comparison_table(runs(readout()))
    means = {row[1]: row[2].value for row in table.rows}
    assert means["MASC, layer chosen on held-out examples, %"] == pytest.approx(0.7)
    assert means["MASC, layer chosen on test data, %"] == pytest.approx(0.8)


def test_seconds_are_compared_between_equal_numbers_of_threads_alone():
    one = run(5, 0.5, threads=1, framework="keras")
    assert "seconds per epoch" not in {row[1] for row in comparison_table(runs() + [one]).rows}


def test_settings_are_apart_and_one_sided_ones_are_left_out():
    decay = runs(weight_decay=0.1)
    table = comparison_table(runs() + [*decay, run(0, 0.1, framework="keras", model="mlp1")])
    assert {row[0] for row in table.rows} == {
        "mlp3, cifar10, true labels (60 epochs)",
        "mlp3, cifar10, true labels, weight decay 0.1 (60 epochs)",
    }


def test_smaller_runs_say_that_they_are():
    table = comparison_table(runs(train_size=3000, downscale=2, precision="bfloat16", epochs=20))
    scale = "train_n=3000, images 2 times smaller, bfloat16, 20 epochs"
    assert {row[0] for row in table.rows} == {f"mlp3, cifar10, true labels ({scale})"}


def test_precisions_compare_within_a_framework():
    sides = [run(s, a, framework="torch", precision=p) for p in ("float32", "bfloat16") for s, a in enumerate(TORCH)]
    table = comparison_table(runs() + sides, "precision")
    assert table.columns[2] == "float32" and table.columns[-1] == "bfloat16 - float32"
    assert {row[0] for row in table.rows} == {"mlp3, cifar10, true labels (PyTorch, 60 epochs)"}
