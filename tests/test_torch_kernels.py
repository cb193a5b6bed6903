"""Kernel matrices as a GPU has them are those of the CPU."""

import numpy as np
import pytest
import torch

from common.analysis.kernels import GaussianKernel, LinearKernel, solve
from torch_models import kernels

pytestmark = pytest.mark.slow

GENERATOR = np.random.default_rng(0)
X, Y = GENERATOR.standard_normal((150, 200)), GENERATOR.standard_normal((150, 3))


@pytest.mark.parametrize("precision, exact", [("float64", 1e-10), ("float32", 1e-4)])
@pytest.mark.parametrize("n", [60, 150])
def test_a_gaussian_kernel_is_the_same(monkeypatch, precision, exact, n):
    monkeypatch.setattr(kernels, "BLOCK", 64)
    own = GaussianKernel(X, X, 0.01).factor(precision).factorize(0.1)
    other = kernels.gaussian(X, 0.01, precision, "cpu").factorize(0.1)
    assert other.scale == pytest.approx(own.scale) and other.jitter == 0
    np.testing.assert_allclose(other.product(Y[:n]), own.product(Y[:n]), atol=1e-6)
    np.testing.assert_allclose(solve(other, Y[:n]).alpha, solve(own, Y[:n]).alpha, atol=exact)
    assert float(other.matrix[0, 0]) == 1.0  # the penalty is no part of it
    np.testing.assert_allclose(solve(other.factorize(), Y).alpha, solve(own.factorize(), Y).alpha, atol=10 * exact)


def test_a_linear_kernel_is_the_same():
    blocks = [torch.from_numpy(part) for part in np.split(X, 4, axis=1)]
    own = LinearKernel(lambda: iter(blocks), 100)
    factor, across = kernels.linear(blocks, 100, "float64")
    alpha = solve(own.factor("float64").factorize(), Y[:100]).alpha
    np.testing.assert_allclose(solve(factor.factorize(), Y[:100]).alpha, alpha, atol=1e-9)
    np.testing.assert_allclose(across @ alpha, own.at_test(alpha), atol=1e-9)


def test_an_indefinite_matrix_is_refused():
    with pytest.raises(ValueError, match="a kernel matrix must be positive definite. Received: one that is not"):
        kernels.Cholesky(-torch.eye(3)).factorize()


@pytest.mark.parametrize("bytes_free", [5])
def test_free_memory_is_the_first_of_two_numbers(monkeypatch, bytes_free):
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda: (bytes_free, 9))
    assert kernels.free_bytes() == bytes_free
