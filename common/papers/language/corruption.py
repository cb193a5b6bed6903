"""Time to fit and test error of networks that read, against the corrupted share of the labels."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from common.data.datasets import DATASETS
from common.papers.language.learning_curves import NOTE, kind_of, kind_text
from common.papers.language.recipes import BASE, SMOKE, Fields, Texts, fields, labels
from common.papers.language.targets import TARGETS
from common.report import figures, readouts
from common.report.claims import Finding, growth
from common.report.fitting import (
    FIT_LOSS,
    MOST,
    by_seed,
    clean_error,
    complete,
    epochs_to_fit,
    error,
    fitted,
    fraction_of,
    over,
    over_corruption,
    slowdown,
    told,
)
from common.report.numbers import cell, less, number
from common.report.peaks import stopped_accuracy
from common.report.runs import Measure, Run, Runs
from common.report.tables import Table
from common.study import Call, Study

if TYPE_CHECKING:
    from matplotlib.figure import Figure

TITLE = "Texts with corrupted labels"
TENTHS = tuple(number / 10 for number in range(11))


@dataclass(frozen=True)
class Fractions(Texts):
    """A run for each combination of these values."""

    fractions: tuple[float, ...] = TENTHS
    """Corrupted fractions of the labels."""

    def rows(self, preset: str) -> list[Fields]:
        return [
            fields(model, dataset, preset, **labels(fraction))
            for dataset, model in self.kinds(preset)
            for fraction in self.fractions
        ]


def of_labels(run: Run) -> bool:
    """Whether nothing but labels was changed."""
    return run.setting in ("true_labels", "corrupted_labels", "random_labels")


def stopped_error(run: Run) -> float | None:
    """Test error on true labels, of the network stopped early."""
    return less(1, stopped_accuracy(run))


def report(runs: Runs, call: Call) -> dict[str, Table | Figure]:
    """Epochs to fit and errors over corruption, and both as numbers."""
    runs = runs.where(of_labels)
    epochs = epochs_to_fit(runs)
    errors: dict[str, tuple[Measure, dict[str, Any]]] = {
        "at the end": (clean_error, {"marker": "o"}),
        "stopped early": (stopped_error, {"marker": "^", "linestyle": "--"}),
    }
    fits = {f"to a training loss of {FIT_LOSS:g}": (slowdown(runs, epochs), {"marker": "o"})}
    figures_of = partial(over_fractions, runs)
    return {
        "epochs_to_fit": figures_of(fits, 1, "epochs, relative to true labels", "Time to fit corrupted labels"),
        "test_error": figures_of(errors, 100, "test error, true labels (%)", "Error of networks that fit"),
        "fractions": fraction_table(runs, TITLE),
    }


def over_fractions(
    runs: Runs, measures: Mapping[str, tuple[Measure, Mapping[str, Any]]], scale: float, label: str, title: str
) -> Figure:
    """Measures against corruption (%), a panel for each data set, a colour for each model, a line style for each."""
    panels_of, models = runs.by("dataset"), list(runs.by("model"))
    figure, panels = figures.panel_figure(title, [kind_text(name) for name in panels_of], 3, (3.2, 3.0))
    colours = figures.palette(models)
    for axes, here in zip(panels, panels_of.values(), strict=True):
        for model, group in here.by("model").items():
            for measure, style in measures.values():
                curve = over_corruption(group, measure, model)
                figures.draw_curve(axes, curve, scale, color=colours[model], **style)
        axes.set(xlabel="corrupted labels (%)", ylabel=label, ylim=(0, None))
    styles = [figures.handle(name, color=figures.GREY, **style) for name, (_, style) in measures.items()]
    figures.add_legend(figure, [*figures.handles(colours), *styles])
    return figure


def fraction_table(runs: Runs, title: str) -> Table:
    """A row for each model, data set and fraction."""
    epochs = epochs_to_fit(runs)
    cells: readouts.Cells = {
        "epochs to fit": readouts.mean(epochs, "epochs"),
        "relative": readouts.mean(slowdown(runs, epochs), "ratio"),
        "training accuracy, %": readouts.mean("train_accuracy"),
        "test error, true labels, %": readouts.mean(clean_error),
        "stopped, %": readouts.mean(stopped_error),
        "test error, corrupted labels, %": readouts.mean(error),
    }
    return readouts.setting_table(runs, cells, title, NOTE)


def findings(runs: Runs, call: Call) -> list[Finding]:
    """How time to fit and error grow, of each model on each data set."""
    kinds = runs.where(of_labels).grouped(kind_of)
    return [found for kind, group in kinds.items() for found in of_kind(group, kind_text(*kind), call.grid.fractions)]


def of_kind(runs: Runs, subject: str, fractions: Sequence[float]) -> list[Finding]:
    """Of one model on one data set."""
    epochs = epochs_to_fit(runs)
    times, ratios, errors = (by_seed(runs, fraction_of, of) for of in (epochs, slowdown(runs, epochs), clean_error))
    slower = [told(seed, 1.0) if 0.0 in seed else None for seed in ratios]
    sound = by_seed(runs, fraction_of, fitted(clean_error))
    wrong = [less(seed.get(MOST), seed.get(0.0)) for seed in sound]
    chance = 1 / DATASETS[runs[0].config.dataset].num_classes
    right = [less(less(1, seed.get(1.0)), chance) for seed in sound]
    curves = complete(times, fractions)
    tested = partial(TARGETS.tested, subject=subject, runs=runs)
    return [
        tested("language-slowdown", effects=slower, numbers=by_fraction(times, "epochs")),
        tested("language-small-factor", effects=slower, numbers=by_fraction(times, "epochs")),
        tested(
            "language-slower-steadily", effects=list(map(steadiness, curves)), numbers=by_fraction(curves, "epochs")
        ),
        tested("language-error", effects=wrong, numbers=by_fraction(errors, "fraction", " %")),
        tested("language-chance", effects=right),
    ]


def steadiness(epochs: Mapping[float, float | None]) -> float | None:
    """How nearly the time to fit grows with each further share; nan where labels were not fitted at one of them."""
    return math.nan if None in epochs.values() else growth(epochs)


def by_fraction(seeds: Sequence[Mapping[float, float | None]], unit: str, ending: str = "") -> str:
    """Means over seeds at each corrupted fraction, as text."""
    means = {x: cell(number(values, unit)) for x, values in over(seeds).items()}
    return f"{unit if unit == 'epochs' else 'error'}: " + ", ".join(
        f"{mean}{ending} at {100 * x:g} %" for x, mean in means.items()
    )


STUDY = Study(
    "language_label_corruption", Fractions(), BASE, report, smoke={**SMOKE, "fractions": (0.0, 1.0)}, findings=findings
)
