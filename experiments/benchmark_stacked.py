"""What it saves to train many small networks as one program, as ratios measured in one run.

Measured:  an epoch of MLPs 2x256 on 6,000 images of MNIST's shape and an evaluation on these, one network after the
           other and stacked: seconds, how far the weights are apart afterwards, peak memory. What a sweep stacks
           (`torch_models.stacked.most_runs`) follows from these ratios
Run:       python experiments/benchmark_stacked.py [--runs 100] [--width 256] [--examples 6000] [--device cuda]
Result:    a table on standard output, and its record under results/computations/, made once (again with --force):
           medians of repeats that take turns
Time:      about 3 minutes on two cores; nothing else may run on the machine
"""

import dataclasses
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmark_training import hardware, now
from common.cli import one_line_errors, parse
from common.data.epochs import draw
from common.data.inputs import ImageInputs
from common.report import benchmarks
from common.report.benchmarks import compared, run_on
from common.report.tables import Table
from common.runs.config import Actions, Config, Options
from common.runs.record import peak_memory
from common.runs.store import Record
from common.runs.task import Task, untouched
from common.runs.threads import limit_threads
from common.runs.trainers import NO_PAUSE, Arrays
from common.runs.training import make_trainers

SHAPE, CLASSES, LEARNING_RATE = (28, 28, 1), 10, 0.01
PARTS = ("an epoch", "an evaluation")


@dataclass(frozen=True)
class Benchmark(benchmarks.Benchmark):
    """What is measured."""

    slug = "benchmark_stacked"
    least = {"runs": 2, "width": 1, "examples": 1, "repeats": 1}
    small = {"runs": 3, "width": 16, "examples": 300, "repeats": 1}

    runs: int = 100
    """Networks."""
    width: int = 256
    """Units of each of the two hidden layers."""
    examples: int = 6_000
    """Training examples, the same for all networks."""
    repeats: int = 3
    """Times each way is measured."""


def networks(benchmark: Benchmark) -> list[tuple[Config, Task]]:
    """Configs that differ in their seeds, each with the one task of random images and labels."""
    generator = np.random.default_rng(0)
    images = generator.integers(0, 256, (benchmark.examples, *SHAPE), dtype=np.uint8)
    examples = untouched(images, generator.integers(CLASSES, size=len(images)), np.arange(len(images)))
    nothing = examples.take(examples.indices[:0])
    base = Config(model="mlp2", framework="torch", width=benchmark.width)
    task = Task(examples, nothing, nothing, CLASSES, "", ImageInputs(SHAPE, base))
    return [(dataclasses.replace(base, seed=seed), task) for seed in range(benchmark.runs)]


def measure(runs: Sequence[tuple[Config, Task]], device: str) -> tuple[tuple[float, float], list[Arrays]]:
    """Seconds of an epoch of these runs, as one program where they are several, and of an evaluation; their weights."""
    task = runs[0][1]
    trainers, train_epoch = make_trainers(runs, device, Path())
    orders = [draw(task.kind, config.seed, 0, len(task.train)) for config, _ in runs]
    start = now(device)
    train_epoch(dict(enumerate(orders)), LEARNING_RATE, NO_PAUSE)
    trained = now(device)
    for trainer in trainers:
        trainer.logits(task.train.inputs)
    return (trained - start, now(device) - trained), [trainer.get_weights() for trainer in trainers]


def peak(device: str) -> float:
    """Most GB taken so far: of a GPU's memory since it was last asked for, else of the process."""
    import torch

    if device == "cpu":
        return peak_memory() / 1e9
    taken = torch.cuda.max_memory_allocated() / 1e9
    torch.cuda.reset_peak_memory_stats()
    return taken


def rounds(benchmark: Benchmark, options: Options) -> Record:
    """Seconds of each part and peak memory in GB, alone and stacked, and the largest difference of any weight."""
    runs, device = networks(benchmark), device_of(options)
    measure(runs[:1], device)
    seconds: dict[str, list[Sequence[float]]] = {"alone": [], "stacked": []}
    memory: dict[str, float] = {}
    apart = 0.0
    for repeat in range(benchmark.repeats):
        found = [measure([run], device) for run in runs]
        seconds["alone"].append(np.sum([part for part, _ in found], axis=0).tolist())
        memory.setdefault("alone", peak(device))
        parts, weights = measure(runs, device)
        seconds["stacked"].append(parts)
        memory.setdefault("stacked", peak(device))
        for (_, (expected,)), got in zip(found, weights, strict=True):
            apart = max(apart, *(float(np.abs(array - expected[name]).max()) for name, array in got.items()))
        print(f"{repeat + 1}/{benchmark.repeats} {sum(parts):.1f} s stacked", file=sys.stderr, flush=True)
    return {"seconds": seconds, "memory": memory, "apart": apart}


def table(found: Record) -> Table:
    """A row for each part, and one for both: seconds alone, seconds stacked, the ratio of their medians."""
    columns = [[*zip(*repeats, strict=True), list(map(sum, repeats))] for repeats in found["seconds"].values()]
    rows = [[name, *compared(*taken)[:3]] for name, *taken in zip((*PARTS, "both"), *columns, strict=True)]
    benchmark, memory = found["benchmark"], found["memory"]
    note = (
        f"{benchmark['runs']} MLPs 2x{benchmark['width']}, {benchmark['examples']} images. {run_on(found)}, "
        f"{found['threads']} threads. Weights differ by {found['apart']:.1e} at most after the epoch. Peak memory: "
        f"{memory['alone']:.2f} GB one after the other, {memory['stacked']:.2f} GB stacked"
    )
    headings = ["what", "seconds one after the other", "seconds stacked", "ratio"]
    return Table("Many networks as one program", headings, rows, note)


def device_of(options: Options) -> str:
    """cpu or cuda."""
    from torch_models.trainer import find_device

    return find_device(options.device).type


def placed(benchmark: Benchmark, options: Options) -> Benchmark:
    """On the device, in this process, whose threads are pinned."""
    threads = limit_threads(options.threads)
    return dataclasses.replace(benchmark, hardware=hardware(device_of(options)), threads=threads)


def main() -> None:
    arguments = parse(__doc__, benchmark=Benchmark(), options=Options(), actions=Actions())
    benchmarks.report(arguments, PARTS, placed, rounds, table)


if __name__ == "__main__":
    with one_line_errors():
        main()
