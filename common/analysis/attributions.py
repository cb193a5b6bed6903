"""Integrated gradients: what each pixel adds to a network's own class, from a baseline (Sundararajan et al. 2017)."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
from numpy.typing import NDArray

from common.analysis.evaluator import SavedModel, load
from common.analysis.readout import model_files, own_task
from common.data.arrays import Array, Floats, Labels
from common.data.preprocessing import center_crop
from common.runs.config import Config, Options, run_id
from common.runs.store import Store, write_arrays
from common.runs.task import Task

ATTRIBUTIONS = "attributions.npz"
BASELINES = ("black", "mean")
"""A black image, which leaves black pixels out, whatever the network; the mean test image, which does not, and which
is the same for networks that were trained on other images."""
STEPS = 256
PER_CLASS = 5
Arrays = dict[str, NDArray[Any]]


def check(config: Config) -> None:
    """ValueError for a run whose network gives no gradients of its inputs."""
    if config.framework != "torch":
        raise ValueError(
            "framework must be torch for attributions, which take gradients with the network's inputs. "
            f"Received: framework={config.framework!r}"
        )


def attribute_run(config: Config, options: Options, epochs: tuple[int, ...], force: bool = False) -> Arrays:
    """Attributions of a finished PyTorch run on fixed test images, kept with it: made where of another model or none.

    Arrays: `epochs` (e,) of the networks; of five test images of each class, at the data set's `indices` (n,), the
    classes that the network itself says, `predictions` (e, n), the `share` of absolute attributions that lies on the
    object and `completeness`, both (e, 2, n) by BASELINES; `maps` (e, 2, classes, h, w) float16 of the first image of
    each class, summed over channels; `images` (classes, h, w, c) uint8; and `made_of`, JSON.
    """
    check(config)
    store, files = Store.of(options), model_files(config, options, epochs)
    hashes = {str(epoch): file.sha256 for epoch, file in sorted(files.items())}
    made_of = np.array(json.dumps({"sha256": hashes, "steps": STEPS}))
    kept = {} if force else store.kept_arrays(run_id(config), ATTRIBUTIONS)
    if not files or kept.get("made_of") == made_of:  # it diverged, or is done
        return kept
    task = own_task(config, options)
    places = first_of_each(task.test.true_labels, task.num_classes)
    networks = [of_network(load(files[epoch].path), config, task, places, options.device) for epoch in sorted(files)]
    arrays = {name: np.stack([network[name] for network in networks]) for name in networks[0]}
    shown = places[: task.num_classes]
    arrays |= {
        "epochs": np.array(sorted(files)),
        "indices": task.test.indices[places],
        "images": center_crop(task.test.inputs[shown], arrays["maps"].shape[-1]),
        "made_of": made_of,
    }
    with store.lock(run_id(config), deadline=options.time_limit):
        write_arrays(store.folder(run_id(config)) / ATTRIBUTIONS, arrays, compress=True)
    return arrays


def first_of_each(labels: Labels, num_classes: int) -> Labels:
    """Places of the first examples of each class, one of each after the other; ValueError where a class has too few."""
    members = [np.flatnonzero(labels == label)[:PER_CLASS] for label in range(num_classes)]
    if min(map(len, members)) < PER_CLASS:
        raise ValueError(f"a test set must have {PER_CLASS} examples of each class. Received: {len(labels)} examples")
    return np.stack(members, axis=1).ravel()


def of_network(model: SavedModel, config: Config, task: Task, places: Labels, device: str) -> Arrays:
    """The arrays of one network, see `attribute_run`."""
    images = task.test.inputs[places]
    x = model.prepare(images, config)
    seen = center_crop(images, x.shape[1])
    predictions = model.logits(x).argmax(1)
    derivatives = model.derivatives(device)
    found: dict[str, list[Array]] = {"share": [], "completeness": [], "maps": []}
    for baseline in baselines(model, config, task.test.inputs):
        tensors = (derivatives.put(array) for array in (x, baseline, predictions))
        values, totals = (part.cpu().numpy() for part in derivatives.integrated_gradients(*tensors, STEPS))
        maps = values.sum(3, dtype=np.float64)
        found["share"].append(share_on_object(maps, seen))
        found["completeness"].append(completeness(maps, totals))
        found["maps"].append(maps[: task.num_classes].astype(np.float16))
    return {"predictions": predictions, **{name: np.stack(arrays) for name, arrays in found.items()}}


def baselines(model: SavedModel, config: Config, images: Array) -> list[NDArray[np.float32]]:
    """BASELINES (h, w, c) in the model's input scale, of test images."""
    black = np.zeros_like(images[:1])
    mean = images.mean(axis=0, keepdims=True, dtype=np.float64).astype(np.float32)
    return [model.prepare(image, config)[0] for image in (black, mean)]


def share_on_object(maps: Floats, images: Array) -> Floats:
    """Share of the absolute attributions (n, h, w) that lies where images (n, h, w, c) are not black; nan of none."""
    weights = np.abs(maps)
    inside = (weights * (images > 0).any(axis=3)).sum((1, 2))
    total = weights.sum((1, 2))
    return np.divide(inside, total, out=np.full(len(maps), np.nan), where=total > 0)


def completeness(maps: Floats, totals: Floats) -> Floats:
    """How far sums of attributions (n, h, w) are from what outputs changed by (n,), relative to all that was added.

    It is nan where nothing was.
    """
    error, total = np.abs(maps.sum((1, 2)) - totals), np.abs(maps).sum((1, 2))
    return np.divide(error, total, out=np.full(len(maps), np.nan), where=total > 0)


def rank_correlation(first: Array, second: Array) -> Floats:
    """Spearman's rank correlation of absolute attributions over the pixels of each image; (n, h, w) both, (n,) out.

    It is nan where one has no attributions.
    """
    from scipy.stats import spearmanr

    pairs = zip(np.abs(first), np.abs(second), strict=True)
    return np.array([spearmanr(a.ravel(), b.ravel()).statistic if a.any() and b.any() else np.nan for a, b in pairs])
