"""Subspaces of raw inputs, which need no network: what they say of test data, and how many labels corruption keeps."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from common.analysis.readout import named
from common.data import datasets
from common.data.arrays import Array
from common.errors import check_choice
from common.papers.decoding.recipes import PAPER
from common.papers.decoding.targets import TARGETS
from common.report.claims import Finding, judged_number
from common.report.numbers import Number, share
from common.report.tables import Table
from common.runs.computation import Computation, Computed, Result
from common.runs.config import Config, Options
from common.runs.store import Record
from common.runs.task import Task, prepare
from common.study import ComputedStudy

Target = Mapping[str, Any]
PUBLISHED = [
    target for name in ("mlp", "cnn", "thresholds") for target in TARGETS.of(name) if target["layer"] in ("input", None)
]
"""Numbers of raw inputs, and of labels alone."""


@dataclass(frozen=True)
class RawInputs(Computation):
    """Subspaces of the raw inputs of a whole training set, by labels corrupted with the papers' rule."""

    slug: ClassVar[str] = "raw_input_subspaces"

    dataset: str = "mnist"
    """Data set."""
    fraction: float = 0.8
    """Corrupted fraction of the labels."""
    probes: tuple[str, ...] = ("masc",)
    """Probes of `common.analysis.probes`."""

    def __post_init__(self) -> None:
        check_choice("dataset", self.dataset, datasets.IMAGE_SETS)
        if not 0 <= self.fraction <= 1:
            raise ValueError(f"fraction must be within 0 and 1. Received: fraction={self.fraction}")
        super().__post_init__()


SMOKE = {"dataset": "digits", "fraction": 0.8, "probes": ("masc", "masc_1pc")}
NOTE = "Whole training sets, labels corrupted by the papers' rule, scored on all test examples; nothing is trained."


def cases(preset: str) -> Iterator[Mapping[str, Any]]:
    """What the papers publish, whatever the preset: the probes of each data set and fraction."""
    for dataset, fraction in dict.fromkeys((target["dataset"], target["corruption_fraction"]) for target in PUBLISHED):
        yield {"dataset": dataset, "fraction": fraction, "probes": probes_of(dataset, fraction)}


def probes_of(dataset: str, fraction: float) -> tuple[str, ...]:
    """Those with a published number."""
    here = (t for t in PUBLISHED if (t["dataset"], t["corruption_fraction"]) == (dataset, fraction))
    return tuple(sorted({target["probe"] for target in here if target["probe"]}))


def check(case: RawInputs, options: Options) -> None:
    """ValueError for a probe that there is not."""
    named(case.probes)


def compute(case: RawInputs, options: Options) -> Result:
    """Counts of right predictions on test data and of training labels that are the true ones."""
    rule = "ketha" if case.fraction else "none"
    config = Config(
        dataset=case.dataset, corruption=rule, corruption_fraction=case.fraction,
        preprocessing=PAPER["preprocessing"], crop=PAPER["crop"],
    )  # fmt: skip
    task = prepare(config, options.data_dir)
    kept = {"n": len(task.train), "correct": int(np.sum(task.train.labels == task.train.true_labels))}
    return Result({"labels": kept, "probes": read_out(task, case.probes)}, {case.dataset: task.sha256})


def read_out(task: Task, probes: Sequence[str]) -> list[Record]:
    """A line for each probe, fitted on the corrupted labels of the training set and scored on the test set."""
    train, test = (flat(task.kind.prepare(split.inputs, task.statistics)) for split in (task.train, task.test))
    lines = []
    for name, make in named(probes).items():
        probe = make().fit(train, task.train.labels)
        right = int(np.sum(probe.predict(test) == task.test.true_labels))
        components = getattr(probe, "n_components_", None)  # of each class, where a probe has any
        mean = None if components is None else float(np.mean(components))
        lines.append({"probe": name, "n": len(test), "correct": right, "components": mean})
    return lines


def flat(inputs: Array) -> Array:
    """A row for each example."""
    return inputs.reshape(len(inputs), -1)


def numbers(computed: Sequence[Computed]) -> list[Finding]:
    """The published numbers of raw inputs and labels, judged by what was computed."""
    known = {(found.settings["dataset"], found.settings["fraction"]): found.outcome for found in computed}
    return [judged(target, known.get((target["dataset"], target["corruption_fraction"]))) for target in PUBLISHED]


def judged(target: Target, outcome: Mapping[str, Any] | None) -> Finding:
    """One number; of shares of test examples with Wilson's interval, though nothing is drawn."""
    subject = f"{target['dataset'].replace('_', ' ')}, {100 * target['corruption_fraction']:g} %"
    line = line_of(target, outcome)
    if line is None:
        return judged_number(target, subject)
    if target["quantity"] == "components":
        return judged_number(target, subject, values=[line["components"]])
    count = line["correct"], line["n"]
    return judged_number(target, subject, values=[share(count)], counts=[count])


def line_of(target: Target, outcome: Mapping[str, Any] | None) -> Record | None:
    """What came out of a number; null where nothing did."""
    if outcome is None:
        return None
    if target["probe"] is None:
        labels: Record = outcome["labels"]
        return labels
    return next((line for line in outcome["probes"] if line["probe"] == target["probe"]), None)


def table(computed: Sequence[Computed]) -> Table:
    """A row for each published number of raw inputs or labels."""
    columns = ["of", "number", "published", "measured", "verdict"]
    return Table("Subspaces of raw inputs", columns, [cells(found) for found in numbers(computed)], NOTE)


def cells(found: Finding) -> list[object]:
    """Of one number."""
    said, effect = found.statement, found.effect
    return [found.subject, said.statement, Number(said.value, said.unit), effect.number(said.unit), found.verdict]


def report(computed: Sequence[Computed]) -> dict[str, Table]:
    """All numbers, published and measured."""
    return {"raw_inputs": table(computed)}


STUDY = ComputedStudy(RawInputs.slug, RawInputs(), cases, SMOKE, compute, report, check, numbers=numbers)
