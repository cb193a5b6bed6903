"""Derivatives of a network in evaluation mode and float32: by its inputs, and second ones by its parameters."""

import contextlib
from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

BATCH = 250  # of Hessian products, which keep several times as much as a step of training


class Derivatives:
    """A network as `common.runs.critical_points.Model` has it, and products with its loss's Hessian.

    Neither the network's mode nor its moving statistics nor its parameters' gradients change.
    """

    def __init__(self, model: nn.Module) -> None:
        self.model = model
        self.generator: torch.Generator | None = None
        self.parameters = [parameter for parameter in model.parameters() if parameter.requires_grad]
        self.sizes = [parameter.numel() for parameter in self.parameters]

    def put(self, array: NDArray[Any]) -> Tensor:
        """The array as a tensor on the network's device."""
        return torch.from_numpy(array).to(self.parameters[0].device)

    def seed(self, seed: int) -> None:
        """Noise comes from a generator of its own from now on, no longer from PyTorch's."""
        self.generator = torch.Generator(self.parameters[0].device).manual_seed(seed)

    def normal(self, x: Tensor) -> Tensor:
        """Standard normal noise of the shape of x."""
        return torch.empty_like(x).normal_(generator=self.generator)

    def predictions(self, x: Tensor) -> Tensor:
        """Class (n,) of each input (n, h, w, c)."""
        with evaluation(self.model), torch.no_grad():
            return self.model(x).argmax(1)

    def ascent(self, x: Tensor, labels: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Predictions, and the sign of the gradient of the cross-entropy of labels (n,), or else of the predictions.

        With logits z, and k the label, the cross-entropy is softplus(log sum_{j != k} exp(z_j) - z_k). The gradient of
        what is inside differs by a positive factor, which in float32 would be 0 where the network is sure.
        """
        x = x.detach().requires_grad_()
        with evaluation(self.model):
            logits = self.model(x)
        predictions = logits.argmax(1)
        chosen = (predictions if labels is None else labels)[:, None]
        inside = logits.scatter(1, chosen, -torch.inf).logsumexp(1) - logits.gather(1, chosen)[:, 0]
        return predictions, torch.autograd.grad(inside.sum(), x)[0].sign()

    def integrated_gradients(self, x: Tensor, baseline: Tensor, classes: Tensor, steps: int) -> tuple[Tensor, Tensor]:
        """Attributions (n, h, w, c) of the outputs of classes (n,) to inputs from a baseline, which is one image or n.

        They are the means of gradients at the midpoints of that many equal parts of the way, times its length
        (Sundararajan et al. 2017). Beside them the sum that they should have (n,), f(x) - f(baseline), in float64.
        """
        starts, found, totals = baseline.expand_as(x), torch.empty_like(x), []
        shares = (torch.arange(steps, device=x.device) + 0.5) / steps
        for place, (start, end, chosen) in enumerate(zip(starts, x, classes.tolist(), strict=True)):
            gradient = torch.zeros_like(end)
            for share in shares.split(BATCH):
                points = torch.lerp(start, end, share.view(-1, *(1,) * end.dim())).requires_grad_()
                with evaluation(self.model):
                    outputs = self.model(points)[:, chosen].sum()
                gradient += torch.autograd.grad(outputs, points)[0].sum(0)
            found[place] = (end - start) * gradient / steps
            with evaluation(self.model), torch.no_grad():
                ends = self.model(torch.stack([start, end]))[:, chosen].double()
            totals.append(ends[1] - ends[0])
        return found, torch.stack(totals)

    def hessian_product(self, x: Tensor, labels: Tensor, vector: NDArray[Any]) -> NDArray[np.float64]:
        """Hessian of the mean cross-entropy of examples, times a vector (parameters,) in the order of `parameters`."""
        parts = self.put(vector.astype(np.float32)).split(self.sizes)
        directions = [part.view_as(parameter) for part, parameter in zip(parts, self.parameters, strict=True)]
        products = torch.zeros(len(vector), device=x.device)
        for inputs, targets in zip(x.split(BATCH), labels.split(BATCH), strict=True):
            with evaluation(self.model):  # softmax in float64: 1 - p of a fitted example is no rounding error
                loss = cross_entropy(self.model(inputs).double(), targets, reduction="sum")
            gradients = torch.autograd.grad(loss, self.parameters, create_graph=True)
            found = torch.autograd.grad(gradients, self.parameters, directions)
            products += torch.cat([product.flatten() for product in found])
        return (products / len(x)).cpu().numpy().astype(np.float64)


@contextlib.contextmanager
def evaluation(model: nn.Module) -> Iterator[None]:
    """Evaluation mode, and then the mode that there was."""
    training = model.training
    model.eval()
    try:
        yield
    finally:
        model.train(training)
