"""Trains one model in PyTorch; `keras_models/trainer.py` is its twin."""

import gc
import itertools
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from common.data.arrays import Array, Labels, Shape
from common.data.epochs import EpochPlan
from common.data.inputs import Kind
from common.data.preprocessing import pixel_scale
from common.data.stored import Stored
from common.errors import check_choice
from common.runs import trainers
from common.runs.config import ADAM, RMSPROP, Config, model_options
from common.runs.critical_points import Search, critical_points
from common.runs.processes import count, cuts, own_part, rank, summed
from common.runs.store import Record
from common.runs.trainers import NO_PAUSE, Arrays, Online, Pause, device_of
from torch_models import MODELS, files, processes
from torch_models.average import Average
from torch_models.batch_norm import BatchNorm, GroupedBatchNorm
from torch_models.derivatives import Derivatives
from torch_models.inputs import PREPARATIONS
from torch_models.noise import disturbed
from torch_models.reader import read_ahead
from torch_models.recorded import Recorded
from torch_models.rmsprop import RMSProp

EVALUATION_BATCH = 250  # eight times as many on a GPU
PREPARED_STEPS = 8


class Trainer(Recorded):
    """A model, its optimizer and its training set on one device; see `common.runs.trainers.Trainer`."""

    def __init__(
        self,
        config: Config,
        kind: Kind,
        num_classes: int,
        statistics: Mapping[str, Any] | None = None,
        device: str = "auto",
    ) -> None:
        self.config, self.num_classes = config, num_classes
        self.device = find_device(device)
        trainers.check_precision(config, kind, self.device.type)
        self.model = make_model(config, kind.input_shape, num_classes, self.device)
        self.grouped = [layer for layer in self.model.modules() if isinstance(layer, GroupedBatchNorm)]
        check_parts(config, self.model)
        self.average = Average(self.model, config.weight_average) if config.weight_average else None
        self.evaluated = self.average.copy if self.average else self.model
        self.reader = files.Reader(self.evaluated, kind.input_shape)
        self.prepare = PREPARATIONS[kind.name](kind, statistics or {}, self.device)
        self.optimizer = make_optimizer(config, filter(lambda weights: weights.requires_grad, self.model.parameters()))
        self.loss, self.correct = torch.zeros((2, 1), dtype=torch.float64, device=self.device)
        self.recordings, self.random = {}, torch.cuda if self.device.type == "cuda" else torch
        self.given: Array | None = None
        if config.adversarial_weight:
            self.derivatives, self.search = Derivatives(self.model), Search(iterations=config.adversarial_iterations)
            self.scale = self._tensor(pixel_scale(config.preprocessing, (statistics or {}).get("channel_statistics")))

    def put(self, inputs: Array, labels: Labels) -> None:
        """Place the training set, inputs as their kind keeps them and labels int64 (n,), on the device.

        Images on disk stay there. ValueError where a second head, whose batch norm sees one place of an image, would be
        left with one image.
        """
        if self.config.auxiliary_weight and 1 in (size := self.config.batch_size, len(labels) % size):
            raise ValueError(
                "every batch must hold two examples or more where there is a second head. "
                f"Received: {len(labels)} examples in batches of {size}"
            )
        self.given, self.labels = inputs, self._tensor(labels)
        if not isinstance(inputs, Stored):
            self.inputs = self._tensor(inputs)

    def train_epoch(self, plan: EpochPlan, learning_rate: float, pause: Pause = NO_PAUSE) -> Online | None:
        """One pass over the training set in the plan's order; none where it is paused."""
        set_learning_rate(self.optimizer, learning_rate)
        self.model.train()
        if not self.steps_taken:
            self.loss.zero_(), self.correct.zero_()
            if self.config.noisy:
                torch.manual_seed(plan.dropout_seed + rank())
        if not self.steps(self.batches(plan), pause):
            return None
        totals = [self.loss.clone(), self.correct.clone()]
        processes.total(totals)
        loss, share = (total.item() / len(plan.order) for total in totals)
        return Online(loss, share if self.config.counts_correct else None)

    def update(self, inputs: Tensor, labels: Tensor) -> None:
        """One step of the optimizer, from the labels of a batch and the inputs of this process's part of it."""
        n, labels = len(labels), labels[self.part(len(labels))]
        if len(labels):
            self.learn(inputs, labels, len(labels) / n)
        else:
            self.optimizer.zero_grad()
        self.exchange()
        self.optimizer.step()
        self.follow(n)

    def learn(self, inputs: Tensor, labels: Tensor, share: float) -> None:
        """The gradient of examples that are such a share of their batch."""
        inputs = disturbed(inputs, self.config.input_dropout, self.config.input_noise)
        if weight := self.config.adversarial_weight:
            points = critical_points(self.derivatives, inputs, self.search, self.scale)
        logits = self.in_precision(inputs)
        loss = cross_entropy(logits[0], labels)
        self.loss += loss.detach() * len(labels)
        if len(logits) > 1 or self.config.label_smoothing:
            loss = self.penalized(logits, labels)
        if weight:
            loss = (1 - weight) * loss + weight * self.penalized(self.in_precision(points), labels)
        self.optimizer.zero_grad()
        (loss * share if share < 1 else loss).backward()
        if self.config.counts_correct:
            self.correct += (logits[0].argmax(1) == labels).sum()

    def part(self, n: int) -> slice:
        """This process's places of a batch: whole groups of batch norm."""
        return own_part(n, self.config.batch_norm_group or 1)

    def exchange(self) -> None:
        """Let the processes of a run add up their gradients, and what moves their statistics."""
        if count() == 1:
            return
        parameters = [weights for group in self.optimizer.param_groups for weights in group["params"]]
        for parameter in parameters:
            parameter.grad = torch.zeros_like(parameter) if parameter.grad is None else parameter.grad
        processes.total([*(each.grad for each in parameters), *(layer.totals for layer in self.grouped)])

    def in_precision(self, inputs: Tensor) -> list[Tensor]:
        """float32 logits in training, and those of a second head, from products in the config's precision."""
        taps = ("auxiliary",) if self.config.auxiliary_weight else ()
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.config.precision == "bfloat16"):
            outputs = self.model(inputs, taps)
        logits, others = outputs if taps else (outputs, {})
        return [logits.float(), *(others[name].float() for name in taps)]

    def penalized(self, logits: list[Tensor], labels: Tensor) -> Tensor:
        """What is minimized: cross-entropy of smoothed labels, and a share of a second head's."""
        first, *others = (cross_entropy(each, labels, label_smoothing=self.config.label_smoothing) for each in logits)
        return first + self.config.auxiliary_weight * others[0] if others else first

    def follow(self, n: int) -> None:
        """A step of n examples has changed the weights: what follows them does so."""
        for layer in self.grouped:
            layer.move(n)
        if self.average:
            self.average.follow()

    def tensors(self) -> list[Tensor]:
        """What a step changes beside the optimizer's state: weights, moving statistics and counts."""
        following = self.average.tensors() if self.average else []
        return [*self.model.state_dict().values(), *following, self.loss, self.correct]

    def batches(self, plan: EpochPlan) -> Iterator[tuple[Tensor, Tensor]]:
        """Model inputs and labels of each step of an epoch that is left; several are prepared at once, in fewer calls.

        These are the same ones where it was paused.
        """
        together = 1 if isinstance(self.given, Stored) else PREPARED_STEPS
        own, begun = self.steps_of(plan), self.steps_taken // together
        labels = iter(self.labels[self._tensor(plan.order)].split(self.config.batch_size)[begun * together :])
        groups = [[*map(len, own[first : first + together])] for first in range(0, len(own), together)]
        places, parts = np.concatenate(own), [*map(sum, groups)]
        drawn = {name: self._tensor(array[places]).split(parts)[begun:] for name, array in plan.drawn.items()}
        taken, over = self.taken(plan.order[places], parts, begun), self.steps_taken - begun * together
        for number, (sizes, (images, chosen)) in enumerate(zip(groups[begun:], taken, strict=True)):
            inputs = self.prepare(images, chosen=chosen, **{name: split[number] for name, split in drawn.items()})
            yield from itertools.islice(zip(inputs.split(sizes), labels, strict=False), over, None)
            over = 0

    def steps_of(self, plan: EpochPlan) -> list[Labels]:
        """Places of the plan that this process takes in each step."""
        places, size = np.arange(len(plan.order)), self.config.batch_size
        steps = (places[start : start + size] for start in range(0, len(places), size))
        return [step[self.part(len(step))] for step in steps]

    def taken(self, order: Labels, parts: Sequence[int], begun: int) -> Iterator[tuple[Tensor, Tensor | None]]:
        """Examples, and which of them it takes, for each part of so many of an order, but for those that are done.

        Of images on disk these are read while the parts before are trained on, and none means all of them.
        """
        if isinstance(self.given, Stored):
            batches = np.split(order, np.cumsum(parts)[:-1])[begun:]
            yield from ((images, None) for images in read_ahead(self.given, batches, self.device))
        else:
            yield from ((self.inputs, chosen) for chosen in self._tensor(order).split(list(parts))[begun:])

    def _tensor(self, array: Array) -> Tensor:
        return torch.from_numpy(array).to(self.device)

    def logits(self, inputs: Array) -> NDArray[np.float32]:
        """float32 (n, num_classes)."""
        return self.features(inputs, "logits")

    def features(self, inputs: Array, layer: str) -> NDArray[np.float32]:
        """float32 (n, d) of a named layer, flattened in NHWC order."""
        return np.concatenate(list(self.feature_batches(inputs, layer)))

    def feature_batches(self, inputs: Array, layer: str) -> Iterator[NDArray[np.float32]]:
        """`features` in parts, one after the other."""
        return (self.reader.features(x, layer) for x in self.prepared(inputs))

    def prepared(self, inputs: Array) -> Iterator[Tensor]:
        """Model inputs in batches for evaluation, nothing drawn; `put` has placed some."""
        if isinstance(inputs, Stored):
            size = min(self.evaluation_batch, -(-self.config.batch_size // count()))  # large: no more than a step has
            places = np.arange(len(inputs))
            batches = read_ahead(inputs, (places[i : i + size] for i in range(0, len(places), size)), self.device)
        else:
            raw = self.inputs if inputs is self.given else torch.from_numpy(inputs)
            batches = (batch.to(self.device) for batch in raw.split(self.evaluation_batch))
        yield from map(self.prepare, batches)

    @property
    def evaluation_batch(self) -> int:
        """Examples that are evaluated at once."""
        return EVALUATION_BATCH * (1 if self.device.type == "cpu" else 8)

    def get_weights(self) -> Arrays:
        """Arrays under canonical names of what is evaluated and saved."""
        return files.get_weights(self.evaluated)

    def set_weights(self, weights: Arrays) -> None:
        """Inverse of `get_weights`; training starts from them too."""
        for network in {self.evaluated, self.model}:
            files.set_weights(network, weights)

    def get_optimizer_state(self) -> Arrays:
        """Arrays that, with the weights, make a resumed run exact: with an average, the weights that it follows too."""
        state = self.optimizer.state_dict()["state"]
        arrays = {
            f"{index}/{name}": value.cpu().numpy().copy() for index in state for name, value in state[index].items()
        }
        if self.average:
            arrays |= {f"followed/{name}": array for name, array in files.get_weights(self.model).items()}
            arrays["followed/steps"] = self.average.steps.cpu().numpy()
        return arrays

    def set_optimizer_state(self, arrays: Arrays) -> None:
        """Inverse of `get_optimizer_state`."""
        parts: dict[str, Arrays] = {}
        for key, array in arrays.items():
            part, name = key.split("/", 1)
            parts.setdefault(part, {})[name] = array
        followed = parts.pop("followed", {})
        if self.average:
            self.average.steps.copy_(torch.from_numpy(followed.pop("steps")))
            files.set_weights(self.model, followed)
        parameters = [parameter for group in self.optimizer.param_groups for parameter in group["params"]]
        state = {
            int(index): {name: placed(array, parameters[int(index)]) for name, array in part.items()}
            for index, part in parts.items()
        }
        self.optimizer.load_state_dict({**self.optimizer.state_dict(), "state": state})
        self.recordings = {}

    def get_progress(self) -> Arrays:
        """Of an epoch that is paused: steps that are taken, and each process's sums and state of random numbers."""
        if not self.steps_taken:
            return {}
        sums = torch.stack([self.loss, self.correct]).cpu()
        own = {"sums": sums, **({"random": self.random.get_rng_state()} if self.config.noisy else {})}
        return {"taken": np.array(self.steps_taken), **{name: rows(tensor.numpy()) for name, tensor in own.items()}}

    def set_progress(self, arrays: Arrays) -> None:
        """Inverse of `get_progress`; with another number of processes the first takes the sums of all."""
        self.steps_taken = int(arrays.get("taken", 0))
        if self.steps_taken:
            sums = arrays["sums"]
            own = sums[rank()] if len(sums) == count() else sums.sum(0) * (rank() == 0)
            for tensor, value in zip((self.loss, self.correct), own, strict=True):
                tensor.copy_(torch.from_numpy(value))
        if "random" in arrays:
            states = arrays["random"]
            self.random.set_rng_state(torch.from_numpy(states[rank() % len(states)].copy()))

    def save(self, path: Path, metadata: Record) -> None:
        """Write the model file."""
        files.save(
            self.evaluated,
            path,
            {**metadata, "input_shape": list(self.reader.input_shape), "num_classes": self.num_classes},
        )

    @property
    def parameters(self) -> int:
        """Number of trainable parameters."""
        return sum(parameter.numel() for parameter in self.model.parameters() if parameter.requires_grad)

    @property
    def description(self) -> Record:
        """What the record says of the framework."""
        device = torch.cuda.get_device_name() if self.device.type == "cuda" else "cpu"
        return {"framework_version": torch.__version__, "keras_backend": None, "device": device}


_: type[trainers.Trainer] = Trainer  # it has all that the protocol asks for


def check_parts(config: Config, model: nn.Module) -> None:
    """ValueError where several processes cannot be given parts of a batch, or some would have none.

    Also where groups of batch norm would be seen twice in a step, and counted once.
    """
    if config.batch_norm_group and config.adversarial_weight:
        received = f"Received: batch_norm_group={config.batch_norm_group}"
        raise ValueError(f"batch_norm_group must be none with adversarial_weight. {received}")
    parts = 1 + len(cuts(config.batch_size, config.batch_norm_group or 1))
    if parts < count():
        raise ValueError(
            f"batch_size must hold an example, or a whole group of batch norm, for each of {count()} processes. "
            f"Received: batch_size={config.batch_size}, batch_norm_group={config.batch_norm_group}"
        )
    whole = [layer for layer in model.modules() if isinstance(layer, BatchNorm) and not config.batch_norm_group]
    if count() > 1 and whole:
        raise ValueError(
            "batch_norm_group must be given for a run in several processes, in a model that has it. "
            f"Received: batch_norm_group=None, model={config.model!r}"
        )


def rows(array: NDArray[Any]) -> NDArray[Any]:
    """A row for each process."""
    every = np.zeros((count(), *array.shape), array.dtype)
    every[rank()] = array
    return summed(every)


def placed(array: NDArray[Any], parameter: Tensor) -> Tensor:
    """Of an optimizer's state: a fused step walks memory, so that moments must lie there as their parameter does."""
    value = torch.tensor(array)
    return torch.empty_like(parameter).copy_(value) if value.ndim else value


def set_learning_rate(optimizer: torch.optim.Optimizer, learning_rate: float) -> None:
    """For the steps to come; recorded ones read it from the device."""
    for group in optimizer.param_groups:
        if isinstance(group["lr"], torch.Tensor):
            group["lr"].fill_(learning_rate)
        else:
            group["lr"] = learning_rate


def make_model(config: Config, input_shape: Shape, num_classes: int, device: str | torch.device) -> nn.Module:
    """The config's network for inputs of this shape."""
    check_choice("model", config.model, MODELS)
    build = MODELS[config.model]
    return build(input_shape, num_classes, **model_options(config, build)).to(device)


def make_optimizer(config: Config, parameters: Iterable[Tensor], stacked: bool = False) -> torch.optim.Optimizer:
    """SGD with momentum, Adam or RMSProp; the penalty on kernels is part of the gradient, biases have none.

    Parameters that are stacked have an axis of runs before their own.
    """
    parameters = list(parameters)
    kernels = [parameter for parameter in parameters if parameter.ndim - stacked > 1]
    others = [parameter for parameter in parameters if parameter.ndim - stacked <= 1]
    groups = [{"params": kernels, "weight_decay": config.weight_decay}, {"params": others, "weight_decay": 0.0}]
    recorded = others[0].device.type == "cuda"
    rate = torch.tensor(config.learning_rate, device=others[0].device) if recorded else config.learning_rate
    if config.optimizer == "rmsprop":
        return RMSProp(groups, rate, config.momentum, **RMSPROP)
    if config.optimizer == "adam":
        betas = ADAM["beta_1"], ADAM["beta_2"]
        return torch.optim.Adam(groups, rate, betas, ADAM["epsilon"], fused=True, capturable=recorded)
    return torch.optim.SGD(groups, rate, config.momentum, fused=True)


def forget() -> None:
    """Free what trainers have left in this process, a GPU's memory too."""
    gc.collect()
    torch.cuda.empty_cache()


def check_gpus(wanted: int, found: int) -> None:
    """ValueError for more processes than GPUs."""
    if wanted > found:
        raise ValueError(f"nproc-per-node must be at most {found}, a GPU each. Received: nproc-per-node={wanted}")


def find_device(name: str) -> torch.device:
    """The torch device, from now on the current one, its convolutions made exact; ValueError where there is none."""
    gpus = torch.cuda.device_count() if torch.cuda.is_available() else 0
    device = torch.device(device_of(name, gpus, "PyTorch finds no GPU here"))
    if device.type == "cuda" and count() > 1:
        check_gpus(int(os.environ["LOCAL_WORLD_SIZE"]), gpus)
        device = torch.device("cuda", int(os.environ["LOCAL_RANK"]))
    if device.index is not None:
        torch.cuda.set_device(device)
    torch.backends.cudnn.deterministic = True  # on a GPU too the same bits again
    torch.backends.cudnn.allow_tf32 = torch.backends.cuda.matmul.allow_tf32 = False  # and float32 that is float32
    return device
