"""How well a network does on examples, measured batch by batch: what is kept is a few numbers for each example."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from common.data.arrays import Labels
from common.runs import processes
from common.runs.task import Examples
from common.runs.trainers import Trainer

TOP = 5


class Scores(NamedTuple):
    """Of each example: cross-entropy in nats with a label, without penalty, the predicted class, the label's rank."""

    losses: NDArray[np.float64]
    predictions: Labels
    ranks: Labels
    """How many classes come before the label: 0 where it is the predicted one."""


def score(trainer: Trainer, examples: Examples, labels: Labels) -> Scores:
    """Scores of all examples, of which each process of the run sees a part; their logits are not kept."""
    scores = Scores(np.zeros(len(labels)), *np.zeros((2, len(labels)), np.int64))
    own = processes.own_part(len(labels))
    start, inputs = own.start, examples.inputs if processes.count() == 1 else examples.inputs[own]
    for logits in trainer.feature_batches(inputs, "logits") if own.stop > start else ():
        part = slice(start, start := start + len(logits))
        scores.losses[part] = cross_entropy(logits, labels[part])
        scores.predictions[part] = logits.argmax(1)
        of_label = logits[np.arange(len(logits)), labels[part], None]
        scores.ranks[part] = logits.shape[1] - (logits <= of_label).sum(1)  # what is no number comes last
    return Scores(*map(processes.summed, scores))


def top5(ranks: Labels, num_classes: int) -> float | None:
    """Share of labels among the five classes with the highest logits; none where there are no more classes."""
    return share(ranks < TOP) if num_classes > TOP else None


def cross_entropy(logits: NDArray[np.float32], labels: Labels) -> NDArray[np.float64]:
    """Of each example (n,), in nats."""
    shifted = logits.astype(np.float64) - logits.max(1, keepdims=True)
    losses: NDArray[np.float64] = np.log(np.exp(shifted).sum(1)) - shifted[np.arange(len(labels)), labels]
    return losses


def mean(losses: NDArray[np.float64]) -> float | None:
    """Their mean, or none where it is not finite or there are no examples."""
    return finite(float(np.mean(losses))) if len(losses) else None


def finite(loss: float | None) -> float | None:
    """The loss, or none where it is no number."""
    return loss if loss is not None and math.isfinite(loss) else None


def share(correct: NDArray[np.bool_]) -> float | None:
    """Of what is true, or none of nothing."""
    return float(correct.mean()) if len(correct) else None
