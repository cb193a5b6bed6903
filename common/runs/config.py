"""`Config` says what a run is, `Options` how it is carried out. Defaults, help and flags are declared here alone."""

from __future__ import annotations

import dataclasses
import hashlib
import inspect
import json
import math
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import tyro

from common.data.corruption import LABEL_RULES, RULES
from common.data.preprocessing import PREPROCESSING
from common.errors import check_choice

ADDED = (
    *("test_size", "rotation", "batch_norm", "batch_norm_momentum", "dropout"),
    *("labels", "initial_model", "shuffle", "patience"),
    *("balanced", "downscale", "clean_validation", "unique_labels", "width", "padding"),
    *("input_dropout", "input_noise", "hidden_noise", "adversarial_weight", "adversarial_iterations"),
)
"""Fields that older records lack; their defaults say what was done before they existed."""

ADAM = {"beta_1": 0.9, "beta_2": 0.999, "epsilon": 1e-8}

CHOICES: dict[str, tuple[str, ...]] = {
    "framework": ("keras", "torch"),
    "corruption": RULES,
    "gaussian_statistics": ("channel", "all"),
    "preprocessing": PREPROCESSING,
    "initializer": ("glorot_uniform", "he_normal", "torch"),
    "optimizer": ("sgd", "adam"),
    "schedule": ("constant", "exponential", "steps"),
    "precision": ("float32", "bfloat16"),
    "padding": ("valid", "same_stride_3", "same_stride_2"),
}

MODEL_OPTIONS = {"batch_norm": True, "dropout": 0.0, "hidden_noise": 0.0, "width": None, "padding": "valid"}
"""Fields that a network itself must know, with the value at which they do nothing."""

STACKED = ("seed", "data_seed", "corruption", "corruption_fraction")
"""Fields in which runs may differ that are trained as one program."""

TORCH_ONLY = ("input_dropout", "input_noise", "hidden_noise", "adversarial_weight")


def choice(name: str) -> Any:
    return tyro.conf.arg(metavar="|".join(CHOICES[name]))


@dataclass(frozen=True)
class Config:
    """Every value that can change a number, and nothing else."""

    model: str = "mlp3"
    """Architecture, by its name in `keras_models.MODELS` and `torch_models.MODELS`."""
    dataset: str = "cifar10"
    """Data set, by its name in `common.data.datasets.DATASETS`."""
    framework: Annotated[str, choice("framework")] = "keras"
    """Framework that trains."""
    train_size: int | None = None
    """Keep this many training examples, stratified by class; none keeps all."""
    test_size: int | None = None
    """Keep this many test examples, stratified by class; none keeps all."""
    balanced: bool = False
    """Subsets hold as many examples of each class, not the classes' shares."""
    downscale: int = 1
    """Sides of images are divided by this; a pixel is the mean of the square of pixels that it stands for."""
    validation_size: int = 0
    """Training examples (after `train_size`) held out from the network, for choosing layers and thresholds."""
    clean_validation: bool = False
    """Hold examples out before anything is corrupted, so that they stay clean."""
    unique_labels: bool = False
    """A class of its own for each training example (Arpit et al. 2017, section 3.2); nothing is tested."""
    corruption: Annotated[str, choice("corruption")] = "none"
    """What is corrupted in the training set, once and for the whole run."""
    corruption_fraction: float = 0.0
    """Probability with which each example is corrupted, 0 to 1."""
    labels: str | None = None
    """File of training labels under `saved_models` (.npy, one for each example of the set); none takes the set's own,
    corrupted as above."""
    gaussian_statistics: Annotated[str, choice("gaussian_statistics")] = "channel"
    """Gaussian images match the mean and variance of each channel, or of all values."""
    preprocessing: Annotated[str, choice("preprocessing")] = "per_image"
    """Input scale: per image as TensorFlow standardises it, per channel, [-1, 1] or [0, 1]."""
    crop: int | None = 28
    """Side of the crop in pixels (Zhang et al., appendix A: 28); smaller images stay whole, none keeps all of it."""
    random_crop: bool = False
    """Draw the crop's position for each example and epoch; tests keep the centre."""
    flip: bool = False
    """Mirror each example left to right with probability 1/2 in each epoch."""
    rotation: float = 0.0
    """Turn each example by an angle drawn from ± this many degrees in each epoch, before the crop."""
    width: int | None = None
    """Units of each hidden layer, or channels of each convolution, in models that have a choice; none: as published."""
    padding: Annotated[str, choice("padding")] = "valid"
    """Padding of convolutions and stride of pooling, which Arpit et al. (2017) leave open: none and 3, or zeros at
    the borders of convolutions and 3, or those of pooling too and 2."""
    batch_norm: bool = True
    """Batch norm, in models that have it."""
    batch_norm_momentum: float = 0.9
    """Share that the moving statistics of batch norm keep at each step; not in Zhang et al."""
    dropout: float = 0.0
    """Share of units dropped in training: after hidden fully connected layers, or before the logits."""
    input_dropout: float = 0.0
    """Share of input values dropped in training, of the others all are scaled up; PyTorch only."""
    input_noise: float = 0.0
    """Standard deviation of Gaussian noise added to inputs in training, in the model's input scale; PyTorch only."""
    hidden_noise: float = 0.0
    """The same for outputs of hidden fully connected layers."""
    adversarial_weight: float = 0.0
    """Weight w of the loss where a search for critical samples ends: (1 - w) loss + w loss at these points, at all of
    them, whether or not they have another class, and batch norm's moving statistics see both; Arpit et al. leave the
    formula open; PyTorch only."""
    adversarial_iterations: int = 10
    """Steps of that search in each batch; the search's authors, and `Search` where it is not told, take 100."""
    initializer: Annotated[str, choice("initializer")] = "glorot_uniform"
    """Initial kernels; biases are 0, except that `torch` draws both as PyTorch does by default."""
    initial_model: str | None = None
    """Model file under `saved_models` whose weights training starts from; none draws them."""
    optimizer: Annotated[str, choice("optimizer")] = "sgd"
    """Optimizer."""
    learning_rate: float = 0.01
    """Learning rate of the first epoch."""
    momentum: float = 0.9
    """Momentum of SGD."""
    weight_decay: float = 0.0
    """L2 penalty: weight_decay / 2 times the sum of squared kernel entries is added to the loss; biases are free."""
    schedule: Annotated[str, choice("schedule")] = "exponential"
    """Learning rate over epochs: constant, times `decay` after each, or times `decay` at each of `decay_epochs`."""
    decay: float = 0.95
    """Factor of the schedule (Zhang et al., appendix A: 0.95 per epoch)."""
    decay_epochs: tuple[int, ...] = ()
    """Epochs after which the schedule `steps` multiplies by `decay`."""
    batch_size: int = 128
    """Examples per step; the last, smaller batch of an epoch is kept."""
    shuffle: bool = True
    """Draw a new order in each epoch; off keeps the data set's own order, as Ketha and Ramaswamy do."""
    epochs: int = 60
    """Most epochs that are trained."""
    stop_accuracy: float | None = None
    """Stop after the epoch that reaches this training accuracy, 0 to 1."""
    stop_loss: float | None = None
    """Stop after the epoch that reaches this training cross-entropy."""
    patience: int | None = None
    """Stop when accuracy on held-out examples has not risen for this many epochs."""
    fit_accuracy: float = 0.99
    """Training accuracy at which the training set counts as fitted (`epochs_to_fit`)."""
    precision: Annotated[str, choice("precision")] = "float32"
    """Number format of the matrix products in training; files and evaluation are float32."""
    seed: int = 0
    """Initial weights, order and augmentation."""
    data_seed: int = 0
    """Subset, held-out examples and corruption (the rule `ketha` has its own, fixed seed)."""
    recipe: int = 1
    """Version of the training procedure; raised when a change of code changes numbers."""

    def __post_init__(self) -> None:
        for field in dataclasses.fields(self):  # 1 and 1.0 are one value and must have one identity
            if field.type in ("float", "float | None") and isinstance(value := getattr(self, field.name), int):
                object.__setattr__(self, field.name, float(value))
        for name, allowed in CHOICES.items():
            check_choice(name, getattr(self, name), allowed)
        for name, holds, rule in self._rules():
            if not holds:
                raise ValueError(f"{name} must be {rule}. Received: {name}={getattr(self, name)!r}")

    def _rules(self) -> list[tuple[str, bool, str]]:
        return [
            ("corruption_fraction", 0 <= self.corruption_fraction <= 1, "between 0 and 1"),
            ("corruption_fraction", self.corruption != "none" or self.corruption_fraction == 0,
             "0 where corruption is none (name a rule with --corruption)"),
            ("stop_accuracy", self.stop_accuracy is None or 0 < self.stop_accuracy <= 1, "above 0 and at most 1"),
            ("stop_loss", self.stop_loss is None or 0 < self.stop_loss < math.inf, "positive and finite"),
            ("patience", self.patience is None or self.patience > 0, "positive"),
            ("patience", self.patience is None or self.validation_size > 0, "none where validation_size is 0"),
            ("fit_accuracy", 0 < self.fit_accuracy <= 1, "above 0 and at most 1"),
            ("train_size", self.train_size is None or self.train_size > 0, "positive"),
            ("test_size", self.test_size is None or self.test_size > 0, "positive"),
            ("validation_size", self.validation_size >= 0, "0 or more"),
            ("crop", self.crop is None or self.crop > 0, "positive"),
            ("random_crop", not self.random_crop or self.crop is not None, "off where crop is none"),
            ("rotation", 0 <= self.rotation <= 180, "between 0 and 180 degrees"),
            ("batch_norm_momentum", 0 <= self.batch_norm_momentum < 1, "at least 0 and below 1"),
            ("dropout", 0 <= self.dropout < 1, "at least 0 and below 1"),
            ("input_dropout", 0 <= self.input_dropout < 1, "at least 0 and below 1"),
            ("input_noise", 0 <= self.input_noise < math.inf, "finite and 0 or more"),
            ("hidden_noise", 0 <= self.hidden_noise < math.inf, "finite and 0 or more"),
            ("adversarial_weight", 0 <= self.adversarial_weight <= 1, "between 0 and 1"),
            ("adversarial_iterations", self.adversarial_iterations > 0, "positive"),
            *((name, self.framework == "torch" or not getattr(self, name), "0 in Keras") for name in TORCH_ONLY),
            ("width", self.width is None or self.width > 0, "positive"),
            ("downscale", self.downscale > 0, "positive"),
            ("clean_validation", self.validation_size > 0 or not self.clean_validation, "off where none is held out"),
            ("unique_labels", not (self.unique_labels and self.validation_size), "off where examples are held out"),
            ("unique_labels", not (self.unique_labels and (self.labels or self.corruption in LABEL_RULES)),
             "off where labels are given or corrupted"),
            ("epochs", self.epochs >= 0, "0 or more"),
            ("batch_size", self.batch_size > 0, "positive"),
            ("learning_rate", 0 < self.learning_rate < math.inf, "positive and finite"),
            ("momentum", 0 <= self.momentum < 1, "at least 0 and below 1"),
            ("weight_decay", 0 <= self.weight_decay < math.inf, "finite and 0 or more"),
            ("decay", 0 < self.decay <= 1, "above 0 and at most 1"),
            ("decay_epochs", (self.schedule == "steps") == bool(self.decay_epochs),
             "given with the schedule steps, and only there"),
        ]  # fmt: skip

    @property
    def augmented(self) -> bool:
        """Whether an example looks different from one epoch to the next."""
        return self.random_crop or self.flip or self.rotation > 0

    @property
    def noisy(self) -> bool:
        """Whether a step draws random numbers, which are seeded at each epoch's start."""
        return any((self.dropout, self.hidden_noise, self.input_dropout, self.input_noise, self.adversarial_weight))

    def learning_rate_at(self, epoch: int) -> float:
        """Learning rate of the given epoch, counted from 0."""
        if self.schedule == "exponential":
            return self.learning_rate * self.decay**epoch
        if self.schedule == "steps":
            return self.learning_rate * self.decay ** sum(epoch >= step for step in self.decay_epochs)
        return self.learning_rate


def overlay(
    config: Config, default: Config, fields: Mapping[str, Any], source: str, flags: Collection[str] = ()
) -> Config:
    """The config with the fields of a source that knows better; a flag that says otherwise is an error.

    `flags` are the fields that the command line names: they count as said even where they repeat the default.
    """
    for name, value in fields.items():
        given = getattr(config, name)
        if given != value and (name in flags or given != getattr(default, name)):
            raise ValueError(f"{name} must be {value} with {source}. Received: {name}={given!r}")
    return dataclasses.replace(config, **fields)


@dataclass(frozen=True)
class Options:
    """How a run is carried out: nothing here can change a number beyond the last bits."""

    data_dir: Path | None = None
    """Folder of the data sets, in torchvision's layout; none means $DATA_DIR, else data/."""
    output_dir: Path | None = None
    """Puts runs, models and figures under this folder; none means results/ and saved_models/."""
    device: str = "auto"
    """auto, cpu, or cuda; probes run on the CPU."""
    threads: int = 0
    """CPU threads of a training process and of read-outs; 0 means all cores for one run, one thread each in a sweep."""
    workers: int = 0
    """Training processes side by side in a sweep; 0 means one for each core."""
    scheduler: str | None = None
    """Address of a running dask scheduler, tcp://host:port; none starts a local cluster."""
    stack: bool = True
    """Train runs of a sweep that differ in seeds and corruption alone as one program, where that is faster; networks
    with convolutions train alone."""
    checkpoint_every: int = 5
    """Epochs between checkpoints."""
    keep_epochs: tuple[int, ...] = ()
    """Epochs whose network is kept beside the last one, for read-outs over training; 0 is the untrained network."""
    decode: bool = False
    """Also read the layers out: the minimum angle subspace classifier on every layer of the trained network."""
    tensorboard: bool = False
    """Also write TensorBoard event files into the run's folder."""
    force: bool = False
    """Train again what is already done, and read out again what is asked for."""
    smoke: bool = False
    """A run of seconds on the embedded digits, to see that everything works."""
    list: Annotated[bool, tyro.conf.arg(name="list")] = False
    """List the runs, done or missing, with an estimate of the time, and stop."""

    def __post_init__(self) -> None:
        if self.checkpoint_every < 1:
            raise ValueError(f"checkpoint_every must be positive. Received: checkpoint_every={self.checkpoint_every}")
        if min(self.keep_epochs, default=0) < 0:
            raise ValueError(f"keep_epochs must be 0 or more. Received: keep_epochs={self.keep_epochs}")
        for name in ("threads", "workers"):
            if (value := getattr(self, name)) < 0:
                raise ValueError(f"{name} must be 0 or more. Received: {name}={value}")


def as_dict(config: Config) -> dict[str, Any]:
    """Every field, as JSON holds it."""
    fields: dict[str, Any] = json.loads(json.dumps(dataclasses.asdict(config)))
    return fields


def from_dict(fields: dict[str, Any]) -> Config:
    """Inverse of `as_dict`; an unknown or missing field is an error, but for fields younger than the record."""
    fields = {name: getattr(Config, name) for name in ADDED} | fields
    known = {field.name for field in dataclasses.fields(Config)}
    if set(fields) != known:
        raise ValueError(
            f"config must hold every field once. Received: fields that differ={sorted(set(fields) ^ known)}"
        )
    return Config(**{**fields, "decay_epochs": tuple(fields["decay_epochs"])})


def alike(config: Config) -> Config:
    """The config with the fields in which stacked runs may differ at their defaults."""
    return dataclasses.replace(config, **{name: getattr(Config, name) for name in STACKED})


def obstacles(configs: Sequence[Config]) -> list[str]:
    """What in their configs keeps runs from being trained as one program, as "name=value"."""
    first = configs[0]
    names = [field.name for field in dataclasses.fields(Config) if field.name not in STACKED]
    differ = [name for name in names if any(getattr(config, name) != getattr(first, name) for config in configs)]
    found = [f"fields that differ={differ}"] if differ else []
    forbidden = {"framework": first.framework != "torch", "augmented": first.augmented, "noisy": first.noisy}
    return found + [f"{name}={getattr(first, name)!r}" for name, holds in forbidden.items() if holds]


def model_options(config: Config, model: Callable[..., Any]) -> dict[str, Any]:
    """Keywords for a registry's function: the config's regularizers inside the network, which it must know."""
    known = inspect.signature(model).parameters
    for name, off in MODEL_OPTIONS.items():
        if name not in known and getattr(config, name) != off:
            raise ValueError(f"{name} must be {off} for this model. Received: {name}={getattr(config, name)}")
    return {name: getattr(config, name) for name in (*MODEL_OPTIONS, "batch_norm_momentum") if name in known}


def run_id(config: Config) -> str:
    """Readable slug and 8 hex digits of sha256 over the canonical JSON of the fields that differ from their default."""
    if not isinstance(config, Config):
        raise TypeError(f"only a Config has an identity. Received: {type(config).__name__}")
    defaults = as_dict(Config())
    changed = {name: value for name, value in as_dict(config).items() if value != defaults[name]}
    digest = hashlib.sha256(json.dumps(changed, sort_keys=True, separators=(",", ":")).encode()).hexdigest()[:8]
    setting = "true" if config.corruption == "none" else f"{config.corruption}{config.corruption_fraction:g}"
    marks = {
        "relabelled": config.labels,
        "continued": config.initial_model,
        "nobn": not config.batch_norm,
        "unique": config.unique_labels,
        "aug": config.augmented,
        "wd": config.weight_decay,
    }
    setting += "".join(f"-{mark}" for mark, on in marks.items() if on)
    width = f"-{config.width}" if config.width else ""
    return f"{config.model}{width}-{config.dataset}-{setting}-{config.framework}-seed{config.seed}-{digest}"


def smoke(config: Config) -> Config:
    """The same experiment in seconds: 200 embedded digits (small for crops and without padding), 2 epochs."""
    return dataclasses.replace(
        config,
        dataset="digits",
        train_size=200,
        test_size=None,
        validation_size=min(config.validation_size, 40),
        epochs=min(config.epochs, 2),
        batch_size=32,
        padding="same_stride_2" if config.model == "cnn2" else config.padding,
        crop=6 // config.downscale if config.random_crop else config.crop,
    )
