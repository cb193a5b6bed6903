import json

import pytest
from made_up import a_run

from common.papers.zhang.targets import NUMBERS
from common.report.claims import NOT_MEASURED
from common.report.numbers import cell
from common.report.published import number_findings, published_table
from common.report.runs import Run, Runs
from common.runs.config import FOUNDING
from common.runs.store import read_record

TRUE_LABELS = {"model": "mlp3", "setting": "true labels", "quantity": "test accuracy, %"}


def a_keras_run(outcome=None, **changes):
    """A run of the MLP on all training examples that none of the changes takes away."""
    left = (changes.get("train_size") or 50_000) - changes.get("validation_size", 0)
    measured = {"test_accuracy": 0.53, "test_accuracy_corrupted_labels": None, **(outcome or {})}
    return a_run((), measured, train_n=left, **{"framework": "keras", **changes})


def rows_of(table, **wanted):
    rows = [dict(zip(table.columns, row, strict=True)) for row in table.rows]
    return [row for row in rows if all(row[key] == value for key, value in wanted.items())]


def published(runs, **wanted):
    return rows_of(published_table(NUMBERS, Runs(runs)), **wanted)


def test_published_beside_measured():
    runs = [a_keras_run({"test_accuracy": accuracy}, seed=seed) for seed, accuracy in enumerate((0.52, 0.53, 0.54))]
    (row,) = published(runs, **TRUE_LABELS)
    texts = {key: cell(value) for key, value in row.items()}
    assert texts == {
        "source": "Table 1", "model": "mlp3", "setting": "true labels", "quantity": "test accuracy, %",
        "published": "52.39", "framework": "Keras", "measured": "53.00", "95 % interval": "[50.52, 55.48]",
        "n": "t, 3 seeds", "verdict": "in band", "run on": "Processor; 012345678",
    }  # fmt: skip


def test_one_seed_far_from_the_band():
    (row,) = published([a_keras_run({"test_accuracy": 0.4})], **TRUE_LABELS)
    assert (cell(row["measured"]), row["n"], row["verdict"]) == ("40.00", "Wilson, 1 seed", "outside band")
    assert cell(row["95 % interval"]) == "[39.04, 40.96]"


def test_training_accuracy_of_one_seed_has_no_interval_over_test_examples():
    (row,) = published([a_keras_run()], setting="true labels", quantity="train accuracy, %", model="mlp3")
    assert (cell(row["95 % interval"]), row["n"], row["verdict"]) == ("–", "1 seed", "in band")


def test_frameworks_have_rows_of_their_own_and_unmeasured_targets_stay():
    table = published_table(NUMBERS, Runs([a_keras_run(), a_keras_run(framework="torch")]))
    measured = rows_of(table, **TRUE_LABELS)
    assert [row["framework"] for row in measured] == ["Keras", "PyTorch"]
    (missing,) = rows_of(table, model="mlp3", setting="random labels", quantity="test accuracy, %")
    assert (missing["framework"], missing["measured"], missing["verdict"]) == (None, None, "not measured")


def target_of(model, setting, quantity):
    (found,) = (t for t in NUMBERS if (t["model"], t["setting"], t["quantity"]) == (model, setting, quantity))
    return found


def test_a_number_has_a_finding_for_each_recipe_that_may_decide_on_it():
    target = target_of("mlp3", "true_labels", "test_accuracy")
    runs = [a_keras_run(), a_keras_run({"test_accuracy": 0.4}, framework="torch")]
    left_out = [a_keras_run(train_size=1000), a_keras_run(decay=0.98), a_keras_run(model="mlp1")]
    keras, torch = number_findings(target, Runs([*left_out, *runs]))
    assert [run.config.framework for found in (keras, torch) for run in found.runs] == ["keras", "torch"]
    assert (keras.subject, keras.verdict, keras.size, torch.verdict) == ("mlp3", "in band", "full size", "outside band")
    assert (keras.statement.id, keras.effect.interval_kind) == (target["id"], "Wilson, 1 seed")
    (missing,) = number_findings(target, Runs(left_out))
    assert (missing.verdict, missing.size, list(missing.runs)) == ("not measured", "full size", [])


def test_a_number_that_some_seeds_lack_is_not_decided_by_the_others():
    target = target_of("mlp3", "true_labels", "test_accuracy")
    runs = Runs([a_keras_run(), a_keras_run({"test_accuracy": None}, seed=1)])
    (found,) = number_findings(target, runs)
    assert (found.verdict, found.numbers, len(found.runs)) == ("not measured", "1 of 2 seeds have a value", 2)
    (row,) = published(runs, **TRUE_LABELS)
    assert (cell(row["measured"]), row["verdict"]) == ("53.00", "not measured")


def test_a_number_may_be_measured_otherwise_and_only_shares_of_test_examples_are_counted():
    target = target_of("mlp3", "true_labels", "train_accuracy")
    (found,) = number_findings(target, Runs([a_keras_run()]), lambda run: 0.5)
    assert (found.effect.mean, found.verdict, found.effect.interval_kind) == (0.5, "outside band", "1 seed")
    (epochs,) = number_findings({**target, "quantity": "test_epochs", "unit": "epochs"}, Runs([a_keras_run()]),
                                lambda run: 12.0)  # fmt: skip
    assert epochs.effect.interval_kind == "1 seed"


def test_intervals_of_shares_end_at_all_of_them():
    runs = [a_keras_run({"train_accuracy": accuracy}, seed=seed) for seed, accuracy in enumerate((0.9, 1.0))]
    (row,) = published(runs, setting="true labels", quantity="train accuracy, %", model="mlp3")
    assert cell(row["95 % interval"]) == "[31.47, 100.00]"


def test_null_outcomes_are_not_measured():
    (row,) = published([a_keras_run({"test_accuracy": None})], **TRUE_LABELS)
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
    assert {row["verdict"] for row in published([a_keras_run(**change)])} == {"not measured"}


def test_runs_that_differ_in_more_than_seeds_are_not_averaged():
    runs = [
        a_keras_run(),
        a_keras_run(seed=1),
        a_keras_run(learning_rate=0.1),
        a_keras_run(),
    ]  # the last has the first's run_id
    rows = published(runs, **TRUE_LABELS)
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
    reduced = a_keras_run(**change)
    assert a_keras_run().full_size and not reduced.full_size
    rows = published([reduced, a_keras_run({"test_accuracy": 0.54}), a_keras_run(seed=1)], **TRUE_LABELS)
    assert [(row["framework"], row["verdict"]) for row in rows] == [("Keras", "in band"), (name, "not measured")]
    assert cell(rows[0]["measured"]) == "53.50" and cell(rows[1]["measured"]) == "53.00"


@pytest.mark.parametrize("change", [
    {"schedule": "constant"}, {"decay": 0.98}, {"preprocessing": "zero_one"}, {"crop": None}, {"labels": "own.npy"},
    {"stop_loss": 0.1}, {"stop_accuracy": 0.5}, {"patience": 3, "validation_size": 5000},
])  # fmt: skip
def test_a_run_that_departs_from_what_is_stated_decides_nothing(change):
    assert {row["verdict"] for row in published([a_keras_run(**change)], **TRUE_LABELS)} <= {NOT_MEASURED}


def test_runs_of_before_a_field_are_one_recipe_with_those_that_have_it_at_its_default(tmp_path):
    run, path = a_keras_run(), tmp_path / "run.json"
    config = {name: value for name, value in run.fields.items() if name in FOUNDING}
    path.write_text(json.dumps({**run.record, "config": config}))
    (row,) = published([Run(read_record(path), run.source), a_keras_run(seed=1)], **TRUE_LABELS)
    assert (row["framework"], row["n"]) == ("Keras", "t, 2 seeds")


@pytest.mark.parametrize(("accuracy", "verdict"), [(0.4, "in band"), (1.0, "outside band")])
def test_what_failed_to_converge_is_confirmed_where_it_is_not_fitted(accuracy, verdict):
    random = {"model": "alexnet", "corruption": "uniform", "corruption_fraction": 1.0}
    runs = [a_keras_run({"train_accuracy": accuracy}, weight_decay=5e-4, **random), a_keras_run(**random)]
    table = published_table([t for t in NUMBERS if t["source"] == "Table 4"], Runs(runs))
    (row,) = rows_of(table, model="alexnet")
    assert (row["published"], row["verdict"], row["setting"]) == (
        "failed to converge", verdict, "random labels, weight decay"
    )  # fmt: skip
    assert {row["verdict"] for row in rows_of(table, model="inception")} == {"not measured"}


def test_inception_without_batch_norm_has_rows_of_its_own():
    rate = {"model": "inception", "learning_rate": 0.1}
    runs = [a_keras_run({"test_accuracy": 0.86}, **rate), a_keras_run(**rate, batch_norm=False)]
    table = published_table(NUMBERS, Runs(runs))
    found = rows_of(table, setting="true labels", quantity="test accuracy, %")
    assert {row["model"]: (cell(row["measured"]), row["verdict"]) for row in found} == {
        "inception": ("86.00", "in band"),
        "inception without batch norm": ("53.00", "outside band"),
        **dict.fromkeys(("alexnet", "mlp3", "mlp1"), ("–", "not measured")),
    }


@pytest.mark.parametrize(
    "changes, verdict",
    [
        ({}, "in band"),
        ({"decay": 0.98}, "not measured"),
        ({"optimizer": "adam"}, "not measured"),
        ({"test_size": 500}, None),
        ({"downscale": 2}, None),
        ({"initial_model": "some.pt"}, None),
        ({"input_noise": 1.0, "framework": "torch"}, None),
    ],
)
def test_what_departs_from_the_papers_recipe_is_shown_and_decides_nothing(changes, verdict):
    found = [a_keras_run({"test_accuracy": 0.86}, model="inception", learning_rate=0.1, **changes)]
    table = published_table(NUMBERS, Runs(found))
    (row,) = rows_of(table, setting="true labels", quantity="test accuracy, %", model="inception")
    assert (row["measured"] is not None, row["verdict"]) == (verdict is not None, verdict or "not measured")
