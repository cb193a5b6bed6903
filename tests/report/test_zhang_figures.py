import pytest
from common.report.zhang import convergence_table, corruption_rows, published
from common.report.zhang_figures import (
    PUBLISHED,
    batch_norm_curves,
    convergence_slowdown,
    generalization_error,
    training_losses,
)

from common.report.figures import GREY, png


def curves(axes):
    """Measured lines by label."""
    return {line.get_label(): line for line in axes.lines if not line.get_label().startswith("_")}


def dashed(axes):
    """Published lines by colour."""
    return {line.get_color(): line for line in axes.lines if line.get_alpha() == PUBLISHED["alpha"]}


def band(axes, colour_of):
    """Heights of the band in the colour of a line."""
    colour = tuple(int(colour_of.get_color()[i : i + 2], 16) / 255 for i in (1, 3, 5))
    (found,) = [c for c in axes.collections if tuple(c.get_facecolor()[0][:3]) == pytest.approx(colour)]
    return found.get_paths()[0].vertices[:, 1] if found.get_paths() else []


def legend(figure):
    return [text.get_text() for text in figure.legends[0].get_texts()]


def test_training_losses_over_thousand_steps(zhang):
    figure = training_losses(*zhang.figure_1a(), "Title")
    (axes,) = figure.axes
    measured, behind = curves(axes), dashed(axes)
    assert set(measured) == set(published("Figure 1a", "setting"))
    line = measured["random_labels"]
    assert line.get_xdata()[0] == pytest.approx(0.391) and len(line.get_xdata()) == 60  # no untrained network
    assert behind[line.get_color()].get_ydata()[25] == dict(published("Figure 1a", "setting")["random_labels"])[10.166]
    assert behind[line.get_color()].get_zorder() < line.get_zorder()
    assert max(band(axes, line)) > 2.3
    assert (axes.get_xlabel(), axes.get_ylabel(), axes.get_ylim()) == (
        "thousand steps", "training loss (nats)", (0, 2.5)
    )  # fmt: skip
    assert legend(figure) == [
        "true labels", "random labels", "shuffled pixels", "random pixels", "gaussian", "published, 50,000 examples"
    ]  # fmt: skip
    assert png(figure).startswith(b"\x89PNG")


def test_reduced_runs_are_drawn_over_epochs_and_so_are_the_published_ones(zhang):
    (axes,) = training_losses(*zhang.figure_1a(seeds=1, train_n=3000, train_size=3000), "Title").axes
    line = curves(axes)["gaussian"]
    assert list(line.get_xdata()) == list(range(1, 61))
    assert dashed(axes)[line.get_color()].get_xdata()[9] == pytest.approx(10, abs=0.01)
    assert axes.get_xlabel() == "epoch (of 3,000 examples; published: 391 steps)"


def test_another_reading_of_a_setting_is_dotted_beside_it(zhang):
    records, histories = zhang.figure_1a(seeds=1)
    other = zhang.run([{"epoch": epoch, "train_loss": 1 / epoch} for epoch in (1, 2, 20)],
                      corruption="random_scalars", corruption_fraction=1.0)  # fmt: skip
    more, lines = zhang.collected([other])
    figure = training_losses([*records, *more], histories | lines, "Title")
    (axes,) = figure.axes
    drawn = curves(axes)
    assert drawn["random_scalars"].get_color() == drawn["random_pixels"].get_color()
    assert drawn["random_scalars"].get_linestyle() == ":" and "random scalars" in legend(figure)
    (row,) = [row for row in convergence_table(more, lines).rows if row[0] == "random scalars"]
    assert (row[6].value, row[7]) == (20, 21)  # epochs to a loss of 0.1, and published for random pixels


def test_seeds_are_averaged_over_the_epochs_that_all_have(zhang):
    short = zhang.run([{"epoch": e, "train_loss": 1.0} for e in (0, 1, 2)])
    long = zhang.run([{"epoch": e, "train_loss": 2.0 if e < 4 else None} for e in (0, 1, 2, 3, 4)], seed=1)
    (axes,) = training_losses(*zhang.collected([short, long]), "Title").axes
    assert list(curves(axes)["true_labels"].get_ydata()) == [1.5, 1.5]


def test_the_loss_is_the_mean_over_an_epochs_steps_where_all_runs_have_kept_it(zhang):
    def run(**seed):
        lines = [{"epoch": 1, "train_loss": 0.01, "online_train_loss": 0.5}, {"epoch": 2, "train_loss": 0.01}]
        return zhang.run([lines[0], lines[1] | {"online_train_loss": 0.04}], **seed)

    old = zhang.run([{"epoch": epoch, "train_loss": 1.0} for epoch in (1, 2)], seed=1)
    for runs, drawn in (([run()], [0.5, 0.04]), ([run(), old], [0.505, 0.505])):
        records, histories = zhang.collected(runs)
        (axes,) = training_losses(records, histories, "Title").axes
        assert list(curves(axes)["true_labels"].get_ydata()) == pytest.approx(drawn)
        row = next(row for row in corruption_rows(records, histories) if row["record"] == records[0])
        assert row["epochs"] == (2 if len(runs) == 1 else 1)
        assert convergence_table(records, histories, (0.5,)).rows[0][4].value == 1


def test_convergence_slowdown(zhang):
    figure = convergence_slowdown(corruption_rows(*zhang.figures_1b_1c()), "Title")
    (axes,) = figure.axes
    line = curves(axes)["inception"]
    assert list(line.get_xdata()) == pytest.approx([0, 20, 40, 60, 80, 100])
    assert line.get_ydata()[[0, 1]] == pytest.approx([1, 2])
    assert dashed(axes)[line.get_color()].get_ydata()[-1] == 3.6
    assert legend(figure) == [
        *[f"{model}, 50,000 examples" for model in ("inception", "alexnet", "mlp1")], "published, 50,000 examples"
    ]  # fmt: skip
    assert png(figure).startswith(b"\x89PNG")


def test_models_without_published_curve_and_null(zhang):
    pairs = [
        zhang.run(zhang.losses_to(8), model="wide_resnet", train_n=3000, train_size=3000),
        zhang.run(model="wide_resnet", train_n=3000, train_size=3000, corruption="uniform", corruption_fraction=0.5),
    ]
    figure = convergence_slowdown(corruption_rows(*zhang.collected(pairs)), "Title")
    (axes,) = figure.axes
    assert list(curves(axes)["wide_resnet"].get_xdata()) == [0]  # not fitted at 50 %: no point
    assert dashed(axes) == {} and legend(figure)[0] == "wide resnet, 3,000 examples"


def test_generalization_error(zhang):
    figure = generalization_error(corruption_rows(*zhang.figures_1b_1c()), "Title")
    (axes,) = figure.axes
    corrupted, clean = curves(axes)["alexnet"], curves(axes)["alexnet, clean"]
    assert corrupted.get_ydata()[1] == pytest.approx(53.18) and clean.get_ydata()[1] == pytest.approx(43.975)
    assert corrupted.get_linewidth() > clean.get_linewidth() and corrupted.get_color() == clean.get_color()
    assert dashed(axes)[corrupted.get_color()].get_ydata()[0] == pytest.approx(30.11)
    assert [90, 90] in [list(line.get_ydata()) for line in axes.lines]
    assert axes.get_ylabel() == "test error (%)"
    assert png(figure).startswith(b"\x89PNG")


def test_batch_norm_and_early_stopping(zhang):
    accuracies = [0.1, 0.6, 0.9, 0.7, 0.8]
    history = [{"epoch": e, "train_accuracy": a, "test_accuracy": a} for e, a in enumerate(accuracies)]
    figure = batch_norm_curves(*zhang.collected([zhang.run(history, batch_norm=False)]), "Title")
    train, test = figure.axes
    line = curves(test)["inception_without_batch_norm"]
    assert list(line.get_ydata()) == pytest.approx([60, 90, 70, 80])
    assert dashed(train)[line.get_color()].get_ydata()[0] == pytest.approx(51.12)
    extra = [entry for entry in test.lines if entry.get_color() == line.get_color() and entry.get_alpha() is None]
    _, best, ring, square = [list(zip(e.get_xdata(), e.get_ydata(), strict=True)) for e in extra]
    assert [y for _, y in best] == pytest.approx([60, 90, 90, 90])
    assert ring == [pytest.approx((0.782, 90))] and square == [pytest.approx((1.564, 80))]
    assert legend(figure)[-3:] == ["best test accuracy so far", "best", "final"]
    assert png(batch_norm_curves(*zhang.figure_2b(train_n=3000, train_size=3000), "Title")).startswith(b"\x89PNG")


def test_runs_of_several_recipes_are_never_one_line(zhang):
    records, histories = zhang.collected([zhang.run(zhang.losses_to(5)), zhang.run(zhang.losses_to(5), epochs=30)])
    for draw in (training_losses, batch_norm_curves):
        with pytest.raises(ValueError, match="differ in their seeds alone. Received: .*recipes=2"):
            draw(records, histories, "Title")
    for draw in (convergence_slowdown, generalization_error):
        with pytest.raises(ValueError, match="Received: inception, corruption 0, recipes=2"):
            draw(corruption_rows(records, histories), "Title")


def test_a_figure_of_nothing_is_refused(zhang):
    for draw in (training_losses, batch_norm_curves):
        with pytest.raises(ValueError, match="at least one run"):
            draw(*zhang.collected([zhang.run(model="alexnet")]), "Title")
    for draw in (convergence_slowdown, generalization_error):
        with pytest.raises(ValueError, match="at least one run"):
            draw([], "Title")


def test_the_legends_grey_is_no_lines_colour(zhang):
    (axes,) = training_losses(*zhang.figure_1a(seeds=1), "Title").axes
    assert GREY not in {line.get_color() for line in axes.lines}
