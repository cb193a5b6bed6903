"""What trained networks represent: statistics of their weights and activations, and how alike their layers are.

Lines are kept with the runs, made where they are missing and made again where a model file is another.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from common.analysis.evaluator import SavedModel, load
from common.analysis.features import check_features, varies
from common.analysis.moments import statistics
from common.analysis.readout import Line, measured_run, model_files, together
from common.data import datasets
from common.data.arrays import Floats, Images
from common.data.inputs import KINDS
from common.runs.config import Config, Options, run_id
from common.runs.store import Store, read_lines, write_lines
from common.runs.task import Task, stratified_subset

Layers = Mapping[str, NDArray[np.float32]]  # layer: outputs (n, d)
EXAMPLES = 2000
"""Test examples that networks are compared on: four for each unit of a layer of 512, so that SVCCA can tell layers."""
VARIANCE = 0.99
"""Share of the variance that SVCCA's directions hold (Raghu et al. 2017)."""
STATISTICS = "statistics.jsonl"
SWAPPED = {name: f"other_{name}" for name in ("layer", "directions", "model_sha256")}
MADE_OF = ("model_sha256", SWAPPED["model_sha256"])


def similarity_file(other: str) -> str:
    """Beside a run, what it has in common with one whose id sorts after its own."""
    return f"similarity_{other}.jsonl"


def statistics_run(config: Config, options: Options, epochs: Sequence[int] = (), force: bool = False) -> list[Line]:
    """Lines of `model_statistics` of a finished run's last network and of those of the named epochs that were kept.

    Activations are those on the test inputs of the run's own task. ValueError for a run that is not finished.
    """

    def measure(model: SavedModel, task: Task, _: Line) -> Iterator[Line]:
        return model_statistics(model, task.test.inputs, config)

    return measured_run(config, options, STATISTICS, epochs, [{}], measure, force)


def model_statistics(model: SavedModel, images: Images, config: Config) -> Iterator[Line]:
    """A line for the kernel of each layer that has one (`of` weights) and one for each layer's outputs (activations).

    `images` (n, height, width, channels) are on the 0-255 scale. A line holds `n`, the number of values, and their
    `statistics`: of the outputs after the activation function, over all units and images together.
    """
    for of, layer, values in _arrays(model, model.prepare(images, config)):
        yield {"of": of, "layer": layer, "n": values.size, **statistics(values)}


def _arrays(model: SavedModel, x: NDArray[np.float32]) -> Iterator[tuple[str, str, NDArray[Any]]]:
    for name, values in model.get_weights().items():
        if name.endswith("/kernel"):
            yield "weights", name.removesuffix("/kernel"), values
    for group in together(model, model.layers, len(x)):
        for layer, outputs in model.outputs(x, group).items():
            yield "activations", layer, outputs


def similarity_run(config: Config, other: Config, options: Options, force: bool = False) -> list[Line]:
    """Lines of `similarities` of two finished runs' last networks, kept with the run whose id sorts first, its `layer`.

    Both see the same `shared_images`, each in its own input scale. Lines carry `model_sha256` and `other_model_sha256`,
    of the files they were made of. ValueError for networks of different data sets.
    """
    if config.dataset != other.dataset:
        raise ValueError(
            f"networks must be of one data set to be compared. Received: {config.dataset} and {other.dataset}"
        )
    store = Store.of(options)
    pair = sorted((config, other), key=run_id)
    models = [file for each in pair for file in model_files(each, options).values()]
    if len(models) < len(pair):  # one diverged
        return []
    path = store.folder(run_id(pair[0])) / similarity_file(run_id(pair[1]))
    made_of = {name: file.sha256 for name, file in zip(MADE_OF, models, strict=True)}
    kept = [] if force or not path.exists() else read_lines(path)
    lines = [line for line in kept if made_of.items() <= line.items()]
    if not lines:
        images = shared_images(config.dataset, options.data_dir)
        first, second = (layers_of(load(file.path), images, each) for file, each in zip(models, pair, strict=True))
        lines = [line | made_of for line in similarities(first, second)]
        write_lines(path, lines)
    return lines


def shared_images(dataset: str, data_dir: Path | None = None) -> Images:
    """At most EXAMPLES of a data set's own test images, stratified by class and the same ones at each call."""
    data = datasets.load(dataset, data_dir)
    return data.x_test[stratified_subset(data.y_test, min(EXAMPLES, len(data.y_test)), 0, "test ")]


def layers_of(model: SavedModel, images: Images, config: Config) -> Layers:
    """Outputs (n, d) of every layer for (n, height, width, channels) images on the 0-255 scale."""
    x = model.prepare(KINDS[datasets.kind_of(config.dataset)].reduce(images, config), config)
    return model.outputs(x, model.layers)


def similarities(first: Layers, second: Layers) -> Iterator[Line]:
    """A line for every `layer` of the first network and `other_layer` of the second, of outputs for the same examples.

    `cka` is linear CKA and `svcca` SVCCA with directions that hold the share VARIANCE, of which there are `directions`
    and `other_directions`; where a layer gives all `n` examples the same outputs it has none, and both are null.
    Raises ValueError for outputs that are not finite or of different numbers of examples.
    """
    from common.analysis.similarity import linear_cka, mean_correlation

    scores, other_scores = ({layer: _scores(x) for layer, x in network.items()} for network in (first, second))
    for (layer, x), (other, y) in product(first.items(), second.items()):
        a, b = scores[layer], other_scores[other]
        line = {"layer": layer, "other_layer": other, "n": len(x)}
        line |= {"directions": a.shape[1], "other_directions": b.shape[1], "cka": None, "svcca": None}
        yield line | ({"cka": linear_cka(x, y), "svcca": mean_correlation(a, b)} if a.size and b.size else {})


def _scores(x: NDArray[np.float32]) -> Floats:
    from common.analysis.similarity import leading_scores

    if not varies(check_features(x)):
        return np.empty((len(x), 0))
    return leading_scores(x - x.mean(axis=0, dtype=np.float64), VARIANCE)


def swapped(line: Mapping[str, Any]) -> Line:
    """A line of `similarities` as it is with the second network first."""
    names = SWAPPED | {other: name for name, other in SWAPPED.items()}
    return {names.get(name, name): value for name, value in line.items()}
