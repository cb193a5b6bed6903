"""Trainings: of a run, or of many that train as one program, but for those that are done."""

import contextlib
import dataclasses
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path

from common import frameworks
from common.data import datasets
from common.data.epochs import EpochPlan
from common.errors import OutOfTime
from common.runs import processes
from common.runs.config import Config, Options, run_id
from common.runs.deadline import Watch
from common.runs.run import Life, Run, Wanted
from common.runs.store import Record, Store
from common.runs.task import Task, prepare
from common.runs.threads import limit_threads
from common.runs.trainers import NO_PAUSE, Online, Pause, Trainer, initialize, make_trainer

TrainEpoch = Callable[[dict[int, EpochPlan], float, Pause], Mapping[int, Online] | None]
"""Trains the runs at these places by their plans; none where it was paused."""


def train(config: Config, options: Options, force: bool = False) -> Record:
    """The record of the run: read where it is done, else trained, from its last checkpoint if there is one.

    With `force` it is trained, from its first epoch.
    """
    return train_stacked([config], options, force)[0]


def train_stacked(configs: Sequence[Config], options: Options, force: bool = False) -> list[Record]:
    """Records of runs that train as one program, but for those that are done; see `torch_models.stacked` for which can.

    Each has its own checkpoint, stop rules, files and record, as if it had been alone.
    """
    store = Store.of(options)

    def done(config: Config) -> Record | None:
        mine = processes.is_first() and not force
        return processes.told(store.done(config, options.keep_epochs) if mine else None)

    records = {config: done(config) for config in configs}
    with contextlib.ExitStack() as locks:
        # All processes lock in the same order, so that no two wait for each other.
        missing = sorted((config for config, record in records.items() if not record), key=run_id)
        if late := processes.told(lock(missing, store, options, locks)):
            raise OutOfTime(late)
        records |= {config: done(config) for config in missing}  # perhaps trained by another process meanwhile
        if missing := [config for config in missing if not records[config]]:
            records |= zip(missing, train_missing(missing, options, store, force), strict=True)
    return [record for config in configs if (record := records[config])]


def lock(configs: Sequence[Config], store: Store, options: Options, locks: contextlib.ExitStack) -> str:
    """Lock the folders of runs, as the first process does for all; why not, where it would wait too long."""
    try:
        for config in configs if processes.is_first() else ():
            locks.enter_context(store.lock(run_id(config), deadline=options.time_limit))
    except OutOfTime as late:
        return str(late)
    return ""


def train_missing(configs: Sequence[Config], options: Options, store: Store, force: bool) -> list[Record]:
    """Train runs whose folders are locked; those that differ in seed alone share one task."""
    check_processes(configs)
    limit_threads(options.threads)
    obtain(configs, options)
    keys = [dataclasses.replace(config, seed=0) for config in configs]
    tasks = {key: prepare(key, options.data_dir, store.models) for key in dict.fromkeys(keys)}
    runs = [(config, tasks[key]) for config, key in zip(configs, keys, strict=True)]
    store.models.mkdir(parents=True, exist_ok=True)
    with memory_named(configs[0]):
        trainers, train_epoch = make_trainers(runs, options.device, store.models)
        living = [Run(*run, trainer, options) for run, trainer in zip(runs, trainers, strict=True)]
        watch = Watch(options.time_limit, living) if options.time_limit else None
        pause = Pause(options.checkpoint_steps, *((watch.late, watch.begin) if watch else ()))
        return drive([run.live(force, pause.late) for run in living], train_epoch, pause)


def check_processes(configs: Sequence[Config]) -> None:
    """ValueError for what many processes cannot train: a stack, or a run in Keras."""
    if processes.count() > 1 and (len(configs) > 1 or configs[0].framework != "torch"):
        raise ValueError(f"framework must be torch with processes. Received: framework={configs[0].framework!r}")


def obtain(configs: Sequence[Config], options: Options) -> None:
    """Of many processes the first has the data sets' files come, before any reads them."""
    if processes.count() > 1:
        for name in dict.fromkeys(config.dataset for config in configs) if processes.is_first() else ():
            datasets.obtain(name, options.data_dir)
        processes.told(None)


@contextlib.contextmanager
def memory_named(config: Config) -> Iterator[None]:
    """A GPU that is too small ends in one line that says what to change, whatever error came of it."""
    try:
        yield
    except Exception as error:
        cause: BaseException | None = error
        while cause and not (isinstance(cause, RuntimeError) and "out of memory" in str(cause)):
            cause = cause.__cause__ or cause.__context__
        if not cause:
            raise
        raise ValueError(
            "the GPU's memory must hold the training set and a step of each worker and stacked run; try --no-stack, "
            "fewer --workers, a smaller --batch-size or --precision bfloat16. "
            f"Received: batch_size={config.batch_size}, precision={config.precision!r}"
        ) from error


def make_trainers(runs: Sequence[tuple[Config, Task]], device: str, models: Path) -> tuple[list[Trainer], TrainEpoch]:
    """A trainer for each run, and what trains an epoch of some of them: the one there is, or one program for all."""
    if len(runs) == 1:
        trainer = make_trainer(*runs[0], device, models)
        return [trainer], partial(train_alone, trainer)
    stack = frameworks.module("torch", "stacked").StackedTrainer(runs, device)
    for (config, _), run in zip(runs, stack.runs, strict=True):
        initialize(run, config, models)
    return stack.runs, stack.train_epoch


def train_alone(
    trainer: Trainer, plans: Mapping[int, EpochPlan], learning_rate: float, pause: Pause
) -> Mapping[int, Online] | None:
    """The `TrainEpoch` of one run."""
    online = trainer.train_epoch(plans[0], learning_rate, pause)
    return {0: online} if online else None


def drive(lives: Sequence[Life], train_epoch: TrainEpoch, pause: Pause = NO_PAUSE) -> list[Record]:
    """Records of runs' lives. Of the epochs they want each round trains the earliest, so that late ones catch up.

    A pause leaves all of them at checkpoints; OutOfTime where it is late.
    """
    wanted: dict[int, Wanted] = {}
    records: dict[int, Record] = {}
    paused: list[OutOfTime] = []

    def go_on(place: int, result: tuple[Online | None, float] | None = None) -> None:
        try:
            wanted[place] = next(lives[place]) if result is None else lives[place].send(result)
        except (StopIteration, OutOfTime) as end:
            wanted.pop(place, None)
            if isinstance(end, StopIteration):
                records[place] = end.value
            else:
                paused.append(end)

    for place in range(len(lives)):
        go_on(place)
    while wanted:
        first = min(wanted.values(), key=lambda want: want[:2])
        plans = {place: want.plan for place, want in wanted.items() if want[:2] == first[:2]}
        pause.begin()
        start = time.perf_counter()
        online = train_epoch(plans, first.learning_rate, pause)
        seconds = (time.perf_counter() - start) / len(plans)
        for place in plans if online else list(wanted):
            go_on(place, (online[place] if online else None, seconds if place in plans else 0.0))
    if paused:
        raise paused[0]
    return [records[place] for place in range(len(lives))]
