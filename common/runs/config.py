"""`Config` says what a run is, `Options` how it is carried out, `Actions` what a command does."""

from __future__ import annotations

import dataclasses
import hashlib
import inspect
import json
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Annotated, Any

import tyro

from common.data.datasets import kind_of
from common.data.inputs import ImageInputs, TokenInputs, number_of_ids
from common.data.own import word_of
from common.data.sources import FREE
from common.errors import check_choice
from common.runs.deadline import Deadline
from common.runs.parts import (
    Augmentation,
    Choice,
    Data,
    Mark,
    Network,
    Repetition,
    Rule,
    Slug,
    Stopping,
    Subject,
    Training,
)

FOUNDING = (
    *("model", "dataset", "framework", "train_size", "validation_size"),
    *("corruption", "corruption_fraction", "gaussian_statistics"),
    *("preprocessing", "crop", "random_crop", "flip", "initializer"),
    *("optimizer", "learning_rate", "momentum", "weight_decay", "schedule", "decay", "decay_epochs", "batch_size"),
    *("epochs", "stop_accuracy", "stop_loss", "fit_accuracy", "precision", "seed", "data_seed", "recipe"),
)
"""Fields that every record has. Others are younger; their defaults say what was done before they existed."""

SMOKE: dict[str, dict[str, Any]] = {
    "cnn2": {"padding": "same_stride_2", "width": 8},
    "alexnet_large": {"crop": 32, "center_box": 1.0, "train_size": 64},
    "inception_v3": {
        **{"crop": 40, "center_box": 1.0, "width": 2, "train_size": 32, "test_size": 40},
        "batch_norm_group": 4,  # eight processes have one each
    },
}
"""What networks for larger images need to see digits, and how few units and examples the largest learn in seconds."""
ADAM = {"beta_1": 0.9, "beta_2": 0.999, "epsilon": 1e-8}
RMSPROP = {"decay": 0.9, "epsilon": 1.0}
FLOATS, PAIR = (float, float | None), tuple[float, float]  # types of fields


@dataclass(frozen=True)
class Config(Repetition, Stopping, Training, Network, Augmentation, Data, Subject):  # fields: last base first
    """Every value that can change a number, and nothing else."""

    def __post_init__(self) -> None:
        for name, (kind, _) in self.types().items():  # 1 and 1.0 are one value and must have one identity
            if kind in FLOATS and isinstance(value := getattr(self, name), int):
                object.__setattr__(self, name, float(value))
            if kind == PAIR:
                object.__setattr__(self, name, tuple(map(float, getattr(self, name))))
        for name, choice in self.annotated(Choice).items():
            check_choice(name, getattr(self, name), choice.names)
        for name, holds, rule in self.rules():
            if not holds:
                raise ValueError(f"{name} must be {rule}. Received: {name}={getattr(self, name)!r}")

    def rules(self) -> list[Rule]:
        """Those of all parts, and those between fields of two."""
        torch = self.framework == "torch"
        return [
            *super().rules(),
            ("random_window", not self.random_window or self.length is not None, "off where length is none"),
            ("patience", self.patience is None or self.validation_size > 0, "none where validation_size is 0"),
            *((name, torch or not getattr(self, name), "off in Keras") for name in self.marked(Mark.TORCH)),
            ("optimizer", torch or self.optimizer != "rmsprop", "sgd or adam in Keras"),
        ]

    @property
    def counts_correct(self) -> bool:
        """Whether training counts the examples that are right: evaluation sees others, or does not see them."""
        unseen = self.train_evaluation_every > 1 or self.train_evaluation_size is not None
        return self.augmented or unseen or self.stop_counted == "while_training"


CHOICES: dict[str, tuple[str, ...]] = {name: choice.names for name, choice in Config.annotated(Choice).items()}

SEEDS = Config.marked(Mark.SEED)
STACKED = (*SEEDS, *Config.marked(Mark.CORRUPTION))
"""Fields in which runs may differ that are trained as one program."""


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


TIME = tyro.constructors.PrimitiveConstructorSpec(
    nargs=1,
    metavar="8m|1h30m",
    instance_from_str=lambda words: Deadline.after(*words),
    is_instance=lambda value: isinstance(value, Deadline | None),
    str_from_instance=lambda value: [value.text if value else "none"],
)
"""How a time limit is given on the command line."""


@dataclass(frozen=True)
class Options:
    """How a run is carried out: nothing here can change a number beyond the last bits."""

    data_dir: Path | None = None
    """Folder of the data sets, in torchvision's layout; none means $DATA_DIR, else data/."""
    output_dir: Path | None = None
    """Puts runs, models and figures under this folder; none means results/ and saved_models/."""
    device: str = "auto"
    """auto, cpu, cuda, or cuda:1 for the second GPU; probes run on the CPU."""
    threads: int = 0
    """CPU threads of a training process and of read-outs; 0 means all cores for one run, or their share for each of
    torchrun's processes, and one thread each in a sweep."""
    workers: int = 0
    """Training processes side by side in a sweep; 0 means one for each core, and one alone where they would share a
    GPU."""
    scheduler: str | None = None
    """Address of a running dask scheduler, tcp://host:port; none starts a local cluster."""
    stack: bool = True
    """Train runs of a sweep that differ in seeds and corruption alone as one program, where that is faster; networks
    with convolutions train alone."""
    checkpoint_every: int = 5
    """Epochs between checkpoints."""
    checkpoint_steps: int | None = None
    """Steps between checkpoints within an epoch, too; none: at ends of epochs alone."""
    processes: int = 1
    """Processes that train each run together, on as many GPUs where there are any: torchrun is started with them;
    PyTorch only."""
    keep_epochs: tuple[int, ...] = ()
    """Epochs whose network is kept beside the last one, for read-outs over training; 0 is the untrained network."""
    tensorboard: bool = False
    """Also write TensorBoard event files into the run's folder."""
    time_limit: Annotated[Deadline | None, TIME] = None
    """Time after which the command stops, with what it trains at checkpoints: 90s, 8m, 1h30m. Nothing begins that by
    the records of like runs would not be at one in time, but for the first read-out; the same command goes on."""

    def __post_init__(self) -> None:
        if self.checkpoint_every < 1:
            raise ValueError(f"checkpoint_every must be positive. Received: checkpoint_every={self.checkpoint_every}")
        for name, least in (("checkpoint_steps", self.checkpoint_steps), ("processes", self.processes)):
            if least is not None and least < 1:
                raise ValueError(f"{name} must be positive. Received: {name}={least}")
        if min(self.keep_epochs, default=0) < 0:
            raise ValueError(f"keep_epochs must be 0 or more. Received: keep_epochs={self.keep_epochs}")
        for name in ("threads", "workers"):
            if (value := getattr(self, name)) < 0:
                raise ValueError(f"{name} must be 0 or more. Received: {name}={value}")


@dataclass(frozen=True)
class Untimed(Options):
    """Of a command that has nothing to cut."""

    time_limit: tyro.conf.Suppress[tyro.conf.Fixed[None]] = None


@dataclass(frozen=True)
class Actions:
    """What a command does with its runs: not a property of a run, nor of how it is carried out."""

    decode: bool = False
    """Also read the layers out: the minimum angle subspace classifier on every layer of the trained network."""
    force: bool = False
    """Train again what is already done, and read out again what is asked for."""
    smoke: bool = False
    """A run of seconds on the embedded digits, or generated texts, to see that everything works."""
    list: Annotated[bool, tyro.conf.arg(name="list")] = False
    """List the runs, done or missing, with an estimate of the time, and stop."""


def as_dict(config: Config) -> dict[str, Any]:
    """Every field, as JSON holds it."""
    return {name: list(value) if isinstance(value, tuple) else value for name, value in vars(config).items()}


@cache
def defaults(kind: Any) -> dict[str, Any]:
    """Every field's default, of a class of configs, as JSON holds it."""
    return as_dict(kind())


def from_dict(fields: dict[str, Any]) -> Config:
    """Inverse of `as_dict`; an unknown or missing field is an error, but for fields younger than the record."""
    known = {field.name for field in dataclasses.fields(Config)}
    if differ := (set(FOUNDING) - set(fields)) | (set(fields) - known):
        raise ValueError(f"config must hold every field once. Received: fields that differ={sorted(differ)}")
    values: dict[str, Any] = {
        name: tuple(value) if isinstance(value, list) else value for name, value in fields.items()
    }
    return Config(**values)


def alike(config: Config) -> Config:
    """The config with the fields in which stacked runs may differ at their defaults."""
    return dataclasses.replace(config, **{name: getattr(Config, name) for name in STACKED})


def obstacles(configs: Sequence[Config]) -> list[str]:
    """What in their configs keeps runs from being trained as one program, as "name=value"."""
    first = configs[0]
    names = [field.name for field in dataclasses.fields(Config) if field.name not in STACKED]
    differ = [name for name in names if any(getattr(config, name) != getattr(first, name) for config in configs)]
    found = [f"fields that differ={differ}"] if differ else []
    forbidden = {
        **{"framework": first.framework != "torch", "augmented": first.augmented, "noisy": first.noisy},
        **{name: getattr(first, name) for name in ("label_smoothing", "weight_average")},
    }
    return found + [f"{name}={getattr(first, name)!r}" for name, holds in forbidden.items() if holds]


def model_options(config: Config, model: Callable[..., Any]) -> dict[str, Any]:
    """Keywords for a registry's function: the config's regularizers inside the network, which it must know."""
    known = inspect.signature(model).parameters
    kind, reads = kind_of(config.dataset), "ids" in known
    if reads != (kind == TokenInputs.name):
        takes = TokenInputs.name if reads else ImageInputs.name
        raise ValueError(f"model must be one for {kind}: this one takes {takes}. Received: model={config.model!r}")
    for name in config.marked(Mark.MODEL):
        if name not in known and getattr(config, name) != (off := getattr(type(config), name)):
            raise ValueError(f"{name} must be {off} for {config.model}. Received: {name}={getattr(config, name)}")
    options = {name: getattr(config, name) for name in known if name in Network.types()}
    return {**options, "ids": number_of_ids(config)} if reads else options


def recipe(fields: Mapping[str, Any], without: Sequence[str] = SEEDS) -> str:
    """Equal for configs that differ in the named fields alone."""
    return json.dumps({name: value for name, value in fields.items() if name not in without}, sort_keys=True)


def run_id(config: Config) -> str:
    """Readable slug and 8 hex digits of sha256 over the canonical JSON of the fields that differ from their default."""
    if not isinstance(config, Config):
        raise TypeError(f"only a Config has an identity. Received: {type(config).__name__}")
    kind: Any = type(config)
    usual = defaults(kind)
    changed = {name: value for name, value in as_dict(config).items() if value != usual[name]}
    digest = hashlib.sha256(json.dumps(changed, sort_keys=True, separators=(",", ":")).encode()).hexdigest()[:8]
    setting = "true" if config.corruption == "none" else f"{config.corruption}{config.corruption_fraction:g}"
    words = sorted({slug for name, slug in config.annotated(Slug).items() if name in changed})
    setting += "".join(f"-{slug.word}" for slug in words)
    width = f"-{config.width}" if config.width else ""
    dataset = word_of(config.dataset)
    return f"{config.model}{width}-{dataset}-{setting}-{config.framework}-seed{config.seed}-{digest}"


def smoke(config: Config) -> Config:
    """The same experiment in seconds: 200 embedded digits, enlarged for networks that need it, or texts, 2 epochs."""
    fields: dict[str, Any] = {
        "dataset": FREE[kind_of(config.dataset)],
        "train_size": 200,
        "test_size": None,
        "train_evaluation_size": None,
        "validation_size": min(config.validation_size, 40),
        "epochs": min(config.epochs, 2),
        "batch_size": 32,
        "crop": 6 // config.downscale if config.random_crop else config.crop,
        "length": 8 if config.random_window else config.length,
    }
    return dataclasses.replace(config, **fields | SMOKE.get(config.model, {}))
