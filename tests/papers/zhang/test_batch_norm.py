import pytest

from common.papers.zhang.batch_norm import batch_norm_curves, findings, mean_change, numbers
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


def by_name(runs):
    gain, stable, *stopping = findings(runs, None)
    return gain, stable, {found.subject: found for found in stopping}


def test_effect_of_batch_norm_is_paired_by_seed(zhang):
    gain, _, _ = by_name(arms(zhang, [0.86, 0.87, 0.88], [0.83, 0.83]))
    assert (gain.effect.mean, gain.effect.n, gain.verdict) == (pytest.approx(0.035), 2, "indicated")
    assert gain.numbers == "87.00 [84.52, 89.48] with batch norm, 83.00 [83.00, 83.00] (n=2) without batch norm (%)"
    assert by_name(arms(zhang, [0.86], [0.76]))[0].verdict == "not indicated"
    assert by_name(arms(zhang, [0.86, 0.87, 0.88], [0.83, 0.84, 0.85]))[0].verdict == "confirmed"


@pytest.mark.parametrize(
    ("with_", "without", "changes"), [([0.86], [], {}), ([0.86], [None], {}), ([0.86], [0.83], {"flip": True})]
)
def test_effect_of_batch_norm_needs_both_sides_without_regularizers(zhang, with_, without, changes):
    gain, stable, _ = by_name(arms(zhang, with_, without, **changes))
    assert (gain.verdict, len(gain.runs), stable.verdict) == ("not measured", 0, "not measured")


def test_networks_that_did_not_fit_their_training_set_tell_nothing_of_accuracy(zhang):
    fits = {"train_accuracy": 1.0, "test_accuracy": 0.86}
    runs = [zhang.run(trained(0.86), fits),
            zhang.run(trained(0.83), {**fits, "train_accuracy": 0.957}, batch_norm=False)]  # fmt: skip
    gain, _, stopping = by_name(Runs(runs))
    assert (gain.verdict, gain.numbers) == ("undecided", "86.00 with batch norm, 86.00 without batch norm (%)")
    assert {subject: found.verdict for subject, found in stopping.items()} == {
        "inception": "indicated", "inception without batch norm": "undecided"
    }  # fmt: skip


def test_stability_is_the_change_from_one_epoch_to_the_next(zhang):
    smooth, rough = zhang.run(trained(0.5, 0.6, 0.7)), zhang.run(trained(0.5, 0.8, 0.7), batch_norm=False)
    assert (mean_change(smooth), mean_change(rough)) == (pytest.approx(0.1), pytest.approx(0.2))
    assert mean_change(zhang.run(trained(0.5))) is None
    _, stable, _ = by_name(Runs([smooth, rough]))
    assert (stable.effect.mean, stable.verdict) == (pytest.approx(2.0), "indicated")
    assert stable.numbers == "10.00 with batch norm, 20.00 without batch norm (%)"


@pytest.mark.parametrize(("best", "verdict"), [(0.855, "indicated"), (0.87, "not indicated"), (None, "not measured")])
def test_gain_of_early_stopping(zhang, best, verdict):
    history, outcome = trained(best, best and 0.85), {"test_accuracy": 0.85}
    _, _, stopping = by_name(Runs([zhang.run(history, outcome), zhang.run(model="alexnet")]))
    assert {subject: found.verdict for subject, found in stopping.items()} == {
        "inception": verdict, "inception without batch norm": "not measured"
    }  # fmt: skip


def test_what_early_stopping_gains_is_known_of_whole_trainings_alone(zhang):
    stopped = zhang.run(trained(0.85), {"stop_reason": "train_loss"})  # how it would have gone on nobody knows
    for run in (stopped, zhang.run(epochs=0), zhang.run()):
        assert by_name(Runs([run]))[2]["inception"].verdict == "not measured"


def test_points_of_figure_2b_are_numbers_of_full_size_runs(zhang):
    line = trained(*[0.8488] * 30)
    found = {f.statement.id: f for f in numbers(Runs([zhang.run(line)]))}
    assert len(found) == 12
    assert (found["zhang-fig2b-inception-test-10"].verdict, found["zhang-fig2b-inception-test-25"].verdict) == (
        "in band", "outside band"
    )  # fmt: skip
    assert found["zhang-fig2b-inception-train-10"].numbers == "0 of 1 seeds have a value"
    assert found["zhang-fig2b-inception_without_batch_norm-test-10"].verdict == "not measured"
    reduced = numbers(Runs([zhang.run(line, train_n=3000, train_size=3000)]))
    assert {f.verdict for f in reduced} == {"not measured"} and not any(f.runs for f in reduced)
