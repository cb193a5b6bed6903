"""Model inputs from examples as they are kept, on the device, by kind; `keras_models/inputs.py` is its twin."""

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import affine_grid, grid_sample

from common.data.inputs import ImageInputs, TokenInputs
from common.data.preprocessing import central_box, minimum_std
from common.data.texts import PADDING, UNKNOWN


class Images:
    """What `common.data.inputs.ImageInputs.prepare` defines."""

    def __init__(self, kind: ImageInputs, statistics: Mapping[str, Any], device: torch.device) -> None:
        self.side, self.scale = kind.side, kind.settings.preprocessing
        share = kind.settings.center_box
        self.center = None if share is None else torch.from_numpy(central_box(share)).to(device)
        if self.scale == "per_channel":
            values = statistics["channel_statistics"]
            self.mean, self.std = (torch.tensor(value, dtype=torch.float32, device=device) for value in values)

    def __call__(
        self,
        images: Tensor,
        offsets: Tensor | None = None,
        flips: Tensor | None = None,
        angles: Tensor | None = None,
        boxes: Tensor | None = None,
        chosen: Tensor | None = None,
    ) -> Tensor:
        """Model inputs from the chosen images, of all where none are named: turn, crop, flip, standardize."""
        if angles is not None:
            images, chosen = rotate(images if chosen is None else images[chosen], angles), None
        if self.center is not None:
            images, chosen = images if chosen is None else images[chosen], None
            images = sample_boxes(images, self.center.expand(len(images), 4) if boxes is None else boxes, self.side)
        n, height, width, channels = images.shape
        side, device = self.side, images.device
        chosen = torch.arange(n, device=device) if chosen is None else chosen
        top, left = ((height - side) // 2, (width - side) // 2) if offsets is None else offsets.T
        # All rows of `side` pixels as one overlapping view: a crop is a choice of rows, copied whole.
        # Of no images, as one of many processes may have in a step, there are none.
        count = max(n * height * width - side + 1, 0)
        rows = images.flatten().as_strided((count, side * channels), (channels, 1))
        start = (chosen * height + top) * width + left
        images = rows[start[:, None] + torch.arange(side, device=device) * width]
        images = images.view(len(chosen), side, side, channels)
        if flips is not None:
            images = torch.where(flips[:, None, None, None], images.flip(2), images)
        return self.standardize(images.float())

    def standardize(self, x: Tensor) -> Tensor:
        """From the 0-255 scale, in place: what it is given is a copy already, of whole numbers too."""
        if self.scale == "raw":
            return x
        x.div_(255)
        if self.scale == "zero_one":
            return x
        if self.scale == "minus_one_one":
            return x.mul_(2).sub_(1)
        if self.scale == "per_channel":
            return x.sub_(self.mean).div_(self.std)
        x.sub_(x.mean((1, 2, 3), keepdim=True))
        std = x.square().mean((1, 2, 3), keepdim=True).sqrt_()
        return x.div_(std.clamp_min_(float(minimum_std(x.shape[1:]))))


def rotate(images: Tensor, angles: Tensor) -> Tensor:
    """Square NHWC images turned counterclockwise about their centre by degrees (n,): bilinear, 0 from outside."""
    cosine, sine, zero = torch.cos(angles.deg2rad()), torch.sin(angles.deg2rad()), torch.zeros_like(angles)
    matrices = torch.stack([cosine, -sine, zero, sine, cosine, zero], 1).view(-1, 2, 3)
    images = images.permute(0, 3, 1, 2).to(torch.float32, memory_format=torch.contiguous_format)
    grid = affine_grid(matrices, list(images.shape), align_corners=True)
    return grid_sample(images, grid, align_corners=True).permute(0, 2, 3, 1).contiguous()


def sample_boxes(images: Tensor, boxes: Tensor, side: int) -> Tensor:
    """Boxes (n, 4) of NHWC images resized to side x side, as `common.data.preprocessing.sample_boxes` defines it."""
    steps = (torch.arange(side, dtype=torch.float32, device=images.device) + 0.5) / side
    for axis in (1, 2):
        last, shape = images.shape[axis] - 1, [len(images), *(side if axis == other else 1 for other in (1, 2, 3))]
        places = (boxes[:, axis - 1, None] + boxes[:, axis + 1, None] * steps) * (last + 1) - 0.5
        places = places.clamp(0, last).view(shape)
        low = places.long()
        below, above = (torch.take_along_dim(images, end, axis).float() for end in (low, (low + 1).clamp(max=last)))
        images = below + (above - below) * (places - low)
    return images


class Tokens:
    """What `common.data.inputs.TokenInputs.prepare` defines."""

    def __init__(self, kind: TokenInputs, statistics: Mapping[str, Any], device: torch.device) -> None:
        self.window = kind.window

    def __call__(
        self,
        texts: Tensor,
        places: Tensor | None = None,
        hidden: Tensor | None = None,
        chosen: Tensor | None = None,
    ) -> Tensor:
        """Model inputs from the chosen texts, of all where none are named: take the window, hide words."""
        texts = texts if chosen is None else texts[chosen]
        width = texts.shape[1]
        if places is None:
            texts = texts[:, width - self.window :]
        else:
            room = (texts != PADDING).sum(1).sub(self.window).clamp(min=0)
            back = torch.minimum((places * (room + 1).float()).long(), room)
            window = torch.arange(width - self.window, width, device=texts.device)
            texts = texts.gather(1, window - back[:, None])
        if hidden is not None:
            texts = texts.masked_fill(hidden & (texts != PADDING), UNKNOWN)
        return texts


PREPARATIONS: dict[str, Callable[..., Callable[..., Tensor]]] = {"images": Images, "tokens": Tokens}
