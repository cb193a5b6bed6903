"""Figure 1a: small Inception fits true labels and five randomizations, and in which order."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from common.papers.zhang.curves import (
    STEPS,
    draw_published,
    epoch_width,
    in_epochs,
    over_training,
    points_of,
    published,
    published_handle,
    training_axis,
)
from common.papers.zhang.recipes import BASE, INPUTS, READINGS, Fields, fields, shown
from common.papers.zhang.targets import REDUCED, curve_numbers, on_setting, tested
from common.report import figures
from common.report.claims import Finding
from common.report.fitting import (
    FIT_LOSS,
    Epochs,
    Levels,
    by_seed,
    epoch_loss,
    epochs_to_fit,
    epochs_to_loss,
    lead,
    least,
    one_recipe,
)
from common.report.numbers import cell, number
from common.report.published import Target, number_findings
from common.report.runs import Runs, group_names, setting_text
from common.report.tables import Table
from common.study import Call, Seeds, Study

if TYPE_CHECKING:
    from matplotlib.figure import Figure

TITLE = "Fitting randomized data: small Inception"
THRESHOLDS = (1.0, 0.1, 0.01)
SETTINGS = ("true_labels", "random_labels", "shuffled_pixels", "random_pixels", "gaussian")
LEVELS: Levels = (("true_labels",), ("shuffled_pixels",), ("gaussian", "random_pixels"), ("random_labels",))
"""Settings in the order in which they are fitted; two that are together in either order."""
STARTS, LAST = LEVELS[-2:], "random_labels"
START_LOSS = 0.9 * math.log(10)  # a tenth below the loss of chance
SHOWN = (*SETTINGS, *READINGS)
COLOURS = dict(zip(SETTINGS, (figures.BLUE, figures.ORANGE, figures.GREEN, figures.PURPLE, figures.SKY), strict=True))


@dataclass(frozen=True)
class Settings(Seeds):
    """Figure 1a."""

    settings: tuple[str, ...] = ("true_labels", *INPUTS, "random_labels", *READINGS)
    """True labels, inputs without structure, random labels, and another reading of the inputs."""

    def rows(self, preset: str) -> list[Fields]:
        return [fields("inception", name, preset) for name in self.settings]


def training_losses(runs: Runs, title: str) -> Figure:
    """Training loss (nats) of small Inception on five settings, mean over seeds, thin lines these.

    The mean over each epoch's steps, as published, where the runs have it. Over thousands of steps, or where an epoch
    has not the published 391 of them, over epochs, the published ones too.
    """
    runs, handles = on_setting(runs, SHOWN, "inception"), []
    loss, width, curves = epoch_loss(runs), epoch_width(runs), published("Figure 1a", "setting")
    figure, (axes,) = figures.new_figure(title, (6.6, 5.6))
    for setting in SHOWN:
        group = one_recipe(on_setting(runs, [setting]), setting)
        colour, shape = COLOURS[READINGS.get(setting, setting)], ":" if setting in READINGS else "-"
        if setting in curves:
            draw_published(axes, curves[setting], colour, (1000 * width / STEPS, 1))
        if group or setting in curves:
            handles.append(figures.handle(setting_text(setting), color=colour, linestyle=shape))
        figures.draw_curve(axes, over_training(group, loss, width), label=setting, color=colour, linestyle=shape)
    axes.set(ylim=(0, 2.5), ylabel="training loss (nats)")
    training_axis(axes, runs)
    figures.add_legend(figure, [*handles, published_handle()])
    return figure


def convergence_table(runs: Runs, thresholds: Sequence[float] = THRESHOLDS) -> Table:
    """Epochs until the training loss (nats) is at most each threshold, measured and published."""
    runs, curves, rows = on_setting(runs, SHOWN, "inception"), published("Figure 1a", "setting"), []
    measures = [epochs_to_fit(runs, threshold) for threshold in thresholds]
    for setting in SHOWN:
        line = {round(epoch): loss for epoch, loss in in_epochs(curves[READINGS.get(setting, setting)])}
        groups = on_setting(runs, [setting]).recipes()
        for name, group in zip(group_names(groups), groups, strict=True):
            row: list[object] = [setting_text(setting), name, group[0].train_n, len(group)]
            for threshold, measure in zip(thresholds, measures, strict=True):
                row += [group.over_seeds(measure, "ratio"), epochs_to_loss(line, threshold)]
            rows.append(row)
    columns = [name for value in thresholds for name in (f"epochs to loss {value:g}", f"published, {value:g}")]
    columns = ["setting", "framework", "train_n", "seeds", *columns]
    note = f"Means over seeds with 95 % t intervals; published in epochs of {STEPS} steps. {REDUCED}"
    return Table("Zhang et al. 2017, Figure 1a: published and measured", columns, rows, note)


def findings(runs: Runs, call: Call) -> list[Finding]:
    """Whether all five settings are fitted, in which order, which start before which, and how fast then."""
    runs = on_setting(runs, SETTINGS, "inception")
    fits, starts = (_epochs(runs, threshold) for threshold in (FIT_LOSS, START_LOSS))
    before = f"{_means(starts, STARTS)} to a loss of {START_LOSS:.2f}"
    until = f"{_means(fits, LEVELS)} to a loss of {FIT_LOSS:g}"
    return [
        _fit_finding(runs),
        tested("zhang-order", "inception", runs, [lead(seed, LEVELS) for seed in fits], until),
        tested("zhang-start", "inception", runs, [lead(seed, STARTS) for seed in starts], before),
        tested("zhang-fast", "inception", runs, list(map(_share_before, starts, fits)), f"{before}; {until}"),
    ]


def _epochs(runs: Runs, threshold: float) -> list[dict[str, float | None]]:
    """Epochs of each setting to a loss, in each seed."""
    return by_seed(runs, lambda run: run.setting, epochs_to_fit(runs, threshold))


def _share_before(start: Epochs, fit: Epochs) -> float | None:
    """Share of the epochs to fit random labels that pass before it starts; nan where they are never fitted."""
    if LAST not in start:
        return None
    began, fitted = start[LAST], fit[LAST]
    return began / fitted if began and fitted else math.nan


def _means(seeds: Sequence[Epochs], levels: Levels) -> str:
    means = {name: number((seed.get(name) for seed in seeds), "epochs") for level in levels for name in level}
    return f"epochs of {', '.join(f'{setting_text(name)} {cell(mean)}' for name, mean in means.items())}"


def _fit_finding(runs: Runs) -> Finding:
    seeds = by_seed(runs, lambda run: run.setting, lambda run: run.outcome["train_accuracy"])
    worst = [least([seed.get(setting) for setting in SETTINGS]) for seed in seeds]
    found = [value for value in worst if value is not None]
    return tested("zhang-fit", "inception", runs, worst, f"at least {cell(min(found))} %" if found else None)


def numbers(runs: Runs) -> list[Finding]:
    """Epochs to three losses on each curve of Figure 1a."""
    own = runs.where(lambda run: run.full_size, dataset="cifar10", model="inception")
    published = curve_numbers("Figure 1a", _loss_read)
    return [judged for target in published for judged in number_findings(target, own, epochs_to_fit(own, target["at"]))]


def _loss_read(curve: Target, at: float) -> dict[str, Any]:
    """The epochs of a published curve to a loss."""
    value = epochs_to_loss({round(epoch): loss for epoch, loss in in_epochs(points_of(curve))}, at)
    fraction = float(curve["setting"] != "true_labels")
    return {"value": value, "quantity": f"epochs_to_loss_{at:g}", "unit": "epochs", "corruption_fraction": fraction}


def report(runs: Runs, call: Call) -> dict[str, Table | Figure]:
    """Figure 1a, and epochs to fit."""
    return {"training_loss": training_losses(runs, TITLE), "epochs_to_fit": convergence_table(runs)}


STUDY = Study(
    "randomization_learning_curves",
    Settings(),
    BASE,
    report,
    check=shown(SHOWN, ["inception"]),
    smoke={"settings": ("true_labels", "random_labels")},
    findings=findings,
)
