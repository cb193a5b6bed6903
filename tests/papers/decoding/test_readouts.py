from types import SimpleNamespace

import numpy as np
import pytest

from common.papers.decoding.subspaces import summary_table
from common.papers.decoding.targets import TARGETS
from common.papers.decoding.transfer import relabelled, relabelling_table, transfer_table
from common.papers.decoding.transfer import stopped as stopped_with_other_labels
from common.report.layers import CHOICES, accuracy, best_pair, chosen, layers_of
from common.report.numbers import Number, cell, number
from common.report.peaks import early_stopping_table, stopped
from common.report.readouts import (
    NOTE,
    Setting,
    by_setting,
    clean_table,
    epochs_of,
    in_chosen_layer,
    in_last_layer,
    layer_table,
    lines_of,
    other_lines,
    own,
    read_out,
    setting_of,
)
from common.report.runs import Run, Runs

# Shares on held-out examples and on test data: fc2 is chosen on the former, fc1 on the latter, the input never.
LAYERS = {"input": (0.9, 0.95, 0.99, 0.3), "fc1": (0.3, 0.8, 0.9, 0.4), "fc2": (0.4, 0.7, 1.0, 0.2)}
TRUE = {"input": (0.9, 0.96), "fc1": (0.4, 0.86), "fc2": (0.3, 0.9)}
NETWORK = {"epoch": 10, "layer": "logits", "probe": "model", "fitted_on": None, "scored_on": "test", "n": 4}


def texts(table):
    return [dict(zip(table.columns, map(cell, row), strict=True)) for row in table.rows]


def test_an_accuracy_is_of_one_layer_probe_and_pair_of_labels(decoding):
    lines = decoding.read_out(LAYERS, components=12.5) + decoding.read_out(TRUE, fitted_on="true_labels")
    lines += decoding.read_out({"fc1": (0.1, 0.2)}, probe="qda") + [{**NETWORK, "correct": 3, "components": None}]
    assert accuracy(lines, "fc1") == 0.8
    assert accuracy(lines, "fc1", fitted_on="true_labels") == 0.86
    assert accuracy(lines, "fc1", "qda") == 0.2
    assert accuracy(lines, "fc1", scored_on="train_true_labels") == 0.4
    assert accuracy(lines, "fc1", key="components") == 12.5
    assert accuracy(lines, "logits", "model", None) == 0.75
    assert {accuracy(lines, "fc3"), accuracy(lines, None), accuracy(lines, "fc1", "lda"), accuracy([], "fc1")} == {None}
    assert layers_of(lines) == ["input", "fc1", "fc2"]


def test_layers_are_chosen_on_held_out_examples_unless_the_papers_choice_is_named(decoding):
    lines = decoding.read_out(LAYERS) + decoding.read_out(TRUE, fitted_on="true_labels")
    assert list(CHOICES) == ["held-out examples", "test data"]
    assert (chosen(lines), chosen(lines, "test data")) == (0.7, 0.8)
    assert (chosen(lines, fitted_on="true_labels"), chosen(lines, "test data", fitted_on="true_labels")) == (0.86, 0.9)
    assert chosen(lines, probe="velpic") is None
    tested = [line for line in lines if line["scored_on"] == "test"]
    assert (chosen(tested), chosen(tested, "test data")) == (None, 0.8)


def test_probe_and_layer_are_chosen_together_on_held_out_examples(decoding):
    lines = decoding.read_out(LAYERS) + decoding.read_out({"fc1": (0.5, 0.1), "fc2": (0.2, 1.0)}, probe="masc_1pc")
    lines += decoding.read_out({"fc1": (0.6, 0.6)}, probe="qda")
    assert best_pair(lines, ("masc", "masc_1pc")) == ("masc_1pc", "fc1")
    assert best_pair(lines, ("masc", "masc_0.25")) == ("masc", "fc2")
    assert best_pair(lines, ("lda",)) == best_pair([], ("masc",)) == ("", None)


def test_the_read_out_of_a_run_is_of_its_own_labels(decoding):
    own, other = {"labels_rule": None, "correct": 1}, {"labels_rule": "ketha", "labels_fraction": 0.4}
    source = SimpleNamespace(lines=lambda name, file: {"readout.jsonl": [own, other, {"correct": 2}]}[file])
    assert Run(decoding.run().record, source).readout == [own, {"correct": 2}]


def test_a_run_and_its_epochs(decoding):
    start, end = decoding.read_out({"fc1": (0.2, 0.3)}, epoch=0), decoding.read_out(LAYERS)
    run = decoding.run([*end, *start], test=0.25, other={0.4: start})
    assert (lines_of(run), lines_of(run, 0), lines_of(run, 5), epochs_of(run)) == (end, start, [], [0, 10])
    assert (in_chosen_layer(run), own(run), in_last_layer(run)) == (0.7, 0.25, 0.7)
    assert in_chosen_layer(run, probe="velpic") is None
    assert in_last_layer(run, key="components") == 1 and in_last_layer(decoding.run(seed=1)) is None
    labels = {"labels_rule": "ketha", "labels_fraction": 0.4}
    assert other_lines(run) == {0.4: [line | labels for line in start]} and len(run.history) == 11
    assert setting_of(run) == Setting("mlp4", "mnist", 0.8, "torch", 5000)
    assert Setting("cnn", "fashion_mnist", 0.2, "keras", 9).cells() == ["cnn", "fashion mnist", "20 %", "Keras", 9]


def test_runs_count_only_where_they_were_read_out(decoding):
    runs = [decoding.run(decoding.read_out(LAYERS), seed=seed) for seed in (1, 0)] + [decoding.run(seed=2)]
    assert list(read_out(Runs([*runs, runs[0]]))) == runs[:2]


def test_runs_are_grouped_by_setting_and_sorted_by_seed(decoding):
    runs = [decoding.run(seed=seed, **other) for other in ({}, {"model": "cnn"}, {"train_n": 9}) for seed in (1, 0)]
    groups = by_setting(runs)
    assert [(s.model, s.train_n) for s in groups] == [("cnn", 5000), ("mlp4", 9), ("mlp4", 5000)]
    assert {tuple(run.config.seed for run in group) for group in groups.values()} == {(0, 1)}


def test_early_stopping_takes_the_first_best_epoch_on_held_out_examples(decoding):
    for untrained in (None, 0.9):  # which is no epoch of training
        history = decoding.history([untrained, 0.5, 0.6, 0.6, 0.2], test=[0.9, 0.1, 0.3, 0.4, 0.8])
        assert stopped(decoding.run(history=history)) == history[2]


def test_a_number_over_seeds_leaves_out_what_was_not_measured():
    assert number([None, None]) is None and number([]) is None
    assert number([0.5, None]) == Number(0.5, n=1) and cell(Number(0.5, n=1)) == "50.00 (n=1)"
    assert number([0.5]) == Number(0.5)
    assert number(iter([10, 20]), "components") == Number(
        15, "components", *map(pytest.approx, (-48.53102368, 78.53102368))
    )


def test_summary(decoding):
    untrained = decoding.read_out({"input": (0.1, 0.9), "fc1": (0.9, 0.6), "fc2": (0.1, 0.65)}, epoch=0)
    lines = decoding.read_out(LAYERS) + decoding.read_out(TRUE, fitted_on="true_labels") + untrained
    other = decoding.read_out({"fc1": (0.3, 0.8), "fc2": (0.4, 0.72)})
    runs = [decoding.run(lines, test=0.2), decoding.run(other, test=0.3, seed=1)]
    table = summary_table(runs, TARGETS.of("mlp") + TARGETS.of("untrained"), "Title")
    (row,) = texts(table)
    assert list(row.items()) == [
        ("model", "mlp4"), ("data", "mnist"), ("corrupted", "80 %"), ("framework", "PyTorch"), ("train_n", "5000"),
        ("seeds", "2"), ("training, %", "100.00 [100.00, 100.00]"), ("test, %", "25.00 [0.00, 88.53]"),
        ("published test, %", "32.10; 31.16"),
        ("corrupted-label subspaces, layer chosen on held-out, %", "71.00 [58.29, 83.71]"),
        ("true-label, on held-out, %", "86.00 (n=1)"),
        ("corrupted-label subspaces, layer chosen on test, %", "80.00 [80.00, 80.00]"),
        ("published corrupted-label, %", "83.43; 80.40"),
        ("true-label, on test, %", "90.00 (n=1)"), ("published true-label, %", "95.79"),
        ("raw inputs, corrupted-label, %", "95.00 (n=1)"), ("published raw inputs, %", "71.08"),
        ("untrained network, corrupted-label, on test, %", "65.00 (n=1)"), ("published untrained, %", "85.88"),
    ]  # fmt: skip
    assert (table.title, table.note) == ("Title", NOTE) and "as the papers do on test data" in NOTE


def test_every_layer_beside_the_published_number(decoding):
    lines = decoding.read_out(LAYERS, components=40) + decoding.read_out(LAYERS, "masc_1pc", components=1)
    lines += decoding.read_out(TRUE, fitted_on="true_labels", components=20) + decoding.read_out(
        {"fc1": (0, 0)}, "qda", components=None
    )
    targets = TARGETS.of("mlp") + TARGETS.of("thresholds")
    runs = [decoding.run(lines), decoding.run(decoding.read_out(LAYERS, components=50), seed=1)]
    rows = texts(layer_table(runs[::-1], targets, "Title", ("masc", "masc_1pc", "qda", "lda")))
    assert [(row["probe"], row["layer"], row["published, %"], row["components"]) for row in rows] == [
        ("masc", "input", "71.08", "45.0 [-18.5, 108.5]"), ("masc", "fc1", "63.48", "45.0 [-18.5, 108.5]"),
        ("masc", "fc2", "73.23", "45.0 [-18.5, 108.5]"), ("masc 1pc", "input", "77.22", "1.0 (n=1)"),
        ("masc 1pc", "fc1", "84.40", "1.0 (n=1)"), ("masc 1pc", "fc2", "84.15", "1.0 (n=1)"), ("qda", "fc1", "–", "–"),
    ]  # fmt: skip
    assert rows[1]["fitted on corrupted labels, %"] == "80.00 [80.00, 80.00]" and rows[1]["seeds"] == "2"
    ones = [f"{value} (n=1)" for value in ("96.00", "86.00", "90.00")]
    assert [row["fitted on true labels, %"] for row in rows[:4]] == [*ones, "–"]
    assert [row["published components"] for row in rows[:4]] == ["191.0", "90.0", "421.0", "–"]
    assert {row["probe"] for row in texts(layer_table(runs, targets, "Title"))} == {"masc"}


def test_clean_networks_with_subspaces_of_corrupted_labels(decoding):
    other = {0.8: decoding.read_out(LAYERS), 0.4: decoding.read_out({"fc1": (0.3, 0.9, 0.7, 0.5)})}
    first = decoding.run(other={0.4: other[0.4]}, corruption="none", corruption_fraction=0.0)
    clean = decoding.run(test=0.98, other=other, corruption="none", corruption_fraction=0.0, seed=1)
    rows = [list(row.values()) for row in texts(clean_table(Runs([first, decoding.run(), clean]), "Title"))]
    assert [row[2] for row in rows] == ["40 %", *["80 %"] * 3]
    assert rows[0][5:] == ["2", "fc1", "70.00 [70.00, 70.00]", "50.00 [50.00, 50.00]", "90.00 [90.00, 90.00]"]
    assert rows[1][5:] == ["2", "input", "99.00 (n=1)", "30.00 (n=1)", "95.00 (n=1)"]


def test_dynamics(decoding):
    lines = [line for epoch, test in ((0, 0.6), (2, 0.9), (4, 0.9), (10, 0.7))
             for line in decoding.read_out({"fc1": (0.1, 1.0), "fc2": (0.4, test)}, epoch=epoch)]  # fmt: skip
    history = decoding.history([0.1, 0.3, 0.3, *[0.2] * 8], test=[0.1, 0.8, 0.85, *[0.3] * 8])
    run = decoding.run(lines, test=0.3, history=history)
    run.outcome |= {"best_test_epoch": 2, "best_test_accuracy": 0.85}
    (row,) = texts(early_stopping_table([run], TARGETS.of("dynamics"), "Title", (0, 2, 4)))
    assert list(row.items())[6:] == [
        ("early stopping, epoch", "1.0"), ("network there, %", "80.00"), ("network's peak on test, epoch", "2.0"),
        ("network's peak, %", "85.00"), ("published peak, %", "91.50"), ("network at the end, %", "30.00"),
        ("layer's best epoch", "2.0"), ("layer there, %", "90.00"), ("layer at the end, %", "70.00"),
    ]  # fmt: skip
    unread = decoding.run(decoding.read_out({"fc1": (0.1, 0.2)}, probe="qda"), seed=1)
    assert list(texts(early_stopping_table([unread], [], "Title", (0, 2, 4)))[0].values())[-3:] == ["–", "–", "–"]
    (row,) = texts(early_stopping_table([run, unread], [], "Title", (0, 2, 4)))
    assert (row["seeds"], row["layer there, %"]) == ("2", "90.00 (n=1)")


def test_transfer(decoding):
    targets = [{**target, "layer": "fc2"} for target in TARGETS.of("velpic")]  # our last hidden layer
    lines = decoding.read_out(LAYERS) + decoding.read_out({"fc1": (0.5, 0.84), "fc2": (0.4, 0.86)}, "velpic")
    (row,) = texts(transfer_table([decoding.run(lines, test=0.3)], targets, "Title"))
    assert list(row.items())[5:] == [
        ("seeds", "1"), ("network, %", "30.00"), ("edited network, %", "86.00"),
        ("published edited, %", "82.10"), ("VeLPIC, held-out layer, %", "84.00"),
        ("MASC, held-out layer, %", "70.00"), ("VeLPIC, best layer on test, %", "86.00"),
        ("MASC, best layer on test, %", "80.00"),
    ]  # fmt: skip


def test_relabelling(decoding):
    before, after = decoding.run(test=0.3), decoding.run(test=0.5, seed=7)
    truth = np.array([0, 0, 0, 1, 1, 1, 1, 1])
    decoding.store.files[before.id] = {"train_labels": np.array([0, 0, 0, 1, 0, 0, 0, 0]), "train_true_labels": truth}
    decoding.store.files[after.id] = {"train_labels": np.array([0, 0, 0, 0, 1, 1, 1, 0]), "train_true_labels": truth}
    decoding.store.histories[after.id] = decoding.history([0.2, 0.4, 0.3], test=[0.3, 0.6, 0.7])
    assert relabelled(before, after) == {
        "labels right, %": 0.5, "labels right, of the subspaces, %": 0.75, "wrong labels repaired, %": 0.75,
        "right labels broken, %": 0.25, "network, %": 0.3, "trained on, early stopping, %": 0.6,
        "trained on, at the end, %": 0.5,
    }  # fmt: skip
    (row,) = texts(relabelling_table([(before, after)], "Title"))
    assert list(row)[6] == "labels right, %" and list(row)[-1] == "trained on, at the end, %"
    assert list(row.values())[5:] == ["1", "50.00", "75.00", "75.00", "25.00", "30.00", "60.00", "50.00"]
    assert relabelling_table([], "Title").rows == []


def test_early_stopping_may_keep_the_network_that_goes_on(decoding):
    follower = decoding.run(history=decoding.history([0.5, 0.4, 0.3], test=[0.3, 0.6, 0.7]))
    assert stopped_with_other_labels(follower) == 0.3
