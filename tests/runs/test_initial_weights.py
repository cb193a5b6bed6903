"""Initial weights: the published bounds and variances, and a stream for each array."""

import hashlib
import math

import numpy as np
import pytest
from scipy import stats

from common.runs.initial_weights import draw

DENSE = {"fc1/kernel": (300, 200), "fc1/bias": (200,)}  # fans 300 and 200
CONVOLUTION = {"conv1/kernel": (3, 3, 16, 64), "conv1/bias": (64,)}  # fans 144 and 576
SHAPES = DENSE | CONVOLUTION | {"fc2/kernel": (300, 200), "fc2/bias": (200,)}
FANS = {"fc1/kernel": (300, 200), "conv1/kernel": (144, 576)}


def assert_uniform(values, bound):
    n = values.size
    assert np.abs(values).max() <= np.float32(bound) and np.abs(values).max() > bound * (1 - 20 / n)
    assert abs(values.mean()) < 5 * bound / math.sqrt(3 * n)
    assert values.var() == pytest.approx(bound**2 / 3, rel=5 / math.sqrt(n))


@pytest.mark.parametrize("name", FANS)
def test_glorot_kernels_are_uniform_within_their_bound(name):
    fan_in, fan_out = FANS[name]
    assert_uniform(draw(SHAPES, "glorot_uniform", 0)[name], math.sqrt(6 / (fan_in + fan_out)))


@pytest.mark.parametrize("name", FANS)
def test_he_kernels_are_normal_with_variance_2_over_fan_in(name):
    values = draw(SHAPES, "he_normal", 0)[name].astype(float).ravel() / math.sqrt(2 / FANS[name][0])
    assert abs(values.mean()) < 5 / math.sqrt(values.size) and abs(values.var() - 1) < 5 * math.sqrt(2 / values.size)
    assert np.mean(np.abs(values) < 1) == pytest.approx(0.6827, abs=0.02) and np.abs(values).max() > 3


@pytest.mark.parametrize("name", FANS)
def test_torch_kernels_and_biases_share_the_bound_of_the_kernels_fan_in(name):
    weights = draw(SHAPES, "torch", 0)
    assert_uniform(weights[name], 1 / math.sqrt(FANS[name][0]))
    assert_uniform(weights[name.replace("kernel", "bias")], 1 / math.sqrt(FANS[name][0]))


@pytest.mark.parametrize("initializer", ["glorot_uniform", "he_normal"])
def test_the_other_biases_are_0(initializer):
    weights = draw(SHAPES, initializer, 0)
    assert not any(weights[name].any() for name in weights if name.endswith("bias"))


@pytest.mark.parametrize("initializer", ["glorot_uniform", "he_normal", "torch"])
def test_every_array_has_its_own_stream(initializer):
    weights = draw(SHAPES, initializer, 0)
    assert {name: (array.shape, array.dtype) for name, array in weights.items()} == {
        name: (shape, np.dtype("float32")) for name, shape in SHAPES.items()
    }
    alone = draw(DENSE, initializer, 0) | draw(CONVOLUTION, initializer, 0)
    for name, array in alone.items():
        np.testing.assert_array_equal(array, weights[name])
    assert np.mean(weights["fc1/kernel"] != weights["fc2/kernel"]) > 0.99
    assert np.mean(weights["fc1/kernel"] != draw(SHAPES, initializer, 1)["fc1/kernel"]) > 0.99


@pytest.mark.parametrize("initializer", ["glorot_uniform", "he_normal", "torch"])
def test_batch_norm_starts_as_the_identity_and_changes_no_other_array(initializer):
    kinds = {"gamma": 1, "beta": 0, "moving_mean": 0, "moving_variance": 1}
    weights = draw({f"bn/{kind}": (5,) for kind in kinds} | DENSE, initializer, 0)
    for kind, value in kinds.items():
        assert weights[f"bn/{kind}"].dtype == np.float32
        np.testing.assert_array_equal(weights[f"bn/{kind}"], np.full(5, value))
    for name, array in draw(DENSE, initializer, 0).items():
        np.testing.assert_array_equal(weights[name], array)


@pytest.mark.parametrize(
    "initializer, start",
    [("glorot_uniform", "961ce2cf8eeb"), ("he_normal", "4498199be4c5"), ("torch", "e94c90ae2241")],
)
def test_draws_are_those_of_the_published_runs(initializer, start):
    arrays = draw(SHAPES, initializer, 0)
    digest = hashlib.sha256(b"".join(arrays[name].tobytes() for name in SHAPES)).hexdigest()
    assert digest.startswith(start)


def test_the_tutorials_kernels_are_cut_off_at_two_deviations_and_its_hidden_biases_are_a_tenth():
    shapes = SHAPES | {"logits/kernel": (300, 10), "logits/bias": (10,), "conv2/bias": (64,)}
    weights = draw(shapes, "cifar10_tutorial", 0)
    for name, deviation in {"conv1/kernel": 0.05, "fc1/kernel": 0.04, "logits/kernel": 1 / 192}.items():
        values = weights[name].astype(float).ravel() / deviation
        assert 1.9 < np.abs(values).max() <= 2 and values.std() == pytest.approx(0.8796, abs=0.04)
    biases = {name: float(weights[f"{name}/bias"].max()) for name in ("conv1", "conv2", "fc1", "fc2", "logits")}
    assert biases == pytest.approx({"conv1": 0, "conv2": 0.1, "fc1": 0.1, "fc2": 0.1, "logits": 0})
    assert all(np.ptp(array) == 0 for name, array in weights.items() if name.endswith("bias"))


RECURRENT = {
    "lstm/kernel": (30, 80),
    "lstm/recurrent_kernel": (20, 80),
    "lstm/bias": (80,),
    "words/embeddings": (99, 9),
}


@pytest.mark.parametrize("initializer", ["glorot_uniform", "he_normal"])
def test_recurrent_layers_and_embeddings_start_as_in_keras(initializer):
    weights = draw(RECURRENT | DENSE, initializer, 0)
    recurrent = weights["lstm/recurrent_kernel"]
    np.testing.assert_allclose(recurrent @ recurrent.T, np.eye(20), atol=1e-6)
    assert (recurrent > 0).any() and (recurrent < 0).any()
    np.testing.assert_array_equal(weights["lstm/bias"].reshape(4, 20), np.repeat([[0], [1], [0], [0]], 20, axis=1))
    assert_uniform(weights["words/embeddings"], 0.05)
    for name, array in draw(DENSE, initializer, 0).items():
        np.testing.assert_array_equal(weights[name], array)
    if initializer == "glorot_uniform":
        assert_uniform(weights["lstm/kernel"], math.sqrt(6 / 110))


def test_recurrent_layers_and_embeddings_start_as_in_torch():
    weights = draw(RECURRENT, "torch", 0)
    for name in ("kernel", "recurrent_kernel"):
        assert_uniform(weights[f"lstm/{name}"], 1 / math.sqrt(20))
    assert 0.15 < np.abs(weights["lstm/bias"]).max() <= 1 / math.sqrt(20)
    assert stats.kstest(weights["words/embeddings"].ravel(), "norm").pvalue > 0.001


@pytest.mark.slow
def test_the_numbers_of_torch_manual_seed_are_pytorchs_own():
    import torch

    torch.manual_seed(3)
    layers = {
        "conv1": torch.nn.Conv2d(3, 16, 5),
        "conv2": torch.nn.Conv2d(16, 8, 3),
        "fc1": torch.nn.Linear(8 * 9, 50),
        "fc2": torch.nn.Linear(50, 20),
        "logits": torch.nn.Linear(20, 10, bias=False),
    }
    shapes = {"conv1/kernel": (5, 5, 3, 16), "conv1/bias": (16,), "conv2/kernel": (3, 3, 16, 8), "conv2/bias": (8,)}
    shapes |= {"fc1/kernel": (72, 50), "fc1/bias": (50,), "fc2/kernel": (50, 20), "fc2/bias": (20,)}
    weights = draw(shapes | {"logits/kernel": (20, 10)}, "torch_manual_seed", 3)
    for name, array in weights.items():
        layer, kind = name.split("/")
        own = getattr(layers[layer], {"kernel": "weight"}.get(kind, kind)).detach()
        if name == "fc1/kernel":  # its inputs are flattened channel by channel
            own = own.view(50, 8, 9).permute(0, 2, 1).reshape(50, 72)
        expected = own.permute(2, 3, 1, 0) if own.ndim == 4 else own.T if own.ndim == 2 else own
        np.testing.assert_array_equal(array, expected.numpy())


@pytest.mark.parametrize("name", ["norm/gamma", "lstm/kernel", "embedding/embeddings"])
def test_torch_manual_seed_draws_what_it_knows_alone(name):
    shapes = {"lstm/kernel": (4, 8), "lstm/recurrent_kernel": (2, 8), name: (4, 8)}
    with pytest.raises(ValueError, match="must draw linear and convolution layers. Received: "):
        draw(shapes, "torch_manual_seed", 0)
