"""What the minimum angle subspace classifier (MASC) costs, as ratios measured in one run.

Targets:   60,000 x 2,048 rectified features of ten classes, 10,000 test rows: fit and predict take at most 1.5 times as
           long as their matrix products and eigendecompositions alone; the published form takes at least 3 times as
           long, for the same predictions; peak memory is at most that of the features and 1 GB
Measured:  results/published/runs.html, from the records under results/published/benchmark_probes/
Run:       python experiments/benchmark_probes.py [--repeats 5] [--threads 2], or, at a size where nothing else is
           worth waiting for, --masc-only --rows 100000 --dimensions 4096 --classes 200
Result:    a table on standard output, and its record under results/computations/, made once (again with --force):
           medians of repeats that take turns
Time:      about 4 minutes on two cores; nothing else may run on the machine
"""

import statistics
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import product
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
from numpy.typing import NDArray

from common.analysis.features import BATCH
from common.cli import one_line_errors, parse
from common.data.arrays import Floats, Labels
from common.report import benchmarks
from common.report.benchmarks import child, compared, median, on_processor, run_on, verdict
from common.report.tables import Table
from common.runs.config import Actions, Options
from common.runs.record import peak_memory
from common.runs.store import Record
from common.runs.threads import thread_environment

if TYPE_CHECKING:
    from common.analysis.probes import MASC

Features = NDArray[np.float32]
Part: TypeAlias = "tuple[MASC | None, Callable[[], Labels | None]]"

VARIANCE, CORRUPTED = 0.99, 0.4
PUBLISHED_BATCH = 100


@dataclass(frozen=True)
class Benchmark(benchmarks.Benchmark):
    """What is measured."""

    slug = "benchmark_probes"
    least = dict.fromkeys(("rows", "test_rows", "dimensions", "classes", "repeats"), 1)
    small = {"rows": 800, "test_rows": 300, "dimensions": 64, "classes": 4, "repeats": 1}

    rows: int = 60_000
    """Examples that are fitted."""
    test_rows: int = 10_000
    """Examples that are predicted."""
    dimensions: int = 2_048
    """Features of an example."""
    classes: int = 10
    """Classes of equal size."""
    repeats: int = 3
    """Times each part is measured, in a new process."""
    masc_only: bool = False
    """Only seconds and memory of MASC."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.rows < 2 * self.classes:
            raise ValueError(
                f"rows must be at least 2 for each class. Received: rows={self.rows}, classes={self.classes}"
            )


BOUNDS = (
    "Bounds: memory holds the features and, for each class, a basis of its subspace or of the complement, 8 bytes for "
    "each dimension of min(components, dimensions - components) vectors; time goes to an eigendecomposition for each "
    "class, cubic in the smaller of its examples and dimensions, and to products of the test rows with every basis"
)


def data(benchmark: Benchmark) -> tuple[Features, Labels, Features]:
    """Training features and labels, of which a part is corrupted, and test features.

    A rectified layer's: low-rank signals about the means of classes, a unit in eight dead. At full size a subspace has
    about 1,500 of 2,048 dimensions, as in the wide layers of networks that have memorized corrupted labels.
    """
    generator = np.random.default_rng(0)
    rank = max(benchmark.dimensions // 4, 1)
    mixing = generator.standard_normal((rank, benchmark.dimensions), dtype=np.float32) / np.float32(rank**0.5)
    means = generator.standard_normal((benchmark.classes, benchmark.dimensions), dtype=np.float32) / np.float32(5)
    labels = np.arange(benchmark.rows) % benchmark.classes
    train = layer(generator, mixing, means, labels)
    test = layer(generator, mixing, means, np.arange(benchmark.test_rows) % benchmark.classes)
    uniform = generator.integers(benchmark.classes, size=len(labels))
    return train, np.where(generator.random(len(labels)) < CORRUPTED, uniform, labels), test


def layer(generator: np.random.Generator, mixing: Features, means: Features, labels: Labels) -> Features:
    features = np.empty((len(labels), means.shape[1]), dtype=np.float32)
    for start in range(0, len(labels), BATCH):
        batch = slice(start, start + BATCH)
        signals = generator.standard_normal((len(labels[batch]), len(mixing)), dtype=np.float32)
        np.maximum(signals @ mixing + means[labels[batch]] - np.float32(0.3), 0, out=features[batch])
    features[:, ::8] = 0
    return features


def masc_part(train: Features, labels: Labels, test: Features, sizes: Sequence[int]) -> Part:
    """MASC: fit and predict."""
    from common.analysis.probes import MASC

    masc = MASC(variance=VARIANCE)
    return masc, lambda: masc.fit(train, labels).predict(test)


def products_part(train: Features, labels: Labels, test: Features, sizes: Sequence[int]) -> Part:
    """MASC's matrix products and eigendecompositions alone, in float64, from data that are ready in memory."""
    import common.analysis.linalg  # noqa: F401  (before the clock starts)

    classes = [train[labels == name].astype(np.float64) for name in np.unique(labels)]
    batches = [test[start : start + BATCH].astype(np.float64) for start in range(0, len(test), BATCH)]

    def multiply() -> None:
        bases = [basis(rows, size) for rows, size in zip(classes, sizes, strict=True)]
        for batch in batches:
            for directions in bases:
                batch @ directions.T

    return None, multiply


def basis(rows: Floats, size: int) -> Floats:
    """Directions or, where that is the shorter, those of the complement, by the routines that MASC uses."""
    from scipy.linalg import qr
    from scipy.linalg.blas import dsyrk

    from common.analysis.linalg import decompose

    wide = len(rows) < rows.shape[1]
    values, vectors = decompose(dsyrk(1.0, rows.T, trans=wide, lower=True))
    if wide:
        return qr((vectors(0, size) @ rows).T, mode="economic")[0].T
    return vectors(size, len(values)) if 2 * size > len(values) else vectors(0, size)


def published_part(train: Features, labels: Labels, test: Features, sizes: Sequence[int]) -> Part:
    """The published form, class by class: stacked negatives, covariance, projections, angles in batches of 100."""
    names = np.unique(labels)
    return None, lambda: names[np.argmin([angles(test, directions(train[labels == name])) for name in names], axis=0)]


def directions(rows: Features) -> Floats:
    """Principal directions (k, d) of rows that are each followed by their negative."""
    stacked = np.stack([rows, -rows], axis=1).reshape(-1, rows.shape[1])
    values, vectors = np.linalg.eigh(np.cov(stacked, rowvar=False))
    ratios = np.cumsum(values[::-1]) / np.sum(values)
    return np.ascontiguousarray(vectors.T[::-1][: np.count_nonzero(ratios <= VARIANCE) + 1])


def angles(points: Features, directions: Floats) -> Floats:
    """Degrees between each point and its projection on the directions' span."""
    degrees = []
    for start in range(0, len(points), PUBLISHED_BATCH):
        x = points[start : start + PUBLISHED_BATCH].astype(np.float64)
        projected = x @ directions.T @ directions
        lengths = np.linalg.norm(x, axis=1) * np.linalg.norm(projected, axis=1)
        degrees.append(np.degrees(np.arccos(np.clip(np.sum(x * projected, axis=1) / lengths, -1, 1))))
    return np.concatenate(degrees)


PARTS = {"masc": masc_part, "products": products_part, "published": published_part}


def measure(part: str, benchmark: Benchmark, sizes: Sequence[int]) -> tuple[Record, Labels | None]:
    """Seconds of a part, and what it took, and what it predicts."""
    train, labels, test = data(benchmark)
    masc, function = PARTS[part](train, labels, test, sizes)
    start = time.perf_counter()
    predicted = function()
    seconds = time.perf_counter() - start
    peak = peak_memory() / 1e9
    measured = {"seconds": seconds, "peak": peak, "features": (train.nbytes + test.nbytes) / 1e9}
    if masc is not None:
        kept = sum(subspace.basis.nbytes for subspace in masc._subspaces)
        measured |= {"sizes": masc.n_components_.tolist(), "subspaces": kept / 1e9}
    return measured, predicted


def rounds(benchmark: Benchmark, options: Options) -> Record:
    """What was measured of each part, the mean number of components, and how many predictions differ."""
    measured: dict[str, list[Record]] = defaultdict(list)
    predicted: dict[str, Labels | None] = {}
    sizes: Sequence[int] = ()
    for repeat, part in product(range(benchmark.repeats), ["masc"] if benchmark.masc_only else PARTS):
        with child(thread_environment(benchmark.threads)) as call:  # whose peak memory is that of the part
            line, predicted[part] = call(measure, part, benchmark, sizes)
        sizes = line.get("sizes", sizes)
        measured[part].append(line)
        print(f"{repeat + 1}/{benchmark.repeats} {part} {line['seconds']:.2f} s", file=sys.stderr, flush=True)
    differ = None if benchmark.masc_only else int(np.sum(predicted["masc"] != predicted["published"]))
    parts = {name: columns(lines) for name, lines in measured.items()}
    return {"parts": parts, "components": statistics.mean(sizes), "differ": differ}


def columns(lines: Sequence[Record]) -> Record:
    """Values of each measurement over the repeats."""
    return {name: [line[name] for line in lines] for name in lines[0] if name != "sizes"}


def table(found: Record) -> Table:
    """Ratios to what MASC is compared with, or what it takes alone."""
    fields, masc = found["benchmark"], found["parts"]["masc"]
    note = (
        f"{fields['rows']} x {fields['dimensions']} features, {fields['classes']} classes, {fields['test_rows']} test "
        f"rows, {found['components']:.1f} components a class. {run_on(found)}, {found['threads']} threads"
    )
    if not fields["masc_only"]:
        headings = ["what", "value", "beside", "ratio or difference", "target", "holds"]
        title = "MASC beside its products and its published form"
        return Table(title, headings, rows(found["parts"], found["differ"]), note)
    headings = ["seconds", "peak memory, GB", "features, GB", "subspaces, GB"]
    values = [median(masc[name]) for name in ("seconds", "peak", "features", "subspaces")]
    return Table("MASC: fit and predict", headings, [values], f"{note}. {BOUNDS}")


def rows(parts: Record, differ: int) -> list[list[object]]:
    """A row for each target: what is compared, both values, their ratio or difference, the bound, and if it holds."""
    masc, products, published = (parts[part]["seconds"] for part in PARTS)
    peak, features = (median(parts["masc"][name]) for name in ("peak", "features"))
    beyond = statistics.median(parts["masc"]["peak"]) - statistics.median(parts["masc"]["features"])
    return [
        ["seconds, MASC / products and eigendecompositions", *compared(masc, products, "at most", 1.5)],
        ["seconds, published form / MASC", *compared(published, masc, "at least", 3.0)],
        ["GB, MASC - features", peak, features, *verdict(beyond, "at most", 1)],
        ["predictions that differ", None, None, differ, "0", "no" if differ else "yes"],
    ]


def main() -> None:
    arguments = parse(__doc__, benchmark=Benchmark(), options=Options(), actions=Actions())
    parts = [f"{name}: {part.__doc__}" for name, part in PARTS.items()]
    benchmarks.report(arguments, parts, on_processor, rounds, table)


if __name__ == "__main__":
    with one_line_errors():
        main()
