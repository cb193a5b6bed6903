"""Records and read-outs as the experiments leave them, by hand."""

from types import SimpleNamespace

import pytest
from made_up_runs import a_run

from common.report.decoding import Decoded

SCORED = ("validation_corrupted_labels", "test", "train_corrupted_labels", "train_true_labels")


class Kept:
    """What a store knows of runs, by their ids."""

    def __init__(self):
        self.readouts, self.others, self.histories, self.files = {}, {}, {}, {}

    def readout(self, name):
        return self.readouts[name]

    def other_readouts(self, name):
        return self.others[name]

    def history(self, name):
        return self.histories[name]

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


def decoded_run(store, readout=(), test=0.5, history=None, other=None, epochs=10, **changes):
    """A run of ten epochs on the MNIST examples of a small run, and what the store holds of it."""
    outcome = {"epochs": epochs, "test_accuracy": test, "best_test_accuracy": test, "best_test_epoch": epochs}
    given = {"model": "mlp4", "dataset": "mnist", "corruption": "ketha", "corruption_fraction": 0.8, **changes}
    record, _ = a_run(outcome=outcome, **{"train_n": 5000, **given})
    name = record["run_id"]
    store.readouts[name], store.others[name] = list(readout), other or {}
    store.histories[name] = history or a_history([test] * (epochs + 1))
    return Decoded(record, store)


@pytest.fixture
def decoding():
    """A store that keeps what is put into it, and the functions that make it."""
    store = Kept()

    def run(*args, **kwargs):
        return decoded_run(store, *args, **kwargs)

    return SimpleNamespace(store=store, run=run, read_out=read_out, history=a_history)
