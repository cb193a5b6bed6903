"""Many runs: each missing one trained once, in a warm child of a dask worker, with the rest untouched.

Runs that differ in seeds and corruption alone are trained as one program by one child where that is faster.
"""

from __future__ import annotations

import contextlib
import dataclasses
import itertools
import json
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from common import frameworks, progress
from common.cores import cores
from common.data import datasets
from common.data.datasets import DATASETS
from common.errors import OutOfTime, RunsFailed, in_short
from common.groups import grouped
from common.progress import about, counted
from common.runs import processes
from common.runs.children import CHILDREN, Answer, carry_out_together, end_children
from common.runs.config import Config, Options, alike, as_dict, obstacles, run_id
from common.runs.deadline import Deadline, check_force, needed
from common.runs.estimates import known_records, on_gpu, to_checkpoint
from common.runs.store import Record, Store
from common.runs.training import train

PATIENCE = 60  # seconds for the first worker of a scheduler


def run(
    configs: Sequence[Config],
    options: Options,
    begin: Callable[[Sequence[Config]], None] = lambda missing: None,
    force: bool = False,
    decode: bool = False,
    here: bool = False,
) -> list[Record]:
    """Records of all configs, in their order; a single missing run trains in this process, more in a sweep.

    Under torchrun the processes train one run after the other, together; so does this process where the runs are small
    and must be `here`, unless flags say how many side by side. `begin` is told the missing ones, with `force` all,
    before they are trained; with `decode` a sweep reads each out where it was trained.
    """
    check_options(configs, options)
    check_force(force, options.time_limit)
    missing = list(dict.fromkeys(configs)) if force else left(configs, options)
    if processes.is_first():
        begin(missing)
    alone = len(missing) == 1 or (here and not options.workers)
    if processes.count() > 1 or (alone and options.scheduler is None and options.processes == 1):
        if "torch" in {config.framework for config in configs}:
            frameworks.torch_first("keras")
        with contextlib.suppress(OutOfTime):
            train_in_turn(missing, options, force)
    elif missing:
        failures = distribute(missing, options, force, decode)
        if failures:
            raise RunsFailed(f"{len(failures)} of {counted(len(missing), 'run')} failed:\n" + "\n".join(failures))
    if options.time_limit and (more := left(configs, options)):
        begun = sum(Store.of(options).checkpoint(config).exists() for config in more)
        done = f"of {counted(len(set(configs)), 'run')} {len(set(configs)) - len(more)} are done"
        wait = "" if begun else f", which takes {about(needed(seconds_to_checkpoint([more[:1]], options)[0]))}"
        raise OutOfTime(processes.told(f"{done}, {begun} at a checkpoint{wait}"))
    return [train(config, options) for config in configs]


def check_options(configs: Sequence[Config], options: Options) -> None:
    """ValueError for processes that Keras cannot use, and for options of a sweep under torchrun, which started them."""
    if options.processes > 1 and "keras" in {config.framework for config in configs}:
        raise ValueError("framework must be torch with processes. Received: framework='keras'")
    for name in ("scheduler", "workers", "processes") if processes.count() > 1 else ():
        if (value := getattr(options, name)) != (default := getattr(Options, name)):
            raise ValueError(f"{name} must be {default} under torchrun. Received: {name}={value}")


def left(configs: Sequence[Config], options: Options) -> list[Config]:
    """Those that are not done, each once, as the first of several processes finds them."""
    store = Store.of(options)
    return processes.told([config for config in dict.fromkeys(configs) if not store.done(config, options.keep_epochs)])


def train_in_turn(configs: Sequence[Config], options: Options, force: bool) -> None:
    """Train one after the other in this process, those that the time limit allows."""
    for config, seconds in zip(configs, seconds_to_checkpoint([[config] for config in configs], options), strict=True):
        if may_begin(options, seconds):
            train(config, options, force)


def distribute(configs: Sequence[Config], options: Options, force: bool = False, decode: bool = False) -> list[str]:
    """Train every config on a dask cluster; returns a line for each that failed."""
    from distributed import Client, LocalCluster

    gpus = gpus_here(options)
    workers = options.workers or (1 if gpus or share_gpu(configs, options) else max(1, cores() // options.processes))
    groups = stacks(configs, options, workers)
    workers = min(workers, len(groups))
    threads = options.threads or max(1, cores() // (workers * options.processes))
    options = dataclasses.replace(options, threads=threads)
    cluster: Any = options.scheduler or LocalCluster(
        n_workers=workers, threads_per_worker=1, dashboard_address=":0", silence_logs=50,
        resources={"GPU": gpus} if gpus else None,
    )  # fmt: skip
    with Client(cluster) as client:
        if options.scheduler:
            check_scheduler(client, options.scheduler)
            wait_for_workers(client, options.scheduler)
            check_workers(client, configs, options)
        # impure: dask must not reuse the result of an earlier, failed attempt at the same run
        seconds = seconds_to_checkpoint(groups, options)
        futures = client.map(
            child, groups, seconds, options=options, force=force, decode=decode, pure=False, retries=0,
            resources=resources(client, options),
        )  # fmt: skip
        failures = failures_of(futures, groups)
        if options.scheduler:  # whose workers stay
            client.run(end_children, on_error="ignore")
    if not options.scheduler:
        cluster.close()
    return failures


def failures_of(futures: Sequence[Any], groups: Sequence[Sequence[Config]]) -> list[str]:
    """A line for each run that failed, of futures and what each trains; says how far they are while it waits."""
    from distributed import as_completed

    names = {future.key: list(map(run_id, group)) for future, group in zip(futures, groups, strict=True)}
    failures, done, start, total = [], 0, time.monotonic(), sum(map(len, groups))
    with progress.bar("run", total=total) as bar:
        for future in as_completed(futures):
            failed = future.status == "error"
            reason, _, paused = Answer(str(future.exception()), sound=False) if failed else future.result()
            state = "failed" if reason else "left for later" if paused else "done"
            ended = done + len(names[future.key])
            seconds_left = (time.monotonic() - start) / ended * (total - ended)
            for name in names[future.key]:
                bar.update()
                done += 1
                if reason:
                    failures.append(f"{name}: {reason}")
                if bar.disable:
                    # the first says more of the start
                    told = f", {about(seconds_left)} left" if seconds_left and ended > 1 else ""
                    print(f"{done}/{total} {name} {state}{told}", file=sys.stderr, flush=True)
    return failures


def gpus_here(options: Options) -> int:
    """GPUs of this machine that runs in several processes share; ValueError for two such runs side by side."""
    if options.processes == 1 or options.scheduler:
        return 0
    gpus: int = frameworks.module("torch", "processes").gpus(options.device)
    if gpus and options.workers > 1:
        raise ValueError(f"workers must be 1 where a run takes all GPUs. Received: workers={options.workers}")
    return gpus


def share_gpu(configs: Sequence[Config], options: Options) -> bool:
    """Whether runs side by side would share a GPU, on which they take turns: all would end late, and none early."""
    return not options.scheduler and any(on_gpu(name, options) for name in {config.framework for config in configs})


def check_scheduler(client: Any, scheduler: str) -> None:
    """ValueError where a scheduler cannot import this package, which it must to read what it hands on."""
    try:
        client.run_on_scheduler(cores)
    except ImportError as error:
        raise ValueError(f"scheduler must have this package. Received: {scheduler} without it ({error})") from error


def wait_for_workers(client: Any, scheduler: str) -> None:
    """Says so where a scheduler has no workers yet; ValueError where none comes in time."""
    if not client.scheduler_info()["workers"]:
        print(f"{scheduler} has 0 workers: waiting {PATIENCE} seconds for the first", file=sys.stderr, flush=True)
    try:
        client.wait_for_workers(1, timeout=PATIENCE)
    except TimeoutError as error:
        raise ValueError(
            f"scheduler must have workers (dask worker {scheduler}). Received: 0 in {PATIENCE} seconds"
        ) from error


def check_workers(client: Any, configs: Sequence[Config], options: Options) -> None:
    """ValueError that says what workers lack for these runs, before any is trained."""
    results = Store.of(options).results
    results.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(dir=results, prefix=".shared-") as mark:
        needed = sorted({(config.framework, config.dataset) for config in configs})
        found = client.run(lack, needed, encode(options), Path(mark.name).name, on_error="return")
    lacks = {address: in_short(each) if isinstance(each, Exception) else each for address, each in found.items()}
    told = [f"{address}: {each}" for address, each in lacks.items() if each]
    if told:
        raise ValueError(
            "every worker must have this package, the frameworks, the data and the folder of results. "
            f"Received: {len(told)} of {len(found)} without, {told[0]}"
        )


def lack(needed: Sequence[tuple[str, str]], options: dict[str, Any], mark: str) -> str:
    """What this machine lacks of these frameworks and data sets, and of the folder with a mark. Runs on a worker."""
    here = decode(options)
    try:
        for framework, dataset in needed:
            frameworks.check_installed(framework)
            datasets.obtain(dataset, datasets.find_data_dir(here.data_dir).absolute(), download=False)
    except (ValueError, OSError) as error:
        return in_short(error)
    folder = Store.of(here).results
    return "" if (folder / mark).exists() else f"{folder} is another folder than where the sweep was started"


def resources(client: Any, options: Options) -> dict[str, int] | None:
    """What a run in several processes asks of a worker: all the GPUs that one offers, where any does.

    Its processes take the first ones, so that a second run would take the same.
    """
    if options.processes == 1:
        return None
    workers = client.scheduler_info(n_workers=-1)["workers"].values()
    most = max((worker["resources"].get("GPU", 0) for worker in workers), default=0)
    if not most:
        return None
    if most < options.processes:
        offer = "that a worker offers (dask worker --resources GPU=N)" if options.scheduler else "of this machine"
        raise ValueError(
            f"processes must be at most {most:g}, the GPUs {offer}. Received: processes={options.processes}"
        )
    return {"GPU": most}


def stacks(configs: Sequence[Config], options: Options, workers: int) -> list[list[Config]]:
    """The configs in groups that a child trains as one program, where that is faster, and else each by itself."""
    if not options.stack or options.processes > 1:
        return [[config] for config in configs]
    found = []
    for group in grouped(configs, alike).values():
        number = number_of_stacks(group, options, workers)
        bounds = [len(group) * place // number for place in range(number + 1)]
        found += [group[start:end] for start, end in itertools.pairwise(bounds)]
    return found


def number_of_stacks(group: Sequence[Config], options: Options, workers: int) -> int:
    """In how many programs these runs, which differ in the fields of a stack alone, are trained fastest."""
    alone = len(group) == 1 or obstacles(group) or group[0].dataset not in DATASETS
    if alone or frameworks.torch_is_late():
        return len(group)
    source, stacked = DATASETS[group[0].dataset], frameworks.module("torch", "stacked")
    number: int = stacked.number_of_stacks(group, source, options.device, workers)
    return number


def seconds_to_checkpoint(groups: Sequence[Sequence[Config]], options: Options) -> list[float]:
    """Of each group, until all of its runs could be at a checkpoint; 0 without a time limit, where nobody asks."""
    known = known_records(Store.of(options)) if options.time_limit else []
    return [to_checkpoint(group, known, options) if options.time_limit else 0.0 for group in groups]


def may_begin(options: Options, seconds: float) -> bool:
    """Whether the time limit allows what takes so long; of several processes the first one decides."""
    return options.time_limit is None or processes.told(options.time_limit.allows(seconds))


def child(
    configs: Sequence[Config], seconds: float, options: Options, force: bool = False, decode: bool = False
) -> Answer:
    """Runs of a stack, or one, in a warm child of this process, or one in several of its own.

    Runs on a dask worker; `seconds` until a checkpoint.
    """
    if not may_begin(options, seconds):
        return Answer("", sound=True, paused=True)
    job = {"configs": list(map(as_dict, configs)), "options": encode(options), "force": force, "decode": decode}
    if options.processes > 1:
        return carry_out_together(options.processes, options.threads, json.dumps(job))
    return CHILDREN.carry_out(configs[0].framework, options.threads, json.dumps(job))


def encode(options: Options) -> dict[str, Any]:
    return {
        name: str(value.absolute()) if isinstance(value, Path) else value
        for name, value in dataclasses.asdict(options).items()
    }


def decode(fields: dict[str, Any]) -> Options:
    paths = {name: Path(fields[name]) for name in ("data_dir", "output_dir") if fields[name] is not None}
    limit = {"time_limit": Deadline(**fields["time_limit"])} if fields["time_limit"] else {}
    return Options(**{**fields, **paths, **limit, "keep_epochs": tuple(fields["keep_epochs"])})


def grid(base: Config, **values: Sequence[Any]) -> Iterator[Config]:
    """Every combination of the fields' values over the base config, the last field varying fastest."""
    if not values:
        yield base
        return
    (name, first), *rest = values.items()
    for value in first:
        yield from grid(dataclasses.replace(base, **{name: value}), **dict(rest))
