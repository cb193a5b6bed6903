"""Minimum-norm interpolation with kernels, K alpha = Y (Zhang et al. 2017, section 5), where K fills the memory.

K (n, n) and its Cholesky factor L share one square: K strictly above the diagonal, L below and on it. The factor alone
would be as exact as the numbers that hold it; as the preconditioner of conjugate gradients on K itself, in float64, it
gives the solution to any residual.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple, Protocol, Self

import numpy as np
from numpy.typing import NDArray

from common import frameworks
from common.data.arrays import Floats, Labels
from common.progress import Work

BLOCK = 1024  # columns of the factor that are made at a time
STRIP = 256  # rows that a product takes to float64 at a time
WORK_SPACE = 2e9  # bytes beside a kernel matrix: blocks, examples and what else a process has
JITTERS = (0.0, 1e-5, 1e-4, 1e-3)  # shares of the mean diagonal that are added to it until there is a factor
SMALLEST = 1000  # of nested subsets
TOLERANCE, MOST_STEPS = 1e-10, 200
DTYPES = {"float32": np.float32, "float64": np.float64}


class Factor(Protocol):
    """A kernel matrix plus penalty, and what approximates its inverse; their first n rows and columns where x has n."""

    jitter: float
    scale: float
    """Mean of the kernel's diagonal."""

    def factorize(self, penalty: float = 0.0) -> Self:
        """The factor of K + penalty I, in place of the one before."""

    def product(self, x: Floats) -> Floats:
        """(K + penalty I) x for x (n, columns)."""

    def precondition(self, y: Floats) -> Floats:
        """(L L')^-1 y for y (n, columns)."""


class Solution(NamedTuple):
    """alpha (n, columns), its largest relative residual |Y - K alpha| / |Y| of a column, and steps it took."""

    alpha: Floats
    residual: float
    steps: int


def gaussian(x: Floats, z: Floats, bandwidth: float) -> Floats:
    """exp(-bandwidth |x - z|^2) for each row of x (n, d) and z (m, d): (n, m) float64."""
    if not bandwidth > 0:
        raise ValueError(f"bandwidth must be positive. Received: bandwidth={bandwidth}")
    return np.exp(-bandwidth * squared_distances(x, z))


def squared_distances(x: Floats, z: Floats) -> Floats:
    """|x - z|^2 for each row of x (n, d) and z (m, d): (n, m)."""
    squares = np.einsum("ij,ij->i", x, x)[:, None] + np.einsum("ij,ij->i", z, z)
    squares -= 2 * (x @ z.T)
    return np.maximum(squares, 0, out=squares)


def median_squared_distance(x: Floats, most: int = 1000) -> float:
    """Of the pairs of the first rows of x (n, d)."""
    squares = squared_distances(x[:most], x[:most])
    return float(np.median(squares[np.triu_indices(len(squares), 1)]))


class GaussianKernel:
    """exp(-bandwidth |x - z|^2) of features (n, d), float64."""

    def __init__(self, train: Floats, test: Floats, bandwidth: float):
        self.train, self.test, self.bandwidth = train, test, bandwidth

    def factor(self, precision: str, device: str = "cpu") -> Factor:
        """Of the training examples; the matrix is made anew."""
        if device != "cpu":
            return torch_kernels().gaussian(self.train, self.bandwidth, precision, device)

        def block(rows: slice, columns: slice) -> Floats:
            return gaussian(self.train[rows], self.train[columns], self.bandwidth)

        return Cholesky(upper_triangle(len(self.train), block, precision))

    def at_test(self, alpha: Floats) -> Floats:
        """Outputs (m, columns) on the test examples, of a solution on the first n training examples."""
        rows = strips(len(self.test), STRIP)
        known = self.train[: len(alpha)]
        return np.concatenate([gaussian(self.test[few], known, self.bandwidth) @ alpha for few in rows])


class LinearKernel:
    """Products of features that come in blocks (n + m, values), of n training examples and then of test examples."""

    def __init__(self, blocks: Callable[[], Iterator[Any]], n: int):
        self.blocks, self.n = blocks, n
        self.across: Any = 0.0

    def factor(self, precision: str, device: str = "cpu") -> Factor:
        """Of the training examples; what `at_test` needs is made beside it."""
        if device != "cpu":
            factor, self.across = torch_kernels().linear(self.blocks(), self.n, precision)
            return factor
        matrix = np.zeros((self.n, self.n), DTYPES[precision])
        self.across = 0.0
        for block in self.blocks():
            values = np.asarray(block).astype(matrix.dtype)
            train, test = values[: self.n], values[self.n :]
            for rows in strips(self.n, BLOCK):
                matrix[rows, rows.start :] += train[rows] @ train[rows.start :].T
            self.across += (test @ train.T).astype(np.float64)
        return Cholesky(matrix)

    def at_test(self, alpha: Floats) -> Floats:
        """Outputs (m, columns) on the test examples, of a solution on the first n training examples."""
        return self.across[:, : len(alpha)] @ alpha


def torch_kernels() -> Any:
    """The same on a GPU, where a whole matrix and its factor fit beside each other."""
    return frameworks.module("torch", "kernels")


def upper_triangle(n: int, block: Callable[[slice, slice], NDArray[Any]], precision: str) -> NDArray[Any]:
    """A kernel matrix (n, n), made block by block on and above the diagonal; what is below is left to the factor."""
    matrix = np.empty((n, n), DTYPES[precision])
    for rows in strips(n, BLOCK):
        for columns in strips(n, BLOCK, rows.start):
            matrix[rows, columns] = block(rows, columns)
    return matrix


def strips(n: int, size: int, start: int = 0) -> Iterator[slice]:
    """Slices of `size`, the last one smaller, from a start to n."""
    for begin in range(start, n, size):
        yield slice(begin, min(begin + size, n))


class Cholesky:
    """A kernel matrix (n, n), of which only what is on and above the diagonal is read, and its factor in its memory.

    It can be factorized again with another penalty.
    """

    def __init__(self, matrix: NDArray[Any]):
        self.matrix = matrix
        self.kernel_diagonal: Floats = matrix.diagonal().astype(np.float64)
        self.scale = float(self.kernel_diagonal.mean())

    def factorize(self, penalty: float = 0.0) -> Self:
        """The factor of K + penalty I.

        Where numbers of its precision leave that indefinite, it is the factor of a matrix with more on its diagonal,
        `jitter`; `product` is exact all the same. ValueError where even a thousandth of the mean does not help.
        """
        self.diagonal = self.kernel_diagonal + penalty
        for share in JITTERS:
            self.jitter = share * self.scale
            with contextlib.suppress(np.linalg.LinAlgError):
                self._factorize()
                return self
        raise ValueError(f"a kernel matrix must be positive definite. Received: one that is not, jitter={self.jitter}")

    def _factorize(self) -> None:
        from scipy.linalg import cholesky, solve_triangular

        n, factor = len(self.matrix), self.matrix
        with Work("factor", operations(n)) as work:
            for columns in strips(n, BLOCK):
                start, stop = columns.start, columns.stop
                known, own = factor[stop:, :start], factor[columns, :start]
                above = np.triu(factor[columns, columns], 1)
                diagonal = np.diag((self.diagonal[columns] + self.jitter).astype(factor.dtype))
                square = cholesky(above + above.T + diagonal - own @ own.T, lower=True, check_finite=False)
                beside = factor[columns, stop:] - own @ known.T
                factor[columns, columns] = above + square
                factor[stop:, columns] = solve_triangular(square, beside, lower=True, check_finite=False).T
                work.done(stop**2 * (n - 2 * stop / 3))  # a panel reads all before it: the middle costs most

    def product(self, x: Floats) -> Floats:
        """See `Factor`."""
        n = len(x)
        total = self.diagonal[:n, None] * x
        for rows in strips(n, STRIP):
            above = np.triu(self.matrix[rows, rows.start : n], 1).astype(np.float64)
            total[rows] += above @ x[rows.start :]
            total[rows.start :] += above.T @ x[rows]
        return total

    def precondition(self, y: Floats) -> Floats:
        """See `Factor`."""
        from scipy.linalg import solve_triangular

        z, blocks = y.astype(self.matrix.dtype), list(strips(len(y), BLOCK))
        for rows in blocks:
            z[rows] -= self.matrix[rows, : rows.start] @ z[: rows.start]
            z[rows] = solve_triangular(self.matrix[rows, rows], z[rows], lower=True, check_finite=False)
        for rows in reversed(blocks):
            z[rows] -= self.matrix[rows.stop : len(y), rows].T @ z[rows.stop :]
            z[rows] = solve_triangular(self.matrix[rows, rows], z[rows], lower=True, trans=1, check_finite=False)
        return z.astype(np.float64)


def needed_bytes(n: int, precision: str, device: str = "cpu") -> float:
    """Memory of a kernel matrix of n examples and of what is beside it; on a GPU that is its factor, too."""
    return n * n * np.dtype(DTYPES[precision]).itemsize * (1 if device == "cpu" else 2) + WORK_SPACE


def free_bytes(device: str = "cpu") -> float:
    """Memory that nobody uses."""
    import psutil

    return psutil.virtual_memory().available if device == "cpu" else torch_kernels().free_bytes()


def check_memory(n: int, precision: str, device: str = "cpu") -> None:
    """ValueError where a kernel matrix of n examples does not fit into the memory that is free."""
    needed, free = needed_bytes(n, precision, device), free_bytes(device)
    if needed > free:
        raise ValueError(
            f"the kernel matrix must fit into memory: {n} examples need {needed / 1e9:.1f} GB in {precision}, and "
            f"{free / 1e9:.1f} GB are free. Received: train_size={n}"
        )


def rate(precision: str) -> float:
    """Floating-point operations per second of products of matrices as the factor's, measured now."""
    known, own = np.ones((2 * BLOCK, BLOCK), DTYPES[precision]), np.ones((BLOCK, BLOCK), DTYPES[precision])
    start = time.perf_counter()
    known @ own.T
    return 2 * known.size * BLOCK / (time.perf_counter() - start)


def operations(n: int) -> float:
    """Floating-point operations of the Cholesky factor of n rows."""
    return n**3 / 3


def solve(factor: Factor, y: Floats) -> Solution:
    """alpha with (K + penalty I) alpha = Y for Y (n, columns), by preconditioned conjugate gradients on each column."""
    size = np.linalg.norm(y, axis=0)
    alpha, residual = np.zeros_like(y), y.copy()
    direction = preconditioned = factor.precondition(residual)
    energy = (residual * preconditioned).sum(0)
    steps, unsolved = 0, True
    while unsolved and steps < MOST_STEPS:
        moved = factor.product(direction)
        rate = quotient(energy, (direction * moved).sum(0))
        alpha += rate * direction
        residual -= rate * moved
        steps, unsolved = steps + 1, bool((np.linalg.norm(residual, axis=0) > TOLERANCE * size).any())
        preconditioned = factor.precondition(residual)
        last, energy = energy, (residual * preconditioned).sum(0)
        direction = preconditioned + quotient(energy, last) * direction
    exact = np.linalg.norm(y - factor.product(alpha), axis=0)
    return Solution(alpha, float(quotient(exact, size).max()), steps)


def quotient(above: Floats, below: Floats) -> Floats:
    """Their ratio, 0 where it has none: a column that is solved stays as it is."""
    return np.divide(above, below, out=np.zeros_like(above), where=below != 0)


def nested(n: int) -> list[int]:
    """Sizes of nested subsets: each twice the one before, and all."""
    sizes = [SMALLEST]
    while sizes[-1] < n:
        sizes.append(2 * sizes[-1])
    return [*sizes[:-1], n]


def one_hot(labels: Labels, num_classes: int) -> Floats:
    """Targets in {0, 1}: (n, num_classes)."""
    return np.eye(num_classes)[labels]


def wrong_share(outputs: Floats, labels: Labels) -> float:
    """Share of the examples whose largest output is not that of their label."""
    return float((outputs.argmax(1) != labels).mean())


def norms(targets: Floats, alpha: Floats, penalty: float = 0.0) -> dict[str, float]:
    """Norm of the function in the kernel's space, over all classes, for targets in {0, 1} and for those in {-1, 1}.

    It is tr(alpha' K alpha)^1/2 with K alpha = Y - penalty alpha, and the solution is linear in Y, whose rows sum to 1.
    """
    signs = 2 * alpha - alpha.sum(1, keepdims=True)
    pairs = {"zero_one": (targets, alpha), "plus_minus_one": (2 * targets - 1, signs)}
    squares = {name: float((a * (y - penalty * a)).sum()) for name, (y, a) in pairs.items()}
    return {name: max(square, 0.0) ** 0.5 for name, square in squares.items()}
