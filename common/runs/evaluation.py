"""How well a network does on examples, measured batch by batch: what is kept is a few numbers for each example."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from common.data.arrays import Labels
from common.runs.task import Examples
from common.runs.trainers import Trainer


class Scores(NamedTuple):
    """Of each example: cross-entropy in nats with a label, without penalty, and the predicted class."""

    losses: NDArray[np.float64]
    predictions: Labels


def score(trainer: Trainer, examples: Examples, labels: Labels) -> Scores:
    """Scores of all examples; their logits are not kept."""
    scores = Scores(np.empty(len(labels)), np.empty(len(labels), np.int64))
    start = 0
    for logits in trainer.feature_batches(examples.inputs, "logits") if len(labels) else ():
        part = slice(start, start := start + len(logits))
        scores.losses[part] = cross_entropy(logits, labels[part])
        scores.predictions[part] = logits.argmax(1)
    return scores


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
