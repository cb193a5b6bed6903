"""Records and histories as the experiments leave them: Zhang et al.'s from the published curves, read-outs by hand."""

import math
import random
from types import SimpleNamespace

import pytest
from common.report.zhang import in_epochs, published
from made_up_runs import a_run, collected, corruption_of

from common.report.decoding import Decoded

INPUTS = ("shuffled_pixels", "random_pixels", "gaussian")


def losses_to(epochs):
    """A history whose training loss is 0.05 at that epoch and halves from there to the next but one."""
    lines = [{"epoch": 0, "train_loss": 0.01}]  # epoch 0 is untrained and never counts
    return lines + [{"epoch": e, "train_loss": 0.05 * 2 ** ((epochs - e) / 2)} for e in range(1, epochs + 3)]


def figure_1a(seeds=3, stretch=1.1, **changes):
    """Five settings that are fitted later than published by a factor and a little noise."""
    pairs = []
    for setting, points in published("Figure 1a", "setting").items():
        for seed in range(seeds):
            slower = stretch + 0.02 * seed
            lines = [{"epoch": 0, "train_loss": 2.36}]
            for epoch in range(1, 61):
                near = min(in_epochs(points), key=lambda point, at=epoch / slower: abs(point[0] - at))
                lines.append({"epoch": epoch, "train_loss": near[1]})
            pairs.append(a_run(lines, seed=seed, **{**corruption_of(setting), **changes}))
    return collected(pairs)


def figures_1b_1c(
    seeds=3, models=("inception", "alexnet", "mlp1"), fractions=(0.0, 0.2, 0.4, 0.6, 0.8, 1.0), **changes
):
    """Runs over corruption that take a little longer and err a little more than published."""
    slowdown, error, pairs = published("Figure 1b", "model"), published("Figure 1c", "model"), []
    first = {"inception": 10, "alexnet": 31, "mlp1": 28}
    for model in models:
        for p in fractions:
            for seed in range(seeds):
                corrupted = min(0.9, dict(error[model])[p] + 0.01 * seed)
                clean = 0.9 if p == 1 else min(0.9, 1 - (1 - corrupted - p / 10) / (1 - p))
                outcome = {"test_accuracy": 1 - clean, "test_accuracy_corrupted_labels": 1 - corrupted}
                epochs = round(dict(slowdown[model])[p] * first[model] * 1.1) + seed * (p > 0)
                rule = {"corruption": "uniform" if p else "none", "corruption_fraction": p}
                pairs.append(a_run(losses_to(epochs), outcome, model=model, seed=seed, **{**rule, **changes}))
    return collected(pairs)


def figure_2b(seeds=2, epochs=51, **changes):
    """Small Inception with and without batch norm, the latter noisy."""
    pairs, noise = [], random.Random(0)
    for batch_norm, best, spread in ((True, 0.87, 0.004), (False, 0.85, 0.02)):
        for seed in range(seeds):
            lines = [{"epoch": 0, "train_accuracy": 0.1, "test_accuracy": 0.1}]
            for epoch in range(1, epochs + 1):
                test = best - 0.2 * math.exp(-epoch / 4) + noise.gauss(0, spread / (1 + epoch / 20))
                train = 1 - 0.35 * math.exp(-epoch / 4)
                lines.append({"epoch": epoch, "train_accuracy": train, "test_accuracy": test})
            tests = [line["test_accuracy"] for line in lines]
            outcome = {"test_accuracy": tests[-1], "best_test_accuracy": max(tests)}
            pairs.append(a_run(lines, outcome, seed=seed, batch_norm=batch_norm, **changes))
    return collected(pairs)


@pytest.fixture
def zhang():
    """The functions that make them."""
    return SimpleNamespace(
        run=a_run,
        collected=collected,
        losses_to=losses_to,
        corruption_of=corruption_of,
        figure_1a=figure_1a,
        figures_1b_1c=figures_1b_1c,
        figure_2b=figure_2b,
    )


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
