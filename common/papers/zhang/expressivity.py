"""Section 4 and appendix C: a network of two layers with 2n + d weights fits any labels of n examples of d values.

What the paper leaves open: the projection, which is drawn, and where biases lie between the projected examples. Labels
are classes as numbers, and what the network says of an example is the class nearest to its output.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
import tyro

from common import frameworks
from common.analysis import evaluator, expressivity
from common.analysis.expressivity import Hinges
from common.analysis.kernels import nested
from common.data import datasets
from common.data.arrays import Array, Floats, Labels
from common.errors import check_choice
from common.groups import grouped
from common.papers.zhang.targets import TARGETS
from common.report import figures
from common.report.claims import CONTRADICTED, FULL, NO_RUNS, NOT_INDICATED, REDUCED, Finding
from common.report.computations import run_on
from common.report.numbers import Number, counted, number
from common.report.tables import Table
from common.runs.computation import Computation, Computed, Result, computation_id
from common.runs.config import Config, Options, as_dict
from common.runs.store import SUFFIX, Record, Store
from common.runs.task import Examples, Task, prepare
from common.seeds import stream
from common.study import ComputedStudy

if TYPE_CHECKING:
    from matplotlib.figure import Figure

LABELS: dict[str, dict[str, Any]] = {"true": {}, "random": {"corruption": "uniform", "corruption_fraction": 1.0}}
NEAR, MIDPOINT = 0.1, 0.5
RULES = {NEAR: "near the example before", MIDPOINT: "midpoint"}
DEPTHS = (2, 4, 8)
FILE_EXAMPLES = 200
LEMMA_EXAMPLES = 500
AGAINST = (CONTRADICTED, NOT_INDICATED)
ROUNDING = "every label is the nearest class: what is left is rounding, which grows with n"
DRAWN = 12  # points of the figure of the construction
STYLES = {"random": "-", "true": "--"}
TITLE = "Theorem 1: 2n + d weights fit any labels"


@dataclass(frozen=True)
class Theorem1(Computation):
    """A network that is built to fit a training set."""

    slug = "finite_sample_expressivity"
    least = {"train_size": 2}

    dataset: Annotated[str, tyro.conf.arg(metavar="|".join(datasets.IMAGE_SETS))] = "mnist"
    """Data set."""
    labels: Annotated[str, tyro.conf.arg(metavar="|".join(LABELS))] = "true"
    """Labels that are fitted."""
    place: float = NEAR
    """Where each bias lies between two projected examples: 0.5 is the midpoint, less is nearer to the one before."""
    train_size: int | None = None
    """Training examples; none takes all."""
    seed: int = 0
    """Draws the projection, the random labels, and the examples where not all are taken."""

    def __post_init__(self) -> None:
        check_choice("dataset", self.dataset, datasets.IMAGE_SETS)
        check_choice("labels", self.labels, LABELS)
        if not 0 < self.place < 1:
            raise ValueError(f"place must lie between 0 and 1, both excluded. Received: place={self.place}")
        super().__post_init__()

    def config(self, framework: str, width: int | None = None) -> Config:
        """Its examples, and where `width` of them are fitted its network, as a run would have them."""
        return Config(
            model="hinges",
            dataset=self.dataset,
            framework=framework,
            width=width,
            preprocessing="zero_one",
            crop=None,
            train_size=self.train_size,
            seed=self.seed,
            data_seed=self.seed,
            epochs=0,
            **LABELS[self.labels],
        )


PAPERS = ("mnist", "cifar10")
"""Data sets of the paper."""
SMOKE = {"dataset": "digits", "train_size": 300, "seed": 0, "labels": "random"}


def cases(preset: str) -> Iterator[Mapping[str, Any]]:
    """True and random labels by either rule, of three draws of digits, and of whole training sets or a part of one."""
    rest = [(name, None) for name in PAPERS]
    sets: list[tuple[str, int | None, int]] = [("digits", None, seed) for seed in range(3)]
    sets += [(*part, 0) for part in ((("mnist", 5000),) if preset == "small" else rest)]
    for (dataset, train_size, seed), labels, place in product(sets, LABELS, RULES):
        yield {"dataset": dataset, "labels": labels, "place": place, "train_size": train_size, "seed": seed}


def check(settings: Theorem1, options: Options) -> None:
    """ValueError for more examples than there are."""
    datasets.check_train_size(settings.dataset, settings.train_size)


def compute(settings: Theorem1, options: Options) -> Result:
    """Build networks for nested subsets, measure them, save the one for all, and arrange it at several depths."""
    task = prepare(settings.config("torch"), options.data_dir)
    train, test = (inputs_of(task, examples) for examples in (task.train, task.test))
    labels, n = task.train.labels, len(task.train)
    projection: Floats = np.asarray(stream(settings.seed, "projection").standard_normal(train.shape[1]))
    order = stream(settings.seed, "expressivity order").permutation(n)
    lines = []
    for size in nested(n):
        few = order[:size]
        start = time.perf_counter()
        network = expressivity.construct(train[few], labels[few], projection, settings.place)
        lines.append({"build_seconds": time.perf_counter() - start, **measured(network, train[few], labels[few])})
    outputs, few = network.outputs(test), order[:LEMMA_EXAMPLES]
    outcome = {
        "lines": lines,
        "dimensions": train.shape[1],
        "test_n": len(test),
        "test_accuracy": share_right(outputs, task.test.true_labels, task.num_classes),
        "depths": list(depths(network, train, labels)),
        "lemma": lemma(expressivity.construct(train[few], labels[few], projection, settings.place), train[few]),
        "files": {path.suffix: difference(path, task, network) for path in save(settings, options, task, network)},
    }
    return Result(outcome, {settings.dataset: task.sha256})


def inputs_of(task: Task, examples: Examples) -> Floats:
    """Examples as the network sees them, flat (n, d), in float64."""
    prepared: Array = task.kind.prepare(examples.inputs, task.statistics)
    return prepared.reshape(len(prepared), -1).astype(np.float64)


def measured(network: Hinges, inputs: Floats, labels: Labels) -> Record:
    """What a network makes of the examples that it was built for."""
    start = time.perf_counter()
    outputs = network.outputs(inputs)
    return {
        "n": len(labels),
        "weights": network.size,
        "largest_error": float(np.abs(outputs - labels).max()),
        "spread": float(labels.std()),
        "right": int((nearest(outputs, int(labels.max())) == labels).sum()),
        "largest_weight": float(np.abs(network.weights).max()),
        "evaluate_seconds": time.perf_counter() - start,
    }


def nearest(outputs: Floats, last: int) -> Labels:
    """The class, 0 to the last, that is nearest to each output."""
    return np.clip(np.rint(outputs), 0, last).astype(np.int64)


def share_right(outputs: Floats, labels: Labels, num_classes: int) -> float:
    """Share of the examples of which the nearest class is the label."""
    return float((nearest(outputs, num_classes - 1) == labels).mean())


def depths(network: Hinges, inputs: Floats, labels: Labels) -> Iterator[Record]:
    """Corollary 1: the same function at several depths, on all examples."""
    x = inputs @ network.projection
    for depth in DEPTHS:
        layers = expressivity.deep(network, depth)
        wrong = np.abs(expressivity.deep_outputs(layers, x) - labels).max()
        size = {"width": expressivity.width(layers), "connections": expressivity.connections(layers)}
        yield {"depth": depth, **size, "evaluated": len(x), "largest_error": float(wrong)}


def lemma(network: Hinges, inputs: Floats) -> Record:
    """Lemma 1 on as many examples as fit into a dense matrix: its rank, least eigenvalue, and what that should be."""
    x = np.sort(inputs @ network.projection)
    matrix = np.maximum(x[:, None] - network.biases, 0)
    return {
        "n": len(x),
        "rank": int(np.linalg.matrix_rank(matrix)),
        "least_eigenvalue": float(np.abs(np.linalg.eigvals(matrix)).min()),
        "least_distance": float((x - network.biases).min()),
    }


def save(settings: Theorem1, options: Options, task: Task, network: Hinges) -> Iterator[Path]:
    """The network as a model file of either framework, which other networks' tools open."""
    weights = {
        "projection/kernel": network.projection[:, None],
        "hinges/bias": -network.biases[:, None],
        "hinges/kernel": np.ones((1, 1)),
        "logits/kernel": network.weights[:, None],
    }
    shape, n = task.kind.input_shape, len(network.biases)
    for framework in ("torch", "keras"):
        frameworks.torch_first(framework)
        files = frameworks.module(framework, "files")
        model = frameworks.constructed(framework, "hinges")(shape, 1, n)
        files.set_weights(model, weights)
        path = Store.of(options).models / f"{computation_id(settings)}{SUFFIX[framework]}"
        metadata = {"config": as_dict(settings.config(framework, n)), "input_shape": list(shape), "num_classes": 1}
        files.save(model, path, metadata)
        yield path


def difference(path: Path, task: Task, network: Hinges) -> float:
    """Largest difference between what a model file says of the first examples and what was built says."""
    few = task.kind.prepare(task.train.inputs[:FILE_EXAMPLES], task.statistics)
    outputs = evaluator.load(path).logits(few)[:, 0]
    return float(np.abs(outputs - network.outputs(few.reshape(len(few), -1).astype(np.float64))).max())


def table(computed: Sequence[Computed]) -> Table:
    """A row for each network that was built: weights, how exactly it fits, how large it is, what it makes of a test."""
    rows = []
    for found in computed:
        settings, outcome, line = found.settings, found.outcome, found.outcome["lines"][-1]
        accuracy, n = outcome["test_accuracy"], outcome["test_n"]
        rows.append(
            [
                f"{settings['dataset']}, seed {settings['seed']}",
                f"{settings['labels']} labels",
                rule(settings["place"]),
                line["n"],
                outcome["dimensions"],
                line["weights"],
                f"{line['right']:,} of {line['n']:,}",
                f"{line['largest_error']:.1e}",
                f"{line['largest_weight']:.1e}",
                number([accuracy], counts=counted([accuracy], [n])),
                ", ".join(f"{suffix} {value:.0e}" for suffix, value in outcome["files"].items()),
                Number(line["build_seconds"], "three digits"),
                Number(line["evaluate_seconds"], "three digits"),
                run_on([found]),
            ]
        )
    columns = ["data", "labels", "biases", "n", "d", "weights, 2n + d", "fitted", "largest error", "largest weight"]
    columns += ["test accuracy, %", "difference of files", "seconds to build", "seconds to evaluate", "run on"]
    note = (
        "Labels are classes as numbers; fitted: the output is nearest to the label. Test accuracy with Wilson's 95 % "
        "interval over test examples. Files: the .pt and .h5 opened by the evaluator, which gives float32, against the "
        "network as it was built, in float64."
    )
    return Table(TITLE, columns, rows, note)


def rule(place: float) -> str:
    """A rule for biases, as it is read."""
    return RULES.get(place, f"{place:g} of the way")


def depth_table(computed: Sequence[Computed]) -> Table:
    """Corollary 1: a row for each depth of the networks with biases near the example before."""
    rows = []
    for found in computed:
        settings, n = found.settings, found.outcome["lines"][-1]["n"]
        if settings["place"] == NEAR:
            for line in found.outcome["depths"]:
                largest = f"{line['largest_error']:.1e}"
                size = line["width"], line["connections"], line["evaluated"]
                data = f"{settings['dataset']}, seed {settings['seed']}"
                rows.append([data, f"{settings['labels']} labels", n, line["depth"], *size, largest])
    columns = ["data", "labels", "n", "depth", "width", "weights and biases that are not 0", "evaluated"]
    note = "Connections come on top of the projection's d weights, which the units of the first layer share."
    return Table("Corollary 1: depth for width", [*columns, "largest error"], rows, note)


def construction_figure() -> Figure:
    """The network of twelve points with random labels by either rule: points, biases as ticks, what lies between."""
    names = [f"biases: {name}" for name in RULES.values()]
    figure, panels = figures.panel_figure("Theorem 1 on twelve points", names, 2, (4.4, 3.4))
    generator = stream(0, "twelve points")
    x, y = np.sort(generator.random(DRAWN)), generator.integers(10, size=DRAWN)
    for axes, place in zip(panels, RULES, strict=True):
        network = expressivity.construct(x[:, None], y, np.ones(1), place)
        fine = np.union1d(np.linspace(network.biases[0] - 0.05, x[-1], 400), network.biases)
        axes.plot(fine, network.of_projections(fine), color=figures.BLUE, linewidth=1.3)
        axes.plot(x, y, "o", color=figures.ORANGE)
        axes.plot(network.biases, np.zeros(DRAWN), "|", color=figures.BLACK, markersize=12)
        axes.set(xlabel="projection <a, z>", ylabel="c(z)")
    styles = {"line": {"color": figures.BLUE}, "tick": {"color": figures.BLACK, "marker": "|", "linestyle": "none"}}
    point = {"color": figures.ORANGE, "marker": "o", "linestyle": "none"}
    texts = {"the network": styles["line"], "examples and labels": point, "biases": styles["tick"]}
    figures.add_legend(figure, [figures.handle(text, **style) for text, style in texts.items()])
    return figure


def size_figure(computed: Sequence[Computed]) -> Figure:
    """Largest error and largest weight over n, solid with random labels, dashed with true ones, by either rule."""
    names = {"largest_error": "largest error", "largest_weight": "largest weight"}
    figure, panels = figures.panel_figure("What fitting costs in float64", list(names.values()), 2, (4.4, 3.4))
    kinds = grouped(computed, lambda found: f"{found.settings['dataset']}, {rule(found.settings['place'])}")
    colours = figures.palette(list(kinds))
    for axes, name in zip(panels, names, strict=True):
        for kind, networks in kinds.items():
            for found in networks:
                curve = {line["n"]: [line[name]] for line in found.outcome["lines"]}
                style = STYLES[found.settings["labels"]]
                figures.draw_curve(axes, curve, color=colours[kind], linestyle=style, marker=".")
        figures.doubling_axis(axes, "training examples")
        axes.set(yscale="log", ylabel=names[name])
    lines = [figures.handle(f"{name} labels", color=figures.GREY, linestyle=style) for name, style in STYLES.items()]
    figures.add_legend(figure, [*figures.handles(colours), *lines])
    return figure


def report(computed: Sequence[Computed]) -> dict[str, Table | Figure]:
    """What was built, at several depths, and how."""
    return {
        "networks": table(computed),
        "depths": depth_table(computed),
        "construction": construction_figure(),
        "sizes": size_figure(computed),
    }


def findings(computed: Sequence[Computed]) -> list[Finding]:
    """Theorem 1, its lemma and corollary on each data set, random labels, biases near the example before."""
    chosen = [f for f in computed if f.settings["labels"] == "random" and f.settings["place"] == NEAR]
    judged = []
    kinds = grouped(chosen, lambda found: (found.settings["dataset"], found.settings["train_size"]))
    for (dataset, train_size), draws in kinds.items():
        subject = f"{dataset}, n={draws[0].outcome['lines'][-1]['n']:,}"
        size = FULL if dataset in PAPERS and train_size is None else REDUCED
        for name, effect in (
            ("zhang-theorem-1", error), ("zhang-lemma-1", eigenvalue), ("zhang-corollary-1", deep_error),
        ):  # fmt: skip
            tested = partial(TARGETS.tested, name, subject, NO_RUNS, [*map(effect, draws)])
            found = tested()
            if found.verdict in AGAINST and effect is not eigenvalue and all(map(right, draws)):
                found = tested(undecided=ROUNDING)
            judged.append(replace(found, size=size))
    return judged


def right(found: Computed) -> bool:
    """Whether every label is the class that is nearest to what its network says, at every depth."""
    outcome = found.outcome
    return all(line["largest_error"] < 0.5 for line in (outcome["lines"][-1], *outcome["depths"]))


def error(found: Computed) -> float:
    """Largest error on all training examples, in standard deviations of the labels."""
    line = found.outcome["lines"][-1]
    return float(line["largest_error"] / line["spread"])


def eigenvalue(found: Computed) -> float | None:
    """Of Lemma 1's matrix, over what it should be, 0 without full rank; null in records from before it was kept."""
    if not (kept := found.outcome.get("lemma")):
        return None
    return float(kept["least_eigenvalue"] / kept["least_distance"]) if kept["rank"] == kept["n"] else 0.0


def deep_error(found: Computed) -> float:
    """The same over all depths."""
    largest = max(line["largest_error"] for line in found.outcome["depths"])
    return float(largest / found.outcome["lines"][-1]["spread"])


STUDY = ComputedStudy("finite_sample_expressivity", Theorem1(), cases, SMOKE, compute, report, check, findings)
