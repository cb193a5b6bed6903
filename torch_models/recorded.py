"""Steps of training that a GPU replays as recorded CUDA graphs."""

import contextlib
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence

import torch
from torch import Tensor

from common.runs.trainers import NO_PAUSE, Pause, never

STEPS_AHEAD = 8  # of a GPU, between two questions whether it is late


class Recorded:
    """A trainer with `device`, `optimizer`, `recordings`, a step `update(*inputs)` and the `tensors()` it changes.

    `steps_taken` are the steps of an epoch that is paused.
    """

    device: torch.device
    optimizer: torch.optim.Optimizer
    recordings: dict[int, tuple[torch.cuda.CUDAGraph, tuple[Tensor, ...]]]
    steps_taken: int = 0
    update: Callable[..., None]
    tensors: Callable[[], list[Tensor]]

    def steps(self, batches: Iterable[Sequence[Tensor]], pause: Pause = NO_PAUSE) -> bool:
        """A step, recorded on a GPU, for each batch of inputs that is left; false where they are paused."""
        step = self.update if self.device.type == "cpu" else self.replay
        for inputs in batches:
            step(*inputs)
            self.steps_taken += 1
            if self.pauses(pause):
                return False
        self.steps_taken = 0
        return True

    def pauses(self, pause: Pause) -> bool:
        """Whether to pause after this step; a GPU, which runs behind its launches, is waited for now and then."""
        if self.device.type == "cuda" and pause.late is not never and not pause.follows(self.steps_taken):
            if self.steps_taken % STEPS_AHEAD:
                return False
            torch.cuda.synchronize(self.device)
        return pause.is_due(self.steps_taken)

    def replay(self, *inputs: Tensor) -> None:
        """The same step as a CUDA graph, recorded once for each batch size: its launches cost nothing."""
        size = inputs[-1].shape[-1]
        if size not in self.recordings:
            self.recordings[size] = self.record(*(values.clone() for values in inputs))
        graph, places = self.recordings[size]
        for place, values in zip(places, inputs, strict=True):
            place.copy_(values)
        graph.replay()

    def record(self, *inputs: Tensor) -> tuple[torch.cuda.CUDAGraph, tuple[Tensor, ...]]:
        """The graph of a step and its inputs; the steps that warm up leave no trace."""
        graph, stream = torch.cuda.CUDAGraph(), torch.cuda.Stream()
        with torch.random.fork_rng([torch.cuda.current_device()]), self.unchanged():
            stream.wait_stream(torch.cuda.current_stream())
            with torch.cuda.stream(stream), warnings.catch_warnings():
                warnings.filterwarnings("ignore", "This instance was constructed with capturable=True")  # Adam's
                for _ in range(3):
                    self.update(*inputs)
            torch.cuda.current_stream().wait_stream(stream)
            with torch.cuda.graph(graph):
                self.update(*inputs)
        return graph, inputs

    @contextlib.contextmanager
    def unchanged(self) -> Iterator[None]:
        """Puts what steps change, and the optimizer's state, back in place."""

        def tensors() -> list[Tensor]:
            state = (value for values in self.optimizer.state.values() for value in values.values())
            return [tensor.detach() for tensor in (*self.tensors(), *state)]  # a graph kept alive spoils the recording

        kept = {tensor.data_ptr(): tensor.clone() for tensor in tensors()}
        yield
        with torch.no_grad():
            for tensor in tensors():  # state that is new began at 0
                tensor.copy_(kept.get(tensor.data_ptr(), torch.zeros_like(tensor)))
