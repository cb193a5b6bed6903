"""How little changes what networks of finished runs say: critical samples (of inputs) and sharpness (of weights).

Both need gradients and are PyTorch's. Lines are kept with the runs, as those of `common.analysis.representation`.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from common.analysis.critical_samples import critical
from common.analysis.evaluator import SavedModel
from common.analysis.readout import Line, measured_run
from common.analysis.sharpness import largest_eigenvalue
from common.data.arrays import Images
from common.data.preprocessing import pixel_scale
from common.errors import check_choice
from common.runs.config import Config, Options, run_id
from common.runs.critical_points import Search
from common.runs.store import Store
from common.runs.task import Examples, Task
from common.seeds import integer, stream

BATCH = 500
CRITICAL, SHARPNESS = "critical_samples.jsonl", "sharpness.jsonl"
SPLITS = ("train", "validation", "test")


def critical_run(
    config: Config,
    options: Options,
    search: Search,
    epochs: Sequence[int] = (),
    splits: Sequence[str] = ("validation",),
    size: int | None = None,
    flags: bool = True,
    force: bool = False,
) -> list[Line]:
    """A line for each split of each of a finished run's networks: how many of `n` examples are `critical`.

    Networks are the last one and those of the named epochs that were kept, images those of the run's own task; with
    `size` at most so many of a split, always the same. Of the last network, `{split}_critical` and the data set's own
    `{split}_critical_indices` in the run's arrays say which, by the search that was made last with `flags`.
    """
    store, name = Store.of(options), run_id(config)
    for split in splits:
        check_choice("split", split, SPLITS)

    def measure(model: SavedModel, task: Task, fields: Line) -> Iterator[Line]:
        split = fields["split"]
        examples = some(getattr(task, split), size, config.data_seed, split)
        found = critical_examples(model, examples.inputs, config, search, options.device)
        if flags and model.path == store.model_path(config):
            store.add_arrays(name, {f"{split}_critical_indices": examples.indices, f"{split}_critical": found})
        yield {"n": len(found), "critical": int(found.sum())}

    settings = [{"split": split, "size": size, **dataclasses.asdict(search)} for split in splits]
    return measured_run(config, options, CRITICAL, epochs, settings, measure, force)


def critical_examples(
    model: SavedModel, images: Images, config: Config, search: Search, device: str = "auto"
) -> NDArray[np.bool_]:
    """Which of the images (n, h, w, c) on the 0-255 scale are critical samples."""
    network = model.derivatives(device)
    scale = network.put(pixel_scale(config.preprocessing, model.metadata.get("channel_statistics")))
    found: list[bool] = []
    for start in range(0, len(images), BATCH):
        network.seed(integer(config.seed, "critical samples", start))  # a longer search begins as a shorter one
        x = network.put(model.prepare(images[start : start + BATCH], config))
        found += critical(network, x, search, scale).tolist()
    return np.array(found)


def sharpness_run(
    config: Config, options: Options, epochs: Sequence[int] = (), size: int | None = 1000, force: bool = False
) -> list[Line]:
    """A line with the `largest_eigenvalue` of the Hessian of the cross-entropy for each of a finished run's networks.

    It is the mean over at most `size` training examples, always the same, with the labels that they are trained with.
    """

    def measure(model: SavedModel, task: Task, _: Line) -> Iterator[Line]:
        network, examples = model.derivatives(options.device), some(task.train, size, config.data_seed, "train")
        x, labels = (network.put(array) for array in (model.prepare(examples.inputs, config), examples.labels))
        value = largest_eigenvalue(lambda vector: network.hessian_product(x, labels, vector), sum(network.sizes))
        yield {"n": len(examples), "largest_eigenvalue": value}

    return measured_run(config, options, SHARPNESS, epochs, [{"size": size}], measure, force)


def some(examples: Examples, size: int | None, seed: int, name: str) -> Examples:
    """At most `size` of the examples, in their order and the same ones at each call; ValueError for none."""
    if not len(examples) or (size is not None and size < 1):
        raise ValueError(
            f"{name} must hold examples and size be positive. Received: {name} of {len(examples)}, size={size}"
        )
    return examples.take(np.sort(stream(seed, name, "sample").permutation(len(examples))[:size]))
