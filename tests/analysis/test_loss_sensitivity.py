"""Loss-sensitivity: Gini coefficients, class matrices, and what is kept of a run."""

import dataclasses
import json

import numpy as np
import pytest
import torch

from common import frameworks
from common.analysis import loss_sensitivity
from common.analysis.evaluator import load
from common.analysis.loss_sensitivity import (
    SENSITIVITY,
    Sensitivity,
    check_replay,
    checkpoints,
    class_sensitivity,
    gini,
    gini_curve,
    local_gradient_norms,
    loss_weights,
    next_batch,
    off_diagonal_share,
    running_means,
    sensitivity_run,
    summary,
)
from common.data.epochs import EpochPlan
from common.runs.config import Config, Options, run_id
from common.runs.run import draw_plan
from common.runs.store import Store, file_sha256
from common.runs.task import prepare
from common.runs.trainers import make_trainer
from common.runs.training import train

pytestmark = pytest.mark.slow

unrolled = frameworks.module("torch", "unrolled")
CONFIG = Config(
    model="mlp2", width=4, dataset="digits", framework="torch", downscale=2, train_size=50, batch_size=20, epochs=2,
    weight_decay=0.01, learning_rate=0.1,
)  # fmt: skip
GENERATOR = np.random.default_rng(0)


@pytest.fixture(scope="module")
def options(tmp_path_factory):
    """Of a folder with a finished run."""
    options = Options(output_dir=tmp_path_factory.mktemp("output"), device="cpu", threads=1)
    train(CONFIG, options)
    return options


@pytest.fixture
def swept(monkeypatch):
    """Settings of the runs that were unrolled, as a list that grows."""
    found, made = [], loss_sensitivity.unrolled_sensitivity
    monkeypatch.setattr(
        loss_sensitivity, "unrolled_sensitivity", lambda *values: found.append(values[-1]) or made(*values)
    )
    return found


def test_gini_is_0_of_equal_values_and_largest_of_one_that_is_not_0():
    assert gini([3, 3, 3]) == gini([0.1]) == 0
    assert gini([0, 0, 7, 0]) == pytest.approx(3 / 4)
    assert gini([1, 3]) == pytest.approx(1 / 4)


def test_gini_is_the_double_sum_whatever_the_order_and_the_scale():
    values = GENERATOR.exponential(size=30)
    double_sum = np.abs(values[:, None] - values).sum() / (2 * 30**2 * values.mean())
    assert gini(values) == gini(values[::-1]) == pytest.approx(double_sum)
    assert gini(values.astype(np.float32) * 1e-30) == pytest.approx(double_sum)


@pytest.mark.parametrize("values", [[1, -1], [0, 0], [], [1, np.nan], [1, np.inf]])
def test_gini_of_what_is_no_distribution_is_refused(values):
    with pytest.raises(ValueError, match="^values must be finite, 0 or more and not all 0. Received: ") as caught:
        gini(values)
    assert "\n" not in str(caught.value)


def test_means_run_over_checkpoints_and_so_does_their_gini():
    norms = np.array([[0, 0], [2, 0], [1, 3]], np.float32)
    np.testing.assert_allclose(running_means(norms), [[0, 0], [1, 0], [1, 1]])
    assert running_means(norms[..., None])[1].tolist() == [[1], [0]]
    np.testing.assert_allclose(gini_curve(norms), [np.nan, 0.5, 0])


def test_class_sensitivity_is_the_mean_over_checkpoints_and_examples_of_a_class():
    labels, norms = np.array([1, 0, 1, 1]), GENERATOR.random((5, 3, 4))
    matrix = class_sensitivity(norms, labels)
    assert matrix.shape == (3, 3)
    assert matrix[2, 0] == pytest.approx(norms[:, 2, 1].mean())
    assert matrix[0, 1] == pytest.approx(norms[:, 0][:, [0, 2, 3]].mean())
    assert np.isnan(matrix[:, 2]).all()
    assert off_diagonal_share(matrix) == pytest.approx(1 - (matrix[0, 0] + matrix[1, 1]) / matrix[:, :2].sum())
    assert off_diagonal_share(np.eye(3)) == 0 and off_diagonal_share(np.ones((4, 4))) == 3 / 4
    with pytest.raises(ValueError, match="^labels must be from 0 to 1. Received: 0 to 2$"):
        class_sensitivity(norms[:, :2], labels + (labels == 1))


def test_losses_are_means_over_the_examples_at_places_and_their_classes_parts():
    labels, places = np.array([2, 0, 2, 1]), [np.arange(4), np.array([3, 0])]
    train_loss, batch_loss = loss_weights(labels, 3, places)
    assert train_loss.tolist() == (np.array([[1, 1, 1, 1], [0, 1, 0, 0], [0, 0, 0, 1], [1, 0, 1, 0]]) / 4).tolist()
    assert batch_loss.tolist() == (np.array([[1, 0, 0, 1], [0, 0, 0, 0], [0, 0, 0, 1], [1, 0, 0, 0]]) / 2).tolist()
    assert loss_weights(labels, 0, places).tolist() == [[train_loss[0].tolist()], [batch_loss[0].tolist()]]


def test_checkpoints_are_every_so_many_steps_and_the_last():
    assert checkpoints(20, 10).tolist() == [10, 20]
    assert checkpoints(21, 10).tolist() == [10, 20, 21]
    assert checkpoints(3, 10).tolist() == [3]


def test_the_next_batch_is_that_of_the_step_to_come():
    plans = [EpochPlan(np.array([3, 1, 4, 0, 2])), EpochPlan(np.array([0, 1, 2, 3, 4]))]
    assert [next_batch(plans, 2, time).tolist() for time in range(5)] == [[3, 1], [4, 0], [2], [0, 1], [2, 3]]


def test_a_summary_has_the_means_the_gini_over_time_and_a_matrix_where_there_are_classes():
    norms, labels = 1e100 * GENERATOR.random((3, 4, 3, 5)), np.array([0, 1, 1, 0, 1])
    found = summary(norms, labels)
    np.testing.assert_allclose(found["sensitivity"], norms[:, :, 0].mean(1), rtol=1e-6)
    np.testing.assert_allclose(found["gini"][2], gini_curve(norms[2, :, 0]))
    np.testing.assert_allclose(found["classes"][1], class_sensitivity(norms[1, :, 1:], labels))
    assert set(summary(norms[:, :, :1], labels)) == {"sensitivity", "gini"}


@pytest.mark.parametrize("loss, direct", [("train", False), ("batch", True)])
def test_a_runs_sensitivity_is_that_of_its_own_training(options, loss, direct):
    settings = Sensitivity(every=4, loss=loss, direct=direct)
    found, task, model = sensitivity_run(CONFIG, options, settings), prepare(CONFIG), load_run(CONFIG, options)
    plans = [draw_plan(CONFIG, task, epoch) for epoch in range(3)]
    training = unrolled.replay(make_trainer(CONFIG, task, "cpu"), plans[:2], [0.1, 0.1 * CONFIG.decay])
    np.testing.assert_array_equal(training.states[-1], unrolled.as_vector(model.network))
    places = [np.arange(50)] * 2 if loss == "train" else [plans[1].order[20:40], plans[2].order[:20]]
    training = training.double()
    assert training.inputs.dtype == training.states.dtype == torch.float64
    norms = unrolled.gradient_norms(training, [4, 6], loss_weights(task.train.labels, 10, places), direct)
    assert found["steps"].tolist() == [4, 6] and json.loads(str(found["settings"])) == dataclasses.asdict(settings)
    np.testing.assert_array_equal(found["indices"], task.train.indices)
    for name, values in summary(norms, task.train.labels).items():
        np.testing.assert_allclose(found[name], values, rtol=1e-12)
    assert found["seconds"].shape == () and 0 < found["seconds"] < 60
    local = local_gradient_norms(model, model.prepare(task.train.inputs, CONFIG), task.train.labels)
    np.testing.assert_array_equal(found["local"], local)
    assert {name: array.shape for name, array in found.items() if array.ndim} == {
        "indices": (50,), "steps": (2,), "sensitivity": (3, 50), "gini": (3, 2), "classes": (3, 10, 10),
        "local": (3, 50),
    }  # fmt: skip


def load_run(config, options):
    return load(Store.of(options).model_path(config))


def test_a_runs_sensitivity_is_kept_until_settings_or_model_change(options, swept):
    store, first, second = Store.of(options), Sensitivity(every=6), Sensitivity(every=3)
    path = store.folder(run_id(CONFIG)) / "loss_sensitivity.npz"
    path.unlink(missing_ok=True)
    assert store.kept_arrays(run_id(CONFIG), SENSITIVITY) == {}
    found = sensitivity_run(CONFIG, options, first)
    for again in (sensitivity_run(CONFIG, options, first), store.kept_arrays(run_id(CONFIG), SENSITIVITY)):
        assert set(again) == set(found) and all(np.array_equal(again[name], found[name]) for name in found)
    assert swept == [first]
    sensitivity_run(CONFIG, options, second)
    assert swept == [first, second]
    kept = store.kept_arrays(run_id(CONFIG), SENSITIVITY)
    assert kept["model_sha256"] == file_sha256(store.model_path(CONFIG))
    older = {name: array for name, array in kept.items() if name != "model_sha256"}
    for arrays in (older, {**kept, "model_sha256": np.array("of another")}):
        np.savez(path, **arrays)
        sensitivity_run(CONFIG, options, second)
        sensitivity_run(CONFIG, options, second)
    sensitivity_run(CONFIG, options, second, force=True)
    assert swept == [first] + [second] * 4


def test_where_each_example_is_a_class_there_is_no_matrix_of_classes(options):
    config = dataclasses.replace(CONFIG, unique_labels=True, train_size=20, batch_size=10, epochs=1)
    train(config, options)
    found = sensitivity_run(config, options)
    assert "classes" not in found and found["sensitivity"].shape == (3, 20) and found["sensitivity"].any()


@pytest.mark.parametrize(
    "changes, named",
    [
        ({"framework": "keras"}, "framework must be torch .*framework='keras'"),
        ({"optimizer": "adam"}, "optimizer must be sgd .*optimizer='adam'"),
        ({"precision": "bfloat16"}, "precision must be float32 .*precision='bfloat16'"),
        ({"flip": True}, "a run must have steps, without augmentation"),
        ({"input_noise": 0.1}, "a run must have steps, without augmentation, noise"),
        ({"epochs": 0}, "a run must have steps.* of 0 epochs"),
        ({"model": "cnn2", "padding": "same_stride_2"}, "model must have no batch norm .*model='cnn2'"),
    ],
)
def test_a_training_that_cannot_be_unrolled_is_refused_in_one_line(options, changes, named):
    config = dataclasses.replace(CONFIG, **{"epochs": 1, "downscale": 1, **changes})
    train(config, options)
    with pytest.raises(ValueError, match=f"^{named}") as caught:
        sensitivity_run(config, options)
    assert "\n" not in str(caught.value) and not Store.of(options).kept_arrays(run_id(config), SENSITIVITY)


def test_a_run_must_be_finished(options):
    with pytest.raises(ValueError, match="^a run must be finished"):
        sensitivity_run(dataclasses.replace(CONFIG, seed=9), options)


def test_of_a_run_that_diverged_nothing_is_kept(options):
    diverged = dataclasses.replace(CONFIG, learning_rate=1e30)
    train(diverged, options)
    assert sensitivity_run(diverged, options) == Store.of(options).kept_arrays(run_id(diverged), SENSITIVITY) == {}


def test_a_replay_that_ends_elsewhere_is_refused(options):
    model = load_run(CONFIG, options)
    weights = model.get_weights()
    check_replay({name: values * 1.0005 for name, values in weights.items()}, model)
    for factor, named in ((1.01, "1.0% away"), (np.nan, "nan% away")):
        with pytest.raises(ValueError, match=f"^a replayed training must end at the saved weights. .*pt, {named}$"):
            check_replay({name: values * factor for name, values in weights.items()}, model)


def test_local_norms_are_of_the_networks_own_input_gradients_and_wrong_input_is_refused(options):
    model, x = load_run(CONFIG, options), GENERATOR.random((2, 4, 4, 1)).astype(np.float32)
    labels, moved, step = np.array([3, 1]), x.copy(), 1e-2
    l1, l2, largest = local_gradient_norms(model, x, labels)
    assert (largest <= l2).all() and (l2 <= l1).all()
    slopes = np.empty(16)
    for pixel in range(16):
        ends = []
        for sign in (1, -1):
            moved[:] = x
            moved[0].flat[pixel] += sign * step
            logits = model.logits(moved)[0].astype(float)
            ends.append(np.log(np.exp(logits).sum()) - logits[3])
        slopes[pixel] = (ends[0] - ends[1]) / (2 * step)
    assert [l1[0], l2[0], largest[0]] == pytest.approx([np.linalg.norm(slopes, p) for p in (1, 2, np.inf)], rel=0.01)
    with pytest.raises(ValueError, match="^labels must be from 0 to 9. Received: 1 to 10$"):
        local_gradient_norms(model, x, np.array([1, 10]))
    keras_config = dataclasses.replace(CONFIG, framework="keras", epochs=0)
    train(keras_config, options)
    with pytest.raises(ValueError, match="^a model must be a .pt .*h5$"):
        local_gradient_norms(load_run(keras_config, options), x, labels)


@pytest.mark.parametrize("wrong, named", [({"every": 0}, "every=0"), ({"loss": "trian"}, "Did you mean train?")])
def test_wrong_settings_are_named(wrong, named):
    with pytest.raises(ValueError) as caught:
        Sensitivity(**wrong)
    assert named in str(caught.value)
