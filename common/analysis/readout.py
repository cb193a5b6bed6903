"""What the layers of a saved network still know: probes fitted on each layer, scored on labels they never saw."""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from itertools import product
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from common.analysis.evaluator import SavedModel, load, metadata
from common.analysis.features import check_features
from common.data.arrays import Array, Labels
from common.data.datasets import kind_of
from common.data.inputs import ImageInputs, TokenInputs
from common.data.own import checksum_of
from common.errors import check_choice
from common.runs.config import Config, Options, from_dict, run_id
from common.runs.foreign import NOTHING, Declared
from common.runs.store import READ, READOUT, Record, Store, file_sha256, read_lines, write_lines
from common.runs.task import Examples, Task, prepare

Line = dict[str, Any]
Probes = Mapping[str, Callable[..., Any]]
AT_ONCE = 2 * 2**30  # bytes
OWN = "model"  # stands beside the probes for the network's own predictions
MASC = ("masc",)
INPUTS: dict[tuple[Callable[[], Any], bytes], list[Line]] = {}
"""Lines of inputs that were scored in this process, by probe and a hash of features and labels."""


class ModelFile(NamedTuple):
    """A network of a finished run: its file, and the hash that says which network it is."""

    path: Path
    sha256: str


def named(probes: Sequence[str] = MASC) -> Probes:
    """Probes by their names in `common.analysis.probes`; ValueError for one that there is not."""
    from common.analysis.probes import PROBES

    for name in probes:
        check_choice("probe", name, PROBES)
    return {name: PROBES[name] for name in probes}


def decode(
    path: Path,
    given: dict[str, Any],
    options: Options,
    layers: Sequence[str] = (),
    probes: Probes | None = None,
    declared: Declared = NOTHING,
    run: Config | None = None,
) -> list[Line]:
    """Read a model file out on the data that its own config names, with the `given` fields of the config replaced.

    Of a file from elsewhere, which has none, `given` must say the data set and the preprocessing, and is read out on
    whole images where no `crop` is given; what else it does not say is `declared`. ValueError where examples that are
    held out may be ones that the network was trained on, and where a finished `run` had other data.
    """
    model, config, task = opened(path, given, options, declared)
    if run:
        check_data(run, task, options)
    return read_out(model, config, task, layers, probes)


def opened(
    path: Path, given: dict[str, Any], options: Options, declared: Declared = NOTHING
) -> tuple[SavedModel, Config, Task]:
    """A model file's network, and the config and examples that it is read out with, as `decode` says."""
    own = metadata(path).get("config")
    if declared.mean:
        given = {"preprocessing": "per_channel", **given}
    needed = ("dataset",) if kind_of(given.get("dataset", "")) == TokenInputs.name else ("dataset", "preprocessing")
    if not own and (missing := [name for name in needed if name not in given]):
        hint = " (--check tries every one)" if missing[0] == "preprocessing" else ""
        raise ValueError(f"{missing[0]} must be named for a model file that does not say it{hint}. Received: {path}")
    config = dataclasses.replace(from_dict(own) if own else foreign_config(given["dataset"]), **given)
    check_held_out(config, from_dict(own) if own else config)
    task = prepare(config, options.data_dir, Store.of(options).models)
    shape, classes = task.kind.input_shape, task.num_classes
    model = load(path, dataclasses.replace(declared, image_shape=shape, num_classes=classes))
    model.metadata = {**task.statistics, **model.metadata, **declared.statistics}
    return model, config, task


def foreign_config(dataset: str) -> Config:
    """Of a model whose file does not hold one: whole images, or texts."""
    return Config(crop=None) if kind_of(dataset) == ImageInputs.name else Config()


def check_held_out(config: Config, own: Config) -> None:
    """ValueError unless examples that `config` holds out were held out from the network too, which has its `own`."""
    if not config.validation_size or not one_set(config.dataset, own.dataset):
        return
    if config.validation_size > own.validation_size:
        raise ValueError(
            f"validation_size must be at most the {own.validation_size} examples held out from the network. "
            f"Received: validation_size={config.validation_size}"
        )
    for name in ("train_size", "balanced", "data_seed", "vocabulary", "length"):
        if getattr(config, name) != getattr(own, name):
            raise ValueError(
                f"{name} must be the network's own, {getattr(own, name)}, where examples are held out "
                f"(--validation-size 0 holds out none). Received: {name}={getattr(config, name)}"
            )


def one_set(first: str, second: str) -> bool:
    """Whether two names are of one data set, which one's own is wherever its file lies."""
    return first == second or "" != checksum_of(first) == checksum_of(second)


def decode_run(
    config: Config,
    options: Options,
    probes: Sequence[str] = MASC,
    epochs: Sequence[int] = (),
    other_labels: tuple[str, float] | None = None,
    force: bool = False,
) -> list[Line]:
    """The read-out of a finished run, kept with the run: what is missing, with `force` all, is made, the rest is read.

    It holds the named probes on every layer of the trained network and of the named epochs that were kept. With
    `other_labels`, a rule of corruption and its fraction, probes are fitted on those in place of the run's own.
    """
    given = dict(zip(("corruption", "corruption_fraction"), other_labels or (), strict=False))
    labels = dict(zip(("labels_rule", "labels_fraction"), other_labels or (None, None), strict=True))
    with kept_lines(config, options, READOUT, epochs, force) as kept:
        done = set() if force else {(line["epoch"], line["probe"]) for line in kept.having(labels)}
        for epoch, file in kept.files.items():
            missing = [name for name in probes if (epoch, name) not in done]
            if missing:
                found = decode(file.path, given, options, probes=named(missing), run=config)
                made = [line for line in found if (epoch, line["probe"]) not in done]
                for name in dict.fromkeys(line["probe"] for line in made):
                    kept.drop({"epoch": epoch, "probe": name, **labels})
                kept.add({**line, **labels, "model_sha256": file.sha256} for line in made)
        return kept.having(labels)


def decode_controls(
    config: Config,
    configs: Sequence[Config],
    options: Options,
    rule: str,
    epochs: Sequence[int] = (0,),
    force: bool = False,
) -> None:
    """Read a finished run out at its end and at kept epochs, the untrained network above all.

    Where it was trained on true labels, also with subspaces of those that the `rule` gave the others of its seed.
    """
    decode_run(config, options, epochs=epochs, force=force)
    if config.corruption == "none":
        same = [c for c in configs if (c.model, c.dataset, c.seed) == (config.model, config.dataset, config.seed)]
        for fraction in sorted({c.corruption_fraction for c in same if c.corruption == rule}):
            decode_run(config, options, other_labels=(rule, fraction), force=force)


def model_files(config: Config, options: Options, epochs: Collection[object] = ()) -> dict[int, ModelFile]:
    """Model files of a finished run, by epoch: the trained network, and those of the named epochs that were kept.

    Of a run that diverged there are none: nothing of it is measured. ValueError for a run that is not finished, and
    where its model is not the one that its record was written with.
    """
    store, record = Store.of(options), finished(config, options)
    if record["outcome"]["stop_reason"] == "diverged":
        return {}
    model, sha256 = store.model_path(config), record["model"]["sha256"]
    if model.exists() and file_sha256(model) != sha256:
        raise ValueError(f"a model must be the one of its run's record; train the run again. Received: {model}")
    files = {epoch: file for epoch, file in store.snapshots(config).items() if epoch in epochs}
    kept = {epoch: ModelFile(file, file_sha256(file)) for epoch, file in files.items()}
    return kept | {record["outcome"]["epochs"]: ModelFile(model, sha256)}


def finished(config: Config, options: Options) -> Record:
    """The record of a run; ValueError where there is none."""
    record = Store.of(options).record(run_id(config))
    if record is None:
        raise ValueError(f"a run must be finished to be read out. Received: {run_id(config)}")
    return record


def check_data(config: Config, task: Task, options: Options) -> None:
    """ValueError unless a finished run's examples are still those that it was trained on, their labels too."""
    record = finished(config, options)
    labels, used = Store.of(options).inputs(config).get("labels"), record.get("inputs", {}).get("labels")
    if task.sha256 != record["data"]["sha256"] or labels != used:
        raise ValueError(
            f"data must be what a run was trained on; train it again. Received: {config.dataset}, {run_id(config)}"
        )


def own_task(config: Config, options: Options) -> Task:
    """The examples of a finished run; ValueError where they are not those that it was trained on."""
    task = prepare(config, options.data_dir, Store.of(options).models)
    check_data(config, task, options)
    return task


@contextlib.contextmanager
def kept_lines(config: Config, options: Options, name: str, epochs: Sequence[int], force: bool) -> Iterator[KeptLines]:
    """The lines of the file `name` beside a finished run, which no other process changes meanwhile."""
    finished(config, options)  # else the lock would make a folder for it
    with Store.of(options).lock(run_id(config), READ, options.time_limit):
        yield KeptLines(config, options, name, epochs, force)


class KeptLines:
    """Lines of a file beside a finished run that were made of the networks it has now; lines of others are let go.

    Each has the `model_sha256` of the model file of its epoch. It is null, or not there, in lines of before hashes were
    kept: reports use those, here they are none. `files` are the run's last network and those of the named epochs that
    were kept.
    """

    def __init__(self, config: Config, options: Options, name: str, epochs: Sequence[int], force: bool):
        store = Store.of(options)
        self.path = store.folder(run_id(config)) / name
        lines = self._read(force)
        files = model_files(config, options, {*epochs, *(line.get("epoch") for line in lines)})
        made_of = {(epoch, file.sha256) for epoch, file in files.items()}
        self.lines = [line for line in lines if (line.get("epoch"), line.get("model_sha256")) in made_of]
        last = store.model_path(config)
        self.files = {epoch: file for epoch, file in files.items() if epoch in epochs or file.path == last}

    def _read(self, force: bool) -> list[Line]:
        """With `force` none of a file that is damaged."""
        try:
            return read_lines(self.path) if self.path.exists() else []
        except ValueError:
            if not force:
                raise
            return []

    def having(self, fields: Line) -> list[Line]:
        """Those with these values."""
        return [line for line in self.lines if fields.items() <= line.items()]

    def drop(self, fields: Line) -> None:
        """Let go of those with these values."""
        self.lines = [line for line in self.lines if not fields.items() <= line.items()]

    def add(self, lines: Iterable[Line]) -> None:
        """Keep more lines, and write all."""
        self.lines += lines
        write_lines(self.path, self.lines)


def measured_run(
    config: Config,
    options: Options,
    name: str,
    epochs: Sequence[int],
    settings: Sequence[Line],
    measure: Callable[[SavedModel, Task, Line], Iterable[Line]],
    force: bool = False,
) -> list[Line]:
    """All lines of the file `name` beside a finished run, once each of its networks was measured in each setting.

    The networks are the last one and those of the named epochs that were kept. A setting is the fields, beside the
    epoch, that tell which lines are there; `measure` makes those that are missing, or with `force` all of these, of a
    network and the run's task.
    """
    with kept_lines(config, options, name, epochs, force) as kept:
        wanted = [{"epoch": epoch, **setting} for epoch, setting in product(kept.files, settings)]
        missing = [fields for fields in wanted if force or not kept.having(fields)]
        if missing:
            task = own_task(config, options)
            for fields in missing:
                path, sha256 = kept.files[fields["epoch"]]
                made = [{**fields, **line, "model_sha256": sha256} for line in measure(load(path), task, fields)]
                kept.drop(fields)
                kept.add(made)
        return kept.lines


def read_out(
    model: SavedModel, config: Config, task: Task, layers: Sequence[str] = (), probes: Probes | None = None
) -> list[Line]:
    """A line for every (layer, probe, labels fitted on, split scored on), and the network's own predictions.

    Probes are fitted on the examples that the network was trained on, with the corrupted labels and with the true
    ones. They are scored on the same examples with both, on the test set's true labels and, where examples were held
    out from the network, on those with the labels a user would have. `components` is the mean number of components per
    class, of probes that have them. The input is called "input", whatever the model calls it.

    Where a probe cannot be fitted to a layer, as to one of dead units, `correct` is null and `reason` says why.
    ValueError where that is so of all, and where the network's own outputs are not finite.
    """
    splits = [split for split in (task.train, task.validation, task.test) if len(split)]
    inputs = {id(split): model.prepare(split.inputs, config) for split in splits}
    makers = named() if probes is None else probes
    last, wanted = model.layers[-1], [model.layer(name) for name in layers] or model.layers[:-1]
    lines: list[Line] = []
    reasons: list[str] = []
    for group in together(model, [last, *wanted], sum(map(len, splits))):
        outputs = {key: model.outputs(x, group) for key, x in inputs.items()}
        if not lines:
            own = predictions(model, {key: values[last] for key, values in outputs.items()}, task.num_classes)
            lines = [{"layer": last, "probe": OWN, "fitted_on": None, **line} for line in scores(own, task)]
            group.remove(last)
        for layer, (name, probe) in product(group, makers.items()):
            features = {key: values[layer] for key, values in outputs.items()}
            called = "input" if layer == model.input_layer else "input (layer)" if layer == "input" else layer
            try:
                found = list((score_input if called == "input" else score_layer)(probe, features, task))
            except (ValueError, MemoryError) as error:
                reasons.append(f"{name} of {called} in {model.path.name}: {error}")
                found = [{**line, "reason": reasons[-1]} for line in unscored(task)]
            lines += [{"layer": called, "probe": name, **line} for line in found]
    if reasons and all(line["correct"] is None for line in lines if line["probe"] != OWN):
        raise ValueError(reasons[0])
    epoch = model.metadata.get("epoch")
    return [{"epoch": epoch, "components": None, **line} for line in lines]


def predictions(model: SavedModel, logits: Mapping[int, Array], num_classes: int) -> dict[int, Labels]:
    """The network's own, (n,) for each of several outputs of its last layer; ValueError unless these are finite."""
    try:
        outputs = [check_features(rows) for rows in logits.values()]
    except ValueError as error:
        raise ValueError(f"{model.layers[-1]} in {model.path.name}: {error}") from error
    said = model.classes(np.concatenate(outputs), num_classes)
    return dict(zip(logits, np.split(said, np.cumsum([len(rows) for rows in outputs])[:-1]), strict=True))


def unscored(task: Task) -> list[Line]:
    """Lines of a layer that could not be read."""
    return [
        {"fitted_on": labels, "scored_on": name, "n": len(right), "correct": None, "components": None}
        for labels in ("corrupted_labels", "true_labels")
        for _, name, right in scored(task)
    ]


def together(model: SavedModel, layers: Sequence[str], examples: int) -> Iterator[list[str]]:
    """The layers in groups whose outputs for so many examples fit into AT_ONCE: a pass of the network for each."""
    outputs = model.outputs(np.zeros((1, *model.input_shape), np.float32), layers)
    group: list[str] = []
    for layer in layers:
        if group and examples * sum(outputs[name].nbytes for name in (*group, layer)) > AT_ONCE:
            yield group
            group = []
        group.append(layer)
    yield group


def score_layer(probe: Callable[[], Any], features: dict[int, NDArray[np.float32]], task: Task) -> Iterator[Line]:
    """Fit on both kinds of labels, or once where they are the same."""
    train = task.train
    same = bool((train.labels == train.true_labels).all())
    for fitted_on, labels in (("corrupted_labels", train.labels), ("true_labels", train.true_labels)):
        if fitted_on == "corrupted_labels" or not same:
            fitted = probe().fit(features[id(train)], labels)
            sizes = getattr(fitted, "n_components_", None)
            size = None if sizes is None else float(np.mean(sizes))
            found = scores({key: fitted.predict(x) for key, x in features.items()}, task)
        for line in found:
            yield {"fitted_on": fitted_on, **line, "components": size}


def score_input(probe: Callable[[], Any], features: dict[int, NDArray[np.float32]], task: Task) -> list[Line]:
    """Likewise, of what a network is given: it is the same at other epochs and in other seeds, and is scored once.

    Of words there are thousands, whose subspaces take minutes.
    """
    digest = hashlib.sha256(str([values.shape for values in features.values()]).encode())
    for values in (*features.values(), task.train.labels, *(labels for _, _, labels in scored(task))):
        digest.update(np.ascontiguousarray(values).data)
    key = probe, digest.digest()
    if key not in INPUTS:
        INPUTS[key] = list(score_layer(probe, features, task))
    return [dict(line) for line in INPUTS[key]]


def scores(predicted: Mapping[int, Labels], task: Task) -> list[Line]:
    """How many predictions are right, of each split and kind of labels."""
    return [
        {"scored_on": name, "n": len(labels), "correct": int(np.sum(predicted[id(split)] == labels))}
        for split, name, labels in scored(task)
    ]


def scored(task: Task) -> Iterable[tuple[Examples, str, Labels]]:
    """Splits that predictions are scored on, with the labels that count."""
    yield task.train, "train_corrupted_labels", task.train.labels
    yield task.train, "train_true_labels", task.train.true_labels
    if len(task.validation):
        yield task.validation, "validation_corrupted_labels", task.validation.labels
    if len(task.test):
        yield task.test, "test", task.test.true_labels
