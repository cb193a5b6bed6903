"""Steps of training that a GPU replays as recorded CUDA graphs."""

import contextlib
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence

import torch
from torch import Tensor


class Recorded:
    """A trainer with `device`, `optimizer`, `recordings`, a step `update(*inputs)` and the `tensors()` it changes."""

    device: torch.device
    optimizer: torch.optim.Optimizer
    recordings: dict[int, tuple[torch.cuda.CUDAGraph, tuple[Tensor, ...]]]
    update: Callable[..., None]
    tensors: Callable[[], list[Tensor]]

    def steps(self, batches: Iterable[Sequence[Tensor]]) -> None:
        """A step for each batch of inputs, recorded on a GPU."""
        step = self.update if self.device.type == "cpu" else self.replay
        for inputs in batches:
            step(*inputs)

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
