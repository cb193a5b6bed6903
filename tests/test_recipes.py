"""The full-size recipes of Zhang et al.: what the paper states, and what it leaves open, as values."""

import dataclasses
import importlib
from pathlib import Path

import pytest


@pytest.fixture
def configs(monkeypatch):
    monkeypatch.syspath_prepend(str(Path(__file__).parents[1] / "experiments"))
    return importlib.import_module("configs")


def test_every_run_has_the_values_that_the_paper_states(configs):
    stated = [target for target in configs.TARGETS if "recipe" in target]
    assert len({(target["model"], target["setting"]) for target in stated}) == 25
    for target in stated:
        config = dataclasses.replace(configs.BASE, **configs.fields(target["model"], target["setting"]))
        assert {name: getattr(config, name) for name in target["recipe"]} == target["recipe"], target["id"]


def test_what_the_paper_leaves_open_is_what_it_was(configs):
    inception = dict.fromkeys(("inception", "inception_without_batch_norm"), 4e-5)
    assert configs.WEIGHT_DECAY == {**inception, "alexnet": 5e-4, "mlp3": 1e-4, "mlp1": 1e-4}
    for model, decay in configs.WEIGHT_DECAY.items():
        assert configs.fields(model, "weight_decay")["weight_decay"] == decay
        assert "weight_decay" not in configs.fields(model, "true_labels")
    assert configs.LONG == {"decay": 0.999, "epochs": 300}
    epochs = [configs.MODELS[model].get("epochs", configs.BASE.epochs) for model in configs.WEIGHT_DECAY]
    assert epochs == [70, 70, 70, 60, 60]


def test_wide_resnet_has_the_schedule_of_the_papers_code(configs):
    wide, epochs = configs.WIDE_RESNET, (0, 149, 150, 224, 225)
    assert (wide.epochs, wide.weight_decay, wide.momentum) == (300, 1e-4, 0.9)
    assert [wide.learning_rate_at(epoch) for epoch in epochs] == pytest.approx([0.1, 0.1, 0.01, 0.01, 0.001])
