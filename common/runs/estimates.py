"""How long runs take, from the records of like runs on the same kind of device."""

import contextlib
import functools
import os
import shutil
import statistics
import subprocess
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from common.data.datasets import DATASETS
from common.groups import grouped
from common.progress import about, counted
from common.runs.config import Config, Options, as_dict, from_dict, recipe, run_id
from common.runs.parts import Mark
from common.runs.record import processor
from common.runs.store import PUBLISHED, Record, Store, read_record

START_SECONDS = 10.0
"""Until a process has imported its framework and placed its data."""


Guess = tuple[float | None, bool]
"""Seconds, null where no record tells them, and whether they are rough."""


def listing(configs: Sequence[Config], store: Store, options: Options) -> str:
    """A line per run, each once, and how much longer it takes, as records say.

    It is done, missing, recorded, where its network is not here, or at an epoch's checkpoint.
    """
    configs, known = list(dict.fromkeys(configs)), Estimates(known_records(store), options)
    recorded, lines, left = {record["run_id"] for record in known.records}, [], []
    for config in configs:
        name, done, (seconds, rough) = run_id(config), store.done(config, options.keep_epochs), known.guess(config)
        state = "done" if done else "recorded" if name in recorded else "missing"
        if not done and (begun := store.epochs_begun(config)):
            state = f"epoch {begun}"
        told = "no estimate" if seconds is None else f"{'~' * rough}{seconds:.0f} s"
        lines.append(f"{state:9}{told:>11}  {name}")
        left += [] if done else [(seconds, rough)]
    legend = "; recorded: its network is not here" if any(line.startswith("recorded") for line in lines) else ""
    return "\n".join([*lines, f"{counted(len(configs), 'run')}, {time_left(left)}{legend}"])


def known_records(store: Store) -> list[Record]:
    """Records that say how long runs take: the user's own and the published ones, but for what is damaged."""
    records = []
    for path in (path for root in (store.results, PUBLISHED) for path in root.glob("runs/*/run.json")):
        with contextlib.suppress(ValueError):
            records.append(read_record(path))
    return records


def time_left(missing: Sequence[Guess], doing: str = "training") -> str:
    """How long missing runs, or computations, take, and of how many of them there are records that tell."""
    seconds = [each for each, _ in missing if each is not None]
    if not missing:
        return "none left"
    if not seconds:
        return "no estimate of the time: nothing like it is on record"
    of = "" if len(seconds) == len(missing) else f" for {len(seconds)} of {len(missing)} missing"
    by = "; ~: by its network in other runs" if any(rough for _, rough in missing) else ""
    return f"{about(sum(seconds))} of {doing} left{of}, one after the other{by}"


class Estimates:
    """How long runs take by these records: by those of like runs, else, which is rough, of their network in others."""

    def __init__(self, records: Sequence[Record], options: Options):
        self.records, self.options = records, options
        self.like = grouped(records, lambda record: kind_of(record["config"]))
        self.rates: dict[tuple[str, str, int | None], float | None] = {}

    def guess(self, config: Config) -> Guess:
        """Of one run."""
        exact = estimate(config, self.like.get(kind_of(vars(config)), []), self.options)
        rough = self.roughly(config) if exact is None else None
        return (exact, False) if rough is None else (rough, True)

    def roughly(self, config: Config) -> float | None:
        """By a rate of its network; null without one, and where only files tell how many examples there are."""
        kind = config.model, config.framework, config.width
        if kind not in self.rates:
            self.rates[kind] = rate(*kind, self.records, self.options)
        found = self.rates[kind]
        return None if found is None or config.dataset not in DATASETS else found * volume(config, self.options)


def kind_of(fields: Mapping[str, Any]) -> tuple[Any, ...]:
    """What the cost of an example depends on most."""
    return tuple(fields[name] for name in Config.marked(Mark.COST))


def by_cost(configs: Sequence[Config], store: Store, options: Options) -> list[Config]:
    """The cheapest first; those whose cost no record tells come last."""
    known = known_records(store)
    costs = {config: estimate(config, known, options) for config in configs}
    return sorted(configs, key=lambda config: (costs[config] is None, costs[config] or 0.0))


def estimate(config: Config, records: Sequence[Record], options: Options) -> float | None:
    """Seconds, from the median cost per epoch and example of recorded runs of this network, framework and data set.

    For as many epochs as runs took that differ in their seeds alone, else for as many as it may, but for those that a
    checkpoint has.
    """
    like = like_runs(config, records, options)
    seconds = cost(config, like, lambda record: record["time"]["train_seconds"] + record["time"]["evaluate_seconds"])
    own = recipe(as_dict(config))
    epochs = [record["outcome"]["epochs"] for record in like if recipe(record["config"]) == own] or [config.epochs]
    return None if seconds is None else seconds * epochs_left(config, statistics.median(epochs), options)


def epochs_left(config: Config, epochs: float, options: Options) -> float:
    """Of so many those that no checkpoint has; one at least, since it is not done."""
    return max(epochs - Store.of(options).epochs_begun(config), min(epochs, 1))


def rate(model: str, framework: str, width: int | None, records: Sequence[Record], options: Options) -> float | None:
    """Seconds of an epoch for each pixel, or token, of each example, of a network at any size; null where none ran."""
    known = [
        record for record in records if record["outcome"]["epochs"] and record["config"]["dataset"] in DATASETS
        and (record["config"]["model"], record["config"]["width"]) == (model, width)
    ]  # fmt: skip
    like = on_device(known, framework, options) or known
    costs = [
        (record["time"]["train_seconds"] + record["time"]["evaluate_seconds"])
        / (record["outcome"]["epochs"] * record["data"]["train_n"] * area(from_dict(record["config"])))
        for record in like
    ]
    return statistics.median(costs) if costs else None


def volume(config: Config, options: Options) -> float:
    """Examples of all epochs that a run may take, and pixels, or tokens, of each: what a rate is multiplied by."""
    examples = config.train_size or DATASETS[config.dataset].shape[0]
    return examples * area(config) * epochs_left(config, config.epochs, options)


def area(config: Config) -> float:
    """Pixels of a network's input, or tokens; 1 where it is neither an image nor a text."""
    shape = DATASETS[config.dataset].shape
    if len(shape) != 4:
        return float(config.length or 1)
    side = shape[1] // config.downscale
    taken = config.crop or side
    return float(taken if config.center_box else min(taken, side)) ** 2


def to_checkpoint(configs: Sequence[Config], records: Sequence[Record], options: Options) -> float:
    """Seconds until runs that train as one program can be at a checkpoint: all are evaluated before, and after."""
    evaluations = [
        cost(config, like_runs(config, records, options), lambda record: record["time"]["evaluate_seconds"])
        for config in configs
    ]
    return START_SECONDS + 2 * sum(filter(None, evaluations))


def cost(config: Config, like: Sequence[Record], seconds: Callable[[Record], float]) -> float | None:
    """Median per epoch of runs like this one, for as many examples as it has; null where there are none."""
    costs = [
        seconds(record) / record["outcome"]["epochs"]
        * (config.train_size or record["data"]["train_n"]) / record["data"]["train_n"]
        for record in like
    ]  # fmt: skip
    return statistics.median(costs) if costs else None


def like_runs(config: Config, records: Sequence[Record], options: Options) -> list[Record]:
    """Runs of this network, framework and data set: on this very device where there are some, else on its kind."""
    like = [
        record for record in records
        if record["outcome"]["epochs"] and (config.train_size or not record["config"]["train_size"])
        and all(record["config"][name] == getattr(config, name) for name in config.marked(Mark.COST))
    ]  # fmt: skip
    return on_device(like, config.framework, options)


def on_device(records: Sequence[Record], framework: str, options: Options) -> list[Record]:
    """Those of the very device that would train, where there are some, else those of its kind."""
    gpu = on_gpu(framework, options)
    like = [record for record in records if (record["environment"]["device"] != "cpu") == gpu]
    name, key = (next(iter(gpus()), None), "device") if gpu else (processor(), "processor")
    return [record for record in like if record["environment"].get(key) == name] or like


def on_gpu(framework: str, options: Options) -> bool:
    """Whether runs train on a GPU; Keras uses one on the torch backend alone."""
    able = framework == "torch" or os.environ.get("KERAS_BACKEND") == "torch"
    return options.device.startswith("cuda") or (options.device == "auto" and able and bool(gpus()))


@functools.cache
def gpus() -> tuple[str, ...]:
    """Names of the GPUs that NVIDIA's driver knows, asked without a framework; none where it does not tell."""
    tool = shutil.which("nvidia-smi")
    if tool is None:
        return ()
    query = [tool, "--query-gpu=name", "--format=csv,noheader"]
    answer = subprocess.run(query, capture_output=True, text=True, encoding="utf-8")
    return () if answer.returncode else tuple(answer.stdout.splitlines())
