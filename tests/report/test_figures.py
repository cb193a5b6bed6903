import numpy as np
import pytest

from common.report.figures import (
    FRAMEWORK_STYLES,
    doubling_axis,
    draw_curve,
    filter_grids,
    heat_map,
    labelled_images,
    layer_accuracies,
    learning_curves,
    looks,
    new_figure,
    palette,
    panel_figure,
    png,
    save,
    shades,
    shared_epochs,
)
from common.report.runs import FRAMEWORKS
from common.runs.config import CHOICES


def history(loss=1.0, **extra):
    untrained = {"epoch": 0, "train_loss": None, "train_accuracy": 0.1, "test_accuracy": 0.1}
    return [untrained, {"epoch": 1, "train_loss": loss, "train_accuracy": 0.9, "test_accuracy": 0.5, **extra}]


def curves(axes):
    return {line.get_label(): list(line.get_ydata()) for line in axes.lines}


def labels(figure):
    return [text.get_text() for text in figure.legends[0].get_texts()]


def test_learning_curves_of_one_run_show_all_it_measured():
    run = history(train_accuracy_corrupted=0.8, test_accuracy_corrupted_labels=None)
    figure = learning_curves({"run": run}, "Title")
    loss, accuracy = figure.axes
    assert curves(loss)["run"] == [1.0]  # after the epochs that measured it
    found = curves(accuracy)
    assert found["training"] == [10.0, 90.0] and found["test"] == [10.0, 50.0]
    assert found["training, corrupted examples"] == [80.0]
    assert [list(line.get_xdata()) for line in accuracy.lines] == [[0, 1], [1], [0, 1]]
    assert set(found) == {"training", "test", "training, corrupted examples"}
    assert (loss.get_ylabel(), accuracy.get_ylabel(), accuracy.get_xlabel()) == (
        "training loss (nats)", "accuracy (%)", "epoch"
    )  # fmt: skip


def test_learning_curves_of_several_runs_have_a_colour_each():
    figure = learning_curves({f"run {number}": history(number) for number in range(9)}, "Title")
    loss, accuracy = figure.axes
    assert len({str(line.get_color()) for line in loss.lines}) == 9
    assert len(accuracy.lines) == 18
    assert curves(accuracy)["run 3, test"] == [10.0, 50.0]
    assert labels(figure)[-2:] == ["training", "test"]


def readout(chosen="fc2"):
    entries = []
    for layer, correct in (("input", 50), ("fc1", 60), ("fc2", 70)):
        for labels_ in ("corrupted_labels", "true_labels"):
            plus = 20 * (labels_ == "true_labels")
            entries.append((layer, "masc", labels_, "test", correct + plus))
        entries.append((layer, "masc", "corrupted_labels", "validation_corrupted_labels", 10 + (layer == chosen)))
    entries.append(("logits", "model", None, "test", 30))
    keys = ("layer", "probe", "fitted_on", "scored_on", "correct")
    return [{"epoch": 5, "components": None, "n": 100, **dict(zip(keys, entry, strict=True))} for entry in entries]


def test_layer_accuracies():
    figure = layer_accuracies({"20 %": readout(), "40 %": readout("fc1"), "60 %": readout()[:-1]}, "Title")
    first, second, third, unused = figure.axes
    assert [axes.get_title() for axes in (first, second, third)] == ["20 %", "40 %", "60 %"]
    assert [text.get_text() for text in first.get_xticklabels()] == ["input", "fc1", "fc2"]
    assert curves(first)["fitted on corrupted labels"] == [50, 60, 70]
    assert curves(first)["fitted on true labels"] == [70, 80, 90]
    assert set(curves(first)["the network's own output"]) == {30}
    assert curves(first)["chosen on held-out training examples"] == [70]
    assert curves(second)["chosen on held-out training examples"] == [60]
    assert "the network's own output" not in curves(third)
    assert not unused.get_visible()
    assert len(labels(figure)) == 4


def test_every_framework_has_a_name_and_a_look():
    assert set(FRAMEWORK_STYLES) == set(FRAMEWORKS) == set(CHOICES["framework"])


def test_png_is_the_same_each_time_and_saved_whole(tmp_path):
    save(learning_curves({"run": history()}, "Title"), tmp_path / "new" / "curves.png")
    content = (tmp_path / "new" / "curves.png").read_bytes()
    assert content.startswith(b"\x89PNG") and content == png(learning_curves({"run": history()}, "Title"))
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["curves.png"]


def test_filters_are_scaled_one_by_one():
    kernels = np.zeros((2, 2, 3, 5), np.float32)
    kernels[0, 0, :, 0], kernels[1, 1, 2, 0] = -3, 5
    kernels[..., 1] = 7
    figure = filter_grids({"true labels": kernels, "random labels": kernels[..., :1]}, "Title")
    left, right = (axes.images[0].get_array() for axes in figure.axes)
    assert left.shape == (5, 8, 3) and right.shape == (2, 2, 3)  # two rows of three, a pixel between
    assert left[0, 0].tolist() == [0, 0, 0] and left[1, 1, 2] == 1 and left[0, 1, 0] == pytest.approx(3 / 8)
    assert (left[:2, 3:5] == 0.5).all() and (left[2] == 1).all() and (left[3:, 6:] == 1).all()
    assert [axes.get_title() for axes in figure.axes] == ["true labels", "random labels"]
    assert png(figure).startswith(b"\x89PNG")


def test_filters_of_grey_images_are_grey():
    kernels = np.zeros((2, 2, 1, 2), np.float32)
    kernels[0, 0, 0, 0], kernels[1, 1, 0, 0] = -3, 5
    (axes,) = filter_grids({"true labels": kernels}, "Title").axes
    shown = np.squeeze(axes.images[0].get_array())
    assert (
        shown[:, :2].tolist() == [[0, 3 / 8], [3 / 8, 1]] and (shown[:, 2] == 1).all() and (shown[:, 3:] == 0.5).all()
    )
    assert axes.images[0].get_cmap().name == "gray" and axes.images[0].get_clim() == (0, 1)


def test_images_stand_in_the_panels_of_their_names_each_above_what_is_said_of_it():
    images = [(np.full((2, 2, 1), value, np.uint8), f"digit: {value}") for value in range(5)]
    figure = labelled_images({"Keras": images, "PyTorch": []}, "Title")
    keras, torch = figure.subfigs
    assert [part.get_suptitle() for part in (figure, keras, torch)] == ["Title", "Keras", "PyTorch"]
    shown = [axes for axes in keras.axes if axes.get_visible()]
    assert [axes.get_xlabel() for axes in shown] == [text for _, text in images] and len(keras.axes) == 8
    assert [axes.images[0].get_array().tolist() for axes in shown] == [image[..., 0].tolist() for image, _ in images]
    assert {axes.images[0].get_clim() for axes in shown} == {(0, 255)}
    assert not any(axes.get_visible() for axes in torch.axes)


@pytest.mark.parametrize(
    "kernels",
    [{}, {"a": np.zeros((5, 5, 2, 8))}, {"a": np.zeros((5, 5, 4, 8))}, {"a": np.zeros((5, 5, 3))},
     {"a": np.zeros((5, 5, 3, 0))}, {"a": np.full((5, 5, 3, 2), np.nan)}],
)  # fmt: skip
def test_wrong_kernels_are_refused(kernels):
    with pytest.raises(ValueError, match="kernels must .*Received:"):
        filter_grids(kernels, "Title")


def test_a_curve_is_the_mean_over_its_seeds_without_what_no_seed_has():
    _, (axes,) = new_figure("Title", (4, 4))
    draw_curve(axes, {2: [0.5, 0.7], 1: [0.4, None], 3: [None]}, 100, color="red", marker="s")
    *seeds, mean = axes.lines
    assert list(mean.get_xdata()) == [1, 2] and list(mean.get_ydata()) == pytest.approx([40, 60])
    assert mean.get_marker() == "s" and not axes.collections
    drawn = np.array([seed.get_ydata() for seed in seeds])
    assert drawn == pytest.approx(np.array([[40, 50], [np.nan, 70]]), nan_ok=True)
    assert all(seed.get_linewidth() < mean.get_linewidth() for seed in seeds)
    draw_curve(axes, {1: [None]}, color="red")
    draw_curve(axes, {1: [1.0], 2: [2.0]}, color="red")
    assert len(axes.lines) == 4  # one seed is the mean


def test_many_seeds_are_a_band():
    _, (axes,) = new_figure("Title", (4, 4))
    draw_curve(axes, {1: [0.0, 1.0, 2.0, 3.0, 4.0], 2: [0.5]}, color="red")
    (_,), (band,) = axes.lines, axes.collections
    assert max(band.get_paths()[0].vertices[:, 1]) == pytest.approx(3.963, abs=1e-3)


def test_a_figure_has_two_dots_for_a_pixel_and_is_a_drawing_without_images():
    figure, (axes,) = new_figure("Title", (6, 4))
    assert looks(figure) == ((450, 300), True)
    heat_map(axes, [[0.1, 0.2]], ["row"], ["a", "b"])
    assert looks(figure)[1] is False


def test_panels_have_names_and_spare_ones_are_hidden():
    figure, panels = panel_figure("Title", list("abcd"), 3, (2, 1), (1, 0.5))
    assert [axes.get_title() for axes in panels] == list("abcd") and list(figure.get_size_inches()) == [7, 2.5]
    assert [axes.get_visible() for axes in figure.axes] == [True] * 4 + [False] * 2
    assert panel_figure("Title", [], 3, (2, 1))[1] == []


def test_shared_epochs_are_those_that_all_seeds_have():
    assert shared_epochs([{1: 0.1, 3: 0.3, 2: 0.2}, {3: 0.4, 1: None}]) == {1: [0.1, None], 3: [0.3, 0.4]}
    assert shared_epochs([]) == {}


def test_colours_are_the_palettes_or_from_dark_to_light():
    assert palette("ab", ["red", "blue", "green"]) == {"a": "red", "b": "blue"}
    assert palette("ab", ["red"]) == shades("ab") and len(set(shades("abc").values())) == 3


def test_an_axis_doubles_with_plain_numbers():
    _, (epochs, units) = new_figure("Title", (4, 4), (1, 2))
    doubling_axis(epochs, "epoch", from_zero=True)
    doubling_axis(units, "units")
    assert (epochs.get_xscale(), units.get_xscale()) == ("symlog", "log") and units.get_xlabel() == "units"
    assert [units.xaxis.get_major_formatter()(x, None) for x in (0.5, 64, 2**18)] == ["0.5", "64", "$2^{18}$"]


def test_a_heat_map_names_its_rows_and_columns():
    _, (axes,) = new_figure("Title", (4, 4))
    image = heat_map(axes, [[0.1, 0.2]], ["row"], ["a", "b"])
    assert image.get_clim() == (0, 1) and [text.get_text() for text in axes.get_xticklabels()] == ["a", "b"]
    assert [text.get_text() for text in axes.get_yticklabels()] == ["row"]
    assert heat_map(axes, [[0.1, 1]], ["row"], ["a", "b"], lowest=0.01).norm(0.1) == pytest.approx(0.5)
