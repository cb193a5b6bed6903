"""Is a network given what it was trained on? Its own accuracy says so: doubts about it, and a trial of every input."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from common.analysis.evaluator import SavedModel
from common.analysis.readout import OWN, Line, opened
from common.data.layouts import AXES
from common.data.preprocessing import PREPROCESSING
from common.runs.config import Config, Options
from common.runs.foreign import Declared

EXAMPLES = 1000
IMAGENET = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
"""Mean and standard deviation of the channels that networks trained on ImageNet are given."""
SHORT_OF_RECORD = 0.02
"""How far a network's accuracy may lie below that of its record: subsets of examples differ by less."""
CAUSES = "other preprocessing, layout (nhwc, nchw), labels or order of the classes; --check tries preprocessings"


def own_accuracy(lines: Sequence[Line], scored_on: str) -> tuple[int, int] | None:
    """How many of the network's own predictions are right, and of how many."""
    for line in lines:
        if (line["probe"], line["scored_on"]) == (OWN, scored_on):
            return line["correct"], line["n"]
    return None


def chance(labels: NDArray[np.integer[Any]]) -> float:
    """The accuracy of one answer to all: the share of the most frequent label."""
    return float(np.bincount(labels).max() / len(labels))


def at_chance(correct: int, n: int, share: float) -> bool:
    """Whether so many right ones of `n` are what chance gives: within three standard deviations, or below."""
    return correct <= n * share + 3 * math.sqrt(n * share * (1 - share))


def doubts(lines: Sequence[Line], share: float, recorded: float | None = None) -> Iterator[str]:
    """What is wrong with a network's accuracy on its training examples, if anything, and what may be the cause.

    `share` is that of chance, `recorded` the accuracy of the network's record.
    """
    correct, n = own_accuracy(lines, "train_corrupted_labels") or (0, 0)
    if n and at_chance(correct, n, share) and not (recorded and recorded <= correct / n):
        yield f"the network's own accuracy on its training examples, {correct / n:.1%}, is that of chance: {CAUSES}"
    elif n and recorded is not None and correct / n < recorded - SHORT_OF_RECORD:
        yield (
            f"the network's own accuracy on its training examples, {correct / n:.1%}, is below the {recorded:.1%} of "
            f"its record: {CAUSES}"
        )


def rescaled(model: SavedModel, config: Config) -> Iterator[str]:
    """A doubt where images are rescaled before a network that has a layer for it."""
    if model.rescaling and config.preprocessing != "raw":
        yield (
            f"the network rescales its inputs itself (layer {model.rescaling}), and is given them on the scale "
            f"{config.preprocessing}; --preprocessing raw gives it 0-255"
        )


class Trial(NamedTuple):
    """A way to prepare images, as flags say it, and how many of the network's predictions are then right."""

    flags: str
    correct: int
    n: int
    chance: float


def trials(path: Path, given: dict[str, Any], options: Options, declared: Declared) -> list[Trial]:
    """Every preprocessing, and every layout that the network takes, on 1,000 training examples: the best first.

    ValueError where the network takes images in no way.
    """
    found: list[Trial] = []
    reasons: list[ValueError] = []
    for layout in (declared.layout,) if declared.layout else (None, *AXES):
        try:
            model, config, task = opened(
                path, {"preprocessing": "zero_one", **given}, options, dataclasses.replace(declared, layout=layout)
            )
        except ValueError as error:
            reasons.append(error)
            continue
        examples = task.train.take(np.sort(np.random.default_rng(0).permutation(len(task.train))[:EXAMPLES]))
        own = model.metadata
        for scale, declared_as in scales(task.kind.input_shape[-1], declared):
            model.metadata = {**own, **declared_as.statistics}
            inputs = model.prepare(examples.inputs, dataclasses.replace(config, preprocessing=scale))
            right = model.classes(model.logits(inputs), task.num_classes) == examples.labels
            flags = flags_of(scale, declared_as, layout)
            found.append(Trial(flags, int(right.sum()), len(right), chance(examples.labels)))
        if layout is None:  # the network takes one layout, or both are one to it
            break
    if not found:
        raise reasons[0]
    return sorted(found, key=lambda trial: -trial.correct)


def scales(channels: int, declared: Declared) -> Iterator[tuple[str, Declared]]:
    """All input scales, per channel with the data set's own statistics, those declared, and ImageNet's for colours."""
    yield from ((name, Declared()) for name in PREPROCESSING)
    given = [(declared.mean, declared.std)] if declared.mean else []
    for mean, std in [*given, *([IMAGENET] if channels == len(IMAGENET[0]) else [])]:
        yield "per_channel", Declared(mean=mean, std=std)


def flags_of(scale: str, declared: Declared, layout: str | None) -> str:
    """What the command line says for it."""
    words = [f"--preprocessing {scale}"]
    if declared.mean:
        words = [f"--{name} {' '.join(f'{value:g}' for value in getattr(declared, name))}" for name in ("mean", "std")]
    return " ".join([*words, *([f"--layout {layout}"] if layout else [])])
