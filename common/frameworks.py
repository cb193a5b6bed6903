"""Keras and PyTorch, as the packages `keras_models` and `torch_models`: imported by name here alone, when needed."""

from __future__ import annotations

import ast
import contextlib
import importlib
import importlib.machinery
import importlib.util
import inspect
import logging
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

from common.errors import check_choice, in_short


def module(framework: str, name: str) -> Any:
    """A module of the framework's package, as `module("torch", "trainer")`; nothing of the other one is imported."""
    if framework == "keras":
        logging.getLogger("tensorflow").setLevel("ERROR")  # each network that is read is traced once: no cause to warn
    return importlib.import_module(f"{framework}_models.{name}")


def model_names(framework: str) -> list[str]:
    """Names of the framework's architectures, read from its package's source: nothing is imported."""
    source = Path(str(importlib.util.find_spec(f"{framework}_models").origin)).read_text("utf-8")  # type: ignore[union-attr]
    tables: dict[str, Any] = {
        ast.unparse(line.target): line.value for line in ast.parse(source).body if isinstance(line, ast.AnnAssign)
    }
    return [ast.literal_eval(key) for key in tables["MODELS"].keys]


def constructed(framework: str, name: str) -> Callable[..., Any]:
    """The framework's architecture of a network that is built, not trained."""
    architecture: Callable[..., Any] = importlib.import_module(f"{framework}_models").CONSTRUCTED[name]
    return architecture


def check_installed(framework: str) -> None:
    """ValueError where a framework is not installed; it is not imported."""
    if importlib.util.find_spec(framework) is None:
        raise ValueError(f"framework must be installed. Received: framework={framework!r}")


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


def user_module(name: str | Path) -> ModuleType:
    """A Python file, or an installed module by its dotted name, run as the user's own code; ValueError if it fails."""
    path = Path(name).expanduser()
    try:
        if path.suffix != ".py":
            return importlib.import_module(str(name))
        sys.path.insert(0, str(path.resolve(strict=True).parent))  # for what lies beside it
        name = f"user_{path.stem}"  # no installed module's
        loader = importlib.machinery.SourceFileLoader(name, str(path))
        spec = importlib.machinery.ModuleSpec(name, loader, origin=str(path))
        spec.has_location = True  # a file, which the module knows as __file__
        made = importlib.util.module_from_spec(spec)
        sys.modules[name] = made
        loader.exec_module(made)
    except Exception as error:
        raise ValueError(f"{name} must be Python code that runs. Received: {in_short(error)}") from error
    return made


def user_object(spelling: str, num_classes: int) -> Any:
    """What `my_file.py:Net`, `my_file.py:Net(width=64)` or `torchvision.models:resnet18` makes.

    Arguments are plain values. Without any, what takes `num_classes` is given them; what is no function or class is
    taken as it is.
    """
    place, _, called = spelling.partition(":")
    try:
        tree = ast.parse(called, mode="eval").body
        name = ast.unparse(tree.func if isinstance(tree, ast.Call) else tree)
        given = tree if isinstance(tree, ast.Call) else ast.Call(tree, [], [])
        values = [ast.literal_eval(value) for value in given.args]
        named = {str(keyword.arg): ast.literal_eval(keyword.value) for keyword in given.keywords}
    except (SyntaxError, ValueError) as error:
        raise ValueError(
            "module must be FILE.py:NAME or PACKAGE.MODULE:NAME, with plain values as arguments if any. "
            f"Received: module={spelling!r}"
        ) from error
    module = user_module(place)
    check_choice("module", name, [each for each in dir(module) if not each.startswith("_")])
    return made(getattr(module, name), values, named, {} if values or named else {"num_classes": num_classes})


def made(maker: Any, values: Sequence[Any], named: Mapping[str, Any], offered: Mapping[str, Any]) -> Any:
    """A call with these arguments and, of those that are offered, the ones that it takes; ValueError if it fails."""
    if not inspect.isfunction(maker) and not inspect.isclass(maker):
        return maker
    try:
        parameters = inspect.signature(maker).parameters
        takes_any = any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters.values())
        taken = {name: value for name, value in offered.items() if name in parameters or takes_any}
        try:
            return maker(*values, **named, **taken)
        except TypeError:
            if not takes_any:
                raise
            return maker(*values, **named)
    except Exception as error:
        raise ValueError(
            f"{maker.__name__} must make a network when it is called. Received: {in_short(error)}"
        ) from error
