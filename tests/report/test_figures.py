import math

import numpy as np
import pytest

from common.report.figures import (
    FRAMEWORK_STYLES,
    corruption_sweep,
    filter_grids,
    layer_accuracies,
    learning_curves,
    png,
    save,
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
    assert math.isnan(curves(loss)["training"][0]) and curves(loss)["training"][1] == 1.0
    found = curves(accuracy)
    assert found["training"] == [10.0, 90.0] and found["test"] == [10.0, 50.0]
    assert math.isnan(found["training, corrupted examples"][0]) and found["training, corrupted examples"][1] == 80.0
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
    assert [text.get_text() for text in first.get_xticklabels()] == ["input", "fc1", "fc2"]
    assert curves(first)["fitted on corrupted labels"] == [50, 60, 70]
    assert curves(first)["fitted on true labels"] == [70, 80, 90]
    assert set(curves(first)["the network's own output"]) == {30}
    assert curves(first)["chosen on held-out training examples"] == [70]
    assert curves(second)["chosen on held-out training examples"] == [60]
    assert "the network's own output" not in curves(third)
    assert not unused.get_visible()
    assert len(labels(figure)) == 4


def sweep_rows():
    return [
        {"framework": framework, "corruption_fraction": fraction, "test_accuracy": accuracy, "train_accuracy": 1.0,
         "chosen_layer_accuracy": None, "test_n": 10_000}
        for framework in ("keras", "torch")
        for fraction, accuracy in ((0.0, 0.5), (0.2, 0.4), (0.2, 0.42), (0.8, None))
    ]  # fmt: skip


def test_corruption_sweep():
    figure = corruption_sweep(sweep_rows(), "Title", {"published": [(0.0, 0.51), (0.2, 0.45)]})
    (axes,) = figure.axes
    found = curves(axes)
    assert found["Keras, test accuracy, the network's own"] == pytest.approx([50, 41])  # null at 80 % is no point
    assert found["PyTorch, training accuracy, corrupted labels"] == [100, 100, 100]
    assert found["published"] == pytest.approx([51, 45])
    assert not any("chosen layer" in label for label in found)
    heights = [y for collection in axes.collections for y in collection.get_paths()[0].vertices[:, 1]]
    assert max(heights) > 41 + 12  # two seeds, 40 and 42 %: half a t interval is 12.7 points
    assert axes.get_xlabel() == "corrupted training examples (%)"


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


@pytest.mark.parametrize(
    "kernels",
    [{}, {"a": np.zeros((5, 5, 2, 8))}, {"a": np.zeros((5, 5, 4, 8))}, {"a": np.zeros((5, 5, 3))},
     {"a": np.zeros((5, 5, 3, 0))}, {"a": np.full((5, 5, 3, 2), np.nan)}],
)  # fmt: skip
def test_wrong_kernels_are_refused(kernels):
    with pytest.raises(ValueError, match="kernels must .*Received:"):
        filter_grids(kernels, "Title")
