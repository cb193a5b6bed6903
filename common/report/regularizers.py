"""What regularizers do to memorizing random labels, and what it costs on true ones (Arpit et al. 2017, section 5)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from statistics import fmean
from typing import TYPE_CHECKING, NamedTuple

from common.groups import grouped
from common.report.claims import Finding, Targets
from common.report.figures import BLACK, COLOURS, GREY, add_legend, new_figure, palette
from common.report.numbers import cell, number
from common.report.runs import Run, Runs
from common.report.tables import Table

if TYPE_CHECKING:
    from matplotlib.figure import Figure

PALETTE = (BLACK, *(colour for colour in COLOURS if colour != BLACK), GREY)
NONE, BOTH = "none", "dropout and adversarial training"
LOST = 0.01  # of validation accuracy, that a regularizer may cost


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
        return self.real.best("validation_accuracy")["validation_accuracy"] or 0

    def adds_to(self, other: Effect) -> float:
        """By how much more than another it hinders memorization; at most 0 where it costs more than LOST."""
        more = other.memorized - self.memorized
        return more if self.generalized >= other.generalized - LOST else min(more, 0.0)


Groups = Mapping[str, Sequence[Effect]]  # effects of one seed by technique, that of none first


def effects(runs: Runs, technique_of: Callable[[Run], tuple[str, str]]) -> list[Effect]:
    """Of every regularizer, strength and seed that was trained on both real data and random labels.

    `technique_of` names a run's regularizer and its strength.
    """
    complete = []
    for key, both in runs.grouped(lambda run: (*technique_of(run), run.config.seed)).items():
        real, random = both.where(corruption="none"), both.where(corruption="uniform")
        if real and random:
            complete.append(Effect(*key, real[-1], random[-1]))
    return complete


def by_technique(measured: Iterable[Effect]) -> dict[str, list[Effect]]:
    """Effects of each technique, in the order in which they come, with that of none first."""
    return grouped(sorted(measured, key=lambda effect: effect.technique != NONE), lambda effect: effect.technique)


def by_seed(measured: Iterable[Effect]) -> list[dict[str, list[Effect]]]:
    """Effects of each technique in each of the seeds that have that of none and of another."""
    seeds = sorted(grouped(measured, lambda effect: effect.seed).items())
    techniques = [by_technique(effects) for _, effects in seeds]
    return [groups for groups in techniques if NONE in groups and len(groups) > 1]


def baselines(measured: Iterable[Effect]) -> list[float]:
    """Best validation accuracy on real data without any regularizer, of each seed."""
    return [effect.generalized for effect in measured if effect.technique == NONE]


def hindrance(group: Sequence[Effect], none: Effect, baseline: float) -> tuple[float, Effect]:
    """Largest fall of training accuracy on random labels at a cost of at most LOST, and whose; none's, 0, without."""
    allowed = [effect for effect in group if effect.generalized >= baseline - LOST]
    best = min(allowed, key=lambda effect: effect.memorized, default=none)
    return max(0.0, none.memorized - best.memorized), best


def trade_off_figure(measured: Sequence[Effect], title: str) -> Figure:
    """Figure 10: best validation accuracy on real data against final training accuracy on random labels (%)."""
    figure, (axes,) = new_figure(title, (6.8, 6))
    handles, techniques = [], by_technique(measured)
    colours = palette(list(techniques), PALETTE)
    for name, group in techniques.items():
        for seed in grouped(group, lambda effect: effect.seed).values():
            points = sorted((100 * effect.memorized, 100 * effect.generalized) for effect in seed)
            lines = axes.plot(*zip(*points, strict=True), color=colours[name], marker="o", label=name)
        handles += lines[-1:]
    axes.set(xlabel="final training accuracy on random labels (%)", ylabel="best validation accuracy on real data (%)")
    add_legend(figure, handles)
    return figure


def effect_table(measured: Sequence[Effect], title: str) -> Table:
    """A row for each technique and strength, over seeds."""
    rows: list[Sequence[object]] = []
    for name, group in by_technique(measured).items():
        for strength, seeds in grouped(group, lambda effect: effect.strength).items():
            cells = [number(getattr(effect, key) for effect in seeds) for key in ("memorized", "generalized")]
            rows.append([name, strength or None, len(seeds), *cells])
    columns = ["regularizer", "strength", "seeds", "final training accuracy on random labels, %"]
    return Table(title, [*columns, "best validation accuracy on real data, %"], rows, "Means, 95 % t intervals.")


def hindered(
    seeds: Sequence[Groups], subject: str, runs: Runs, levels: Sequence[float], targets: Targets
) -> list[Finding]:
    """By how much memorizing falls with dropout more than with others, and with the best more than with the least.

    Dropout's lead is undecided where it hangs on the seed that says what accuracy is without a regularizer.
    """
    falls = [_falls(groups, fmean(levels)) for groups in seeds]
    leads = [[_lead(_falls(groups, level)) for groups in seeds] for level in levels]
    hangs = len({lead > 0 for of_level in leads for lead in of_level if lead is not None}) > 1
    by_level = ", ".join(
        f"{cell(level)}: {cell(number(of, 'points'))}" for level, of in zip(levels, leads, strict=True)
    )
    means = {name: cell(number((fall.get(name) for fall in falls), "points")) for fall in falls for name in fall}
    numbers = f"training accuracy on random labels falls by (points): {', '.join(map(' '.join, means.items()))}"
    ranges = [max(fall.values()) - min(fall.values()) if len(fall) > 1 else None for fall in falls]
    reason = f"it hangs on the seed without a regularizer, whose accuracy (%) gives a lead (points) of {by_level}"
    wing, undecided = targets.wing, reason if hangs else ""
    return [
        targets.tested(f"{wing}-dropout", subject, runs, list(map(_lead, falls)), numbers, undecided),
        targets.tested(f"{wing}-regularizers-differ", subject, runs, ranges, numbers),
    ]


def _falls(groups: Groups, baseline: float) -> dict[str, float]:
    """Of each single regularizer."""
    by_name = grouped(single(groups), lambda effect: effect.technique)
    return {name: hindrance(group, groups[NONE][0], baseline)[0] for name, group in by_name.items()}


def _lead(falls: Mapping[str, float]) -> float | None:
    """Of dropout, over the best of the others; null without either."""
    others = [fall for name, fall in falls.items() if name != "dropout"]
    return falls["dropout"] - max(others) if "dropout" in falls and others else None


def single(groups: Groups) -> list[Effect]:
    """Effects of every strength of the regularizers of one seed, but for the combination of two."""
    return [effect for name, group in groups.items() if name not in (NONE, BOTH) for effect in group]
