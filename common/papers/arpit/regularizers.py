"""Figures 10 and 11: what regularizers do to learning and what to memorizing."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import fmean
from typing import TYPE_CHECKING

import numpy as np

from common.errors import check_choice
from common.groups import grouped
from common.papers.arpit.networks import FITTED, network
from common.papers.arpit.recipes import BASE, KEPT, fields
from common.papers.arpit.targets import TARGETS
from common.report.claims import CONTRADICTED, NOT_INDICATED, UNDECIDED, Finding
from common.report.figures import add_legend, line_over_epochs, palette, panel_figure
from common.report.numbers import compared, less
from common.report.regularizers import (
    BOTH,
    LOST,
    NONE,
    PALETTE,
    Effect,
    Groups,
    baselines,
    by_seed,
    effect_table,
    effects,
    hindered,
    hindrance,
    single,
    trade_off_figure,
)
from common.report.runs import Run, Runs
from common.report.tables import Table
from common.study import Call, Fields, Seeds, Study

if TYPE_CHECKING:
    from matplotlib.figure import Figure

TITLE = "Regularizers and memorization"
SINGLE: dict[str, Mapping[str, Sequence[float]]] = {
    "dropout": {"paper": (0.03, 0.1, 0.3, 0.5, 0.7, 0.9), "small": (0.3, 0.5, 0.7)},
    "input_dropout": {"paper": (0.1, 0.3, 0.5, 0.7, 0.9), "small": (0.3, 0.7)},
    "input_noise": {"paper": (0.3, 1.0, 2.0, 3.5, 5.0), "small": (0.3, 1.0, 3.5)},
    "hidden_noise": {"paper": (0.03, 0.1, 0.2, 0.3), "small": (0.1, 0.3)},
    "weight_decay": {"paper": (1e-3, 1e-2, 0.1, 1.0), "small": (1e-2, 0.1, 1.0)},
}
"""Strengths of the single regularizers, by the field that sets them and by preset."""
ADVERSARIAL = {
    "paper": ((0.03, 0.2), (0.1, 0.5), (0.3, 0.5), (0.5, 0.5), (0.5, 0.7)),
    "small": ((0.3, 0.5), (0.5, 0.5)),
}
"""Dropout rates and weights of adversarial training: rates that dropout has alone, too."""
SEARCH: dict[str, Fields] = {"paper": {}, "small": {"adversarial_iterations": 2}}
TECHNIQUES = (NONE, *SINGLE, "adversarial")
NOTHING = dict.fromkeys((*SINGLE, "adversarial_weight"), 0.0)


def strengths(technique: str, preset: str) -> list[Fields]:
    """Fields of each strength of a technique; the small preset takes two or three, and a shorter search."""
    check_choice("technique", technique, TECHNIQUES)
    if technique in SINGLE:
        return [{technique: value} for value in SINGLE[technique][preset]]
    if technique == NONE:
        return [{}]
    return [{"dropout": rate, "adversarial_weight": w, **SEARCH[preset]} for rate, w in ADVERSARIAL[preset]]


@dataclass(frozen=True)
class Techniques(Seeds):
    """A run on real and one on random labels for each strength of these."""

    techniques: tuple[str, ...] = TECHNIQUES
    """dropout, input_dropout, input_noise, hidden_noise, weight_decay, adversarial; none is always there."""

    def rows(self, preset: str) -> Iterable[Fields]:
        return [
            fields("cnn2", "cifar10", preset, noise, **{**NOTHING, **changes})
            for technique in dict.fromkeys((NONE, *self.techniques))
            for changes in strengths(technique, preset)
            for noise in ("none", "uniform")
        ]


def report(runs: Runs, call: Call) -> dict[str, Table | Figure]:
    """Figures 10 and 11 and their numbers."""
    measured = effects(runs, technique_of)
    return {
        "trade_off": trade_off_figure(measured, TITLE),
        "training_loss": loss_figure(measured, TITLE),
        "effects": effect_table(measured, TITLE),
    }


SIDES: Mapping[str, Callable[[Effect], Run]] = {
    "real data": lambda effect: effect.real,
    "random labels": lambda effect: effect.random,
}


def technique_of(run: Run) -> tuple[str, str]:
    """Name and strength of a run's regularizer."""
    config = run.config
    if config.adversarial_weight:
        return BOTH, f"{config.dropout:g}, weight {config.adversarial_weight:g}"
    used = ((name.replace("_", " "), f"{value:g}") for name in SINGLE if (value := getattr(config, name)))
    return next(used, (NONE, ""))


def loss_figure(measured: Sequence[Effect], title: str) -> Figure:
    """Figure 11: training loss over epochs, on random labels and on real data, of each technique's best strength."""
    figure, panels = panel_figure(title, ("random labels", "real data"), 2, (4.2, 3.4))
    handles = []
    shown = selected(by_seed(measured)[0], fmean(baselines(measured))) if by_seed(measured) else {}
    colours = palette(list(shown), PALETTE)
    for name, effect in shown.items():
        label = f"{name} {effect.strength}".strip()
        for axes, run in zip(panels, (effect.random, effect.real), strict=True):
            lines = line_over_epochs(axes, run.trained, "train_loss", color=colours[name], label=label)
        handles += lines
    for axes in panels:
        axes.set(xlabel="epoch", ylabel="training loss (nats)", yscale="log")
    add_legend(figure, handles)
    return figure


def selected(groups: Groups, baseline: float) -> dict[str, Effect]:
    """Of one seed, for each technique the strength that `hindrance` names, else the one that costs least."""
    none, chosen = groups[NONE][0], {}
    for name, group in groups.items():
        _, best = hindrance(group, none, baseline)
        chosen[name] = max(group, key=lambda effect: effect.generalized) if best is none else best
    return chosen


def regularizer_findings(runs: Runs, call: Call) -> list[Finding]:
    """How regularizers hinder memorization, slow training down and rank, seed by seed."""
    measured = effects(runs, technique_of)
    if not (seeds := by_seed(measured)):
        return []
    trained = Runs(run for effect in measured for run in (effect.real, effect.random))
    subject, levels = network(trained[0]), baselines(measured)
    return [
        *hindered(seeds, subject, trained, levels, TARGETS),
        _adversarial(seeds, subject, trained),
        *_times(seeds, subject, trained),
        _speed(seeds, subject, trained, fmean(levels)),
        _order(seeds, subject, trained, fmean(levels)),
    ]


def _adversarial(seeds: Sequence[Groups], subject: str, runs: Runs) -> Finding:
    """What adversarial training adds to dropout, at each rate that both have."""
    pairs = [
        [(both, alone) for both in groups.get(BOTH, ()) for alone in groups.get("dropout", ())
         if both.real.config.dropout == alone.real.config.dropout]
        for groups in seeds
    ]  # fmt: skip
    adds = [min((both.adds_to(alone) for both, alone in seed), default=None) for seed in pairs]
    equal = grouped((pair for seed in pairs for pair in seed), lambda pair: pair[0].real.config.dropout)
    rates = [
        f"{rate:g}: {compared([[effect.memorized for effect in pair] for pair in at], ('with', 'without'), 'fraction')}"
        for rate, at in equal.items()
    ]
    label = "training accuracy on random labels (%) with adversarial training and without, by dropout rate"
    return TARGETS.tested("arpit-adversarial", subject, runs, adds, f"{label}: {'; '.join(rates)}" if rates else None)


def _times(seeds: Sequence[Groups], subject: str, runs: Runs) -> list[Finding]:
    """Epochs to fit real data and random labels with single regularizers beside those without.

    Where networks do not fit these are the least that it takes, which cannot speak against the paper.
    """
    findings = []
    for data, of in SIDES.items():
        start = [of(groups[NONE][0]).epochs_to("train_accuracy", FITTED) for groups in seeds]
        others = [[of(effect) for effect in single(groups)] for groups in seeds]
        times = [[run.epochs_to("train_accuracy", FITTED) for run in group] for group in others]
        logs = [_slowdown(*seed) for seed in zip(start, times, others, strict=True)]
        never = sum(group.count(None) for group in times)
        told = f"{never} of {sum(map(len, times))} regularized networks had not fitted when training ended"
        here = runs.where(corruption=of(seeds[0][NONE][0]).config.corruption)
        found = TARGETS.tested("arpit-regularizers-time", f"{subject}, {data}", here, logs, told)
        short = never and found.verdict in (CONTRADICTED, NOT_INDICATED)
        findings.append(replace(found, verdict=UNDECIDED) if short else found)
    return findings


def _slowdown(alone: int | None, times: Sequence[int | None], runs: Sequence[Run]) -> float | None:
    """Mean log of epochs, all of them where a run does not fit, over those without a regularizer."""
    least = [time or run.outcome["epochs"] for time, run in zip(times, runs, strict=True)]
    return fmean(math.log(time / alone) for time in least) if alone and least else None


def _speed(seeds: Sequence[Groups], subject: str, runs: Runs, baseline: float) -> Finding:
    """By how much single regularizers of no cost lower training accuracy over the epochs, on either kind of data."""
    falls: list[Sequence[float | None]] = []
    for groups in seeds:
        allowed = [effect for effect in single(groups) if effect.generalized >= baseline - LOST]
        both = [[_speed_of(of(groups[NONE][0])) - _speed_of(of(effect)) for of in SIDES.values()] for effect in allowed]
        falls.append([fmean(column) for column in zip(*both, strict=True)] if both else (None, None))
    told = compared(falls, [f"on {data}" for data in SIDES], "points")
    effects = [less(random, real) for real, random in falls]
    return TARGETS.tested(
        "arpit-regularizers-speed", subject, runs, effects, told and f"training accuracy falls by (points) {told}"
    )


def _speed_of(run: Run) -> float:
    return fmean(run.over_epochs("train_accuracy").values())


def _order(seeds: Sequence[Groups], subject: str, runs: Runs, baseline: float) -> Finding:
    """By how much more the order by training loss differs between the two kinds of data than one epoch changes it."""
    taus = [_rank_correlations(selected(groups, baseline).values()) for groups in seeds]
    effects = [less(within, between) for between, within in taus]
    names = "between random labels and real data", "between the last two epochs of the same data"
    told = compared(taus, names)
    return TARGETS.tested("arpit-loss-order", subject, runs, effects, f"Kendall's tau {told}" if told else None)


def _rank_correlations(effects: Iterable[Effect]) -> tuple[float | None, float | None]:
    """Kendall's tau of training losses between two kinds of data, and of the same from one epoch to the last.

    The smaller of the two kinds' own; null where there are fewer than three pairs of runs, or a loss is missing.
    """
    from scipy import stats

    losses = [[[line["train_loss"] for line in run.history[-2:]] for run in (effect.real, effect.random)]
              for effect in effects]  # fmt: skip
    if len(losses) < 3 or any(loss is None for runs in losses for run in runs for loss in run):
        return None, None
    values = np.array(losses)  # (pairs, kinds, epochs)
    pairs = (values[:, :, 1].T, values[:, 0].T, values[:, 1].T)
    between, *within = (float(stats.kendalltau(first, second).statistic) for first, second in pairs)
    return (None, None) if math.isnan(between) else (between, min(within))


SMOKE = {"techniques": ("adversarial",)}
STUDY = Study("regularized_memorization", Techniques(), BASE, report, KEPT, smoke=SMOKE, findings=regularizer_findings)
