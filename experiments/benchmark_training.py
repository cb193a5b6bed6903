"""What an epoch costs on images of CIFAR-10's shape, as ratios measured in one run.

Targets:   MLP 3x512: an epoch costs at most 1.4 times its matrix products alone, in either framework; the usual PyTorch
           loop (torchvision transforms, DataLoader, eager float32) takes at least 1.7 times as long as ours, 3 times
           where ours uses bfloat16; for data and augmentation alone, without the model, at least 15 times.
           Small AlexNet, small Inception: the usual loop (channels first) takes at least 1.8 times as long as ours in
           bfloat16, and no less in float32. With --device cuda: in bfloat16 on one H200 an epoch of 50,000 images
           takes 0.3 s (AlexNet) and 1.0 s (Inception) at most
Measured:  results/published/runs.html, from the records under results/published/benchmark_training/
Run:       python experiments/benchmark_training.py [--model inception] [--repeats 5] [--threads 2] [--device cuda]
Result:    a table on standard output, and its record under results/computations/, made once (again with --force):
           medians of repeats that take turns, and beside the epoch an evaluation of its training set
Time:      about 8 minutes a model on two cores; nothing else may run on the machine
"""

from __future__ import annotations

import contextlib
import dataclasses
import os
import statistics
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache, partial
from itertools import product
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
import psutil
import tyro
from numpy.typing import NDArray

from common import frameworks
from common.cli import one_line_errors, parse
from common.data import epochs
from common.data.arrays import Labels
from common.data.inputs import ImageInputs
from common.errors import check_choice
from common.report import benchmarks
from common.report.benchmarks import compared, median, on_processor, run_on, verdict
from common.report.numbers import Number
from common.report.tables import Table
from common.runs.config import Actions, Config, Options
from common.runs.record import peak_memory, processor
from common.runs.store import Record
from common.runs.threads import MEMORY, thread_environment

if TYPE_CHECKING:
    import torch
    from torch import nn

Tensor = Any  # of either framework
Part = Callable[[], object]
Parts = dict[str, Part]

SHAPE, SIDE, CLASSES, BATCH = (32, 32, 3), 28, 10, 128
WIDTHS = (SIDE * SIDE * 3, 512, 512, 512, CLASSES)
LOADERS = {"workers 0": 0, "workers 2": 2}
EXAMPLES = {"mlp3": 50_000, "alexnet": 6_400, "inception": 1_280}
PRODUCTS = 20  # in a row, so that the card's clock is that of long work
GPU_EXAMPLES, GPU_SECONDS = 50_000, {"alexnet": 0.3, "inception": 1.0}


@dataclass(frozen=True)
class Benchmark(benchmarks.Benchmark):
    """How it is measured."""

    slug, least, small = "benchmark_training", {"repeats": 1}, {"examples": 128, "repeats": 1}

    model: Annotated[str, tyro.conf.arg(metavar="|".join(EXAMPLES))] = "mlp3"
    """What is trained."""
    repeats: int = 5
    """Times each part is measured."""
    examples: Annotated[int, tyro.conf.Fixed, tyro.conf.Suppress] = 0
    """Images of an epoch."""


def data(examples: int) -> tuple[NDArray[np.uint8], Labels]:
    """Random uint8 images and labels."""
    generator = np.random.default_rng(0)
    return generator.integers(0, 256, (examples, *SHAPE), dtype=np.uint8), generator.integers(0, CLASSES, examples)


def trainer_of(config: Config, device: str = "cpu") -> Any:
    """The suite's own trainer, of images."""
    trainer = frameworks.module(config.framework, "trainer").Trainer
    return trainer(config, ImageInputs(SHAPE, config), CLASSES, device=device)


def trainer_parts(examples: int, config: Config) -> tuple[Part, Part]:
    """The suite's own epoch and an evaluation of its training set, as functions."""
    trainer = trainer_of(config)
    images, labels = data(examples)
    trainer.put(images, labels)
    return lambda: trainer.train_epoch(plan(config, examples), 0.01), lambda: trainer.logits(images)


def plan(config: Config, examples: int) -> epochs.EpochPlan:
    return epochs.draw(ImageInputs(SHAPE, config), 0, 0, examples)


def products(normal: Callable[..., Tensor], transpose: Callable[[Tensor], Tensor]) -> list[tuple[Tensor, Tensor]]:
    """Operands of one step's matrix products: x W, then x^T g for every layer and g W^T for all but the first."""
    pairs = []
    for index, (inputs, outputs) in enumerate(zip(WIDTHS, WIDTHS[1:], strict=False)):
        x, weights, gradient = normal(BATCH, inputs), normal(inputs, outputs), normal(BATCH, outputs)
        pairs += [(x, weights), (transpose(x), gradient)] + [(gradient, transpose(weights))] * (index > 0)
    return pairs


def steps(examples: int) -> range:
    return range(-(-examples // BATCH))


def keras_parts(model: str, examples: int) -> Parts:
    """The suite, and its matrix products."""
    epoch, evaluation = trainer_parts(examples, Config(framework="keras", model=model))
    import keras
    import tensorflow as tf

    # Transposed operands as the gradient passes them: flags of the product, not copies.
    pairs = products(lambda *shape: keras.random.normal(shape), lambda x: (x,))

    def multiply() -> None:
        for _ in steps(examples):
            for a, b in pairs:
                flags = {"transpose_a": isinstance(a, tuple), "transpose_b": isinstance(b, tuple)}
                tf.matmul(a[0] if flags["transpose_a"] else a, b[0] if flags["transpose_b"] else b, **flags)

    return {"products": multiply, "epoch": epoch, "evaluation": evaluation}


def torch_parts(model: str, examples: int) -> Parts:
    """The suite, and its matrix products and augmentation."""
    import torch

    config = Config(framework="torch", model=model)
    epoch, evaluation = trainer_parts(examples, config)
    halves, _ = trainer_parts(examples, dataclasses.replace(config, precision="bfloat16"))
    parts = {"epoch": epoch, "epoch bfloat16": halves, "evaluation": evaluation}
    if model != "mlp3":
        return parts
    augmented = dataclasses.replace(config, random_crop=True, flip=True)
    trainer = trainer_of(augmented)
    trainer.put(*data(examples))
    # PyTorch keeps weights as (out, in): x W is a product with a transposed view, as in torch.nn.functional.linear.
    pairs = products(torch.randn, torch.t)
    pairs = [(a, b.t().contiguous().t()) if len(a) == BATCH else (a, b) for a, b in pairs]

    def multiply() -> None:
        for _ in steps(examples):
            for a, b in pairs:
                torch.mm(a, b)

    def augment() -> None:
        for _ in trainer.batches(plan(augmented, examples)):
            pass

    return {"products": multiply, **parts, "data": augment}


def usual_parts(model: str, examples: int) -> Parts:
    """The loop that most PyTorch code has: an image at a time through torchvision's transforms, eager float32."""
    import torch
    from PIL import Image
    from torchvision import transforms

    from torch_models import MODELS

    pixels, labels = data(examples)

    class Images(torch.utils.data.Dataset):
        def __init__(self, *crop: Callable[[Any], Any]) -> None:
            self.transform = transforms.Compose([*crop, transforms.ToTensor(), transforms.Lambda(standardize)])

        def __len__(self) -> int:
            return examples

        def __getitem__(self, index: int) -> tuple[torch.Tensor, int]:
            return self.transform(Image.fromarray(pixels[index])), int(labels[index])

    def loader(workers: int, *crop: Callable[[Any], Any]) -> torch.utils.data.DataLoader[tuple[torch.Tensor, int]]:
        context = "fork" if workers else None  # as in a script of one's own
        return torch.utils.data.DataLoader(
            Images(*crop), BATCH, shuffle=True, num_workers=workers, multiprocessing_context=context
        )

    network = channels_first(MODELS[model]((SIDE, SIDE, 3), CLASSES))
    optimizer = torch.optim.SGD(network.parameters(), 0.01, 0.9)

    def epoch(workers: int) -> None:
        for x, y in loader(workers, transforms.CenterCrop(SIDE)):
            optimizer.zero_grad()
            torch.nn.functional.cross_entropy(network(x.permute(0, 2, 3, 1)), y).backward()
            optimizer.step()

    def augment(workers: int) -> None:
        for _ in loader(workers, transforms.RandomCrop(SIDE), transforms.RandomHorizontalFlip()):
            pass

    parts = {"epoch": epoch, "data": augment} if model == "mlp3" else {"epoch": epoch}
    return {f"{name} {key}": partial(f, n) for name, f in parts.items() for key, n in LOADERS.items()}


def channels_first(network: nn.Module) -> nn.Module:
    """The network as most PyTorch code has it: channels first in memory, normalization from `torch.nn`."""
    import torch

    from torch_models.batch_norm import BatchNorm
    from torch_models.normalization import LocalResponseNormalization

    class Norm(torch.nn.LocalResponseNorm):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return super().forward(x.permute(0, 3, 1, 2)).permute(0, 2, 3, 1)

    for module in list(network.modules()):
        for name, child in module.named_children():
            if isinstance(child, BatchNorm):
                setattr(module, name, torch.nn.BatchNorm2d(len(child.bias), 1e-3))
            elif isinstance(child, LocalResponseNormalization):
                setattr(module, name, Norm(9, 1e-3))
    return network.to(memory_format=torch.contiguous_format)  # type: ignore[call-overload]


def standardize(x: torch.Tensor) -> torch.Tensor:
    """Per-image standardization, as everybody writes it."""
    return (x - x.mean()) / x.std().clamp_min((SIDE * SIDE * 3) ** -0.5)


PARTS = {"keras": keras_parts, "torch": torch_parts, "usual": usual_parts}


def served(model: str) -> Collection[str]:
    return PARTS if model == "mlp3" else [name for name in PARTS if name != "keras"]


@cache
def parts_of(name: str, model: str, examples: int) -> Parts:
    """The parts of a framework or of the usual loop, made once in the process that measures them."""
    return PARTS[name](model, examples)


def part_names(*which: Any) -> list[str]:
    return list(parts_of(*which))


def measure(part: str, *which: Any) -> tuple[float, float]:
    """Seconds of a part, and the most GB that its process has taken so far."""
    start = time.perf_counter()
    parts_of(*which)[part]()
    return time.perf_counter() - start, peak_memory() / 1e9


@contextlib.contextmanager
def process_of(environment: Mapping[str, str], *which: Any) -> Iterator[Callable[..., Any]]:
    """What calls functions of these parts in a process of their own.

    It is stopped between calls: with OMP_WAIT_POLICY=ACTIVE its idle threads would go on spinning.
    """
    with benchmarks.child(environment) as call:
        process = psutil.Process(call(os.getpid))

        def awake(function: Callable[..., Any], *arguments: Any) -> Any:
            process.resume()
            result = call(function, *arguments, *which)
            process.suspend()
            return result

        try:
            yield awake
        finally:
            process.resume()


def cpu_record(benchmark: Benchmark) -> Record:
    """Seconds of each part, and peak memory in GB of each process; the first round warms up."""
    seconds: dict[str, list[float]] = defaultdict(list)
    memory: dict[str, float] = {}
    environment, size = MEMORY | thread_environment(benchmark.threads), (benchmark.model, benchmark.examples)
    with contextlib.ExitStack() as stack:
        calls = {n: stack.enter_context(process_of(environment, n, *size)) for n in served(benchmark.model)}
        with ThreadPoolExecutor() as together:  # each makes its own while the others do
            made = together.map(lambda call: call(part_names), calls.values())
        parts = [(name, part) for name, own in zip(calls, made, strict=True) for part in own]
        for repeat, (name, part) in product(range(benchmark.repeats + 1), parts):
            taken, memory[name] = calls[name](measure, part)
            if repeat:
                seconds[f"{name} {part}"].append(taken)
            print(f"{repeat}/{benchmark.repeats} {name} {part} {taken:.2f} s", file=sys.stderr, flush=True)
    waits = waiting(benchmark.threads)
    return {"seconds": seconds, "memory": memory, "waiting": waits, "examples": benchmark.examples}


def claims(model: str, seconds: Mapping[str, Sequence[float]]) -> dict[tuple[str, str], tuple[Any, ...]]:
    """The bound of each ratio of the medians of two parts."""

    def quickest(part: str) -> str:
        return min((f"usual {part} {key}" for key in LOADERS), key=lambda name: statistics.median(seconds[name]))

    epoch = quickest("epoch")
    if model != "mlp3":
        return {(epoch, "torch epoch"): ("at least", 1.0), (epoch, "torch epoch bfloat16"): ("at least", 1.8)}
    return {
        ("keras epoch", "keras products"): ("at most", 1.4),
        ("torch epoch", "torch products"): ("at most", 1.4),
        (epoch, "keras epoch"): ("at least", 1.7),
        (epoch, "torch epoch"): ("at least", 1.7),
        (epoch, "torch epoch bfloat16"): ("at least", 3.0),
        (quickest("data"), "torch data"): ("at least", 15.0),
    }


def cpu_table(found: Record) -> Table:
    """A row for each claim: the parts, seconds of both, their ratio, its bound, if it holds; then evaluations."""
    model, seconds = found["benchmark"]["model"], found["seconds"]
    evaluations = [f"{name} evaluation" for name in PARTS if f"{name} evaluation" in seconds]  # older records have none
    pairs = claims(model, seconds) | {(name, name.replace("evaluation", "epoch")): () for name in evaluations}
    rows = [[f"{a} / {b}", *compared(seconds[a], seconds[b], *bound)] for (a, b), bound in pairs.items()]
    peaks = ", ".join(f"{name} {gigabytes:.2f} GB" for name, gigabytes in found["memory"].items())
    note = (
        f"{found['examples']} images. {run_on(found)}, {found['threads']} threads, {found['waiting']}. "
        f"Peak memory: {peaks}"
    )
    return Table(f"An epoch of {model}", ["ratio of", "seconds", "to seconds", "ratio", "claim", "holds"], rows, note)


def gpu_record(benchmark: Benchmark, side: int = 8192, device: str = "cuda") -> Record:
    """Seconds of an epoch, its operations and seconds of an evaluation in each precision, and the card's rate."""
    import torch

    from torch_models.trainer import find_device

    card = find_device(device)
    square = torch.randn(side, side, dtype=torch.bfloat16, device=card)
    products = timed(lambda: [torch.mm(square, square) for _ in range(PRODUCTS)], card, benchmark.repeats)
    epochs_of = {name: gpu_epoch(benchmark, name, card) for name in ("float32", "bfloat16")}
    rate = {"side": side, "flops": PRODUCTS * 2 * side**3, "seconds": products}
    return {"rate": rate, "epochs": epochs_of, "examples": benchmark.examples}


def gpu_epoch(benchmark: Benchmark, precision: str, device: torch.device) -> Record:
    """One precision; the operations of a step are counted as it is executed."""
    from torch.utils.flop_counter import FlopCounterMode

    config, examples = Config(framework="torch", model=benchmark.model, precision=precision), benchmark.examples
    trainer = trainer_of(config, device.type)
    images, labels = data(examples)
    trainer.put(images, labels)
    with FlopCounterMode(display=False) as counter:
        trainer.update(*next(trainer.batches(plan(config, examples))))
    seconds = timed(lambda: trainer.train_epoch(plan(config, examples), 0.01), device, benchmark.repeats)
    evaluation = timed(lambda: trainer.logits(images), device, benchmark.repeats)
    flops = counter.get_total_flops() / min(BATCH, examples) * examples
    return {"seconds": seconds, "flops": flops, "evaluation": evaluation}


def gpu_table(found: Record) -> Table:
    """What an epoch costs on a GPU, and which share of the card's measured bfloat16 rate it reaches."""
    model, examples, matrices = found["benchmark"]["model"], found["examples"], found["rate"]
    rate = matrices["flops"] / statistics.median(matrices["seconds"])
    rows = []
    for precision, epoch in found["epochs"].items():
        seconds = statistics.median(epoch["seconds"])
        step, share = 1000 * seconds / len(steps(examples)), epoch["flops"] / seconds / rate
        bounded = model in GPU_SECONDS and precision == "bfloat16"
        held = verdict(seconds, "at most", GPU_SECONDS[model])[1:] if bounded else [None, None]
        rows.append([precision, median(epoch["seconds"]), Number(step, "ratio"), share, *held])
    if evaluation := found["epochs"]["float32"].get("evaluation"):  # older records have none
        rows.append(["float32, evaluation", median(evaluation), None, None, None, None])
    side = matrices["side"]
    note = (
        f"{examples} images. {run_on(found)}. The rate, measured on products of {side} x {side} matrices, is "
        f"{rate / 1e12:.1f} TFLOP/s"
    )
    columns = ["precision", "seconds an epoch", "ms a step", "share of the bfloat16 rate, %", "claim, s", "holds"]
    return Table(f"An epoch of {model} on a GPU", columns, rows, note)


def hardware(device: str) -> str:
    """Name of the processor, or of the GPU, with PyTorch's version."""
    import torch

    return f"{torch.cuda.get_device_name() if device == 'cuda' else processor()}, torch {torch.__version__}"


def now(device: str) -> float:
    """Seconds, when the device has done its work."""
    import torch

    if device == "cuda":
        torch.cuda.synchronize()
    return time.perf_counter()


def timed(function: Part, device: torch.device, repeats: int) -> list[float]:
    """Seconds of each call after a first one that warms up."""
    moments = [now(device.type)]
    for _ in range(repeats + 1):
        function()
        moments.append(now(device.type))
    return np.diff(moments)[1:].tolist()


def waiting(threads: int) -> str:
    """How idle OpenMP threads wait, by the variables that say so."""
    environment = os.environ | thread_environment(threads)
    return ", ".join(f"{n}={value}" for n, value in environment.items() if n in ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT"))


def table(found: Record) -> Table:
    """The table of a record."""
    return gpu_table(found) if "rate" in found else cpu_table(found)


def placed(benchmark: Benchmark, options: Options) -> Benchmark:
    """On this machine's cores, or its GPU, with as many images as suit them."""
    check_choice("model", benchmark.model, EXAMPLES)
    on_gpu = options.device.startswith("cuda")
    examples = benchmark.examples or (GPU_EXAMPLES if on_gpu else EXAMPLES[benchmark.model])
    if on_gpu:
        from torch_models.trainer import find_device

        find_device(options.device)
    place = {"hardware": hardware("cuda")} if on_gpu else {}
    return dataclasses.replace(on_processor(benchmark, options), examples=examples, **place)


def record(benchmark: Benchmark, options: Options) -> Record:
    """What is measured."""
    return (gpu_record if options.device.startswith("cuda") else cpu_record)(benchmark)


def main() -> None:
    arguments = parse(__doc__, benchmark=Benchmark(), options=Options(), actions=Actions())
    parts = [f"{name}: {part.__doc__}" for name, part in PARTS.items()]
    benchmarks.report(arguments, parts, placed, record, table)


if __name__ == "__main__":
    with one_line_errors():
        main()
