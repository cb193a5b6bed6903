"""Interpolation of least norm against scipy, scikit-learn and closed forms; memory is asked for before it is taken."""

import numpy as np
import pytest
from scipy.linalg import eigh
from scipy.linalg import solve as dense_solve
from sklearn.datasets import load_digits
from sklearn.kernel_ridge import KernelRidge

from common.analysis import kernels
from common.analysis.kernels import Cholesky, GaussianKernel, LinearKernel, gaussian, norms, one_hot, solve

DIGITS, LABELS = load_digits(return_X_y=True)
X, Y, BANDWIDTH = DIGITS[:500] / 16, one_hot(LABELS[:500], 10), 0.05
K = gaussian(X, X, BANDWIDTH)


def factor(matrix, precision="float64", penalty=0.0):
    return Cholesky(np.triu(matrix).astype(precision)).factorize(penalty)


@pytest.mark.parametrize("penalty", [0.0, 0.1])
def test_solutions_are_those_of_scikit_learn_and_of_a_dense_solve(penalty):
    reference = KernelRidge(alpha=penalty, kernel="precomputed").fit(K, Y).dual_coef_
    solution = solve(factor(K, penalty=penalty), Y)
    np.testing.assert_allclose(solution.alpha, reference, atol=1e-8)
    np.testing.assert_allclose(solution.alpha, dense_solve(K + penalty * np.eye(500), Y), atol=1e-8)
    assert solution.residual < 1e-12 and solution.steps == 1


@pytest.mark.parametrize("block", [7, 128, 1024])
def test_the_factor_lies_below_the_diagonal_and_the_matrix_stays_above(monkeypatch, block):
    monkeypatch.setattr(kernels, "BLOCK", block)
    made = factor(K)
    np.testing.assert_array_equal(np.triu(made.matrix, 1), np.triu(K, 1))
    lower = np.tril(made.matrix)
    np.testing.assert_allclose(lower @ lower.T, K, atol=1e-12)
    np.testing.assert_allclose(made.precondition(K @ Y), Y, atol=1e-8)


@pytest.mark.parametrize("n", [1, 300, 500])
def test_products_and_solutions_of_the_first_examples(monkeypatch, n):
    monkeypatch.setattr(kernels, "STRIP", 64)
    monkeypatch.setattr(kernels, "BLOCK", 128)
    made = factor(K, penalty=0.5)
    np.testing.assert_allclose(made.product(Y[:n]), K[:n, :n] @ Y[:n] + 0.5 * Y[:n], atol=1e-12)
    np.testing.assert_allclose(solve(made, Y[:n]).alpha, dense_solve(K[:n, :n] + 0.5 * np.eye(n), Y[:n]), atol=1e-10)


def test_a_matrix_in_float32_is_solved_to_the_residual_of_float64():
    single = K.astype(np.float32).astype(np.float64)
    solution = solve(factor(K, "float32"), Y)
    assert solution.residual < 1e-9 and solution.steps > 1
    np.testing.assert_allclose(single @ solution.alpha, Y, atol=1e-8)


def test_a_factor_can_be_made_again_with_another_penalty():
    made = factor(K)
    np.testing.assert_allclose(solve(made.factorize(2.0), Y).alpha, dense_solve(K + 2 * np.eye(500), Y), atol=1e-10)
    np.testing.assert_allclose(solve(made.factorize(), Y).alpha, dense_solve(K, Y), atol=1e-8)


def test_a_matrix_that_numbers_leave_indefinite_is_helped_and_solved_all_the_same():
    values, vectors = eigh(K)
    values[0] = -1e-7
    indefinite = (vectors * values) @ vectors.T
    made = factor(indefinite)
    assert 0 < made.jitter <= 1e-4 and made.scale == pytest.approx(1.0, abs=1e-5)
    np.testing.assert_allclose(made.product(Y), indefinite @ Y, atol=1e-10)
    with pytest.raises(ValueError, match="a kernel matrix must be positive definite. Received: "):
        factor(-K)


def test_gaussian_kernels_are_exponentials_of_squared_distances():
    few, others = X[:3], X[3:8]
    direct = np.exp(-0.3 * ((few[:, None] - others[None]) ** 2).sum(2))
    np.testing.assert_allclose(gaussian(few, others, 0.3), direct, atol=1e-12)
    direct = [((a - b) ** 2).sum() for place, a in enumerate(X[:20]) for b in X[:place]]
    assert kernels.median_squared_distance(X, 20) == pytest.approx(np.median(direct))
    for bandwidth in (0.0, -1.0, float("nan")):
        with pytest.raises(ValueError, match=f"bandwidth must be positive. Received: bandwidth={bandwidth}"):
            gaussian(few, others, bandwidth)


def test_a_gaussian_kernel_interpolates_and_predicts(monkeypatch):
    monkeypatch.setattr(kernels, "BLOCK", 100)
    kernel = GaussianKernel(X, DIGITS[500:600] / 16, BANDWIDTH)
    solution = solve(kernel.factor("float64").factorize(), Y)
    outputs = kernel.at_test(solution.alpha)
    np.testing.assert_allclose(outputs, gaussian(kernel.test, X, BANDWIDTH) @ solution.alpha, atol=1e-10)
    assert (outputs.argmax(1) == LABELS[500:600]).mean() > 0.9
    np.testing.assert_allclose(GaussianKernel(X, X, BANDWIDTH).at_test(solution.alpha), Y, atol=1e-8)


def test_a_linear_kernel_adds_blocks_of_features(monkeypatch):
    monkeypatch.setattr(kernels, "BLOCK", 40)
    features = np.random.default_rng(0).standard_normal((120, 300)).astype(np.float32)
    train, test = features[:90].astype(float), features[90:].astype(float)
    kernel = LinearKernel(lambda: iter(np.split(features, 3, axis=1)), 90)
    solution = solve(kernel.factor("float64").factorize(), Y[:90])
    np.testing.assert_allclose(solution.alpha, dense_solve(train @ train.T, Y[:90]), atol=1e-8)
    np.testing.assert_allclose(kernel.at_test(solution.alpha), test @ train.T @ solution.alpha, atol=1e-10)
    least = np.linalg.lstsq(train, Y[:90])[0]
    np.testing.assert_allclose(train.T @ solution.alpha, least, atol=1e-8)


def test_norms_are_those_of_the_weights_of_either_targets():
    features = np.random.default_rng(0).standard_normal((60, 200))
    for penalty in (0.0, 3.0):
        square = features @ features.T + penalty * np.eye(60)
        found = norms(Y[:60], dense_solve(square, Y[:60]), penalty)
        for name, targets in (("zero_one", Y[:60]), ("plus_minus_one", 2 * Y[:60] - 1)):
            assert found[name] == pytest.approx(np.linalg.norm(features.T @ dense_solve(square, targets)))


def test_where_examples_have_nothing_in_common_the_solution_is_the_targets():
    np.testing.assert_array_equal(solve(factor(np.eye(500)), Y).alpha, Y)


def test_the_norm_grows_along_nested_subsets_and_a_vanishing_penalty_leaves_the_interpolant():
    made = factor(K)
    found = [norms(Y[:n], solve(made, Y[:n]).alpha)["zero_one"] for n in (1, 10, 100, 500)]
    assert found == sorted(found) and found[0] == pytest.approx(1.0)
    plain = solve(made, Y).alpha
    gaps = [np.abs(solve(made.factorize(p), Y).alpha - plain).max() for p in (1e-2, 1e-4, 1e-10)]
    assert gaps[0] > gaps[1] > gaps[2] and gaps[2] < 1e-4


def test_memory_is_counted_before_it_is_taken(monkeypatch):
    assert kernels.needed_bytes(60_000, "float32") == pytest.approx(14.4e9 + kernels.WORK_SPACE)
    assert kernels.needed_bytes(60_000, "float64", "cuda") == pytest.approx(57.6e9 + kernels.WORK_SPACE)
    monkeypatch.setattr(kernels, "free_bytes", lambda device: 16e9)
    kernels.check_memory(59_000, "float32")
    with pytest.raises(ValueError) as refused:
        kernels.check_memory(60_000, "float32")
    assert str(refused.value) == (
        "the kernel matrix must fit into memory: 60000 examples need 16.4 GB in float32, and 16.0 GB are free. "
        "Received: train_size=60000"
    )


def test_free_memory_and_the_rate_of_products_are_measured():
    assert 1e8 < kernels.free_bytes() < 1e14
    assert 1e8 < kernels.rate("float32") < 1e14 and kernels.operations(60_000) == 7.2e13
