"""Moments and sparsity against scipy, closed forms, and parts against the whole."""

import math
import tracemalloc

import numpy as np
import pytest
from scipy import stats

from common.analysis import moments as module
from common.analysis.moments import statistics

NAMES = ["mean", "variance", "skewness", "kurtosis", "sparsity"]


def expected(values):
    flat = np.asarray(values, np.float64).ravel()
    return [flat.mean(), flat.var(), stats.skew(flat), stats.kurtosis(flat), np.mean(flat == 0)]


def random(name, shape=(30, 40, 5)):
    generator = np.random.default_rng(0)
    draws = {
        "normal": generator.standard_normal(shape),
        "relu": np.maximum(generator.standard_normal(shape), 0),
        "exponential": generator.exponential(3, shape),
        "offset": generator.uniform(-1e-3, 1e-3, shape) + 1000,
        "pixels": generator.integers(0, 256, shape).astype(np.uint8),
        "signs": generator.random(shape) < 0.2,
    }
    return draws[name]


@pytest.mark.parametrize("name", ["normal", "relu", "exponential", "offset", "pixels", "signs"])
@pytest.mark.parametrize("chunk", [7, 1000, module.CHUNK])
def test_statistics_are_scipys_whatever_the_size_of_the_parts(name, chunk, monkeypatch):
    monkeypatch.setattr(module, "CHUNK", chunk)
    values = random(name)
    kept = values.copy()
    found = statistics(values)
    assert list(found) == NAMES and all(type(number) is float for number in found.values())
    np.testing.assert_allclose(list(found.values()), expected(values), rtol=1e-8, atol=1e-8)
    np.testing.assert_array_equal(values, kept)


def test_closed_forms():
    p = 0.25  # of ones among zeros
    bernoulli = [p, p * (1 - p), (1 - 2 * p) / math.sqrt(p * (1 - p)), 1 / (p * (1 - p)) - 6, 1 - p]
    assert list(statistics([[0, 1], [0, 0]]).values()) == pytest.approx(bernoulli, abs=1e-12)
    assert list(statistics([-1.0, 1.0]).values()) == pytest.approx([0, 1, 0, -2, 0], abs=1e-12)
    assert list(statistics([-0.0, 0.0, 3.0]).values())[-1] == 2 / 3


@pytest.mark.parametrize("factor", [1e-120, 1e-30, 1e30, 1e120])
def test_the_shape_of_a_distribution_does_not_depend_on_its_scale(factor):
    values = random("exponential")
    found, scaled = statistics(values), statistics(values * factor)
    for name, power in (("mean", 1), ("variance", 2), ("skewness", 0), ("kurtosis", 0), ("sparsity", 0)):
        assert scaled[name] == pytest.approx(found[name] * factor**power, rel=1e-9)


@pytest.mark.parametrize("value", [0.0, 0.1, -1e9, 1])
def test_values_that_are_all_equal_have_no_shape(value):
    constant = {"mean": value, "variance": 0, "skewness": None, "kurtosis": None, "sparsity": float(value == 0)}
    assert statistics(np.full((70, 11), value)) == constant == statistics(value)


def test_single_precision_is_summed_in_double_without_a_copy_of_the_whole():
    values = np.random.default_rng(0).standard_normal(2_000_000, dtype=np.float32).reshape(1000, 2000) + np.float32(100)
    tracemalloc.start()
    found = statistics(values)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 4 * module.CHUNK * 8 < values.size * 8
    np.testing.assert_allclose(list(found.values()), expected(values), rtol=1e-9, atol=1e-9)


def test_the_order_in_memory_does_not_matter():
    values = random("relu")
    for view in (values.transpose(2, 0, 1), np.asfortranarray(values), values[::-1]):
        assert statistics(view) == pytest.approx(statistics(values), rel=1e-12)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ([], "values must be real numbers, at least one. Received: 0 of dtype float64"),
        ([1j], "values must be real numbers, at least one. Received: 1 of dtype complex128"),
        (["a"], "values must be real numbers, at least one. Received: 1 of dtype <U1"),
        ([1.0, math.nan, 2.0], "values must be finite. Received: values from nan to nan"),
        ([1.0, math.inf], "values must be finite. Received: values from 1.0 to inf"),
        ([math.inf, math.inf], "values must be finite. Received: values from inf to inf"),
    ],
)
def test_errors(values, message):
    with pytest.raises(ValueError) as error:
        statistics(values)
    assert str(error.value) == message
