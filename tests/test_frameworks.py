"""Frameworks are found by name, and torch is never imported behind TensorFlow."""

import sys

import keras
import pytest

import keras_models
import torch_models.files
from common import frameworks
from common.analysis import evaluator

pytestmark = pytest.mark.slow


def test_modules_and_models_are_found_by_name():
    assert frameworks.module("torch", "files") is torch_models.files
    for framework, package in {"keras": keras_models, "torch": torch_models}.items():
        assert frameworks.model_names(framework) == list(package.MODELS)


def test_torch_is_not_imported_behind_a_keras_that_came_first(monkeypatch, tmp_path):
    frameworks.torch_first("torch")
    assert not frameworks.torch_is_late()
    monkeypatch.delitem(sys.modules, "torch")
    monkeypatch.setitem(sys.modules, "tensorflow", keras)
    assert frameworks.torch_is_late()
    frameworks.torch_first("keras")
    assert "torch" not in sys.modules
    (tmp_path / "model.pt").touch()
    with pytest.raises(ValueError, match="before Keras is imported, or in another process"):
        evaluator.load(tmp_path / "model.pt")


def test_torch_and_triton_come_before_the_first_of_keras(monkeypatch):
    imported = []
    monkeypatch.setattr(frameworks.importlib, "import_module", imported.append)
    frameworks.torch_first("keras")
    assert imported == ([] if "tensorflow" in sys.modules else ["torch", "triton"])
    monkeypatch.delitem(sys.modules, "tensorflow", raising=False)
    frameworks.torch_first("keras")
    assert imported[-2:] == ["torch", "triton"]
