"""Accuracy over label corruption, of networks and of what their layers know."""

from __future__ import annotations

from typing import Any

from common.report import figures
from common.report.comparison import chosen_layer_accuracy
from common.report.numbers import Number
from common.report.runs import FRAMEWORKS, Measure, Run, Runs
from common.report.tables import Table

MEASURES: dict[str, tuple[Measure, str, Any]] = {
    "training accuracy, corrupted labels": (lambda run: run.outcome["train_accuracy"], "s", ":"),
    "test accuracy, chosen layer (MASC)": (chosen_layer_accuracy, "^", "-"),
    "test accuracy, the network's own": (lambda run: run.outcome["test_accuracy"], "o", "--"),
}
OUTCOMES = ("train_accuracy", "test_accuracy", "test_accuracy_corrupted_labels", "epochs_to_fit")


def corruption_figure(runs: Runs, title: str) -> figures.Figure:
    """Accuracies (%) against the corrupted fraction (%): a colour for each framework, thin lines its seeds."""
    figure, (axes,) = figures.new_figure(title, (6.6, 6.2))
    frameworks = runs.by("framework")
    handles = [figures.handle(FRAMEWORKS[name], marker="o", **figures.FRAMEWORK_STYLES[name]) for name in frameworks]
    for name, (measure, marker, style) in MEASURES.items():
        if all(measure(run) is None for run in runs):
            continue
        handles.append(figures.handle(name, color=figures.GREY, marker=marker, linestyle=style))
        for framework, own in frameworks.items():
            curve = {100 * x: [measure(run) for run in at] for x, at in own.by("corruption_fraction").items()}
            look = {"marker": marker, "linestyle": style, "label": f"{FRAMEWORKS[framework]}, {name}"}
            figures.draw_curve(axes, curve, 100, **figures.FRAMEWORK_STYLES[framework], **look)
    axes.set(xlabel="corrupted training examples (%)", xticks=range(0, 101, 20))
    figures.percent_axis(axes)
    figures.add_legend(figure, handles)
    return figure


def corruption_table(runs: Runs) -> Table:
    """Every run, a row each."""
    columns = ["model", "framework", "seed", "corruption fraction", *OUTCOMES, "chosen layer accuracy"]
    return Table("Label corruption", [name.replace("_", " ") for name in columns], [row_of(run) for run in runs])


def row_of(run: Run) -> list[object]:
    """Its fields, outcomes and what the chosen layer knows."""
    config, outcomes = run.config, dict(run.outcome)
    fields = [config.model, config.framework, config.seed, Number(config.corruption_fraction, "ratio")]
    return [*fields, *(outcomes[name] for name in OUTCOMES), chosen_layer_accuracy(run)]
