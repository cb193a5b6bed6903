"""The experiments on text as Config fields: data sets, settings, regularizers, sizes.

No paper did them; where one states a choice, it is taken: a tenth of the texts held out (Kim 2014), dropout 0.5 (Kim
2014, Keras' example), 100 and 200 tokens of IMDB (Keras' examples). Adam at 1e-3, its default, in batches of 64, until
a training loss of 0.01, a fifth of that at which a run counts as fitted.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from typing import Any

from common.errors import check_choice
from common.runs.config import Config
from common.study import Seeds

Fields = dict[str, Any]

BASE = Config(framework="torch", model="lstm", dataset="trec")
TRAINED: Fields = {
    **{"optimizer": "adam", "learning_rate": 1e-3, "schedule": "constant", "batch_size": 64},
    **{"epochs": 40, "stop_loss": 0.01},
}
DATASETS: dict[str, Fields] = {
    "trec": {"length": 20, "validation_size": 540},
    "rt_polarity": {"length": 40, "vocabulary": 10_000, "validation_size": 850},
    "imdb": {"length": 200, "vocabulary": 20_000, "validation_size": 2500, "width": 128, "batch_size": 128,
             "epochs": 20},
}  # fmt: skip
"""Lengths are those of 95 texts of 100, but for IMDB."""
SMALL: dict[str, Fields] = {"imdb": {"length": 100, "vocabulary": 5000, "width": None}}
"""What the small preset changes; the other data sets are small as they are."""
EPOCHS: dict[str, int] = {"bow": 3}
"""Times the epochs of the others: in 40 a bag of words is still learning random labels by heart."""
PRESETS: dict[str, tuple[str, ...]] = {"small": ("trec", "rt_polarity"), "paper": ("imdb",)}
"""Data sets of a preset: only IMDB asks for a GPU, and for minutes a run where it is small."""

RANDOM_LABELS: Fields = {"corruption": "uniform", "corruption_fraction": 1.0}
WORDS = ("shuffled_words", "random_words", "random_tokens", "shuffled_vocabulary")
SETTINGS: dict[str, Fields] = {
    "true_labels": {},
    "random_labels": RANDOM_LABELS,
    **{name: {"corruption": name, "corruption_fraction": 1.0} for name in WORDS},
    "weight_decay": {"weight_decay": 1e-4},  # as in pluskid/fitting-random-labels for MLPs
    "dropout": {"dropout": 0.5},
}


def labels(fraction: float) -> Fields:
    """Fields for so many corrupted labels; at 0 they are true, whatever the rule."""
    return {"corruption": "uniform" if fraction else "none", "corruption_fraction": fraction}


def fields(model: str, dataset: str, preset: str = "paper", **changes: Any) -> Fields:
    """Fields of a run of a model on a data set, with what else it changes."""
    check_choice("data set", dataset, DATASETS)
    reduced = SMALL.get(dataset, {}) if preset == "small" else {}
    own = {"model": model, "dataset": dataset, **TRAINED, **DATASETS[dataset], **reduced}
    return {**own, "epochs": own["epochs"] * EPOCHS.get(model, 1), **changes}


def lstm(setting: str) -> Config:
    """The run of an LSTM on TREC's questions in the default framework."""
    return Config(**fields("lstm", "trec", **SETTINGS[setting]))


@dataclass(frozen=True)
class Texts(Seeds):
    """Runs of each of these models on each of these data sets."""

    seeds: tuple[int, ...] = (0, 1, 2)
    """Seeds of weights and order."""
    models: tuple[str, ...] = ("lstm", "bow")
    """Architectures."""
    datasets: tuple[str, ...] = ()
    """Data sets; none means IMDB, with the small preset TREC and movie reviews."""

    def kinds(self, preset: str) -> Iterator[tuple[str, str]]:
        """Data set and model of each kind of run, data set by data set."""
        return product(self.datasets or PRESETS[preset], self.models)


SMOKE: dict[str, tuple[Any, ...]] = {"seeds": (0,), "datasets": ("trec",)}
"""Values of `Texts` in a smoke test."""
