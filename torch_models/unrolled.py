"""Gradients of losses with training examples, through the steps of SGD that used them.

The training is unrolled and back-propagated through (Maclaurin et al. 2015), in one sweep from the last step to the
first that carries many losses at once: a step's backward pass is recorded once and pulls all their adjoints back.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.func import functional_call, grad, vjp, vmap
from torch.nn.functional import cross_entropy

from common.data.arrays import Array, Labels
from common.data.epochs import EpochPlan
from torch_models.trainer import Trainer, set_learning_rate

ORDERS = (1, 2, math.inf)
AT_ONCE = 2**26
"""Bytes of gradients and adjoints in one sweep, or one loss: more fall out of the cache and are no faster."""
EVALUATION_BATCH = 1000


@dataclass(frozen=True)
class Training:
    """A training by SGD, step by step, and its n examples as the network sees them.

    `states` (steps + 1, parameters) holds all parameters as one vector, before each step and after the last, and
    `steps` each step's learning rate and the places (b,) of its examples. Results have the dtype of inputs and states.
    """

    model: nn.Module
    inputs: Tensor
    labels: Tensor
    states: Tensor
    steps: list[tuple[float, Tensor]]
    momentum: float
    weight_decay: float

    def double(self) -> Training:
        """The same in float64, whose range gradients through thousands of steps need."""
        return replace(self, inputs=self.inputs.double(), states=self.states.double())

    def losses(self, state: Tensor, inputs: Tensor, labels: Tensor) -> Tensor:
        """Cross-entropy (n,) of each example in nats."""
        # Channels come first in memory: vmap knows no other order in the gradients of convolutions.
        inputs = inputs.permute(0, 3, 1, 2).clone(memory_format=torch.contiguous_format).permute(0, 2, 3, 1)
        logits = functional_call(self.model, self.parameters(state), (inputs,))
        return cross_entropy(logits, labels, reduction="none")

    def objective(self, state: Tensor, inputs: Tensor, labels: Tensor) -> Tensor:
        """What a step goes down: the mean cross-entropy and the penalty on kernels."""
        kernels = [value for value in self.parameters(state).values() if value.ndim > 1]
        penalty = self.weight_decay / 2 * sum(kernel.square().sum() for kernel in kernels)
        return self.losses(state, inputs, labels).mean() + penalty

    def parameters(self, state: Tensor) -> dict[str, Tensor]:
        """The vector's parts, by name."""
        named = dict(self.model.named_parameters())
        parts = state.split([value.numel() for value in named.values()])
        return {name: part.view(value.shape) for (name, value), part in zip(named.items(), parts, strict=True)}


def replay(trainer: Trainer, plans: Iterable[EpochPlan], rates: Iterable[float]) -> Training:
    """The training that a trainer makes of its weights by these epochs' plans and learning rates, in the same bits.

    ValueError for a model with batch norm, whose statistics are no parameters.
    """
    model, config = trainer.model, trainer.config
    if any(name.endswith("running_mean") for name, _ in model.named_buffers()):
        raise ValueError(
            f"model must have no batch norm for its training to be unrolled. Received: model={config.model!r}"
        )
    states, steps = [as_vector(model)], []
    for plan, rate in zip(plans, rates, strict=True):
        set_learning_rate(trainer.optimizer, rate)
        order = torch.from_numpy(plan.order).to(trainer.device)
        for places, batch in zip(order.split(config.batch_size), trainer.batches(plan), strict=True):
            trainer.update(*batch)
            states.append(as_vector(model))
            steps.append((rate, places))
    inputs = trainer.prepare(trainer.inputs)
    return Training(model, inputs, trainer.labels, torch.stack(states), steps, config.momentum, config.weight_decay)


def as_vector(model: nn.Module) -> Tensor:
    """A copy of all parameters, in their order."""
    return torch.cat([value.detach().flatten() for value in model.parameters()])


def loss_gradients(training: Training, times: list[int], weights: Tensor, direct: bool = False) -> Tensor:
    """Gradients (losses, n, *input_shape) of losses at points of a training with its examples, through the training.

    Loss k is the sum of the examples' cross-entropies after `times[k]` steps, a list that does not rise, with weights
    `weights[k]` (losses, n). `direct` adds the gradient with an example where it stands in the loss itself.
    """
    gradients = training.inputs.new_zeros(len(times), *training.inputs.shape)
    adjoints, velocities = training.states.new_zeros(2, len(times), training.states.shape[1])
    active = 0
    for time in range(times[0], -1, -1):
        if active:
            to_inputs = pull_back(training, time, adjoints[:active], velocities[:active])
            gradients[:active].index_add_(1, training.steps[time][1], to_inputs)
        new = slice(active, active + times.count(time))
        if new.stop > active:
            losses = partial(training.losses, labels=training.labels)
            pullback = vjp(losses, training.states[time], training.inputs)[1]
            adjoints[new], to_inputs = vmap(pullback)(weights[new])
            if direct:
                gradients[new] = to_inputs
            active = new.stop
    return gradients


def pull_back(training: Training, time: int, adjoints: Tensor, velocities: Tensor) -> Tensor:
    """Turn gradients with weights and velocities (losses, parameters) after a step into those before it, in place.

    Returns the gradients (losses, b, *input_shape) with the step's own inputs.
    """
    rate, places = training.steps[time]
    slope = partial(grad(training.objective), labels=training.labels[places])
    pullback = vjp(slope, training.states[time], training.inputs[places])[1]
    # The step is velocity = momentum * velocity + slope(state, inputs), state = state - rate * velocity.
    velocities.sub_(adjoints, alpha=rate)
    to_state, to_inputs = vmap(pullback)(velocities)
    adjoints.add_(to_state)
    velocities.mul_(training.momentum)
    return to_inputs


def gradient_norms(
    training: Training, times: NDArray[np.int64], weights: NDArray[Any], direct: bool = False
) -> NDArray[Any]:
    """Norms l1, l2 and l_inf (3, checkpoints, parts, n) of `loss_gradients`.

    The losses are the parts of each of the rising `times` (checkpoints,), with `weights` (checkpoints, parts, n).
    """
    falling = np.repeat(times, weights.shape[1])[::-1].tolist()
    rows = torch.from_numpy(weights.reshape(len(falling), -1)[::-1].copy()).to(training.inputs)
    each = training.inputs.itemsize * (training.inputs.numel() + 2 * training.states.shape[1])
    size = max(1, AT_ONCE // each)
    found = [
        norms(loss_gradients(training, falling[start : start + size], rows[start : start + size], direct).flatten(2))
        for start in range(0, len(falling), size)
    ]
    return torch.cat(found, 1).flip(1).view(len(ORDERS), *weights.shape).cpu().numpy()


@torch.no_grad()
def input_gradient_norms(model: nn.Module, inputs: Array, labels: Labels) -> NDArray[Any]:
    """Norms (3, n) of the gradient of each example's own loss with its input, the weights held."""

    def total_loss(inputs: Tensor, labels: Tensor) -> Tensor:
        return cross_entropy(model(inputs), labels, reduction="sum")

    model.eval()
    batches = zip(*(torch.from_numpy(array).split(EVALUATION_BATCH) for array in (inputs, labels)), strict=True)
    return torch.cat([norms(grad(total_loss)(*batch).flatten(1)) for batch in batches], 1).numpy()


def norms(gradients: Tensor) -> Tensor:
    """l1, l2 and l_inf over the last axis, stacked."""
    return torch.stack([torch.linalg.vector_norm(gradients, order, dim=-1) for order in ORDERS])
