"""A run as a reader sees it, and runs together: the one vocabulary of every table and figure."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any, NotRequired, Protocol, TypedDict, TypeVar, overload

from numpy.typing import NDArray

from common import groups
from common.report.numbers import Number, counted, number
from common.runs.config import SEEDS, Config, from_dict, recipe
from common.runs.learning import NEVER
from common.runs.parts import Mark
from common.runs.store import HISTORY, READOUT, Record, Store, all_records, commits_of

if TYPE_CHECKING:
    import pandas

Line = Mapping[str, Any]
AnyLine = TypeVar("AnyLine", bound=Line)
FRAMEWORKS = {"keras": "Keras", "torch": "PyTorch"}
FULL_EPOCHS = 60
FULL_TRAIN_N = {  # the whole training set
    **{"cifar10": 50_000, "mnist": 60_000, "fashion_mnist": 60_000},
    "imagenet_320": 1_281_167,
}
OWN = ("test_size", *Config.marked(Mark.FILE), *Config.marked(Mark.STOP))  # none in a published run
CORRUPTION = Config.marked(Mark.CORRUPTION)
REGULARIZERS = sorted(Config.marked(Mark.REGULARIZER), key=lambda name: name != "weight_decay")  # named first


EXAMPLES = {
    "indices": ("labels", "true_labels", "predictions", "learned_epochs", "times_forgotten", "loss_sensitivity"),
    "critical_indices": ("critical",),
}
"""Arrays of each split that are columns of the frame of examples, by the array that says of which examples they are."""


class Measures(TypedDict):
    """What is measured of a network: cross-entropies in nats, shares from 0 to 1; null was not measured."""

    train_loss: float | None
    train_accuracy: float | None
    train_accuracy_corrupted: float | None
    train_accuracy_untouched: float | None
    train_accuracy_true_labels: float | None
    validation_accuracy: float | None
    test_loss: float | None
    test_accuracy: float | None
    test_accuracy_corrupted_labels: float | None
    train_top5_accuracy: NotRequired[float | None]
    test_top5_accuracy: NotRequired[float | None]


class HistoryLine(Measures, total=False):
    """A line of history.jsonl; epoch 0 is the untrained network."""

    epoch: int
    learning_rate: float | None
    seconds: float
    evaluate_seconds: float
    online_train_loss: float | None
    online_train_accuracy: float | None


class Outcome(Measures):
    """What came out of a run: the measures of its last epoch, and when it had fitted."""

    epochs: int
    stop_reason: str
    epochs_to_fit: int | None
    fit_criterion: str
    best_test_accuracy: float | None
    best_test_epoch: int | None
    best_test_top5_accuracy: NotRequired[float]


class Source(Protocol):
    """Where the parts of runs lie; a `Store` is one."""

    def lines(self, name: str, file: str) -> list[dict[str, Any]]: ...
    def arrays(self, name: str) -> dict[str, NDArray[Any]]: ...
    def kept_arrays(self, name: str, file: str) -> dict[str, NDArray[Any]]: ...


def of_other_labels(line: Line) -> bool:
    """Whether a line of a read-out is of a probe that was fitted on other labels than the run was trained on."""
    return bool(line.get("labels_rule"))


class Run:
    """A finished run. Its record is there at once; history, arrays and lines are read when they are asked for."""

    def __init__(self, record: Record, source: Source):
        self.record, self.source = record, source
        self.id: str = record["run_id"]
        self.fields: Mapping[str, Any] = record["config"]
        self.outcome: Outcome = record["outcome"]
        self.data: Mapping[str, Any] = record["data"]

    def __repr__(self) -> str:
        return f"Run({self.id})"

    @cached_property
    def config(self) -> Config:
        """What was asked for."""
        return from_dict(dict(self.fields))

    @cached_property
    def history(self) -> Sequence[HistoryLine]:
        """A line for each epoch, the first of the untrained network; none where it was not kept."""
        return self.source.lines(self.id, HISTORY)  # type: ignore[return-value]

    @cached_property
    def arrays(self) -> dict[str, NDArray[Any]]:
        """Per-example values, in the order of the data set's own indices."""
        return self.source.arrays(self.id)

    @cached_property
    def readout(self) -> Sequence[Line]:
        """What probes of its own labels found in the layers; none where it was not read out."""
        return [line for line in self.lines(READOUT) if not of_other_labels(line)]

    @cached_property
    def last_readout(self) -> Sequence[Line]:
        """That of the last epoch that was read out; a null epoch (unknown) comes before all others."""
        return last_epoch(self.readout)

    def lines(self, file: str) -> Sequence[Line]:
        """Lines of a file beside the record; none where there is no file."""
        return self.source.lines(self.id, file)

    def kept_arrays(self, file: str) -> dict[str, NDArray[Any]]:
        """Arrays of a file beside the record; none where there is no file."""
        return self.source.kept_arrays(self.id, file)

    @property
    def trained(self) -> Sequence[HistoryLine]:
        """The history without the untrained network."""
        return [line for line in self.history if line["epoch"] > 0]

    def over_epochs(self, name: str) -> dict[int, float]:
        """A measure by epoch of training, where it was measured."""
        return {line["epoch"]: value for line in self.trained if (value := line.get(name)) is not None}  # type: ignore[misc]

    def best(self, name: str, start: bool = False) -> HistoryLine:
        """The first epoch of training with the highest value; the untrained network is no epoch of training.

        With `start` epoch 0 counts too, as it does where a run goes on from a trained network, and in the best test
        epoch that a record names. ValueError where nothing was trained.
        """
        if not self.trained:
            raise ValueError(f"a run must have trained to have a best epoch. Received: {self.id}")
        lines = self.history if start else self.trained
        return max(lines, key=lambda line: -1 if (value := line.get(name)) is None else value)  # type: ignore[arg-type, return-value]

    def epochs_to(self, name: str, threshold: float) -> int | None:
        """First epoch of training at which a loss is at most, an accuracy at least, the threshold; null without."""
        return epochs_to(self.trained, name, threshold)

    @property
    def model(self) -> str:
        """Architecture in the words of published tables."""
        return model_of(self.config)

    @property
    def setting(self) -> str:
        """Corruption and regularizers in the words of published tables."""
        return setting_of(self.config)

    @property
    def train_n(self) -> int:
        """Examples that it was trained on."""
        n: int = self.data["train_n"]
        return n

    @property
    def reduced(self) -> bool:
        """Whether it trained on less than the whole training set."""
        return self.train_n != FULL_TRAIN_N.get(self.config.dataset)

    @property
    def full_size(self) -> bool:
        """Whether it may stand for a published one: the whole training and test set, at least 60 epochs, to the end."""
        whole = self.config.downscale == 1 and all(getattr(self.config, name) is None for name in OWN)
        ended = self.config.epochs >= FULL_EPOCHS and self.outcome["stop_reason"] != "diverged"
        return whole and ended and not self.reduced

    @property
    def scale(self) -> list[str]:
        """How it is smaller than a published one, or less exact: examples, size of images, precision."""
        config = self.config
        parts = [f"train_n={self.train_n}"] if self.reduced else []
        parts += [f"images {config.downscale} times smaller"] if config.downscale > 1 else []
        return parts + ([] if config.precision == "float32" else [config.precision])


Measure = Callable[[Run], float | None]


class Runs(Sequence[Run]):
    """Runs, each once, in the order given."""

    def __init__(self, runs: Iterable[Run] = ()):
        self._runs = tuple({run.id: run for run in runs}.values())

    @staticmethod
    def of(records: Iterable[Record], source: Source) -> Runs:
        """The runs of these records."""
        return Runs(Run(record, source) for record in records)

    @staticmethod
    def under(store: Store) -> Runs:
        """Every run under a store, in the order of their ids; FileNotFoundError where there is none."""
        return Runs.of(all_records(store), store)

    @overload
    def __getitem__(self, place: int) -> Run: ...
    @overload
    def __getitem__(self, place: slice) -> Runs: ...
    def __getitem__(self, place: int | slice) -> Run | Runs:
        return Runs(self._runs[place]) if isinstance(place, slice) else self._runs[place]

    def __len__(self) -> int:
        return len(self._runs)

    def __iter__(self) -> Iterator[Run]:
        return iter(self._runs)

    def __add__(self, others: Iterable[Run]) -> Runs:
        return Runs((*self, *others))

    def where(self, *tests: Callable[[Run], object], **fields: Any) -> Runs:
        """Runs that pass all tests and whose config has these values."""
        return Runs(
            run
            for run in self
            if all(getattr(run.config, name) == value for name, value in fields.items())
            and all(test(run) for test in tests)
        )

    def grouped(self, key: Callable[[Run], groups.Key]) -> dict[groups.Key, Runs]:
        """Runs by a key, in the order in which they come."""
        return {name: Runs(runs) for name, runs in groups.grouped(self, key).items()}

    def by(self, *fields: str) -> dict[Any, Runs]:
        """Runs by the value of a field of their config, of several by a tuple of these; sorted, null first."""

        def values(run: Run) -> tuple[Hashable, ...]:
            return tuple(getattr(run.config, field) for field in fields)

        found = self.grouped(values)
        ordered = sorted(found, key=lambda key: [(value is not None, value) for value in key])
        return {key[0] if len(fields) == 1 else key: found[key] for key in ordered}

    def pairs(self, others: Iterable[Run]) -> list[tuple[Run, Run]]:
        """Runs of the two sides that have the same seed."""
        by_seed = {run.config.seed: run for run in others}
        return [(run, by_seed[run.config.seed]) for run in self if run.config.seed in by_seed]

    def recipes(self, free: Sequence[str] = ()) -> list[Runs]:
        """Runs that differ in their seeds alone, or `free` fields: by framework, those of full size first."""

        def alike(run: Run) -> str:
            return recipe(run.fields, (*SEEDS, *free))

        ordered = sorted(self, key=lambda run: (run.config.framework, not run.full_size, alike(run)))
        return list(Runs(ordered).grouped(alike).values())

    def over_seeds(self, measure: Measure | str, unit: str = "fraction", split: str | None = None) -> Number | None:
        """Mean and 95 % interval over these runs of a measure, or of an outcome by its name; null without any.

        Of one run there is none, but where the measure is a share of a `split`'s examples: Wilson's over these.
        """
        of: Measure = (lambda run: run.outcome[measure]) if isinstance(measure, str) else measure  # type: ignore[literal-required]
        values = [of(run) for run in self]
        sizes = [run.data[f"{split}_n"] if split else None for run in self]
        return number(values, unit, counted(values, sizes))

    def run_on(self) -> str:
        """Hardware and commits."""
        machines = [run.record["environment"] for run in self]
        devices = {m.get("processor") or "cpu" if m["device"] == "cpu" else m["device"] for m in machines}
        return f"{', '.join(sorted(devices))}; {commits_of(run.record for run in self)}"

    def frame(self) -> pandas.DataFrame:
        """A row for each run, a column for each entry of its record: `config.model`, `outcome.test_accuracy` …"""
        import pandas

        return pandas.json_normalize([run.record for run in self]).convert_dtypes()

    def histories(self) -> pandas.DataFrame:
        """A row for each epoch of each run: `run_id`, `epoch`, and the measures of its history."""
        return framed({"run_id": run.id, **line} for run in self for line in run.history)

    def readouts(self) -> pandas.DataFrame:
        """A row for each layer, probe and split of each run that was read out: `run_id`, `layer`, `correct`, `n` …"""
        return framed({"run_id": run.id, **line} for run in self for line in run.readout)

    def examples(self) -> pandas.DataFrame:
        """A row for each example of each run: `run_id`, `split`, `index` in the data set, and the columns of EXAMPLES.

        `learned_epochs` is the first epoch after which it was right, missing where it never was.
        """
        import pandas

        parts = [part.assign(run_id=run.id) for run in self for part in example_frames(run.source.arrays(run.id))]
        columns = ["run_id", "split", "index", *(name for names in EXAMPLES.values() for name in names)]
        return pandas.concat([pandas.DataFrame(), *parts]).reindex(columns=columns).convert_dtypes()

    def csv(self) -> str:
        """`frame` as comma-separated values; null is empty."""
        text: str = self.frame().to_csv(index=False, lineterminator="\n")
        return text

    def sizes(self) -> str:
        """Numbers of training examples, as text."""
        return ", ".join(f"{size:,}" for size in sorted({run.train_n for run in self}))


def framed(lines: Iterable[Line]) -> pandas.DataFrame:
    """A row for each line; what a line lacks is missing."""
    import pandas

    return pandas.DataFrame(list(lines)).convert_dtypes()


def example_frames(arrays: Mapping[str, NDArray[Any]]) -> Iterator[pandas.DataFrame]:
    """Of each split a row for each example that the arrays of a run know something of."""
    import pandas

    for split in ("train", "validation", "test"):
        known = []
        for indices, names in EXAMPLES.items():
            values = {name: arrays[f"{split}_{name}"] for name in names if f"{split}_{name}" in arrays}
            if values:
                known.append(pandas.DataFrame(values, pandas.Index(arrays[f"{split}_{indices}"], name="index")))
        if known:
            frame = pandas.concat(known, axis=1).reset_index().assign(split=split)
            yield frame.replace({"learned_epochs": NEVER}, float("nan"))


def last_epoch(lines: Sequence[AnyLine]) -> list[AnyLine]:
    """Lines of the last epoch; a null epoch (unknown) comes before all others."""
    last = max((line["epoch"] for line in lines), default=None, key=lambda epoch: -1 if epoch is None else epoch)
    return [line for line in lines if line["epoch"] == last]


def epochs_to(lines: Iterable[Line | HistoryLine], name: str, threshold: float) -> int | None:
    """First of these epochs at which a loss is at most, an accuracy at least, the threshold; null where none is."""
    sign = 1 if name.endswith("loss") else -1
    values = ((line["epoch"], line.get(name)) for line in lines)
    return next((epoch for epoch, v in values if v is not None and sign * v <= sign * threshold), None)  # type: ignore[operator]


def model_of(config: Config) -> str:
    """Model in the words of published tables: `_without_batch_norm` follows its name where that is off."""
    return config.model + ("" if config.batch_norm else "_without_batch_norm")


def setting_of(config: Config) -> str:
    """Setting in the words of published tables, from corruption and regularizers.

    Labels replaced by uniform classes (`uniform`, `ketha`) are `random_labels` at fraction 1 and `corrupted_labels`
    below; any other corruption goes by its own name. The regularizers follow, rotation with its degrees:
    `random_labels_flip_rotation_25`; with true labels they stand alone: `weight_decay_random_crop`.
    """
    rule, fraction, name = config.corruption, config.corruption_fraction, "true_labels"
    if rule != "none" and fraction > 0:
        name = ("random_labels" if fraction == 1 else "corrupted_labels") if rule in ("uniform", "ketha") else rule
    used = [f"rotation_{config.rotation:g}" if n == "rotation" else n for n in REGULARIZERS if getattr(config, n)]
    return "_".join(used if used and name == "true_labels" else [name, *used])


def setting_text(setting: str) -> str:
    """A setting as it is read: random labels, flip, rotation 25."""
    for name in REGULARIZERS:
        setting = setting.replace(f"_{name}", f", {name}")
    return setting.replace("_", " ")


def data_text(setting: str) -> str:
    """What networks of a setting see, as it is read: Gaussian inputs, random labels."""
    return setting_text(setting).replace("gaussian", "Gaussian inputs")


def group_names(groups: Sequence[Runs]) -> list[str]:
    """Framework of each group of runs of one recipe, and what their `scale` says.

    Where several groups have both in common, the fields in which their configs differ too.
    """
    kinds = [(group[0].config.framework, group[0].scale) for group in groups]
    configs = [group[0].fields for group in groups]
    names = []
    for config, kind in zip(configs, kinds, strict=True):
        rivals = [other for other, its in zip(configs, kinds, strict=True) if its == kind]
        fields = [name for name in config if name not in SEEDS and any(o[name] != config[name] for o in rivals)]
        text = ", ".join([*kind[1], *(f"{name}={config[name]}" for name in fields)])
        names.append(FRAMEWORKS.get(kind[0], kind[0]) + (f" ({text})" if text else ""))
    return names
