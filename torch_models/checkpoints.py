"""Weights out of PyTorch files as other people write them; nothing that a file holds is executed."""

from __future__ import annotations

import contextlib
import pickletools
import warnings
import zipfile
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import torch
from torch import Tensor, nn

State = dict[str, Tensor]

WRAPPERS = ("_orig_mod.", "_fsdp_wrapped_module.", "_checkpoint_wrapped_module.")
"""What torch.compile and its like put into names wherever a module is wrapped."""
FIRST = ("state_dict", "model_state_dict", "model", "net")
"""Where a checkpoint that holds several networks, as with moving averages, keeps the one that was trained."""
LEGACY_PICKLES = 5
"""In files from before PyTorch 1.6: the content is the fourth."""


class Inert:
    """Stands for an object of a class that is not PyTorch's: keeps what it was made of and does nothing."""

    def __init__(self, *arguments: Any) -> None:
        self.arguments = arguments

    def __setstate__(self, state: Any) -> None:
        self.state = state

    def __setitem__(self, key: Any, value: Any) -> None:
        """A dict's subclass is filled like a dict."""

    def append(self, value: Any) -> None:
        """And a list's like a list."""


def read(path: Path) -> Any:
    """What a `.pt`, `.pth`, `.ckpt` or `.safetensors` holds, on the CPU, every foreign object in it an `Inert`.

    ValueError for a file that is not whole, and one whose pickle does more than build objects.
    """
    if path.suffix == ".safetensors":
        from safetensors.torch import load_file

        return load_file(path)
    if zipfile.is_zipfile(path):  # torch reads past the checksums in it
        with zipfile.ZipFile(path) as archive:
            if archive.testzip():
                raise ValueError("it is not whole")
    names = sorted(foreign_names(path))
    foreign: list[Any] = [(type(name, (Inert,), {}), name) for name in names]
    try:
        with torch.serialization.safe_globals(foreign), warnings.catch_warnings():
            warnings.filterwarnings("ignore", "Detected pickle protocol")  # of others; what it cannot read is an error
            return torch.load(path, map_location="cpu", weights_only=True)
    except (UnpicklingError, AttributeError, EOFError) as error:  # torch's own message advises to load it all the same
        what = f"holds more than tensors and plain values: {', '.join(names[:3])}" if names else "is not whole"
        raise ValueError(f"it {what}") from error


def foreign_names(path: Path) -> set[str]:
    """Full names of the classes and functions that a file's pickles name and PyTorch does not load by itself."""
    allowed = torch._weights_only_unpickler._get_allowed_globals()
    return {name for name in names_in(path) if name not in allowed}


def names_in(path: Path) -> Iterator[str]:
    """Full names of all classes and functions that the pickles of a file name."""
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            for name in archive.namelist():
                if name.endswith("/data.pkl"):
                    with archive.open(name) as pickle:
                        yield from names_of(pickle)
    else:
        with path.open("rb") as file:  # pickles one after the other, and then the plain bytes of tensors
            yield from names_of(file)
            with contextlib.suppress(ValueError):
                for _ in range(LEGACY_PICKLES - 1):
                    yield from names_of(file)


def names_of(pickle: Any) -> Iterator[str]:
    """Of one pickle, which is parsed and not executed."""
    texts = [""]
    try:
        for operation, argument, _ in pickletools.genops(pickle):
            if operation.name == "GLOBAL":
                yield str(argument).replace(" ", ".")
            elif operation.name == "STACK_GLOBAL":
                yield ".".join(texts[-2:])
            elif isinstance(argument, str):
                texts.append(argument)
    except ValueError as error:
        raise ValueError("it is not whole, or no file of PyTorch's") from error


def state_dicts(content: Any, place: str = "") -> Iterator[tuple[str, State]]:
    """Every state dict within the content of a file, with its place there: "" where it is the content itself."""
    if isinstance(content, Inert):
        if tensors := dict(module_state(content)):
            yield place, tensors
    elif isinstance(content, Mapping):
        own = {name: value for name, value in content.items() if isinstance(name, str) and isinstance(value, Tensor)}
        if own and not any(isinstance(value, Mapping) for value in content.values()):
            yield place, own
        else:
            for name, value in content.items():
                if isinstance(name, str):
                    yield from state_dicts(value, f"{place}/{name}" if place else name)


def module_state(module: Inert, prefix: str = "") -> Iterator[tuple[str, Tensor]]:
    """The state dict of a module that was pickled whole, out of the attributes it had."""
    attributes = getattr(module, "state", None)
    if not isinstance(attributes, Mapping):
        return
    for kind in ("_parameters", "_buffers"):
        for name, tensor in (attributes.get(kind) or {}).items():
            if isinstance(tensor, Tensor) and name not in (attributes.get("_non_persistent_buffers_set") or ()):
                yield f"{prefix}{name}", tensor
    for name, child in (attributes.get("_modules") or {}).items():
        if isinstance(child, Inert):
            yield from module_state(child, f"{prefix}{name}.")


def kind_of(content: Any) -> str:
    """What the content of a file is, in words."""
    found = dict(state_dicts(content))
    if isinstance(content, Inert) and found:
        return f"a whole module, {type(content).__name__}"
    if not found:
        return "no network's weights"
    return "a bare state dict" if list(found) == [""] else f"a checkpoint with a state dict under {', '.join(found)}"


def fit(content: Any, network: nn.Module) -> None:
    """Give a network the weights of a file, whatever they are wrapped in.

    ValueError where none fit, and where several do, of which no name says that it is the one that was trained.
    """
    candidates = dict(state_dicts(content))
    names = sorted(candidates, key=lambda place: [*FIRST, place].index(place))
    reasons, fitting = [], list[str]()
    for place in names:
        try:
            network.load_state_dict(unwrapped(candidates[place], network))
        except (ValueError, RuntimeError) as error:
            reasons.append(error)
        else:
            fitting.append(place)
            if place in FIRST:
                break
    if not names:
        raise ValueError(f"it must hold weights. Received: {kind_of(content)}")
    if not fitting:
        raise ValueError(" ".join(str(reasons[0]).split()))
    check_single(fitting)


def check_single(networks: Collection[str]) -> None:
    """ValueError for several that fit, by their names."""
    if len(networks) > 1:
        raise ValueError(f"it must hold one network that fits; save it alone. Received: {', '.join(sorted(networks))}")


def unwrapped(state: State, network: nn.Module) -> State:
    """A state dict under the network's own names: without the prefix that wrappers put before them all.

    What lies beside them, as the weights of a loss, is left out; ValueError where the names do not fit.
    """
    for wrapper in WRAPPERS:
        state = {name.replace(wrapper, ""): tensor for name, tensor in state.items()}
    wanted = [name for name in network.state_dict() if not name.endswith("num_batches_tracked")]
    if not wanted:
        raise ValueError("the network must have weights. Received: one without")
    prefixes = {name[: -len(wanted[0])] for name in state if name == wanted[0] or name.endswith(f".{wanted[0]}")}
    fitting = [prefix for prefix in prefixes if all(prefix + name in state for name in wanted)]
    if not fitting:
        raise ValueError(difference(list(state), wanted))
    if (prefix := "") not in fitting:
        check_single(fitting)
        (prefix,) = fitting
    return {name[len(prefix) :]: tensor for name, tensor in state.items() if name.startswith(prefix)} | missing(
        state, prefix, network
    )


def missing(state: State, prefix: str, network: nn.Module) -> State:
    """Counters of batches, which old files lack: the network's own."""
    return {name: tensor for name, tensor in network.state_dict().items() if prefix + name not in state}


def difference(found: list[str], wanted: list[str]) -> str:
    """Why names do not fit, in short: the first of each side that the other lacks."""
    lacking = [name for name in wanted if name not in found]
    beyond = [name for name in found if name not in wanted]
    return (
        f"the network must have the names of its weights. Received: {len(beyond)} weights that it lacks ("
        f"{', '.join(beyond[:3])} ...), none for {len(lacking)} that it has ({', '.join(lacking[:3])} ...)"
    )
