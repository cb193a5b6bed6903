"""The moving average of a network's weights and moving statistics, as TensorFlow's `ExponentialMovingAverage`."""

import copy

import torch
from torch import Tensor, nn


class Average:
    """A copy of the network whose arrays follow the network's, by `decay` or (1 + n) / (10 + n) after n steps."""

    def __init__(self, network: nn.Module, decay: float) -> None:
        self.network, self.decay = network, decay
        self.copy = copy.deepcopy(network)
        self.steps = torch.zeros((), device=next(network.parameters()).device)

    @torch.no_grad()
    def follow(self) -> None:
        """The network has taken a step."""
        own, given = (list(network.state_dict().values()) for network in (self.copy, self.network))
        self.steps += 1
        differences = torch._foreach_sub(given, own)
        torch._foreach_mul_(differences, 1 - ((1 + self.steps) / (10 + self.steps)).clamp(max=self.decay))
        torch._foreach_add_(own, differences)

    def tensors(self) -> list[Tensor]:
        """What a step changes."""
        return [*self.copy.state_dict().values(), self.steps]
