"""Inputs of any kind behind one protocol: what the data layer, the training loop and the trainers must know of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol

import numpy as np
from numpy.typing import NDArray

from common.data import corruption
from common.data.arrays import Array, Images
from common.data.preprocessing import channel_statistics, crop_and_flip, crop_side, downscale, rotate, standardize
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

    @property
    def shape(self) -> tuple[int, ...]:
        """Of an example as it is kept."""

    @property
    def input_shape(self) -> tuple[int, ...]:
        """Of an example as the network sees it."""

    def draw(self, seed: int, epoch: int, n: int) -> dict[str, NDArray[Any]]:
        """What is drawn anew for each of n places of an epoch, by name; each part has its own random stream."""

    def corrupt(self, inputs: Array, split: str) -> tuple[Array, NDArray[np.bool_]]:
        """Examples corrupted by the settings' rule, one of `rules`, and which they are; `split` is "" or "test "."""

    def statistics(self, inputs: Array) -> dict[str, Any]:
        """What preparation must know of all training examples, as JSON: it goes into the model's file."""

    def prepare(self, inputs: Array, statistics: Mapping[str, Any], **drawn: NDArray[Any]) -> Array:
        """What the network sees of examples, with what was drawn for each or, in evaluation, without."""


@dataclass(frozen=True)
class ImageInputs:
    """Images (n, h, w, c) on the 0-255 scale: turned, cropped, mirrored, and put on one of four input scales."""

    name: ClassVar[str] = "images"
    rules: ClassVar[tuple[str, ...]] = corruption.IMAGE_RULES

    shape: tuple[int, ...]
    settings: Any

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
        return downscale(inputs, settings.downscale)

    @property
    def side(self) -> int:
        """Of the crop, in pixels."""
        return crop_side(self.shape, self.settings.crop)

    @property
    def input_shape(self) -> tuple[int, ...]:
        """Of the crop (side, side, c)."""
        return self.side, self.side, self.shape[2]

    def draw(self, seed: int, epoch: int, n: int) -> dict[str, NDArray[Any]]:
        """Crop offsets (n, 2), flips (n,) and angles (n,) in degrees, those of them that the settings ask for."""
        drawn: dict[str, NDArray[Any]] = {}
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
        return corruption.corrupt_images(
            inputs, settings.corruption, settings.corruption_fraction, settings.data_seed, f"{split}images",
            settings.gaussian_statistics,
        )  # fmt: skip

    def statistics(self, inputs: Images) -> dict[str, Any]:
        """Mean and standard deviation of each channel."""
        return {"channel_statistics": channel_statistics(inputs)}

    def prepare(self, inputs: Images, statistics: Mapping[str, Any], **drawn: NDArray[Any]) -> NDArray[np.float32]:
        """Turn, crop and flip, centred and unmirrored where nothing was drawn, then standardize."""
        if "angles" in drawn:
            inputs = rotate(inputs, drawn["angles"])
        inputs = crop_and_flip(inputs, self.side, drawn.get("offsets"), drawn.get("flips"))
        return standardize(inputs, self.settings.preprocessing, statistics.get("channel_statistics"))


KINDS: dict[str, type[Kind]] = {kind.name: kind for kind in (ImageInputs,)}


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
