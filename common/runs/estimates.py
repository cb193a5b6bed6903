"""How long runs take, from the records of like runs on the same kind of device."""

import functools
import os
import shutil
import statistics
import subprocess
from collections.abc import Callable, Sequence

from common.data.datasets import DATASETS
from common.progress import about, counted
from common.runs.config import Config, Options, as_dict, from_dict, recipe, run_id
from common.runs.parts import Mark
from common.runs.record import processor
from common.runs.store import PUBLISHED, Record, Store, read_record

START_SECONDS = 10.0
"""Until a process has imported its framework and placed its data."""


def listing(configs: Sequence[Config], store: Store, options: Options) -> str:
    """A line per run: done, missing, or recorded, its network not being here; and how long it takes, as records say."""
    known, missing = known_records(store), [config for config in configs if not store.done(config)]
    recorded, lines = {record["run_id"] for record in known}, []
    for config, (seconds, rough) in zip(configs, guesses(configs, known, options), strict=True):
        state = "done" if config not in missing else "recorded" if run_id(config) in recorded else "missing"
        told = "no estimate" if seconds is None else f"{'~' * rough}{seconds:.0f} s"
        lines.append(f"{state:9}{told:>11}  {run_id(config)}")
    return "\n".join([*lines, f"{counted(len(configs), 'run')}, {time_left(missing, known, options)}"])


def known_records(store: Store) -> list[Record]:
    """Records that say how long runs take: the user's own and the published ones."""
    return [read_record(path) for root in (store.results, PUBLISHED) for path in root.glob("runs/*/run.json")]


def time_left(missing: Sequence[Config], known: Sequence[Record], options: Options) -> str:
    """How long runs take by the records of like runs, and of how many of them there are such records."""
    found = guesses(missing, known, options)
    seconds = [each for each, _ in found if each is not None]
    if not missing:
        return "none left to train"
    if not seconds:
        return "no estimate of the time: there are no records of such runs"
    of = "" if len(seconds) == len(missing) else f" for {len(seconds)} of {len(missing)} missing"
    by = "; ~: by its network in other runs" if any(rough for _, rough in found) else ""
    return f"{about(sum(seconds))} of training left{of}, one after the other{by}"


def guesses(configs: Sequence[Config], known: Sequence[Record], options: Options) -> list[tuple[float | None, bool]]:
    """Seconds of each run by the records of like ones, else, which is rough, by those of its network in other runs."""
    rates = {kind: rate(*kind, known, options) for kind in {(config.model, config.framework) for config in configs}}
    exact = [estimate(config, known, options) for config in configs]
    rough = [roughly(config, rates[config.model, config.framework]) for config in configs]
    return [(near, near is not None) if own is None else (own, False) for own, near in zip(exact, rough, strict=True)]


def by_cost(configs: Sequence[Config], store: Store, options: Options) -> list[Config]:
    """The cheapest first; those whose cost no record tells come last."""
    known = known_records(store)
    costs = {config: estimate(config, known, options) for config in configs}
    return sorted(configs, key=lambda config: (costs[config] is None, costs[config] or 0.0))


def estimate(config: Config, records: Sequence[Record], options: Options) -> float | None:
    """Seconds, from the median cost per epoch and example of recorded runs of this network, framework and data set.

    For as many epochs as runs took that differ in their seeds alone, else for as many as it may.
    """
    like = like_runs(config, records, options)
    seconds = cost(config, like, lambda record: record["time"]["train_seconds"] + record["time"]["evaluate_seconds"])
    own = recipe(as_dict(config))
    epochs = [record["outcome"]["epochs"] for record in like if recipe(record["config"]) == own] or [config.epochs]
    return None if seconds is None else seconds * statistics.median(epochs)


def rate(model: str, framework: str, records: Sequence[Record], options: Options) -> float | None:
    """Seconds of an epoch for each example, and pixel of an image, of a network at any size; null where none ran."""
    known = [
        record for record in records if record["outcome"]["epochs"]
        and record["config"]["model"] == model and record["config"]["dataset"] in DATASETS
    ]  # fmt: skip
    like = on_device(known, framework, options) or known
    costs = [
        (record["time"]["train_seconds"] + record["time"]["evaluate_seconds"])
        / (record["outcome"]["epochs"] * record["data"]["train_n"] * area(from_dict(record["config"])))
        for record in like
    ]
    return statistics.median(costs) if costs else None


def roughly(config: Config, seconds: float | None) -> float | None:
    """By a rate of its network; null without one, and where only files tell how many examples a data set has."""
    return None if seconds is None or config.dataset not in DATASETS else seconds * volume(config)


def volume(config: Config) -> float:
    """Examples of all epochs that a run may take, and pixels of each: what a rate is multiplied by."""
    return (config.train_size or DATASETS[config.dataset].shape[0]) * area(config) * config.epochs


def area(config: Config) -> float:
    """Pixels of a network's input; 1 where it is no image."""
    shape = DATASETS[config.dataset].shape
    return float(config.crop or shape[1] / config.downscale) ** 2 if len(shape) == 4 else 1.0


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
