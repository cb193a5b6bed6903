"""Arpit et al. (2017), Figures 10 and 11: what regularizers do to learning and what to memorizing."""

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import numpy as np
from matplotlib.figure import Figure
from scipy import stats

from common.groups import grouped
from common.report.arpit import best_validation_accuracy, compared, judged, network
from common.report.claims import Finding
from common.report.figures import BLACK, COLOURS, add_legend, new_figure
from common.report.numbers import cell, number
from common.report.records import Line, Record
from common.report.tables import Table

SINGLE = {
    "dropout": "dropout",
    "input_dropout": "input dropout",
    "input_noise": "input noise",
    "hidden_noise": "hidden noise",
    "weight_decay": "weight decay",
}
BOTH = "dropout and adversarial training"
NONE = "none"
LOST = 0.01  # of validation accuracy, that a regularizer may cost
Histories = Mapping[str, Sequence[Line]]


class Effect(NamedTuple):
    """A regularizer of one strength and seed: the runs on real data and on random labels, and what they came to.

    `memorized` is the final training accuracy on random labels, `generalized` the best validation accuracy on real
    data over epochs, as in Figure 10.
    """

    technique: str
    strength: str
    seed: int
    runs: tuple[Record, Record]
    memorized: float
    generalized: float

    @property
    def dropout(self) -> float:
        """Dropout rate of the runs."""
        rate: float = self.runs[0]["config"]["dropout"]
        return rate

    def hinders_more(self, other: "Effect") -> bool:
        """Whether it hinders memorization more than another regularizer, at a cost of at most LOST."""
        return self.memorized < other.memorized and self.generalized >= other.generalized - LOST


def technique_of(record: Record) -> tuple[str, str]:
    """Name and strength of a run's regularizer."""
    config = record["config"]
    if config["adversarial_weight"]:
        return BOTH, f"{config['dropout']:g}, weight {config['adversarial_weight']:g}"
    return next(((text, f"{config[name]:g}") for name, text in SINGLE.items() if config[name]), (NONE, ""))


def effects(records: Iterable[Record], histories: Histories) -> list[Effect]:
    """Of every regularizer and strength that was trained on both real data and random labels.

    Of the seeds that have the most of them, so that all are compared on the same.
    """
    found: dict[tuple[str, str, int], dict[str, Record]] = {}
    for record in records:
        key = (*technique_of(record), record["config"]["seed"])
        found.setdefault(key, {})[record["config"]["corruption"]] = record
    made = [
        Effect(
            *key,
            (runs["none"], runs["uniform"]),
            runs["uniform"]["outcome"]["train_accuracy"],
            best_validation_accuracy(histories[runs["none"]["run_id"]]),
        )
        for key, runs in found.items()
        if {"none", "uniform"} <= set(runs)
    ]
    counts = Counter(effect.seed for effect in made)
    most = max(counts.values(), default=0)
    return [effect for effect in made if counts[effect.seed] == most]


def by_technique(found: Iterable[Effect]) -> dict[str, list[Effect]]:
    """Effects of each technique, with that of none first."""
    groups = grouped(found, lambda effect: effect.technique)
    return {name: groups[name] for name in (NONE, *SINGLE.values(), BOTH) if name in groups}


def hindrance(found: Sequence[Effect], none: Effect) -> tuple[float, Effect]:
    """Largest fall of training accuracy on random labels at a cost of at most LOST, and whose; none's, 0, without."""
    allowed = [effect for effect in found if effect.generalized >= none.generalized - LOST]
    best = min(allowed, key=lambda effect: effect.memorized, default=none)
    return max(0.0, none.memorized - best.memorized), best


def trade_off_figure(found: Sequence[Effect], title: str) -> Figure:
    """Figure 10: best validation accuracy on real data against final training accuracy on random labels (%)."""
    figure, (axes,) = new_figure(title, (6.8, 6))
    handles = []
    for (name, group), colour in zip(by_technique(found).items(), (BLACK, *COLOURS), strict=False):
        for seed in sorted({effect.seed for effect in group}):
            points = sorted((100 * e.memorized, 100 * e.generalized) for e in group if e.seed == seed)
            lines = axes.plot(*zip(*points, strict=True), color=colour, marker="o", label=name)
        handles += lines[-1:]
    axes.set(xlabel="final training accuracy on random labels (%)", ylabel="best validation accuracy on real data (%)")
    add_legend(figure, handles)
    return figure


def loss_figure(found: Sequence[Effect], histories: Histories, title: str) -> Figure:
    """Figure 11: training loss over epochs, on random labels and on real data, of each technique's best strength."""
    figure, panels = new_figure(title, (9.4, 5.2), (1, 2))
    handles = []
    for (name, effect), colour in zip(selected(found).items(), (BLACK, *COLOURS), strict=False):
        for axes, run, data in zip(panels, reversed(effect.runs), ("random labels", "real data"), strict=True):
            history = histories[run["run_id"]][1:]
            lines = axes.plot([line["epoch"] for line in history], [line["train_loss"] for line in history],
                              color=colour, label=f"{name} {effect.strength}".strip())  # fmt: skip
            axes.set(xlabel="epoch", ylabel="training loss (nats)", title=data)
            axes.set_yscale("log")
        handles += lines
    add_legend(figure, handles)
    return figure


def selected(found: Iterable[Effect]) -> dict[str, Effect]:
    """Of the first seed, for each technique the strength that `hindrance` names, else the one that costs least.

    Nothing where the network without a regularizer is missing.
    """
    first = min((effect.seed for effect in found), default=0)
    groups = by_technique(effect for effect in found if effect.seed == first)
    if NONE not in groups:
        return {}
    none = groups[NONE][0]
    best = {name: hindrance(group, none)[1] for name, group in groups.items()}
    return {name: max(groups[name], key=lambda e: e.generalized) if effect is none else effect
            for name, effect in best.items()}  # fmt: skip


def effect_table(found: Sequence[Effect], title: str) -> Table:
    """A row for each technique and strength, over seeds."""
    rows: list[Sequence[object]] = []
    for name, group in by_technique(found).items():
        for strength in dict.fromkeys(effect.strength for effect in group):
            seeds = [effect for effect in group if effect.strength == strength]
            cells = [number(getattr(effect, key) for effect in seeds) for key in ("memorized", "generalized")]
            rows.append([name, strength or None, len(seeds), *cells])
    columns = ["regularizer", "strength", "seeds", "final training accuracy on random labels, %"]
    return Table(title, [*columns, "best validation accuracy on real data, %"], rows, "Means, 95 % t intervals.")


def _rank_correlations(
    both: Iterable[tuple[Record, Record]], histories: Histories
) -> tuple[float | None, float | None]:
    """Kendall's tau of training losses between two kinds of data, and of the same from one epoch to the last.

    The smaller of the two kinds' own; null where there are fewer than three pairs of runs, or a loss is missing.
    """
    losses = [[[line["train_loss"] for line in histories[run["run_id"]][-2:]] for run in runs] for runs in both]
    if len(losses) < 3 or any(loss is None for runs in losses for run in runs for loss in run):
        return None, None
    values = np.array(losses)  # (pairs, kinds, epochs)
    between, *within = (
        float(stats.kendalltau(first, second).statistic)
        for first, second in (values[:, :, 1].T, values[:, 0].T, values[:, 1].T)
    )
    return (None, None) if math.isnan(between) else (between, min(within))


def regularizer_findings(found: Sequence[Effect], histories: Histories) -> list[Finding]:
    """C11 and C12, seed by seed."""
    dropout, adversarial, order, falls = [], [], [], []
    taus: list[tuple[float | None, float | None]] = []
    equal: dict[float, list[tuple[float, float]]] = {}
    for seed in sorted({effect.seed for effect in found}):
        here = [effect for effect in found if effect.seed == seed]
        groups = by_technique(here)
        if NONE not in groups:
            continue
        fall = {name: hindrance(group, groups[NONE][0])[0] for name, group in groups.items() if name != NONE}
        others = [value for name, value in fall.items() if name not in ("dropout", BOTH)]
        dropout.append(fall["dropout"] > max(others) if "dropout" in fall and others else None)
        pairs = [(both, alone) for both in groups.get(BOTH, []) for alone in groups.get("dropout", [])
                 if both.dropout == alone.dropout]  # fmt: skip
        adversarial.append(all(both.hinders_more(alone) for both, alone in pairs) if pairs else None)
        for both, alone in pairs:
            equal.setdefault(both.dropout, []).append((both.memorized, alone.memorized))
        falls.append(fall)
        tau, same = _rank_correlations([effect.runs for effect in selected(here).values()], histories)
        order.append(None if tau is None or same is None else tau < same)
        taus.append((tau, same))
    runs = [run for effect in found for run in effect.runs]
    subject = network(runs[0]) if runs else "cnn2"
    means = {name: cell(number(fall.get(name) for fall in falls)) for fall in falls for name in fall}
    texts = ", ".join(f"{name} {mean}" for name, mean in means.items())
    numbers = f"training accuracy on random labels falls by (points): {texts}"
    label = "training accuracy on random labels (%) with adversarial training and without, by dropout rate"
    told = compared(taus, names=("between random labels and real data", "between the last two epochs of the same data"))
    rates = [f"{rate:g}: {compared(pairs, 'fraction', ('with', 'without'))}" for rate, pairs in equal.items()]
    return [
        judged("arpit-dropout", subject, runs, numbers, dropout),
        judged("arpit-adversarial", subject, runs, f"{label}: {'; '.join(rates)}" if rates else None, adversarial),
        judged("arpit-loss-order", subject, runs, f"Kendall's tau {told}" if told else None, order),
    ]
