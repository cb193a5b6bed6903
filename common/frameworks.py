"""Keras and PyTorch, as the packages `keras_models` and `torch_models`: imported by name here alone, when needed."""

from __future__ import annotations

import contextlib
import importlib
import sys
from collections.abc import Callable, Mapping
from typing import Any


def module(framework: str, name: str) -> Any:
    """A module of the framework's package, as `module("torch", "trainer")`; nothing of the other one is imported."""
    return importlib.import_module(f"{framework}_models.{name}")


def models(framework: str) -> Mapping[str, Callable[..., Any]]:
    """The framework's architectures by name."""
    architectures: Mapping[str, Callable[..., Any]] = importlib.import_module(f"{framework}_models").MODELS
    return architectures


def constructed(framework: str, name: str) -> Callable[..., Any]:
    """The framework's architecture of a network that is built, not trained."""
    architecture: Callable[..., Any] = importlib.import_module(f"{framework}_models").CONSTRUCTED[name]
    return architecture


def torch_first(framework: str) -> None:
    """Called before a framework is imported beside which the other one may be needed; ValueError where it is too late.

    TensorFlow imported before torch and triton ends in a segmentation fault with the CUDA wheels (tensorflow issue
    124205), so that these two, where installed, come first; a process that has trained in Keras stays without them.
    """
    if torch_is_late():
        if framework == "torch":
            raise ValueError(
                "a .pt must be loaded before Keras is imported, or in another process. Received: framework='torch'"
            )
    elif "tensorflow" not in sys.modules:
        for name in ("torch", "triton"):
            with contextlib.suppress(ImportError):
                importlib.import_module(name)


def torch_is_late() -> bool:
    """Whether this process has imported TensorFlow and not torch, which it must then never import."""
    return "tensorflow" in sys.modules and "torch" not in sys.modules
