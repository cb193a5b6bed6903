"""Theorem 1 against a dense triangular solve, its exact count of weights, and the same function at other depths."""

import numpy as np
import pytest
from scipy.linalg import solve_triangular

from common.analysis import expressivity
from common.analysis.expressivity import construct, deep, deep_outputs

GENERATOR = np.random.default_rng(0)
INPUTS, PROJECTION = GENERATOR.random((500, 20)), GENERATOR.standard_normal(20)
LABELS = GENERATOR.integers(10, size=500)


def triangle(network):
    """Lemma 1's A, of the examples in the order of their projections, and that order."""
    x = INPUTS @ PROJECTION
    order = np.argsort(x)
    return np.maximum(x[order][:, None] - network.biases, 0), order


@pytest.mark.parametrize("place, exact", [(0.1, 1e-7), (0.5, 1e-4)])
def test_the_weights_are_those_of_a_dense_triangular_solve(place, exact):
    network = construct(INPUTS, LABELS, PROJECTION, place)
    matrix, order = triangle(network)
    assert not np.triu(matrix, 1).any() and (matrix.diagonal() > 0).all()
    reference = solve_triangular(matrix, LABELS[order].astype(float), lower=True)
    np.testing.assert_allclose(network.weights, reference, rtol=exact, atol=exact * np.abs(reference).max())
    np.testing.assert_allclose(matrix @ network.weights, LABELS[order], atol=1e-5)
    assert network.size == 2 * 500 + 20


def test_the_eigenvalues_of_lemma_1_are_its_diagonal():
    """As its determinant is their product; eigenvalues that a routine finds of so ill-conditioned a matrix are not."""
    network = construct(INPUTS[:30], LABELS[:30], PROJECTION, 0.5)
    x = np.sort(INPUTS[:30] @ PROJECTION)
    matrix = np.maximum(x[:, None] - network.biases, 0)
    values = np.sort(np.linalg.eigvals(matrix).real)
    np.testing.assert_allclose(values, np.sort(x - network.biases), atol=1e-9)


@pytest.mark.parametrize("block", [1, 7, 256])
def test_outputs_are_sums_over_all_hinges_in_the_order_of_the_inputs(monkeypatch, block):
    monkeypatch.setattr(expressivity, "BLOCK", block)
    network = construct(INPUTS, LABELS, PROJECTION)
    np.testing.assert_allclose(network.outputs(INPUTS), LABELS, atol=1e-7)
    others = GENERATOR.standard_normal((40, 20))
    x = others @ PROJECTION
    direct = np.maximum(x[:, None] - network.biases, 0) @ network.weights
    np.testing.assert_allclose(network.outputs(others), direct, rtol=1e-9, atol=1e-6)


def test_biases_interleave_and_the_nearer_rule_errs_less():
    x = np.sort(INPUTS @ PROJECTION)
    errors = []
    for place in (0.1, 0.5):
        network = construct(INPUTS, LABELS, PROJECTION, place)
        np.testing.assert_allclose(network.biases[1:], x[:-1] + place * np.diff(x))
        assert network.biases[0] < x[0]
        errors.append(np.abs(network.outputs(INPUTS) - LABELS).max())
    assert errors[0] < errors[1] < 1e-4


@pytest.mark.parametrize("depth", [2, 3, 4, 8, 501])
def test_the_same_function_at_every_depth(depth, monkeypatch):
    network = construct(INPUTS, LABELS, PROJECTION)
    layers = deep(network, depth)
    monkeypatch.setattr(expressivity, "VALUES", 100 * expressivity.width(layers))  # a hundred examples at a time
    assert len(layers) == depth and expressivity.width(layers) <= -(-500 // (depth - 1)) + 3
    x = np.concatenate([INPUTS @ PROJECTION, GENERATOR.standard_normal(50), [-1e3, 1e3]])
    expected = network.of_projections(x)
    np.testing.assert_allclose(deep_outputs(layers, x), expected, rtol=1e-9, atol=1e-5)
    counted = sum(np.count_nonzero(layer.weights.toarray()) + np.count_nonzero(layer.biases) for layer in layers)
    assert expressivity.connections(layers) == counted <= 4 * 500 + 10 * depth


@pytest.mark.parametrize(
    "change, message",
    [
        ({"inputs": np.concatenate([INPUTS[:499], INPUTS[:1]])},
         "projections must differ from each other, and so must examples. Received: 1 repeated of 500"),
        ({"inputs": INPUTS[:1]}, "examples must be at least 2. Received: n=1"),
        ({"place": 1.0}, "place must lie between 0 and 1, both excluded. Received: place=1.0"),
    ],
)  # fmt: skip
def test_what_cannot_be_built(change, message):
    arguments = {"inputs": INPUTS, "targets": LABELS, "projection": PROJECTION, **change}
    with pytest.raises(ValueError) as refused:
        construct(**arguments)
    assert str(refused.value) == message


def test_depths_that_there_are_not():
    network = construct(INPUTS, LABELS, PROJECTION)
    for depth in (1, 502):
        with pytest.raises(ValueError, match=f"depth must be from 2 to 501 for 500 examples. Received: depth={depth}"):
            deep(network, depth)
