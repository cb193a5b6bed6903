"""Disturbances in training: dropout and Gaussian noise."""

import torch
from torch import Tensor
from torch.nn import functional


def disturbed(x: Tensor, dropout: float, noise: float) -> Tensor:
    """Values in training: some dropped and the others scaled up, and Gaussian noise of a standard deviation added."""
    x = functional.dropout(x, dropout) if dropout else x
    return x + noise * torch.randn_like(x) if noise else x
