"""Trains one model in Keras, on TensorFlow or PyTorch; `torch_models/trainer.py` is its twin."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import partial, wraps
from pathlib import Path
from typing import Any, Concatenate, ParamSpec, TypeVar

import keras
import numpy as np
from keras import ops
from numpy.typing import NDArray

from common.data.arrays import Array, Labels
from common.data.epochs import EpochPlan
from common.data.inputs import Kind
from common.errors import check_choice
from common.runs import trainers
from common.runs.config import ADAM, Config, model_options
from common.runs.store import Record
from common.runs.trainers import NO_PAUSE, Arrays, Online, Pause, device_of
from keras_models import MODELS, files
from keras_models.inputs import PREPARATIONS, Tensor

EVALUATION_BATCH = 250  # eight times as many on a GPU
Parameters = ParamSpec("Parameters")
Result = TypeVar("Result")


def on_its_device(
    method: Callable[Concatenate[Trainer, Parameters], Result],
) -> Callable[Concatenate[Trainer, Parameters], Result]:
    """Tensors that are made on the way lie where the trainer is, on the torch backend too."""

    @wraps(method)
    def placed(self: Trainer, *arguments: Parameters.args, **keywords: Parameters.kwargs) -> Result:
        with keras.device(self.device):
            return method(self, *arguments, **keywords)

    return placed


class Trainer:
    """A model, its optimizer and its training set on one device; see `common.runs.trainers.Trainer`."""

    def __init__(
        self,
        config: Config,
        kind: Kind,
        num_classes: int,
        statistics: Mapping[str, Any] | None = None,
        device: str = "auto",
    ) -> None:
        check_choice("model", config.model, MODELS)
        self.config, self.kind, self.prepare = config, kind, PREPARATIONS[kind.name](kind, statistics or {})
        self.device = find_device(device)
        trainers.check_precision(config, kind, self.device)
        with keras.device(self.device):
            model = MODELS[config.model]
            build = partial(model, kind.input_shape, num_classes, **model_options(config, model))
            self.model = self.trained = build()
            if config.precision == "bfloat16":  # files and evaluation stay in float32: train a copy that is not
                self.trained = in_policy("mixed_bfloat16", build)
        layers = (layer for layer in self.trained.layers if isinstance(layer, keras.layers.Dropout))
        self.dropouts = [layer.seed_generator.state for layer in layers]
        self.reader, self.steps_taken = files.Reader(self.model, kind.input_shape), 0

    @on_its_device
    def put(self, inputs: Array, labels: Labels) -> None:
        """Place the training set, inputs as their kind keeps them and labels int64 (n,), on the device."""
        self.inputs, self.labels = self._place(inputs), self._place(labels)
        self._compile(inputs.dtype.name)

    def _place(self, array: Array) -> Tensor:
        """A tensor on the torch backend; TensorFlow on a CPU takes slices of numpy arrays as they are."""
        return ops.convert_to_tensor(array) if keras.backend.backend() == "torch" else array

    def _compile(self, dtype: str) -> None:
        """One program from raw inputs to the update of the weights: their preparation is part of the compiled step."""
        drawn = {
            name: keras.Input(array.shape[1:], dtype=array.dtype.name, name=name)
            for name, array in self.kind.draw(0, 0, np.arange(1)).items()
        }
        inputs = keras.Input(self.kind.shape, dtype=dtype, name="inputs")
        self.step = keras.Model({"inputs": inputs, **drawn}, self.trained(self.prepare(inputs, **drawn)))
        for variable in self.trained.trainable_variables:
            if len(variable.shape) > 1 and self.config.weight_decay:
                variable.regularizer = keras.regularizers.L2(self.config.weight_decay / 2)
        loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        metrics: list[str | keras.metrics.Metric] = ["accuracy"] if self.config.counts_correct else []
        if self.config.weight_decay:  # the loss has a penalty, which is none of the cross-entropy
            metrics.append(keras.metrics.SparseCategoricalCrossentropy("cross_entropy", from_logits=True))
        self.step.compile(make_optimizer(self.config), loss, metrics=metrics, jit_compile=False)
        self.step.optimizer.build(self.step.trainable_variables)

    @on_its_device
    def train_epoch(self, plan: EpochPlan, learning_rate: float, pause: Pause = NO_PAUSE) -> Online | None:
        """One pass over the training set in the plan's order; none where it is paused."""
        if not self.steps_taken:
            self._set_learning_rate(learning_rate)
            for index, state in enumerate(self.dropouts):  # a seed and a count of steps; torch adds them up
                state.assign([(plan.dropout_seed + index * 2**20) % 2**31, 0])
        ended = self._steps(plan, pause)
        if self.trained is not self.model:
            self.model.set_weights(self.trained.get_weights())
        if not ended:
            return None
        self.steps_taken = 0
        logs = {name: float(ops.convert_to_numpy(value)) for name, value in self.step.get_metrics_result().items()}
        return Online(logs.get("cross_entropy", logs["loss"]), logs.get("accuracy"))

    def _steps(self, plan: EpochPlan, pause: Pause) -> bool:
        """Those that are not taken; false where it is paused."""
        for start in range(self.steps_taken * self.config.batch_size, len(plan.order), self.config.batch_size):
            batch = self._batch(plan, slice(start, start + self.config.batch_size))
            if start:  # what `train_on_batch` calls, without its checks and with metrics that go on
                self.step.train_function([(*batch, None)])
            else:
                self.step.train_on_batch(*batch)
            self.steps_taken += 1
            if pause.is_due(self.steps_taken):
                return False
        return True

    def _batch(self, plan: EpochPlan, part: slice) -> tuple[dict[str, Tensor], Tensor]:
        """Inputs, with what is drawn for each, and labels of a step."""
        chosen = plan.order[part]
        drawn = {name: self._place(array[part]) for name, array in plan.drawn.items()}
        return {"inputs": self.inputs[chosen], **drawn}, self.labels[chosen]

    def _set_learning_rate(self, learning_rate: float) -> None:
        """Keras keeps the learning rate inside the momentum; rescaled, it follows PyTorch's rule.

        Once for each epoch: the ratio to the float32 that is kept of one is seldom 1.
        """
        optimizer = self.step.optimizer
        if self.config.optimizer == "sgd":
            ratio = learning_rate / float(ops.convert_to_numpy(optimizer.learning_rate))
            if ratio != 1:
                for momentum in optimizer.momentums:
                    momentum.assign(momentum * ratio)
        optimizer.learning_rate.assign(learning_rate)

    def logits(self, inputs: Array) -> NDArray[np.float32]:
        """float32 (n, num_classes)."""
        return self.features(inputs, "logits")

    def features(self, inputs: Array, layer: str) -> NDArray[np.float32]:
        """float32 (n, d) of a named layer, flattened in NHWC order."""
        return np.concatenate(list(self.feature_batches(inputs, layer)))

    def feature_batches(self, inputs: Array, layer: str) -> Iterator[NDArray[np.float32]]:
        """`features` in parts, one after the other."""
        for start in range(0, len(inputs), self.evaluation_batch):
            yield self._features(inputs[start : start + self.evaluation_batch], layer)

    @property
    def evaluation_batch(self) -> int:
        """Examples that are evaluated at once."""
        return EVALUATION_BATCH * (1 if self.device == "cpu" else 8)

    @on_its_device
    def _features(self, batch: Array, layer: str) -> NDArray[np.float32]:
        return self.reader.features(self.prepare(batch), layer)

    def get_weights(self) -> Arrays:
        """Arrays under canonical names."""
        return files.get_weights(self.model)

    def set_weights(self, weights: Arrays) -> None:
        """Inverse of `get_weights`."""
        for model in (self.model, self.trained):
            files.set_weights(model, weights)

    def get_optimizer_state(self) -> Arrays:
        """Arrays that, with the weights, make a resumed run exact."""
        return {str(index): files.to_array(variable) for index, variable in enumerate(self.step.optimizer.variables)}

    def set_optimizer_state(self, arrays: Arrays) -> None:
        """Inverse of `get_optimizer_state`."""
        for index, variable in enumerate(self.step.optimizer.variables):
            variable.assign(arrays[str(index)])

    def get_progress(self) -> Arrays:
        """Of an epoch that is paused: steps that are taken, the metrics over them, and the states of dropout."""
        if not self.steps_taken:
            return {}
        variables = {f"{index}": files.to_array(variable) for index, variable in enumerate(self._progress())}
        return {"taken": np.array(self.steps_taken), **variables}

    @on_its_device
    def set_progress(self, arrays: Arrays) -> None:
        """Inverse of `get_progress`."""
        self.steps_taken = int(arrays.get("taken", 0))
        if self.steps_taken:
            one = EpochPlan(first := np.arange(1), self.kind.draw(0, 0, first))
            self.step.test_on_batch(*self._batch(one, slice(1)))  # builds the metrics
            self.step.make_train_function()
            for index, variable in enumerate(self._progress()):
                variable.assign(arrays[f"{index}"])

    def _progress(self) -> list[keras.Variable]:
        """What a step changes beside weights and the optimizer's state."""
        return [*self.step.metrics_variables, *self.dropouts]

    def save(self, path: Path, metadata: Record) -> None:
        """Write the model file."""
        files.save(self.model, path, metadata)

    @property
    def parameters(self) -> int:
        """Number of trainable parameters."""
        return sum(int(np.prod(variable.shape)) for variable in self.model.trainable_variables)

    @property
    def description(self) -> Record:
        """What the record says of the framework."""
        backend = keras.backend.backend()
        return {"framework_version": keras.__version__, "keras_backend": backend, "device": name_of(self.device)}


_: type[trainers.Trainer] = Trainer  # it has all that the protocol asks for


class Adam(keras.optimizers.Adam):
    """Adam with epsilon beside the bias-corrected root (Kingma & Ba 2015, algorithm 1), as PyTorch has it.

    Keras adds it before the correction: 30 times as much in the first step, a percent of the weights after 20.
    TensorFlow's gradient of an embedding lists a row for each token of a batch, and the square of a list is that of its
    rows: a word that repeats would get the sum of squares in place of the square of the sum.
    """

    def update_step(self, gradient: Tensor, variable: keras.Variable, learning_rate: Tensor) -> None:
        """As Keras', of a gradient that is one array."""
        if hasattr(gradient, "dense_shape"):
            gradient = ops.add(gradient, ops.zeros_like(variable))
        super().update_step(gradient, variable, learning_rate)

    @property
    def epsilon(self) -> Tensor:
        step = ops.cast(self.iterations + 1, "float32")
        return self.uncorrected_epsilon * ops.sqrt(1 - ops.power(self.beta_2, step))

    @epsilon.setter
    def epsilon(self, value: float) -> None:
        self.uncorrected_epsilon = value


def make_optimizer(config: Config) -> keras.optimizers.Optimizer:
    """SGD with momentum or Adam; the penalty on kernels is part of the loss, biases have none."""
    if config.optimizer == "adam":
        return Adam(config.learning_rate, **ADAM)
    return keras.optimizers.SGD(config.learning_rate, config.momentum)


def in_policy(policy: str, build: Callable[[], keras.Model]) -> keras.Model:
    """`build()` under a dtype policy."""
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(policy)
    try:
        return build()
    finally:
        keras.config.set_dtype_policy(before)


def forget() -> None:
    """Free what trainers have left in this process: counted names, graphs, settings, and a GPU's memory."""
    keras.backend.clear_session()
    if keras.backend.backend() == "torch":
        import torch

        torch.cuda.empty_cache()


def name_of(device: str) -> str:
    """The GPU's name, or "cpu"."""
    if device == "cpu":
        return device
    import torch

    return torch.cuda.get_device_name(device)


def find_device(name: str) -> str:
    """The Keras device; a GPU is used through the torch backend alone. ValueError on any but this and TensorFlow."""
    gpus, backend = 0, keras.backend.backend()
    check_choice("KERAS_BACKEND", backend, ("tensorflow", "torch"))
    if backend == "torch":
        import torch

        gpus = torch.cuda.device_count() if torch.cuda.is_available() else 0
        torch.backends.cudnn.deterministic = True  # on a GPU too the same bits again
        torch.backends.cudnn.allow_tf32 = torch.backends.cuda.matmul.allow_tf32 = False  # and float32 that is float32
    return device_of(name, gpus, "Keras uses a GPU with KERAS_BACKEND=torch, where there is one")
