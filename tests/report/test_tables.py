import csv
import io
import json
import xml.etree.ElementTree as ElementTree

import pytest
from common.report.zhang import stated

from common.report.claims import Finding, load_targets
from common.report.layers import best_on_test, choose_layer, run_table
from common.report.numbers import Number, cell
from common.report.records import full_size, model_of, published_table, recipe, setting_of, setting_text
from common.report.tables import Table, claims_table
from common.runs.config import FOUNDING, Config, as_dict
from common.runs.store import read_record

TRUE_LABELS = {"model": "mlp3", "setting": "true labels", "quantity": "test accuracy, %"}


def record(outcome=None, **changes):
    config = as_dict(Config(**changes))
    measured = {"train_accuracy": 1.0, "test_accuracy": 0.53, "test_accuracy_corrupted_labels": None}
    return {
        "run_id": repr(sorted(config.items(), key=str)),
        "config": config,
        "code": {"commit": "0123456789abcdef", "dirty": False},
        "environment": {"device": "cpu", "processor": "Processor"},
        "data": {"test_n": 10_000, "train_n": (config["train_size"] or 50_000) - config["validation_size"]},
        "outcome": {**measured, "epochs_to_fit": None, **(outcome or {})},
        "model": {"sha256": ""},
        "time": {},
    }


def rows_of(table, **wanted):
    rows = [dict(zip(table.columns, row, strict=True)) for row in table.rows]
    return [row for row in rows if all(row[key] == value for key, value in wanted.items())]


def published(records, **wanted):
    return rows_of(published_table(load_targets("zhang_mlp"), records), **wanted)


def test_cells():
    assert cell(0.53391) == "53.39"
    assert cell(None) == "–"
    assert cell(None, missing="") == ""
    assert cell(0.0) == "0.00"
    assert cell(3) == "3"
    assert cell(Number(0.5461, low=0.5410, high=0.5512)) == "54.61 [54.10, 55.12]"
    assert cell(Number(None, low=0.5410, high=0.5512)) == "[54.10, 55.12]"
    assert cell(Number(None)) == "–"
    assert cell(Number(1.7857, "ratio")) == "1.79"
    assert cell(Number(136.52, "components")) == "136.5"
    assert [cell(Number(value, "three digits")) for value in (0.25004, 1.2, 136.52)] == ["0.250", "1.20", "137"]


TABLE = Table("A & B", ["layer | name", "accuracy"], [["fc1 <x>", 0.5], ["fc|2", None]], "Made up.")


def test_markdown():
    assert TABLE.markdown() == (
        "**A & B**\n\n| layer \\| name | accuracy |\n| :--- | ---: |\n| fc1 <x> | 50.00 |\n| fc\\|2 | – |\n\nMade up.\n"
    )


def test_csv():
    assert TABLE.csv() == "layer | name,accuracy\nfc1 <x>,50.00\nfc|2,\n"
    text = Table("", ["a, b"], [['x "y", z']]).csv()
    assert list(csv.reader(io.StringIO(text))) == [["a, b"], ['x "y", z']]


def test_html_is_escaped_and_well_formed():
    figure = ElementTree.fromstring(TABLE.html())
    assert [th.text for th in figure.iter("th")] == ["layer | name", "accuracy"]
    assert [(td.text, td.get("class")) for td in figure.iter("td")] == [
        ("fc1 <x>", None), ("50.00", "number"), ("fc|2", None), ("–", "number")
    ]  # fmt: skip
    assert figure.find("figcaption").text == "A & B"


def test_rows_must_fit_the_columns():
    with pytest.raises(ValueError, match="must have 2 cells"):
        Table("", ["a", "b"], [[1]])


@pytest.mark.parametrize(
    ("corruption", "fraction", "weight_decay", "expected"),
    [
        ("none", 0.0, 0.0, "true_labels"),
        ("uniform", 0.0, 0.0, "true_labels"),
        ("uniform", 1.0, 0.0, "random_labels"),
        ("ketha", 1.0, 0.0, "random_labels"),
        ("uniform", 0.2, 0.0, "corrupted_labels"),
        ("none", 0.0, 5e-5, "weight_decay"),
        ("uniform", 1.0, 5e-5, "random_labels_weight_decay"),
        ("other_class", 1.0, 0.0, "other_class"),
        ("gaussian", 1.0, 1e-4, "gaussian_weight_decay"),
    ],
)
def test_setting_of(corruption, fraction, weight_decay, expected):
    config = Config(corruption=corruption, corruption_fraction=fraction, weight_decay=weight_decay)
    assert setting_of(as_dict(config)) == expected


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"random_crop": True}, "random_crop"),
        ({"random_crop": True, "weight_decay": 5e-5}, "weight_decay_random_crop"),
        ({"corruption": "uniform", "corruption_fraction": 1.0, "random_crop": True}, "random_labels_random_crop"),
        ({"corruption": "uniform", "corruption_fraction": 1.0, "flip": True, "rotation": 25.0},
         "random_labels_flip_rotation_25"),
        ({"flip": True, "rotation": 10}, "flip_rotation_10"),
        ({"dropout": 0.5}, "dropout"),
        ({"random_crop": False, "flip": False, "rotation": 0, "dropout": 0.0, "weight_decay": 0.0}, "true_labels"),
    ],
)  # fmt: skip
def test_regularizers_are_part_of_the_setting(changes, expected):
    assert setting_of(as_dict(Config(**changes))) == expected


def test_settings_as_they_are_read():
    assert setting_text("random_labels_flip_rotation_25") == "random labels, flip, rotation 25"
    assert setting_text("weight_decay_random_crop") == "weight decay, random crop"
    assert setting_text("shuffled_pixels") == "shuffled pixels"


def test_a_model_goes_by_its_batch_norm_and_a_recipe_by_all_but_the_seeds():
    config = as_dict(Config())
    assert model_of({**config, "model": "inception"}) == "inception"
    assert model_of({**config, "model": "inception", "batch_norm": False}) == "inception_without_batch_norm"
    assert recipe(config) == recipe({**config, "seed": 5}) != recipe({**config, "rotation": 25.0})


def test_published_beside_measured():
    records = [record({"test_accuracy": accuracy}, seed=seed) for seed, accuracy in enumerate((0.52, 0.53, 0.54))]
    (row,) = published(records, **TRUE_LABELS)
    texts = {key: cell(value) for key, value in row.items()}
    assert texts == {
        "source": "Table 1", "model": "mlp3", "setting": "true labels", "quantity": "test accuracy, %",
        "published": "52.39", "framework": "Keras", "measured": "53.00", "95 % interval": "[50.52, 55.48]",
        "n": "t, 3 seeds", "verdict": "confirmed", "run on": "Processor; 012345678",
    }  # fmt: skip


def test_one_seed_far_from_the_band():
    (row,) = published([record({"test_accuracy": 0.4})], **TRUE_LABELS)
    assert (cell(row["measured"]), row["n"], row["verdict"]) == ("40.00", "Wilson, 1 seed", "not confirmed")
    assert cell(row["95 % interval"]) == "[39.04, 40.96]"


def test_training_accuracy_of_one_seed_has_no_interval_over_test_examples():
    (row,) = published([record()], setting="true labels", quantity="train accuracy, %", model="mlp3")
    assert (cell(row["95 % interval"]), row["n"], row["verdict"]) == ("–", "1 seed", "confirmed")


def test_frameworks_have_rows_of_their_own_and_unmeasured_targets_stay():
    table = published_table(load_targets("zhang_mlp"), [record(), record(framework="torch")])
    measured = rows_of(table, **TRUE_LABELS)
    assert [row["framework"] for row in measured] == ["Keras", "PyTorch"]
    (missing,) = rows_of(table, model="mlp3", setting="random labels", quantity="test accuracy, %")
    assert (missing["framework"], missing["measured"], missing["verdict"]) == (None, None, "not measured")


def test_null_outcomes_are_not_measured():
    (row,) = published([record({"test_accuracy": None})], **TRUE_LABELS)
    assert (row["framework"], row["measured"], row["verdict"]) == ("Keras", None, "not measured")


@pytest.mark.parametrize(
    "change",
    [
        {"train_size": 1000}, {"validation_size": 5000}, {"epochs": 59}, {"random_crop": True}, {"flip": True},
        {"dataset": "mnist"}, {"model": "mlp4"}, {"corruption": "other_class", "corruption_fraction": 1.0},
        {"batch_norm": False}, {"rotation": 25.0}, {"dropout": 0.5},
    ],
)  # fmt: skip
def test_other_runs_are_not_taken_for_the_published_one(change):
    assert {row["verdict"] for row in published([record(**change)])} == {"not measured"}


def test_runs_that_differ_in_more_than_seeds_are_not_averaged():
    records = [record(), record(seed=1), record(learning_rate=0.1), record()]  # the last has the first's run_id
    rows = published(records, **TRUE_LABELS)
    assert [(row["framework"], row["n"]) for row in rows] == [
        ("Keras (learning_rate=0.01)", "t, 2 seeds"), ("Keras (learning_rate=0.1)", "Wilson, 1 seed")
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("change", "name"),
    [
        ({"train_size": 3000}, "Keras (train_n=3000)"),
        ({"validation_size": 5000}, "Keras (train_n=45000)"),
        ({"train_size": 3000, "epochs": 20}, "Keras (train_n=3000)"),
        ({"train_size": 3000, "downscale": 2}, "Keras (train_n=3000, images 2 times smaller)"),
        ({"train_size": 3000, "precision": "bfloat16"}, "Keras (train_n=3000, bfloat16)"),
    ],
)
def test_reduced_runs_stand_apart_and_decide_nothing(change, name):
    reduced = record(**change)
    assert full_size(record()) and not full_size(reduced)
    rows = published([reduced, record({"test_accuracy": 0.54}), record(seed=1)], **TRUE_LABELS)
    assert [(row["framework"], row["verdict"]) for row in rows] == [("Keras", "confirmed"), (name, "not measured")]
    assert cell(rows[0]["measured"]) == "53.50" and cell(rows[1]["measured"]) == "53.00"


@pytest.mark.parametrize("change", [
    {"schedule": "constant"}, {"decay": 0.98}, {"preprocessing": "zero_one"}, {"crop": None}, {"labels": "own.npy"},
    {"stop_loss": 0.1}, {"stop_accuracy": 0.5}, {"patience": 3, "validation_size": 0},
])  # fmt: skip
def test_a_run_that_departs_from_what_is_stated_decides_nothing(change):
    other = record()
    other["config"] |= change
    assert {row["verdict"] for row in published([other], **TRUE_LABELS)} <= {"not measured"}
    assert not stated(other) and stated(record())


def test_runs_of_before_a_field_are_one_recipe_with_those_that_have_it_at_its_default(tmp_path):
    old, path = record(), tmp_path / "run.json"
    config = {name: value for name, value in old["config"].items() if name in FOUNDING}
    path.write_text(json.dumps({**old, "config": config}))
    (row,) = published([read_record(path), record(seed=1)], **TRUE_LABELS)
    assert (row["framework"], row["n"]) == ("Keras", "t, 2 seeds")


@pytest.mark.parametrize(("accuracy", "verdict"), [(0.4, "confirmed"), (1.0, "not confirmed")])
def test_what_failed_to_converge_is_confirmed_where_it_is_not_fitted(accuracy, verdict):
    random = {"model": "alexnet", "corruption": "uniform", "corruption_fraction": 1.0}
    records = [record({"train_accuracy": accuracy}, weight_decay=5e-5, **random), record(**random)]
    table = published_table([t for t in load_targets("zhang_cifar10") if t["source"] == "Table 4"], records)
    (row,) = rows_of(table, model="alexnet")
    assert (row["published"], row["verdict"], row["setting"]) == (
        "failed to converge", verdict, "random labels, weight decay"
    )  # fmt: skip
    assert {row["verdict"] for row in rows_of(table, model="inception")} == {"not measured"}


def test_inception_without_batch_norm_has_rows_of_its_own():
    rate = {"model": "inception", "learning_rate": 0.1}
    records = [record({"test_accuracy": 0.86}, **rate), record(**rate, batch_norm=False)]
    table = published_table(load_targets("zhang_cifar10"), records)
    found = rows_of(table, setting="true labels", quantity="test accuracy, %")
    assert {row["model"]: (cell(row["measured"]), row["verdict"]) for row in found} == {
        "inception": ("86.00", "confirmed"),
        "inception without batch norm": ("53.00", "not confirmed"),
        "alexnet": ("–", "not measured"),
    }


@pytest.mark.parametrize(
    "changes, verdict",
    [
        ({}, "confirmed"),
        ({"decay": 0.98}, "not measured"),
        ({"optimizer": "adam"}, "not measured"),
        ({"test_size": 500}, None),
        ({"downscale": 2}, None),
        ({"initial_model": "some.pt"}, None),
        ({"input_noise": 1.0, "framework": "torch"}, None),
    ],
)
def test_what_departs_from_the_papers_recipe_is_shown_and_decides_nothing(changes, verdict):
    found = [record({"test_accuracy": 0.86}, model="inception", learning_rate=0.1, **changes)]
    table = published_table(load_targets("zhang_cifar10"), found)
    (row,) = rows_of(table, setting="true labels", quantity="test accuracy, %", model="inception")
    assert (row["measured"] is not None, row["verdict"]) == (verdict is not None, verdict or "not measured")


def test_claims_table():
    finding = Finding("it grows", "Figure 1b", "rank correlation above 0", "mlp1", None, None, None, "not measured")
    (row,) = rows_of(claims_table([finding], "Title"))
    assert row == {
        "source": "Figure 1b", "statement": "it grows", "counts as confirmed": "rank correlation above 0", "of": "mlp1",
        "runs": None, "measured": None, "n": None, "verdict": "not measured",
    }  # fmt: skip


def line(layer, correct, scored_on="test", fitted_on="corrupted_labels", probe="masc", epoch=60):
    return {
        "epoch": epoch, "layer": layer, "probe": probe, "fitted_on": fitted_on, "scored_on": scored_on,
        "components": 12.34, "n": 100, "correct": correct,
    }  # fmt: skip


HELD_OUT = "validation_corrupted_labels"
READOUT = [
    *[line("fc4", 99, scored_on, epoch=0) for scored_on in ("test", HELD_OUT)],
    *[line(layer, correct) for layer, correct in (("input", 90), ("fc1", 60), ("fc2", 80), ("fc3", 70))],
    *[line(layer, correct, fitted_on="true_labels") for layer, correct in (("input", 95), ("fc1", 90), ("fc2", 80))],
    *[line(layer, correct, HELD_OUT) for layer, correct in (("input", 50), ("fc2", 30), ("fc3", 40))],
    line("logits", 20, probe="model", fitted_on=None),
]


def test_layers_are_chosen_on_held_out_examples_and_the_papers_choice_stands_beside_it():
    assert choose_layer(READOUT) == "fc3"
    assert best_on_test(READOUT) == "fc2"
    assert best_on_test(READOUT, fitted_on="true_labels") == "fc1"
    assert choose_layer([entry for entry in READOUT if entry["scored_on"] == "test"]) is None
    assert choose_layer([]) is None
    assert choose_layer([{**entry, "epoch": None} for entry in READOUT if entry["epoch"]]) == "fc3"
    assert choose_layer([line("fc1", None, HELD_OUT)]) is None


def test_run_table():
    table = run_table(READOUT)
    assert [[cell(value) for value in row] for row in table.rows] == [
        ["input", "90.00 [82.56, 94.48]", "95.00 [88.82, 97.85]", "12.3", ""],
        ["fc1", "60.00 [50.20, 69.06]", "90.00 [82.56, 94.48]", "12.3", ""],
        ["fc2", "80.00 [71.12, 86.66]", "80.00 [71.12, 86.66]", "12.3", "test data, as in the papers"],
        ["fc3", "70.00 [60.42, 78.11]", "–", "12.3", "held-out examples"],
        ["the network's own output", "20.00 [13.34, 28.88]", "–", "–", ""],
    ]
