"""What a user says of a model file that does not say it itself."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import tyro

from common.data.arrays import Shape
from common.data.layouts import AXES
from common.errors import check_choice


@dataclass(frozen=True)
class Declared:
    """Of a model from elsewhere: the network, what it takes, and which of its outputs says the class."""

    model: str | None = None
    """Architecture of the suite, for a file that holds its weights alone."""
    module: str | None = None
    """The network in Python, for a file that holds weights alone: my_file.py:Net, my_file.py:Net(width=64),
    torchvision.models:resnet18, or of Keras an architecture.json. The code that is named here is run."""
    imports: Annotated[tuple[Path, ...], tyro.conf.arg(name="import")] = ()
    """Python files with a Keras model's own layers. The code that is named here is run."""
    output: str | None = None
    """Which of several outputs says the class."""
    layout: Annotated[str | None, tyro.conf.arg(metavar="|".join(AXES))] = None
    """Order of the axes that the network takes, where it takes more than one: channels last or first."""
    mean: tuple[float, ...] = ()
    """Mean of each channel on the 0-1 scale that the network's inputs were standardized with, for per_channel."""
    std: tuple[float, ...] = ()
    """Standard deviation of each channel, beside the mean."""
    image_shape: Annotated[Shape, tyro.conf.Fixed, tyro.conf.Suppress] = ()
    """(h, w, c) of the images."""
    num_classes: Annotated[int, tyro.conf.Fixed, tyro.conf.Suppress] = 0
    """Classes of the data."""

    def __post_init__(self) -> None:
        if self.layout is not None:
            check_choice("layout", self.layout, AXES)
        if len(self.mean) != len(self.std):
            raise ValueError(f"std must be given for each mean. Received: mean={self.mean}, std={self.std}")
        if min(self.std, default=1) <= 0:
            raise ValueError(f"std must be positive. Received: std={self.std}")

    @property
    def statistics(self) -> dict[str, Any]:
        """What inputs are standardized with in place of the data set's own; empty where it is not said."""
        return {"channel_statistics": (list(self.mean), list(self.std))} if self.mean else {}


NOTHING = Declared()
