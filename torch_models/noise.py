"""Disturbances in training: dropout and Gaussian noise."""

import torch
from torch.nn import functional


def disturbed(x, dropout, noise):
    """Values in training: some dropped and the others scaled up, and Gaussian noise of a standard deviation added."""
    x = functional.dropout(x, dropout) if dropout else x
    return x + noise * torch.randn_like(x) if noise else x
