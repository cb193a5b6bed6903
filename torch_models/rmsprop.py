"""RMSProp as TensorFlow's, which Inception v3 was trained with."""

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor


class RMSProp(torch.optim.Optimizer):
    """Epsilon stands inside the root, the mean of squares starts at 1, and the learning rate enters the momentum.

    mean = decay * mean + (1 - decay) * gradient^2; step = momentum * step + rate * gradient / sqrt(mean + epsilon);
    what PyTorch's own does differs in all three. A group's `weight_decay` times its weights is part of the gradient.
    """

    def __init__(
        self, groups: Iterable[dict[str, Any]], lr: float | Tensor, momentum: float, decay: float, epsilon: float
    ) -> None:
        super().__init__(groups, {"lr": lr, "momentum": momentum, "decay": decay, "epsilon": epsilon})
        for group in self.param_groups:
            for weights in group["params"]:
                self.state[weights] = {"mean_square": torch.ones_like(weights), "momentum": torch.zeros_like(weights)}

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> None:  # type: ignore[override]
        """One update of all weights."""
        for group in self.param_groups:
            weights = group["params"]
            if not weights:
                continue
            gradients = torch._foreach_add([each.grad for each in weights], weights, alpha=group["weight_decay"])
            means, steps = ([self.state[each][name] for each in weights] for name in ("mean_square", "momentum"))
            torch._foreach_mul_(means, group["decay"])
            torch._foreach_addcmul_(means, gradients, gradients, 1 - group["decay"])
            roots = torch._foreach_add(means, group["epsilon"])
            torch._foreach_sqrt_(roots)
            torch._foreach_div_(gradients, roots)
            torch._foreach_mul_(gradients, group["lr"])
            torch._foreach_mul_(steps, group["momentum"])
            torch._foreach_add_(steps, gradients)
            torch._foreach_sub_(weights, steps)
