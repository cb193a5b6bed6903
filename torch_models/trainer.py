"""Trains one model in PyTorch; `keras_models/trainer.py` is its twin."""

import gc
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
from common.runs.config import ADAM, Config, model_options
from common.runs.critical_points import Search, critical_points
from common.runs.store import Record
from common.runs.trainers import Arrays, Online, Pause, device_of, never
from torch_models import MODELS, files
from torch_models.derivatives import Derivatives
from torch_models.inputs import PREPARATIONS
from torch_models.noise import disturbed
from torch_models.reader import read_ahead
from torch_models.recorded import Recorded

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
        self.reader = files.Reader(self.model, kind.input_shape)
        self.prepare = PREPARATIONS[kind.name](kind, statistics or {}, self.device)
        self.optimizer = make_optimizer(config, filter(lambda weights: weights.requires_grad, self.model.parameters()))
        self.loss, self.correct = torch.zeros((2, 1), dtype=torch.float64, device=self.device)
        self.recordings = {}
        self.given: Array | None = None
        if config.adversarial_weight:
            self.derivatives, self.search = Derivatives(self.model), Search(iterations=config.adversarial_iterations)
            self.scale = self._tensor(pixel_scale(config.preprocessing, (statistics or {}).get("channel_statistics")))

    def put(self, inputs: Array, labels: Labels) -> None:
        """Place the training set, inputs as their kind keeps them and labels int64 (n,), on the device.

        Images on disk stay there.
        """
        self.given, self.labels = inputs, self._tensor(labels)
        if not isinstance(inputs, Stored):
            self.inputs = self._tensor(inputs)

    def train_epoch(self, plan: EpochPlan, learning_rate: float, pause: Pause = never) -> Online | None:
        """One pass over the training set in the plan's order; none where it is paused."""
        set_learning_rate(self.optimizer, learning_rate)
        self.model.train()
        if not self.steps_taken:
            self.loss.zero_(), self.correct.zero_()
            if self.config.noisy:
                torch.manual_seed(plan.dropout_seed)
        if not self.steps(self.batches(plan), pause):
            return None
        loss, share = (total.item() / len(plan.order) for total in (self.loss, self.correct))
        return Online(loss, share if self.config.counts_correct else None)

    def update(self, inputs: Tensor, labels: Tensor) -> None:
        """One step of the optimizer."""
        inputs = disturbed(inputs, self.config.input_dropout, self.config.input_noise)
        if weight := self.config.adversarial_weight:
            points = critical_points(self.derivatives, inputs, self.search, self.scale)
        logits = self.in_precision(inputs)
        loss = cross_entropy(logits, labels)
        self.loss += loss.detach() * len(labels)
        if weight:
            loss = (1 - weight) * loss + weight * cross_entropy(self.in_precision(points), labels)
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()
        if self.config.counts_correct:
            self.correct += (logits.argmax(1) == labels).sum()

    def in_precision(self, inputs: Tensor) -> Tensor:
        """float32 logits in training, from products in the config's precision."""
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.config.precision == "bfloat16"):
            return self.model(inputs).float()

    def tensors(self) -> list[Tensor]:
        """What a step changes beside the optimizer's state: weights, moving statistics and counts."""
        return [*self.model.state_dict().values(), self.loss, self.correct]

    def batches(self, plan: EpochPlan) -> Iterator[tuple[Tensor, Tensor]]:
        """Model inputs and labels of each step of an epoch; several steps are prepared at once, in fewer calls."""
        order, drawn = self._tensor(plan.order), {name: self._tensor(array) for name, array in plan.drawn.items()}
        size, steps = self.config.batch_size, 1 if isinstance(self.given, Stored) else PREPARED_STEPS
        parts = [slice(start, start + steps * size) for start in range(0, len(plan.order), steps * size)]
        for part, (images, chosen) in zip(parts, self.taken(plan, order, parts), strict=True):
            inputs = self.prepare(images, chosen=chosen, **{name: array[part] for name, array in drawn.items()})
            yield from zip(inputs.split(size), self.labels[order[part]].split(size), strict=True)

    def taken(self, plan: EpochPlan, order: Tensor, parts: Sequence[slice]) -> Iterator[tuple[Tensor, Tensor | None]]:
        """For each part of an epoch's order, which is `order` on the device, examples and which of them it takes.

        Of images on disk these are read while the parts before are trained on, and none means all of them.
        """
        if isinstance(self.given, Stored):
            for images in read_ahead(self.given, (plan.order[part] for part in parts), self.device):
                yield images, None
        else:
            yield from ((self.inputs, order[part]) for part in parts)

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
            size = min(self.evaluation_batch, self.config.batch_size)  # they are large: no more than a step has
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
        """Arrays under canonical names."""
        return files.get_weights(self.model)

    def set_weights(self, weights: Arrays) -> None:
        """Inverse of `get_weights`."""
        files.set_weights(self.model, weights)

    def get_optimizer_state(self) -> Arrays:
        """Arrays that, with the weights, make a resumed run exact."""
        state = self.optimizer.state_dict()["state"]
        return {
            f"{index}/{name}": value.cpu().numpy().copy() for index in state for name, value in state[index].items()
        }

    def set_optimizer_state(self, arrays: Arrays) -> None:
        """Inverse of `get_optimizer_state`."""
        parameters = [parameter for group in self.optimizer.param_groups for parameter in group["params"]]
        state: dict[int, dict[str, Tensor]] = {}
        for key, array in arrays.items():
            index, name = key.split("/")
            value = torch.tensor(array)
            if value.ndim:  # a fused step walks memory: moments must lie there as their parameter does
                value = torch.empty_like(parameters[int(index)]).copy_(value)
            state.setdefault(int(index), {})[name] = value
        self.optimizer.load_state_dict({**self.optimizer.state_dict(), "state": state})
        self.recordings = {}

    def get_progress(self) -> Arrays:
        """Of an epoch that is paused: steps that are taken, sums over them, and the state of random numbers."""
        if not self.steps_taken:
            return {}
        random = torch.cuda.get_rng_state(self.device) if self.device.type == "cuda" else torch.get_rng_state()
        sums = {name: getattr(self, name).cpu().numpy() for name in ("loss", "correct")}
        return {"taken": np.array(self.steps_taken), "random": random.numpy(), **sums}

    def set_progress(self, arrays: Arrays) -> None:
        """Inverse of `get_progress`."""
        self.steps_taken = int(arrays.get("taken", 0))
        if self.steps_taken:
            for name in ("loss", "correct"):
                getattr(self, name).copy_(torch.from_numpy(arrays[name]))
            random = torch.from_numpy(arrays["random"])
            torch.cuda.set_rng_state(random, self.device) if self.device.type == "cuda" else torch.set_rng_state(random)

    def save(self, path: Path, metadata: Record) -> None:
        """Write the model file."""
        files.save(
            self.model,
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
    """SGD with momentum or Adam; the penalty on kernels is part of the gradient, biases have none.

    Parameters that are stacked have an axis of runs before their own.
    """
    parameters = list(parameters)
    kernels = [parameter for parameter in parameters if parameter.ndim - stacked > 1]
    others = [parameter for parameter in parameters if parameter.ndim - stacked <= 1]
    groups = [{"params": kernels, "weight_decay": config.weight_decay}, {"params": others, "weight_decay": 0.0}]
    recorded = others[0].device.type == "cuda"
    rate = torch.tensor(config.learning_rate, device=others[0].device) if recorded else config.learning_rate
    if config.optimizer == "adam":
        betas = ADAM["beta_1"], ADAM["beta_2"]
        return torch.optim.Adam(groups, rate, betas, ADAM["epsilon"], fused=True, capturable=recorded)
    return torch.optim.SGD(groups, rate, config.momentum, fused=True)


def forget() -> None:
    """Free what trainers have left in this process, a GPU's memory too."""
    gc.collect()
    torch.cuda.empty_cache()


def find_device(name: str) -> torch.device:
    """The torch device, from now on the current one, its convolutions made exact; ValueError where there is none."""
    gpus = torch.cuda.device_count() if torch.cuda.is_available() else 0
    device = torch.device(device_of(name, gpus, "PyTorch finds no GPU here"))
    if device.index is not None:
        torch.cuda.set_device(device)
    torch.backends.cudnn.deterministic = True  # on a GPU too the same bits again
    torch.backends.cudnn.allow_tf32 = torch.backends.cuda.matmul.allow_tf32 = False  # and float32 that is float32
    return device
