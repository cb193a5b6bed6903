"""Every number that the papers publish beside its measurements in runs of their own recipe, at full size."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from common.papers.decoding import dynamics, raw_inputs
from common.papers.decoding.recipes import BASE, EDIT_EPOCHS, RECIPES, fields, untrained
from common.papers.decoding.targets import TARGETS
from common.papers.decoding.transfer import trained_on
from common.report import readouts
from common.report.claims import Finding, judged_number
from common.report.layers import accuracy, last_layer, layers_of
from common.report.numbers import counted, estimate
from common.report.runs import FRAMEWORKS, Line, Run, Runs
from common.runs.config import run_id

FILES = ("mlp", "cnn", "alexnet", "resnet", "thresholds", "probes", "untrained", "velpic", "dynamics")
NUMBERS = [target for name in FILES for target in TARGETS.of(name) if target not in raw_inputs.PUBLISHED]
BEST = "best_on_test"  # the papers' choice, of a layer by the mean over their runs
Target = Mapping[str, Any]


def numbers(runs: Runs) -> list[Finding]:
    """A finding for each published number of networks, of each framework in which it was measured."""
    published = runs.where(as_published).grouped(key)
    known = {run.id: run for run in runs}
    return [found for target in NUMBERS for found in judged(target, published, known)]


def as_published(run: Run) -> bool:
    """Whether a run has the papers' own recipe, on the whole data but for the examples that layers are chosen on.

    Or that of the papers' untrained networks.
    """
    config = run.config
    if (config.model, config.dataset) not in RECIPES:
        return False
    recipe = fields if config.epochs else untrained
    own = replace(BASE, **recipe(config.model, config.dataset, config.corruption_fraction))
    return config == replace(own, framework=config.framework, seed=config.seed)


def key(run: Run) -> tuple[str, str, float]:
    """What runs and numbers are matched by."""
    return run.config.model, run.config.dataset, run.config.corruption_fraction


def judged(target: Target, published: Mapping[tuple[str, str, float], Runs], known: Mapping[str, Run]) -> list[Finding]:
    """One number: measured in each framework, or not."""
    model, dataset, fraction = (target[name] for name in ("model", "dataset", "corruption_fraction"))
    subject, found = f"{model}, {dataset.replace('_', ' ')}, {100 * fraction:g} %", []
    runs = of_epoch(target, published.get((model, dataset, fraction), Runs()))
    for framework, group in runs.by("framework").items():
        values = measured(target, group, known)
        if any(value is not None for value in values):
            counts = counted(values, [run.data["test_n"] for run in group]) if share_of_test(target) else None
            named = f"{subject}, {FRAMEWORKS[framework]}"
            found.append(judged_number(target, named, group, values, counts))
    return found or [judged_number(target, subject, runs)]


def of_epoch(target: Target, runs: Runs) -> Runs:
    """Runs that say it: of an untrained network those that were never trained, where there are any, else the others."""
    untrained, trained = runs.where(epochs=0), runs.where(lambda run: run.config.epochs)
    start = target.get("epoch") == 0 and target.get("epoch_choice") != BEST  # the best of a training may be its start
    return untrained or trained if start else trained


def share_of_test(target: Target) -> bool:
    """Whether a number is a share of test examples."""
    return target["unit"] == "fraction" and target["scored_on"] == "test"


def measured(target: Target, runs: Runs, known: Mapping[str, Run]) -> list[float | None]:
    """What each run says of a number; null where it was not measured."""
    if target["probe"] == "model":
        return [of_network(target, run, known) for run in runs]
    if target["quantity"] == "class_mean_test_accuracy":  # read-outs count examples, not classes
        return [None] * len(runs)
    if target["probe"] == "velpic" and target.get("epoch_choice") == BEST:
        return [best_edited(run) for run in runs]
    epoch = None if target.get("epoch_choice") == "last" else target.get("epoch")
    lines = [readouts.lines_of(run, epoch) for run in runs]
    layer = best_layer(target, lines) if target["layer"] == BEST else target["layer"]
    wanted = "components" if target["quantity"] == "components" else None
    return [accuracy(line, layer, target["probe"], target["fitted_on"], key=wanted) for line in lines]


def of_network(target: Target, run: Run, known: Mapping[str, Run]) -> float | None:
    """Of the network itself, at its end or at an epoch, unless it was trained on after its edit.

    Training accuracy is what the papers count, that of the batches before their steps, where the run counted it.
    """
    quantity, epoch = target["quantity"], target.get("epoch")
    if quantity == "train_accuracy" and run.config.stop_counted == "while_training":
        quantity = "online_train_accuracy"
    if "velpic_edit" in target["setting"]:
        follower = known.get(run_id(trained_on(run.config, "paper", "velpic")))
        return None if follower is None or epoch is None else at(follower, quantity, epoch - EDIT_EPOCHS["paper"])
    if epoch is None or target.get("epoch_choice") == "last":
        return run.outcome[quantity]  # type: ignore[literal-required]
    return at(run, quantity, epoch)


def at(run: Run, quantity: str, epoch: int) -> float | None:
    """A measure of an epoch; null where it was not trained for as long."""
    return run.over_epochs(quantity).get(epoch)


def best_edited(run: Run) -> float | None:
    """Test accuracy with VeLPIC as output layer, at the epoch that is best on test data, of all that are followed."""
    if not readouts.followed(run, dynamics.EPOCHS, "velpic"):
        return None
    last = last_layer(readouts.lines_of(run))
    values = [readouts.in_layer(run, last, epoch, probe="velpic") for epoch in readouts.epochs_of(run)]
    return max((value for value in values if value is not None), default=None)


def best_layer(target: Target, lines: Sequence[Sequence[Line]]) -> str | None:
    """The hidden layer with the highest mean over runs, as in the papers."""
    layers = [layer for layer in layers_of(lines[0]) if layer != "input"]
    probe, fitted_on = target["probe"], target["fitted_on"]
    means = {layer: estimate([accuracy(line, layer, probe, fitted_on) for line in lines]).mean for layer in layers}
    return max(layers, key=lambda layer: means[layer] or 0, default=None)
