"""Networks that are programs, TorchScript archives and torch.export's `.pt2`: layers are operations, by their kind.

Nothing of a file runs but operations on tensors, those of PyTorch's own library `aten`: others are refused unrun.
"""

from __future__ import annotations

import json
import operator
import warnings
import zipfile
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from common.runs.foreign import Declared
from torch_models.hooks import Reader, See

FILES = ("save", "from_file")
"""Operations of `aten` that write or read files."""
SIZES = ("add", "sub", "mul", "floordiv", "truediv", "mod", "neg", "ge", "gt", "le", "lt", "eq", "ne", "getitem")
"""Operations on sizes, which are Python's own."""
DTYPES = {  # numbers of torch.export's format
    1: torch.uint8, 2: torch.int8, 3: torch.int16, 4: torch.int32, 5: torch.int64, 6: torch.float16, 7: torch.float32,
    8: torch.float64, 12: torch.bool, 13: torch.bfloat16,
}  # fmt: skip


def kind_of(path: Path) -> str:
    """ "script", "export", or "" for a file that is no program."""
    if not zipfile.is_zipfile(path):
        return ""
    with zipfile.ZipFile(path) as archive:
        names = {name.partition("/")[2] for name in archive.namelist()}
    return "script" if "constants.pkl" in names else "export" if "models/model.json" in names else ""


def load(path: Path, declared: Declared) -> Reader:
    """The network of a program; ValueError for a file that would do more than compute with tensors."""
    return (load_script if kind_of(path) == "script" else load_export)(path, declared)


def check_operation(library: str, name: str) -> None:
    """ValueError unless an operation computes with tensors alone."""
    if library not in ("aten", "prim") or name in FILES:
        raise ValueError(f"a network's operations must be ones on tensors. Received: {library}::{name}")


def load_script(path: Path, declared: Declared) -> Reader:
    """Of a TorchScript archive, traced or scripted."""
    with zipfile.ZipFile(path) as archive:
        sources = [archive.read(name) for name in archive.namelist() if name.endswith(".py")]
    if any(b"def __setstate__" in source for source in sources):
        raise ValueError("a module must not run code when it is read. Received: one with __setstate__")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of the format; the file is what it is
        script = torch.jit.load(path, map_location="cpu").float().eval()
    graph = script.inlined_graph.copy()
    for node in nodes(graph):
        check_operation(*node.kind().split("::", 1))
    values = [node.output() for node in graph.nodes() if makes_tensor(node)]
    names = numbered(value.node().kind().split("::")[1].rstrip("_") for value in values)
    program = with_values(graph, values)

    def run(inputs: Tensor, see: See) -> Any:
        output, *computed = program(script._c, inputs)
        for name, tensor in zip(names, computed, strict=True):
            see(name, tensor)
        return output

    return Reader(script, run, declared)


def nodes(block: Any) -> Iterator[Any]:
    """All of a block, and of the blocks within it."""
    for node in block.nodes():
        yield node
        for inner in node.blocks():
            yield from nodes(inner)


def makes_tensor(node: Any) -> bool:
    """Whether a node is an operation of `aten` with one tensor as its result."""
    return node.kind().startswith("aten::") and node.outputsSize() == 1 and node.output().type().kind() == "TensorType"


def numbered(kinds: Iterator[str]) -> list[str]:
    """relu, relu_1, relu_2 for three of a kind."""
    seen: Counter[str] = Counter()
    names = []
    for kind in kinds:
        names.append(f"{kind}_{seen[kind]}" if seen[kind] else kind)
        seen[kind] += 1
    return names


def with_values(graph: Any, values: list[Any]) -> Callable[..., Any]:
    """The program of a graph, which returns its output and these values of it, before any is overwritten."""
    if any(node.kind().endswith("_") for node in nodes(graph)):
        values = [copied(graph, value) for value in values]
    every = [*graph.outputs(), *values]
    node = graph.create("prim::TupleConstruct", every, 1)
    graph.appendNode(node)
    node.output().setType(torch._C.TupleType([value.type() for value in every]))
    graph.eraseOutput(0)
    graph.registerOutput(node.output())
    program: Callable[..., Any] = torch._C._create_function_from_graph("values", graph)
    return program


def copied(graph: Any, value: Any) -> Any:
    """A copy of a value, made as soon as that is there."""
    form = graph.create("prim::Constant")
    form.output().setType(torch._C.NoneType.get())
    form.insertAfter(value.node())
    copy = graph.create("aten::clone", [value, form.output()], 1)
    copy.insertAfter(form)
    copy.output().setType(value.type())
    return copy.output()


def load_export(path: Path, declared: Declared) -> Reader:
    """Of a `.pt2`; one whose batch size is fixed is given batches of that size."""
    with zipfile.ZipFile(path) as archive:
        root = archive.namelist()[0].partition("/")[0]
        model = json.loads(archive.read(f"{root}/models/model.json"))["graph_module"]
        weights = dict(stored(archive, root, "weights")) | dict(stored(archive, root, "constants"))
    graph, signature = model["graph"], model["signature"]
    operations = [operation(node["target"]) for node in graph["nodes"]]
    known = {kept["arg"]["name"]: weights[name] for kept, name in inputs_kept(signature)}
    users = [spec["user_input"]["arg"] for spec in signature["input_specs"] if "user_input" in spec]
    if len(users) != 1:
        raise ValueError(f"a network must have one input. Received: {len(users)}")
    given = users[0]["as_tensor"]["name"]
    size = graph["tensor_values"][given]["sizes"][0].get("as_int")
    outputs = [spec["user_output"]["arg"] for spec in signature["output_specs"] if "user_output" in spec]

    def run_batch(inputs: Tensor, see: See) -> Any:
        values: dict[str, Any] = {**known, given: inputs}
        for node, compute in zip(graph["nodes"], operations, strict=True):
            arguments = [(each["name"], value_of(each["arg"], values), each["kind"]) for each in node["inputs"]]
            result = compute(
                *(value for _, value, kind in arguments if kind == 1),
                **{name: value for name, value, kind in arguments if kind == 2},
            )
            if names := [name for output in node["outputs"] for name in names_of(output)]:
                several = isinstance(result, tuple | list)
                values |= zip(names, result if several else [result], strict=True)
                see(names[0], values[names[0]])
        made = [value_of(output, values) for output in outputs]
        return made[0] if len(made) == 1 else made

    return Reader(None, in_batches(run_batch, size) if size else run_batch, declared)


def stored(archive: zipfile.ZipFile, root: str, what: str) -> Iterator[tuple[str, Tensor]]:
    """Weights or constants by name, out of their plain bytes."""
    places = json.loads(archive.read(f"{root}/data/{what}/model_{what}_config.json"))["config"]
    for name, place in places.items():
        if place["use_pickle"]:
            raise ValueError(f"its {what} must be plain tensors. Received: {name}")
        form = place["tensor_meta"]
        values = torch.frombuffer(
            bytearray(archive.read(f"{root}/data/{what}/{place['path_name']}")), dtype=torch.uint8
        )
        numbers = values.view(DTYPES[form["dtype"]])
        sizes, strides = ([each["as_int"] for each in form[key]] for key in ("sizes", "strides"))
        tensor = numbers.as_strided(sizes, strides, form["storage_offset"]["as_int"])
        yield name, tensor.float() if tensor.is_floating_point() else tensor


def inputs_kept(signature: Mapping[str, Any]) -> Iterator[tuple[Mapping[str, Any], str]]:
    """Of each input of the graph that is not the user's: where it goes, and its name among weights and constants."""
    names = {"parameter": "parameter_name", "buffer": "buffer_name", "tensor_constant": "tensor_constant_name"}
    for spec in signature["input_specs"]:
        for kind, key in names.items():
            if kind in spec:
                yield spec[kind], spec[kind][key]


def operation(target: str) -> Callable[..., Any]:
    """What a node computes with, by its name as `torch.ops.aten.relu.default`."""
    words = target.split(".")
    if words[0] == "_operator" and words[-1] in SIZES:
        found: Callable[..., Any] = getattr(operator, words[-1])
        return found
    if words[:2] != ["torch", "ops"] or len(words) != 5:
        raise ValueError(f"a network's operations must be ones on tensors. Received: {target}")
    check_operation(*words[2:4])
    found = getattr(getattr(torch.ops.aten, words[3]), words[4])
    return found


def value_of(argument: Any, values: Mapping[str, Any]) -> Any:
    """An argument as torch.export writes it: what it names among the values so far, or what it is."""
    if isinstance(argument, list):
        return [value_of(each, values) for each in argument]
    if not isinstance(argument, dict):
        return argument
    if "name" in argument:
        return values[argument["name"]]
    (kind, content), *_ = argument.items()
    if kind == "as_name":
        return values[content]
    if kind == "as_none":
        return None
    if kind == "as_scalar_type":
        return DTYPES[content]
    if kind in ("as_layout", "as_memory_format", "as_device"):  # dense, on the CPU, as all is here
        return {"as_layout": torch.strided, "as_memory_format": torch.contiguous_format}.get(kind, torch.device("cpu"))
    return value_of(content, values)


def names_of(output: Any) -> list[str]:
    """Names of the values that one output of a node stands for."""
    if isinstance(output, list):
        return [name for each in output for name in names_of(each)]
    if isinstance(output, dict):
        names = [output[key] for key in ("name", "as_name") if key in output]
        return names or [name for each in output.values() for name in names_of(each)]
    return []


def in_batches(run: Callable[[Tensor, See], Any], size: int) -> Callable[[Tensor, See], Any]:
    """A network that takes batches of one size alone, for any number of inputs: the last batch is filled up."""

    def run_all(inputs: Tensor, see: See) -> Any:
        n = len(inputs)
        filled = torch.cat([inputs, inputs[:1].expand(-n % size, *inputs.shape[1:])])
        computed: dict[str, list[Tensor]] = {}

        def keep(name: str, value: Any) -> None:
            if isinstance(value, Tensor) and value.shape[:1] == (size,):
                computed.setdefault(name, []).append(value.clone())

        outputs = [run(batch, keep) for batch in filled.split(size)]
        for name, parts in computed.items():
            see(name, torch.cat(parts)[:n])
        if isinstance(outputs[0], Tensor):
            return torch.cat(outputs)[:n]
        return [torch.cat(parts)[:n] for parts in zip(*outputs, strict=True)]

    return run_all
