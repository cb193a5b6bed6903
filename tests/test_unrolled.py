"""Gradients through training: finite differences, a step in closed form, and the trainer's own steps."""

import copy
import dataclasses
import math

import numpy as np
import pytest
import torch
from scipy.special import softmax
from torch.nn.functional import cross_entropy

from common.data.epochs import draw
from common.data.inputs import ImageInputs
from common.runs.config import Config
from torch_models import MODELS, unrolled
from torch_models.trainer import Trainer, make_optimizer, set_learning_rate
from torch_models.unrolled import (
    Training,
    as_vector,
    gradient_norms,
    input_gradient_norms,
    loss_gradients,
    norms,
    pull_back,
    replay,
)

pytestmark = pytest.mark.slow

N, CLASSES, EXAMPLE = 12, 3, 4
CONFIG = Config(framework="torch", momentum=0.8, weight_decay=0.1)
GENERATOR = np.random.default_rng(0)
LABELS = torch.from_numpy(GENERATOR.integers(0, CLASSES, N))
RATES = 0.3, 0.2, 0.1
STEPS = [(rate, places) for rate in RATES for places in torch.from_numpy(GENERATOR.permutation(N)).split(5)]
TIME = 7
TRAIN = torch.full((N,), 1 / N, dtype=torch.float64)
BATCH = torch.zeros(N, dtype=torch.float64).index_fill(0, STEPS[TIME][1], 1 / len(STEPS[TIME][1]))


def made(name, shape=(3, 3, 1), **options):
    """A model with PyTorch's own initial weights and inputs for it, in float64."""
    torch.manual_seed(0)
    return MODELS[name](shape, CLASSES, **options).double(), torch.rand(N, *shape, dtype=torch.float64)


def trained(model, inputs, steps, config=CONFIG):
    """A copy that an optimizer of the trainer has trained, and its states."""
    model = copy.deepcopy(model)
    optimizer, states = make_optimizer(config, model.parameters()), [as_vector(model)]
    for rate, places in steps:
        set_learning_rate(optimizer, rate)
        optimizer.zero_grad()
        cross_entropy(model(inputs[places]), LABELS[places]).backward()
        optimizer.step()
        states.append(as_vector(model))
    return model, torch.stack(states)


def training_of(model, inputs, steps=STEPS, config=CONFIG):
    _, states = trained(model, inputs, steps, config)
    return Training(model, inputs, LABELS, states, steps, config.momentum, config.weight_decay)


def loss(model, inputs, weights):
    return (weights * cross_entropy(model(inputs), LABELS, reduction="none")).sum().item()


@pytest.mark.parametrize("direct", [False, True])
@pytest.mark.parametrize("weights", [TRAIN, BATCH], ids=["train", "batch"])
@pytest.mark.parametrize("name, options", [("mlp1", {}), ("mlp2", {"width": 4}), ("cnn2", {"width": 2})])
def test_gradients_are_those_of_training_again_with_another_pixel(name, options, weights, direct):
    convolutions = {"shape": (8, 8, 1), "padding": "same_stride_2", "batch_norm": False} if name == "cnn2" else {}
    model, inputs = made(name, **options, **convolutions)
    (gradients,) = loss_gradients(training_of(model, inputs), [TIME], weights[None], direct)
    for example, pixel in ((EXAMPLE, (1, 2, 0)), (int(STEPS[TIME][1][0]), (0, 1, 0))):
        moved, step, ends = inputs.clone(), 1e-6, []
        for value in (inputs[example][pixel] + step, inputs[example][pixel] - step):
            moved[example][pixel] = value
            final, _ = trained(model, moved, STEPS[:TIME])
            ends.append(loss(final, moved if direct else inputs, weights))
        slope = (ends[0] - ends[1]) / (2 * step)
        assert abs(slope) > 1e-7 and gradients[example][pixel].item() == pytest.approx(slope, rel=1e-4)


def test_a_step_of_softmax_regression_is_the_closed_form():
    model = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(9, CLASSES)).double()
    _, inputs = made("mlp1")
    rate, places = STEPS[0]
    plain = Config(momentum=0.0)
    training = training_of(model, inputs, STEPS[:1], plain)
    (gradients,) = loss_gradients(training, [1], TRAIN[None])
    x, one_hot = inputs.flatten(1).numpy(), np.eye(CLASSES)[LABELS]
    (before, bias), (after, bias_after) = (
        (state[:-CLASSES].view(CLASSES, 9).numpy(), state[-CLASSES:].numpy()) for state in training.states
    )
    errors = (softmax(x @ after.T + bias_after, axis=1) - one_hot) / N
    to_kernel, to_bias = errors.T @ x, errors.sum(0)
    p = softmax(x @ before.T + bias, axis=1)
    inner = x @ to_kernel.T + to_bias
    expected = (p - one_hot) @ to_kernel + (p * (inner - (p * inner).sum(1, keepdims=True))) @ before
    used = np.isin(np.arange(N), places)
    np.testing.assert_allclose(gradients.flatten(1)[used], -rate / len(places) * expected[used], rtol=1e-9)
    assert not gradients[~used].any() and not used.all()


def test_a_step_is_pulled_back_to_the_weights_the_velocity_and_the_inputs():
    training = training_of(*made("mlp2", width=4), STEPS[:1])
    adjoints, velocities = torch.rand(2, 1, training.states.shape[1], dtype=torch.float64)
    given = velocities - STEPS[0][0] * adjoints
    before = adjoints.clone()
    to_inputs = pull_back(training, 0, adjoints, velocities)
    assert to_inputs.shape == (1, 5, 3, 3, 1)
    torch.testing.assert_close(velocities, CONFIG.momentum * given)
    state, places = training.states[0], STEPS[0][1]
    hessian = torch.func.hessian(training.objective)(state, training.inputs[places], LABELS[places])
    torch.testing.assert_close(adjoints, before + given @ hessian)


def test_losses_of_many_points_and_parts_are_those_of_each_alone_and_parts_add_up():
    training, parts = training_of(*made("mlp2", width=4)), torch.rand(2, N, dtype=torch.float64)
    times, rows = [7, 7, 7, 4, 2, 2], torch.stack([*parts, parts.sum(0), *parts, TRAIN])
    together = loss_gradients(training, times, rows, direct=True)
    torch.testing.assert_close(together[0] + together[1], together[2])
    for time, row, found in zip(times, rows, together, strict=True):
        torch.testing.assert_close(loss_gradients(training, [time], row[None], direct=True)[0], found)


@pytest.mark.parametrize("at_once", [1, 3 * 8 * (N * 9 + 2 * 75), 2**26])
def test_norms_are_in_the_order_of_points_and_parts_however_many_fit_at_once(monkeypatch, at_once):
    training = training_of(*made("mlp2", width=4))
    assert training.states.shape[1] == 75
    calls, sweep = [], unrolled.loss_gradients
    monkeypatch.setattr(unrolled, "loss_gradients", lambda *values: calls.append(len(values[1])) or sweep(*values))
    monkeypatch.setattr(unrolled, "AT_ONCE", at_once)
    times, weights = np.array([3, 5, 8, 9]), GENERATOR.random((4, 2, N)).astype(np.float32)
    found = gradient_norms(training, times, weights)
    assert found.shape == (3, 4, 2, N) and max(calls) == {1: 1, 2**26: 8}.get(at_once, 3)
    for row, time in enumerate(times):
        gradients = sweep(training, [time] * 2, torch.from_numpy(weights[row]).double()).flatten(2).numpy()
        for norm, order in zip(found, (1, 2, math.inf), strict=True):
            np.testing.assert_allclose(norm[row], np.linalg.norm(gradients, order, axis=2), rtol=1e-9)


def test_a_replay_takes_the_trainers_own_steps_from_its_weights():
    config = dataclasses.replace(CONFIG, model="mlp2", width=4, batch_size=5)
    images = np.random.default_rng(0).integers(0, 256, (N, 3, 3, 1), np.uint8)
    trainers = [Trainer(config, ImageInputs((3, 3, 1), config), CLASSES) for _ in range(2)]
    plans = [draw(ImageInputs((3, 3, 1), config), 0, epoch, N) for epoch in range(3)]
    for trainer in trainers:
        trainer.set_weights(trainers[0].get_weights())
        trainer.put(images, LABELS.numpy())
    expected = [as_vector(trainers[0].model)]
    for rate, plan in zip(RATES, plans, strict=True):
        trainers[0].train_epoch(plan, rate)
        expected.append(as_vector(trainers[0].model))
    training = replay(trainers[1], plans, RATES)
    np.testing.assert_array_equal(training.states[::3].cpu(), torch.stack(expected).cpu())
    assert (training.momentum, training.weight_decay, training.inputs.dtype) == (0.8, 0.1, torch.float32)
    assert [rate for rate, _ in training.steps] == np.repeat(RATES, 3).tolist()
    rate, places = training.steps[0]
    slope = torch.func.grad(training.objective)(training.states[0], training.inputs[places], training.labels[places])
    torch.testing.assert_close(training.states[1], training.states[0] - rate * slope)


def test_a_model_with_moving_statistics_is_not_unrolled():
    config = Config(model="cnn2", width=2, framework="torch", padding="same_stride_2")
    trainer = Trainer(config, ImageInputs((8, 8, 1), config), CLASSES)
    with pytest.raises(ValueError, match="^model must have no batch norm .* Received: model='cnn2'$"):
        replay(trainer, [], [])


def test_local_norms_are_of_each_examples_own_loss(monkeypatch):
    monkeypatch.setattr(unrolled, "EVALUATION_BATCH", 5)
    model, inputs = made("mlp2", width=4)
    found = input_gradient_norms(model.train(), inputs.numpy(), LABELS.numpy())
    assert found.shape == (3, N) and not model.training
    for example in range(N):
        x = inputs[example : example + 1].clone().requires_grad_()
        cross_entropy(model(x), LABELS[example : example + 1]).backward()
        np.testing.assert_allclose(found[:, example], norms(x.grad.flatten()), rtol=1e-9)


def test_norms_are_l1_l2_and_the_largest():
    assert norms(torch.tensor([[3.0, -4.0], [0.0, 2.0]])).tolist() == [[7, 2], [5, 2], [4, 2]]
