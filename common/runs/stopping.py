"""When a run stops, and after which epochs it must know for certain how well it fits its training set."""

from __future__ import annotations

from common.runs.config import Config
from common.runs.record import best_epoch, fitted
from common.runs.store import Record

ACCURACY_MARGIN = 0.05
"""How far below a criterion an epoch's own accuracy may be while the network at its end already meets it."""
LOSS_MARGIN = 2.0
"""The same as a factor of the loss: an epoch's own loss is mostly that of its weaker networks."""


def stop_reason(config: Config, history: list[Record]) -> str:
    """Why training ends after the last line of the history, or "" where it goes on."""
    last = history[-1]
    if last["train_accuracy"] is None:  # not measured, as it is after every last epoch
        return ""
    if last["train_loss"] is None:
        return "diverged"
    counted = {"after": "train_accuracy", "while_training": "online_train_accuracy"}[config.stop_counted]
    if config.stop_accuracy is not None and (last[counted] or 0) >= config.stop_accuracy:  # none before training
        return counted
    if config.stop_loss is not None and last["train_loss"] <= config.stop_loss:
        return "train_loss"
    if impatient(config, history):
        return "validation_accuracy"
    return "epochs" if last["epoch"] >= config.epochs else ""


def impatient(config: Config, history: list[Record]) -> bool:
    """Whether accuracy on held-out examples has not risen for too long."""
    if config.patience is None:
        return False
    return bool(history[-1]["epoch"] - best_epoch(history, "validation_accuracy") >= config.patience)


def is_due(config: Config, history: list[Record], line: Record) -> bool:
    """Whether the training set is measured after an epoch; its line holds the epoch's own means and the held-out.

    It is after every `train_evaluation_every`-th epoch and wherever the run may end or may have fitted, so that the
    last line is always whole and no rule is decided by an epoch's own means, but for the one that says so.
    """
    epoch = line["epoch"]
    return (
        epoch % config.train_evaluation_every == 0
        or epoch >= config.epochs
        or impatient(config, [*history, line])
        or may_meet_a_criterion(config, history, line)
    )


def may_meet_a_criterion(config: Config, history: list[Record], line: Record) -> bool:
    """Whether the epoch's own means are so near to a criterion that the network at its end may meet it.

    A run that has fitted once looks for that no more; means that are no numbers may be those of one that diverged.
    """
    loss, accuracy = line["online_train_loss"], line["online_train_accuracy"]
    if loss is None or (config.stop_loss is not None and loss <= LOSS_MARGIN * config.stop_loss):
        return True
    wanted = [config.stop_accuracy] if config.stop_accuracy is not None else []
    wanted += [] if fitted(config, history) else [config.fit_accuracy]
    return any(accuracy >= least - ACCURACY_MARGIN for least in wanted)
