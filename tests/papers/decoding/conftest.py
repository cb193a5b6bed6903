"""Runs that never were and their read-outs, by hand."""

from types import SimpleNamespace

import pytest

from common.report.runs import Run
from common.runs.config import Config, as_dict

SCORED = ("validation_corrupted_labels", "test", "train_corrupted_labels", "train_true_labels")


class Kept:
    """What lies beside records, by run id."""

    def __init__(self):
        self.readouts, self.histories, self.files = {}, {}, {}

    def lines(self, name, file):
        return {"readout.jsonl": self.readouts, "history.jsonl": self.histories}[file][name]

    def arrays(self, name):
        return self.files[name]


def read_out(layers, probe="masc", fitted_on="corrupted_labels", epoch=10, components=1.0):
    """Lines of a probe on 10,000 examples of each split: {layer: shares that are right, in the order of `SCORED`}."""
    line = {"epoch": epoch, "probe": probe, "fitted_on": fitted_on, "n": 10_000, "components": components}
    return [
        {**line, "layer": layer, "scored_on": scored_on, "correct": round(10_000 * share)}
        for layer, shares in layers.items()
        for scored_on, share in zip(SCORED, shares, strict=False)
    ]


def a_history(validation, test=None, train=None):
    """Lines of epochs 0, 1, 2 and so on."""
    measures = zip(validation, test or validation, train or validation, strict=True)
    names = ("validation_accuracy", "test_accuracy", "train_accuracy")
    return [{"epoch": epoch, **dict(zip(names, line, strict=True))} for epoch, line in enumerate(measures)]


def a_run(store, readout=(), test=0.5, history=None, other=None, epochs=10, train_n=5000, **changes):
    """A run of ten epochs on the MNIST examples of a small run, and what the store holds of it."""
    given = {"model": "mlp4", "dataset": "mnist", "framework": "torch"}
    if changes.get("corruption_fraction", 0.8):
        given |= {"corruption": "ketha", "corruption_fraction": 0.8}
    config = as_dict(Config(**{**given, **changes}))
    outcome = {"epochs": epochs, "train_accuracy": 1.0, "online_train_accuracy": 1.0, "test_accuracy": test}
    record = {
        "run_id": repr((sorted(config.items(), key=str), train_n)),
        "config": config,
        "data": {"test_n": 10_000, "train_n": train_n},
        "outcome": {**outcome, "best_test_accuracy": test, "best_test_epoch": epochs},
    }
    name = record["run_id"]
    labels = {key: {"labels_rule": "ketha", "labels_fraction": key} for key in other or {}}
    others = [line | labels[key] for key, lines in (other or {}).items() for line in lines]
    store.readouts[name] = [*readout, *others]
    store.histories[name] = history or a_history([test] * (epochs + 1))
    return Run(record, store)


@pytest.fixture
def decoding():
    """A store that keeps what is put into it, and the functions that make it."""
    store = Kept()

    def run(*args, **kwargs):
        return a_run(store, *args, **kwargs)

    return SimpleNamespace(store=store, run=run, read_out=read_out, history=a_history)
