import math

import pytest

from common.papers.zhang.corruption import (
    clean_error,
    convergence_slowdown,
    corruption_table,
    error,
    error_findings,
    generalization_error,
    slowdown,
    slowdown_findings,
)
from common.papers.zhang.curves import epochs_to_fit, in_epochs, published
from common.report.figures import png
from common.report.numbers import cell
from common.report.runs import Runs

HALF = {"corruption": "uniform", "corruption_fraction": 0.5}
RANDOM = {"corruption": "uniform", "corruption_fraction": 1.0}
REDUCED = {"train_n": 3000, "train_size": 3000}


def ratios(runs):
    runs = Runs(runs)
    return list(map(slowdown(runs, epochs_to_fit(runs)), runs))


def test_ratios_are_over_the_true_labels_of_the_same_seed(zhang):
    runs = [
        zhang.run(zhang.losses_to(10)),
        zhang.run(zhang.losses_to(25), **HALF),
        zhang.run(zhang.losses_to(20), seed=1),
        zhang.run(zhang.losses_to(30), seed=1, **HALF),
        zhang.run(zhang.losses_to(30), seed=2, **HALF),  # no true labels
        zhang.run(zhang.losses_to(30), learning_rate=0.5, **HALF),  # nor here
        zhang.run(zhang.losses_to(30)[:-5], seed=3),  # not fitted
        zhang.run(zhang.losses_to(30), seed=3, **HALF),
    ]
    assert list(map(epochs_to_fit(Runs(runs)), runs)) == [10, 25, 20, 30, 30, 30, None, 30]
    assert ratios(runs) == [1.0, 2.5, 1.0, 1.5, None, None, None, None]
    assert epochs_to_fit(Runs(runs[:1]), threshold=0.1)(runs[0]) == 8


def test_runs_on_other_settings_are_not_shown(zhang):
    runs = Runs([zhang.run(zhang.losses_to(5)), zhang.run(zhang.losses_to(5), weight_decay=1e-4)])
    assert len(corruption_table(runs).rows) == 1
    for draw in (convergence_slowdown, generalization_error):
        draw(runs, "Title")


def test_a_run_that_was_too_short_is_no_baseline(zhang):
    whole, short = zhang.run(zhang.losses_to(9), epochs=70), zhang.run(zhang.losses_to(9)[:5], epochs=5)
    assert ratios([whole, short, zhang.run(zhang.losses_to(18), epochs=70, **RANDOM)]) == [1.0, None, 2.0]


def test_seeds_that_never_fit_leave_the_others_without_a_verdict(zhang):
    runs = [
        zhang.run(losses, model="mlp1", seed=seed, corruption=rule, corruption_fraction=float(p))
        for seed, end in ((0, None), (1, 9))
        for rule, p, losses in (("none", 0, zhang.losses_to(10)), ("uniform", 1, zhang.losses_to(20)[:end]))
    ]
    (row,) = zhang.rows_of(corruption_table(Runs(runs)), corruption="100 %")
    assert (row["relative"].value, row["verdict, relative"]) == (2.0, "not measured")


def test_errors_of_a_run_and_null(zhang):
    run = zhang.run(outcome={"test_accuracy": 0.48, "test_accuracy_corrupted_labels": None})
    assert clean_error(run) == pytest.approx(0.52)
    assert error(run) is ratios([run])[0] is None
    run = zhang.run(outcome={"test_accuracy": None, "test_accuracy_corrupted_labels": 0.48})
    assert (error(run), clean_error(run)) == (pytest.approx(0.52), None)


def test_corruption_table(zhang):
    table = corruption_table(zhang.figures_1b_1c())
    assert len(table.rows) == 3 * 6
    (row,) = zhang.rows_of(table, model="inception", corruption="20 %")
    assert {key: cell(value) for key, value in row.items()} == {
        "model": "inception", "corruption": "20 %", "framework": "PyTorch", "train_n": "50000", "seeds": "3",
        "epochs to fit": "22.00 [19.52, 24.48]", "relative": "2.00 [1.77, 2.23]", "published relative": "1.90",
        "verdict, relative": "no band",
        "test error, corrupted labels, %": "41.65 [39.17, 44.13]", "published, %": "40.65", "verdict, error": "no band",
        "test error, clean labels, %": "29.56 [26.46, 32.67]",
    }  # fmt: skip


def test_the_ends_of_figures_1b_and_1c_have_bands(zhang):
    rows = zhang.rows_of(corruption_table(zhang.figures_1b_1c()))
    ends = ("confirmed", "confirmed")
    verdicts = {(row["model"], row["corruption"]): (row["verdict, relative"], row["verdict, error"]) for row in rows}
    assert verdicts["inception", "0 %"] == verdicts["mlp1", "0 %"] == ("no band", "confirmed")
    assert verdicts["alexnet", "0 %"] == ("no band", "no band")  # Figure 1c is outside Table 1's band
    assert verdicts["inception", "100 %"] == verdicts["alexnet", "100 %"] == verdicts["mlp1", "100 %"] == ends
    reduced = zhang.rows_of(corruption_table(zhang.figures_1b_1c(seeds=1, **REDUCED)))
    assert {(row["verdict, relative"], row["verdict, error"]) for row in reduced} == {("not measured",) * 2}


def test_errors_of_one_seed_have_wilson_intervals(zhang):
    table = corruption_table(zhang.figures_1b_1c(seeds=1, fractions=(0.0,), models=("mlp1",)))
    (row,) = zhang.rows_of(table)
    assert cell(row["test error, corrupted labels, %"]) == "49.51 [48.53, 50.49]"
    assert cell(row["test error, clean labels, %"]) == "49.51 [48.53, 50.49]"
    run = zhang.run(outcome={"test_accuracy_corrupted_labels": None})
    (row,) = zhang.rows_of(corruption_table(Runs([run])))
    assert row["test error, corrupted labels, %"] is None and row["verdict, error"] == "not measured"


def test_corruption_table_says_what_is_reduced_and_what_is_not_published(zhang):
    runs = [zhang.run(zhang.losses_to(9), model=model, **REDUCED) for model in ("mlp3", "mlp1")]
    table = corruption_table(Runs([*runs, zhang.run(zhang.losses_to(9), model="mlp1")]))
    found = zhang.rows_of(table)
    assert [(row["model"], row["framework"], row["train_n"], cell(row["published relative"])) for row in found] == [
        ("mlp1", "PyTorch", 50_000, "1.00"),
        ("mlp1", "PyTorch (train_n=3000)", 3000, "1.00"),
        ("mlp3", "PyTorch (train_n=3000)", 3000, "–"),
    ]
    assert "say nothing about its numbers" in table.note
    assert corruption_table(Runs()).rows == []


def test_a_criterion_of_0_05_gives_figure_1bs_ratio_on_figure_1as_curves():
    points = published("Figure 1a", "setting")
    first = {name: next(e for e, loss in in_epochs(points[name]) if loss <= 0.05) for name in points}
    ratio = round(first["random_labels"]) / round(first["true_labels"])
    assert math.isclose(ratio, dict(published("Figure 1b", "model")["inception"])[1.0])


def test_convergence_slowdown(zhang):
    figure = convergence_slowdown(zhang.figures_1b_1c(), "Title")
    (axes,) = figure.axes
    line = zhang.curves(axes)["inception"]
    assert list(line.get_xdata()) == pytest.approx([0, 20, 40, 60, 80, 100])
    assert line.get_ydata()[[0, 1]] == pytest.approx([1, 2])
    assert zhang.dashed(axes)[line.get_color()].get_ydata()[-1] == 3.6
    assert zhang.legend(figure) == [
        *[f"{model}, 50,000 examples" for model in ("inception", "alexnet", "mlp1")], "published, 50,000 examples"
    ]  # fmt: skip
    assert png(figure).startswith(b"\x89PNG")


def test_models_without_published_curve_and_null(zhang):
    runs = [
        zhang.run(zhang.losses_to(8), model="wide_resnet", **REDUCED),
        zhang.run(model="wide_resnet", **REDUCED, **HALF),
    ]
    figure = convergence_slowdown(Runs(runs), "Title")
    (axes,) = figure.axes
    assert list(zhang.curves(axes)["wide_resnet"].get_xdata()) == [0]  # not fitted at 50 %: no point
    assert zhang.dashed(axes) == {} and zhang.legend(figure)[0] == "wide resnet, 3,000 examples"


def test_generalization_error(zhang):
    figure = generalization_error(zhang.figures_1b_1c(), "Title")
    (axes,) = figure.axes
    corrupted, clean = zhang.curves(axes)["alexnet"], zhang.curves(axes)["alexnet, clean"]
    assert corrupted.get_ydata()[1] == pytest.approx(53.18) and clean.get_ydata()[1] == pytest.approx(43.975)
    assert corrupted.get_linewidth() > clean.get_linewidth() and corrupted.get_color() == clean.get_color()
    assert zhang.dashed(axes)[corrupted.get_color()].get_ydata()[0] == pytest.approx(30.11)
    assert [90, 90] in [list(line.get_ydata()) for line in axes.lines]
    assert axes.get_ylabel() == "test error (%)"
    assert png(figure).startswith(b"\x89PNG")


@pytest.mark.parametrize("draw", [convergence_slowdown, generalization_error])
def test_a_figure_has_runs_of_one_recipe_on_a_line(zhang, draw):
    runs = Runs([zhang.run(zhang.losses_to(5)), zhang.run(zhang.losses_to(5), epochs=30)])
    with pytest.raises(ValueError, match="Received: inception, corruption 0, recipes=2"):
        draw(runs, "Title")
    with pytest.raises(ValueError, match="at least one"):
        draw(Runs(), "Title")


def test_growth_with_corruption(zhang):
    runs = zhang.figures_1b_1c(**REDUCED)
    found = [*slowdown_findings(runs)[:3], *error_findings(runs)]
    assert [(f.source, f.subject, f.n, f.verdict) for f in found] == [
        (f"Figure {figure}", model, "3 of 3 seeds", "confirmed")
        for figure in ("1b", "1c")
        for model in ("inception", "alexnet", "mlp1")
    ]
    assert found[0].numbers == "rank correlation 1.00, 1.00, 1.00; 11.0 to 41.0 epochs"
    assert found[3].numbers == "rank correlation 1.00, 1.00, 1.00; 13.85 to 90.00 %"
    assert found[0].runs == "PyTorch, float32, train_n=3000"


def test_slowdown_of_random_labels_over_true_ones(zhang):
    found = slowdown_findings(zhang.figures_1b_1c())[3:]
    assert [(f.subject, f.numbers, f.n, f.verdict) for f in found] == [
        ("inception", "3.73 [3.50, 3.95] times", "t, 3 seeds", "confirmed"),
        ("alexnet", "1.59 [1.52, 1.66] times", "t, 3 seeds", "confirmed"),
        ("mlp1", "2.00 [1.92, 2.08] times", "t, 3 seeds", "confirmed"),
    ]


def test_slowdown_outside_its_band_and_of_random_labels_that_are_never_fitted(zhang):
    runs = [zhang.run(zhang.losses_to(10)), zhang.run(zhang.losses_to(41), **RANDOM)]
    runs += [zhang.run(zhang.losses_to(10), model="mlp1"), zhang.run(zhang.losses_to(20)[:9], model="mlp1", **RANDOM)]
    inception, alexnet, mlp1 = slowdown_findings(Runs(runs))[3:]
    assert (inception.numbers, inception.verdict, alexnet.verdict) == ("4.10 times", "not confirmed", "not measured")
    assert (mlp1.numbers, mlp1.verdict) == ("0 of 1 seeds reach a loss of 0.05", "not measured")


def test_random_labels_without_a_run_on_true_ones_are_not_said_to_have_failed(zhang):
    found = slowdown_findings(zhang.figures_1b_1c(models=("mlp1",), fractions=(1.0,)))
    assert [(f.numbers, f.verdict) for f in found if "times" in f.statement] == [(None, "not measured")] * 3


def test_slowdown_of_reduced_runs_decides_nothing(zhang):
    found = slowdown_findings(zhang.figures_1b_1c(models=("mlp1",), fractions=(0.0, 1.0), **REDUCED))[-1]
    assert (found.numbers, found.verdict) == ("2.00 [1.92, 2.08] times", "not measured")


def test_growth_that_is_not_there(zhang):
    runs = zhang.figures_1b_1c(seeds=2, models=("mlp1",), faster_with_corruption=(0,))
    last = next(run for run in runs if (run.config.seed, run.config.corruption_fraction) == (1, 1))
    last.outcome["test_accuracy_corrupted_labels"] = None
    found = {(f.source, f.subject): f for f in (*slowdown_findings(runs)[:3], *error_findings(runs))}
    assert (found["Figure 1b", "mlp1"].n, found["Figure 1b", "mlp1"].verdict) == ("1 of 2 seeds", "not confirmed")
    assert (found["Figure 1c", "mlp1"].n, found["Figure 1c", "mlp1"].verdict) == (
        "1 of 1 seeds, 1 not measured", "confirmed"
    )  # fmt: skip
    assert found["Figure 1b", "alexnet"].verdict == "not measured"


def test_other_models_are_judged_where_they_have_three_fractions(zhang):
    runs = zhang.figures_1b_1c(seeds=1, models=("mlp1",))
    others = Runs(zhang.run(run.history, **{**run.fields, "model": "mlp3"}) for run in runs)

    def subjects(runs):
        found = slowdown_findings(runs)
        assert {f.source for f in found} == {"Figure 1b"}
        return [f.subject for f in found[:-3]]

    assert subjects(runs + others) == ["inception", "alexnet", "mlp1", "mlp3"]
    assert subjects(runs + others[:2]) == ["inception", "alexnet", "mlp1"]
