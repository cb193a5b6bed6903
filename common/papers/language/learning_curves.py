"""Learning curves under true labels and five randomizations: what is fitted, in which order, and what reading adds."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import product
from typing import TYPE_CHECKING

import numpy as np

from common.papers.language.recipes import BASE, PRESETS, SETTINGS, SMOKE, WORDS, Fields, Texts, fields
from common.papers.language.targets import TARGETS
from common.report import figures
from common.report.claims import Finding
from common.report.fitting import (
    FIT_LOSS,
    Levels,
    OverEpochs,
    by_seed,
    epoch_loss,
    epochs_to_fit,
    epochs_to_loss,
    lead,
    least,
    one_recipe,
    slowdown,
)
from common.report.numbers import cell, less, number, over
from common.report.peaks import stopped_accuracy
from common.report.runs import FRAMEWORKS, Measure, Run, Runs, setting_text
from common.report.tables import Table
from common.study import Call, Study

if TYPE_CHECKING:
    from matplotlib.figure import Figure

TITLE = "Fitting randomized texts"
SHOWN = ("true_labels", *WORDS, "random_labels")
LEVELS: Levels = (("true_labels",), ("shuffled_words",), ("random_words", "random_tokens"), ("random_labels",))
"""Settings in the order in which image networks fit those that they correspond to; two together in either order."""
CURVES: dict[str, str] = {"train_loss": "training loss (nats)", "test_accuracy": "test accuracy (%)"}
NOTE = (
    f"Means over seeds with 95 % t intervals. Fitted: a training loss of {FIT_LOSS:g}; relative: to true labels of the "
    "same seed; stopped: at the best epoch on held-out texts, with the labels a user has."
)
LEARNED_BY_OTHERS = ("trec", "rt_polarity", "imdb")
"""Data sets of which statements say what others' networks reach on true labels."""
Seed = Mapping[tuple[str, str], float | None]  # by model and setting


@dataclass(frozen=True)
class Settings(Texts):
    """A run for each combination of these values."""

    models: tuple[str, ...] = ("lstm", "bow", "text_cnn")
    """Architectures."""
    settings: tuple[str, ...] = SHOWN
    """True labels, four randomizations of the words, random labels."""

    def kinds(self, preset: str) -> Iterator[tuple[str, str]]:
        """With IMDB at both sizes."""
        return product(self.datasets or dict.fromkeys((*PRESETS[preset], *PRESETS["paper"])), self.models)

    def rows(self, preset: str) -> list[Fields]:
        return [
            fields(model, dataset, preset, **SETTINGS[name])
            for dataset, model in self.kinds(preset)
            for name in self.settings
        ]


def kind_of(run: Run) -> tuple[str, str]:
    """What a panel or a statement is about: data set and model."""
    return run.config.dataset, run.config.model


def kind_text(dataset: str, *models: str) -> str:
    """As it is read: lstm, rt polarity."""
    return ", ".join([*models, dataset.replace("_", " ")])


def report(runs: Runs, call: Call) -> dict[str, Table | Figure]:
    """Training loss and test accuracy over epochs, and what came out."""
    runs = runs.where(lambda run: run.setting in SHOWN)
    loss = epoch_loss(runs)
    return {
        "training_loss": curves(runs, loss, "train_loss", TITLE),
        "test_accuracy": curves(runs, lambda run: run.over_epochs("test_accuracy"), "test_accuracy", TITLE),
        "settings": settings_table(runs, TITLE),
    }


def curves(runs: Runs, of: OverEpochs, measure: str, title: str) -> Figure:
    """A measure over epochs, a panel for each data set and model, a line for each setting: mean over its seeds."""
    kinds = runs.grouped(kind_of)
    figure, panels = figures.panel_figure(title, [kind_text(*kind) for kind in kinds], 2, (4.2, 2.8))
    colours = figures.palette([setting for setting in SHOWN if any(run.setting == setting for run in runs)])
    for axes, group in zip(panels, kinds.values(), strict=True):
        for setting, same in group.grouped(lambda run: run.setting).items():
            seeds = map(of, one_recipe(same, setting))
            scale = 100 if measure == "test_accuracy" else 1
            figures.draw_curve(axes, figures.shared_epochs(seeds), scale, color=colours[setting])
        axes.set(xlabel="epoch", ylabel=CURVES[measure])
        if measure == "test_accuracy":
            figures.percent_axis(axes, CURVES[measure])
    figures.add_legend(figure, figures.handles({setting_text(name): colour for name, colour in colours.items()}))
    return figure


def settings_table(runs: Runs, title: str) -> Table:
    """A row for each data set, model, setting and recipe, over its seeds."""
    epochs = epochs_to_fit(runs)
    measures: dict[str, tuple[Measure, str]] = {
        "epochs to fit": (epochs, "epochs"),
        "relative": (slowdown(runs, epochs), "ratio"),
        "training accuracy, %": (lambda run: run.outcome["train_accuracy"], "fraction"),
        "test accuracy, stopped, %": (stopped_accuracy, "fraction"),
        "test accuracy, at the end, %": (lambda run: run.outcome["test_accuracy"], "fraction"),
    }
    rows: list[Sequence[object]] = []
    for (dataset, model, setting), same in runs.grouped(lambda run: (*kind_of(run), run.setting)).items():
        for group in same.recipes():
            described = [model, kind_text(dataset), setting_text(setting), FRAMEWORKS[group[0].config.framework]]
            cells = [group.over_seeds(measure, unit) for measure, unit in measures.values()]
            rows.append([*described, group[0].train_n, len(group), *cells])
    columns = ["model", "data", "setting", "framework", "train_n", "seeds", *measures]
    return Table(title, columns, rows, NOTE)


def findings(runs: Runs, call: Call) -> list[Finding]:
    """Whether all settings are fitted, in which order, what the order of words does, and what a bag of words does."""
    runs = runs.where(lambda run: run.setting in SHOWN)
    kinds, compared = runs.grouped(kind_of), runs.where(lambda run: run.config.model in ("lstm", "bow")).by("dataset")
    return [
        *(found for kind, group in kinds.items() if kind[1] != "bow" for found in of_kind(group, kind_text(*kind))),
        *(found for dataset, group in compared.items() for found in against_bag(group, kind_text(dataset))),
    ]


def of_kind(runs: Runs, subject: str) -> list[Finding]:
    """Of one model on one data set."""

    def seeds(measure: Measure) -> list[dict[str, float | None]]:
        return by_seed(runs, lambda run: run.setting, measure)

    loss = epoch_loss(runs)
    starts = seeds(lambda run: epochs_to_loss(loss(run), 0.9 * chance_loss(run)))
    fits, accuracies = seeds(epochs_to_fit(runs)), seeds(stopped_accuracy)
    trained = seeds(lambda run: run.outcome["train_accuracy"])
    changes = {name: [less(seed.get("true_labels"), seed.get(name)) for seed in accuracies] for name in WORDS}
    worst = [least([seed.get(name) for name in SHOWN]) for seed in trained]
    told = named(accuracies, ("true_labels", *WORDS), "fraction")
    return [
        TARGETS.tested("language-fit", subject, runs, worst, named(trained, SHOWN, "fraction")),
        TARGETS.tested("language-order", subject, runs, [lead(seed, LEVELS) for seed in fits], named(fits, SHOWN)),
        TARGETS.tested("language-start", subject, runs, [lead(seed, (("random_tokens",), LEVELS[-1]))
                                                         for seed in starts], named(starts, SHOWN)),
        TARGETS.tested("language-word-order", subject, runs, changes["shuffled_words"], told),
        TARGETS.tested("language-renamed", subject, runs, changes["shuffled_vocabulary"], told),
        *as_others(runs, subject, [seed.get("true_labels") for seed in accuracies]),
    ]  # fmt: skip


def chance_loss(run: Run) -> float:
    """Cross-entropy (nats) of its training labels with their own shares: the least that needs no text."""
    from scipy.stats import entropy

    return float(entropy(np.bincount(run.arrays["train_labels"])))


def as_others(runs: Runs, subject: str, accuracies: Sequence[float | None]) -> list[Finding]:
    """Whether a network is as good on true labels as others' are, on a data set of which that is known."""
    if (dataset := runs[0].config.dataset) not in LEARNED_BY_OTHERS:
        return []
    return [TARGETS.tested(f"language-accuracy-{dataset.replace('_', '-')}", subject, runs, accuracies)]


def named(seeds: Sequence[Mapping[str, float | None]], names: Sequence[str], unit: str = "epochs") -> str | None:
    """Means over seeds of each setting that was measured, as text."""
    means = {name: number((seed.get(name) for seed in seeds), unit) for name in names}
    return ", ".join(f"{setting_text(name)} {cell(mean)}" for name, mean in means.items() if mean) or None


def against_bag(runs: Runs, subject: str) -> list[Finding]:
    """A network that reads against a bag of words, on one data set."""

    def seeds(measure: Measure) -> Sequence[Seed]:
        return by_seed(runs, lambda run: (run.config.model, run.setting), measure)

    epochs = epochs_to_fit(runs)

    def at_least(run: Run) -> float | None:
        return epochs(run) or run.outcome["epochs"]

    bag, lstm = ("bow", "random_labels"), ("lstm", "random_labels")
    fitted = [seed.get(bag) for seed in seeds(lambda run: run.outcome["train_accuracy"])]
    times = [over(slow.get(bag), seed.get(lstm)) for slow, seed in zip(seeds(at_least), seeds(epochs), strict=True)]
    leads = [less(*(seed.get((model, "true_labels")) for model in ("lstm", "bow"))) for seed in seeds(stopped_accuracy)]
    tested: Callable[..., Finding] = partial(TARGETS.tested, runs=runs)
    return [
        tested("language-bow-fit", subject, effects=fitted),
        tested("language-bow-time", subject, effects=times),
        tested("language-bow-test", subject, effects=leads),
    ]


STUDY = Study(
    "language_learning_curves", Settings(), BASE, report, smoke={**SMOKE, "models": ("lstm", "bow")}, findings=findings
)
