"""The experiments of Zhang et al. (2017) on CIFAR-10 as Config fields: models, settings, sizes.

What the paper leaves open: epochs (Figure 1a shows 64), initial weights (Glorot uniform) and weight decay ("the
default coefficient for each model"): 4e-5 for Inception, as in TensorFlow's; 5e-4 for AlexNet, as in Krizhevsky et al.
(2012); 1e-4 for MLPs, as in pluskid/fitting-random-labels.
"""

from collections.abc import Callable, Collection
from typing import Any

from common.errors import check_choice
from common.report.runs import model_of, setting_of
from common.runs.config import Config

Fields = dict[str, Any]
BASE = Config(framework="torch", epochs=70)

MODELS: dict[str, Fields] = {
    "inception": {"model": "inception", "learning_rate": 0.1},
    "inception_without_batch_norm": {"model": "inception", "learning_rate": 0.1, "batch_norm": False},
    "alexnet": {"model": "alexnet"},
    "mlp3": {"model": "mlp3", "epochs": 60},
    "mlp1": {"model": "mlp1", "epochs": 60},
}
WEIGHT_DECAY = {"inception": 4e-5, "inception_without_batch_norm": 4e-5, "alexnet": 5e-4, "mlp3": 1e-4, "mlp1": 1e-4}

INPUTS = ("shuffled_pixels", "random_pixels", "gaussian")
READINGS = {"random_scalars": "random_pixels"}
"""Settings that read another one differently: all values of an image move, and not whole pixels."""
RANDOM_LABELS: Fields = {"corruption": "uniform", "corruption_fraction": 1.0}
LONG = {"decay": 0.999, "epochs": 300}  # appendix E: another factor, more epochs, how many it does not say
SETTINGS: dict[str, Fields] = {
    "true_labels": {},
    "random_labels": RANDOM_LABELS,
    **{name: {"corruption": name, "corruption_fraction": 1.0} for name in (*INPUTS, *READINGS)},
    "random_crop": {"random_crop": True},
    "weight_decay": {},
    "weight_decay_random_crop": {"random_crop": True},
    "random_labels_weight_decay": RANDOM_LABELS,
    "random_labels_random_crop": {**RANDOM_LABELS, "random_crop": True, **LONG},
    "random_labels_flip_rotation_25": {**RANDOM_LABELS, "flip": True, "rotation": 25.0, **LONG},
}

SMALL: Fields = {
    **{"downscale": 2, "crop": 14, "train_size": 12_500, "test_size": 2500},
    **{"batch_size": 64, "epochs": 60, "decay": 0.98, "stop_loss": 0.001},
}
"""The small preset: a quarter of the examples of a quarter of the size, which leaves as many examples for each input as
the paper has (few of many inputs are fitted as fast where they are noise: they can nearly be separated by planes). Half
the batch and half the learning rate give an epoch 196 steps in place of 391, and the learning rate decays by less in
each; with fewer, larger steps moving statistics lag behind and curves are noise. MLPs keep their rate: at half of it
they do not fit random labels, even in 150 epochs."""
LONG_SMALL = {"decay": 0.999, "epochs": 120}  # of LONG


WIDE_RESNET = Config(
    model="wide_resnet_28_1",
    framework="torch",
    preprocessing="per_channel",
    crop=None,
    learning_rate=0.1,
    weight_decay=1e-4,
    schedule="steps",
    decay=0.1,
    decay_epochs=(150, 225),
    epochs=300,
    **RANDOM_LABELS,
)
"""github.com/pluskid/fitting-random-labels."""
WIDE_RESNET_SMALL = {**SMALL, "crop": None, "learning_rate": 0.05, "schedule": "exponential", "decay_epochs": ()}


def fields(model: str, setting: str, preset: str = "paper") -> Fields:
    """What a model in a setting changes."""
    check_choice("model", model, MODELS)
    check_choice("setting", setting, SETTINGS)
    decay = {"weight_decay": WEIGHT_DECAY[model]} if "weight_decay" in setting else {}
    reduced = {**small(model), **(LONG_SMALL if LONG.items() <= SETTINGS[setting].items() else {})}
    return {**MODELS[model], **SETTINGS[setting], **decay, **(reduced if preset == "small" else {})}


def small(model: str) -> Fields:
    """What the small preset changes."""
    check_choice("model", model, MODELS)
    rate = MODELS[model].get("learning_rate", BASE.learning_rate)
    return {**SMALL, "learning_rate": rate if model.startswith("mlp") else rate / 2}


def mlp(model: str, setting: str) -> Config:
    """The full-size run of an MLP in the default framework."""
    return Config(**fields(model, setting))


def shown(settings: Collection[str], models: Collection[str] = ()) -> Callable[[Config], None]:
    """The check of a study's runs before they are trained: its figure or table has a place for them."""

    def check(config: Config) -> None:
        check_choice("setting", setting_of(config), settings)
        if models:
            check_choice("model", model_of(config), models)

    return check
