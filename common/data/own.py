"""A user's own data: an `.npz` with x_train, y_train, x_test and y_test, or a folder of folders of images.

Such a data set is named by its path, and in a run's config by its path and the start of its checksum, "path@1a2b3c4d".
"""

from __future__ import annotations

import re
import zipfile
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from common.data.arrays import Labels, Pixels
from common.data.listing import TEST_FOLDERS, list_source
from common.errors import in_short

ARRAYS = ("x_train", "y_train", "x_test", "y_test")
CHANNELS = (1, 3)
MARK = "@"
BROKEN = (OSError, EOFError, ValueError, TypeError, zipfile.BadZipFile, zlib.error)
"""What numpy raises for files that are not whole, or not what their names say."""


def is_own(name: str) -> bool:
    """Whether a data set's name is the path of one's own."""
    path = path_of(name)
    return path.suffix == ".npz" or path.is_dir()


def path_of(name: str) -> Path:
    """The path within a name, with or without a checksum."""
    return Path(re.sub(rf"{MARK}[0-9a-f]{{8}}$", "", name)).expanduser()


def checksum_of(name: str) -> str:
    """The checksum within a name, "" where it has none."""
    return name[-8:] if re.search(rf"{MARK}[0-9a-f]{{8}}$", name) else ""


def word_of(name: str) -> str:
    """A word that stands for a data set in the name of a run: its file's, or the name itself."""
    own = checksum_of(name) or "/" in name or name.endswith(".npz")
    return re.sub(r"\W+", "_", path_of(name).stem) if own else name


def check_there(name: str) -> Path:
    """The path of a data set; FileNotFoundError where there is none."""
    path = path_of(name)
    if not path.exists():
        raise FileNotFoundError(f"there is no data set {path}")
    return path


def read(name: str) -> tuple[Pixels, Labels, Pixels, Labels, int]:
    """Images uint8 (n, h, w, c) and labels 0, 1 … of both splits, and the number of classes.

    ValueError of one line for data that is none of these; what lies in the file is not executed.
    """
    path = check_there(name)
    try:
        x_train, y_train, x_test, y_test = read_folder(path) if path.is_dir() else read_npz(path)
        images = as_images([x_train, x_test])
        labels, num_classes = as_classes([y_train, y_test])
        for x, y in zip(images, labels, strict=True):
            if len(x) != len(y):
                raise ValueError(f"labels must be one for each of the {len(x)} images. Received: {len(y)}")
        if images[0].shape[1:] != images[1].shape[1:]:
            raise ValueError(f"both splits must have one shape. Received: {[x.shape[1:] for x in images]}")
        if len(unknown := np.setdiff1d(labels[1], labels[0])):
            raise ValueError(f"test images must be of classes that training images have. Received: {unknown[:3]}")
    except BROKEN as error:
        raise ValueError(f"a data set must be images and classes. Received: {path} ({in_short(error)})") from error
    return images[0], labels[0], images[1], labels[1], num_classes


def read_npz(path: Path) -> list[NDArray[Any]]:
    """The four arrays of a file as Keras keeps its data sets too."""
    with np.load(path, allow_pickle=False) as arrays:
        if missing := [name for name in ARRAYS if name not in arrays.files]:
            raise ValueError(f"it must hold {', '.join(ARRAYS)}. Received: {arrays.files}, no {missing[0]}")
        return [arrays[name] for name in ARRAYS]


def read_folder(path: Path) -> list[NDArray[Any]]:
    """Pictures of train/CLASS/ and test/CLASS/ (or val, valid, validation), as torchvision's ImageFolder reads them."""
    if known := [name for name in ("MNIST", "FashionMNIST", "cifar-10-batches-py") if (path / name).is_dir()]:
        raise ValueError(f"it is a folder of data sets, among them {known[0]}: name it by --data-dir")
    if not (path / "train").is_dir() or not any((path / name).is_dir() for name in TEST_FOLDERS):
        raise ValueError(f"it must hold the folders train and {' or '.join(TEST_FOLDERS)}")
    found: list[NDArray[Any]] = []
    for listing in list_source(path)[1]:
        pictures = [read_picture(path / file) for file in listing.files]
        if len(shapes := {picture.shape for picture in pictures}) > 1:
            raise ValueError(f"pictures must have one size. Received: {sorted(shapes)[:3]}")
        found += [np.stack(pictures), np.array(listing.labels)]
    return found


def read_picture(file: Path) -> NDArray[np.uint8]:
    """(h, w, 1) of a grey one, (h, w, 3) of any other."""
    from PIL import Image

    try:
        with Image.open(file) as picture:
            check_depth(picture.mode)
            grey = picture.mode in ("1", "L")
            return np.atleast_3d(np.asarray(picture.convert("L" if grey else "RGB")))
    except (OSError, SyntaxError) as error:  # what Pillow raises for damaged ones
        raise ValueError(f"{file.name} must be a picture. Received: {error}") from error


def check_depth(mode: str) -> None:
    """ValueError for a picture of more than 8 bits a channel, which Pillow would cut off at white."""
    if mode.startswith(("I", "F")):
        raise ValueError(f"pixels must have 8 bits a channel. Received: mode={mode}")


def as_images(splits: Sequence[NDArray[Any]]) -> list[Pixels]:
    """Pixels 0-255 as uint8 (n, h, w, c) of each split, which may be these over 255, or black and white as 0 and 1."""
    arranged = [with_channels(x) for x in splits]
    largest: dict[bool, float] = {}
    for x in arranged:
        largest[x.dtype.kind == "f"] = max(float(x.max()), largest.get(x.dtype.kind == "f", 0.0))
    return [as_pixels(x, 255 if largest[x.dtype.kind == "f"] <= 1 else 1) for x in arranged]


def with_channels(x: NDArray[Any]) -> NDArray[Any]:
    """Numbers (n, h, w, c): without an axis of channels, or with it first, it is put last."""
    if x.ndim == 3:
        x = x[..., None]
    if x.ndim != 4:
        raise ValueError(f"images must have shape (n, h, w, c). Received: shape {x.shape}")
    if x.shape[3] not in CHANNELS and x.shape[1] in CHANNELS:
        x = x.transpose(0, 2, 3, 1)
    if not len(x):
        raise ValueError("images must be at least one. Received: none")
    if x.dtype.kind not in "bfiu" or not np.isfinite(x).all():
        raise ValueError(f"pixels must be numbers from 0 to 255. Received: dtype {x.dtype}")
    return x


def as_pixels(x: NDArray[Any], scale: int) -> Pixels:
    """Numbers of this scale as uint8."""
    if x.dtype == np.uint8 and scale == 1:
        return np.ascontiguousarray(x)
    whole = np.rint(scale * x)
    if np.abs(scale * x - whole).max() > 0.01 or whole.min() < 0 or whole.max() > 255:
        raise ValueError(f"pixels must be whole from 0 to 255, or these over 255. Received: {x.min():g} to {x.max():g}")
    return np.ascontiguousarray(whole.astype(np.uint8))


def as_classes(splits: Sequence[NDArray[Any]]) -> tuple[list[Labels], int]:
    """Labels 0, 1 … of each split, and how many classes there are, two or more.

    Names, and numbers that do not start at 0, are counted in their order; of one-hot rows it is the place of the 1.
    Numbers from 0 on stay, even where some have no example, as in a part of a data set; most must have one.
    """
    flat = [one_column(labels) for labels in splits]
    columns = max(np.shape(labels)[1] if np.ndim(labels) == 2 else 1 for labels in splits)
    every = np.concatenate(flat)
    names = np.unique(every)
    if columns == 1 and (every.dtype.kind == "U" or every.min() != 0):
        flat, count = [np.searchsorted(names, labels) for labels in flat], len(names)
    else:
        count = columns if columns > 1 else int(every.max()) + 1
    if len(names) < 2:
        raise ValueError(f"classes must be two or more. Received: {len(names)}")
    if columns == 1 and 2 * len(names) < count:
        raise ValueError(
            f"labels from 0 to {count - 1} must mostly occur; as text they are names. Received: {len(names)} of them"
        )
    return [labels.astype(np.int64) for labels in flat], count


def one_column(labels: NDArray[Any]) -> NDArray[Any]:
    """Labels (n,) as whole numbers or names, of (n,), (n, 1) or one-hot (n, classes); ValueError for anything else."""
    labels = np.asarray(labels)
    if labels.ndim == 2 and labels.shape[1] == 1:
        labels = labels[:, 0]
    if labels.ndim == 2 and labels.dtype.kind in "buif" and is_one_hot(labels):
        return labels.argmax(1)
    if labels.ndim == 1 and labels.dtype.kind in "SU":
        return labels.astype(str)
    if labels.ndim == 1 and labels.dtype.kind in "buif" and len(labels) and (labels == np.rint(labels)).all():
        return labels.astype(np.int64)
    raise ValueError(
        "labels must be whole numbers or names, (n,) or (n, 1), or one-hot rows. "
        f"Received: shape {labels.shape} and dtype {labels.dtype}"
    )


def is_one_hot(labels: NDArray[Any]) -> bool:
    """Whether each row has a single 1 among 0s."""
    return labels.shape[1] > 1 and bool(((labels == 0) | (labels == 1)).all() and (labels.sum(1) == 1).all())


def read_labels(path: Path) -> NDArray[Any]:
    """Labels (n,) of a .npy, or of a .csv or .txt with one a line: the last column where there are several, any header
    left out. FileNotFoundError where there is no such file."""
    if not path.is_file():
        raise FileNotFoundError(f"there is no file of labels {path}")
    try:
        if path.suffix not in (".csv", ".txt"):
            return one_column(np.load(path, allow_pickle=False))
        rows = [
            re.split(r"[,;\t ]+", line.strip()) for line in path.read_text("utf-8-sig").splitlines() if line.strip()
        ]
        words = [row[-1].strip("\"'") for row in rows]
        numbers = [re.fullmatch(r"[-+]?\d+(\.\d*)?(e[-+]?\d+)?", word, re.IGNORECASE) is not None for word in words]
        if len(words) > 1 and not numbers[0] and all(numbers[1:]):
            words = words[1:]
        return one_column(np.array([float(word) for word in words]) if all(numbers[1:]) else np.array(words))
    except BROKEN as error:
        raise ValueError(
            f"labels must be a .npy, .csv or .txt with a class for each example. Received: {path} ({error})"
        ) from error
