"""Similarity of representations: closed forms, invariances, and both sides of the products."""

import numpy as np
import pytest

from common.analysis.similarity import linear_cka, svcca

A, B, C = np.array([[1, 1, -1, -1], [1, -1, 1, -1], [1, -1, -1, 1]]) / 2  # orthonormal, each of mean 0
ALL = 1 - 1e-12  # so large a share of the variance that every direction is kept
TALL, WIDE = (400, 12), (30, 80)
shapes = pytest.mark.parametrize("shape", [TALL, WIDE], ids=["tall", "wide"])
both = pytest.mark.parametrize("similarity", [linear_cka, svcca])


def normal(shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape)


def decaying(shape, seed=0):
    """Features off the origin with singular values from 1 to 0.03."""
    left, _, right = np.linalg.svd(normal(shape, seed), full_matrices=False)
    return left * np.geomspace(1, 0.03, min(shape)) @ right + 5


def rotation(side, seed=9):
    return np.linalg.qr(normal((side, side), seed))[0]


@both
@shapes
def test_the_same_features_are_alike_whatever_their_rotation_common_factor_and_offset(similarity, shape):
    x = decaying(shape)
    rotated = x @ rotation(shape[1])
    for y in (x, rotated, -0.01 * x, 3e6 * rotated, x + normal(shape[1], 3), np.c_[x, x] @ rotation(2 * shape[1])):
        assert similarity(x, y) == pytest.approx(1, abs=1e-9)


@both
def test_features_of_two_networks_may_be_swapped(similarity):
    x, y = decaying((200, 12)), np.tanh(decaying((200, 12), 1) @ normal((12, 30), 2))
    assert 0.01 < similarity(x, y) < 0.99
    assert similarity(x, y) == pytest.approx(similarity(y, x), rel=1e-9)


def test_invertible_linear_maps_change_cka_and_no_canonical_correlation():
    x, y = decaying((400, 12)), decaying((400, 12), 1) + decaying((400, 12))
    stretched = x @ rotation(12) @ np.diag(np.geomspace(1, 20, 12)) @ rotation(12, 8)
    assert abs(linear_cka(stretched, y) - linear_cka(x, y)) > 0.02 and linear_cka(x, stretched) < 0.9
    assert svcca(stretched, y, ALL) == pytest.approx(svcca(x, y, ALL), abs=1e-9)
    assert svcca(x, stretched, ALL) == pytest.approx(1, abs=1e-9)


@both
@pytest.mark.parametrize("widths", [(5, 5), (10, 3)])
def test_independent_features_of_many_examples_are_not_alike(similarity, widths):
    x, y = (normal((20_000, width), seed) for seed, width in enumerate(widths))
    assert similarity(x, y) < 0.03


@pytest.mark.parametrize("angle", [0.0, 0.3, 1.0, 1.5, np.pi / 2])
def test_two_directions_are_as_alike_as_the_cosine_between_them(angle):
    x, y = 7 * A[:, None], np.cos(angle) * A[:, None] + np.sin(angle) * B[:, None] - 2
    assert linear_cka(x, y) == pytest.approx(np.cos(angle) ** 2, abs=1e-12)
    assert svcca(x, y) == pytest.approx(np.cos(angle), abs=1e-12)


def test_two_planes_that_share_one_direction():
    x, y = np.stack([2 * A, B], axis=1), np.stack([A, C], axis=1)
    assert linear_cka(x, y) == pytest.approx(4 / (np.sqrt(17) * np.sqrt(2)))  # y'x = diag(2, 0)
    assert svcca(x, y) == pytest.approx(1 / 2)  # correlations 1 and 0
    assert svcca(x, y, variance=0.79) == pytest.approx(1)  # 4/5 of the variance of x is along the shared one
    assert svcca(x, np.stack([C, C], axis=1)) == pytest.approx(0, abs=1e-12)


@shapes
def test_products_over_examples_and_over_features_agree(shape):
    x, y = decaying(shape), decaying(shape, 1)[:, :7] + decaying(shape)[:, :7]
    centred = [features - features.mean(axis=0) for features in (x, y)]
    over_examples = [features @ features.T for features in centred]
    norms = [np.linalg.norm(kernel) for kernel in over_examples]
    expected = np.trace(over_examples[0] @ over_examples[1]) / (norms[0] * norms[1])
    assert linear_cka(x, y) == pytest.approx(expected, rel=1e-12)
    constant = np.ones((shape[0], 500))  # columns that add nothing, but now examples are the shorter side
    assert linear_cka(np.c_[x, constant], y) == pytest.approx(expected, rel=1e-12)


@shapes
def test_svcca_is_that_of_singular_vectors(shape):
    x, y = decaying(shape), decaying(shape, 1)[:, :7] + decaying(shape)[:, :7]
    bases = []
    for features in (x, y):
        left, singular, _ = np.linalg.svd(features - features.mean(axis=0), full_matrices=False)
        shares = np.cumsum(singular**2) / np.sum(singular**2)
        bases.append(left[:, : np.count_nonzero(shares <= 0.9) + 1])
    expected = np.linalg.svd(bases[0].T @ bases[1], compute_uv=False).mean()
    assert 0.1 < expected < 0.99
    assert svcca(x, y, variance=0.9) == pytest.approx(expected, abs=1e-9)


@both
def test_single_precision_and_integers_are_computed_in_double_and_left_alone(similarity):
    x, y = (np.rint(decaying((200, 12), seed) * 100) for seed in (0, 1))
    expected = similarity(x, y)
    for kind in (np.float32, np.int64, np.uint16):
        inputs = x.astype(kind), y.astype(kind)
        kept = [features.copy() for features in inputs]
        assert similarity(*inputs) == pytest.approx(expected, rel=1e-12)
        np.testing.assert_array_equal(inputs, kept)


@both
@pytest.mark.parametrize(
    ("x", "y", "message"),
    [
        (np.eye(3), [[0, 1], [2, np.nan], [3, 4]], "features must be finite. Received: features[1, 1]=nan"),
        (np.eye(3), np.eye(4), "y must hold the examples of x. Received: x of shape (3, 3), y of shape (4, 4)"),
        (np.ones(3), np.eye(3), "features must have shape (n, d), d >= 1. Received: features of shape (3,)"),
        (
            np.full((3, 2), 0.1),
            np.eye(3),
            "x must differ between examples. Received: x of shape (3, 2), constant or empty",
        ),
        (
            np.eye(3),
            np.tile([0.1, 0.7], (3, 1)),
            "y must differ between examples. Received: y of shape (3, 2), constant or empty",
        ),
        (
            np.eye(3)[:1],
            np.eye(3)[:1],
            "x must differ between examples. Received: x of shape (1, 3), constant or empty",
        ),
        (
            np.eye(3)[:0],
            np.eye(3)[:0],
            "x must differ between examples. Received: x of shape (0, 3), constant or empty",
        ),
    ],
    ids=["nan", "examples", "vector", "constant x", "constant y", "one example", "none"],
)
def test_errors(similarity, x, y, message):
    with pytest.raises(ValueError) as error:
        similarity(x, y)
    assert str(error.value) == message


@pytest.mark.parametrize("variance", [0.0, 1.0, float("nan")])
def test_shares_of_the_variance_lie_between_0_and_1(variance):
    with pytest.raises(ValueError, match=r"^variance must lie between 0 and 1, both excluded\. Received: variance="):
        svcca(np.eye(3), np.eye(3), variance)
