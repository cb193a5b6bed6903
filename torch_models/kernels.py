"""Kernel matrices and their factors on a GPU, where both fit beside each other: see `common.analysis.kernels`."""

from collections.abc import Iterable
from typing import Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from common.data.arrays import Floats

BLOCK = 4096
DTYPES = {"float32": torch.float32, "float64": torch.float64}


class Cholesky:
    """A whole kernel matrix (n, n) and, beside it, its factor."""

    def __init__(self, matrix: Tensor) -> None:
        self.matrix, self.factor = matrix, matrix[:0]
        self.scale = float(matrix.diagonal().double().mean())
        self.jitter = self.penalty = 0.0

    def factorize(self, penalty: float = 0.0) -> Self:
        """The factor of K + penalty I; ValueError where numbers of its precision leave that indefinite."""
        self.factor, self.penalty = self.matrix[:0], penalty  # the one before makes room
        diagonal = self.matrix.diagonal()
        kept = diagonal.clone()
        diagonal.add_(penalty)
        self.factor, failed = torch.linalg.cholesky_ex(self.matrix)
        diagonal.copy_(kept)
        if failed:
            raise ValueError(f"a kernel matrix must be positive definite. Received: one that is not at row {failed}")
        return self

    def product(self, x: Floats) -> Floats:
        """(K + penalty I) x for x (n, columns)."""
        n, given = len(x), self.put(x)
        found = torch.zeros_like(given)
        for start in range(0, n, BLOCK):
            found[start : start + BLOCK] = self.matrix[start : min(start + BLOCK, n), :n].double() @ given
        return (found + self.penalty * given).cpu().numpy()

    def precondition(self, y: Floats) -> Floats:
        """(L L')^-1 y for y (n, columns)."""
        factor = self.factor[: len(y), : len(y)]
        return torch.cholesky_solve(self.put(y).to(factor.dtype), factor).double().cpu().numpy()

    def put(self, x: Floats) -> Tensor:
        """On the device."""
        return torch.from_numpy(x).to(self.matrix.device)


def gaussian(train: Floats, bandwidth: float, precision: str, device: str) -> Cholesky:
    """Of exp(-bandwidth |x - z|^2) for all rows of train (n, d)."""
    x = torch.from_numpy(train).to(device)
    squares = (x * x).sum(1)
    matrix = torch.empty((len(x), len(x)), dtype=DTYPES[precision], device=device)
    for start in range(0, len(x), BLOCK):
        rows = slice(start, start + BLOCK)
        distances = (squares[rows, None] + squares - 2 * x[rows] @ x.T).clamp_(min=0)
        matrix[rows] = (-bandwidth * distances).exp_()
    return Cholesky(matrix)


def linear(blocks: Iterable[Tensor], n: int, precision: str) -> tuple[Cholesky, NDArray[np.float64]]:
    """Of products of features of n training examples, and those of test ones (m, n), from blocks (n + m, values)."""
    matrix = across = torch.zeros(())
    for block in blocks:
        values = block.to(DTYPES[precision])
        if not matrix.shape:
            matrix, across = values.new_zeros((n, n)), values.new_zeros((len(values) - n, n))
        matrix.addmm_(values[:n], values[:n].T)
        across.addmm_(values[n:], values[:n].T)
    return Cholesky(matrix), across.double().cpu().numpy()


def free_bytes() -> int:
    """Memory of the GPU that nobody uses."""
    return torch.cuda.mem_get_info()[0]
