"""When runs had fitted and how they err, over corruptions and settings, seed by seed."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Any, TypeVar

from common.report.claims import gap
from common.report.numbers import Curve
from common.report.runs import CORRUPTION, Measure, Run, Runs
from common.runs.config import SEEDS, recipe
from common.runs.parts import Stopping

T = TypeVar("T")
OverEpochs = Callable[[Run], Mapping[int, float]]  # values by epoch
Epochs = Mapping[str, float | None]  # by setting
Levels = Sequence[Sequence[str]]
FIT_LOSS = 0.05
"""Training loss (nats) at which a run counts as fitted: it gives Figure 1b of Zhang et al. on the curves of 1a."""
MOST = 0.8
"""The greatest corruption at which labels say something."""


def line_of(run: Run) -> str:
    """Equal for runs that may be compared over corruptions: seeds, corruption and when training ends may differ."""
    return recipe(run.fields, (*SEEDS, *CORRUPTION, *Stopping.types()))


def epoch_loss(runs: Runs) -> OverEpochs:
    """Training loss (nats) of a run by epoch: the mean over the epoch's steps, where all of a line kept it.

    So Zhang et al. plot it. Elsewhere it is that of the network after the epoch: what is compared is one or the other.
    """
    kept = {
        line: all("online_train_loss" in epoch for run in members for epoch in run.trained)
        for line, members in runs.grouped(line_of).items()
    }
    return lambda run: run.over_epochs("online_train_loss" if kept[line_of(run)] else "train_loss")


def epochs_to_loss(loss: Mapping[int, float], threshold: float = FIT_LOSS) -> int | None:
    """First epoch whose training loss (nats) is at most `threshold`; null where none is."""
    return next((epoch for epoch, value in loss.items() if value <= threshold), None)


def epochs_to_fit(runs: Runs, threshold: float = FIT_LOSS) -> Measure:
    """Epochs in which each of these runs reaches a training loss; null for one that does not."""
    loss = epoch_loss(runs)
    return lambda run: epochs_to_loss(loss(run), threshold)


def one_recipe(runs: Runs, line: str) -> Runs:
    """The runs of one line: those that differ in more than their seeds are never averaged."""
    groups = runs.recipes()
    if len(groups) > 1:
        raise ValueError(f"runs of one line must differ in their seeds alone. Received: {line}, recipes={len(groups)}")
    return groups[0] if groups else Runs()


def over_corruption(runs: Runs, measure: Measure, line: str) -> Curve:
    """A measure of each seed over corruption (%), of the runs of one line."""
    groups = runs.by("corruption_fraction")
    return {100 * x: list(map(measure, one_recipe(group, f"{line}, corruption {x:g}"))) for x, group in groups.items()}


def error(run: Run) -> float | None:
    """Test error on labels corrupted like the training labels, a fraction."""
    accuracy = run.outcome["test_accuracy_corrupted_labels"]
    return None if accuracy is None else 1 - accuracy


def clean_error(run: Run) -> float | None:
    """Test error on true labels, a fraction."""
    accuracy = run.outcome["test_accuracy"]
    return None if accuracy is None else 1 - accuracy


def fitted(measure: Measure) -> Measure:
    """A measure of the runs that fit their training labels (`fit_accuracy`); nan of the others, which tell nothing."""
    return lambda run: measure(run) if (run.outcome["train_accuracy"] or 0) >= run.config.fit_accuracy else math.nan


def slowdown(runs: Runs, epochs: Measure) -> Measure:
    """Epochs of a run over those of the one on true labels that is of its line and seeds; null without either."""
    bases = {_base(run): count for run in runs.where(corruption_fraction=0) if (count := epochs(run))}

    def ratio(run: Run) -> float | None:
        own, base = epochs(run), bases.get(_base(run))
        return own / base if own and base else None

    return ratio


def _base(run: Run) -> tuple[str, ...]:
    return line_of(run), *(str(getattr(run.config, name)) for name in SEEDS)


def by_seed(runs: Runs, key: Callable[[Run], Any], measure: Measure) -> list[dict[Any, float | None]]:
    """{key: value} of each seed; of two runs with one key, that of the more epochs."""
    longest_last = Runs(sorted(runs, key=lambda run: run.config.epochs))
    return [{key(run): measure(run) for run in seed} for seed in longest_last.by(*SEEDS).values()]


def fraction_of(run: Run) -> float:
    """Corrupted share of its training examples."""
    return run.config.corruption_fraction


def over(seeds: Sequence[Mapping[float, float | None]]) -> dict[float, list[float | None]]:
    """Values of each seed over corruption."""
    return {x: [seed.get(x) for seed in seeds] for x in sorted(set().union(*seeds))}


def told(seed: Mapping[Any, float | None], at: Any) -> float | None:
    """The value of a run; null without a run, nan where the run has none."""
    value = seed.get(at, None)
    return math.nan if at in seed and value is None else value


def complete(seeds: Iterable[dict[float, T]], points: Collection[float]) -> list[dict[float, T]]:
    """The seeds that have a run at each point of a curve; others would be judged by another curve, of fewer points."""
    return [seed for seed in seeds if seed.keys() >= set(points)]


def lead(epochs: Epochs, levels: Levels) -> float | None:
    """Least factor by which a level takes more epochs than the one before.

    Null where a setting has no run; nan where one never gets there.
    """
    if not {name for level in levels for name in level} <= epochs.keys():
        return None
    logs = gap([[count and math.log(count) for count in map(epochs.get, level)] for level in levels])
    return math.nan if logs is None else math.exp(logs)


def least(values: Sequence[float | None]) -> float | None:
    """The least value; null where one is missing."""
    measured = [value for value in values if value is not None]
    return min(measured) if len(measured) == len(values) else None
