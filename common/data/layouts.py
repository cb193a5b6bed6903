"""How images (n, h, w, c) are laid out for a network from elsewhere: found by what the network takes, never assumed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from common.data.arrays import Array, Shape
from common.errors import Undeclared, check_choice, in_short

AXES = {"nhwc": (1, 2, 3), "nchw": (3, 1, 2)}
FORMS = ("image", "plane", "flat")


class Arrangement(NamedTuple):
    """A layout, and whether a network takes the image, its one channel as a plane (h, w), or all values in a row."""

    layout: str
    form: str

    def __call__(self, images: Array) -> Array:
        """Images (n, h, w, c) as the network takes them; inputs of another kind stay as they are."""
        if images.ndim != 4:
            return images
        inputs = np.ascontiguousarray(images.transpose(0, *AXES[self.layout]))
        shapes = {"image": inputs.shape, "plane": images.shape[:3], "flat": (len(images), -1)}
        return inputs.reshape(shapes[self.form])

    def shape(self, shape: Shape) -> Shape:
        """Of a layer's output for one input, channels last, of what the network calls it."""
        return (*shape[1:], shape[0]) if len(shape) == 3 and self.layout == "nchw" else shape

    def rows(self, outputs: Array) -> NDArray[np.float32]:
        """A layer's outputs (n, ...), feature maps flattened in NHWC order: float32 (n, d)."""
        if outputs.ndim == 4 and self.layout == "nchw":
            outputs = outputs.transpose(0, 2, 3, 1)
        return outputs.reshape(len(outputs), -1).astype(np.float32)


def arrangements(shape: Shape, layout: str | None = None) -> Iterator[list[Arrangement]]:
    """Those of images of one shape (h, w, c), in the named layout or either one, form by form."""
    if layout is not None:
        check_choice("layout", layout, AXES)
    for form in FORMS:
        if form != "plane" or shape[-1] == 1:
            yield [Arrangement(name, form) for name in ([layout] if layout else AXES)]


def find(predict: Callable[[Array], Array], shape: Shape, layout: str | None = None) -> Arrangement:
    """The arrangement of images (h, w, c) that a network takes, `predict` giving its outputs (n, ...).

    ValueError where it takes none, and where it takes both layouts and says something else of each.
    """
    images = np.random.default_rng(0).random((2, *shape), np.float32)
    reasons: list[str] = []
    for alternatives in arrangements(shape, layout):
        outputs: dict[Arrangement, Array] = {}
        for arrangement in alternatives:
            try:
                outputs[arrangement] = predict(arrangement(images))
            except Undeclared:
                raise
            except Exception as error:
                reasons.append(f"{arrangement.layout}: {in_short(error)}")
        if outputs:
            return only(outputs)
    said = "; ".join(reasons[:2])
    raise ValueError(f"it must take the data's shape, {shape}. Received: one that does not ({said})")


def only(outputs: dict[Arrangement, Array]) -> Arrangement:
    """The first arrangement, of several that make no difference to the outputs; else a ValueError."""
    first, *others = outputs
    if all(np.allclose(outputs[first], outputs[other], rtol=1e-3, atol=1e-5) for other in others):
        return first
    raise Undeclared(
        "layout must be named, as the network takes both and says something else of each: --layout nchw (channels "
        "first, as most PyTorch code) or nhwc (channels last); --check tries both"
    )
