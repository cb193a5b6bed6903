"""A computation: settings with an identity, inputs and a record, but no network. It is done once, as a run is."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar

from common.cores import cores
from common.files import write
from common.runs.config import Options
from common.runs.deadline import check_force, in_time
from common.runs.record import machine
from common.runs.store import PUBLISHED, Record, Store, checked_record, code_version, locked, read_arrays, write_arrays
from common.runs.threads import threads_set
from common.runs.trainers import Arrays

SCHEMA = 1


@dataclass(frozen=True)
class Computation:
    """Settings, the fields of a subclass: every value that can change a number, each with a default."""

    slug: ClassVar[str]
    """What it is called, the start of its id."""
    least: ClassVar[Mapping[str, int]] = {}
    """The least that settings may be which are not none; seeds 0."""

    def __post_init__(self) -> None:
        for name, least in {"seed": 0, **self.least}.items():
            value = getattr(self, name, None)
            if value is not None and value < least:
                raise ValueError(f"{name} must be at least {least}. Received: {name}={value}")


@dataclass(frozen=True)
class Result:
    """What came out: JSON values, the sha256 of each data set that went in, and arrays."""

    outcome: Record
    data: Mapping[str, str] = field(default_factory=dict)
    arrays: Arrays = field(default_factory=dict)


def settings_of(computation: Computation) -> Record:
    """Every setting, as JSON holds it."""
    settings: Record = json.loads(json.dumps(dataclasses.asdict(computation)))
    return settings


def of_settings(kind: Computation, settings: Record) -> Computation:
    """A computation of another's kind, of the settings in a record."""
    values = {name: tuple(value) if isinstance(value, list) else value for name, value in settings.items()}
    return type(kind)(**values)


def computation_id(computation: Computation) -> str:
    """Slug and 8 hex digits of sha256 over the canonical JSON of the settings that differ from their default."""
    defaults = settings_of(type(computation)())
    changed = {name: value for name, value in settings_of(computation).items() if value != defaults[name]}
    text = json.dumps([computation.slug, changed], sort_keys=True, separators=(",", ":"))
    return f"{computation.slug}-{hashlib.sha256(text.encode()).hexdigest()[:8]}"


def carry_out(computation: Computation, compute: Callable[[], Result], options: Options, force: bool = False) -> Record:
    """Its record: read where it is done, unless `force`, else computed and written, last and whole or not at all.

    Its folder, results/computations/<id>, has one writer at a time.
    """
    check_force(force, options.time_limit)
    folder = Store.of(options).computation(computation_id(computation))
    with locked(folder, deadline=options.time_limit):
        done = None if force else record_of(folder, computation)
        if done:
            return done
        seconds = seconds_known(computation, Store.of(options)) if options.time_limit else None
        with in_time(options.time_limit, "computations", seconds or 0.0):
            return carried_out(computation, compute, folder)


def seconds_known(computation: Computation, store: Store) -> float | None:
    """How long it took on record, else the longest that is called so; null where there is none."""
    known = {
        done.id: done.seconds for root in (Store(PUBLISHED), store) for done in Computed.under(root, computation.slug)
    }
    return known.get(computation_id(computation), max(known.values(), default=None))


def carried_out(computation: Computation, compute: Callable[[], Result], folder: Path) -> Record:
    """The record of what is computed now."""
    started, start = datetime.now(UTC).isoformat(timespec="seconds"), time.perf_counter()
    result = compute()
    record = {
        "schema": SCHEMA,
        "id": computation_id(computation),
        "settings": settings_of(computation),
        "code": code_version(),
        "environment": {**machine(), "threads": threads_set() or cores()},
        "data": dict(result.data),
        "outcome": result.outcome,
        "time": {"start_utc": started, "seconds": time.perf_counter() - start},
    }
    if result.arrays:
        write_arrays(folder / "arrays.npz", result.arrays, compress=True)
    write(folder / "record.json", json.dumps(record, indent=1, allow_nan=False) + "\n")
    return record


def record_of(folder: Path, computation: Computation) -> Record | None:
    """The record in a folder, or none; one of other settings, or none of ours, is an error that names it."""
    path = folder / "record.json"
    if not path.exists():
        return None
    record = read_record(path)
    if record["settings"] != settings_of(computation):
        raise ValueError(f"a folder must hold its own settings; move it away or use --force. Received: {folder}")
    return record


def read_record(path: Path) -> Record:
    """A record.json, with the parts that every reader relies on checked."""
    with checked_record(path, "settings", "code", "outcome") as record:
        return record


class Computed:
    """A computation that is done, as a reader sees it."""

    def __init__(self, folder: Path):
        self.folder, self.record = folder, read_record(folder / "record.json")
        self.id: str = folder.name
        self.settings: Mapping[str, Any] = self.record["settings"]
        self.outcome: Mapping[str, Any] = self.record["outcome"]

    @property
    def seconds(self) -> float:
        """How long it took."""
        seconds: float = self.record["time"]["seconds"]
        return seconds

    @cached_property
    def arrays(self) -> Arrays:
        """Its arrays; none where it has none."""
        path = self.folder / "arrays.npz"
        return read_arrays(path) if path.exists() else {}

    @staticmethod
    def under(store: Store, slug: str) -> list[Computed]:
        """All of a slug under a store, in the order of their ids."""
        return [Computed(path.parent) for path in sorted(store.results.glob(f"computations/{slug}-*/record.json"))]
