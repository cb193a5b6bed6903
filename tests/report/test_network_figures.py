"""Histograms of weights and grids of feature maps, of networks of either framework."""

import numpy as np
import pytest

from common.analysis import evaluator
from common.report.network_figures import feature_map_grids, feature_maps, weight_histograms, weight_table
from common.runs.config import Config, Options, smoke
from common.runs.store import Store
from common.runs.training import train

pytestmark = pytest.mark.slow

WEIGHTS = {"fc1/kernel": np.array([[-2.0, 0.0], [1.0, 5.0]]), "fc1/bias": np.zeros(3)}


def test_weights_are_described_by_extremes_mean_and_spread():
    first, second = weight_table(WEIGHTS, "title").rows
    assert first[:2] == ["fc1/kernel", 4] and [number.value for number in first[2:]] == [
        -2, 5, 1, pytest.approx(np.std([-2, 0, 1, 5])),
    ]  # fmt: skip
    assert second[:2] == ["fc1/bias", 3]


def test_a_histogram_of_each_array_says_its_extremes():
    figure = weight_histograms(WEIGHTS, "title")
    shown = [axes for axes in figure.axes if axes.get_visible()]
    assert [axes.get_title() for axes in shown] == ["fc1/kernel\n-2 to 5", "fc1/bias\n0 to 0"]
    assert sum(bar.get_height() for bar in shown[0].patches) == 4 and shown[0].get_yscale() == "log"


@pytest.mark.parametrize("framework", ["keras", "torch"])
def test_feature_maps_are_outputs_of_layers_that_have_any(tmp_path, framework):
    config = smoke(Config(model="alexnet", framework=framework, epochs=0))
    options = Options(output_dir=tmp_path, device="cpu", threads=1)
    train(config, options)
    model = evaluator.load(Store.of(options).model_path(config))
    image = np.random.default_rng(0).standard_normal(model.input_shape).astype(np.float32)
    maps = feature_maps(model, image)
    assert "conv1" in maps and "fc1" not in maps and "input" not in maps
    assert maps["conv1"].shape == (*model.shape("conv1")[:2], 1, 64) and model.shape("fc1") == (384,)
    flat = model.features(image[None], "conv1").reshape(model.shape("conv1"))
    np.testing.assert_array_equal(maps["conv1"][:, :, 0, 5], flat[:, :, 5])
    assert list(feature_maps(model, image, ["conv2"])) == ["conv2"]
    assert [axes.get_title() for axes in feature_map_grids(maps, "title").axes] == list(maps)
    with pytest.raises(ValueError, match="layers must have feature maps. Received: fc1, logits"):
        feature_maps(model, image, ["fc1", "logits"])
    with pytest.raises(ValueError, match="layer must be one of"):
        model.shape("conv9")
