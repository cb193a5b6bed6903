"""The full-size recipes of Zhang et al.: what the paper states, and what it leaves open, as values."""

import dataclasses

import pytest

from common.papers.zhang.recipes import BASE, LONG, MODELS, WEIGHT_DECAY, WIDE_RESNET, fields, mlp
from common.papers.zhang.targets import TARGETS
from common.runs.config import Config


def test_every_run_has_the_values_that_the_paper_states():
    targets = TARGETS.of("cifar10")
    assert len({(target["model"], target["setting"]) for target in targets}) == 25
    for target in targets:
        config = dataclasses.replace(BASE, **fields(target["model"], target["setting"]))
        assert {name: getattr(config, name) for name in target["recipe"]} == target["recipe"], target["id"]


def test_what_the_paper_leaves_open_is_what_it_was():
    inception = dict.fromkeys(("inception", "inception_without_batch_norm"), 4e-5)
    assert WEIGHT_DECAY == {**inception, "alexnet": 5e-4, "mlp3": 1e-4, "mlp1": 1e-4}
    for model, decay in WEIGHT_DECAY.items():
        assert fields(model, "weight_decay")["weight_decay"] == decay
        assert "weight_decay" not in fields(model, "true_labels")
    assert LONG == {"decay": 0.999, "epochs": 300}
    assert [MODELS[model].get("epochs", BASE.epochs) for model in WEIGHT_DECAY] == [70, 70, 70, 60, 60]


def test_mlps_are_trained_for_60_epochs_in_the_default_framework():
    assert mlp("mlp1", "random_labels") == Config(model="mlp1", corruption="uniform", corruption_fraction=1.0)
    assert mlp("mlp3", "true_labels") == Config(model="mlp3")
    assert mlp("mlp3", "weight_decay") == Config(model="mlp3", weight_decay=1e-4)


def test_wide_resnet_has_the_schedule_of_the_papers_code():
    epochs = (0, 149, 150, 224, 225)
    assert (WIDE_RESNET.epochs, WIDE_RESNET.weight_decay, WIDE_RESNET.momentum) == (300, 1e-4, 0.9)
    assert [WIDE_RESNET.learning_rate_at(epoch) for epoch in epochs] == pytest.approx([0.1, 0.1, 0.01, 0.01, 0.001])
