import math
from types import SimpleNamespace

import pytest

from common.papers.zhang.corruption import (
    Fractions,
    convergence_slowdown,
    corruption_table,
    distance,
    error_findings,
    factor,
    generalization_error,
    numbers,
    slowdown_findings,
)
from common.papers.zhang.curves import in_epochs, published
from common.report.figures import png
from common.report.fitting import clean_error, complete, epochs_to_fit, error, slowdown, told
from common.report.numbers import cell
from common.report.runs import Runs

HALF = {"corruption": "uniform", "corruption_fraction": 0.5}
RANDOM = {"corruption": "uniform", "corruption_fraction": 1.0}
CALL = SimpleNamespace(grid=Fractions(), preset="small")
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
        "test error, corrupted labels, %": "41.65 [39.17, 44.13]", "published, %": "40.65",
        "test error, clean labels, %": "29.56 [26.46, 32.67]",
    }  # fmt: skip


def test_errors_of_one_seed_have_wilson_intervals(zhang):
    table = corruption_table(zhang.figures_1b_1c(seeds=1, fractions=(0.0,), models=("mlp1",)))
    (row,) = zhang.rows_of(table)
    assert cell(row["test error, corrupted labels, %"]) == "49.51 [48.53, 50.49]"
    assert cell(row["test error, clean labels, %"]) == "49.51 [48.53, 50.49]"
    run = zhang.run(outcome={"test_accuracy_corrupted_labels": None})
    (row,) = zhang.rows_of(corruption_table(Runs([run])))
    assert row["test error, corrupted labels, %"] is None


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


def by_name(found, model="inception"):
    return {f.statement.id.removeprefix("zhang-"): f for f in found if f.subject == model}


def test_growth_of_the_time_to_fit(zhang):
    runs = zhang.figures_1b_1c(**REDUCED)
    found = slowdown_findings(runs, CALL)
    assert {(f.effect.n, f.verdict) for f in found} == {(3, "confirmed")} and len(found) == 9
    of = by_name(found)
    assert of["slowdown"].numbers == "11.0 [11.0, 11.0] to 41.0 [38.5, 43.5] epochs to a loss of 0.05"
    assert of["slowdown"].effect.mean == of["small-factor"].effect.mean == pytest.approx(41 / 11)
    assert of["slowdown-curve"].numbers.startswith("0 %: 1.00 [1.00, 1.00], 20 %: 2.00 [1.77, 2.23]")
    assert {f.statement.evidence for f in found} == {"time to fit"}


def test_distance_of_the_time_to_fit_from_the_curve_is_a_factor():
    curve = {0.0: 1.0, 0.5: 2.0, 0.8: 3.0, 1.0: 4.0}
    assert factor({0.0: 1.0, 0.5: 2.2, 0.8: 3.3, 1.0: 4.4}, curve) == pytest.approx(1.1)
    assert factor({0.0: 1.0, 0.5: 4.0, 0.8: 3.0, 1.0: 2.0}, curve) == pytest.approx(1.0)
    assert factor({0.5: 2.2, 0.8: 3.3, 1.0: 4.4}, curve) is None  # nothing to be relative to
    assert factor({0.0: 1.0, 0.5: 2.2, 1.0: 4.4}, curve) is None
    assert math.isnan(factor({0.0: 1.0, 0.5: 2.2, 0.8: 3.3, 1.0: None}, curve))


def test_distance_of_errors_from_the_curve():
    curve = {0.0: 0.1, 0.5: 0.5, 1.0: 0.9}
    assert distance({0.0: 0.2, 0.5: 0.4, 1.0: 0.9, 0.7: 0.0}, curve) == pytest.approx(0.2 / 3)
    assert distance({0.0: 0.2, 0.5: 0.4, 1.0: None}, curve) is None


def test_random_labels_that_are_never_fitted_leave_the_slowdown_open(zhang):
    runs = Runs([zhang.run(zhang.losses_to(10), model="mlp1"),
                 zhang.run(zhang.losses_to(20)[:9], model="mlp1", **RANDOM)])  # fmt: skip
    found = by_name(slowdown_findings(runs, CALL), "mlp1")
    assert (found["slowdown"].verdict, found["slowdown"].numbers) == ("undecided", "10.0 to – epochs to a loss of 0.05")
    assert found["slowdown-curve"].verdict == "not measured"
    assert {f.verdict for f in by_name(slowdown_findings(runs, CALL), "alexnet").values()} == {"not measured"}


def test_random_labels_without_a_run_on_true_ones_say_nothing(zhang):
    found = slowdown_findings(zhang.figures_1b_1c(models=("mlp1",), fractions=(1.0,)), CALL)
    assert {(f.verdict, len(f.runs)) for f in found} == {("not measured", 0)}


def test_more_than_a_small_factor_is_contradicted_and_so_is_no_growth(zhang):
    def runs(epochs):
        rules = ((10, {}), (epochs, RANDOM))
        return Runs(zhang.run(zhang.losses_to(e), seed=s, **rule) for s in range(3) for e, rule in rules)

    slow, fast = (by_name(slowdown_findings(runs(epochs), CALL)) for epochs in (60, 10))
    assert (slow["small-factor"].verdict, slow["slowdown"].verdict) == ("contradicted", "confirmed")
    assert (fast["small-factor"].verdict, fast["slowdown"].verdict) == ("confirmed", "contradicted")


def test_growth_of_the_error_is_measured_on_true_labels(zhang):
    found = error_findings(zhang.figures_1b_1c(**REDUCED), CALL)
    assert {f.verdict for f in found} == {"confirmed"} and len(found) == 9
    of = by_name(found)
    assert of["error-steadily"].effect.mean == pytest.approx(1.0)
    assert of["error"].numbers.startswith("0 %: 13.85 [11.37, 16.33] %, 20 %: 29.56 [26.46, 32.67] %")
    assert of["error-curve"].numbers.startswith("0 %: 13.85 [11.37, 16.33] %, 20 %: 41.65 [39.17, 44.13] %")
    flat = zhang.figures_1b_1c(**REDUCED)
    for run in flat:
        run.outcome["test_accuracy"] = 0.5  # on equally corrupted labels the error still grows
    judged = by_name(error_findings(flat, CALL))
    assert judged["error"].verdict == judged["error-steadily"].verdict == "contradicted"
    two = error_findings(zhang.figures_1b_1c(fractions=(0.0, 1.0)), CALL)
    assert {f.verdict for f in two} == {"not measured"}


def test_networks_that_do_not_fit_their_labels_say_nothing_of_those_that_do(zhang):
    runs = zhang.figures_1b_1c(**REDUCED)
    for run in runs.where(corruption_fraction=0.8):
        run.outcome["train_accuracy"] = 0.98
    of = by_name(error_findings(runs, CALL))
    assert {name: of[name].verdict for name in ("error", "error-steadily", "error-curve")} == {
        "error": "undecided", "error-steadily": "undecided", "error-curve": "confirmed"
    }  # fmt: skip


def test_a_seed_without_some_of_the_fractions_is_not_compared_with_a_curve(zhang):
    runs = zhang.figures_1b_1c(**REDUCED)
    some = Runs(run for run in runs if (run.config.seed, run.config.corruption_fraction) != (2, 0.4))
    for findings, name in ((slowdown_findings, "slowdown"), (error_findings, "error")):
        of = by_name(findings(some, CALL))
        assert (of[name].effect.n, of[f"{name}-curve"].effect.n) == (3, 2)
    assert complete([{0.0: 1.0, 1.0: None}, {0.0: 1.0}], (0.0, 1.0)) == [{0.0: 1.0, 1.0: None}]


def test_a_value_that_a_run_lacks_is_told_from_a_run_that_is_not_there():
    assert told({1.0: 2.0}, 1.0) == 2.0 and told({}, 1.0) is None and math.isnan(told({1.0: None}, 1.0))


def test_points_of_the_curves_are_numbers_of_full_size_runs(zhang):
    runs = zhang.figures_1b_1c(fractions=(0.0, 0.2, 0.5, 0.8, 1.0))
    found = {f.statement.id: f for f in numbers(runs)}
    assert len(found) == 24 and {f.verdict for f in found.values()} == {"in band"}
    assert found["zhang-fig1b-inception-1"].effect.mean == pytest.approx(41 / 11)
    assert found["zhang-fig1c-inception-0.2"].effect.mean == pytest.approx(0.4165)
    assert {f.verdict for f in numbers(zhang.figures_1b_1c(**REDUCED))} == {"not measured"}
    unfitted = Runs([zhang.run(zhang.losses_to(10)), zhang.run(zhang.losses_to(30)[:9], **RANDOM)])
    (judged,) = (f for f in numbers(unfitted) if f.statement.id == "zhang-fig1b-inception-1")
    assert (judged.verdict, judged.numbers) == ("not measured", "0 of 1 seeds have a value")
