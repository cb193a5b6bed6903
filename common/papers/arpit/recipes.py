"""The experiments of Arpit et al. (2017) as Config fields: networks, noise, sizes.

The paper leaves open: batch size (128 here), initial weights (Glorot uniform), input scale ([0, 1] for digits, each
channel of CIFAR-10 standardized, which noise of standard deviation up to 5 calls for), the CNN's epochs (100) and
padding (none), momentum of the MLP's SGD (none), whether a random label may be the true one (it may), and the split:
10,000 training examples are held out and stay clean.
"""

from typing import Any

from common.data import datasets
from common.data.corruption import IMAGE_RULES, LABEL_RULES
from common.errors import check_choice
from common.runs.config import Config
from common.study import Fields

BASE = Config(framework="torch")
HELD_OUT: Fields = {"validation_size": 10_000, "clean_validation": True}
NONE_HELD_OUT: Fields = {"validation_size": 0, "clean_validation": False}
STEPS = tuple(range(15, 100, 15))
MODELS: dict[str, Fields] = {
    "mlp2": {"preprocessing": "zero_one", "crop": None, "momentum": 0.0, "schedule": "constant", "epochs": 1000},
    "cnn2": {"preprocessing": "per_channel", "schedule": "steps", "decay": 0.5, "decay_epochs": STEPS, "epochs": 100},
}
SIZES: Fields = {"train_size": 6000, "validation_size": 1000, "test_size": 1000}
SMALL: dict[str, Fields] = {
    "mlp2": {"width": 512, "batch_size": 32, "learning_rate": 0.1, "epochs": 100},
    "cnn2": {"width": 32, "batch_size": 64, "epochs": 60, "decay_epochs": (15, 30, 45)},
}
"""5,000 examples to train on, narrower networks, and for the MLP ten times the rate, so that it fits random labels in
some 60 epochs and not in many hundreds."""
KEPT = (0, 1, 2, 4, 8, 16, 30, 50, 128, 256, 500)
"""Epochs whose networks the studies of the CNN share: until the end, and until half of it, of every preset."""
NOISES = (*LABEL_RULES, *IMAGE_RULES)
DATASETS = {"mlp2": "mnist", "cnn2": "cifar10"}


def fields(
    model: str, dataset: str, preset: str, noise: str = "none", fraction: float = 1.0, **changes: Any
) -> dict[str, Any]:
    """Fields of a run; `noise` is a corruption rule, of random inputs or labels, used where the fraction is above 0."""
    check_choice("data set", dataset, datasets.IMAGE_SETS)
    check_choice("noise", noise, ("none", *NOISES))
    fraction = fraction if noise != "none" else 0.0
    corruption = {"corruption": noise if fraction else "none", "corruption_fraction": fraction}
    sizes = {**SIZES, **SMALL[model]} if preset == "small" else {}
    return {"model": model, **MODELS[model], **HELD_OUT, "dataset": dataset, **sizes, **corruption, **changes}
