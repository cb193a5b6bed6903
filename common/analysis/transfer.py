"""From probe to network: class vectors as output weights, subspaces' classes as labels to train on.

Both are of Ketha & Ramaswamy: VeLPIC as the output layer (arXiv 2603.19865), labels of the minimum angle subspace
classifier (arXiv 2501.14687). Beside each file that is made, a note `<file>.json` holds its sha256 and the
`model_sha256` of the model it was made of.
"""

import json
from pathlib import Path

import numpy as np

from common.analysis.evaluator import SavedModel, load
from common.analysis.readout import named
from common.data.arrays import Labels
from common.files import replacing, write
from common.runs import initial_weights
from common.runs.config import Config
from common.runs.store import file_sha256
from common.runs.task import Task
from common.runs.trainers import Arrays
from common.seeds import integer


def edit_output(path: Path, config: Config, task: Task, edited: Path) -> SavedModel:
    """Write a model whose output layer is VeLPIC of its last hidden layer, fitted on the labels it was trained on.

    The file is an ordinary model of the same format. Biases become 0. ValueError where a class has no example.
    """
    from common.analysis.probes import VeLPIC

    sha256, model = file_sha256(path), load(path)
    hidden, output = model.layers[-2:]
    inputs = model.prepare(task.train.inputs, config)
    probe = VeLPIC().fit(model.features(inputs, hidden), task.train.labels)
    weights = model.get_weights()
    if len(probe.classes_) != weights[f"{output}/kernel"].shape[1]:
        raise ValueError(f"every class must have an example. Received: classes {probe.classes_.tolist()}")
    weights[f"{output}/kernel"] = probe.coef_.T.astype(np.float32)
    if f"{output}/bias" in weights:
        weights[f"{output}/bias"] = np.zeros_like(weights[f"{output}/bias"])
    return saved(model, weights, edited, sha256)


def redraw_output(path: Path, config: Config, task: Task, edited: Path) -> SavedModel:
    """Likewise, with an output layer drawn anew by the config's own initializer: the control of any other edit."""
    sha256, model = file_sha256(path), load(path)
    weights = model.get_weights()
    shapes = {name: array.shape for name, array in weights.items() if name.startswith(f"{model.layers[-1]}/")}
    drawn = initial_weights.draw(shapes, config.initializer, integer(config.seed, "output drawn anew"))
    return saved(model, {**weights, **drawn}, edited, sha256)


def saved(model: SavedModel, weights: Arrays, edited: Path, model_sha256: str) -> SavedModel:
    """A model with other weights, written with its note."""
    model.set_weights(weights)
    model.save(edited)
    write(note_path(edited), note(edited, model_sha256))
    return model


def relabel(path: Path, config: Config, task: Task, layer: str, labels: Path, probe: str = "masc") -> Labels:
    """Write the classes that a probe of a layer gives to the training examples; held-out ones keep their labels.

    The .npy has a label for each of the training and held-out examples, in the order of the data set's own indices.
    """
    sha256, model = file_sha256(path), load(path)
    features = model.features(model.prepare(task.train.inputs, config), layer)
    predicted = named([probe])[probe]().fit(features, task.train.labels).predict(features)
    given = np.concatenate([predicted, task.validation.labels])
    ordered: Labels = given[np.argsort(np.concatenate([task.train.indices, task.validation.indices]))]
    with replacing(labels) as temporary, open(temporary, "wb") as file:
        np.save(file, ordered)
    write(note_path(labels), note(labels, sha256))
    return ordered


def outdated(path: Path, model: Path, force: bool) -> bool:
    """Whether a file that is made of a model is to be made: with `force`, or where no note says that this is it."""
    if force or not path.exists() or not note_path(path).exists():
        return True
    return note_path(path).read_text("utf-8", "replace") != note(path, file_sha256(model))


def note_path(path: Path) -> Path:
    return path.with_name(f"{path.name}.json")


def note(path: Path, model_sha256: str) -> str:
    """What stands beside a file that was made of a model."""
    return json.dumps({"sha256": file_sha256(path), "model_sha256": model_sha256}) + "\n"
