import pytest

from common.papers.zhang import statements
from common.papers.zhang.batch_norm import batch_norm_curves, batch_norm_findings, early_stopping_findings
from common.report.figures import png
from common.report.runs import Runs


def trained(*accuracies):
    """A history of these test accuracies, after an untrained network whose own is no epoch's."""
    return [{"epoch": epoch, "test_accuracy": value} for epoch, value in enumerate((1.0, *accuracies))]


def arms(zhang, with_, without, **changes):
    return Runs(
        zhang.run(trained(value), {"test_accuracy": value}, seed=seed, batch_norm=norm, **changes)
        for norm, values in ((True, with_), (False, without))
        for seed, value in enumerate(values)
    )


def test_nothing_measured_leaves_every_statement_unmeasured():
    found = statements(Runs())
    assert [(f.source, f.subject) for f in found] == [
        ("Figure 1a", "inception"), ("Section 2.1", "inception"),
        *[(f"Figure {name}", model) for name in ("1b", "1b", "1c") for model in ("inception", "alexnet", "mlp1")],
        ("Section 3.1", "inception"), ("Figure 2b", "inception"), ("Figure 2b", "inception without batch norm"),
    ]  # fmt: skip
    assert {(f.runs, f.numbers, f.n, f.verdict) for f in found} == {(None, None, None, "not measured")}


def test_networks_and_data_of_other_papers_decide_nothing(zhang):
    empty = statements(Runs())
    assert statements(zhang.figures_1b_1c(seeds=1)) != empty
    assert statements(zhang.figures_1b_1c(seeds=1, dataset="mnist")) == empty
    assert statements(zhang.figures_1b_1c(seeds=1, models=("mlp1",), model="cnn")) == empty


def test_batch_norm_and_early_stopping(zhang):
    accuracies = [0.1, 0.6, 0.9, 0.7, 0.8]
    history = [{"epoch": e, "train_accuracy": a, "test_accuracy": a} for e, a in enumerate(accuracies)]
    figure = batch_norm_curves(Runs([zhang.run(history, batch_norm=False)]), "Title")
    train, test = figure.axes
    line = zhang.curves(test)["inception_without_batch_norm"]
    assert list(line.get_ydata()) == pytest.approx([60, 90, 70, 80])
    assert zhang.dashed(train)[line.get_color()].get_ydata()[0] == pytest.approx(51.12)
    extra = [entry for entry in test.lines if entry.get_color() == line.get_color() and entry.get_alpha() is None]
    _, best, ring, square = [list(zip(e.get_xdata(), e.get_ydata(), strict=True)) for e in extra]
    assert [y for _, y in best] == pytest.approx([60, 90, 90, 90])
    assert ring == [pytest.approx((0.782, 90))] and square == [pytest.approx((1.564, 80))]
    assert zhang.legend(figure)[-3:] == ["best test accuracy so far", "best", "final"]
    assert (test.get_ylabel(), test.get_xlabel()) == ("test accuracy (%)", "thousand steps")
    assert (train.get_ylabel(), train.get_xlabel()) == ("training accuracy (%)", "")
    assert png(batch_norm_curves(zhang.figure_2b(train_n=3000, train_size=3000), "Title")).startswith(b"\x89PNG")


def test_a_figure_has_runs_of_one_recipe_on_a_line(zhang):
    with pytest.raises(ValueError, match="differ in their seeds alone. Received: inception, recipes=2"):
        batch_norm_curves(Runs([zhang.run(), zhang.run(epochs=30)]), "Title")
    with pytest.raises(ValueError, match="at least one"):
        batch_norm_curves(Runs([zhang.run(model="alexnet")]), "Title")


def test_effect_of_batch_norm_is_paired_by_seed(zhang):
    (found,) = batch_norm_findings(arms(zhang, [0.86, 0.87, 0.88], [0.83, 0.83]))
    assert (found.numbers, found.n, found.verdict) == ("3.50 [-2.85, 9.85] points", "t, 2 seeds", "confirmed")
    (found,) = batch_norm_findings(arms(zhang, [0.86], [0.76]))
    assert (found.numbers, found.n, found.verdict) == ("10.00 points", "1 seed", "not confirmed")


@pytest.mark.parametrize(
    ("with_", "without", "changes"), [([0.86], [], {}), ([0.86], [None], {}), ([0.86], [0.83], {"flip": True})]
)
def test_effect_of_batch_norm_needs_both_sides_without_regularizers(zhang, with_, without, changes):
    (found,) = batch_norm_findings(arms(zhang, with_, without, **changes))
    assert (found.numbers, found.verdict) == (None, "not measured")


@pytest.mark.parametrize("changes", [{"train_n": 3000, "train_size": 3000}, {"epochs": 20}])
def test_reduced_runs_show_their_numbers_and_decide_nothing(zhang, changes):
    runs = arms(zhang, [0.86], [0.83], **changes)
    found = [*batch_norm_findings(runs), *early_stopping_findings(runs)]
    assert [f.numbers for f in found] == ["3.00 points", "0.00 points", "0.00 points"]
    assert {f.verdict for f in found} == {"not measured"}


@pytest.mark.parametrize(("best", "verdict"), [(0.855, "confirmed"), (0.87, "not confirmed"), (None, "not measured")])
def test_gain_of_early_stopping(zhang, best, verdict):
    history, outcome = trained(best, best and 0.85), {"test_accuracy": 0.85}
    with_, without = early_stopping_findings(Runs([zhang.run(history, outcome), zhang.run(model="alexnet")]))
    assert (with_.verdict, without.verdict) == (verdict, "not measured")
    assert (with_.subject, without.subject) == ("inception", "inception without batch norm")


def test_what_early_stopping_gains_is_known_of_whole_trainings_alone(zhang):
    stopped = zhang.run(trained(0.85), {"stop_reason": "train_loss"})  # how it would have gone on nobody knows
    for run in (stopped, zhang.run(epochs=0), zhang.run()):
        assert early_stopping_findings(Runs([run]))[0].numbers is None
