"""Many runs trained as one program: weights stacked along a first axis, matrix products batched over the runs."""

from __future__ import annotations

import dataclasses
import hashlib
import itertools
import math
from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import torch
from torch import Tensor, nn
from torch.func import functional_call, stack_module_state, vmap
from torch.nn.functional import cross_entropy

from common.data.arrays import Array, Shape
from common.data.datasets import Source
from common.data.epochs import EpochPlan
from common.data.inputs import make
from common.runs.config import STACKED, Config, obstacles
from common.runs.store import Record
from common.runs.task import Task
from common.runs.trainers import NO_PAUSE, Arrays, Online, Pause
from torch_models.files import input_dtype
from torch_models.recorded import Recorded
from torch_models.trainer import Trainer, make_model, make_optimizer, set_learning_rate

MOST_RUNS = {"cuda": 100, "cpu": 32}
MOST_PARAMETERS = 300_000  # of a network on a CPU, where larger products gain nothing by being batched
MOST_BYTES = 8 * 2**30


class StackedTrainer(Recorded):
    """Runs of equal networks on examples of equal shape, (config, task) each, that differ in `config.STACKED` alone.

    Each of `runs` is an ordinary trainer whose weights and optimizer state are slices of the stack's.
    """

    def __init__(self, runs: Sequence[tuple[Config, Task]], device: str = "auto") -> None:
        configs, tasks = zip(*runs, strict=True)
        check(configs, tasks)
        self.config, self.recordings = configs[0], {}
        self.stacked: list[Run] = []
        self.runs = [Run(self, config, task, device, len(runs)) for config, task in runs]
        self.device, self.model = self.runs[0].device, self.runs[0].model
        self.forward = vmap(lambda weights, x: functional_call(self.model, weights, (x,)))
        self.put(tasks)

    def put(self, tasks: Sequence[Task]) -> None:
        """Place every distinct training set on the device once, as model inputs, and the labels of each run."""
        known = {id(task): contents(task) for task in {id(task): task for task in tasks}.values()}
        places = {content: place for place, content in enumerate(dict.fromkeys(known.values()))}
        self.sets = torch.tensor([places[known[id(task)]] for task in tasks], device=self.device)
        self.labels = torch.stack([torch.from_numpy(task.train.labels) for task in tasks]).to(self.device)
        shape = len(tasks[0].train), *self.runs[0].reader.input_shape
        self.inputs = torch.empty(
            (len(places), *shape), dtype=getattr(torch, self.runs[0].reader.dtype), device=self.device
        )
        for place in range(len(places)):
            run = self.runs[self.sets.tolist().index(place)]
            torch.cat(list(run.prepared(run.own)), out=self.inputs[place])
        for run, place in zip(self.runs, self.sets.tolist(), strict=True):
            run.ready = self.inputs[place]

    def train_epoch(
        self, plans: Mapping[int, EpochPlan], learning_rate: float, pause: Pause = NO_PAUSE
    ) -> dict[int, Online] | None:
        """One pass of some runs, by their places among all, over their training sets in their plans' order.

        None where it is paused; all of these have taken as many of its steps.
        """
        self.stack([self.runs[place] for place in plans])
        set_learning_rate(self.optimizer, learning_rate)
        chosen = torch.tensor(list(plans), device=self.device)
        orders = torch.from_numpy(np.stack([plan.order for plan in plans.values()])).to(self.device)
        labels = self.labels[chosen].gather(1, orders)
        places = orders + self.sets[chosen, None] * self.labels.shape[1]
        size = self.config.batch_size
        self.model.train()
        self.begin()
        batches = zip(places.split(size, 1), labels.split(size, 1), strict=True)
        ended = self.steps(itertools.islice(batches, self.steps_taken, None), pause)
        self.give_state()
        if not ended:
            return None
        means = [(totals / orders.shape[1]).tolist() for totals in (self.losses, self.correct)]
        counts = self.config.counts_correct
        return {
            place: Online(loss, share if counts else None) for place, loss, share in zip(plans, *means, strict=True)
        }

    def update(self, places: Tensor, labels: Tensor) -> None:
        """One step of all runs of the stack, from places (runs, n) in all training sets and labels (runs, n)."""
        inputs = self.inputs.flatten(0, 1).index_select(0, places.flatten()).unflatten(0, places.shape)
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.config.precision == "bfloat16"):
            logits = self.forward(self.weights, inputs)
        self.optimizer.zero_grad()
        each = cross_entropy(logits.float().flatten(0, 1), labels.flatten(), reduction="none")
        losses = each.view(labels.shape).sum(1)
        self.losses += losses.detach()
        if self.config.counts_correct:
            self.correct += (logits.argmax(-1) == labels).sum(1)
        (losses.sum() / labels.shape[1]).backward()  # the sum of the runs' means: each run has its own gradient
        self.optimizer.step()

    def begin(self) -> None:
        """Take the runs' sums over the steps that are taken; at an epoch's beginning there are none."""
        self.steps_taken = self.stacked[0].steps_taken
        for sums, name in ((self.losses, "loss"), (self.correct, "correct")):
            own = torch.cat([getattr(run, name) for run in self.stacked])
            sums.copy_(own if self.steps_taken else torch.zeros_like(own))

    def stack(self, runs: list[Run]) -> None:
        """Stack weights and optimizer state of these runs, unless they are; from then on they have slices of them."""
        if runs == self.stacked:
            return
        self.stacked, self.recordings = runs, {}
        self.losses, self.correct = torch.zeros((2, len(runs)), dtype=torch.float64, device=self.device)
        self.weights, _ = stack_module_state([run.model.train() for run in runs])
        self.optimizer = make_optimizer(self.config, self.weights.values(), stacked=True)
        states = [run.optimizer.state_dict()["state"] for run in runs]
        state = {
            index: {name: stack_values([state[index][name] for state in states]) for name in states[0][index]}
            for index in states[0]
        }
        self.optimizer.load_state_dict({**self.optimizer.state_dict(), "state": state})
        for name, weights in self.weights.items():
            for run, part in zip(runs, weights.detach(), strict=True):
                run.model.get_parameter(name).data = part
        self.begin()
        self.give_state()

    def give_state(self) -> None:
        """Give each run of the stack its slice of the optimizer's state, and its own sums."""
        for place, run in enumerate(self.stacked):
            run.steps_taken = self.steps_taken
            run.loss.copy_(self.losses[place]), run.correct.copy_(self.correct[place])
            for name, weights in self.weights.items():
                run.optimizer.state[run.model.get_parameter(name)] = {
                    key: value[place] if value.ndim else value.clone()
                    for key, value in self.optimizer.state[weights].items()
                }

    def tensors(self) -> list[Tensor]:
        """What a step changes beside the optimizer's state."""
        return [*self.weights.values(), self.losses, self.correct]


class Run(Trainer):
    """One run of a stack, which trains it: files, evaluation and checkpoints are those of any trainer."""

    def __init__(self, stack: StackedTrainer, config: Config, task: Task, device: str, count: int) -> None:
        super().__init__(config, task.kind, task.num_classes, task.statistics, device)
        self.owner, self.own, self.count = stack, task.train.inputs, count
        self.ready: Tensor | None = None

    def prepared(self, inputs: Array) -> Iterator[Tensor]:
        """As `Trainer.prepared`, but the training set is prepared once."""
        if inputs is not self.own or self.ready is None:
            return super().prepared(inputs)
        return iter(self.ready.split(self.evaluation_batch))

    def set_optimizer_state(self, arrays: Arrays) -> None:
        """As `Trainer.set_optimizer_state`; the stack is formed again."""
        super().set_optimizer_state(arrays)
        self.owner.stacked = []

    @property
    def description(self) -> Record:
        """What the record says of the framework, and how many runs were stacked."""
        return {**super().description, "stacked": self.count}


def stack_values(values: list[Tensor]) -> Tensor:
    """State of one tensor of parameters; a count of steps is the same in all runs, which are at the same epoch."""
    return torch.stack(values) if values[0].ndim else values[0].clone()


def contents(task: Task) -> str:
    """What says whether two training sets give the same model inputs; their statistics follow from it."""
    return hashlib.sha256(np.ascontiguousarray(task.train.inputs).data).hexdigest()


def check(configs: Sequence[Config], tasks: Sequence[Task]) -> None:
    """ValueError of one line for runs that one program cannot train; it lists what stands in the way."""
    found = obstacles(configs)
    shapes = sorted({(*task.train.inputs.shape, task.num_classes) for task in tasks})
    found += [f"examples and classes={shapes}"] if len(shapes) > 1 else []
    found += ["inputs that change from epoch to epoch"] if tasks[0].kind.draw(0, 0, np.arange(1)) and not found else []
    if not found:
        model = make_model(configs[0], tasks[0].kind.input_shape, tasks[0].num_classes, "meta")
        layers = {"moving statistics": has_statistics(model), "recurrent layers": is_recurrent(model)}
        found = [f"a network with {name}, model={configs[0].model!r}" for name, has in layers.items() if has]
    if found:
        raise ValueError(
            "stacked runs must be PyTorch's, without augmentation, random steps, moving statistics and recurrent "
            f"layers, and differ in {', '.join(STACKED)} alone. Received: {', '.join(found)}"
        )


def has_statistics(model: nn.Module) -> bool:
    """Whether batch norm keeps moving statistics, which are no weights and are not stacked."""
    return any(name.endswith("running_mean") for name in model.state_dict())


def is_recurrent(model: nn.Module) -> bool:
    """Whether a network has layers that PyTorch cannot batch over runs."""
    return any(isinstance(module, nn.RNNBase) for module in model.modules())


def number_of_stacks(configs: Sequence[Config], source: Source, device: str, workers: int) -> int:
    """In how many programs these runs, which nothing but moving statistics keeps from one, are trained fastest.

    `source` is the data set's in `DATASETS`. On a CPU every worker gets a part of the runs.
    """
    on_gpu = device.startswith("cuda") or (device == "auto" and torch.cuda.is_available())
    sets = len({dataclasses.replace(config, seed=0) for config in configs}) / len(configs)
    try:
        most = most_runs(configs[0], source, "cuda" if on_gpu else "cpu", sets)
    except ValueError:  # said where the run is trained
        most = 1
    fewest = math.ceil(len(configs) / most)
    return fewest if on_gpu else max(fewest, min(len(configs), workers))


def most_runs(config: Config, source: Source, device: str, sets: float) -> int:
    """Most runs like this one in a program, 1 where that is slower; `sets` training sets for each, at most 1.

    As `experiments/benchmark_stacked.py` measures it on a CPU, where convolutions lose; they are stacked on no device.
    Memory is a rough estimate.
    """
    n, kind = config.train_size or source.shape[0], make(source.kind, config, source.shape[1:])
    shape = kind.input_shape
    model = make_model(config, shape, n if config.unique_labels else source.num_classes, "meta")
    parameters = sum(parameter.numel() for parameter in model.parameters())
    convolutions = any(parameter.ndim > 2 for parameter in model.parameters())
    if (
        kind.draw(0, 0, np.arange(1))
        or convolutions
        or has_statistics(model)
        or is_recurrent(model)
        or (device == "cpu" and parameters > MOST_PARAMETERS)
    ):
        return 1
    values = 5 * parameters + saved_values(model, (config.batch_size, *shape)) + math.ceil(sets * n * math.prod(shape))
    return max(1, min(MOST_RUNS[device], MOST_BYTES // (4 * values)))


def saved_values(model: nn.Module, shape: Shape) -> int:
    """How many values a step keeps for its backward pass; the model is on the device "meta"."""
    counts: list[int] = []
    with torch.autograd.graph.saved_tensors_hooks(lambda tensor: counts.append(tensor.numel()), lambda packed: packed):
        model(torch.empty(shape, dtype=getattr(torch, input_dtype(model)), device="meta"))
    return sum(counts)
