"""What an epoch of an LSTM costs on texts of TREC's size, as ratios to plain loops measured in one run.

Targets:   the usual PyTorch loop (DataLoader, packed sequences) and Keras' `fit` with a mask take at least 1.5 times as
           long as ours
Measured:  results/published/runs.html
Run:       python experiments/benchmark_texts.py [--repeats 5] [--threads 2]
Result:    a table on standard output, and its record under results/computations/, made once (again with --force):
           medians of repeats that take turns
Time:      about 3 minutes on two cores; nothing else may run on the machine
"""

import contextlib
import sys
import time
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from itertools import product
from typing import Any

import numpy as np

from common import frameworks
from common.cli import one_line_errors, parse
from common.data import epochs
from common.data.arrays import Array, Labels
from common.data.datasets import DATASETS
from common.data.inputs import TokenInputs
from common.report import benchmarks
from common.report.benchmarks import compared, on_processor, run_on
from common.report.tables import Table
from common.runs.config import Actions, Config, Options
from common.runs.store import Record
from common.runs.threads import MEMORY, thread_environment

Part = Callable[[], object]

DATASET, WORDS, CLASSES = "trec", 20, 6
BATCH, UNITS, RATE = 64, 64, 1e-3
IDS = DATASETS[DATASET].words + 2
LEAST = 1.5


@dataclass(frozen=True)
class Benchmark(benchmarks.Benchmark):
    """How it is measured."""

    slug, least, small = "benchmark_texts", {"repeats": 1, "examples": 1}, {"examples": 128, "repeats": 1}

    repeats: int = 5
    """Times each part is measured."""
    examples: int = 5_380
    """Texts of an epoch."""


def data(examples: int) -> tuple[Array, Labels]:
    """Random texts of 3 to 19 words, as TREC's mostly are, padded on the left; rare words are as rare as there."""
    generator = np.random.default_rng(0)
    ranks = np.minimum(generator.zipf(1.2, (examples, WORDS)), IDS - 2)
    padding = np.arange(WORDS) < WORDS - generator.integers(3, WORDS, (examples, 1))
    return np.where(padding, 0, ranks + 1).astype(np.int32), generator.integers(0, CLASSES, examples)


def own(framework: str, examples: int) -> Part:
    """The suite's own epoch."""
    config = Config(
        model="lstm", dataset=DATASET, framework=framework, length=WORDS, optimizer="adam", batch_size=BATCH
    )
    kind = TokenInputs((WORDS,), config)
    trainer = frameworks.module(framework, "trainer").Trainer(config, kind, CLASSES, device="cpu")
    trainer.put(*data(examples))
    plan = epochs.draw(kind, 0, 0, examples)
    return lambda: trainer.train_epoch(plan, RATE)


def usual_torch(examples: int) -> Part:
    """The loop that most PyTorch code has: texts of their own length, a DataLoader, packed sequences."""
    import torch
    from torch import Tensor, nn
    from torch.nn.utils.rnn import pack_sequence
    from torch.utils.data import DataLoader

    texts, labels = data(examples)
    pairs = [
        (torch.from_numpy(text[text > 0]).long(), label) for text, label in zip(texts, labels.tolist(), strict=True)
    ]

    def together(batch: list[tuple[Tensor, int]]) -> tuple[Any, Tensor]:
        packed = pack_sequence([text for text, _ in batch], enforce_sorted=False)
        return packed, torch.tensor([label for _, label in batch])

    embedding, lstm, logits = nn.Embedding(IDS, UNITS), nn.LSTM(UNITS, UNITS), nn.Linear(UNITS, CLASSES)
    parameters = [parameter for layer in (embedding, lstm, logits) for parameter in layer.parameters()]
    optimizer = torch.optim.Adam(parameters, RATE)
    loader: DataLoader[Any] = DataLoader(pairs, BATCH, shuffle=True, collate_fn=together)  # type: ignore[arg-type]

    def epoch() -> None:
        for packed, y in loader:
            optimizer.zero_grad()
            _, (last, _) = lstm(packed._replace(data=embedding(packed.data)))
            nn.functional.cross_entropy(logits(last[0]), y).backward()
            optimizer.step()

    return epoch


def usual_keras(examples: int) -> Part:
    """`fit`, with a mask of the padding, as in most Keras code."""
    import keras

    texts, labels = data(examples)
    network = keras.Sequential(
        [
            keras.layers.Embedding(IDS, UNITS, mask_zero=True),
            keras.layers.LSTM(UNITS),
            keras.layers.Dense(CLASSES),
        ]
    )
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    network.compile(keras.optimizers.Adam(RATE), loss, metrics=["accuracy"])
    return lambda: network.fit(texts, labels, batch_size=BATCH, epochs=1, verbose=0)


USUAL = {"torch": usual_torch, "keras": usual_keras}


@cache
def parts_of(framework: str, examples: int) -> dict[str, Part]:
    """The suite's epoch and the usual one, made once in the process that measures them."""
    return {"own": own(framework, examples), "usual": USUAL[framework](examples)}


def measure(part: str, framework: str, examples: int) -> float:
    """Seconds of a part."""
    start = time.perf_counter()
    parts_of(framework, examples)[part]()
    return time.perf_counter() - start


def rounds(benchmark: Benchmark, options: Options) -> Record:
    """Seconds of each part; the first round warms up."""
    seconds: dict[str, list[float]] = defaultdict(list)
    environment = MEMORY | thread_environment(benchmark.threads)
    with contextlib.ExitStack() as stack:
        calls = {name: stack.enter_context(benchmarks.child(environment)) for name in USUAL}
        for repeat, name, part in product(range(benchmark.repeats + 1), USUAL, ("usual", "own")):
            taken = calls[name](measure, part, name, benchmark.examples)
            if repeat:
                seconds[f"{name} {part}"].append(taken)
            print(f"{repeat}/{benchmark.repeats} {name} {part} {taken:.2f} s", file=sys.stderr, flush=True)
    return {"seconds": seconds}


def table(found: Record) -> Table:
    """A row for each framework: seconds of the usual epoch and of ours, their ratio, its bound, if it holds."""
    seconds = found["seconds"]
    rows = [[name, *compared(seconds[f"{name} usual"], seconds[f"{name} own"], "at least", LEAST)] for name in USUAL]
    note = f"{found['benchmark']['examples']} texts of {WORDS} words. {run_on(found)}, {found['threads']} threads"
    return Table(
        "An epoch of an LSTM", ["framework", "seconds, usual", "seconds, ours", "ratio", "claim", "holds"], rows, note
    )


def main() -> None:
    arguments = parse(__doc__, benchmark=Benchmark(), options=Options(), actions=Actions())
    benchmarks.report(
        arguments, [f"{name}: {part.__doc__}" for name, part in USUAL.items()], on_processor, rounds, table
    )


if __name__ == "__main__":
    with one_line_errors():
        main()
