"""Attributions of a run: made once, on fixed images, of every kept network; and measures on arrays that are known."""

import dataclasses

import numpy as np
import pytest

from common.analysis import attributions
from common.analysis.attributions import attribute_run, completeness, first_of_each, rank_correlation, share_on_object
from common.analysis.evaluator import load
from common.runs.config import Config, Options, run_id, smoke
from common.runs.store import Store
from common.runs.training import train

pytestmark = pytest.mark.slow

RUN = smoke(Config(model="mlp1", framework="torch", preprocessing="minus_one_one"))


@pytest.fixture(scope="module")
def options(tmp_path_factory):
    options = Options(output_dir=tmp_path_factory.mktemp("attributed"), device="cpu", threads=1, keep_epochs=(0, 1))
    train(RUN, options)
    return options


@pytest.fixture(scope="module")
def arrays(options):
    return attribute_run(RUN, options, (0, 1))


def test_every_kept_network_is_read_on_fixed_test_images(arrays, options):
    assert arrays["epochs"].tolist() == [0, 1, 2] and arrays["maps"].shape == (3, 2, 10, 8, 8)
    assert arrays["share"].shape == arrays["completeness"].shape == (3, 2, 50)
    assert arrays["images"].dtype == np.uint8 and len(set(arrays["indices"].tolist())) == 50
    assert (arrays["completeness"] < 1e-3).all()
    model = load(Store.of(options).model_path(RUN))
    logits = model.logits(model.prepare(arrays["images"], RUN))
    np.testing.assert_array_equal(arrays["predictions"][-1][:10], logits.argmax(1))
    black = model.logits(model.prepare(np.zeros_like(arrays["images"][:1]), RUN))[0]
    totals = logits.max(1) - black[logits.argmax(1)]
    np.testing.assert_allclose(arrays["maps"][-1, 0].astype(float).sum((1, 2)), totals, atol=0.02)
    assert not np.allclose(arrays["maps"][0], arrays["maps"][-1], atol=0.01)


def test_black_pixels_have_no_part_where_black_is_the_baseline(arrays):
    np.testing.assert_allclose(arrays["share"][:, 0], 1)
    assert (arrays["share"][:, 1] < 1).any()
    assert not arrays["maps"][:, 0][:, (arrays["images"] == 0)[..., 0]].any()


def test_of_images_that_are_cropped_the_crop_counts(options):
    cropped = dataclasses.replace(RUN, crop=6, epochs=0)
    train(cropped, options)
    arrays = attribute_run(cropped, options, ())
    assert arrays["maps"].shape == (1, 2, 10, 6, 6) and arrays["images"].shape == (10, 6, 6, 1)
    np.testing.assert_allclose(arrays["share"][:, 0], 1)


def test_it_is_made_once_and_again_where_forced_or_of_another_model(arrays, options, monkeypatch):
    monkeypatch.setattr(attributions, "of_network", None)
    again = attribute_run(RUN, options, (0, 1))
    assert again.keys() == arrays.keys() and (again["maps"] == arrays["maps"]).all()
    for arguments in ((RUN, options, (0,)), (RUN, options, (0, 1), True)):
        with pytest.raises(TypeError):
            attribute_run(*arguments)
    assert (Store.of(options).folder(run_id(RUN)) / "attributions.npz").exists()


def test_a_keras_run_is_refused_with_what_it_needs():
    with pytest.raises(ValueError, match="framework must be torch for attributions, .* Received: framework='keras'"):
        attribute_run(Config(), Options(), ())


def test_shares_and_sums_of_known_maps():
    maps = np.array([[[1.0, -2.0], [1.0, 0.0]], [[0.0, 0.0], [0.0, 0.0]]])
    images = np.array([[[[9], [0]], [[3], [0]]]] * 2, np.uint8)
    np.testing.assert_array_equal(share_on_object(maps, images), [0.5, np.nan])
    np.testing.assert_allclose(completeness(maps[:1], np.array([0.5])), [0.5 / 4])
    assert np.isnan(completeness(0 * maps[:1], np.zeros(1))).all()
    np.testing.assert_allclose(rank_correlation(maps[:1], -2 * maps[:1]), [1])
    np.testing.assert_allclose(
        rank_correlation(np.arange(6.0).reshape(1, 2, 3), 9 - np.arange(6.0).reshape(1, 2, 3)), -1
    )


def test_images_are_the_first_of_each_class_one_after_the_other(monkeypatch):
    monkeypatch.setattr(attributions, "PER_CLASS", 2)
    assert first_of_each(np.array([1, 1, 0, 1, 0, 0]), 2).tolist() == [2, 0, 4, 1]
    with pytest.raises(ValueError, match="a test set must have 2 examples of each class. Received: 3 examples"):
        first_of_each(np.array([1, 1, 0]), 2)
