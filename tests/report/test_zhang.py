import math

import pytest
from common.report.zhang import (
    convergence_table,
    corruption_rows,
    corruption_table,
    in_epochs,
    line_of,
    published,
    with_setting,
)

from common.report.numbers import cell


def rows_of(table, **wanted):
    rows = [dict(zip(table.columns, row, strict=True)) for row in table.rows]
    return [row for row in rows if all(row[key] == value for key, value in wanted.items())]


def test_published_curves():
    assert set(published("Figure 1b", "model")) == {"inception", "alexnet", "mlp1"}
    assert published("Figure 1c", "model")["inception"][0] == (0.0, 0.1285)
    assert [round(x) for x, _ in in_epochs(published("Figure 1a", "setting")["true_labels"])][:3] == [1, 2, 3]
    with pytest.raises(ValueError, match="Did you mean Figure 1"):
        published("Figure 1")


def test_runs_of_a_setting(zhang):
    settings = ("true_labels", "gaussian")
    pairs = [zhang.run(**zhang.corruption_of(name)) for name in (*settings, "random_labels")]
    half = zhang.run(corruption="gaussian", corruption_fraction=0.5)
    records, _ = zhang.collected([*pairs, half, pairs[0], zhang.run(model="alexnet")])
    found = with_setting(records, settings, "inception")
    assert [r["config"]["corruption"] for r in found] == ["none", "gaussian"]
    assert len(with_setting(records, settings)) == 3


def test_a_line_over_corruptions_is_one_training_procedure():
    line = line_of({"model": "mlp1"})
    assert line == line_of(
        {"model": "mlp1", "seed": 3, "corruption": "uniform", "corruption_fraction": 0.5, "epochs": 9}
    )
    assert line == line_of({"model": "mlp1", "stop_loss": 0.01})
    assert line != line_of({"model": "mlp1", "learning_rate": 0.1}) != line_of({"model": "mlp1", "train_size": 3000})


def test_ratios_are_over_the_true_labels_of_the_same_seed(zhang):
    half = {"corruption": "uniform", "corruption_fraction": 0.5}
    pairs = [
        zhang.run(zhang.losses_to(10)),
        zhang.run(zhang.losses_to(25), **half),
        zhang.run(zhang.losses_to(20), seed=1),
        zhang.run(zhang.losses_to(30), seed=1, **half),
        zhang.run(zhang.losses_to(30), seed=2, **half),  # no true labels
        zhang.run(zhang.losses_to(30), learning_rate=0.5, **half),  # nor here
        zhang.run(zhang.losses_to(30)[:-5], seed=3),  # not fitted
        zhang.run(zhang.losses_to(30), seed=3, **half),
        zhang.run(zhang.losses_to(5), weight_decay=1e-4),  # another setting
    ]
    rows = corruption_rows(*zhang.collected(pairs))
    assert [row["epochs"] for row in rows] == [10, 25, 20, 30, 30, 30, None, 30]
    assert [row["ratio"] for row in rows] == [1.0, 2.5, 1.0, 1.5, None, None, None, None]
    (row,) = corruption_rows(*zhang.collected(pairs[:1]), threshold=0.1)
    assert row["epochs"] == 8


def test_a_run_that_was_too_short_is_no_baseline(zhang):
    whole, short = zhang.run(zhang.losses_to(9), epochs=70), zhang.run(zhang.losses_to(9)[:5], epochs=5)
    random = zhang.run(zhang.losses_to(18), corruption="uniform", corruption_fraction=1.0, epochs=70)
    rows = corruption_rows(*zhang.collected([whole, short, random]))
    assert [row["ratio"] for row in rows] == [1.0, None, 2.0]


def test_seeds_that_never_fit_leave_the_others_without_a_verdict(zhang):
    pairs = [
        zhang.run(losses, model="mlp1", seed=seed, corruption=rule, corruption_fraction=float(p))
        for seed, end in ((0, None), (1, 9))
        for rule, p, losses in (("none", 0, zhang.losses_to(10)), ("uniform", 1, zhang.losses_to(20)[:end]))
    ]
    (row,) = rows_of(corruption_table(corruption_rows(*zhang.collected(pairs))), corruption="100 %")
    assert (row["relative"].value, row["verdict, relative"]) == (2.0, "not measured")


def test_errors_of_a_run_and_null(zhang):
    outcome = {"test_accuracy": 0.48, "test_accuracy_corrupted_labels": None}
    records, _ = zhang.collected([zhang.run(outcome=outcome)])
    (row,) = corruption_rows(records, {})
    assert row["test_error"] == pytest.approx(0.52)
    assert row["test_error_corrupted_labels"] is row["epochs"] is row["ratio"] is None


def test_corruption_table(zhang):
    table = corruption_table(corruption_rows(*zhang.figures_1b_1c()))
    assert len(table.rows) == 3 * 6
    (row,) = rows_of(table, model="inception", corruption="20 %")
    assert {key: cell(value) for key, value in row.items()} == {
        "model": "inception", "corruption": "20 %", "framework": "PyTorch", "train_n": "50000", "seeds": "3",
        "epochs to fit": "22.00 [19.52, 24.48]", "relative": "2.00 [1.77, 2.23]", "published relative": "1.90",
        "verdict, relative": "no band",
        "test error, corrupted labels, %": "41.65 [39.17, 44.13]", "published, %": "40.65", "verdict, error": "no band",
        "test error, clean labels, %": "29.56 [26.46, 32.67]",
    }  # fmt: skip


def test_the_ends_of_figures_1b_and_1c_have_bands(zhang):
    table = corruption_table(corruption_rows(*zhang.figures_1b_1c()))
    ends = ("confirmed", "confirmed")
    verdicts = {(r["model"], r["corruption"]): (r["verdict, relative"], r["verdict, error"]) for r in rows_of(table)}
    assert verdicts["inception", "0 %"] == verdicts["mlp1", "0 %"] == ("no band", "confirmed")
    assert verdicts["alexnet", "0 %"] == ("no band", "no band")  # Figure 1c is outside Table 1's band
    assert verdicts["inception", "100 %"] == verdicts["alexnet", "100 %"] == verdicts["mlp1", "100 %"] == ends
    reduced = corruption_table(corruption_rows(*zhang.figures_1b_1c(seeds=1, train_n=3000, train_size=3000)))
    assert {(r["verdict, relative"], r["verdict, error"]) for r in rows_of(reduced)} == {("not measured",) * 2}


def test_errors_of_one_seed_have_wilson_intervals(zhang):
    table = corruption_table(corruption_rows(*zhang.figures_1b_1c(seeds=1, fractions=(0.0,), models=("mlp1",))))
    (row,) = rows_of(table)
    assert cell(row["test error, corrupted labels, %"]) == "49.51 [48.53, 50.49]"
    assert cell(row["test error, clean labels, %"]) == "49.51 [48.53, 50.49]"
    records, _ = zhang.collected([zhang.run(outcome={"test_accuracy_corrupted_labels": None})])
    (row,) = rows_of(corruption_table(corruption_rows(records, {})))
    assert row["test error, corrupted labels, %"] is None and row["verdict, error"] == "not measured"


def test_corruption_table_says_what_is_reduced_and_what_is_not_published(zhang):
    pairs = [zhang.run(zhang.losses_to(9), model=model, train_n=3000, train_size=3000) for model in ("mlp3", "mlp1")]
    full = zhang.run(zhang.losses_to(9), model="mlp1")
    table = corruption_table(corruption_rows(*zhang.collected([*pairs, full])))
    assert [(r["model"], r["framework"], r["train_n"], cell(r["published relative"])) for r in rows_of(table)] == [
        ("mlp1", "PyTorch", 50_000, "1.00"),
        ("mlp1", "PyTorch (train_n=3000)", 3000, "1.00"),
        ("mlp3", "PyTorch (train_n=3000)", 3000, "–"),
    ]
    assert "say nothing about its numbers" in table.note
    assert corruption_table([]).rows == []


def test_convergence_table(zhang):
    table = convergence_table(*zhang.figure_1a(seeds=1, stretch=1.0))
    (row,) = rows_of(table, setting="gaussian")
    assert {key: cell(value) for key, value in row.items()} == {
        "setting": "gaussian", "framework": "PyTorch", "train_n": "50000", "seeds": "1",
        "epochs to loss 1": "13.00", "published, 1": "13", "epochs to loss 0.1": "20.00", "published, 0.1": "20",
        "epochs to loss 0.01": "22.00", "published, 0.01": "22", "verdict": "no band",
    }  # fmt: skip
    assert [row["setting"] for row in rows_of(table)] == [
        "true labels", "random labels", "shuffled pixels", "random pixels", "gaussian"
    ]  # fmt: skip
    (row,) = rows_of(convergence_table(*zhang.collected([zhang.run()]), thresholds=(0.5,)))
    assert (cell(row["epochs to loss 0.5"]), row["published, 0.5"]) == ("–", 3)  # no history


def test_a_criterion_of_0_05_gives_figure_1bs_ratio_on_figure_1as_curves():
    curves = published("Figure 1a", "setting")
    first = {name: next(e for e, loss in in_epochs(curves[name]) if loss <= 0.05) for name in curves}
    ratio = round(first["random_labels"]) / round(first["true_labels"])
    assert math.isclose(ratio, dict(published("Figure 1b", "model")["inception"])[1.0])
