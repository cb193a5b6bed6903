"""What the paper publishes: numbers, curves and statements, from the JSON files beside this, and what they are of.

Statements are decided per seed, on runs of any size, which is stated; numbers on full-size runs alone.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from common.papers.zhang.recipes import BASE, SETTINGS, WIDE_RESNET, fields
from common.report.claims import Finding, Targets
from common.report.published import Target
from common.report.runs import CORRUPTION, Run, Runs
from common.runs.config import SEEDS, Config

TARGETS = Targets(Path(__file__).parent / "targets")
FREE = {*SEEDS, *CORRUPTION, "framework", "epochs", "precision", "train_evaluation_every"}
"""Fields that runs of a recipe may differ in: the corruption is matched by itself, and a precision is named."""
REDUCED = (
    "Published: one run on 50,000 training examples; runs on fewer (train_n), or on smaller images, say nothing about "
    "its numbers."
)


def on_setting(runs: Runs, settings: Sequence[str], model: str | None = None) -> Runs:
    """Runs on one of these settings; images are corrupted all or not at all."""

    def belongs(run: Run) -> bool:
        whole = run.config.corruption_fraction in (0, 1) or "corrupted_labels" in settings
        return whole and run.setting in settings and model in (None, run.model)

    return runs.where(belongs)


def recipe_of(model: str, setting: str) -> dict[str, Any]:
    """Config fields of runs that decide on the numbers of a model in a setting: all but those that may differ."""
    return stated(replace(BASE, **fields(model, setting if setting in SETTINGS else "true_labels")))


def stated(config: Config) -> dict[str, Any]:
    """Its fields but those that may differ."""
    return {name: value for name, value in vars(config).items() if name not in FREE}


NUMBERS = [
    {**target, "recipe": {**recipe_of(target["model"], target["setting"]), **target.get("recipe", {})}}
    for target in TARGETS.of("cifar10")
]
"""Of Tables 1 and 4."""
OF_WIDE_RESNET = [{**target, "recipe": stated(WIDE_RESNET)} for target in TARGETS.of("wide_resnet")]
"""Of the first author's code."""


def curve_numbers(source: str, read: Callable[[Target, float], Mapping[str, Any]]) -> list[Target]:
    """What a figure's curves say at the places where they are judged, as numbers with their bands.

    `read` gives what is true of a curve's number at a place, its `value` and `corruption_fraction` above all.
    """
    curves = [curve for curve in TARGETS.of("curves") if curve["source"] == source]
    return [_number({**curve, **read(curve, at)}, at) for curve in curves for at in curve["judged"]["at"]]


def _number(curve: Target, at: float) -> Target:
    judged, value = curve["judged"], curve["value"]
    if "factor" in judged:
        band = value / judged["factor"], value * judged["factor"]
    else:
        band = max(0.0, value - judged["within"]), min(1.0, value + judged["within"])
    more = {"id": f"{curve['id']}-{at:g}", "band": band, "band_source": judged["band_source"], "at": at}
    return {**curve, **more, "recipe": recipe_of(curve["model"], curve["setting"])}


def tested(
    name: str,
    model: str,
    runs: Runs,
    effects: Sequence[float | None],
    numbers: str | None = None,
    undecided: str = "",
) -> Finding:
    """A statement on a model with its effect in each seed; not measured, on no runs, where no seed has one."""
    measured = any(effect is not None for effect in effects)
    subject = model.replace("_", " ")
    return TARGETS.tested(name, subject, *((runs, effects, numbers, undecided) if measured else ()))
