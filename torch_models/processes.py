"""What passes between the processes of one run, which torchrun starts: sums over all, and what the first one says."""

import contextlib
import functools
import os
from collections.abc import Iterator, Sequence
from datetime import timedelta
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, distributed

from common.errors import RunsFailed, in_short
from common.runs.processes import ENDED, count, is_first

PATIENCE = timedelta(days=1)  # one waits as long as another measures; one that has died is noticed at once
ANSWER = timedelta(seconds=5)


@functools.cache
def connect() -> None:
    """Meet the others, once: numbers of the host by gloo, a GPU's by NCCL."""
    distributed.init_process_group("cpu:gloo,cuda:nccl" if torch.cuda.is_available() else "gloo", timeout=PATIENCE)


@contextlib.contextmanager
def connected() -> Iterator[None]:
    """With the others; where one has ended, `RunsFailed` says so in one line, with what was found."""
    try:
        connect()
        yield
    except RuntimeError as error:
        raise RunsFailed(f"{ENDED} ({in_short(error)})") from error


def total(tensors: Sequence[Tensor]) -> None:
    """Sums over all processes, in place and in one message; alone there is nothing to add."""
    if count() == 1:
        return
    flat = torch.cat([tensor.reshape(-1) for tensor in tensors])
    with connected():
        distributed.all_reduce(flat)
    parts = flat.split([tensor.numel() for tensor in tensors])
    torch._foreach_copy_(list(tensors), [part.view(tensor.shape) for part, tensor in zip(parts, tensors, strict=True)])


def summed(array: NDArray[Any]) -> NDArray[Any]:
    """See `common.runs.processes.summed`."""
    sums = torch.from_numpy(np.array(array))
    with connected():
        distributed.all_reduce(sums)
    return sums.numpy()


def told(value: Any) -> Any:
    """See `common.runs.processes.told`."""
    values = [value]
    with connected():
        distributed.broadcast_object_list(values)
    return values[0]


def gpus(device: str) -> int:
    """How many there are for a run on this device."""
    return 0 if device == "cpu" else torch.cuda.device_count()


def speaks() -> bool:
    """See `common.runs.processes.speaks`: torchrun's own store, which outlives us, counts."""
    try:
        place = os.environ["MASTER_ADDR"], int(os.environ["MASTER_PORT"])
        store = distributed.TCPStore(*place, is_master=False, timeout=ANSWER)
        return store.add(f"{os.environ['TORCHELASTIC_RUN_ID']}/errors", 1) == 1
    except RuntimeError:
        return is_first()
