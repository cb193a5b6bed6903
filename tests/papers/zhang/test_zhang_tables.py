import pytest

from common.papers.zhang import studies as wing
from common.papers.zhang.tables import BY_MODEL, TABLE_1, TABLE_4, most_regularized, numbers
from common.papers.zhang.targets import NUMBERS
from common.report.runs import Runs

RANDOM = {"corruption": "uniform", "corruption_fraction": 1.0}
ROWS = {
    "true_labels": {},
    "weight_decay": {"weight_decay": 4e-5},
    "random_crop": {"random_crop": True},
    "weight_decay_random_crop": {"weight_decay": 4e-5, "random_crop": True},
    "random_labels": RANDOM,
}


def rows(zhang, seeds=3, model="inception", **accuracies):
    """Runs of rows of Table 1: (training, test accuracy) of each setting, a little more with each seed."""
    return Runs(
        zhang.run((), {"train_accuracy": train, "test_accuracy": test + 0.001 * seed}, seed=seed, model=model,
                  **ROWS[setting])
        for setting, (train, test) in accuracies.items()
        for seed in range(seeds)
    )  # fmt: skip


def by_name(study, runs):
    return {(f.statement.id.removeprefix("zhang-"), f.subject): f for f in study.findings(runs, None)}


def test_what_regularizers_do(zhang):
    runs = rows(zhang, true_labels=(1.0, 0.86), weight_decay=(1.0, 0.865), random_crop=(1.0, 0.893),
                weight_decay_random_crop=(1.0, 0.9), random_labels=(1.0, 0.099))  # fmt: skip
    found = by_name(TABLE_1, runs)
    assert {name: f.effect.mean for (name, _), f in found.items()} == pytest.approx(
        {"fit-random-labels": 1.0, "chance": 0.0, "rademacher": 1.0, "regularizers-not-necessary": 0.95,
         "crop-above-decay": 0.028},
        abs=1e-3,
    )  # fmt: skip
    assert {subject for _, subject in found} == {"inception"}
    assert found["regularizers-not-necessary", "inception"].numbers == "with weight decay, random crop"
    assert found.pop(("rademacher", "inception")).verdict == "indicated"  # three networks, one draw of labels
    assert {f.verdict for f in found.values()} == {"confirmed"}


def test_what_regularizers_do_not_do(zhang):
    runs = rows(zhang, true_labels=(1.0, 0.5), weight_decay=(1.0, 0.89), random_crop=(1.0, 0.893),
                weight_decay_random_crop=(1.0, 0.9), random_labels=(0.98, 0.15))  # fmt: skip
    verdicts = {name: f.verdict for (name, _), f in by_name(TABLE_1, runs).items()}
    assert verdicts.pop("chance") == "undecided"  # what was not fitted
    assert verdicts.pop("rademacher") == "undecided"  # 0.96 is a bound from below
    assert set(verdicts.values()) == {"contradicted"}
    learned = by_name(TABLE_1, rows(zhang, random_labels=(1.0, 0.15)))["chance", "inception"]
    assert learned.verdict == "contradicted"


def test_rows_that_are_missing_leave_statements_unmeasured(zhang):
    found = by_name(TABLE_1, rows(zhang, seeds=1, model="mlp1", true_labels=(1.0, 0.5), random_labels=(1.0, 0.1)))
    assert {name: f.verdict for (name, _), f in found.items()} == {
        "fit-random-labels": "indicated", "chance": "indicated", "rademacher": "indicated",
        "regularizers-not-necessary": "not measured",
    }  # fmt: skip


def test_a_wrong_class_turns_a_random_sign_at_most(zhang):
    """Draws of labels count, networks that share one do not."""

    def run(train, seed, draw, setting="random_labels"):
        return zhang.run((), {"train_accuracy": train}, seed=seed, data_seed=draw, **ROWS[setting])

    runs = [run(1.0, 0, 0), run(0.98, 1, 0), run(0.99, 0, 1), run(1.0, 0, 2), run(0.5, 0, 3, "true_labels")]
    found = by_name(TABLE_1, Runs(runs))["rademacher", "inception"]
    assert (found.effect.n, found.effect.mean, found.verdict) == (3, pytest.approx(0.98667, abs=1e-4), "undecided")


def test_a_model_has_a_study_of_its_own_with_all_of_its_rows():
    settings = {study.name: [row for row in study.grid.rows("paper")] for study in BY_MODEL}
    assert {name.removeprefix("explicit_regularization_"): len(found) for name, found in settings.items()} == {
        "inception": 5, "inception_without_batch_norm": 3, "alexnet": 5, "mlp3": 3, "mlp1": 3
    }  # fmt: skip
    assert all(study in wing.STUDIES for study in BY_MODEL) and len(BY_MODEL) < len(wing.STUDIES)
    assert (most_regularized("alexnet"), most_regularized("mlp1")) == ("weight_decay_random_crop", "weight_decay")


def test_regularizers_do_not_keep_networks_from_fitting_random_labels(zhang):
    fitted = [zhang.run((), {"train_accuracy": value}, seed=seed, weight_decay=4e-5, **RANDOM)
              for seed, value in enumerate((1.0, 0.999, 0.998))]  # fmt: skip
    failed = zhang.run((), {"train_accuracy": 0.2}, model="alexnet", weight_decay=5e-4, **RANDOM)
    online = {"train_accuracy": 1.0, "online_train_accuracy": 0.5}
    cropped = zhang.run((), online, random_crop=True, decay=0.999, **RANDOM)
    found = by_name(TABLE_4, Runs([*fitted, failed, cropped]))
    verdicts = {subject: f.verdict for (_, subject), f in found.items()}
    assert verdicts == {
        "inception, weight decay": "confirmed", "inception, random crop": "not indicated",
        "inception, flip, rotation 25": "not measured", "mlp3, weight decay": "not measured",
        "mlp1, weight decay": "not measured",
    }  # fmt: skip


def test_parameters_are_counted_in_each_framework_whatever_the_run(zhang):
    def found(*runs):
        made = [f for f in numbers(Runs(runs)) if f.statement.unit == "parameters" and f.subject == "mlp1"]
        return [(f.effect.mean, f.effect.n, f.verdict) for f in made]

    def counted(count, **changes):
        run = zhang.run(model="mlp1", **changes)
        run.record["model"]["parameters"] = count
        return run

    right = [counted(1_209_866, seed=seed, epochs=1) for seed in (0, 1)]
    assert found(*right) == [(1_209_866, 1, "in band")]
    assert found(*right, counted(1_209_865, framework="keras"))[0] == (1_209_865, 1, "outside band")
    assert found(counted(306_698, crop=14, downscale=2)) == found(counted(9, width=3)) == [(None, 0, "not measured")]
    assert found(counted(1_209_866, dataset="mnist")) == [(None, 0, "not measured")]


def test_rows_of_the_tables_are_numbers(zhang):
    found = {f.statement.id: f for f in numbers(rows(zhang, true_labels=(1.0, 0.86)))}
    assert set(found) >= {target["id"] for target in NUMBERS}
    judged = found["zhang-table1-inception-true_labels-test"]
    assert (judged.verdict, judged.effect.n, judged.size) == ("in band", 3, "full size")
    assert sum(f.verdict != "not measured" for f in found.values()) == 3  # and training accuracy, and a wrong count


def test_every_number_of_the_wing_is_measured_where_runs_are(zhang):
    runs = rows(zhang, true_labels=(1.0, 0.86)) + zhang.figures_1b_1c()
    sources = {f.statement.source for f in wing.numbers(runs) if f.measured}
    assert sources == {"Table 1", "Figure 1a", "Figure 1b", "Figure 1c"}
