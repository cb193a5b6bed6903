"""Loss-sensitivity: how the loss in training depends on each training example (Arpit et al. 2017, section 3.2).

The gradient of the loss after t steps with an example goes through all steps before that used the example, not through
the network alone; that of the network alone, which others call by the same name, is `local_gradient_norms`.
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Annotated, Any

import numpy as np
import tyro
from numpy.typing import ArrayLike, NDArray

from common import frameworks
from common.analysis.evaluator import SavedModel, load
from common.analysis.readout import model_files, own_task
from common.data.arrays import Floats, Labels
from common.data.epochs import EpochPlan
from common.errors import check_choice
from common.runs.config import Config, Options, run_id
from common.runs.run import draw_plan
from common.runs.store import READ, Store, write_arrays
from common.runs.trainers import make_trainer

Arrays = dict[str, NDArray[Any]]
SENSITIVITY = "loss_sensitivity.npz"
NORMS = ("l1", "l2", "linf")
LOSSES = ("train", "batch")
TOLERANCE = 1e-3
"""Largest distance of replayed weights from the saved ones, as a share of their norm: no more than float32's sums in
another order make of a training."""


@dataclass(frozen=True)
class Sensitivity:
    """Which loss is differentiated, and when."""

    every: int = 10
    """Steps from one checkpoint to the next; the last step is always one."""
    loss: Annotated[str, tyro.conf.arg(metavar="|".join(LOSSES))] = "train"
    """Mean over the training set, or over the batch of the next step; Arpit et al. leave it open."""
    direct: bool = False
    """Also the gradient with an example where it stands in the loss itself, not only through the training."""

    def __post_init__(self) -> None:
        check_choice("loss", self.loss, LOSSES)
        if self.every < 1:
            raise ValueError(f"every must be positive. Received: every={self.every}")


def gini(values: ArrayLike) -> float:
    """Gini coefficient of n values: the sum of all |v_i - v_j| over 2 n^2 times their mean.

    0 where all are equal, (n - 1) / n where all but one are 0. ValueError for values that are negative, not finite or
    all 0.
    """
    ordered = np.sort(np.asarray(values, np.float64), axis=None)
    if not (ordered.size and np.isfinite(ordered).all() and ordered[0] >= 0 and ordered[-1] > 0):
        received = f"{ordered[:1]} to {ordered[-1:]}"
        raise ValueError(f"values must be finite, 0 or more and not all 0. Received: values from {received}")
    n = len(ordered)
    return float((2 * np.arange(n) - n + 1) @ ordered / (n * ordered.sum()))


def running_means(norms: NDArray[Any]) -> Floats:
    """Means over the first 1, 2, ... checkpoints of (checkpoints, ...): g-bar at every T."""
    counts = np.arange(1, len(norms) + 1).reshape(-1, *(1,) * (norms.ndim - 1))
    return np.cumsum(norms, axis=0, dtype=np.float64) / counts


def gini_curve(norms: NDArray[Any]) -> Floats:
    """Gini coefficients (checkpoints,) of the `running_means` of (checkpoints, n); nan as long as all are 0."""
    return np.array([gini(means) if means.any() else np.nan for means in running_means(norms)])


def class_sensitivity(norms: NDArray[Any], labels: Labels) -> Floats:
    """Class-specific loss-sensitivity g-bar_{i,j} (classes, classes), Arpit et al.'s Figure 4.

    Of norms (checkpoints, classes, n) of the gradients of each class' terms of the loss, i, the means over checkpoints
    and over the examples of each class, j; nan for a class without examples.
    """
    classes = norms.shape[1]
    check_labels(labels, classes)
    members = labels[:, None] == np.arange(classes)
    with np.errstate(invalid="ignore"):
        return norms.mean(axis=0, dtype=np.float64) @ members / members.sum(axis=0)


def check_labels(labels: Labels, classes: int) -> None:
    """ValueError unless labels are of these classes, counted from 0."""
    if not ((labels >= 0) & (labels < classes)).all():
        raise ValueError(f"labels must be from 0 to {classes - 1}. Received: {labels.min()} to {labels.max()}")


def off_diagonal_share(matrix: Floats) -> float:
    """Share of the sum of a (classes, classes) matrix that lies off its diagonal."""
    return float(1 - np.nansum(np.diagonal(matrix)) / np.nansum(matrix))


def local_gradient_norms(model: SavedModel, x: NDArray[np.float32], labels: Labels) -> NDArray[np.float32]:
    """NORMS (3, n) of the gradient of each example's cross-entropy with its input, of a network as it is.

    The mean of l2 is what IBM's Adversarial Robustness Toolbox calls loss-sensitivity. `x` (n, height, width, channels)
    is in the model's input scale. ValueError for a Keras model, and for labels that the network does not have.
    """
    if model.path.suffix != ".pt":
        raise ValueError(f"a model must be a .pt for gradients with its inputs. Received: {model.path}")
    check_labels(labels, model.logits(x).shape[1])
    found: NDArray[np.float32] = frameworks.module("torch", "unrolled").input_gradient_norms(model.network, x, labels)
    return found


def sensitivity_run(
    config: Config, options: Options, settings: Sensitivity | None = None, force: bool = False
) -> Arrays:
    """Loss-sensitivity of a finished PyTorch run, kept with the run: made where it is missing or of other settings.

    What is kept of another model than the run's is missing, too. The run is trained again from its initial weights, and
    all its states are held: steps x parameters x 8 bytes.

    Arrays, by NORMS in their first axis: `sensitivity` (3, n) g-bar of the examples with the data set's `indices` (n,);
    `gini` (3, checkpoints) of g-bar up to the checkpoints after `steps`; `classes` (3, classes, classes), absent where
    each example has a class of its own; `local` (3, n) `local_gradient_norms`; `seconds` for each checkpoint, on
    average, and `model_sha256`, of the model file, which older files lack; and `settings`, JSON. The l1 norm's g-bar
    is also `train_loss_sensitivity` in the run's arrays. Gradients are with the network's inputs in their scale.
    ValueError for a run that is not finished, or not by plain SGD.
    """
    store, settings = Store.of(options), settings or Sensitivity()
    if not (files := model_files(config, options)):  # it diverged
        return {}
    ((epochs, file),) = files.items()
    made_of = {"settings": np.array(json.dumps(asdict(settings))), "model_sha256": np.array(file.sha256)}
    with store.lock(run_id(config), READ, options.time_limit):
        kept = {} if force else store.kept_arrays(run_id(config), SENSITIVITY)
        if all(kept.get(name) == value for name, value in made_of.items()):
            return kept
        check(config, epochs)
        arrays = unrolled_sensitivity(config, options, load(file.path), epochs, settings) | made_of
        write_arrays(store.folder(run_id(config)) / SENSITIVITY, arrays, compress=True)
        store.add_arrays(run_id(config), {"train_loss_sensitivity": arrays["sensitivity"][NORMS.index("l1")]})
    return arrays


def check(config: Config, epochs: int) -> None:
    """ValueError unless the training can be unrolled: float32 steps of SGD that see the same inputs in each epoch."""
    for name, required in (("framework", "torch"), ("optimizer", "sgd"), ("precision", "float32")):
        if (value := getattr(config, name)) != required:
            raise ValueError(f"{name} must be {required} to be unrolled. Received: {name}={value!r}")
    if config.augmented or config.noisy or not epochs:
        raise ValueError(
            "a run must have steps, without augmentation, noise or dropout, to be unrolled. "
            f"Received: {run_id(config)} of {epochs} epochs"
        )


def unrolled_sensitivity(
    config: Config, options: Options, model: SavedModel, epochs: int, settings: Sensitivity
) -> Arrays:
    """The arrays of `sensitivity_run`, but for the settings: made of a training that ends at the saved model."""
    models, unrolled = Store.of(options).models, frameworks.module("torch", "unrolled")
    task = own_task(config, options)
    trainer: Any = make_trainer(config, task, options.device, models)
    plans = [draw_plan(config, task, epoch) for epoch in range(epochs + 1)]  # the last for the batch after the end
    rates = [config.learning_rate_at(epoch) for epoch in range(epochs)]
    training = unrolled.replay(trainer, plans[:-1], rates).double()  # the float32 states are let go
    check_replay(trainer.get_weights(), model)
    n, classes = len(task.train), 0 if config.unique_labels else task.num_classes
    times = checkpoints(len(training.steps), settings.every)
    batch = settings.loss == "batch"
    places = [next_batch(plans, config.batch_size, step) if batch else np.arange(n) for step in times]
    weights = loss_weights(task.train.labels, classes, places)
    started = time.perf_counter()
    norms = unrolled.gradient_norms(training, times, weights, settings.direct)
    seconds = np.array((time.perf_counter() - started) / len(times))
    local = local_gradient_norms(model, model.prepare(task.train.inputs, config), task.train.labels)
    arrays: Arrays = {"indices": task.train.indices, "steps": times, "local": local, "seconds": seconds}
    return summary(norms, task.train.labels) | arrays


def check_replay(weights: Arrays, model: SavedModel) -> None:
    """ValueError where a replayed training does not end at the saved model."""
    saved = model.get_weights()
    distance = np.sqrt(sum(np.sum(np.square(weights[name] - values)) for name, values in saved.items()))
    norm = np.sqrt(sum(np.sum(np.square(values)) for values in saved.values()))
    if not distance <= TOLERANCE * norm:  # which is nan where training diverged
        raise ValueError(
            f"a replayed training must end at the saved weights. Received: {model.path}, {distance / norm:.1%} away"
        )


def checkpoints(end: int, every: int) -> Labels:
    """Every so many steps, and the last."""
    return np.append(np.arange(every, end, every), end)


def next_batch(plans: Sequence[EpochPlan], batch_size: int, steps: int) -> Labels:
    """Places in the training set of the batch that these epochs take after so many steps."""
    epoch, step = divmod(steps, math.ceil(len(plans[0].order) / batch_size))
    return plans[epoch].order[step * batch_size :][:batch_size]


def loss_weights(labels: Labels, classes: int, places: Sequence[Labels]) -> NDArray[np.float32]:
    """Weights (checkpoints, 1 + classes, n) of the examples' losses: the mean over places, and each class' part of it.

    `places` are those in the training set of the examples that the loss at each checkpoint is of.
    """
    shares = np.zeros((len(places), 1, len(labels)), np.float32)
    for row, at in zip(shares[:, 0], places, strict=True):
        row[at] = 1 / len(at)
    parts = np.vstack([np.ones_like(labels), labels == np.arange(classes)[:, None]])
    return shares * parts.astype(np.float32)


def summary(norms: Floats, labels: Labels) -> Arrays:
    """What is kept of norms (3, checkpoints, 1 + classes, n) of the gradients of a loss and its classes' parts."""
    whole, parts = norms[:, :, 0], norms[:, :, 1:]
    arrays: Arrays = {
        "sensitivity": whole.mean(axis=1),
        "gini": np.stack([gini_curve(of_norm) for of_norm in whole]),
    }
    return arrays | ({"classes": np.stack([class_sensitivity(part, labels) for part in parts])} if parts.size else {})
