"""Figures 10 and 11: what regularizers do to learning and what to memorizing."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from common.errors import check_choice
from common.groups import grouped
from common.papers.arpit.networks import best_accuracy, network
from common.papers.arpit.recipes import BASE, KEPT, fields
from common.papers.arpit.targets import TARGETS
from common.report.claims import Finding, Held
from common.report.figures import BLACK, COLOURS, add_legend, line_over_epochs, new_figure, panel_figure
from common.report.numbers import cell, compared, number
from common.report.runs import Run, Runs
from common.report.tables import Table, claims_table
from common.study import Call, Fields, Seeds, Study

if TYPE_CHECKING:
    from matplotlib.figure import Figure

TITLE = "Regularizers and memorization"
BOTH, NONE = "dropout and adversarial training", "none"
LOST = 0.01  # of validation accuracy, that a regularizer may cost
SINGLE: dict[str, Mapping[str, Sequence[float]]] = {
    "dropout": {"paper": (0.1, 0.3, 0.5, 0.7, 0.9), "small": (0.3, 0.5, 0.7)},
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
"""Dropout rates and weights of adversarial training, which has in the small preset two of dropout's rates."""
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
    """Figures 10 and 11, their numbers and the verdicts."""
    measured = effects(runs)
    return {
        "trade_off": trade_off_figure(measured, TITLE),
        "training_loss": loss_figure(measured, TITLE),
        "effects": effect_table(measured, TITLE),
        "claims": claims_table(regularizer_findings(measured), TITLE),
    }


class Effect(NamedTuple):
    """A regularizer of one strength and seed: the runs on real data and on random labels."""

    technique: str
    strength: str
    seed: int
    real: Run
    random: Run

    @property
    def memorized(self) -> float:
        """Final training accuracy on random labels."""
        return self.random.outcome["train_accuracy"] or 0

    @property
    def generalized(self) -> float:
        """Best validation accuracy on real data over epochs."""
        return best_accuracy(self.real) or 0

    def hinders_more(self, other: Effect) -> bool:
        """Whether it hinders memorization more than another regularizer, at a cost of at most LOST."""
        return self.memorized < other.memorized and self.generalized >= other.generalized - LOST


def technique_of(run: Run) -> tuple[str, str]:
    """Name and strength of a run's regularizer."""
    config = run.config
    if config.adversarial_weight:
        return BOTH, f"{config.dropout:g}, weight {config.adversarial_weight:g}"
    used = ((name.replace("_", " "), f"{value:g}") for name in SINGLE if (value := getattr(config, name)))
    return next(used, (NONE, ""))


def effects(runs: Runs) -> list[Effect]:
    """Of every regularizer and strength that was trained on both real data and random labels.

    Of the seeds that have the most of them, so that all are compared on the same.
    """
    complete = []
    for key, both in runs.grouped(lambda run: (*technique_of(run), run.config.seed)).items():
        real, random = both.where(corruption="none"), both.where(corruption="uniform")
        if real and random:
            complete.append(Effect(*key, real[-1], random[-1]))
    counts = Counter(effect.seed for effect in complete)
    most = max(counts.values(), default=0)
    return [effect for effect in complete if counts[effect.seed] == most]


def by_technique(measured: Iterable[Effect]) -> dict[str, list[Effect]]:
    """Effects of each technique, with that of none first."""
    groups = grouped(measured, lambda effect: effect.technique)
    order = (NONE, *(name.replace("_", " ") for name in SINGLE), BOTH)
    return {name: groups[name] for name in order if name in groups}


def by_seed(measured: Iterable[Effect]) -> list[dict[str, list[Effect]]]:
    """Effects of each technique in each of the seeds that have that of none."""
    seeds = sorted(grouped(measured, lambda effect: effect.seed).items())
    techniques = [by_technique(effects) for _, effects in seeds]
    return [groups for groups in techniques if NONE in groups]


def hindrance(group: Sequence[Effect], none: Effect) -> tuple[float, Effect]:
    """Largest fall of training accuracy on random labels at a cost of at most LOST, and whose; none's, 0, without."""
    allowed = [effect for effect in group if effect.generalized >= none.generalized - LOST]
    best = min(allowed, key=lambda effect: effect.memorized, default=none)
    return max(0.0, none.memorized - best.memorized), best


def trade_off_figure(measured: Sequence[Effect], title: str) -> Figure:
    """Figure 10: best validation accuracy on real data against final training accuracy on random labels (%)."""
    figure, (axes,) = new_figure(title, (6.8, 6))
    handles = []
    for (name, group), colour in zip(by_technique(measured).items(), (BLACK, *COLOURS), strict=False):
        for seed in grouped(group, lambda effect: effect.seed).values():
            points = sorted((100 * effect.memorized, 100 * effect.generalized) for effect in seed)
            lines = axes.plot(*zip(*points, strict=True), color=colour, marker="o", label=name)
        handles += lines[-1:]
    axes.set(xlabel="final training accuracy on random labels (%)", ylabel="best validation accuracy on real data (%)")
    add_legend(figure, handles)
    return figure


def loss_figure(measured: Sequence[Effect], title: str) -> Figure:
    """Figure 11: training loss over epochs, on random labels and on real data, of each technique's best strength."""
    figure, panels = panel_figure(title, ("random labels", "real data"), 2, (4.2, 3.4))
    handles = []
    shown = selected(by_seed(measured)[0]) if by_seed(measured) else {}
    for (name, effect), colour in zip(shown.items(), (BLACK, *COLOURS), strict=False):
        label = f"{name} {effect.strength}".strip()
        for axes, run in zip(panels, (effect.random, effect.real), strict=True):
            lines = line_over_epochs(axes, run.trained, "train_loss", color=colour, label=label)
        handles += lines
    for axes in panels:
        axes.set(xlabel="epoch", ylabel="training loss (nats)", yscale="log")
    add_legend(figure, handles)
    return figure


def selected(groups: Mapping[str, Sequence[Effect]]) -> dict[str, Effect]:
    """Of one seed, for each technique the strength that `hindrance` names, else the one that costs least."""
    none, chosen = groups[NONE][0], {}
    for name, group in groups.items():
        _, best = hindrance(group, none)
        chosen[name] = max(group, key=lambda effect: effect.generalized) if best is none else best
    return chosen


def effect_table(measured: Sequence[Effect], title: str) -> Table:
    """A row for each technique and strength, over seeds."""
    rows: list[Sequence[object]] = []
    for name, group in by_technique(measured).items():
        for strength, seeds in grouped(group, lambda effect: effect.strength).items():
            cells = [number(getattr(effect, key) for effect in seeds) for key in ("memorized", "generalized")]
            rows.append([name, strength or None, len(seeds), *cells])
    columns = ["regularizer", "strength", "seeds", "final training accuracy on random labels, %"]
    return Table(title, [*columns, "best validation accuracy on real data, %"], rows, "Means, 95 % t intervals.")


def regularizer_findings(measured: Sequence[Effect]) -> list[Finding]:
    """C11 and C12, seed by seed."""
    seeds, runs = by_seed(measured), Runs(run for effect in measured for run in (effect.real, effect.random))
    subject = network(runs[0]) if runs else "cnn2"
    return [_dropout(seeds, subject, runs), _adversarial(seeds, subject, runs), _order(seeds, subject, runs)]


def _dropout(seeds: Sequence[Mapping[str, Sequence[Effect]]], subject: str, runs: Runs) -> Finding:
    """Whether memorizing falls most with dropout, of all single regularizers."""
    falls = [{name: hindrance(group, groups[NONE][0])[0] for name, group in groups.items() if name != NONE}
             for groups in seeds]  # fmt: skip
    holds: list[Held] = []
    for fall in falls:
        others = [value for name, value in fall.items() if name not in ("dropout", BOTH)]
        holds.append(fall["dropout"] > max(others) if "dropout" in fall and others else None)
    means = {name: cell(number(fall.get(name) for fall in falls)) for fall in falls for name in fall}
    told = ", ".join(f"{name} {mean}" for name, mean in means.items())
    return TARGETS.judged(
        "arpit-dropout", subject, runs, f"training accuracy on random labels falls by (points): {told}", holds
    )


def _adversarial(seeds: Sequence[Mapping[str, Sequence[Effect]]], subject: str, runs: Runs) -> Finding:
    """Whether adversarial training adds to dropout, at each rate that both have."""
    pairs = [
        [(both, alone) for both in groups.get(BOTH, ()) for alone in groups.get("dropout", ())
         if both.real.config.dropout == alone.real.config.dropout]
        for groups in seeds
    ]  # fmt: skip
    holds = [all(both.hinders_more(alone) for both, alone in seed) if seed else None for seed in pairs]
    equal = grouped((pair for seed in pairs for pair in seed), lambda pair: pair[0].real.config.dropout)
    rates = [
        f"{rate:g}: {compared([[effect.memorized for effect in pair] for pair in at], ('with', 'without'), 'fraction')}"
        for rate, at in equal.items()
    ]
    label = "training accuracy on random labels (%) with adversarial training and without, by dropout rate"
    return TARGETS.judged("arpit-adversarial", subject, runs, f"{label}: {'; '.join(rates)}" if rates else None, holds)


def _order(seeds: Sequence[Mapping[str, Sequence[Effect]]], subject: str, runs: Runs) -> Finding:
    """Whether the order by training loss differs between the two kinds of data by more than one epoch changes it."""
    taus = [_rank_correlations(selected(groups).values()) for groups in seeds]
    holds = [None if between is None or within is None else between < within for between, within in taus]
    names = "between random labels and real data", "between the last two epochs of the same data"
    told = compared(taus, names)
    return TARGETS.judged("arpit-loss-order", subject, runs, f"Kendall's tau {told}" if told else None, holds)


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


STUDY = Study("regularized_memorization", Techniques(), BASE, report, KEPT, smoke={"techniques": ("adversarial",)})
