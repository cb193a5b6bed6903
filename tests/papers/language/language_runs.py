"""Runs on texts that never were, with what would lie beside them."""

import numpy as np
from made_up import a_run

from common.data.datasets import DATASETS
from common.papers.language.recipes import SETTINGS, fields, labels
from common.report.runs import Runs


def a_history(fitted, tests=(0.5,), held_out=None, trained=1.0):
    """Epochs whose training loss is 0.05 at the one that is `fitted` and halves every second one; the last has 0.025.

    `tests` are the test accuracies of epochs, `held_out` those on held-out texts; both stay as they end.
    """
    lines = [{"epoch": 0, "train_loss": 1.8, "train_accuracy": 0.2, "validation_accuracy": 0.2, "test_accuracy": 0.2}]
    for epoch in range(1, fitted + 3):
        own = {name: values[min(epoch, len(values)) - 1] for name, values in
               (("test_accuracy", tests), ("validation_accuracy", held_out or tests))}  # fmt: skip
        loss = 0.05 * 2 ** ((fitted - epoch) / 2)
        lines.append({"epoch": epoch, "train_loss": loss, "train_accuracy": trained, **own})
    return lines


def text_run(fitted=10, tests=(0.5,), held_out=None, trained=1.0, model="lstm", dataset="trec", setting="true_labels",
             arrays=None, readout=(), preset="small", **changes):  # fmt: skip
    """A run of the small preset in a setting, fitted at that epoch; a fraction among the changes is of labels."""
    fraction = changes.pop("fraction", None)
    given = SETTINGS[setting] if fraction is None else labels(fraction)
    history = a_history(fitted, tests, held_out, trained)
    outcome = {
        "train_accuracy": trained, "test_accuracy": history[-1]["test_accuracy"], "epochs": fitted + 2,
        "test_accuracy_corrupted_labels": 0.3, "best_test_accuracy": max(tests), "best_test_epoch": 1,
    }  # fmt: skip
    config = fields(model, dataset, preset, **{**given, **changes})
    arrays = arrays or {"train_labels": np.arange(DATASETS[dataset].num_classes)}
    return a_run(history, outcome, {"readout.jsonl": list(readout)}, arrays, train_n=4840, **config)


def seeds_of(make, n=3):
    """Runs of `n` seeds: what `make` gives for each."""
    return Runs(run for seed in range(n) for run in make(seed))


def found(findings, name, of=""):
    """The one finding of a statement, on a subject that these words are in."""
    (one,) = [each for each in findings if each.statement.id == f"language-{name}" and of in each.subject]
    return one
