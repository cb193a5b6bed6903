"""Images in an array on disk, for data sets larger than memory: what is taken of them are places, and read are batches.

A folder holds, for each split, the images as a `.npy`, what is known of each (`FACTS`) and the files they come from,
and last `array.json`, whose sha256 stands for all of it. `common.data.build` makes it.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, TypeAlias, cast

import numpy as np
from numpy.typing import NDArray

from common.data.arrays import Labels, Pixels

SPLITS = ("train", "test")
SIDECAR = "array.json"
FACTS = np.dtype(
    [
        *[(name, "<i4") for name in ("height", "width", "label")],  # before the image was resized
        *[(name, "<i8", 3) for name in ("sums", "squares")],  # over the pixels of each channel
        ("sha256", "u1", 32),
    ]
)
Facts: TypeAlias = NDArray[np.void]
WHOLE = 2**31
"""Most bytes that are ever read at once."""


@dataclass(frozen=True, eq=False)
class Stored:
    """Images uint8 (n, side, side, 3) at some places of a file. It stands where an array of images does."""

    images: Pixels
    """All of the file, mapped."""
    facts: Facts
    """Of all of them, `FACTS`."""
    places: Labels

    dtype = np.dtype(np.uint8)
    ndim = 4

    def __len__(self) -> int:
        return len(self.places)

    @property
    def shape(self) -> tuple[int, ...]:
        return len(self), *self.images.shape[1:]

    @property
    def nbytes(self) -> int:
        return int(np.prod(self.shape))

    def __getitem__(self, chosen: Any) -> Stored:
        """Some of the images, still on disk."""
        return dataclasses.replace(self, places=np.atleast_1d(self.places[chosen]))

    def read(self, chosen: Labels, out: Pixels) -> Pixels:
        """The chosen images in their order, into `out`, which is returned; the disk is read in its own order."""
        rows = self.places[chosen]
        for place in np.argsort(rows).tolist():
            out[place] = self.images[rows[place]]
        return out

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        if self.nbytes > WHOLE:
            raise ValueError(
                f"images that are needed at once must be at most {WHOLE / 1e9:.1f} GB: keep fewer with --train-size "
                f"and --test-size. Received: {len(self)} images of {self.nbytes / 1e9:.1f} GB"
            )
        whole = self.read(np.arange(len(self)), np.empty(self.shape, np.uint8))
        return whole if dtype is None else whole.astype(dtype)

    @cached_property
    def ratios(self) -> NDArray[np.float32]:
        """Width over height of each image before it was resized."""
        width, height = (self.facts[name][self.places] for name in ("width", "height"))
        return (width / height).astype(np.float32)

    def channel_statistics(self) -> tuple[list[float], list[float]]:
        """What `common.data.preprocessing.channel_statistics` says of them, from the sums that are kept of each."""
        count = len(self) * int(np.prod(self.shape[1:3]))
        sums, squares = ([int(total) for total in self.facts[name][self.places].sum(0)] for name in ("sums", "squares"))
        # Whole numbers of any size, so that nothing cancels.
        variances = [(square * count - total * total) / count**2 for total, square in zip(sums, squares, strict=True)]
        return [total / count / 255 for total in sums], [variance**0.5 / 255 or 1.0 for variance in variances]


def digest(classes: Sequence[str], facts: Sequence[Facts]) -> str:
    """sha256 of classes and of all that is known of each image, its own sha256 with it: it stands for the whole."""
    total = hashlib.sha256(json.dumps(list(classes)).encode())
    for part in facts:
        total.update(f"{part.shape}\n".encode())
        total.update(np.ascontiguousarray(part).view(np.uint8).data)
    return total.hexdigest()


def is_stored(folder: Path) -> bool:
    """Whether a folder holds an array that is finished."""
    return (folder / SIDECAR).is_file()


def load(folder: Path) -> tuple[Stored, Labels, Stored, Labels, list[str], str]:
    """Images and labels of both splits, the classes' names and the sha256; the images themselves are not read.

    ValueError where a file is not the one that was made.
    """
    try:
        sidecar = json.loads((folder / SIDECAR).read_text("utf-8"))
        facts = [np.load(folder / f"{split}_facts.npy", mmap_mode="r", allow_pickle=False) for split in SPLITS]
        images = [np.asarray(np.load(folder / f"{split}.npy", mmap_mode="r", allow_pickle=False)) for split in SPLITS]
        found = digest(sidecar["classes"], facts)
        if found != sidecar["sha256"] or [*map(len, images)] != [*map(len, facts)]:
            raise ValueError(f"expected {sidecar['sha256']}, found {found}")
    except (ValueError, KeyError, OSError) as error:
        raise ValueError(f"{folder} is not the array that was made there, make it again: {error}") from error
    train, test = (Stored(*both, np.arange(len(both[1]))) for both in zip(images, facts, strict=True))
    y_train, y_test = (np.asarray(part["label"], np.int64) for part in facts)
    return train, y_train, test, y_test, cast(list[str], sidecar["classes"]), found
