"""Layers of a PyTorch network from elsewhere: what its modules return, seen by forward hooks."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from common.data import layouts
from common.data.arrays import Array, Shape
from common.errors import Undeclared, check_choice
from common.runs.foreign import Declared
from common.runs.store import Record

See = Callable[[str, Any], None]
OUTPUT = "output"
LOOKED_AT = 7  # images that layers are found with: no number of colours, which may be time steps


class Reader:
    """Predictions and layer outputs of a network from elsewhere, by layer name; images are float NHWC.

    `run(inputs, see)` gives the network's output and shows `see` what else is computed, by name and in order. Names of
    one and the same value are one layer, which `layers` lists once and `same` with all of its names.
    """

    dtype, input_layer, rescaling, ids, sigmoid = "float32", "input", None, None, None

    def __init__(self, model: Any, run: Callable[[Tensor, See], Any], declared: Declared) -> None:
        if not declared.image_shape:
            raise ValueError("the shape of images must be declared for a network that does not say it")
        self.model, self._run, self._output = model, run, declared.output
        self.metadata: Record = {}
        self.input_shape = declared.image_shape
        self.arrangement = layouts.find(lambda inputs: self.predict(inputs).numpy(), self.input_shape, declared.layout)
        self.same = self._find_layers()
        self.layers = tuple(self.same)
        self._check_evaluation()

    def outputs(self, x: Tensor | NDArray[Any], layers: Sequence[str]) -> list[NDArray[np.float32]]:
        """float32 (n, d) of each of these layers for one batch, feature maps flattened in NHWC order, by one pass."""
        inputs = self.arrangement(np.asarray(x))
        found = {"input": self.arrangement.rows(inputs)}
        names = {name: layer for layer in layers for name in self.same[layer]}

        def keep(name: str, value: Any) -> None:
            if name in names and isinstance(tensor := first_tensor(value), Tensor):  # it may be changed in place later
                found[names[name]] = self.arrangement.rows(tensor.cpu().float().numpy()).copy()

        self.predict(inputs, keep)
        return [found[layer] for layer in layers]

    def predict(self, inputs: Array, see: See = lambda name, value: None) -> Tensor:
        """The output that says the class (n, d); ValueError where there is not one for each input."""
        with torch.no_grad():
            output = chosen(self._run(torch.as_tensor(inputs), see), self._output).cpu().float()
        if output.shape == (len(inputs),):  # an only output, squeezed
            output = output[:, None]
        if output.ndim < 2 or len(output) != len(inputs):
            raise ValueError(f"outputs must be one for each input. Received: an output of shape {tuple(output.shape)}")
        see(OUTPUT, output)
        return output.flatten(1)

    def _check_evaluation(self) -> None:
        """ValueError for a network that does not say the same of an image in each call and in each batch."""
        images = self.arrangement(np.random.default_rng(1).random((LOOKED_AT, *self.input_shape), np.float32))
        first, again, fewer = (self.predict(images[:n]) for n in (LOOKED_AT, LOOKED_AT, LOOKED_AT // 2))
        kept = (first, again), (first[: len(fewer)], fewer)
        if not all(torch.allclose(*pair, rtol=1e-3, atol=1e-4, equal_nan=True) for pair in kept):
            raise ValueError("a network must say the same of an image at each call: save it after .eval()")

    def _find_layers(self) -> dict[str, list[str]]:
        """All names of each layer, by the name it has in a list of layers; the network's output is the last."""
        inputs = self.arrangement(np.random.default_rng(0).random((LOOKED_AT, *self.input_shape), np.float32))
        names: dict[Any, list[str]] = {}
        kept: dict[Any, Tensor] = {}  # a tensor that is let go leaves its place in memory to another

        def look(name: str, value: Any) -> None:
            tensor = first_tensor(value)
            if isinstance(tensor, Tensor) and tensor.is_floating_point() and tensor.shape[:1] == (LOOKED_AT,):
                place = tensor.data_ptr(), tensor.numel(), tensor._version
                if name == OUTPUT:
                    place = next((at for at, other in reversed(kept.items()) if same_values(other, tensor)), place)
                kept[place] = tensor
                if place not in names or not name.endswith(".input"):
                    names.setdefault(place, []).append(name)

        look("input", torch.as_tensor(inputs))
        self.predict(inputs, look)
        layers = sorted(names, key=lambda place: OUTPUT in names[place])
        called = {min(names[place], key=lambda name: (":" in name, name == OUTPUT)): place for place in layers}
        self._shapes = {name: self.arrangement.shape(tuple(kept[place].shape[1:])) for name, place in called.items()}
        return {name: names[place] for name, place in called.items()}

    def shape(self, layer: str) -> Shape:
        """Of a layer's output for one input."""
        return self._shapes[layer]


def first_tensor(value: Any) -> Any:
    """What a module returns, of several values the first, as the states of a recurrent layer come after its outputs."""
    return value[0] if isinstance(value, tuple | list) and value else value


def same_values(a: Tensor, b: Tensor) -> bool:
    """Whether two tensors are equal."""
    return a.shape == b.shape and torch.equal(a.float(), b.float())


def chosen(output: Any, name: str | None) -> Tensor:
    """The named one of several outputs, or the only one; ValueError where none of several is named."""
    if isinstance(output, Tensor):
        outputs = {OUTPUT: output}
    else:
        every = output.items() if isinstance(output, Mapping) else enumerate(output)
        outputs = {str(key): value for key, value in every if isinstance(value, Tensor)}
    if name is None and len(outputs) != 1:
        raise Undeclared(f"output must be named of several: --output {' or '.join(outputs)}")
    if name is not None:
        check_choice("output", name, outputs)
    return outputs[name or next(iter(outputs))]


def of_module(model: nn.Module, declared: Declared) -> Reader:
    """A reader of a network whose layers are its modules, named as there; at a second call "name:2".

    What functions make of a layer before the next module is that one's "name.input". What functions make of the last
    is "output"; a module of the name of the network's own is "input (layer)" or "output (layer)".
    """
    model.float().eval()
    taken = "input", OUTPUT
    modules = {f"{name} (layer)" if name in taken else name: module for name, module in model.named_modules() if name}

    def run(inputs: Tensor, see: See) -> Any:
        calls: Counter[str] = Counter()

        def watch(name: str, value: Any) -> None:
            calls[name] += 1
            see(name if calls[name] == 1 else f"{name}:{calls[name]}", value)

        handles = []
        for name, module in modules.items():
            handles += [
                module.register_forward_pre_hook(lambda _, given, name=name: watch(f"{name}.input", given)),
                module.register_forward_hook(lambda _, given, made, name=name: watch(name, made)),
            ]
        try:
            return model(inputs)
        finally:
            for handle in handles:
                handle.remove()

    return Reader(model, run, declared)
