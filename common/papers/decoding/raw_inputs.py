"""Subspaces of raw inputs, which need no network: what they say of test data, and how many labels corruption keeps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from common.analysis.readout import named
from common.data.arrays import Array
from common.papers.decoding.recipes import PAPER
from common.papers.decoding.targets import TARGETS
from common.report.claims import Finding, judged_number
from common.report.numbers import Number, share
from common.report.tables import Table
from common.runs.computation import Computation, Result, read_record
from common.runs.config import Config, Options
from common.runs.store import Record, Store
from common.runs.task import Task, prepare

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


def cases() -> list[RawInputs]:
    """What the papers publish: the probes of each data set and fraction."""
    settings = dict.fromkeys((target["dataset"], target["corruption_fraction"]) for target in PUBLISHED)
    return [RawInputs(dataset, fraction, probes_of(dataset, fraction)) for dataset, fraction in settings]


def probes_of(dataset: str, fraction: float) -> tuple[str, ...]:
    """Those with a published number."""
    here = (t for t in PUBLISHED if (t["dataset"], t["corruption_fraction"]) == (dataset, fraction))
    return tuple(sorted({target["probe"] for target in here if target["probe"]}))


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
        lines.append(
            {"probe": name, "n": len(test), "correct": right, "components": float(np.mean(probe.n_components_))}
        )
    return lines


def flat(inputs: Array) -> Array:
    """A row for each example."""
    return inputs.reshape(len(inputs), -1)


def records(store: Store) -> list[Record]:
    """Those under a store, in the order of their ids."""
    return [read_record(path) for path in sorted(store.results.glob(f"computations/{RawInputs.slug}-*/record.json"))]


def numbers(store: Store) -> list[Finding]:
    """The published numbers of raw inputs and labels, judged by the records under a store."""
    known = {(record["settings"]["dataset"], record["settings"]["fraction"]): record for record in records(store)}
    return [judged(target, known.get((target["dataset"], target["corruption_fraction"]))) for target in PUBLISHED]


def judged(target: Target, record: Record | None) -> Finding:
    """One number; of shares of test examples with Wilson's interval, though nothing is drawn."""
    subject = f"{target['dataset'].replace('_', ' ')}, {100 * target['corruption_fraction']:g} %"
    line = line_of(target, record)
    if line is None:
        return judged_number(target, subject)
    if target["quantity"] == "components":
        return judged_number(target, subject, values=[line["components"]])
    count = line["correct"], line["n"]
    return judged_number(target, subject, values=[share(count)], counts=[count])


def line_of(target: Target, record: Record | None) -> Record | None:
    """What a record holds of a number; null where it does not."""
    if record is None:
        return None
    if target["probe"] is None:
        labels: Record = record["outcome"]["labels"]
        return labels
    return next((line for line in record["outcome"]["probes"] if line["probe"] == target["probe"]), None)


def table(store: Store) -> Table:
    """A row for each published number of raw inputs or labels."""
    columns = ["of", "number", "published", "measured", "verdict"]
    return Table("Subspaces of raw inputs", columns, [cells(found) for found in numbers(store)], NOTE)


def cells(found: Finding) -> list[object]:
    """Of one number."""
    said, effect = found.statement, found.effect
    return [found.subject, said.statement, Number(said.value, said.unit), effect.number(said.unit), found.verdict]


NOTE = "Whole training sets, labels corrupted by the papers' rule, scored on all test examples; nothing is trained."
