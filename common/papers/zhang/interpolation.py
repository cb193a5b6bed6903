"""Beside section 5: what happens where a random convolutional network has just enough features to interpolate.

The paper's kernel machines have many more features than examples. With fewer filters the solution of least norm errs
most where features are as many as examples, and less on either side (Belkin et al. 2019: double descent).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
import tyro

from common.analysis import fixed_features
from common.analysis.interpolation import least_squares
from common.analysis.kernels import one_hot, wrong_share
from common.data import datasets
from common.data.arrays import Floats
from common.errors import check_choice
from common.groups import grouped
from common.papers.zhang.kernels import examples
from common.progress import bar
from common.report import figures
from common.report.computations import run_on
from common.report.numbers import number
from common.report.tables import Table
from common.runs.computation import Computation, Computed, Result
from common.runs.config import Options
from common.runs.store import Record
from common.study import ComputedStudy

if TYPE_CHECKING:
    from matplotlib.figure import Figure

RATIOS = (0.1, 0.25, 0.5, 0.75, 0.9, 1.0, 1.1, 1.25, 1.5, 2.0, 4.0, 8.0)
PENALTIES = (0.0, 1e-4, 1e-2)  # times the kernel's mean diagonal
TITLE = "Random convolutional features: the interpolation peak"


@dataclass(frozen=True)
class InterpolationPeak(Computation):
    """Test errors over the number of filters."""

    slug = "interpolation_peak"
    least = {"train_size": fixed_features.FEATURES, "test_size": 1}

    dataset: Annotated[str, tyro.conf.arg(metavar="|".join(datasets.IMAGE_SETS))] = "cifar10"
    """Data set."""
    train_size: int = 2000
    """Training examples, drawn at random."""
    test_size: int = 2000
    """Test examples, the first ones."""
    seed: int = 0
    """Draws the training examples and the filters."""

    def __post_init__(self) -> None:
        check_choice("dataset", self.dataset, datasets.IMAGE_SETS)
        super().__post_init__()


SMOKE = {"dataset": "digits", "train_size": 180, "test_size": 100, "seed": 0}


def cases(preset: str) -> Iterator[Mapping[str, Any]]:
    """Three draws, whatever the preset: no published number is of this."""
    yield from ({"seed": seed} for seed in range(3))


def check(settings: InterpolationPeak, options: Options) -> None:
    """ValueError for more examples than there are."""
    datasets.check_train_size(settings.dataset, settings.train_size)


def compute(settings: InterpolationPeak, options: Options) -> Result:
    """Fit by least squares on the features of the first filters, more and more of them."""
    data = datasets.load(settings.dataset, options.data_dir)
    seen = examples(settings, data)
    n = len(seen.labels)
    counts = sorted({max(1, round(ratio * n / fixed_features.FEATURES)) for ratio in RATIOS})
    filters = fixed_features.random_filters(seen.images, counts[-1], settings.seed)
    blocks = fixed_features.convolution_blocks(np.concatenate([seen.images, seen.test_images]), filters)
    features = np.concatenate([np.asarray(block) for block in blocks], axis=1).astype(np.float64)
    labels = seen.labels, seen.test_labels
    lines: list[Record] = []
    for count in bar("fit", iterable=counts, desc=settings.slug):
        few = features[:, : count * fixed_features.FEATURES]
        lines += fitted(few[:n], few[n:], labels, data.num_classes, count)
    return Result({"lines": lines, "train_n": n, "test_n": len(labels[1])}, {data.name: data.sha256})


def fitted(train: Floats, test: Floats, labels: Sequence[Any], num_classes: int, filters: int) -> Iterator[Record]:
    """A line for each penalty."""
    scale = float(np.einsum("ij,ij->", train, train)) / len(train)
    penalties = [share * scale for share in PENALTIES]
    fits = least_squares(train, test, one_hot(labels[0], num_classes), penalties)
    for share, fit in zip(PENALTIES, fits, strict=True):
        yield {
            "filters": filters,
            "ratio": train.shape[1] / len(train),
            "penalty": share,
            "train_error": wrong_share(fit.train, labels[0]),
            "test_error": wrong_share(fit.test, labels[1]),
            "norm": fit.norm,
        }


def curves(computed: Sequence[Computed], name: str) -> dict[float, dict[float, list[float]]]:
    """A measure of each seed by features for each example, by penalty."""
    lines = [line for found in computed for line in found.outcome["lines"]]
    return {
        penalty: {ratio: [line[name] for line in same] for ratio, same in grouped(some, ratio_of).items()}
        for penalty, some in grouped(lines, lambda line: line["penalty"]).items()
    }


def ratio_of(line: Record) -> float:
    """Features for each example."""
    ratio: float = line["ratio"]
    return ratio


def figure(computed: Sequence[Computed]) -> Figure:
    """Test error (%), and norm, over features for each example, a curve for each penalty."""
    names = {"test_error": ("test error", 100), "norm": ("norm of the weights", 1)}
    drawn, panels = figures.panel_figure(TITLE, [text for text, _ in names.values()], 2, (4.4, 3.4))
    colours = figures.palette(PENALTIES)
    for axes, (name, (text, scale)) in zip(panels, names.items(), strict=True):
        for penalty, curve in curves(computed, name).items():
            figures.draw_curve(axes, curve, scale, color=colours[penalty], marker=".")
        axes.axvline(1, color=figures.GREY, linestyle=":")
        figures.doubling_axis(axes, "features for each example")
        axes.set_ylabel(text + (" (%)" if scale > 1 else ""))
    panels[1].set_yscale("log")
    figures.add_legend(drawn, figures.handles({penalty_text(share): colour for share, colour in colours.items()}))
    return drawn


def penalty_text(share: float) -> str:
    """A penalty as it is read."""
    return f"penalty {share:g} of the mean diagonal" if share else "no penalty"


def table(computed: Sequence[Computed]) -> Table:
    """A row for each number of features: errors without a penalty and with each, and how many seeds."""
    test, train = curves(computed, "test_error"), curves(computed, "train_error")[0.0]
    norms = curves(computed, "norm")[0.0]
    rows = [
        [
            f"{ratio:.2f}",
            number(train[ratio]),
            *(number(test[penalty][ratio]) for penalty in PENALTIES),
            number(norms[ratio], "three digits"),
            len(norms[ratio]),
        ]
        for ratio in norms
    ]
    columns = ["features for each example", "training error, no penalty, %"]
    columns += [f"test error, {penalty_text(share)}, %" for share in PENALTIES]
    first = computed[0]
    data = f"{first.settings['dataset']}, {first.outcome['train_n']} training examples"
    note = f"{data}. Means with 95 % t intervals over draws of examples and filters. {run_on(computed)}"
    return Table(TITLE, [*columns, "norm, no penalty", "n"], rows, note)


def report(computed: Sequence[Computed]) -> dict[str, Table | Figure]:
    """Errors and norms on either side of the peak."""
    return {"errors": table(computed), "peak": figure(computed)}


STUDY = ComputedStudy("interpolation_peak", InterpolationPeak(), cases, SMOKE, compute, report, check)
