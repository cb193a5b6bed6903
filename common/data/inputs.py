"""Inputs of any kind behind one protocol: what the data layer, the training loop and the trainers must know of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar, Protocol, cast

import numpy as np
from numpy.typing import NDArray

from common.data import corruption, texts
from common.data.arrays import Array, Images, Labels
from common.data.datasets import DATASETS
from common.data.preprocessing import (
    central_box,
    channel_statistics,
    crop_and_flip,
    crop_side,
    downscale,
    draw_boxes,
    rotate,
    sample_boxes,
    standardize,
)
from common.data.stored import Stored
from common.errors import check_choice
from common.seeds import stream


class Kind(Protocol):
    """A kind of inputs, for examples of one shape and the settings of one run, a `Config`.

    A trainer finds what does the same as `prepare` on its device in `PREPARATIONS` of its framework's `inputs.py`.
    """

    name: ClassVar[str]
    rules: ClassVar[tuple[str, ...]]
    """Rules of corruption that are for this kind alone."""

    def __init__(self, shape: tuple[int, ...], settings: Any) -> None: ...

    @staticmethod
    def reduce(inputs: Array, settings: Any) -> Array:
        """What is kept of examples (n, ...) as the data set has them."""

    @classmethod
    def distinct(cls, inputs: Array, settings: Any) -> Labels:
        """Places, in order, of the training examples that are used: of equal ones the first, where that counts."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Of an example as it is kept."""

    @property
    def input_shape(self) -> tuple[int, ...]:
        """Of an example as the network sees it."""

    def draw(self, seed: int, epoch: int, order: Labels) -> dict[str, NDArray[Any]]:
        """What is drawn anew for each place of an epoch's order, by name; each part has its own random stream."""

    def corrupt(self, inputs: Array, split: str) -> tuple[Array, NDArray[np.bool_]]:
        """Examples corrupted by the settings' rule, one of `rules`, and which they are; `split` is "" or "test "."""

    def statistics(self, inputs: Array) -> dict[str, Any]:
        """What preparation must know of all training examples, as JSON: it goes into the model's file."""

    def prepare(self, inputs: Array, statistics: Mapping[str, Any], **drawn: NDArray[Any]) -> Array:
        """What the network sees of examples, with what was drawn for each or, in evaluation, without."""


@dataclass(frozen=True)
class ImageInputs:
    """Images (n, h, w, c) on the 0-255 scale: turned, cropped, mirrored, and put on one of five input scales."""

    name: ClassVar[str] = "images"
    rules: ClassVar[tuple[str, ...]] = corruption.IMAGE_RULES

    shape: tuple[int, ...]
    settings: Any
    ratios: NDArray[np.float32] | None = field(default=None, compare=False)
    """Width over height that each training image had before it was resized; none where none was."""

    def __post_init__(self) -> None:
        (height, width, _), crop = self.shape, self.settings.crop
        if self.settings.rotation and height != width:
            raise ValueError(
                f"rotation must be 0 where images are not square. Received: rotation={self.settings.rotation}"
            )
        if self.settings.random_crop and max(height, width) <= (crop or 0):
            raise ValueError(
                f"crop must be smaller than images of {height} x {width} pixels for random_crop to change them. "
                f"Received: crop={crop}"
            )

    @staticmethod
    def reduce(inputs: Images, settings: Any) -> Images:
        """Smaller images, where the settings ask for them."""
        if not isinstance(inputs, Stored):
            return downscale(inputs, settings.downscale)
        if settings.downscale > 1:
            raise ValueError(
                "downscale must be 1 for images on disk: make their array with a smaller --side. "
                f"Received: downscale={settings.downscale}"
            )
        return inputs

    @classmethod
    def distinct(cls, inputs: Images, settings: Any) -> Labels:
        """All."""
        return np.arange(len(inputs))

    @property
    def side(self) -> int:
        """Of the crop, in pixels; boxes are resized to it, from smaller images too."""
        side: int | None = self.settings.crop if self.settings.center_box else None
        return side or crop_side(self.shape, self.settings.crop)

    @property
    def input_shape(self) -> tuple[int, ...]:
        """Of the crop (side, side, c)."""
        return self.side, self.side, self.shape[2]

    def draw(self, seed: int, epoch: int, order: Labels) -> dict[str, NDArray[Any]]:
        """Boxes (n, 4), crop offsets (n, 2), flips (n,) and angles (n,) in degrees: those that the settings ask for."""
        drawn: dict[str, NDArray[Any]] = {}
        n, settings = len(order), self.settings
        if settings.random_box:
            own = np.full(n, self.shape[1] / self.shape[0], np.float32)
            ratios = own if self.ratios is None else self.ratios[order]
            drawn["boxes"] = draw_boxes(stream(seed, "box", epoch), ratios, settings.box_area, settings.box_aspect)
        if self.settings.random_crop:
            room = self.shape[0] - self.side + 1, self.shape[1] - self.side + 1
            drawn["offsets"] = stream(seed, "crop", epoch).integers(room, size=(n, 2))
        if self.settings.flip:
            drawn["flips"] = stream(seed, "flip", epoch).random(n) < 0.5
        if most := self.settings.rotation:
            drawn["angles"] = stream(seed, "rotation", epoch).uniform(-most, most, n).astype(np.float32)
        return drawn

    def corrupt(self, inputs: Images, split: str) -> tuple[Images, NDArray[np.bool_]]:
        """Test images stay as they are, but a network trained on shuffled pixels is tested on equally shuffled ones."""
        settings = self.settings
        if split and settings.corruption != "shuffled_pixels":
            return inputs, np.zeros(len(inputs), bool)
        if isinstance(inputs, Stored):
            raise ValueError(
                f"corruption must be of labels for images on disk. Received: corruption={settings.corruption!r}"
            )
        return corruption.corrupt_images(
            inputs, settings.corruption, settings.corruption_fraction, settings.data_seed, f"{split}images",
            settings.gaussian_statistics,
        )  # fmt: skip

    def statistics(self, inputs: Images) -> dict[str, Any]:
        """Mean and standard deviation of each channel."""
        if isinstance(inputs, Stored):
            return {"channel_statistics": inputs.channel_statistics()}
        return {"channel_statistics": channel_statistics(inputs)}

    def prepare(self, inputs: Images, statistics: Mapping[str, Any], **drawn: NDArray[Any]) -> NDArray[np.float32]:
        """Turn, crop and flip, centred and unmirrored where nothing was drawn, then standardize."""
        inputs = cast(Images, np.asarray(inputs))  # images on disk are read
        if "angles" in drawn:
            inputs = rotate(inputs, drawn["angles"])
        if share := self.settings.center_box:
            boxes = drawn.get("boxes", np.tile(central_box(share), (len(inputs), 1)))
            inputs = sample_boxes(inputs, boxes, self.side)
        inputs = crop_and_flip(inputs, self.side, drawn.get("offsets"), drawn.get("flips"))
        return standardize(inputs, self.settings.preprocessing, statistics.get("channel_statistics"))


@dataclass(frozen=True)
class TokenInputs:
    """Texts (n, t) as ids (see `common.data.texts`): a row of each text's tokens, some of them read as unknown."""

    name: ClassVar[str] = "tokens"
    rules: ClassVar[tuple[str, ...]] = corruption.TOKEN_RULES

    shape: tuple[int, ...]
    settings: Any

    def __post_init__(self) -> None:
        if self.settings.random_window and self.shape[0] <= self.window:
            raise ValueError(
                f"length must be below the {self.shape[0]} tokens of the data set for random_window to change texts. "
                f"Received: length={self.settings.length}"
            )

    @staticmethod
    def reduce(inputs: Array, settings: Any) -> Array:
        """The most frequent words, and the last tokens, or all where a window of them is drawn."""
        kept = inputs if settings.random_window else inputs[:, -(settings.length or inputs.shape[1]) :]
        return texts.limited(kept, settings.vocabulary)

    @classmethod
    def distinct(cls, inputs: Array, settings: Any) -> Labels:
        """The first of texts that are one once reduced: with random labels nobody could learn both."""
        places: dict[bytes, int] = {}
        for place, row in enumerate(cls.reduce(inputs, settings)):
            places.setdefault(row.tobytes(), place)
        return np.array(list(places.values()))

    @property
    def window(self) -> int:
        """Tokens that the network sees."""
        return min(self.shape[0], self.settings.length or self.shape[0])

    @property
    def input_shape(self) -> tuple[int, ...]:
        """Of the window (tokens,)."""
        return (self.window,)

    def draw(self, seed: int, epoch: int, order: Labels) -> dict[str, NDArray[Any]]:
        """Places of windows (n,), 0 to 1, and words that are hidden (n, window), those that the settings ask for."""
        drawn: dict[str, NDArray[Any]] = {}
        n = len(order)
        if self.settings.random_window:
            drawn["places"] = stream(seed, "window", epoch).random(n, np.float32)
        if share := self.settings.word_dropout:
            drawn["hidden"] = stream(seed, "words", epoch).random((n, self.window), np.float32) < share
        return drawn

    def corrupt(self, inputs: Array, split: str) -> tuple[Array, NDArray[np.bool_]]:
        """Test texts stay as they are, but where one permutation for all was learned they are equally permuted."""
        settings = self.settings
        if split and settings.corruption not in ("shuffled_words", "shuffled_vocabulary"):
            return inputs, np.zeros(len(inputs), bool)
        return corruption.corrupt_texts(
            inputs, settings.corruption, settings.corruption_fraction, settings.data_seed, number_of_ids(settings),
            f"{split}texts",
        )  # fmt: skip

    def statistics(self, inputs: Array) -> dict[str, Any]:
        """None: the vocabulary is the data set's own."""
        return {}

    def prepare(self, inputs: Array, statistics: Mapping[str, Any], **drawn: NDArray[Any]) -> Array:
        """The window, the last one where none was drawn, with the hidden words as the unknown one."""
        width = inputs.shape[1]
        first = np.full(len(inputs), width - self.window)
        if "places" in drawn:
            room = np.maximum((inputs != texts.PADDING).sum(1) - self.window, 0)
            first -= np.minimum((drawn["places"] * (room + 1).astype(np.float32)).astype(first.dtype), room)
        windows = np.take_along_axis(inputs, first[:, None] + np.arange(self.window), axis=1)
        if "hidden" in drawn:
            windows[drawn["hidden"] & (windows != texts.PADDING)] = texts.UNKNOWN
        return windows


KINDS: dict[str, type[Kind]] = {kind.name: kind for kind in (ImageInputs, TokenInputs)}


def number_of_ids(settings: Any) -> int:
    """How many ids texts may hold: padding, the unknown word, and the words that are kept."""
    words = DATASETS[settings.dataset].words
    return min(words, settings.vocabulary or words) + len(texts.MARKS)


def make(name: str, settings: Any, shape: tuple[int, ...], dtype: Any = np.uint8) -> Kind:
    """The kind of this name, for examples that a data set has in this shape; ValueError for another kind's rule."""
    check_choice("kind", name, KINDS)
    kind = KINDS[name]
    foreign = {rule for other in KINDS.values() for rule in other.rules} - {*kind.rules}
    if settings.corruption in foreign:
        raise ValueError(
            f"corruption must be a rule for labels or {name}. Received: corruption={settings.corruption!r}"
        )
    return kind(kind.reduce(np.zeros((1, *shape), dtype), settings).shape[1:], settings)


def knowing(kind: Kind, inputs: Array) -> Kind:
    """The kind with what it must know of the training examples to draw for them."""
    if isinstance(kind, ImageInputs) and isinstance(inputs, Stored):
        return replace(kind, ratios=inputs.ratios)
    return kind
