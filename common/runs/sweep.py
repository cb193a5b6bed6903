"""Many runs: each missing one trained once, in a child process of a dask worker, with the rest untouched."""

from __future__ import annotations

import dataclasses
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from tqdm import tqdm

from common.runs.config import Config, Options, as_dict, run_id
from common.runs.store import Record, Store
from common.runs.threads import MEMORY, thread_environment
from common.runs.training import train


class RunsFailed(Exception):
    """Some runs of a sweep failed; the message has a line for each."""


def run(configs: Sequence[Config], options: Options) -> list[Record]:
    """Records of all configs, in their order; a single missing run trains in this process, more in a sweep."""
    missing = [
        config
        for config in dict.fromkeys(configs)
        if options.force or not Store.of(options).done(config, options.keep_epochs)
    ]
    if len(missing) == 1 and options.scheduler is None:
        train(missing[0], options)
    elif missing:
        failures = distribute(missing, options)
        if failures:
            raise RunsFailed(f"{len(failures)} of {len(missing)} runs failed:\n" + "\n".join(failures))
    return [train(config, dataclasses.replace(options, force=False)) for config in configs]


def distribute(configs: Sequence[Config], options: Options) -> list[str]:
    """Train every config on a dask cluster; returns a line for each that failed."""
    from distributed import Client, LocalCluster, as_completed

    workers = min(options.workers or os.cpu_count() or 1, len(configs))
    threads = options.threads or max(1, (os.cpu_count() or 1) // workers)
    options = dataclasses.replace(options, threads=threads)
    cluster: Any = options.scheduler or LocalCluster(
        n_workers=workers, threads_per_worker=1, dashboard_address=":0", silence_logs=50
    )
    failures = []
    with Client(cluster) as client:
        # impure: dask must not reuse the result of an earlier, failed attempt at the same run
        futures = client.map(child, configs, options=options, pure=False, retries=0)
        names = {future.key: run_id(config) for future, config in zip(futures, configs, strict=True)}
        bar = tqdm(total=len(configs), unit="run", disable=not sys.stderr.isatty())
        for future in as_completed(futures):
            line = f"{names[future.key]}: {future.exception()}" if future.status == "error" else future.result()
            bar.update()
            if line:
                failures.append(line)
            if bar.disable:
                done = len(configs) - sum(not other.done() for other in futures)
                print(
                    f"{done}/{len(configs)} {names[future.key]} {'failed' if line else 'done'}",
                    file=sys.stderr,
                    flush=True,
                )
        bar.close()
    if not options.scheduler:
        cluster.close()
    return failures


def child(config: Config, options: Options) -> str:
    """One run in a child process with pinned threads; "" or a line that says why it failed. Runs on a dask worker."""
    text = json.dumps({"config": as_dict(config), "options": encode(options), "parent": os.getpid()})
    process = subprocess.run(
        [sys.executable, "-m", "common.job"],
        input=text, text=True, capture_output=True, env=child_environment(options.threads),
    )  # fmt: skip
    if process.returncode == 0:
        return ""
    reason = process.stderr.strip().splitlines()[-1:] if process.returncode > 0 else []
    return f"{run_id(config)}: {''.join(reason) or f'ended with status {process.returncode}'}"


def child_environment(threads: int) -> dict[str, str]:
    """The worker's environment with pinned threads and our settings of malloc in place of those of dask's nannies."""
    return os.environ | MEMORY | thread_environment(threads)


def encode(options: Options) -> dict[str, Any]:
    return {
        name: str(value.absolute()) if isinstance(value, Path) else value
        for name, value in dataclasses.asdict(options).items()
    }


def decode(fields: dict[str, Any]) -> Options:
    paths = {name: Path(fields[name]) for name in ("data_dir", "output_dir") if fields[name] is not None}
    return Options(**{**fields, **paths, "keep_epochs": tuple(fields["keep_epochs"])})


def die_with(parent: int) -> None:
    """End this process when its parent has gone, so that a dead worker leaves no child behind."""

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(0.2)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def grid(base: Config, **values: Sequence[Any]) -> Iterator[Config]:
    """Every combination of the fields' values over the base config, the last field varying fastest."""
    if not values:
        yield base
        return
    (name, first), *rest = values.items()
    for value in first:
        yield from grid(dataclasses.replace(base, **{name: value}), **dict(rest))
