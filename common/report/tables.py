"""Tables as Markdown, CSV and HTML, and the two that every report has: published numbers, layers."""

import csv
import html
import io
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

from common import files
from common.report.claims import Count, claim_of, judge, wilson_interval

Record = Mapping[str, Any]  # run.json
Line = Mapping[str, Any]  # of readout.jsonl

UNITS = {"fraction": (100.0, 2, ", %"), "ratio": (1.0, 2, ""), "components": (1.0, 1, "")}  # factor, decimals, heading
FRAMEWORKS = {"keras": "Keras", "torch": "PyTorch"}
VERDICTS = ("confirmed", "not confirmed", "not measured", "no band")
FULL_EPOCHS = 60
SEEDS = ("seed", "data_seed")
CORRUPTION = ("corruption", "corruption_fraction")


@dataclass(frozen=True)
class Number:
    """A number with its unit and, where it has one, its interval; an interval alone has no value."""

    value: float | None
    unit: str = "fraction"
    low: float | None = None
    high: float | None = None


def cell(value: object, missing: str = "–") -> str:
    """Text of one cell: floats are fractions and become percent, null becomes `missing`."""
    if isinstance(value, float):
        value = Number(value)
    if not isinstance(value, Number):
        return missing if value is None else str(value)
    factor, decimals, _ = UNITS[value.unit]
    parts = [] if value.value is None else [f"{factor * value.value:.{decimals}f}"]
    if value.low is not None and value.high is not None:
        parts.append(f"[{factor * value.low:.{decimals}f}, {factor * value.high:.{decimals}f}]")
    return " ".join(parts) or missing


@dataclass(frozen=True)
class Table:
    """A title, column headings, and rows of cells: text, numbers, `Number`s or null."""

    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[object]]
    note: str = ""

    def __post_init__(self) -> None:
        widths = {len(row) for row in self.rows} - {len(self.columns)}
        if widths:
            raise ValueError(f"every row must have {len(self.columns)} cells. Received: widths={sorted(widths)}")

    def numeric(self) -> list[bool]:
        """For each column, whether it holds a number."""
        return [any(isinstance(row[i], int | float | Number) for row in self.rows) for i in range(len(self.columns))]

    def markdown(self) -> str:
        """Pipe table under its title; columns of numbers are aligned to the right."""
        rules = ["---:" if numeric else ":---" for numeric in self.numeric()]
        texts = [
            [cell(value).replace("|", "\\|").replace("\n", " ") for value in row] for row in [self.columns, *self.rows]
        ]
        lines = ["| " + " | ".join(row) + " |" for row in [texts[0], rules, *texts[1:]]]
        return "\n".join([f"**{self.title}**", "", *lines, *(["", self.note] if self.note else [])]) + "\n"

    def csv(self) -> str:
        """Comma-separated values; null is empty."""
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(self.columns)
        writer.writerows([[cell(value, missing="") for value in row] for row in self.rows])
        return text.getvalue()

    def save(self, path: Path) -> None:
        """Write `path`.md and `path`.csv."""
        files.write(path.with_suffix(".md"), self.markdown())
        files.write(path.with_suffix(".csv"), self.csv())

    def html(self) -> str:
        """HTML table in a box of its own that scrolls sideways."""
        numeric = self.numeric()
        head = "".join(_html_cell("th", *pair) for pair in zip(self.columns, numeric, strict=True))
        rows = ["".join(_html_cell("td", *pair) for pair in zip(row, numeric, strict=True)) for row in self.rows]
        body = "\n".join(f"<tr>{row}</tr>" for row in rows)
        title, note = html.escape(self.title), f"<p>{html.escape(self.note)}</p>" if self.note else ""
        return (
            f'<figure class="table"><figcaption>{title}</figcaption>'
            f'<div class="scroll" role="region" aria-label="{title}" tabindex="0"><table>\n'
            f"<thead><tr>{head}</tr></thead>\n<tbody>\n{body}\n</tbody></table></div>{note}</figure>"
        )


def _html_cell(tag: str, value: object, numeric: bool) -> str:
    text = cell(value)
    name = "number" if numeric else text.replace(" ", "-") if text in VERDICTS else ""
    attribute = f' class="{name}"' if name else ""
    return f"<{tag}{attribute}>{html.escape(text)}</{tag}>"


def setting_of(config: Record) -> str:
    """Setting of a run in the words of the published tables, from its corruption and weight decay.

    Labels replaced by uniform classes (`uniform`, `ketha`) are `random_labels` at fraction 1 and `corrupted_labels`
    below; any other corruption goes by its own name. `_weight_decay` follows; true labels with it are `weight_decay`.
    """
    rule, fraction = config["corruption"], config["corruption_fraction"]
    name = "true_labels"
    if rule != "none" and fraction > 0:
        name = ("random_labels" if fraction == 1 else "corrupted_labels") if rule in ("uniform", "ketha") else rule
    if config["weight_decay"] > 0:
        return "weight_decay" if name == "true_labels" else f"{name}_weight_decay"
    return name


def _matches(config: Record, target: Record) -> bool:
    whole = config["train_size"] is None and not config.get("validation_size") and config["epochs"] >= FULL_EPOCHS
    plain = not any(config.get(name) for name in ("random_crop", "flip"))
    keys = ("model", "dataset", "corruption_fraction")
    return whole and plain and setting_of(config) == target["setting"] and all(config[k] == target[k] for k in keys)


def _recipe(config: Record, without: Sequence[str] = SEEDS) -> str:
    return json.dumps({name: value for name, value in config.items() if name not in without}, sort_keys=True)


def _relative_epochs(record: Record, records: Iterable[Record]) -> float | None:
    """Epochs to fit, relative to the run that differs from this one in having true labels alone."""
    key, epochs = _recipe(record["config"], CORRUPTION), record["outcome"]["epochs_to_fit"]
    for other in records:
        base = other["outcome"]["epochs_to_fit"]
        true = setting_of(other["config"]) in ("true_labels", "weight_decay")
        if true and base and epochs is not None and _recipe(other["config"], CORRUPTION) == key:
            return float(epochs / base)
    return None


def _measure(record: Record, quantity: str, records: Iterable[Record]) -> tuple[float | None, Count | None]:
    """The quantity in one run and, for a fraction of test examples, its counts."""
    if quantity == "relative_epochs_to_fit":
        return _relative_epochs(record, records), None
    error = quantity.startswith("test_error")
    value = record["outcome"][quantity.replace("test_error", "test_accuracy")]
    if value is None:
        return None, None
    value, n = (1 - value if error else value), record["data"]["test_n"]
    return value, (round(value * n), n) if quantity.startswith("test") else None


def _names(groups: Sequence[Sequence[Record]]) -> list[str]:
    """Framework of each group; where one framework has several groups, the fields in which their configs differ too."""
    configs = [group[0]["config"] for group in groups]
    names = []
    for config in configs:
        rivals = [other for other in configs if other["framework"] == config["framework"]]
        fields = [name for name in config if name not in SEEDS and any(o[name] != config[name] for o in rivals)]
        text = ", ".join(f"{name}={config[name]}" for name in fields)
        names.append(FRAMEWORKS.get(config["framework"], config["framework"]) + (f" ({text})" if text else ""))
    return names


def _run_on(group: Sequence[Record]) -> str:
    """Hardware and commits; + where tracked files differed from the commit."""
    machines = [record["environment"] for record in group]
    devices = {m.get("processor") or "cpu" if m["device"] == "cpu" else m["device"] for m in machines}
    commits = {(r["code"]["commit"] or "no commit")[:9] + ("+" if r["code"]["dirty"] else "") for r in group}
    return f"{', '.join(sorted(devices))}; {', '.join(sorted(commits))}"


def _target_cells(target: Record, source: str) -> list[object]:
    setting = target["setting"].replace("_labels_", "_labels, ").replace("_", " ")
    if target["setting"].startswith("corrupted_labels"):
        setting += f", {100 * target['corruption_fraction']:g} %"
    quantity = target["quantity"].replace("_", " ") + UNITS[target["unit"]][2]
    published = Number(target["value"], target["unit"])
    return [source, target["model"], setting, quantity, published]


def _measured_cells(target: Record, group: Sequence[Record], records: Iterable[Record]) -> list[object]:
    pairs = [_measure(record, target["quantity"], records) for record in group]
    found = judge(claim_of(dict(target)), [value for value, _ in pairs], [count for _, count in pairs])
    mean = None if found.mean is None else Number(found.mean, target["unit"])
    interval = Number(None, target["unit"], found.low, found.high)
    return [mean, interval, found.interval_kind or None, found.verdict]


def published_table(targets: Sequence[Record], records: Sequence[Record]) -> Table:
    """Published against measured: a row for each target and framework, over the seeds of one recipe.

    A run matches a target with the same model, data set, setting and corruption fraction when it trained on the full,
    unaugmented training set for at least 60 epochs. Runs that differ in more than their seeds are never averaged.
    """
    records = list({record["run_id"]: record for record in records}.values())
    papers = sorted({target["paper"] for target in targets})
    rows: list[list[object]] = []
    for target in targets:
        source = target["source"] if len(papers) == 1 else f"{target['paper']}, {target['source']}"
        described = _target_cells(target, source)
        matching = sorted(
            (r for r in records if _matches(r["config"], target)),
            key=lambda r: (r["config"]["framework"], _recipe(r["config"])),
        )
        groups = [list(group) for _, group in groupby(matching, key=lambda r: _recipe(r["config"]))]
        for name, group in zip(_names(groups), groups, strict=True):
            rows.append([*described, name, *_measured_cells(target, group, records), _run_on(group)])
        if not groups:
            rows.append([*described, None, *_measured_cells(target, [], records), None])
    columns = ["source", "model", "setting", "quantity", "published", "framework", "measured", "95 % interval", "n"]
    note = "Wilson: over the test examples of one seed; t: over seeds; no band: nothing says how close is close enough."
    return Table(f"{' and '.join(papers)}: published and measured", [*columns, "verdict", "run on"], rows, note)


def last_epoch(readout: Sequence[Line]) -> list[Line]:
    """Lines of the last epoch that was read out; a null epoch (unknown) comes before all others."""
    last = max((line["epoch"] for line in readout), default=None, key=lambda epoch: -1 if epoch is None else epoch)
    return [line for line in readout if line["epoch"] == last]


def accuracies(readout: Sequence[Line], probe: str, fitted_on: str | None, scored_on: str = "test") -> dict[str, Line]:
    """Measured lines by layer, in the order of the read-out; `fitted_on` null takes any."""
    return {
        line["layer"]: line
        for line in readout
        if (line["probe"], line["scored_on"]) == (probe, scored_on)
        and fitted_on in (None, line["fitted_on"])
        and line["correct"] is not None
        and line["n"]
    }


def _best_hidden(lines: Mapping[str, Line]) -> str | None:
    hidden = [layer for layer in lines if layer not in ("input", "logits")]
    return max(hidden, key=lambda layer: lines[layer]["correct"] / lines[layer]["n"], default=None)


def choose_layer(readout: Sequence[Line], fitted_on: str = "corrupted_labels", probe: str = "masc") -> str | None:
    """Hidden layer with the highest accuracy on held-out training examples and the labels a user has; null without."""
    return _best_hidden(accuracies(last_epoch(readout), probe, fitted_on, "validation_corrupted_labels"))


def best_on_test(readout: Sequence[Line], fitted_on: str = "corrupted_labels", probe: str = "masc") -> str | None:
    """The papers' choice: the hidden layer with the highest test accuracy, which test data chose."""
    return _best_hidden(accuracies(last_epoch(readout), probe, fitted_on))


def _accuracy(line: Line | None) -> Number | None:
    if line is None:
        return None
    low, high = wilson_interval(line["correct"], line["n"])
    return Number(line["correct"] / line["n"], "fraction", low, high)


def layer_table(readout: Sequence[Line], title: str = "Test accuracy by layer", probe: str = "masc") -> Table:
    """Test accuracy of one run's layers at its last read-out, with Wilson intervals, and which layer is chosen how."""
    lines = last_epoch(readout)
    corrupted, true = (accuracies(lines, probe, labels) for labels in ("corrupted_labels", "true_labels"))
    chosen, papers = choose_layer(lines, probe=probe), best_on_test(lines, probe=probe)
    rows: list[list[object]] = []
    for layer in dict.fromkeys([*corrupted, *true]):
        marks = {"held-out examples": layer == chosen, "test data, as in the papers": layer == papers}
        found = [_accuracy(corrupted.get(layer)), _accuracy(true.get(layer))]
        size = corrupted[layer]["components"] if layer in corrupted else None
        mean_size = None if size is None else Number(float(size), "components")
        rows.append([layer, *found, mean_size, "; ".join(mark for mark, holds in marks.items() if holds)])
    for line in accuracies(lines, "model", None).values():
        rows.append(["the network's own output", _accuracy(line), None, None, ""])
    columns = ["layer", "fitted on corrupted labels, %", "fitted on true labels, %", "components", "chosen on"]
    note = (
        "Brackets: 95 % Wilson intervals over test examples. Components: class mean, fitted on corrupted labels. "
        "The choice is among hidden layers, for the probe fitted on corrupted labels."
    )
    return Table(title, columns, rows, note)
