"""Curves of runs as data that a page draws: over epochs and over corruption, each point naming its run."""

import json
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np

from common.groups import grouped
from common.report.page import Chart
from common.report.runs import CORRUPTION, FRAMEWORKS, REGULARIZERS, Run, Runs, data_text
from common.runs.config import SEEDS, Config
from common.runs.parts import Mark

MEASURES = ("test_accuracy", "train_accuracy", "train_loss")  # as page.js names them
MOST_POINTS = 40  # of a run
FRACTIONS = 3  # from so many on there is a curve over corruption
FILES = Config.marked(Mark.FILE)
UNNAMED = {
    "framework",
    "model",
    "dataset",
    "batch_norm",
    "epochs",
    *SEEDS,
    *CORRUPTION,
    *REGULARIZERS,
    *("stop_counted", *Config.marked(Mark.STOP)),
}
"""Fields that a line is not named by: they are said elsewhere in the chart, or are seen in it."""
Panels = Mapping[str, Mapping[str, Sequence[Run]]]


def chart(title: str, runs: Runs, known: Runs) -> Chart:
    """Both views of these runs, which are numbered as among all `known`."""
    places = {run.id: place for place, run in enumerate(known)}

    def numbered(panels: Panels) -> dict[str, dict[str, list[int]]]:
        return {
            panel: {line: [places[run.id] for run in members] for line, members in lines.items()}
            for panel, lines in panels.items()
        }

    return Chart(title, {"epochs": numbered(over_epochs(runs)), "corruption": numbered(over_corruption(runs))})


def runs_script(runs: Runs) -> str:
    """What `page.js` draws of each run: where its record is, and its measures over epochs, thinned, and at the end."""
    return f"const RUNS = {json.dumps([_curves(run) for run in runs], separators=(',', ':'))};\n"


def _curves(run: Run) -> dict[str, Any]:
    history = [line for line in run.trained if line.get("test_accuracy") is not None] or run.trained
    chosen = np.unique(np.linspace(0, len(history) - 1, min(MOST_POINTS, len(history))).round().astype(int))
    kept = [history[place] for place in chosen]
    return {
        "id": run.id,
        "of": f"{FRAMEWORKS[run.config.framework]}, seed {run.config.seed}",
        "n": run.train_n,
        "at": round(100 * run.config.corruption_fraction, 2),
        "fit": run.outcome["epochs_to_fit"],
        "epoch": [line["epoch"] for line in kept],
        **{name: [_shown(name, line.get(name)) for line in kept] for name in MEASURES},
    }


def _shown(name: str, value: Any) -> float | None:
    """Accuracies in per cent, losses in nats; null for what was not measured."""
    return None if value is None else round(value, 3) if name.endswith("loss") else round(100 * value, 2)


def over_epochs(runs: Runs) -> Panels:
    """Runs by panel, a model on a data set, and line: what they were trained on, and what else they differ in."""
    return {panel: _lines(group, _trained_on) for panel, group in _panels(runs).items()}


def over_corruption(runs: Runs) -> Panels:
    """The same where there are runs of three fractions or more: a line for each rule, and what runs differ in.

    Runs on true labels belong to every rule.
    """
    panels: dict[str, Mapping[str, Sequence[Run]]] = {}
    for panel, group in _panels(runs).items():
        if len(group.by("corruption_fraction")) >= FRACTIONS:
            clean = group.where(corruption_fraction=0.0)
            rules = group.where(lambda run: run.config.corruption_fraction > 0).by("corruption")
            lines = [_lines(clean + at, partial(_of_rule, rule)) for rule, at in rules.items()]
            panels[panel] = {line: members for part in lines for line, members in part.items()}
    return panels


def _panels(runs: Runs) -> dict[str, Runs]:
    return runs.grouped(lambda run: f"{run.model.replace('_', ' ')} on {run.config.dataset.replace('_', ' ')}")


def _trained_on(run: Run) -> str:
    fraction = run.config.corruption_fraction
    return data_text(run.setting) + (f", {100 * fraction:g} %" if 0 < fraction < 1 else "")


def _of_rule(rule: str, run: Run) -> str:
    return rule.replace("_", " ")


def _lines(runs: Runs, named: Callable[[Run], str]) -> dict[str, list[Run]]:
    """Runs by name, and by as few fields as tell apart runs of one name and fraction."""
    same = grouped(runs, lambda run: (named(run), run.config.corruption_fraction)).values()

    def told_apart(names: Sequence[str]) -> int:
        return sum(len({tuple(_field(run, name) for name in names) for run in group}) for group in same)

    fields: list[str] = []
    for name in runs[0].fields if runs else ():
        if name not in UNNAMED and told_apart([*fields, name]) > told_apart(fields):
            fields.append(name)

    def line(run: Run) -> str:
        return ", ".join([named(run), *(text for name in fields if (text := _field(run, name)))])

    return grouped(runs, line)


def _field(run: Run, name: str) -> str:
    """A field and its value; of a file only that there is one, and nothing of what is not given."""
    value = run.fields.get(name)
    text = name.replace("_", " ")
    return "" if value in (None, False) else text if name in FILES or value is True else f"{text} {value}"
