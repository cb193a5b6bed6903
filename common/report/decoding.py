"""What the layers of trained networks know (Ketha & Ramaswamy, arXiv 2501.14687 and 2603.19865): runs and read-outs.

Lines of read-outs are those of `common.analysis.readout`. Epoch 0 is the untrained network; `other` read-outs are of
networks trained on true labels, with subspaces of corrupted labels.
"""

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple, Protocol

from numpy.typing import NDArray

from common.groups import grouped
from common.report.layers import CHOICES, accuracy, choose_layer, chosen, last_layer, layers_of
from common.report.numbers import Number, cell, number
from common.report.records import Line, Record
from common.report.runs import FRAMEWORKS
from common.report.tables import Table

NOTE = (
    "Means over seeds with 95 % t intervals. Layers are chosen among the hidden ones: on training examples held out "
    "from the network, scored with the labels a user has, or as the papers do on test data. n is the number of seeds "
    "that were measured where it is not all. Published: whole training sets, means of three runs where there are; "
    "several values are of several sources."
)


class Readouts(Protocol):
    """What a store knows of read-outs."""

    def readout(self, name: str) -> list[dict[str, Any]]: ...
    def other_readouts(self, name: str) -> dict[float, list[dict[str, Any]]]: ...
    def history(self, name: str) -> list[dict[str, Any]]: ...
    def arrays(self, name: str) -> dict[str, NDArray[Any]]: ...


class Setting(NamedTuple):
    """What a row of a table stands for, over its seeds."""

    model: str
    dataset: str
    fraction: float
    framework: str
    train_n: int

    def cells(self) -> list[object]:
        percent = f"{100 * self.fraction:g} %"
        return [self.model, self.dataset.replace("_", " "), percent, FRAMEWORKS[self.framework], self.train_n]


PUBLISHED = ("test_accuracy", "components")
COLUMNS = ["model", "data", "corrupted", "framework", "train_n"]


class Decoded:
    """One run and its rows."""

    def __init__(self, record: Record, store: Readouts):
        self.record, self.config, name = record, record["config"], record["run_id"]
        self.readout = store.readout(name)
        self.other, self.history = store.other_readouts(name), store.history(name)
        self.last = record["outcome"]["epochs"]

    @property
    def setting(self) -> Setting:
        config, size = self.config, self.record["data"]["train_n"]
        return Setting(config["model"], config["dataset"], config["corruption_fraction"], config["framework"], size)

    def lines(self, epoch: int | None = None) -> list[Line]:
        """The read-out of one epoch, the last where none is named."""
        epoch = self.last if epoch is None else epoch
        return [line for line in self.readout if line["epoch"] == epoch]

    @property
    def epochs(self) -> list[int]:
        """Epochs that were read out."""
        return sorted({line["epoch"] for line in self.readout})

    def at_best_validation(self) -> Line:
        """The epoch at which early stopping on held-out examples, with the labels a user has, would end."""
        return best_validation(self.history)


def best_validation(history: Iterable[Line]) -> Line:
    """The first epoch with the highest accuracy on held-out examples."""
    return max(history, key=lambda line: -1 if line["validation_accuracy"] is None else line["validation_accuracy"])


def held_out(run: Decoded, probe: str = "masc") -> float | None:
    """Test accuracy of a probe at the end of a run, on the layer chosen on held-out examples."""
    return chosen(run.lines(), probe=probe)


def own(run: Decoded) -> float | None:
    """The network's own test accuracy at its end."""
    found: float | None = run.record["outcome"]["test_accuracy"]
    return found


def in_last_layer(run: Decoded, probe: str, key: str | None = None) -> float | None:
    """Test accuracy, or another value, of a probe on the last hidden layer."""
    lines = run.lines()
    return accuracy(lines, last_layer(lines), probe, key=key)


def decoded(records: Iterable[Record], store: Readouts) -> list[Decoded]:
    """Runs that have been read out, each once."""
    unique = {record["run_id"]: record for record in records}.values()
    return [run for run in (Decoded(record, store) for record in unique) if run.readout]


def by_setting(runs: Iterable[Decoded]) -> dict[Setting, list[Decoded]]:
    """Runs that differ in seeds, sorted; runs of one setting but another recipe are not expected in one study."""
    ordered = sorted(runs, key=lambda run: (run.setting, run.config["seed"]))
    return grouped(ordered, lambda run: run.setting)


def published(
    targets: Iterable[Record], setting: Setting, probe: str, layer: str | None, **fields: object
) -> str | None:
    """Published values of a probe on a layer at the end of training, or of other `fields` of a target, as text."""
    wanted = {"model": setting.model, "dataset": setting.dataset, "corruption_fraction": setting.fraction}
    wanted |= {"probe": probe, "layer": layer, "fitted_on": None if probe == "model" else "corrupted_labels"}
    wanted |= {"scored_on": "test", "quantity": "test_accuracy", **fields}
    wanted |= {} if "epoch_choice" in fields else {"epoch": fields.get("epoch")}
    found = [t for t in targets if t["value"] is not None and wanted.items() <= {"epoch": None, **t}.items()]
    return "; ".join(dict.fromkeys(cell(Number(t["value"], t["unit"])) for t in found)) or None


def summary_table(runs: Sequence[Decoded], targets: Sequence[Record], title: str) -> Table:
    """A row for each setting: the network, its best layer's subspaces, and two controls, published beside measured."""
    rows = []
    for setting, group in by_setting(runs).items():
        row: list[object] = [number(run.record["outcome"]["train_accuracy"] for run in group), number(map(own, group))]
        row.append(published(targets, setting, "model", "logits"))
        for choice in CHOICES:
            for fitted_on in ("corrupted_labels", "true_labels"):
                row.append(number(chosen(run.lines(), choice, fitted_on=fitted_on) for run in group))
                if choice == "test data":
                    row.append(published(targets, setting, "masc", "best_on_test", fitted_on=fitted_on))
        row.append(number(chosen(run.lines(0), "test data") for run in group))
        row.append(published(targets, setting, "masc", "best_on_test", epoch=0))
        rows.append([*setting.cells(), len(group), *row])
    columns = [*COLUMNS, "seeds", "training, %", "test, %", "published test, %"]
    columns += ["corrupted-label subspaces, layer chosen on held-out, %", "true-label, on held-out, %"]
    columns += ["corrupted-label subspaces, layer chosen on test, %", "published corrupted-label, %"]
    columns += ["true-label, on test, %", "published true-label, %"]
    columns += ["untrained network, corrupted-label, on test, %", "published untrained, %"]
    return Table(title, columns, rows, NOTE)


def layer_table(
    runs: Sequence[Decoded], targets: Sequence[Record], title: str, probes: Sequence[str] = ("masc",)
) -> Table:
    """A row for each setting, probe and layer: corrupted-label and true-label subspaces, published beside measured."""
    rows: list[Sequence[object]] = []
    for setting, group in by_setting(runs).items():
        lines = [run.lines() for run in group]
        for probe in probes:
            for layer in layers_of(line for each in lines for line in each if line["probe"] == probe):
                found = [
                    number(accuracy(each, layer, probe, fitted_on) for each in lines)
                    for fitted_on in ("corrupted_labels", "true_labels")
                ]
                size = number((accuracy(each, layer, probe, key="components") for each in lines), "components")
                score, components = (published(targets, setting, probe, layer, quantity=q) for q in PUBLISHED)
                cells = [*setting.cells(), len(group), probe.replace("_", " "), layer]
                rows.append([*cells, score, *found, components, size])
    columns = [*COLUMNS, "seeds", "probe", "layer", "published, %", "fitted on corrupted labels, %"]
    columns += ["fitted on true labels, %", "published components", "components"]
    return Table(title, columns, rows, NOTE)


def clean_table(runs: Sequence[Decoded], title: str) -> Table:
    """Networks trained on true labels, read out with subspaces of corrupted labels, layer by layer."""
    rows = []
    for setting, group in by_setting(run for run in runs if run.other).items():
        for fraction in sorted(group[0].other):
            lines = [run.other.get(fraction, []) for run in group]
            for layer in layers_of(lines[0]):
                found = [
                    number(accuracy(each, layer, scored_on=scored_on) for each in lines)
                    for scored_on in ("train_corrupted_labels", "train_true_labels", "test")
                ]
                rows.append([*setting._replace(fraction=fraction).cells(), len(group), layer, *found])
    columns = [*COLUMNS, "seeds", "layer", "training, corrupted labels, %", "training, true labels, %", "test, %"]
    return Table(title, columns, rows, "Subspaces of corrupted labels on networks that never saw them. " + NOTE)


def dynamics_table(runs: Sequence[Decoded], targets: Sequence[Record], title: str) -> Table:
    """Early stopping beside the end of training, of the network and of the layer that is chosen at the end."""
    rows = []
    for setting, group in by_setting(runs).items():
        stopped = [run.at_best_validation() for run in group]
        layers = [choose_layer(run.lines()) for run in group]
        curves = [
            [(value, -epoch) for epoch in run.epochs if (value := accuracy(run.lines(epoch), layer)) is not None]
            for run, layer in zip(group, layers, strict=True)
        ]
        peaks = [max(curve, default=(None, None)) for curve in curves]
        outcomes = [run.record["outcome"] for run in group]
        cells = [
            number((line["epoch"] for line in stopped), "components"),
            number(line["test_accuracy"] for line in stopped),
            number((outcome["best_test_epoch"] for outcome in outcomes), "components"),
            number(outcome["best_test_accuracy"] for outcome in outcomes),
            published(targets, setting, "model", "logits", quantity="best_test_accuracy"),
            number(outcome["test_accuracy"] for outcome in outcomes),
            ", ".join(dict.fromkeys(layer for layer in layers if layer)) or None,
            number((None if epoch is None else -epoch for _, epoch in peaks), "components"),
            number(peak for peak, _ in peaks),
            number(held_out(run) for run in group),
        ]
        rows.append([*setting.cells(), len(group), *cells])
    columns = [*COLUMNS, "seeds", "early stopping, epoch", "network there, %", "network's peak on test, epoch"]
    columns += ["network's peak, %", "published peak, %", "network at the end, %", "layer", "its peak on test, epoch"]
    return Table(title, [*columns, "its peak, %", "layer at the end, %"], rows, NOTE)


def transfer_table(runs: Sequence[Decoded], targets: Sequence[Record], title: str) -> Table:
    """Networks with VeLPIC of their last hidden layer as output layer, beside the network and the chosen layers."""
    rows = []
    for setting, group in by_setting(runs).items():
        values = [
            [own(run) for run in group],
            [in_last_layer(run, "velpic") for run in group],
            [held_out(run, "velpic") for run in group],
            [held_out(run) for run in group],
            [chosen(run.lines(), "test data", "velpic") for run in group],
            [chosen(run.lines(), "test data") for run in group],
        ]
        last = last_layer(group[0].lines())
        reference = published(targets, setting, "velpic", last, epoch_choice="last")
        own_cell, edited, *others = map(number, values)
        rows.append([*setting.cells(), len(group), own_cell, edited, reference, *others])
    columns = [*COLUMNS, "seeds", "network, %", "edited network, %", "published edited, %", "VeLPIC, held-out layer, %"]
    columns += ["MASC, held-out layer, %", "VeLPIC, best layer on test, %", "MASC, best layer on test, %"]
    return Table(title, columns, rows, NOTE)


def relabelled(run: Decoded, record: Record, store: Readouts) -> dict[str, float]:
    """What a run that was trained on with other labels made of the labels and of the network, as fractions."""
    before, after = store.arrays(run.record["run_id"]), store.arrays(record["run_id"])
    right, right_now = (arrays["train_labels"] == arrays["train_true_labels"] for arrays in (before, after))
    stopped = best_validation(store.history(record["run_id"]))
    return {
        "labels right": float(right.mean()),
        "labels right, of the subspaces": float(right_now.mean()),
        "wrong labels repaired": float(right_now[~right].mean()),
        "right labels broken": float((~right_now[right]).mean()),
        "network": run.record["outcome"]["test_accuracy"],
        "trained on, early stopping": stopped["test_accuracy"],
        "trained on, at the end": record["outcome"]["test_accuracy"],
    }


def relabelling_table(pairs: Sequence[tuple[Decoded, Record]], store: Readouts, title: str) -> Table:
    """Labels and test accuracy before and after training on with the labels that subspaces gave."""
    following = {run.record["run_id"]: relabelled(run, record, store) for run, record in pairs}
    rows, names = [], list(next(iter(following.values()), {}))
    for setting, group in by_setting(run for run, _ in pairs).items():
        values = [following[run.record["run_id"]] for run in group]
        rows.append([*setting.cells(), len(group), *[number(value[name] for value in values) for name in names]])
    return Table(title, [*COLUMNS, "seeds", *[f"{name}, %" for name in names]], rows, NOTE)
