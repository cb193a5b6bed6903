"""Runs of Zhang et al.'s experiments that never were: made from the published curves."""

import math
import random
from types import SimpleNamespace

import pytest
from made_up import a_run, mean_lines

from common.papers.zhang.curves import in_epochs, published
from common.report.runs import Runs


def run_of(history=(), outcome=None, **changes):
    """A run of small Inception, unless the changes name another model."""
    rate = {"learning_rate": 0.1} if changes.get("model", "inception") == "inception" else {}
    return a_run(history, outcome, **{"model": "inception", **rate, **changes})


def corruption_of(setting):
    rule = {"true_labels": "none", "random_labels": "uniform"}.get(setting, setting)
    return {"corruption": rule, "corruption_fraction": float(rule != "none")}


def losses_to(epochs):
    """A history whose training loss is 0.05 at that epoch and halves from there to the next but one."""
    lines = [{"epoch": 0, "train_loss": 0.01}]  # epoch 0 is untrained and never counts
    return lines + [{"epoch": e, "train_loss": 0.05 * 2 ** ((epochs - e) / 2)} for e in range(1, epochs + 3)]


def figure_1a(seeds=3, stretch=1.1, **changes):
    """Five settings that are fitted later than published by a factor and a little noise."""
    runs = []
    for setting, points in published("Figure 1a", "setting").items():
        for seed in range(seeds):
            slower = stretch + 0.02 * seed
            lines = [{"epoch": 0, "train_loss": 2.36}]
            for epoch in range(1, 61):
                near = min(in_epochs(points), key=lambda point, at=epoch / slower: abs(point[0] - at))
                lines.append({"epoch": epoch, "train_loss": near[1]})
            runs.append(run_of(lines, seed=seed, **{**corruption_of(setting), **changes}))
    return Runs(runs)


def figures_1b_1c(
    seeds=3,
    models=("inception", "alexnet", "mlp1"),
    fractions=(0.0, 0.2, 0.4, 0.6, 0.8, 1.0),
    faster_with_corruption=(),
    **changes,
):
    """Runs over corruption that take a little longer and err a little more than published; some seeds fit it faster."""
    slowdown, error, runs = published("Figure 1b", "model"), published("Figure 1c", "model"), []
    first = {"inception": 10, "alexnet": 31, "mlp1": 28}
    for model in models:
        for p in fractions:
            for seed in range(seeds):
                corrupted = min(0.9, dict(error[model])[p] + 0.01 * seed)
                clean = 0.9 if p == 1 else min(0.9, 1 - (1 - corrupted - p / 10) / (1 - p))
                outcome = {"test_accuracy": 1 - clean, "test_accuracy_corrupted_labels": 1 - corrupted}
                epochs = round(dict(slowdown[model])[p] * first[model] * 1.1) + seed * (p > 0)
                fitted = 100 - epochs if seed in faster_with_corruption else epochs
                rule = {"corruption": "uniform" if p else "none", "corruption_fraction": p}
                runs.append(run_of(losses_to(fitted), outcome, **{"model": model, "seed": seed, **rule, **changes}))
    return Runs(runs)


def figure_2b(seeds=2, epochs=51, **changes):
    """Small Inception with and without batch norm, the latter noisy."""
    runs, noise = [], random.Random(0)
    for batch_norm, best, spread in ((True, 0.87, 0.004), (False, 0.85, 0.02)):
        for seed in range(seeds):
            lines = [{"epoch": 0, "train_accuracy": 0.1, "test_accuracy": 0.1}]
            for epoch in range(1, epochs + 1):
                test = best - 0.2 * math.exp(-epoch / 4) + noise.gauss(0, spread / (1 + epoch / 20))
                train = 1 - 0.35 * math.exp(-epoch / 4)
                lines.append({"epoch": epoch, "train_accuracy": train, "test_accuracy": test})
            outcome = {"test_accuracy": lines[-1]["test_accuracy"]}
            runs.append(run_of(lines, outcome, seed=seed, batch_norm=batch_norm, **changes))
    return Runs(runs)


def rows_of(table, **wanted):
    """Rows of a table as dicts, those with these values."""
    rows = [dict(zip(table.columns, row, strict=True)) for row in table.rows]
    return [row for row in rows if all(row[key] == value for key, value in wanted.items())]


def curves(axes):
    """Measured lines by label."""
    return {line.get_label(): line for line in axes.lines if not line.get_label().startswith("_")}


def dashed(axes):
    """Published lines by colour."""
    return {line.get_color(): line for line in mean_lines(axes) if line.get_alpha() is not None}


def legend(figure):
    return [text.get_text() for text in figure.legends[0].get_texts()]


@pytest.fixture
def zhang():
    """The functions that make runs, and those that look at tables and figures."""
    return SimpleNamespace(
        run=run_of,
        losses_to=losses_to,
        corruption_of=corruption_of,
        figure_1a=figure_1a,
        figures_1b_1c=figures_1b_1c,
        figure_2b=figure_2b,
        rows_of=rows_of,
        curves=curves,
        dashed=dashed,
        legend=legend,
    )
