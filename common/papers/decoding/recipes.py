"""The papers' experiments as Config fields: models, data sets, recipes, sizes.

Sources: arXiv 2501.14687 and 2603.19865, and their code (github.com/simranketha/MASC_DNN). Their networks see the
examples in the same order in every epoch (`shuffle` off), and stop at a training accuracy that is counted while the
epoch trains. On corrupted labels that is far above the accuracy of the network at its end, which knows best what it saw
last and what it will see next; on true labels, where ours is counted at the end, both are the same.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from common.data import datasets
from common.errors import check_choice
from common.runs.config import Config
from common.study import Seeds

Fields = dict[str, Any]

BASE = Config(framework="torch")
SGD: Fields = {"optimizer": "sgd", "learning_rate": 1e-3, "batch_size": 32, "stop_accuracy": 1.0}
ADAM: Fields = {"optimizer": "adam", "learning_rate": 2e-4}
SLOW_ADAM: Fields = {**ADAM, "learning_rate": 1e-4}
RECIPES: dict[tuple[str, str], Fields] = {
    ("mlp4", "mnist"): SGD,
    ("mlp4", "cifar10"): SGD,
    ("cnn", "mnist"): {**ADAM, "batch_size": 128, "stop_accuracy": 0.999},
    ("cnn", "fashion_mnist"): {**ADAM, "batch_size": 128, "stop_accuracy": 0.991},
    ("cnn", "cifar10"): {**ADAM, "batch_size": 32, "stop_accuracy": 1.0},
    ("alexnet_large", "cifar100"): {**SLOW_ADAM, "batch_size": 128, "stop_accuracy": 0.991},
    ("alexnet_large", "tiny_imagenet"):
        {**SLOW_ADAM, "batch_size": 500, "stop_accuracy": 0.999, "preprocessing": "zero_one"},
    ("resnet18", "cifar10"): SGD,
}  # fmt: skip
PAPER: Fields = {
    "preprocessing": "minus_one_one", "crop": None, "initializer": "torch", "schedule": "constant", "epochs": 500,
    "shuffle": False, "validation_size": 500,
}  # fmt: skip
"""500 examples are held out from the networks, to choose layers on; the papers choose them on test data."""
SMALL: Fields = {
    **PAPER, "train_size": 5500, "optimizer": "adam", "learning_rate": 3e-4, "batch_size": 64,
    "initializer": "he_normal", "schedule": "exponential", "decay": 0.96, "epochs": 60, "stop_accuracy": 1.0,
    "shuffle": True,
}  # fmt: skip
"""5,000 examples to train on. Two cores memorize them within 60 epochs, which from PyTorch's own initial weights, or at
a constant rate, they do not."""
ONE_DRAW: Mapping[str, Fields] = {"cnn": {"initializer": "torch_manual_seed"}}
"""What all runs of a network start from, where the papers' code says it: the CNN from `torch.manual_seed(0)`."""
EDIT_EPOCHS = {"paper": 40, "small": 8}
"""After how many epochs the networks are edited that are trained on, at the latest after half of theirs."""
KEPT = (0, 1, *sorted(EDIT_EPOCHS.values()))
"""Epochs whose networks the studies share: untrained, and those that are edited, the first in a smoke test."""
SMOKE: dict[str, tuple[Any, ...]] = {"models": ("cnn",), "fractions": (0.0, 0.8)}
"""Values of `Corrupted` in a smoke test."""
SMALL_DATASETS = {"resnet18": ("cifar10",)}
"""Of the small preset, where they are not all `THREE`."""
THREE = ("mnist", "fashion_mnist", "cifar10")
FRACTIONS = {"paper": (0.0, 0.2, 0.4, 0.6, 0.8, 1.0), "small": (0.0, 0.4, 0.8)}
MORE_FRACTIONS = {"mlp4": (1.0,), "resnet18": (0.2,)}
"""Of the small preset, for what the papers say of random labels and of ResNet-18 at 20 %."""
DECODED = ("mlp4", "cnn", "resnet18")
"""Networks of the studies that test what the papers say of ResNet-18 too."""


def fields(model: str, dataset: str, fraction: float, preset: str = "paper") -> Fields:
    """Fields of a run; labels are corrupted by the papers' own rule, the same ones for every seed."""
    check_choice("data set", dataset, datasets.IMAGE_SETS)
    if preset != "small" and (model, dataset) not in RECIPES:
        raise ValueError(f"datasets must be those the papers train {model} on. Received: {dataset}")
    counted = {"stop_counted": "while_training"} if fraction else {}
    recipe = SMALL if preset == "small" else {**PAPER, **RECIPES[model, dataset], **counted}
    labels = {"corruption": "ketha" if fraction else "none", "corruption_fraction": fraction}
    return {"model": model, "dataset": dataset, **recipe, **labels}


def untrained(model: str, dataset: str, fraction: float, preset: str = "paper") -> Fields:
    """Fields of a network as it is before training, at the published size of the very draw, where that is known."""
    draw = {} if preset == "small" else ONE_DRAW.get(model, {})
    return {**fields(model, dataset, fraction, preset), **draw, "epochs": 0, "stop_counted": Config.stop_counted}


@dataclass(frozen=True)
class Corrupted(Seeds):
    """A run for each combination of these values that the papers have, and with the small preset for all of them."""

    models: tuple[str, ...] = ("mlp4", "cnn")
    """Architectures."""
    datasets: tuple[str, ...] = ()
    """Data sets; none means those on which the papers train the model, with the small preset three."""
    fractions: tuple[float, ...] = ()
    """Corrupted fractions of the labels; none means the papers', with the small preset 0, 0.4, 0.8, 1 for MLPs too, 0.2
    for ResNet-18."""

    def rows(self, preset: str) -> list[Fields]:
        return [
            fields(model, dataset, fraction, preset)
            for model in self.models
            for dataset in self.datasets or datasets_of(model, preset)
            for fraction in self.fractions or fractions_of(model, preset)
        ]


def fractions_of(model: str, preset: str) -> tuple[float, ...]:
    """How many of the labels are corrupted."""
    more = MORE_FRACTIONS.get(model, ()) if preset == "small" else ()
    return tuple(sorted(FRACTIONS[preset] + more))


def datasets_of(model: str, preset: str) -> Sequence[str]:
    """Where the papers train the model; the small preset takes what two cores can."""
    if preset == "small":
        return SMALL_DATASETS.get(model, THREE)
    check_choice("models", model, sorted({name for name, _ in RECIPES}))
    return [dataset for name, dataset in RECIPES if name == model]
