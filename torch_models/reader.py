"""Batches of images that lie on disk, read by a thread of their own while the device computes."""

from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor

import torch
from torch import Tensor

from common.data.arrays import Labels
from common.data.stored import Stored

AHEAD = 2
"""Batches that are read before they are asked for."""


def read_ahead(images: Stored, batches: Iterable[Labels], device: torch.device) -> Iterator[Tensor]:
    """The images of each batch of places, uint8 (n, side, side, 3) on the device, in the order of its places.

    For a GPU they are read into pinned memory, which PyTorch uses again once they are copied.
    """

    def read(places: Labels) -> Tensor:
        batch = torch.empty((len(places), *images.shape[1:]), dtype=torch.uint8, pin_memory=device.type == "cuda")
        images.read(places, batch.numpy())
        return batch

    with ThreadPoolExecutor(1) as thread:
        waiting: deque[Future[Tensor]] = deque()
        for places in batches:
            waiting.append(thread.submit(read, places))
            if len(waiting) > AHEAD:
                yield waiting.popleft().result().to(device, non_blocking=True)
        while waiting:
            yield waiting.popleft().result().to(device, non_blocking=True)
