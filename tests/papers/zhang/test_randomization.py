import math

import numpy as np
import pytest
from made_up import seed_lines

from common.papers.zhang.curves import in_epochs, published
from common.papers.zhang.randomization import convergence_table, findings, numbers, training_losses
from common.papers.zhang.targets import on_setting
from common.report.figures import GREY, png
from common.report.fitting import lead, least, line_of
from common.report.numbers import cell
from common.report.runs import Runs


def seeds_of(axes, mean):
    """Heights of the seeds in the colour of a line, a row each."""
    return np.array([line.get_ydata() for line in seed_lines(axes) if line.get_color() == mean.get_color()])


def swapped(zhang, runs, first, second):
    """Runs of which those of two settings have each other's history, where the test says so of the first."""
    by_setting = {run.setting: run.history for run in runs if first(run)}
    names = {second[0]: second[1], second[1]: second[0]}
    return Runs(
        zhang.run(by_setting[names[run.setting]] if first(run) and run.setting in names else run.history,
                  seed=run.config.seed, **zhang.corruption_of(run.setting))
        for run in runs
    )  # fmt: skip


def test_published_curves():
    assert set(published("Figure 1b", "model")) == {"inception", "alexnet", "mlp1"}
    assert published("Figure 1c", "model")["inception"][0] == (0.0, 0.1285)
    assert [round(x) for x, _ in in_epochs(published("Figure 1a", "setting")["true_labels"])][:3] == [1, 2, 3]
    with pytest.raises(ValueError, match="Did you mean Figure 1"):
        published("Figure 1")


def test_runs_of_a_setting(zhang):
    settings = ("true_labels", "gaussian")
    runs = [zhang.run(**zhang.corruption_of(name)) for name in (*settings, "random_labels")]
    half = zhang.run(corruption="gaussian", corruption_fraction=0.5)
    runs = Runs([*runs, half, runs[0], zhang.run(model="alexnet")])
    found = on_setting(runs, settings, "inception")
    assert [run.config.corruption for run in found] == ["none", "gaussian"]
    assert len(on_setting(runs, settings)) == 3


def test_a_line_over_corruptions_is_one_training_procedure(zhang):
    line = line_of(zhang.run(model="mlp1"))
    corrupted = {"corruption": "uniform", "corruption_fraction": 0.5}
    assert line == line_of(zhang.run(model="mlp1", seed=3, epochs=9, **corrupted))
    assert line == line_of(zhang.run(model="mlp1", stop_loss=0.01))
    assert line != line_of(zhang.run(model="mlp1", learning_rate=0.1)) != line_of(zhang.run(model="mlp1", width=3))


def test_training_losses_over_thousand_steps(zhang):
    figure = training_losses(zhang.figure_1a(), "Title")
    (axes,) = figure.axes
    measured, behind = zhang.curves(axes), zhang.dashed(axes)
    assert set(measured) == set(published("Figure 1a", "setting"))
    line = measured["random_labels"]
    assert line.get_xdata()[0] == pytest.approx(0.391) and len(line.get_xdata()) == 60  # no untrained network
    points = dict(zip(behind[line.get_color()].get_xdata(), behind[line.get_color()].get_ydata(), strict=True))
    assert points == pytest.approx(dict(published("Figure 1a", "setting")["random_labels"]))
    assert behind[line.get_color()].get_zorder() < line.get_zorder()
    seeds = seeds_of(axes, line)
    assert seeds.shape == (3, 60) and seeds.mean(axis=0) == pytest.approx(line.get_ydata()) and seeds.max() > 2.3
    assert (axes.get_xlabel(), axes.get_ylabel(), axes.get_ylim(), axes.get_xlim()[0]) == (
        "thousand steps", "training loss (nats)", (0, 2.5), 0
    )  # fmt: skip
    assert zhang.legend(figure) == [
        "true labels", "random labels", "shuffled pixels", "random pixels", "gaussian", "published, 50,000 examples"
    ]  # fmt: skip
    assert png(figure).startswith(b"\x89PNG")


def test_reduced_runs_are_drawn_over_epochs_and_so_are_the_published_ones(zhang):
    (axes,) = training_losses(zhang.figure_1a(seeds=1, train_n=3000, train_size=3000), "Title").axes
    line = zhang.curves(axes)["gaussian"]
    assert list(line.get_xdata()) == list(range(1, 61))
    assert zhang.dashed(axes)[line.get_color()].get_xdata()[9] == pytest.approx(10, abs=0.01)
    assert axes.get_xlabel() == "epoch (of 3,000 examples; published: 391 steps)"


def test_another_reading_of_a_setting_is_dotted_beside_it(zhang):
    other = zhang.run([{"epoch": epoch, "train_loss": 1 / epoch} for epoch in (1, 2, 20)],
                      corruption="random_scalars", corruption_fraction=1.0)  # fmt: skip
    figure = training_losses(zhang.figure_1a(seeds=1) + [other], "Title")
    (axes,) = figure.axes
    drawn = zhang.curves(axes)
    assert drawn["random_scalars"].get_color() == drawn["random_pixels"].get_color()
    assert drawn["random_scalars"].get_linestyle() == ":" and "random scalars" in zhang.legend(figure)
    (row,) = [row for row in convergence_table(Runs([other])).rows if row[0] == "random scalars"]
    assert (row[6].value, row[7]) == (20, 21)  # epochs to a loss of 0.1, and published for random pixels


def test_seeds_are_averaged_over_the_epochs_that_all_have(zhang):
    short = zhang.run([{"epoch": e, "train_loss": 1.0} for e in (0, 1, 2)])
    long = zhang.run([{"epoch": e, "train_loss": 2.0 if e < 4 else None} for e in (0, 1, 2, 3, 4)], seed=1)
    (axes,) = training_losses(Runs([short, long]), "Title").axes
    assert list(zhang.curves(axes)["true_labels"].get_ydata()) == [1.5, 1.5]


def test_the_loss_is_the_mean_over_an_epochs_steps_where_all_runs_have_kept_it(zhang):
    lines = [{"epoch": 1, "train_loss": 0.01, "online_train_loss": 0.5}, {"epoch": 2, "train_loss": 0.01}]
    new = zhang.run([lines[0], lines[1] | {"online_train_loss": 0.04}])
    old = zhang.run([{"epoch": epoch, "train_loss": 1.0} for epoch in (1, 2)], seed=1)
    for runs, drawn, epochs in (([new], [0.5, 0.04], "2.00"), ([new, old], [0.505, 0.505], "1.00 (n=1)")):
        (axes,) = training_losses(Runs(runs), "Title").axes
        assert list(zhang.curves(axes)["true_labels"].get_ydata()) == pytest.approx(drawn)
        first = convergence_table(Runs(runs), (0.5, 0.05)).rows[0]
        assert (cell(first[4]), cell(first[6])) == (("1.00", "2.00") if len(runs) == 1 else ("1.00 (n=1)",) * 2)
        assert cell(first[6]) == epochs


def test_runs_of_several_recipes_are_never_one_line(zhang):
    runs = Runs([zhang.run(zhang.losses_to(5)), zhang.run(zhang.losses_to(5), epochs=30)])
    with pytest.raises(ValueError, match="differ in their seeds alone. Received: true_labels, recipes=2"):
        training_losses(runs, "Title")


def test_a_figure_of_nothing_is_refused(zhang):
    with pytest.raises(ValueError, match="at least one"):
        training_losses(Runs([zhang.run(model="alexnet")]), "Title")


def test_the_legends_grey_is_no_lines_colour(zhang):
    (axes,) = training_losses(zhang.figure_1a(seeds=1), "Title").axes
    assert GREY not in {line.get_color() for line in axes.lines}


def test_convergence_table(zhang):
    table = convergence_table(zhang.figure_1a(seeds=1, stretch=1.0))
    (row,) = zhang.rows_of(table, setting="gaussian")
    assert {key: cell(value) for key, value in row.items()} == {
        "setting": "gaussian", "framework": "PyTorch", "train_n": "50000", "seeds": "1",
        "epochs to loss 1": "13.00", "published, 1": "13", "epochs to loss 0.1": "20.00", "published, 0.1": "20",
        "epochs to loss 0.01": "22.00", "published, 0.01": "22",
    }  # fmt: skip
    assert [row["setting"] for row in zhang.rows_of(table)] == [
        "true labels", "random labels", "shuffled pixels", "random pixels", "gaussian"
    ]  # fmt: skip
    (row,) = zhang.rows_of(convergence_table(Runs([zhang.run()]), thresholds=(0.5,)))
    assert (cell(row["epochs to loss 0.5"]), row["published, 0.5"]) == ("–", 3)  # no history


def found_by_name(runs):
    return {finding.statement.id.removeprefix("zhang-"): finding for finding in findings(runs, None)}


def test_order_start_and_speed_of_fitting(zhang):
    found = found_by_name(zhang.figure_1a(stretch=1.0))
    assert {name: (f.effect.n, f.verdict) for name, f in found.items()} == dict.fromkeys(
        ("fit", "order", "start", "fast"), (3, "confirmed")
    )
    assert found["order"].numbers == (
        "epochs of true labels 10.0 [10.0, 10.0], shuffled pixels 15.3 [13.9, 16.8], gaussian 21.3 [19.9, 22.8], "
        "random pixels 23.3 [21.9, 24.8], random labels 36.7 [35.2, 38.1] to a loss of 0.05"
    )
    one = found_by_name(zhang.figure_1a(seeds=1, stretch=1.0))
    assert one["order"].effect.mean == pytest.approx(21 / 15) and one["order"].verdict == "indicated"
    assert one["start"].effect.mean == pytest.approx(18 / 7)
    assert one["start"].numbers == "epochs of gaussian 7.0, random pixels 7.0, random labels 18.0 to a loss of 2.07"
    assert one["fast"].effect.mean == pytest.approx(18 / 36)
    assert (one["fit"].effect.mean, one["fit"].numbers) == (1.0, "at least 100.00 %")


def test_another_order_in_one_seed_leaves_it_undecided(zhang):
    runs = swapped(zhang, zhang.figure_1a(), lambda run: run.config.seed == 0, ("shuffled_pixels", "gaussian"))
    found = found_by_name(runs)
    assert (found["order"].verdict, found["fit"].verdict) == ("undecided", "confirmed")
    runs = swapped(zhang, zhang.figure_1a(), lambda run: True, ("shuffled_pixels", "gaussian"))
    assert found_by_name(runs)["order"].verdict == "contradicted"


def test_gaussian_and_random_pixels_may_come_either_way(zhang):
    runs = swapped(zhang, zhang.figure_1a(seeds=1), lambda run: True, ("random_pixels", "gaussian"))
    assert found_by_name(runs)["order"].verdict == "indicated"


def test_a_setting_that_is_missing_decides_nothing_and_one_that_is_never_fitted_leaves_the_order_open(zhang):
    runs = zhang.figure_1a(seeds=2)
    found = found_by_name(runs.where(lambda run: run.setting != "gaussian"))
    assert {found[name].verdict for name in ("order", "start", "fit")} == {"not measured"} and not found["fit"].runs
    slow, *_ = runs.where(corruption="uniform")
    short = zhang.run(slow.history[:20], {"train_accuracy": 0.99}, **zhang.corruption_of("random_labels"))
    found = found_by_name(runs.where(lambda run: run is not slow) + [short])
    assert [(found[name].verdict, found[name].effect.n) for name in ("order", "fast")] == [("undecided", 2)] * 2
    assert (found["fit"].verdict, found["fit"].numbers) == ("not indicated", "at least 99.00 %")


def test_a_lead_is_the_least_factor_over_what_came_before():
    levels = (("a",), ("b", "c"), ("d",))
    assert lead({"a": 10, "b": 15, "c": 30, "d": 60}, levels) == pytest.approx(1.5)
    assert lead({"a": 10, "b": 30, "c": 8, "d": 60}, levels) == pytest.approx(0.8)
    assert math.isnan(lead({"a": 1, "b": 15, "c": None, "d": 60}, levels))
    assert lead({"a": 1, "b": 15, "d": 60}, levels) is None


def test_the_least_of_what_is_all_there():
    assert least([0.5, 0.2]) == 0.2 and least([0.5, None]) is None and least([0.0, 1.0]) == 0.0


def test_another_reading_of_random_pixels_is_no_part_of_the_statements(zhang):
    other = zhang.run([{"epoch": 1, "train_loss": 0.01}], corruption="random_scalars", corruption_fraction=1.0)
    assert found_by_name(zhang.figure_1a(seeds=1))["order"].numbers == found_by_name(
        zhang.figure_1a(seeds=1) + [other]
    )["order"].numbers  # fmt: skip


def test_epochs_to_losses_are_numbers_of_full_size_runs(zhang):
    found = {finding.statement.id: finding for finding in numbers(zhang.figure_1a(stretch=1.0))}
    judged = found["zhang-fig1a-random_labels-0.01"]
    assert (judged.statement.value, judged.effect.n, judged.verdict) == (37, 3, "in band")
    slow = {finding.statement.id: finding for finding in numbers(zhang.figure_1a(stretch=1.4))}
    assert slow["zhang-fig1a-gaussian-0.1"].verdict == "outside band"
    reduced = numbers(zhang.figure_1a(train_n=3000, train_size=3000))
    assert {finding.verdict for finding in reduced} == {"not measured"} and len(reduced) == 15
