"""Principal subspaces against singular value decompositions and closed forms."""

import numpy as np
import pytest

from common.analysis import linalg
from common.analysis.linalg import Subspaces, principal_subspace

TALL, WIDE, SQUARE = (300, 40), (40, 300), (60, 60)
SHAPES = pytest.mark.parametrize("shape", [TALL, WIDE, SQUARE], ids=["tall", "wide", "square"])


def normal(shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape)


def decaying(shape, smallest=1e-3, seed=0):
    """Random features of full rank whose singular values fall from 1 to `smallest`, about a mean that is not zero."""
    left, _, right = np.linalg.svd(normal(shape, seed) + 0.3, full_matrices=False)
    return left * np.geomspace(1, smallest, min(shape)) @ right


def projector(directions):
    return directions.T @ directions


@SHAPES
@pytest.mark.parametrize("size", [{"components": 1}, {"components": 7}, {"components": 20}, {"variance": 0.99}])
def test_directions_are_the_leading_right_singular_vectors(shape, size):
    features = decaying(shape)
    subspace = principal_subspace(features, **size)
    directions = subspace.directions
    _, singular, right = np.linalg.svd(features, full_matrices=False)
    ratios = np.cumsum(singular**2) / np.sum(singular**2)
    expected = size.get("components", np.count_nonzero(ratios <= 0.99) + 1)
    assert directions.dtype == np.float64
    assert directions.shape == (expected, shape[1]) == (subspace.size, shape[1])
    np.testing.assert_allclose(np.abs(np.sum(directions * right[:expected], axis=1)), 1, atol=1e-9)


@pytest.mark.parametrize("scale", [1e-12, 1.0, 1e12])
def test_one_direction_is_found_without_the_second_moment_unless_that_takes_too_long(monkeypatch, scale):
    sides, decompose = [], linalg.decompose
    monkeypatch.setattr(linalg, "decompose", lambda moment, few: sides.append(len(moment)) or decompose(moment, few))
    left, _, right = np.linalg.svd(normal((300, 100)), full_matrices=False)
    features = left * np.linspace(1, 0.99, 100) @ right * scale
    for restarts, dense in ((linalg.RESTARTS, []), (1, [100])):
        monkeypatch.setattr(linalg, "RESTARTS", restarts)
        (top,) = principal_subspace(features, components=1).basis
        assert abs(top @ right[0]) == pytest.approx(1, abs=1e-9) and np.linalg.norm(top) == pytest.approx(1, abs=1e-13)
        assert sides == dense


@SHAPES
@pytest.mark.parametrize("components", [33, 40])
def test_a_subspace_of_most_dimensions_is_that_of_the_leading_right_singular_vectors(shape, components):
    features = decaying(shape)
    subspace = principal_subspace(features, components=components)
    right = np.linalg.svd(features, full_matrices=False)[2][:components]
    assert subspace.directions.shape == right.shape and subspace.size == components
    np.testing.assert_allclose(subspace.directions @ subspace.directions.T, np.eye(components), atol=1e-13)
    np.testing.assert_allclose(projector(subspace.directions), projector(right), atol=1e-9)


@SHAPES
def test_the_smaller_side_is_decomposed(shape, monkeypatch):
    sides = []
    decompose = linalg.decompose
    monkeypatch.setattr(
        linalg, "decompose", lambda moment, count: sides.append(moment.shape) or decompose(moment, count)
    )
    principal_subspace(decaying(shape), variance=0.9)
    assert sides == [(min(shape), min(shape))]


def test_both_sides_give_the_same_subspace():
    features = decaying(WIDE)
    zeros = np.zeros((WIDE[1], WIDE[1]))  # no change to the second moment, but now there are more rows than columns
    by_examples = principal_subspace(features, variance=0.95)
    by_dimensions = principal_subspace(np.concatenate([features, zeros]), variance=0.95)
    assert len(by_examples.directions) == len(by_dimensions.directions) > 1
    np.testing.assert_allclose(projector(by_examples.directions), projector(by_dimensions.directions), atol=1e-10)


@pytest.mark.parametrize("shape", [TALL, WIDE], ids=["tall", "wide"])
def test_negatives_appended_are_the_uncentred_second_moment(shape):
    features = decaying(shape) + 0.5
    values, vectors = np.linalg.eigh(np.cov(np.concatenate([features, -features]), rowvar=False))
    directions = principal_subspace(features, components=5).directions
    np.testing.assert_allclose(projector(directions), projector(vectors[:, :-6:-1].T), atol=1e-9)
    centred = principal_subspace(features - features.mean(axis=0), components=5).directions
    assert np.abs(projector(directions) - projector(centred)).max() > 0.01


@pytest.mark.parametrize(
    ("variance", "size"), [(0.1, 1), (0.63, 1), (0.64, 2), (0.79, 2), (0.8, 3), (0.96, 4), (0.97, 4)]
)
def test_size_counts_the_cumulative_ratios_up_to_the_threshold_and_one_more(variance, size):
    features = np.diag([2.0, 8.0, 4.0, 4.0])  # ratios 0.64, 0.80, 0.96, 1
    assert len(principal_subspace(features, variance=variance).directions) == size


@SHAPES
def test_rows_are_orthonormal_where_eigenvalues_are_near_rounding_error(shape):
    directions = principal_subspace(decaying(shape, smallest=1e-6), components=min(shape)).directions
    assert len(directions) == min(shape)
    np.testing.assert_allclose(directions @ directions.T, np.eye(len(directions)), atol=1e-13)


@SHAPES
@pytest.mark.parametrize("size", [{"components": 9}, {"components": 30}, {"variance": 0.999999}])
def test_size_is_at_most_the_rank(shape, size):
    features = normal((shape[0], 3)) @ normal((3, shape[1]), seed=1)
    assert len(principal_subspace(features, **size).directions) == 3


@SHAPES
@pytest.mark.parametrize("size", [{"components": 1}, {"components": 2}, {"variance": 0.99}])
def test_features_that_are_all_zero_span_nothing(shape, size):
    subspace = principal_subspace(np.zeros(shape), **size)
    assert subspace.directions.shape == (0, shape[1])
    np.testing.assert_array_equal(Subspaces([subspace]).squared_lengths(np.ones((3, shape[1]))), 0)


@SHAPES
def test_squared_lengths_are_those_of_the_projections(shape):
    spaces = [principal_subspace(decaying(shape, 0.1, seed=k), components=k) for k in (1, 9, 19, 21, 38, 40)]
    spaces.insert(1, principal_subspace(np.zeros(shape), components=1))
    points = normal((50, shape[1]), seed=1)
    expected = [np.linalg.norm(points @ projector(space.directions), axis=1) ** 2 for space in spaces]
    together = Subspaces(spaces)
    np.testing.assert_allclose(together.squared_lengths(points), expected, rtol=1e-10)
    np.testing.assert_equal(list(together), spaces)
    assert Subspaces(together, np.float32).squared_lengths(points.astype(np.float32)).dtype == np.float32


def test_the_shorter_basis_is_kept():
    features = decaying(TALL, smallest=0.1)
    inside = principal_subspace(features, components=20)
    assert inside.basis.shape == (20, 40) and not inside.outside
    outside = principal_subspace(features, components=21)
    assert outside.basis.shape == (19, 40) and outside.outside
    np.testing.assert_allclose(outside.basis @ outside.directions.T, 0, atol=1e-12)


@pytest.mark.parametrize("side", [1, 2, 7, 40])
def test_eigenvectors_are_those_that_are_asked_for(side):
    moment = projector(normal((50, side)))
    values, vectors = linalg.decompose(moment.copy())
    assert np.all(np.diff(values) <= 0)
    np.testing.assert_allclose(linalg.decompose(moment.copy(), 10)[0], values[: 10 if side == 40 else side])
    for start, stop in ((0, side), (0, 1), (side // 2, side), (side, side), (0, 0)):
        rows = vectors(start, stop)
        assert rows.shape == (stop - start, side)
        np.testing.assert_allclose(rows @ moment, values[start:stop, None] * rows, atol=1e-12 * values[0])
        np.testing.assert_allclose(rows @ rows.T, np.eye(stop - start), atol=1e-13)


def test_the_whole_space_keeps_every_length_exactly():
    points = normal((50, 40), seed=2)
    spaces = [principal_subspace(decaying(TALL, seed=seed), components=40) for seed in (0, 1)]
    lengths = Subspaces(spaces).squared_lengths(points)
    np.testing.assert_array_equal(lengths[0], lengths[1])
    np.testing.assert_allclose(lengths[0], np.sum(points**2, axis=1))


@SHAPES
def test_single_precision_features_are_decomposed_in_double_and_left_alone(shape):
    features = decaying(shape).astype(np.float32)
    before = features.copy()
    directions = principal_subspace(features, components=12).directions
    expected = principal_subspace(features.astype(np.float64), components=12).directions
    np.testing.assert_array_equal(directions, expected)
    np.testing.assert_array_equal(features, before)


@pytest.mark.parametrize(
    ("size", "message"),
    [
        ({}, "variance must lie between 0 and 1, both excluded. Received: variance=None"),
        ({"variance": 0.0}, "variance must lie between 0 and 1, both excluded. Received: variance=0.0"),
        ({"variance": 1.0}, "variance must lie between 0 and 1, both excluded. Received: variance=1.0"),
        ({"variance": float("nan")}, "variance must lie between 0 and 1, both excluded. Received: variance=nan"),
        ({"components": 0}, "components must be at least 1. Received: components=0"),
        (
            {"components": 5},
            "components must be at most the number of examples and of dimensions. "
            "Received: components=5, features of shape (6, 4)",
        ),
    ],
)
def test_errors(size, message):
    with pytest.raises(ValueError) as error:
        principal_subspace(np.ones((6, 4)), **size)
    assert str(error.value) == message
