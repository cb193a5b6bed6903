"""Explicit and implicit regularizers of networks that read: what they do on true labels, what on random ones."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from common.data.datasets import DATASETS
from common.errors import check_choice
from common.groups import grouped
from common.papers.language.learning_curves import NOTE, kind_of, kind_text
from common.papers.language.recipes import BASE, RANDOM_LABELS, SETTINGS, SMOKE, Fields, Texts, fields
from common.papers.language.targets import TARGETS
from common.report.claims import Finding
from common.report.numbers import Number, less, number, over
from common.report.peaks import stopped_accuracy
from common.report.readouts import own
from common.report.regularizers import (
    NONE,
    Effect,
    Groups,
    baselines,
    by_seed,
    by_technique,
    effects,
    hindered,
    trade_off_figure,
)
from common.report.runs import FRAMEWORKS, Run, Runs
from common.report.tables import Table
from common.study import Call, Study

if TYPE_CHECKING:
    from matplotlib.figure import Figure

TITLE = "Regularizers of networks that read"
EXPLICIT: dict[str, tuple[Fields, ...]] = {
    "dropout": (SETTINGS["dropout"],),
    "embedding_dropout": ({"embedding_dropout": 0.5},),
    "word_dropout": ({"word_dropout": 0.2},),
    "weight_decay": (SETTINGS["weight_decay"], {"weight_decay": 1e-3}),
    "random_window": ({"random_window": True},),
    "width": ({"width": 16},),
}
"""Strengths of regularizers that a user adds. A narrower network counts, which cannot hold as much."""
IMPLICIT: dict[str, tuple[Fields, ...]] = {
    "schedule": ({"schedule": "exponential", "decay": 0.9},),
    "initializer": ({"initializer": "torch"},),
}
"""What training does by itself: how its rate falls, and initial embeddings of deviation 1, not 0.03."""
TECHNIQUES = {**EXPLICIT, **IMPLICIT}
LONG_TEXTS = ("imdb",)
"""Data sets of which a text has several windows."""


@dataclass(frozen=True)
class Techniques(Texts):
    """A run on true and one on random labels for each strength of these."""

    models: tuple[str, ...] = ("lstm",)
    """Architectures."""
    techniques: tuple[str, ...] = tuple(TECHNIQUES)
    """Explicit and implicit regularizers; none of them is always there."""

    def rows(self, preset: str) -> Iterator[Fields]:
        for dataset, model in self.kinds(preset):
            for technique in (NONE, *self.techniques):
                for changes in strengths(technique, dataset):
                    yield fields(model, dataset, preset, **changes)
                    yield fields(model, dataset, preset, **changes, **RANDOM_LABELS)


def strengths(technique: str, dataset: str) -> tuple[Fields, ...]:
    """Fields of each strength of a technique that a data set's texts allow."""
    check_choice("technique", technique, (NONE, *TECHNIQUES))
    if technique == NONE:
        return ({},)
    return () if technique == "random_window" and dataset not in LONG_TEXTS else TECHNIQUES[technique]


def technique_of(run: Run) -> tuple[str, str]:
    """Name and strength of a run's regularizer: the one whose fields it has."""
    for technique, choices in TECHNIQUES.items():
        for changes in choices:
            if all(getattr(run.config, name) == value for name, value in changes.items()):
                return technique.replace("_", " "), strength(changes)
    return NONE, ""


def strength(changes: Mapping[str, Any]) -> str:
    """As it is read."""
    return ", ".join(f"{value:g}" if isinstance(value, float) else str(value) for value in changes.values())


def report(runs: Runs, call: Call) -> dict[str, Table | Figure]:
    """For each model and data set what regularizers cost and hinder, and all as numbers."""
    kinds = {kind: effects(group, technique_of) for kind, group in runs.grouped(kind_of).items()}
    return {
        **{
            f"trade_off_{dataset}_{model}": trade_off_figure(measured, f"{TITLE}: {kind_text(dataset, model)}")
            for (dataset, model), measured in kinds.items()
        },
        "regularizers": regularizer_table(kinds, TITLE),
    }


def regularizer_table(kinds: Mapping[tuple[str, str], list[Effect]], title: str) -> Table:
    """A row for each model, data set, technique and strength, over seeds."""
    rows: list[list[object]] = []
    for (dataset, model), measured in kinds.items():
        for name, group in by_technique(measured).items():
            for told, seeds in grouped(group, lambda effect: effect.strength).items():
                first = seeds[0].real
                described = [model, kind_text(dataset), FRAMEWORKS[first.config.framework], first.train_n]
                rows.append([*described, name, told or None, len(seeds), *_cells(seeds)])
    columns = ["model", "data", "framework", "train_n", "regularizer", "strength", "seeds"]
    measures = ["test accuracy, stopped, %", "test accuracy, at the end, %", "training accuracy on random labels, %"]
    return Table(title, [*columns, *measures, "epochs on random labels"], rows, NOTE)


def _cells(seeds: list[Effect]) -> list[Number | None]:
    return [
        number(stopped_accuracy(effect.real) for effect in seeds),
        number(effect.real.outcome["test_accuracy"] for effect in seeds),
        number(effect.memorized for effect in seeds),
        number((float(effect.random.outcome["epochs"]) for effect in seeds), "epochs"),
    ]


def findings(runs: Runs, call: Call) -> list[Finding]:
    """What regularizers do, of each model on each data set."""
    kinds = runs.grouped(kind_of)
    return [found for (dataset, model), group in kinds.items() for found in of_kind(group, kind_text(dataset, model))]


def of_kind(runs: Runs, subject: str) -> list[Finding]:
    """Of one model on one data set."""
    measured = effects(runs, technique_of)
    if not (seeds := by_seed(measured)):
        return []
    tested = partial(TARGETS.tested, subject=subject, runs=runs)
    alone = [groups[NONE][0].real for groups in seeds]
    return [
        tested("language-early-stopping-true", effects=[less(stopped_accuracy(run), own(run)) for run in alone]),
        tested("language-regularizers-not-necessary", effects=[kept(groups) for groups in seeds]),
        *fitting(measured, subject),
        *changed(measured, subject),
        *hindered([explicit(groups) for groups in seeds], subject, runs, baselines(measured), TARGETS),
    ]


def explicit(groups: Groups) -> Groups:
    """Those of a seed that a user adds, and none."""
    names = {NONE, *(name.replace("_", " ") for name in EXPLICIT)}
    return {name: group for name, group in groups.items() if name in names}


def kept(groups: Groups) -> float | None:
    """Test accuracy above chance without explicit regularizers, over that with the best of them on held-out texts."""
    others = [effect for name, group in explicit(groups).items() if name != NONE for effect in group]
    best = max(others, key=lambda effect: effect.generalized, default=None)
    none = groups[NONE][0].real
    chance = 1 / DATASETS[none.config.dataset].num_classes
    return best and over(less(own(none), chance), less(own(best.real), chance))


def fitting(measured: list[Effect], subject: str) -> list[Finding]:
    """Whether random labels are fitted with each strength of each explicit regularizer."""
    added = {name.replace("_", " ") for name in EXPLICIT}
    groups = grouped(measured, lambda effect: (effect.technique, effect.strength))
    return [
        TARGETS.tested(
            "language-regularizers-not-sufficient",
            f"{subject}, {name} {told}",
            Runs(effect.random for effect in seeds),
            [effect.memorized for effect in seeds],
        )
        for (name, told), seeds in groups.items()
        if name in added
    ]


def changed(measured: list[Effect], subject: str) -> list[Finding]:
    """By how much each implicit regularizer changes what is learned from true labels."""
    tested = []
    without = Runs(effect.real for effect in measured if effect.technique == NONE)
    for name in IMPLICIT:
        having = Runs(effect.real for effect in measured if effect.technique == name)
        changes = [less(stopped_accuracy(run), stopped_accuracy(other)) for run, other in having.pairs(without)]
        tested.append(TARGETS.tested("language-implicit", f"{subject}, {name}", having + without, changes))
    return [found for found in tested if found.effect.n]


STUDY = Study(
    "language_regularization",
    Techniques(),
    BASE,
    report,
    smoke={**SMOKE, "techniques": ("dropout", "schedule")},
    findings=findings,
)
