"""What the layers of a saved network still know: probes fitted on each layer, scored on labels they never saw."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from common.analysis.evaluator import SavedModel, load
from common.analysis.probes import PROBES
from common.data.arrays import Labels
from common.runs.config import Config, Options, run_id
from common.runs.store import Store, write_lines
from common.runs.task import Examples, Task, prepare

Line = dict[str, Any]


def decode(
    path: Path, given: dict[str, Any], options: Options, layers: Sequence[str] = (), variance: float = 0.99
) -> list[Line]:
    """Read a model file out on the data that its own config names, with the `given` fields of the config replaced."""
    model = load(path)
    config = dataclasses.replace(model.config or Config(), **given)
    return read_out(model, config, prepare(config, options.data_dir), layers, variance)


def decode_run(config: Config, options: Options) -> list[Line]:
    """The read-out of a finished run with the defaults: read where it is there, else made and kept with the run."""
    store = Store.of(options)
    model, path = store.model_path(config), store.folder(run_id(config)) / "readout.jsonl"
    if options.force or not path.exists() or (model.exists() and path.stat().st_mtime_ns < model.stat().st_mtime_ns):
        write_lines(path, decode(model, {}, options))
    return store.readout(run_id(config))


def read_out(
    model: SavedModel, config: Config, task: Task, layers: Sequence[str] = (), variance: float = 0.99
) -> list[Line]:
    """A line for every (layer, labels fitted on, split scored on), and one for the network's own predictions.

    Probes are fitted on the examples that the network was trained on, with the corrupted labels and with the true
    ones; they are scored on the test set's true labels and, where examples were held out from the network, on those
    with the labels a user would have. `components` is the mean number of components per class.
    """
    splits = [split for split in (task.train, task.validation, task.test) if len(split)]
    inputs = {id(split): model.prepare(split.images, config) for split in splits}
    lines = list(own_accuracy(model, task, inputs))
    for layer in layers or model.layers[:-1]:
        features = {key: model.features(x, layer) for key, x in inputs.items()}
        lines += score_layer(layer, features, task, variance)
    epoch = model.metadata.get("epoch")
    return [{"epoch": epoch, **line} for line in lines]


def score_layer(layer: str, features: dict[int, NDArray[np.float32]], task: Task, variance: float) -> Iterator[Line]:
    """Fit on both kinds of labels, or once where they are the same."""
    train = task.train
    same = bool((train.labels == train.true_labels).all())
    for fitted_on, labels in (("corrupted_labels", train.labels), ("true_labels", train.true_labels)):
        if fitted_on == "corrupted_labels" or not same:
            probe = PROBES["masc"](variance=variance).fit(features[id(train)], labels)
            size = float(np.mean(probe.n_components_))
            scores = [score(probe.predict(features[id(s)]), name, targets) for s, name, targets in scored(task)]
        for line in scores:
            yield {"layer": layer, "probe": "masc", "fitted_on": fitted_on, **line, "components": size}


def scored(task: Task) -> Iterable[tuple[Examples, str, Labels]]:
    """Splits that probes are scored on, with the labels that count."""
    if len(task.validation):
        yield task.validation, "validation_corrupted_labels", task.validation.labels
    yield task.test, "test", task.test.true_labels


def own_accuracy(model: SavedModel, task: Task, inputs: dict[int, NDArray[np.float32]]) -> Iterator[Line]:
    for split, name, targets in scored(task):
        line = score(model.logits(inputs[id(split)]).argmax(1), name, targets)
        yield {"layer": model.layers[-1], "probe": "model", "fitted_on": None, **line, "components": None}


def score(predictions: Labels, name: str, targets: Labels) -> Line:
    return {"scored_on": name, "n": len(targets), "correct": int(np.sum(predictions == targets))}
