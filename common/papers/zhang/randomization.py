"""Figure 1a: small Inception fits true labels and five randomizations, and in which order."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from common.papers.zhang.curves import (
    FIT_LOSS,
    STEPS,
    draw_published,
    epoch_width,
    epochs_to_fit,
    epochs_to_loss,
    in_epochs,
    line_of,
    one_recipe,
    over_training,
    published,
    published_handle,
    published_loss,
    training_axis,
)
from common.papers.zhang.recipes import BASE, INPUTS, READINGS, Fields, fields, shown
from common.papers.zhang.targets import NO_BAND, REDUCED, TARGETS, by_seed, finding, on_setting, verdict
from common.report import figures
from common.report.claims import Finding, judge_seeds, ordered
from common.report.numbers import Number, cell, estimate
from common.report.runs import Runs, group_names, setting_text
from common.report.tables import Table, claims_table
from common.study import Call, Seeds, Study

if TYPE_CHECKING:
    from matplotlib.figure import Figure

TITLE = "Fitting randomized data: small Inception"
THRESHOLDS = (1.0, 0.1, 0.01)
SETTINGS = ("true_labels", "random_labels", "shuffled_pixels", "random_pixels", "gaussian")
LEVELS = (("true_labels",), ("shuffled_pixels",), ("gaussian", "random_pixels"), ("random_labels",))
"""Settings in the order in which they are fitted; two that are together in either order."""
SHOWN = (*SETTINGS, *READINGS)
COLOURS = dict(zip(SETTINGS, (figures.BLUE, figures.ORANGE, figures.GREEN, figures.PURPLE, figures.SKY), strict=True))


class Settings(Seeds):
    """Figure 1a."""

    def rows(self, preset: str) -> list[Fields]:
        """True labels, inputs without structure, random labels, and another reading of the inputs."""
        return [fields("inception", name, preset) for name in ("true_labels", *INPUTS, "random_labels", *READINGS)]


def training_losses(runs: Runs, title: str) -> Figure:
    """Training loss (nats) of small Inception on five settings, mean over seeds and its 95 % t interval.

    The mean over each epoch's steps, as published, where the runs have it. Over thousands of steps, or where an epoch
    has not the published 391 of them, over epochs, the published ones too.
    """
    runs, handles = on_setting(runs, SHOWN, "inception"), []
    loss, width, curves = published_loss(runs), epoch_width(runs), published("Figure 1a", "setting")
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
            easiest = measures[thresholds.index(max(thresholds))]
            rows.append([*row, verdict(None, list(map(easiest, group)), group)])
    columns = [name for value in thresholds for name in (f"epochs to loss {value:g}", f"published, {value:g}")]
    columns = ["setting", "framework", "train_n", "seeds", *columns, "verdict"]
    note = f"Means over seeds with 95 % t intervals; published in epochs of {STEPS} steps. {NO_BAND} {REDUCED}"
    return Table("Zhang et al. 2017, Figure 1a: published and measured", columns, rows, note)


def findings(runs: Runs) -> list[Finding]:
    """The order in which five settings reach a training loss of `FIT_LOSS`, and that all are fitted."""
    lines = on_setting(runs, SETTINGS, "inception").grouped(line_of).values()
    whole = [line for line in lines if {run.setting for run in line} == set(SETTINGS)]
    orders, fits = [_order_finding(line) for line in whole], [_fit_finding(line) for line in whole]
    return [*(orders or [finding("zhang-order")]), *(fits or [finding("zhang-fit")])]


def _order_finding(line: Runs) -> Finding:
    seeds = by_seed(line, lambda run: run.setting, epochs_to_fit(line))
    holds = [ordered([[seed.get(setting) for setting in level] for level in LEVELS]) for seed in seeds]
    means = {name: estimate([seed.get(name) for seed in seeds]).mean for level in LEVELS for name in level}
    texts = [f"{setting_text(name)} {cell(Number(mean, 'epochs'))}" for name, mean in means.items()]
    numbers = f"epochs to loss {FIT_LOSS:g}: {', '.join(texts)}"
    return finding("zhang-order", "inception", line, numbers, *judge_seeds(holds))


def _fit_finding(line: Runs) -> Finding:
    seeds = by_seed(line, lambda run: run.setting, lambda run: run.outcome["train_accuracy"])
    worst = [_least([seed.get(setting) for setting in SETTINGS]) for seed in seeds]
    above = TARGETS.statement("zhang-fit").band[0]
    holds = [None if value is None else value > above for value in worst]
    least = min((value for value in worst if value is not None), default=None)
    return finding("zhang-fit", "inception", line, f"at least {cell(least)} %", *judge_seeds(holds))


def _least(values: Sequence[float | None]) -> float | None:
    """The least value; null where one is missing."""
    measured = [value for value in values if value is not None]
    return min(measured) if len(measured) == len(values) else None


def report(runs: Runs, call: Call) -> dict[str, Table | Figure]:
    """Figure 1a, epochs to fit, and what becomes of its claims."""
    return {
        "training_loss": training_losses(runs, TITLE),
        "epochs_to_fit": convergence_table(runs),
        "claims": claims_table(findings(runs), TITLE),
    }


STUDY = Study("randomization_learning_curves", Settings(), BASE, report, check=shown(SHOWN, ["inception"]))
