"""How long runs take, from the records of like runs."""

import statistics
from collections.abc import Sequence

from common.progress import about, counted
from common.runs.config import Config, as_dict, recipe, run_id
from common.runs.parts import Mark
from common.runs.store import PUBLISHED, Record, Store, read_record


def listing(configs: Sequence[Config], store: Store) -> str:
    """A line per run: done or missing, and how long it takes by the records of like runs there are."""
    known, missing = known_records(store), [config for config in configs if not store.done(config)]
    lines = []
    for config in configs:
        state, seconds = "missing" if config in missing else "done", estimate(config, known)
        lines.append(f"{state:8}{'no estimate' if seconds is None else f'{seconds:8.0f} s':>12}  {run_id(config)}")
    return "\n".join([*lines, f"{counted(len(configs), 'run')}, {time_left(missing, known)}"])


def known_records(store: Store) -> list[Record]:
    """Records that say how long runs take: the user's own and the published ones."""
    return [read_record(path) for root in (store.results, PUBLISHED) for path in root.glob("runs/*/run.json")]


def time_left(missing: Sequence[Config], known: Sequence[Record]) -> str:
    """How long runs take by the records of like runs, and of how many of them there are such records."""
    seconds = [each for config in missing if (each := estimate(config, known)) is not None]
    if not missing:
        return "none left to train"
    if not seconds:
        return "no estimate of the time: there are no records of such runs"
    of = "" if len(seconds) == len(missing) else f" for {len(seconds)} of {len(missing)} missing"
    return f"{about(sum(seconds))} of training left{of}, one after the other"


def estimate(config: Config, records: Sequence[Record]) -> float | None:
    """Seconds, from the median cost per epoch and example of recorded runs of this network, framework and data set.

    For as many epochs as runs took that differ in their seeds alone, else for as many as it may.
    """
    like = [
        record for record in records
        if record["outcome"]["epochs"] and (config.train_size or not record["config"]["train_size"])
        and all(record["config"][name] == getattr(config, name) for name in config.marked(Mark.COST))
    ]  # fmt: skip
    if not like:
        return None
    costs = [
        (record["time"]["train_seconds"] + record["time"]["evaluate_seconds"]) / record["outcome"]["epochs"]
        * (config.train_size or record["data"]["train_n"]) / record["data"]["train_n"]
        for record in like
    ]  # fmt: skip
    own = recipe(as_dict(config))
    epochs = [record["outcome"]["epochs"] for record in like if recipe(record["config"]) == own] or [config.epochs]
    return statistics.median(costs) * statistics.median(epochs)
