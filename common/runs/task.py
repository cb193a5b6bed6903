"""The examples of one run: data set, subset, corruption and held-out examples, before any framework sees them."""

import dataclasses
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from common.data import corruption, datasets
from common.data.arrays import Images, Labels
from common.data.preprocessing import channel_statistics
from common.runs.config import Config
from common.seeds import stream


@dataclass(frozen=True)
class Examples:
    """Images on the 0-255 scale, the labels a user would have, the true ones, and the data set's own indices."""

    images: Images
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

    @property
    def image_shape(self) -> tuple[int, ...]:
        return tuple(self.train.images.shape[1:])

    def channel_statistics(self) -> tuple[list[float], list[float]]:
        return channel_statistics(self.train.images)


def prepare(config: Config, data_dir: Path | None = None, models: Path = Path()) -> Task:
    """Load, take the subset, corrupt, hold out: in this order, each from its own random stream of `data_seed`.

    The file of labels, where the config names one, lies under `models`.
    """
    data = datasets.load(config.dataset, data_dir)
    kept = stratified_subset(data.y_train, config.train_size, config.data_seed)
    tested = stratified_subset(data.y_test, config.test_size, config.data_seed, "test ")
    known = corrupt(config, data.x_train[kept], data.y_train[kept], kept, data.num_classes, "")
    if config.labels is not None:
        known = relabel(known, models / config.labels, data.num_classes)
    test = corrupt(config, data.x_test[tested], data.y_test[tested], tested, data.num_classes, "test ")
    if config.rotation and data.x_train.shape[1] != data.x_train.shape[2]:
        raise ValueError(f"rotation must be 0 where images are not square. Received: rotation={config.rotation}")
    if config.validation_size >= len(known):
        raise ValueError(
            f"validation_size must be below the {len(known)} training examples. "
            f"Received: validation_size={config.validation_size}"
        )
    order = stream(config.data_seed, "validation").permutation(len(known))
    held_out, trained = np.sort(order[: config.validation_size]), np.sort(order[config.validation_size :])
    return Task(known.take(trained), known.take(held_out), test, data.num_classes, data.sha256)


def corrupt(config: Config, images: Images, labels: Labels, indices: Labels, num_classes: int, split: str) -> Examples:
    """The config's corruption of one split.

    Test labels are corrupted at the same rate from their own stream, and used only beside the true ones. Test images
    stay as they are, except that a network trained on shuffled pixels is tested on equally shuffled ones.
    """
    given, changed = labels, np.zeros(len(labels), bool)
    if config.corruption in corruption.LABEL_RULES:
        rule = "uniform" if split and config.corruption == "ketha" else config.corruption
        given = corruption.corrupt_labels(
            labels, num_classes, rule, config.corruption_fraction, config.data_seed, f"{split}labels"
        )
        changed = given != labels
    elif config.corruption in corruption.IMAGE_RULES and (not split or config.corruption == "shuffled_pixels"):
        images, changed = corruption.corrupt_images(
            images, config.corruption, config.corruption_fraction, config.data_seed, f"{split}images",
            config.gaussian_statistics,
        )  # fmt: skip
    return Examples(images, given, labels, changed, indices)


def relabel(examples: Examples, path: Path, num_classes: int) -> Examples:
    """The examples with the labels of a .npy file that has one for each of them, or for each of the whole set."""
    try:
        labels = np.load(path)
        given = labels if len(labels) == len(examples) else labels[examples.indices]
    except (OSError, ValueError, TypeError, IndexError) as error:
        raise ValueError(
            f"labels must be a .npy file with a class for each example. Received: {path} ({error})"
        ) from error
    if given.ndim != 1 or given.dtype.kind not in "iu" or not ((given >= 0) & (given < num_classes)).all():
        raise ValueError(f"labels must be integers from 0 to {num_classes - 1}. Received: {path}")
    given = given.astype(np.int64)
    return dataclasses.replace(examples, labels=given, corrupted=given != examples.true_labels)


def stratified_subset(labels: Labels, size: int | None, data_seed: int, split: str = "") -> Labels:
    """Sorted indices of `size` examples with the classes' shares kept to within one example; all where size is none."""
    if size is None:
        return np.arange(len(labels))
    if size > len(labels):
        name = f"{split or 'train'}_size".replace(" ", "")
        raise ValueError(f"{name} must be at most {len(labels)}. Received: {name}={size}")
    order = stream(data_seed, f"{split}subset").permutation(len(labels))
    # Place each example by its rank within its class, as a share of the class: the first `size` are stratified.
    rank = np.empty(len(labels))
    for label in np.unique(labels):
        members = order[labels[order] == label]
        rank[members] = (np.arange(len(members)) + 0.5) / len(members)
    return np.sort(order[np.argsort(rank[order], kind="stable")[:size]])
