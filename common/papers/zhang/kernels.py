"""Section 5 and Table 3: kernel machines that interpolate the training set with the least norm, and yet generalize.

Raw MNIST is the first author's recipe (README of github.com/pluskid/fitting-random-labels): exp(-0.02 |x - x'|^2) on
x / 255, targets in {0, 1}. What the paper leaves open: the other bandwidths and the penalty, which held-out training
examples choose; the Gabor filters; the random convolutional network, which follows github.com/modestyachts/nondeep;
and which norm it means.
"""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Annotated, Any, Protocol

import numpy as np
import tyro
from numpy.typing import NDArray

from common import frameworks
from common.analysis import fixed_features, kernels
from common.analysis.kernels import Factor, GaussianKernel, LinearKernel, nested, one_hot, wrong_share
from common.data import corruption, datasets
from common.data.arrays import Floats, Labels
from common.data.preprocessing import standardize
from common.errors import check_choice
from common.groups import grouped
from common.papers.zhang.targets import TARGETS
from common.report import figures
from common.report.claims import FULL, NO_RUNS, REDUCED, Finding, judged_number
from common.report.computations import run_on
from common.report.numbers import Count, cell, counted, number
from common.report.published import Target, subject_of
from common.report.tables import Table
from common.runs.computation import Computation, Computed, Result
from common.runs.config import Options, recipe
from common.runs.record import peak_memory
from common.runs.store import Record
from common.seeds import stream
from common.study import ComputedStudy

if TYPE_CHECKING:
    from matplotlib.figure import Figure

TITLE = "Table 3: interpolation of least norm"
STYLES = {"true": "-", "random": "--"}

FEATURES = ("pixels", "gabor", "random_convolutions")
FIRST_AUTHORS_BANDWIDTH = 0.02
BANDWIDTHS = (0.25, 0.5, 1.0, 2.0, 4.0, 8.0)  # times one over the median squared distance
PENALTIES = (1e-5, 1e-4, 1e-3, 1e-2, 1e-1, 1.0)  # times the mean diagonal
MOST_FITTED, MOST_HELD_OUT = 10_000, 5_000
CORES = 24  # of the paper's machine


@dataclass(frozen=True)
class MinimumNorm(Computation):
    """A kernel machine, a row of Table 3 or beside it."""

    slug = "minimum_norm_kernels"
    least = {"train_size": 2, "test_size": 1, "filters": 1}

    dataset: Annotated[str, tyro.conf.arg(metavar="|".join(datasets.IMAGE_SETS))] = "mnist"
    """Data set."""
    features: Annotated[str, tyro.conf.arg(metavar="|".join(FEATURES))] = "pixels"
    """What a Gaussian kernel is of: pixels on the 0-1 scale or Gabor features; or products of random convolutions."""
    bandwidth: float | None = None
    """Of the Gaussian kernel exp(-bandwidth |x - x'|^2); none: held-out training examples choose it."""
    penalized: bool = False
    """Add a penalty on the norm, which held-out training examples choose; else interpolate."""
    train_size: int | None = None
    """Training examples, drawn at random; none takes all."""
    test_size: int | None = None
    """Test examples, the first ones; none takes all."""
    filters: int = 32_000
    """Random filters of the convolutions."""
    precision: Annotated[str, tyro.conf.arg(metavar="|".join(kernels.DTYPES))] = "float64"
    """Numbers that the kernel matrix and its factor are kept in; all else is float64."""
    seed: int = 0
    """Draws the training examples and their order, the filters and the random labels."""

    def __post_init__(self) -> None:
        check_choice("dataset", self.dataset, datasets.IMAGE_SETS)
        check_choice("features", self.features, FEATURES)
        check_choice("precision", self.precision, kernels.DTYPES)
        super().__post_init__()
        if self.bandwidth is not None and not self.bandwidth > 0:
            raise ValueError(f"bandwidth must be positive. Received: bandwidth={self.bandwidth}")


ROWS: dict[str, dict[str, Any]] = {
    "MNIST, pixels": {"features": "pixels", "bandwidth": FIRST_AUTHORS_BANDWIDTH},
    "MNIST, Gabor filters": {"features": "gabor"},
    "CIFAR-10, pixels": {"dataset": "cifar10", "features": "pixels"},
    "CIFAR-10, random convolutions": {"dataset": "cifar10", "features": "random_convolutions"},
}
SMALL = {"pixels": {"train_size": 6000}, "gabor": {"train_size": 6000},
         "random_convolutions": {"train_size": 2000, "test_size": 2000, "filters": 1024}}  # fmt: skip
SMALL_SEEDS = (0, 1, 2)
SMOKE = {"dataset": "digits", "train_size": 300, "test_size": 100, "filters": 32, "seed": 0}


def cases(preset: str) -> Iterator[Mapping[str, Any]]:
    """Each row without a penalty and with one, on all examples, or on several draws of few of them."""
    for seed in SMALL_SEEDS if preset == "small" else (0,):
        for row in ROWS.values():
            for penalized in (False, True):
                size = SMALL[row["features"]] if preset == "small" else {}
                yield {**row, **size, "penalized": penalized, "seed": seed}


Kernel = GaussianKernel | LinearKernel


@dataclass(frozen=True)
class Examples:
    """Training examples in the order of the nested subsets, and test examples."""

    images: NDArray[np.float32]
    labels: Labels
    random_labels: Labels
    test_images: NDArray[np.float32]
    test_labels: Labels
    num_classes: int

    def split(self) -> Examples:
        """Training examples to fit and those held out, a fifth, for choices; at most so many of each."""
        n = len(self.labels)
        held_out = min(n // 5, MOST_HELD_OUT)
        fitted, rest = slice(0, min(n - held_out, MOST_FITTED)), slice(n - held_out, n)
        known = self.images[fitted], self.labels[fitted], self.random_labels[fitted]
        return Examples(*known, self.images[rest], self.labels[rest], self.num_classes)


class Sizes(Protocol):
    """What settings say of examples: none takes all."""

    @property
    def train_size(self) -> int | None: ...
    @property
    def test_size(self) -> int | None: ...
    @property
    def seed(self) -> int: ...


def drawn(data: datasets.Dataset, seed: int, train_size: int | None) -> tuple[NDArray[np.float32], Labels]:
    """Training images on the 0-1 scale and their labels, drawn at random, as many as there are where none says."""
    order = stream(seed, "kernel examples").permutation(len(data.y_train))[:train_size]
    return standardize(data.x_train[order], "zero_one", None), data.y_train[order]


def examples(settings: Sizes, data: datasets.Dataset) -> Examples:
    """What the settings ask for, as far as the data set has it."""
    train, labels = drawn(data, settings.seed, settings.train_size)
    noise = corruption.corrupt_labels(labels, data.num_classes, "uniform", 1.0, settings.seed)
    tested = slice(0, settings.test_size)
    test = standardize(data.x_test[tested], "zero_one", None)
    return Examples(train, labels, noise, test, data.y_test[tested], data.num_classes)


def kernel_of(settings: MinimumNorm, seen: Examples, device: str) -> Callable[[float | None], Kernel]:
    """The kernel at a bandwidth, where it has one, of training and test examples."""
    if settings.features == "random_convolutions":
        filters = fixed_features.random_filters(seen.images, settings.filters, settings.seed)
        images = np.concatenate([seen.images, seen.test_images])
        linear = LinearKernel(lambda: fixed_features.convolution_blocks(images, filters, device), len(seen.labels))
        return lambda bandwidth: linear
    train, test = (features_of(settings, images, device) for images in (seen.images, seen.test_images))
    return lambda bandwidth: GaussianKernel(train, test, bandwidth or 1.0)


def features_of(settings: MinimumNorm, images: NDArray[np.float32], device: str) -> Floats:
    """What a Gaussian kernel is of, (n, d) float64."""
    if settings.features == "gabor":
        return fixed_features.gabor_features(images, device)
    return images.reshape(len(images), -1).astype(np.float64)


def choose(settings: MinimumNorm, seen: Examples, device: str) -> list[Record]:
    """Bandwidths, and at the best of them penalties, with their errors on held-out examples; the chosen ones last.

    So a row with a penalty differs from that without in nothing else. Penalties are shares of the kernel's mean
    diagonal, which is the same for all numbers of examples. An error is null where there is nothing to choose.
    """
    few = seen.split()
    kernel, candidates = kernel_of(settings, few, device), bandwidths(settings, few, device)

    def tried(bandwidth: float | None, penalties: Sequence[float]) -> Iterator[Record]:
        factor = kernel(bandwidth).factor(settings.precision, device)
        for penalty in penalties:
            solution = kernels.solve(factor.factorize(penalty * factor.scale), one_hot(few.labels, few.num_classes))
            wrong = wrong_share(kernel(bandwidth).at_test(solution.alpha), few.test_labels)
            yield {"bandwidth": bandwidth, "penalty": penalty, "error": wrong}

    lines: list[Record] = [{"bandwidth": candidates[0], "penalty": 0.0, "error": None}]
    if len(candidates) > 1:
        lines = best_last(line for bandwidth in candidates for line in tried(bandwidth, (0.0,)))
    if settings.penalized:
        lines += best_last(tried(lines[-1]["bandwidth"], PENALTIES))
    return lines


def best_last(lines: Iterable[Record]) -> list[Record]:
    """By falling error; of equals the first one comes last."""
    return sorted(reversed(list(lines)), key=lambda line: -line["error"])


def bandwidths(settings: MinimumNorm, few: Examples, device: str) -> Sequence[float | None]:
    """That which is given, or those to choose from; one that is nothing for a kernel without any."""
    if settings.bandwidth or settings.features == "random_convolutions":
        return [settings.bandwidth]
    unit = 1 / kernels.median_squared_distance(features_of(settings, few.images, device))
    return [factor * unit for factor in BANDWIDTHS]


def compute(settings: MinimumNorm, options: Options) -> Result:
    """Choose what is open, factorize the kernel matrix once, and solve for nested subsets, true and random labels."""
    data, device = datasets.load(settings.dataset, options.data_dir), device_of(options)
    seen = examples(settings, data)
    held_out = choose(settings, seen, device)
    bandwidth, share = held_out[-1]["bandwidth"], held_out[-1]["penalty"]
    n = len(seen.labels)
    kernels.check_memory(n, settings.precision, device)
    announce(settings, n, device)
    kernel = kernel_of(settings, seen, device)(bandwidth)
    factor = kernel.factor(settings.precision, device)
    penalty, start = share * factor.scale, time.perf_counter()
    factor.factorize(penalty)
    seconds = time.perf_counter() - start
    lines = [line for size in nested(n) for line in solved(seen, kernel, factor, penalty, size)]
    outcome = {
        "bandwidth": bandwidth,
        "penalty": penalty,
        "held_out": held_out,
        "lines": lines,
        "train_n": n,
        "test_n": len(seen.test_labels),
        "jitter": factor.jitter,
        "factor_seconds": seconds,
        "peak_bytes": peak_memory(),
        "device": device,
    }
    return Result(outcome, {data.name: data.sha256})


def device_of(options: Options) -> str:
    """cpu or cuda; ValueError where a GPU is asked for and there is none."""
    return "cpu" if options.device == "cpu" else str(frameworks.module("torch", "trainer").find_device(options.device))


def announce(settings: MinimumNorm, n: int, device: str) -> None:
    """Say on stderr what it takes."""
    needed = kernels.needed_bytes(n, settings.precision, device) / 1e9
    text = f"{n} examples, {settings.features}: {needed:.1f} GB on {device}"
    if device == "cpu":
        minutes = kernels.operations(n) / kernels.rate(settings.precision) / 60
        text += f", the factor about {minutes:.1f} minutes"
    print(text, file=sys.stderr, flush=True)


def solved(seen: Examples, kernel: Kernel, factor: Factor, penalty: float, size: int) -> Iterator[Record]:
    """A line for true and one for random labels of the first examples: norms, test error, residual."""
    labels = {"true": seen.labels[:size], "random": seen.random_labels[:size]}
    targets = {name: one_hot(values, seen.num_classes) for name, values in labels.items()}
    solution = kernels.solve(factor, np.hstack(list(targets.values())))
    for (name, y), alpha in zip(targets.items(), np.hsplit(solution.alpha, 2), strict=True):
        norms = kernels.norms(y, alpha, penalty)
        yield {
            "labels": name,
            "n": size,
            "test_error": wrong_share(kernel.at_test(alpha), seen.test_labels),
            **{f"norm_{targets}": value for targets, value in norms.items()},
            "residual": solution.residual,
            "steps": solution.steps,
        }


def check(settings: MinimumNorm, options: Options) -> None:
    """ValueError for more examples than there are, or than memory holds."""
    n = datasets.check_train_size(settings.dataset, settings.train_size)
    kernels.check_memory(n, settings.precision, device_of(options))


def target_of(settings: Mapping[str, Any]) -> Target | None:
    """The published number of a row of Table 3; none beside it."""
    names = ("dataset", "features", "penalized")
    rows = TARGETS.of("kernels")
    return next((row for row in rows if all(row["recipe"][name] == settings[name] for name in names)), None)


def full_size(found: Computed) -> bool:
    """Whether it is of the whole training and test set and of the paper's number of filters."""
    settings, whole = found.settings, MinimumNorm(dataset=found.settings["dataset"])
    return all(settings[name] == getattr(whole, name) for name in ("train_size", "test_size", "filters"))


def last(found: Computed, labels: str, name: str) -> float:
    """What came out on all of its training examples, with these labels."""
    value: float = [line for line in found.outcome["lines"] if line["labels"] == labels][-1][name]
    return value


def groups_of(computed: Sequence[Computed]) -> list[list[Computed]]:
    """Computations that differ in their seeds alone, together."""
    return list(grouped(computed, lambda found: recipe(found.settings, ("seed",))).values())


def table(computed: Sequence[Computed]) -> Table:
    """A row for each kernel: published and measured error, norms with true and random labels, residual, time."""
    rows = [row(seeds) for seeds in groups_of(computed)]
    columns = ["data", "kernel of", "penalty", "n", "published error, %", "error, %", "norm, {0, 1}"]
    columns += ["norm, {-1, 1}", "norm, random labels", "error, random labels, %", "bandwidth", "residual, at most"]
    note = (
        "Means with 95 % t intervals over draws of the training examples, of one Wilson's over test examples. The norm "
        "is of all classes together, tr(alpha' K alpha)^1/2, for targets in {0, 1} unless it says {-1, 1}; of random "
        "labels for {0, 1}. The residual is |Y - K alpha| / |Y|."
    )
    return Table(TITLE, [*columns, "factor", "run on"], rows, note)


def row(seeds: Sequence[Computed]) -> list[object]:
    """Cells of one kernel."""
    first, target = seeds[0], target_of(seeds[0].settings)
    errors = [last(found, "true", "test_error") for found in seeds]
    noise = [last(found, "random", "test_error") for found in seeds]
    sizes = [found.outcome["test_n"] for found in seeds]
    norms = [("true", "zero_one"), ("true", "plus_minus_one"), ("random", "zero_one")]
    means = [number([last(found, labels, f"norm_{kind}") for found in seeds], "three digits") for labels, kind in norms]
    settings, outcome = first.settings, first.outcome
    penalty = number([found.outcome["penalty"] for found in seeds], "three digits") if settings["penalized"] else None
    bandwidth = outcome["bandwidth"] and number([found.outcome["bandwidth"] for found in seeds], "three digits")
    seconds = number([found.outcome["factor_seconds"] for found in seeds], "three digits")
    return [
        settings["dataset"],
        features_text(settings),
        penalty,
        outcome["train_n"],
        target and target["value"],
        number(errors, counts=counted(errors, sizes)),
        *means,
        number(noise, counts=counted(noise, sizes)),
        bandwidth,
        f"{max(line['residual'] for found in seeds for line in found.outcome['lines']):.1e}",
        f"{settings['precision']}, {cell(seconds)} s",
        run_on(seeds),
    ]


def features_text(settings: Mapping[str, Any]) -> str:
    """What a kernel is of, as it is read."""
    text: str = settings["features"].replace("_", " ")
    return f"{text}, {settings['filters']:,} filters" if settings["features"] == "random_convolutions" else text


def figure(computed: Sequence[Computed]) -> Figure:
    """Test error (%) and norm over nested training subsets, solid with true labels, dashed with random ones."""
    kinds = grouped(plain(computed), lambda found: f"{found.settings['dataset']}, {features_text(found.settings)}")
    drawn, panels = figures.panel_figure("Interpolation of least norm", ["test error", "norm, {0, 1}"], 2, (4.4, 3.6))
    colours = figures.palette(list(kinds))
    for axes, name, scale in zip(panels, ("test_error", "norm_zero_one"), (100, 1), strict=True):
        for kind, seeds in kinds.items():
            for labels, style in STYLES.items():
                figures.draw_curve(axes, over_sizes(seeds, labels, name), scale, color=colours[kind], linestyle=style)
        figures.doubling_axis(axes, "training examples")
    figures.percent_axis(panels[0], "test error (%)")
    panels[1].set(yscale="log", ylabel="norm")
    styles = [
        figures.handle(f"{labels} labels", color=figures.GREY, linestyle=style) for labels, style in STYLES.items()
    ]
    figures.add_legend(drawn, [*figures.handles(colours), *styles])
    return drawn


def plain(computed: Sequence[Computed]) -> list[Computed]:
    """Those without a penalty."""
    return [found for found in computed if not found.settings["penalized"]]


def over_sizes(seeds: Sequence[Computed], labels: str, name: str) -> dict[int, list[float]]:
    """A measure of each seed by number of training examples."""
    lines = [line for found in seeds for line in found.outcome["lines"] if line["labels"] == labels]
    return {n: [line[name] for line in same] for n, same in grouped(lines, lambda line: line["n"]).items()}


def report(computed: Sequence[Computed]) -> dict[str, Table | Figure]:
    """Table 3, and error and norm over the number of training examples."""
    return {"table_3": table(computed), "error_and_norm": figure(computed)}


def numbers(computed: Sequence[Computed]) -> list[Finding]:
    """Table 3's numbers and section 5's norms, with what was measured at full size."""
    whole = [found for found in computed if full_size(found)]
    return [
        judged_number(target, subject_of(target), NO_RUNS, *measured(target, whole, measure))
        for name, measure in (("kernels", "test_error"), ("norms", "norm_zero_one"))
        for target in TARGETS.of(name)
    ]


def findings(computed: Sequence[Computed]) -> list[Finding]:
    """Section 5's statements on MNIST, on draws of either size."""
    mnist = [found for found in computed if found.settings["dataset"] == "mnist"]
    sizes = grouped(mnist, size_of).items()
    return [replace(found, size=size) for size, group in sizes for found in statements(group)]


def measured(
    target: Target, computed: Sequence[Computed], name: str
) -> tuple[list[float], Sequence[Count | None] | None]:
    """A measure of the computations of a target's row, and of shares of test examples their counts."""
    of_row = [found for found in computed if row_of(found) == (target["dataset"], target["setting"])]
    values = [last(found, "true", name) for found in of_row]
    shares = name == "test_error"
    return values, counted(values, [found.outcome["test_n"] for found in of_row]) if shares else None


def row_of(found: Computed) -> tuple[str, str]:
    """Data set and setting, as targets name them."""
    penalty = "_penalty" if found.settings["penalized"] else ""
    return found.settings["dataset"], found.settings["features"] + penalty


def size_of(found: Computed) -> str:
    """Whether it may decide at full size."""
    return FULL if full_size(found) else REDUCED


def statements(computed: Sequence[Computed]) -> Iterator[Finding]:
    """Of kernels on MNIST, each with its effect in each draw of the training examples."""
    by_seed = [
        {row_of(found)[1]: found for found in seed}
        for seed in grouped(computed, lambda found: found.settings["seed"]).values()
    ]
    norms = [effect for seed in by_seed if (effect := norm_ratio(seed)) is not None]
    yield tested("zhang-norm", "MNIST", norms)
    for features in ("pixels", "gabor"):
        pairs = [(seed.get(features), seed.get(f"{features}_penalty")) for seed in by_seed]
        errors = [[last(found, "true", "test_error") for found in pair if found] for pair in pairs]
        yield tested("zhang-kernel-regularization", f"MNIST, {features}", [e[0] - e[1] for e in errors if len(e) == 2])
        plain = [found for found, _ in pairs if found]
        yield tested("zhang-norm-random-labels", f"MNIST, {features}", [*map(random_ratio, plain)])
    yield solved_in([found for found in computed if full_size(found) and row_of(found)[1] == "pixels"])


def solved_in(computed: Sequence[Computed]) -> Finding:
    """How long the equations of all of MNIST took; the published time is of 24 cores in 64 bits, others do not tell."""
    kinds = {
        (str(found.record["environment"]["threads"]), found.outcome["device"], found.settings["precision"])
        for found in computed
    }
    asked = (str(CORES), "cpu", "float64")
    told = "; ".join(f"threads: {', '.join(kind)}; published: {', '.join(asked)}" for kind in kinds - {asked})
    minutes = [found.outcome["factor_seconds"] / 60 for found in computed]
    return TARGETS.tested("zhang-kernel-time", "MNIST, pixels", NO_RUNS, minutes, undecided=told)


def norm_ratio(seed: Mapping[str, Computed]) -> float | None:
    """Norm with Gabor filters over that on pixels, nan where the error is not less; null without both."""
    if not {"pixels", "gabor"} <= set(seed):
        return None
    gabor, pixels = seed["gabor"], seed["pixels"]
    less = last(gabor, "true", "test_error") < last(pixels, "true", "test_error")
    return last(gabor, "true", "norm_zero_one") / last(pixels, "true", "norm_zero_one") if less else math.nan


def random_ratio(found: Computed) -> float:
    """Norm with random labels over that with true ones."""
    return last(found, "random", "norm_zero_one") / last(found, "true", "norm_zero_one")


def tested(name: str, subject: str, effects: Sequence[float | None]) -> Finding:
    """A statement with its effect in each draw."""
    return TARGETS.tested(name, subject, NO_RUNS, effects)


STUDY = ComputedStudy("minimum_norm_kernels", MinimumNorm(), cases, SMOKE, compute, report, check, findings, numbers)
