"""The examples of one run: data set, subset, corruption and held-out examples, before any framework sees them."""

import dataclasses
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from common.data import corruption, datasets, inputs
from common.data.arrays import Array, Labels
from common.data.inputs import Kind
from common.data.own import read_labels
from common.data.stored import Stored
from common.runs.config import Config
from common.runs.parts import OfKind
from common.seeds import stream


@dataclass(frozen=True)
class Examples:
    """Inputs as their kind keeps them, the labels a user would have, the true ones, and the data set's own indices."""

    inputs: Array
    labels: Labels
    true_labels: Labels
    corrupted: NDArray[np.bool_]
    indices: Labels

    def take(self, places: Labels) -> "Examples":
        return Examples(*(getattr(self, name)[places] for name in self.__dataclass_fields__))

    def __len__(self) -> int:
        return len(self.labels)


@dataclass(frozen=True)
class Task:
    """What a network is trained, chosen and tested on."""

    train: Examples
    validation: Examples
    test: Examples
    num_classes: int
    sha256: str
    kind: Kind
    repeated: int = 0
    """Training examples of the data set that repeat others and were left out."""
    measured_places: Labels | None = None
    """Of the training examples that are measured; none measures all."""

    @cached_property
    def measured(self) -> Examples:
        """The training examples that are measured after an epoch."""
        return self.train if self.measured_places is None else self.train.take(self.measured_places)

    @cached_property
    def statistics(self) -> dict[str, Any]:
        """What the preparation of any example must know of the training set."""
        return self.kind.statistics(self.train.inputs)


def prepare(config: Config, data_dir: Path | None = None, models: Path = Path()) -> Task:
    """Load, take the subset, corrupt, hold out: in this order, each from its own random stream of `data_seed`.

    The file of labels, where the config names one, lies under `models`.
    """
    data = datasets.load(config.dataset, data_dir)
    check_kind(config, data.kind)
    if isinstance(data.x_train, Stored) and config.framework != "torch":
        raise ValueError(f"framework must be torch for images on disk. Received: framework={config.framework!r}")
    kind = inputs.make(data.kind, config, data.x_train.shape[1:], data.x_train.dtype)
    own = kind.distinct(data.x_train, config)
    kept = own[stratified_subset(data.y_train[own], config.train_size, config.data_seed, "", config.balanced)]
    tested = stratified_subset(data.y_test, config.test_size, config.data_seed, "test ", config.balanced)
    if config.validation_size >= len(kept):
        raise ValueError(
            f"validation_size must be below the {len(kept)} training examples. "
            f"Received: validation_size={config.validation_size}"
        )
    order = stream(config.data_seed, "validation").permutation(len(kept))
    held_out, trained = np.sort(order[: config.validation_size]), np.sort(order[config.validation_size :])
    known = untouched(kind.reduce(data.x_train[kept], config), data.y_train[kept], kept)
    test = untouched(kind.reduce(data.x_test[tested], config), data.y_test[tested], tested)
    test = corrupt(config, kind, test, data.num_classes, "test ")

    def given(examples: Examples) -> Examples:
        examples = corrupt(config, kind, examples, data.num_classes, "")
        if not config.labels:
            return examples
        return relabel(examples, models / config.labels, data.num_classes, len(data.y_train))

    if config.clean_validation:
        train, validation = given(known.take(trained)), known.take(held_out)
    else:
        known = given(known)
        train, validation = known.take(trained), known.take(held_out)
    if config.unique_labels:
        unique = np.arange(len(train))
        train, test = dataclasses.replace(train, labels=unique, true_labels=unique), test.take(unique[:0])
    num_classes = len(train) if config.unique_labels else data.num_classes
    kind = inputs.knowing(kind, train.inputs)
    repeated, measured = len(data.y_train) - len(own), measured_places(config, train)
    return Task(train, validation, test, num_classes, data.sha256, kind, repeated, measured)


def measured_places(config: Config, train: Examples) -> Labels | None:
    """Of the training examples that the config wants measured, by their true classes; none where that is all."""
    if config.train_evaluation_size is None:
        return None
    size = min(config.train_evaluation_size, len(train))
    return stratified_subset(train.true_labels, size, config.data_seed, "measured ")


def check_kind(config: Config, kind: str) -> None:
    """ValueError where the config asks for what is for another kind of inputs."""
    for name, of in Config.annotated(OfKind).items():
        if of.name != kind and (value := getattr(config, name)) != (default := getattr(Config, name)):
            raise ValueError(f"{name} must be {default!r} for {kind}: it is for {of.name}. Received: {name}={value!r}")


def untouched(inputs: Array, labels: Labels, indices: Labels) -> Examples:
    return Examples(inputs, labels, labels, np.zeros(len(labels), bool), indices)


def corrupt(config: Config, kind: Kind, examples: Examples, num_classes: int, split: str) -> Examples:
    """The config's corruption of one split.

    Test labels are corrupted at the same rate from their own stream, and used only beside the true ones.
    """
    shown, labels, changed = examples.inputs, examples.labels, examples.corrupted
    if config.corruption in corruption.LABEL_RULES:
        rule = "uniform" if split and config.corruption == "ketha" else config.corruption
        labels = corruption.corrupt_labels(
            labels, num_classes, rule, config.corruption_fraction, config.data_seed, f"{split}labels"
        )
        changed = labels != examples.labels
    elif config.corruption in kind.rules:
        shown, changed = kind.corrupt(examples.inputs, split)
    return dataclasses.replace(examples, inputs=shown, labels=labels, corrupted=changed)


def relabel(examples: Examples, path: Path, num_classes: int, whole: int) -> Examples:
    """The examples with the labels of a file that has one for each of them, or of the `whole` training set.

    ValueError for a file of another length, and one that holds anything else than classes.
    """
    labels = read_labels(path)
    length = len(labels)
    if length not in (len(examples), whole):
        raise ValueError(
            f"labels must be one for each of the {len(examples)} examples, or of the whole set of {whole}. "
            f"Received: {path} with {length}"
        )
    given = labels if length == len(examples) else labels[examples.indices]
    if given.dtype.kind not in "iu" or not ((given >= 0) & (given < num_classes)).all():
        values = f"{min(given)} to {max(given)}" if given.dtype.kind in "iu" else f"names as {given[0]!r}"
        raise ValueError(f"labels must be integers from 0 to {num_classes - 1}. Received: {path} with {values}")
    return dataclasses.replace(examples, labels=given, corrupted=given != examples.true_labels)


def stratified_subset(
    labels: Labels, size: int | None, data_seed: int, split: str = "", balanced: bool = False
) -> Labels:
    """Sorted indices of `size` examples with the classes' shares kept to within one example; all where size is none.

    `balanced` takes as many of each class, to within one example, as long as a class has them.
    """
    if size is None:
        return np.arange(len(labels))
    if size > len(labels):
        name = f"{split or 'train'}_size".replace(" ", "")
        raise ValueError(f"{name} must be at most {len(labels)}. Received: {name}={size}")
    order = stream(data_seed, f"{split}subset").permutation(len(labels))
    # Place each example by its rank within its class, as a share of the class: the first `size` are stratified.
    rank = np.empty(len(labels))
    by_class = order[np.argsort(labels[order], kind="stable")]
    for members in np.split(by_class, np.flatnonzero(np.diff(labels[by_class])) + 1):
        rank[members] = (np.arange(len(members)) + 0.5) / (1 if balanced else len(members))
    return np.sort(order[np.argsort(rank[order], kind="stable")[:size]])
