"""Lines of read-outs: the layer that is chosen, and what its probe gets right."""

from collections.abc import Callable, Iterable, Mapping, Sequence

from common.report.numbers import Number, mean_share
from common.report.runs import Line, last_epoch
from common.report.tables import Table

HELD_OUT = "validation_corrupted_labels"  # training examples held out from the network, with the labels a user has


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
    return _best_hidden(accuracies(last_epoch(readout), probe, fitted_on, HELD_OUT))


def best_on_test(readout: Sequence[Line], fitted_on: str = "corrupted_labels", probe: str = "masc") -> str | None:
    """The papers' choice: the hidden layer with the highest test accuracy, which test data chose."""
    return _best_hidden(accuracies(last_epoch(readout), probe, fitted_on))


CHOICES: dict[str, Callable[..., str | None]] = {"held-out examples": choose_layer, "test data": best_on_test}


def accuracy(
    lines: Sequence[Line], layer: str | None, probe: str = "masc", fitted_on: str | None = "corrupted_labels",
    scored_on: str = "test", key: str | None = None,
) -> float | None:  # fmt: skip
    """Share of right predictions of a probe on a layer, or another value of its line; null where it is not there."""
    for line in lines:
        if (line["layer"], line["probe"], line["fitted_on"], line["scored_on"]) == (layer, probe, fitted_on, scored_on):
            return line[key] if key else None if line["correct"] is None else line["correct"] / line["n"]
    return None


def chosen(
    lines: Sequence[Line], choice: str = "held-out examples", probe: str = "masc", fitted_on: str = "corrupted_labels"
) -> float | None:
    """Test accuracy of a probe on the layer that is chosen for it."""
    layer = CHOICES[choice](lines, fitted_on=fitted_on, probe=probe)
    return accuracy(lines, layer, probe, fitted_on)


def best_pair(lines: Sequence[Line], probes: Iterable[str]) -> tuple[str, str | None]:
    """The probe and hidden layer with the highest accuracy on held-out examples and the labels a user has."""
    scores: dict[tuple[str, str | None], float] = {("", None): -1.0}
    for probe in probes:
        layer = choose_layer(lines, probe=probe)
        score = accuracy(lines, layer, probe, scored_on=HELD_OUT)
        scores |= {} if score is None else {(probe, layer): score}
    return max(scores, key=lambda pair: scores[pair])


def last_layer(lines: Iterable[Line]) -> str | None:
    """The last layer that probes read."""
    return next(reversed(layers_of(lines)), None)


def layers_of(lines: Iterable[Line]) -> list[str]:
    """Layers that probes read, in the order of the network."""
    return list(dict.fromkeys(line["layer"] for line in lines if line["probe"] != "model"))


def _accuracy(line: Line | None) -> Number | None:
    return None if line is None else mean_share([(line["correct"], line["n"])])


def run_table(readout: Sequence[Line], title: str = "Test accuracy by layer", probe: str = "masc") -> Table:
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
    counted = any(row[3] is not None for row in rows)
    note = (
        "Brackets: 95 % Wilson intervals over test examples. "
        + "Components: class mean, fitted on corrupted labels. " * counted
        + "The choice is among hidden layers, for the probe fitted on corrupted labels."
    )
    return Table(title, columns, rows, note)
