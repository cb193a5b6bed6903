"""What studies of read-outs share: runs by setting, what their read-outs say, in tables, figures and statements.

Lines of read-outs are those of `common.analysis.readout`. Epoch 0 is the untrained network; a read-out of other labels
is of a network trained on true ones, with subspaces of corrupted labels.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from itertools import chain
from typing import Any, NamedTuple

from common.groups import grouped
from common.report.claims import Finding, Targets
from common.report.layers import HELD_OUT, accuracy, best_pair, chosen, last_layer, layers_of
from common.report.numbers import Number, cell, less, number
from common.report.runs import FRAMEWORKS, Line, Measure, Run, Runs, of_other_labels
from common.report.tables import Table
from common.runs.config import Config, run_id
from common.runs.store import READOUT, Store

HIGH = 0.8  # corruption at which the statements about high corruption are tested
PUBLISHED_NOTE = (
    " Published: whole training sets, means of three runs where there are; several values are of several sources."
)
NOTE = (
    "Means over seeds with 95 % t intervals. Layers are chosen among the hidden ones: on training examples held out "
    "from the network, scored with the labels a user has, or as the papers do on test data. n is the number of seeds "
    "that were measured where it is not all." + PUBLISHED_NOTE
)
COLUMNS = ("model", "data", "corrupted", "framework", "train_n", "seeds")
Published = Sequence[Mapping[str, Any]]
"""Targets that say what the papers publish of read-outs."""
Cells = Mapping[str, Callable[[Runs], object]]
"""Columns of a table: the cell of the runs of one setting."""


class Setting(NamedTuple):
    """What a row of a table stands for, over its seeds; without a fraction of any corruption."""

    model: str
    dataset: str
    fraction: float | None
    framework: str
    train_n: int

    def cells(self) -> list[object]:
        percent = [] if self.fraction is None else [f"{100 * self.fraction:g} %"]
        return [self.model, self.dataset.replace("_", " "), *percent, FRAMEWORKS[self.framework], self.train_n]

    def text(self, parts: int = 3, separator: str = ", ") -> str:
        """The first cells."""
        return separator.join(map(str, self.cells()[:parts]))

    def name(self) -> str:
        """In names of files, without the examples."""
        return "_".join(str(part) for part in self[:4] if part is not None).replace(".", "")


def setting_of(run: Run) -> Setting:
    config = run.config
    return Setting(config.model, config.dataset, config.corruption_fraction, config.framework, run.train_n)


def network_of(run: Run) -> Setting:
    """Its setting, whatever the corruption."""
    return setting_of(run)._replace(fraction=None)


def by_setting(runs: Iterable[Run]) -> dict[Setting, Runs]:
    """Runs that differ in seeds, sorted; runs of one setting but another recipe are not expected in one study."""
    return Runs(sorted(runs, key=lambda run: (setting_of(run), run.config.seed))).grouped(setting_of)


def in_part(setting: Setting) -> bool:
    """Whether some of its labels were corrupted, and not all."""
    return setting.fraction is not None and 0 < setting.fraction < 1


def highly(setting: Setting) -> bool:
    """Whether as many of its labels were corrupted as statements about high corruption are tested at."""
    return setting.fraction == HIGH


def of(*models: str, datasets: Container[str] = (), least: float = 0, most: float = 1) -> Callable[[Setting], bool]:
    """Whether a setting, corrupted in part, is of one of these models and data sets, or of any, and how much it is."""

    def about(setting: Setting) -> bool:
        there = setting.model in models and (not datasets or setting.dataset in datasets)
        return there and in_part(setting) and least <= (setting.fraction or 0) <= most

    return about


def among(*kinds: Callable[[Setting], bool]) -> Callable[[Setting], bool]:
    """Whether a setting is of one of these kinds."""
    return lambda setting: any(kind(setting) for kind in kinds)


def but(kind: Callable[[Setting], bool], *others: Callable[[Setting], bool]) -> Callable[[Setting], bool]:
    """Whether a setting is of a kind, and of none of the others."""
    return lambda setting: kind(setting) and not among(*others)(setting)


def pairs_by_setting(pairs: Iterable[tuple[Run, Any]]) -> dict[Setting, list[tuple[Run, Any]]]:
    """Likewise, of runs and what came of them when they were trained on."""
    ordered = sorted(pairs, key=lambda pair: (setting_of(pair[0]), pair[0].config.seed))
    return grouped(ordered, lambda pair: setting_of(pair[0]))


def read_out(runs: Runs) -> Runs:
    """Those that have been."""
    return runs.where(lambda run: run.readout)


def finished(config: Config, store: Store) -> Run | None:
    """The run of a config; null where there is none."""
    record = store.record(run_id(config))
    return Run(record, store) if record else None


def epochs_of(run: Run) -> list[int]:
    """Epochs that were read out."""
    return sorted({line["epoch"] for line in run.readout})


def followed(run: Run, epochs: Iterable[int], probe: str = "masc") -> bool:
    """Whether a probe was read out at the end of training, and at all of these epochs that lie before it."""
    read = {line["epoch"] for line in run.readout if line["probe"] == probe}
    last = run.outcome["epochs"]
    return bool(read) and {last, *(epoch for epoch in epochs if epoch < last)} <= read


def lines_of(run: Run, epoch: int | None = None) -> list[Line]:
    """The read-out of one epoch, the last of training where none is named."""
    epoch = run.outcome["epochs"] if epoch is None else epoch
    return [line for line in run.readout if line["epoch"] == epoch]


def other_lines(run: Run) -> dict[float, list[Line]]:
    """The read-outs with subspaces of other labels than its own, by the corrupted fraction of those."""
    return grouped(filter(of_other_labels, run.lines(READOUT)), lambda line: line["labels_fraction"])


def in_chosen_layer(run: Run, epoch: int | None = None, **choice: str) -> float | None:
    """Test accuracy of a probe, MASC where none is named, on the layer that `layers.chosen` takes, on held-out ones."""
    return chosen(lines_of(run, epoch), **choice)


def in_layer(run: Run, layer: str | None, epoch: int | None = None, **line: Any) -> float | None:
    """Test accuracy of a probe, or what else of a line `layers.accuracy` is asked for, on a layer."""
    return accuracy(lines_of(run, epoch), layer, **line)


def in_best_pair(run: Run, probes: Sequence[str]) -> float | None:
    """Test accuracy of the probe and hidden layer that are best on held-out examples."""
    probe, layer = best_pair(lines_of(run), probes)
    return in_layer(run, layer, probe=probe)


def in_input(run: Run, probes: Sequence[str] = ("masc",)) -> float | None:
    """Likewise, of the probe that is best on raw inputs."""
    held_out = {probe: in_layer(run, "input", probe=probe, scored_on=HELD_OUT) for probe in probes}
    best = max(probes, key=lambda probe: held_out[probe] or 0)
    return in_layer(run, "input", probe=best)


def in_best_of(run: Run, layers: Sequence[str]) -> float | None:
    """Test accuracy of subspaces on the layer of these that is best on held-out examples."""
    return chosen([line for line in lines_of(run) if line["layer"] in layers])


def in_last_layer(run: Run, **line: Any) -> float | None:
    """Likewise, on the last hidden layer."""
    return in_layer(run, last_layer(lines_of(run)), **line)


def own(run: Run) -> float | None:
    """The network's own test accuracy at its end."""
    return run.outcome["test_accuracy"]


def mean(measure: Measure | str, unit: str = "fraction") -> Callable[[Runs], Number | None]:
    """A cell: mean over seeds of a measure, or of an outcome."""
    return lambda runs: runs.over_seeds(measure, unit)


def setting_table(runs: Iterable[Run], cells: Cells, title: str, note: str = NOTE) -> Table:
    """A row for each setting."""
    rows = [
        [*setting.cells(), len(group), *(cell_of(group) for cell_of in cells.values())]
        for setting, group in by_setting(runs).items()
    ]
    return Table(title, [*COLUMNS, *cells], rows, note)


def published(runs: Runs, targets: Published, probe: str, layer: str | None, **fields: object) -> str | None:
    """Published values of a probe on a layer at the end of training, or of other `fields` of a target, as text."""
    model, dataset, fraction, *_ = setting_of(runs[0])
    wanted: dict[str, object] = {"model": model, "dataset": dataset, "corruption_fraction": fraction, "probe": probe}
    wanted |= {"layer": layer, "fitted_on": None if probe == "model" else "corrupted_labels"}
    wanted |= {"scored_on": "test", "quantity": "test_accuracy", **fields}
    wanted |= {} if "epoch_choice" in fields else {"epoch": fields.get("epoch")}
    matching = [t for t in targets if t["value"] is not None and wanted.items() <= {"epoch": None, **t}.items()]
    return "; ".join(dict.fromkeys(cell(Number(target["value"], target["unit"])) for target in matching)) or None


def layer_table(runs: Iterable[Run], targets: Published, title: str, probes: Sequence[str] = ("masc",)) -> Table:
    """A row for each setting, probe and layer: corrupted-label and true-label subspaces, published beside measured."""
    rows = [
        [*setting.cells(), len(group), probe.replace("_", " "), layer, *_layer_cells(group, probe, layer, targets)]
        for setting, group in by_setting(runs).items()
        for probe in probes
        for layer in layers_of(line for run in group for line in lines_of(run) if line["probe"] == probe)
    ]
    columns = [*COLUMNS, "probe", "layer", "published, %", "fitted on corrupted labels, %"]
    return Table(title, [*columns, "fitted on true labels, %", "published components", "components"], rows, NOTE)


def _layer_cells(runs: Runs, probe: str, layer: str, targets: Published) -> list[object]:
    value = partial(in_layer, layer=layer, probe=probe)
    return [
        published(runs, targets, probe, layer),
        runs.over_seeds(value),
        runs.over_seeds(partial(value, fitted_on="true_labels")),
        published(runs, targets, probe, layer, quantity="components"),
        runs.over_seeds(partial(value, key="components"), "components"),
    ]


def unpublished(table: Table) -> Table:
    """A table of read-outs of which nothing is published: without the columns, and the part of the note, for that."""
    kept = [place for place, name in enumerate(table.columns) if not name.startswith("published")]
    return replace(table.only(kept), note=table.note.removesuffix(PUBLISHED_NOTE))


class Comparison(NamedTuple):
    """A statement that one measure of a run is above another, and the settings that it is about.

    Measures are shares, or in points, which may be negative.
    """

    statement: str
    first: Measure
    second: Measure
    about: Callable[[Setting], bool] = in_part
    where: str = ""
    unit: str = "fraction"


def compare(runs: Iterable[Run], comparisons: Sequence[Comparison], targets: Targets) -> list[Finding]:
    """What becomes of each of these statements of a wing in each setting that it is about: seeds decide.

    Where the layer that is chosen is in every seed and epoch the last one, what is said of both is said once.
    """
    found: dict[Any, Finding] = {}
    for setting, group in by_setting(runs).items():
        for comparison in comparisons:
            if comparison.about(setting):
                one = compared(comparison, group, targets)
                same = (one.effect, one.numbers) if one.measured else comparison.where
                found.setdefault((setting, comparison.statement, same), one)
    return list(found.values())


def compared(comparison: Comparison, runs: Runs, targets: Targets) -> Finding:
    """Of the runs of one setting: the difference in each seed, and both measures over the seeds that have both."""
    sides = [(comparison.first(run), comparison.second(run)) for run in runs]
    subject = setting_of(runs[0]).text() + (f", {comparison.where}" if comparison.where else "")
    effects, told = [less(*pair) for pair in sides], both(sides, comparison.unit)
    return targets.tested(f"{targets.wing}-{comparison.statement}", subject, runs, effects, told)


def both(sides: Iterable[tuple[float | None, float | None]], unit: str = "fraction") -> str | None:
    """Two shares over the seeds that have both, or two differences in points, as text."""
    measured, sign = [pair for pair in sides if None not in pair], "%" if unit == "fraction" else unit
    return " against ".join(f"{cell(number(side, unit))} {sign}" for side in zip(*measured, strict=True)) or None


def clean_table(runs: Runs, title: str) -> Table:
    """Networks trained on true labels, read out with subspaces of corrupted labels, layer by layer."""
    rows: list[list[object]] = []
    for setting, group in by_setting(runs.where(other_lines)).items():
        others = [other_lines(run) for run in group]
        for fraction in sorted(set().union(*others)):
            seeds = [lines.get(fraction, []) for lines in others]
            head = [*setting._replace(fraction=fraction).cells(), len(group)]
            rows += [[*head, layer, *_clean_cells(seeds, layer)] for layer in layers_of(chain(*seeds))]
    columns = [*COLUMNS, "layer", "training, corrupted labels, %", "training, true labels, %", "test, %"]
    note = f"Subspaces of corrupted labels on networks that never saw them. {NOTE}"
    return Table(title, columns, rows, note)


def _clean_cells(seeds: Sequence[Sequence[Line]], layer: str) -> list[object]:
    return [
        number(accuracy(lines, layer, scored_on=scored_on) for lines in seeds)
        for scored_on in ("train_corrupted_labels", "train_true_labels", "test")
    ]


def clean_findings(runs: Runs, targets: Targets) -> list[Finding]:
    """Networks trained on true labels, read out with subspaces of corrupted ones."""
    tested: list[Finding] = []
    for setting, group in by_setting(runs.where(other_lines)).items():
        others = [other_lines(run) for run in group]
        for fraction in sorted(set().union(*others) - {1}):
            subject = setting._replace(fraction=fraction).text()
            seeds = [memorized(lines.get(fraction, [])) for lines in others]
            trained, kept, true = zip(*seeds, strict=True)
            sides = list(zip(kept, true, strict=True))
            tested.append(targets.tested(f"{targets.wing}-clean-networks", subject, group, trained))
            effects = [less(*pair) for pair in sides]
            tested.append(targets.tested(f"{targets.wing}-clean-networks-test", subject, group, effects, both(sides)))
    return tested


def memorized(lines: Sequence[Line]) -> tuple[float | None, float | None, float | None]:
    """Of subspaces of corrupted labels in the hidden layer where they are most right about these on training examples.

    Their accuracy on these, on test data, and that of the true labels' subspaces there.
    """
    training = {layer: accuracy(lines, layer, scored_on="train_corrupted_labels") for layer in layers_of(lines)}
    hidden = [layer for layer in training if layer != "input"]
    layer = max(hidden, key=lambda name: training[name] or 0, default="")
    return training.get(layer), accuracy(lines, layer), accuracy(lines, layer, fitted_on="true_labels")
