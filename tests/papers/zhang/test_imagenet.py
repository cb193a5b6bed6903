"""Table 2, Figure 2a and what else is trained on ImageNet: rows, tables, figure, verdicts and numbers."""

import runpy
from pathlib import Path

import numpy as np
import pytest
from made_up import a_run

from common.papers.zhang import imagenet
from common.papers.zhang.imagenet import RANDOM, TRUE
from common.report.figures import png
from common.report.runs import Runs
from common.runs.config import Config
from common.runs.processes import cuts

ROOT = Path(__file__).parents[3]
FULL = 1_281_167


def run_of(setting, seed=0, history=(), train_n=FULL, of=imagenet.fields, preset="paper", **outcome):
    """A run of a row, with ten classes to test on."""
    arrays = {"test_true_labels": np.arange(10)}
    return a_run(history, outcome, arrays=arrays, train_n=train_n, seed=seed, **of(setting, preset))


def table_2(seeds=3):
    """Runs that come to what was published but for a little noise."""
    values = imagenet.published("imagenet", "Table 2")
    names = {"train_accuracy": "train_top1_accuracy", "train_top5_accuracy": "train_top5_accuracy",
             "test_accuracy": "test_top1_accuracy", "test_top5_accuracy": "test_top5_accuracy"}  # fmt: skip
    runs = []
    for setting in (*TRUE, *RANDOM):
        for seed in range(seeds):
            found = {ours: values[setting, theirs] for ours, theirs in names.items()}
            found["test_accuracy"] = 0.1 + 1e-4 * seed if setting in RANDOM else found["test_accuracy"] - 1e-4 * seed
            best = {"best_test_accuracy": found["test_accuracy"] + 0.03, "best_test_top5_accuracy": 0.95}
            runs.append(run_of(setting, seed, **found, **best))
    return Runs(runs)


@pytest.mark.parametrize("preset", ["paper", "medium", "small"])
def test_every_row_is_known_by_its_labels_and_regularizers_at_every_size(preset):
    for setting in (*TRUE, *RANDOM):
        run = run_of(setting, preset=preset)
        assert imagenet.setting_of(run) == imagenet.row_of(run) == setting
    for row in imagenet.SGD_ROWS:
        run = run_of(row, of=imagenet.sgd_fields, preset=preset)
        assert imagenet.row_of(run) == row and run.config.weight_average == 0
    for row in imagenet.ALEXNET_ROWS:
        assert imagenet.row_of(run_of(row, of=imagenet.alexnet_fields, preset=preset)) == row
    (bare,) = {imagenet.fields("true_labels", preset)["optimizer"]}
    assert bare == "rmsprop" and Config(**imagenet.fields("random_labels", preset)).learning_rate_at(2) == 0.045 * 0.94


def test_two_processes_share_a_step_at_every_size_and_the_older_logs_are_of_whole_batches():
    for preset in ("paper", "medium", "small"):
        config = Config(**imagenet.fields("true_labels", preset))
        assert len(cuts(config.batch_size, config.batch_norm_group)) >= 1
    small = Config(**imagenet.sgd_fields("true_labels", "small"))
    assert small.batch_norm_group == small.batch_size == 32 and small.dropout == 0.5


def test_table_2_has_the_best_test_accuracy_in_brackets():
    table = imagenet.report(table_2(), None)["table"]
    assert [row[:4] for row in table.rows] == [
        ["true", "yes", "yes", "yes"], ["true", "yes", "no", "no"], ["true", "no", "no", "yes"],
        ["true", "no", "no", "no"], ["random", "no", "yes", "yes"], ["random", "no", "no", "yes"],
        ["random", "no", "no", "no"],
    ]  # fmt: skip
    row = dict(zip(table.columns, table.rows[3], strict=True))
    assert (row["train_n"], row["seeds"]) == ("1,281,167", 3)
    assert (row["published, test, top 1"], row["published, training, top 5"]) == ("59.80 (63.16)", "100.00")
    assert row["test, top 1 (%)"].startswith("59.79 [") and row["test, top 1 (%)"].endswith("] (62.79)")
    assert row["training, top 1 (%)"] == "99.53 [99.53, 99.53]"
    assert dict(zip(table.columns, table.rows[0], strict=True))["published, test, top 5"] == "93.92"
    assert imagenet.regularizer_table(Runs()).rows == []


def verdicts(runs):
    return {(found.statement.id, found.subject): found for found in imagenet.findings(runs, None)}


def test_the_published_rows_confirm_what_is_said_of_them():
    found = verdicts(table_2())
    assert {each.verdict for each in found.values()} == {"confirmed"} and len(found) == 8
    costs = [found["zhang-regularizers-imagenet", f"inception v3, random labels, {used}"].effect.mean
             for used in ("dropout, weight decay", "weight decay")]  # fmt: skip
    assert costs == pytest.approx([0.0402, 0.0739])
    kept = found["zhang-generalizes-imagenet", "inception v3, true labels"].effect.mean
    assert kept == pytest.approx((0.598 - 0.1) / (0.7784 - 0.1), abs=1e-3)  # above the chance of these ten classes
    assert found["zhang-augmentation-imagenet", "inception v3"].effect.mean == pytest.approx(0.0577)


def test_rows_that_say_otherwise_confirm_nothing():
    def rows(test=0.3, **trained):
        return Runs(
            run_of(row, seed, test_accuracy=test, train_accuracy=trained.get(row, 0.3 if row in RANDOM else 0.9))
            for row in (*TRUE, *RANDOM) for seed in range(3)
        )  # fmt: skip

    said = {name for (name, _), found in verdicts(rows()).items() if found.verdict == "contradicted"}
    assert said == {"zhang-fit-imagenet", "zhang-chance-imagenet", "zhang-regularizers-imagenet",
                    "zhang-augmentation-imagenet"}  # fmt: skip
    unlearned = verdicts(rows(augmentation_dropout_weight_decay=0.334, augmentation=0.3))
    told = unlearned["zhang-generalizes-imagenet", "inception v3, true labels"]
    assert (told.verdict, told.effect.mean) == ("undecided", 1)
    assert told.numbers.startswith("right on few of their training images: ") and "33.40" in told.numbers
    assert unlearned["zhang-augmentation-imagenet", "inception v3"].verdict == "undecided"
    assert {found.verdict for found in verdicts(Runs([run_of(TRUE[0])])).values()} == {"not measured"}


def lines(*accuracies):
    return [{"epoch": epoch, "train_accuracy": 0.9, "test_accuracy": value} for epoch, value in enumerate(accuracies)]


def test_early_stopping_gains_what_the_best_epoch_has_over_the_last():
    runs = Runs(
        run_of(setting, seed, lines(0.1, 0.5, 0.7 + 0.001 * seed, 0.6), test_accuracy=0.6)
        for setting in imagenet.EARLY for seed in range(3)
    )  # fmt: skip
    found = imagenet.early_stopping_findings(runs, None)
    assert [(each.subject, each.verdict) for each in found] == [
        ("inception v3, weight decay", "confirmed"), ("inception v3, true labels", "confirmed"),
    ]  # fmt: skip
    assert found[0].effect.mean == pytest.approx(0.101)
    few = run_of("true_labels", 0, lines(0.1, 0.7, 0.6), test_accuracy=0.6)
    few.record["data"]["test_n"] = 250
    told = imagenet.early_stopping_findings(Runs([few]), None)[1]
    assert (told.verdict, told.numbers) == ("undecided", "the best of many epochs on 250 test images")
    figure = imagenet.early_stopping_report(runs, None)["accuracy"]
    train, test = figure.axes
    curve = next(line for line in test.lines if line.get_label() == "weight_decay")
    assert list(curve.get_ydata()) == pytest.approx([50, 70.1, 60])
    ends = {line.get_color(): line.get_ydata()[0] for line in train.lines if line.get_alpha() == 0.7}
    assert ends[curve.get_color()] == pytest.approx(99.61)
    assert png(figure).startswith(b"\x89PNG")


def test_numbers_are_those_of_runs_on_all_of_imagenet_alone():
    targets = len(imagenet.TARGETS.of("imagenet")) + len(imagenet.TARGETS.of("imagenet_sgd"))
    whole = imagenet.numbers(Runs([run_of("true_labels", train_accuracy=0.9, best_test_top5_accuracy=0.8)]))
    found = {each.statement.id: each for each in whole}
    assert found["zhang-table2-true_labels-train_top1"].effect.mean == 0.9
    assert found["zhang-table2-true_labels-best_test_top5"].effect.mean == 0.8
    assert found["zhang-fig2a-true_labels-train"].verdict == "no band" and len(whole) == targets
    assert found["zhang-table2-weight_decay-train_top1"].verdict == "not measured"
    older = Runs([run_of("constant_rate", of=imagenet.sgd_fields, train_accuracy=0.9)])
    by_id = {each.statement.id: each for each in imagenet.numbers(older)}
    assert by_id["zhang-imagenet_sgd-constant_rate-train"].effect.mean == 0.9
    assert [each.verdict for each in by_id.values()].count("no band") == 3
    reduced = imagenet.numbers(Runs([run_of("true_labels", train_n=500, train_accuracy=0.9)]))
    assert {each.verdict for each in reduced} == {"not measured"} and len(reduced) == targets


def test_the_older_logs_and_alexnet_have_tables_of_their_own():
    runs = Runs([run_of("constant_rate", of=imagenet.sgd_fields, train_accuracy=0.9, test_accuracy=0.5)])
    table = imagenet.sgd_report(runs, None)["table"]
    row = dict(zip(table.columns, table.rows[0], strict=True))
    assert (row["setting"], row["published, training, top 1"], row["published, test, top 1"]) == (
        "constant rate", "88.38", "57.79 (58.11)"
    )  # fmt: skip
    runs = Runs([run_of(name, of=imagenet.alexnet_fields, test_top5_accuracy=0.8) for name in imagenet.ALEXNET_ROWS])
    table = imagenet.alexnet_report(runs, None)["table"]
    first, second = (dict(zip(table.columns, row, strict=True)) for row in table.rows)
    assert (first["published, test, top 5"], second["published, test, top 5"]) == ("83.60", None)
    assert first["test, top 5 (%)"].startswith("80.00")


def test_a_flag_picks_rows_and_another_name_is_refused():
    assert [row["weight_decay"] for row in imagenet.Rows(settings=("weight_decay", "true_labels")).rows("small")] == [
        4e-5,
        0.0,
    ]
    with pytest.raises(ValueError, match="settings must be one of"):
        list(imagenet.Rows(settings=("no_labels",)).rows("paper"))


STUDIES = {"imagenet_regularization": 7, "imagenet_early_stopping": 3, "imagenet_alexnet": 2, "imagenet_sgd": 3}


@pytest.mark.parametrize("name", STUDIES)
@pytest.mark.parametrize("preset", ["paper", "medium", "small"])
def test_a_study_lists_its_runs_at_three_sizes(monkeypatch, capsys, tmp_path, name, preset):
    monkeypatch.setattr("sys.argv", [name, "--list", "--preset", preset, "--output-dir", str(tmp_path)])
    with pytest.raises(SystemExit) as ended:
        runpy.run_path(str(ROOT / "experiments" / f"{name}.py"), run_name="__main__")
    assert not ended.value.code and f"{STUDIES[name]} runs" in capsys.readouterr().out
