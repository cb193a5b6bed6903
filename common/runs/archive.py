"""Runs as one file: what is done and begun, its read-outs and networks, packed, and taken in elsewhere."""

from __future__ import annotations

import contextlib
import hashlib
import io
import itertools
import json
import re
import sys
import tarfile
import tempfile
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from fnmatch import fnmatchcase
from pathlib import Path
from typing import NamedTuple

from common.errors import OutOfTime, in_short
from common.files import replacing, write
from common.runs.computation import SCHEMA as COMPUTATION_SCHEMA
from common.runs.computation import Computation, Computed, computation_id, of_settings
from common.runs.config import Config, from_dict, run_id
from common.runs.deadline import Deadline, now
from common.runs.run import SCHEMA, place_of
from common.runs.store import (
    CHECKPOINT,
    KEPT,
    LINES,
    LOCK,
    PACKED,
    READ,
    Record,
    Store,
    file_sha256,
    kept_files,
    merge,
    other,
    read_arrays,
    read_lines,
    readable,
)

MANIFEST = "manifest.json"
FORMAT = 1
WORD = r"(?!\.)[\w.-]+"
NAME = re.compile(
    rf"runs/{WORD}/{WORD}|computations/{WORD}/(record\.json|arrays\.npz)|saved_models/{WORD}(/epoch(\d{{4}}|[1-9]\d{{4,}}))?\.(h5|pt)",
    re.ASCII,
)
"""What a file in an archive may be called."""
UNITS = {"": 1, "K": 2**10, "M": 2**20, "G": 2**30}
Files = Mapping[str, Path]
"""What is packed, by its name in the archive."""
Pair = tuple[Path, Path]
"""A file of an archive, and where it belongs."""


class Taken(NamedTuple):
    """What came of an archive: ids of its runs, of those that are begun, of its computations, and what stays."""

    runs: list[str]
    begun: list[str]
    computations: list[str]
    stays: list[str]
    """A line for each run of the archive that is there with another network."""


def read_size(text: str) -> int:
    """Bytes of a size as 500K or 16M."""
    match = re.fullmatch(r"(\d+)([KMG]?)", text)
    if not match or not int(match[1]):
        raise ValueError(f"part_size must be a size as 500K or 16M. Received: part_size={text!r}")
    return int(match[1]) * UNITS[match[2]]


def files_of(store: Store, configs: Iterable[Config], computations: Iterable[str], networks: bool = False) -> Files:
    """What there is of these runs and computations.

    Of one that is done record, what was measured and, where asked for, its networks; of one that is begun all it takes
    to go on, networks of epochs that were kept, and the one that it began from, among it; labels of one's own stay.
    """
    files: dict[str, Path] = {}
    for config in configs:
        name, models = run_id(config), list(store.snapshots(config).values())
        if record := store.record(name):
            own = kept_files(store, name)
            models = [*models_of(store, record), *models] if networks else []
        else:
            own = [path] if (path := store.checkpoint(config)).exists() else []
            models = [*models, *begun_from(store, config)] if own else []
        files |= {f"runs/{name}/{file.name}": file for file in own}
        files |= {f"saved_models/{file.relative_to(store.models).as_posix()}": file for file in models}
    for name in computations:
        files |= {f"computations/{name}/{file.name}": file for file in computed_files(store.computation(name))}
    return files


def whole(files: Files) -> Files:
    """But for runs with a damaged file, which nobody could take in; each is named on standard error."""
    damaged = set()
    for name, file in files.items():
        try:
            check_whole(file)
        except (ValueError, OSError) as error:
            damaged.add(run := Path(name).parts[1])
            print(f"warning: {run} is not packed: {error}", file=sys.stderr)
    parts = {name: Path(name).parts[1] for name in files}
    return {name: file for name, file in files.items() if not damaged & {parts[name], Path(parts[name]).stem}}


def models_of(store: Store, record: Record) -> list[Path]:
    """The network of a record, where it is there."""
    path = store.models / record["model"]["path"]
    return [path] if path.exists() and file_sha256(path) == record["model"]["sha256"] else []


def begun_from(store: Store, config: Config) -> list[Path]:
    """The network whose weights a run began with, where it has one and that is there."""
    path = store.models / (config.initial_model or "")
    return [path] if path.is_file() else []


def computed_files(folder: Path) -> list[Path]:
    """Arrays and record of a computation that is done."""
    return [file for name in ("arrays.npz", "record.json") if (file := folder / name).exists()]


def pack(path: Path, files: Files) -> None:
    """Write files into one tar, and last a manifest of their hashes; the same files give the same bytes.

    Parts of an earlier archive of its name are removed.
    """
    hashes = {}
    with replacing(path) as temporary, tarfile.open(temporary, "w") as tar:
        for name, file in sorted(files.items()):
            content = file.read_bytes()
            hashes[name] = hashlib.sha256(content).hexdigest()
            add(tar, name, content)
        add(tar, MANIFEST, json.dumps({"format": FORMAT, "files": hashes}, indent=1).encode())
    for earlier in list(parts_of(path)):
        earlier.unlink()


def add(tar: tarfile.TarFile, name: str, content: bytes) -> None:
    """A file that says nothing of who made it, and when."""
    entry = tarfile.TarInfo(name)
    entry.size = len(content)
    tar.addfile(entry, io.BytesIO(content))


def split(path: Path, size: int) -> list[Path]:
    """An archive in parts of at most so many bytes, named path.000 and so on, in its place."""
    content = path.read_bytes()
    parts = [content[start : start + size] for start in range(0, len(content), size)]
    for name, part in zip(numbered(path), parts, strict=False):
        write(name, part)
    path.unlink()
    return list(parts_of(path))


def numbered(path: Path) -> Iterator[Path]:
    """Names of parts."""
    return (path.with_name(f"{path.name}.{number:03}") for number in itertools.count())


def parts_of(path: Path) -> Iterator[Path]:
    """Those that are there."""
    return itertools.takewhile(Path.exists, numbered(path))


def content_of(path: Path) -> bytes:
    """Of an archive, or of all its parts where the first is named."""
    if path.suffix != ".000":
        return path.read_bytes()
    return b"".join(part.read_bytes() for part in parts_of(path.with_suffix("")))


def take_in(path: Path, published: Store, own: Store, kinds: Mapping[str, Computation]) -> Taken:
    """Merge an archive's runs and computations into those that are published, and into the user's own.

    There belong runs whose networks came with them, or are there, so that they are done, and those that are begun.
    `kinds` are the known computations by slug. A run that is there with another network stays. ValueError, with nothing
    written, for a file that is no archive of runs of ours.
    """
    with tempfile.TemporaryDirectory() as folder:
        archive = Store(Path(folder))
        try:
            unpack(content_of(path), Path(folder))
            taken = checked(archive, kinds)
        except OSError:
            raise
        except Exception as error:  # whatever the libraries that read the files make of what is none
            raise ValueError(f"an archive must be one of whole runs. Received: {path} ({in_short(error)})") from error
        with idle(own, [*taken.runs, *taken.begun]):
            records = recorded(archive)
            stays = [f"{name} in {store.results}" for store in (published, own) for name in other(records, store)]
            mine = [each for each in fitting(records, own) if models_of(archive, each) or models_of(own, each)]
            pairs = [*records_of(archive, published, fitting(records, published)), *records_of(archive, own, mine)]
            pairs += [*networks_of(archive, own, mine), *checkpoints_of(archive, own)]
            for _, place in pairs:
                if (file := readable(place)).exists():
                    check_whole(file)
            for config in (from_dict(record["config"]) for record in mine if not own.record(record["run_id"])):
                for begun in (own.checkpoint(config), *own.snapshots(config).values()):
                    begun.unlink(missing_ok=True)
            for source, place in pairs:
                put(source, place, small=place.is_relative_to(published.results))
    return taken._replace(stays=stays)


@contextlib.contextmanager
def idle(own: Store, names: Iterable[str]) -> Iterator[None]:
    """While no other process trains these runs, or reads them out; ValueError where one does."""
    with contextlib.ExitStack() as locks:
        for name, file in itertools.product(names, (LOCK, READ)):
            if own.folder(name).exists():
                try:
                    locks.enter_context(own.lock(name, file, Deadline("0s", now())))
                except OutOfTime as busy:
                    raise ValueError(f"an archive must come while nothing writes its runs. Received: {busy}") from None
        yield


def unpack(content: bytes, folder: Path) -> None:
    """Its files, once names and hashes are found to be those of its manifest."""
    with tarfile.open(fileobj=io.BytesIO(content), mode="r:") as tar:
        files = dict(contents(tar))
    manifest = json.loads(files.pop(MANIFEST))
    if manifest["format"] != FORMAT or set(manifest["files"]) != set(files):
        raise ValueError(f"{MANIFEST} names other files, or is of another version")
    for name, data in files.items():
        if not NAME.fullmatch(name):
            raise ValueError(f"a file's name must be a run's. Received: {name}")
        if hashlib.sha256(data).hexdigest() != manifest["files"][name]:
            raise ValueError(f"{name} has another hash")
        write(folder / name, data)


def contents(tar: tarfile.TarFile) -> Iterator[tuple[str, bytes]]:
    """Names and bytes of plain files; anything else, also one that says it has holes, is an error."""
    for entry in tar:
        file = tar.extractfile(entry) if entry.isreg() and not entry.issparse() else None
        if file is None:
            raise ValueError(f"{entry.name} is no plain file")
        yield entry.name, file.read()


def checked(archive: Store, kinds: Mapping[str, Computation]) -> Taken:
    """What an archive that is unpacked holds; ValueError unless all of it is what its names say."""
    homes = sorted(archive.results.glob("runs/*"))
    done = {home.name: check_run(archive, home.name) for home in homes if (home / "run.json").exists()}
    begun = {home.name: check_begun(home) for home in homes if home.name not in done}
    computed = [check_computation(home, kinds) for home in sorted(archive.results.glob("computations/*"))]
    if not (done or begun or computed):
        raise ValueError("it holds no run")
    configs = [*(from_dict(record["config"]) for record in done.values()), *begun.values()]
    known = {path for config in configs for path in archive.snapshots(config).values()}
    known |= {path for record in done.values() for path in models_of(archive, record)}
    known |= {path for config in begun.values() for path in begun_from(archive, config)}
    for model in archive.models.rglob("*.*"):
        if model not in known and model.is_file():
            raise ValueError(f"{model.name} is not the model of a run's record")
    return Taken([*done], [*begun], computed, [])


def check_run(archive: Store, name: str) -> Record:
    """The record of a run that is done; ValueError unless it says what it should and all beside it is whole."""
    record = archive.named(name)
    config = from_dict(record["config"])
    for identity in (run_id(config), record["run_id"]):
        check_identity(record["schema"], SCHEMA, name, identity)
    check_identity(record["schema"], SCHEMA, archive.model_path(config).name, record["model"]["path"])
    for file in archive.folder(name).iterdir():
        if not any(fnmatchcase(file.name, kept) for kept in KEPT):
            raise ValueError(f"a file beside a run must be one that is published with it. Received: {file.name}")
        check_whole(file)
    return record


def check_whole(file: Path) -> None:
    """ValueError for lines or arrays that cannot be read."""
    if file.suffix in (LINES, PACKED):
        read_lines(file)
    elif file.suffix == ".npz":
        read_arrays(file)


def check_begun(home: Path) -> Config:
    """The config of a run that is begun; ValueError unless its folder holds its checkpoint alone."""
    if [file.name for file in home.iterdir()] != [CHECKPOINT]:
        raise ValueError(f"{home.name} must have a run.json, or {CHECKPOINT} alone")
    config = place_of(home / CHECKPOINT).config
    check_identity(SCHEMA, SCHEMA, home.name, run_id(config))
    return config


def check_computation(home: Path, kinds: Mapping[str, Computation]) -> str:
    """The id of a computation; ValueError unless its record is one of the known kinds, and in its place."""
    record = Computed(home).record
    slug = home.name.rpartition("-")[0]
    if slug not in kinds:
        raise ValueError(f"a computation must be one of {', '.join(kinds)}. Received: {home.name}")
    computation = of_settings(kinds[slug], record["settings"])
    for identity in (computation_id(computation), record["id"]):
        check_identity(record["schema"], COMPUTATION_SCHEMA, home.name, identity)
    for file in home.iterdir():
        check_whole(file)
    return home.name


def check_identity(schema: object, own: int, name: str, identity: str) -> None:
    """ValueError for a record of another version, or in another's place."""
    if schema != own or name != identity:
        raise ValueError(f"{name} holds a record of schema {schema}, {identity}")


def recorded(archive: Store) -> list[Record]:
    """Records of the runs of an archive."""
    return [archive.named(path.parent.name) for path in sorted(archive.results.glob("runs/*/run.json"))]


def fitting(records: Sequence[Record], there: Store) -> list[Record]:
    """Records of the others."""
    stays = other(records, there)
    return [record for record in records if record["run_id"] not in stays]


def records_of(archive: Store, there: Store, records: Iterable[Record]) -> Iterator[Pair]:
    """What is recorded of these runs, and all computations that are not there, each with its record last."""
    for name in (record["run_id"] for record in records):
        files = kept_files(archive, name)
        yield from ((file, there.folder(name) / file.name) for file in [*files[1:], files[0]])
    for home in sorted(archive.results.glob("computations/*")):
        if not there.computed(home.name):
            yield from ((file, there.computation(home.name) / file.name) for file in computed_files(home))


def networks_of(archive: Store, own: Store, records: Iterable[Record]) -> Iterator[Pair]:
    """Networks of these runs that are not there; those of their epochs are, where they led to the same last one."""
    for record in records:
        config, same = from_dict(record["config"]), own.record(record["run_id"])
        yield from snapshots_of(archive, own, config, own.snapshots(config) if same else ())
        if not models_of(own, record):
            yield from ((model, own.model_path(config)) for model in models_of(archive, record))


def checkpoints_of(archive: Store, own: Store) -> Iterator[Pair]:
    """Checkpoints that are further than those there, with the networks that were left on the way."""
    for path in sorted(archive.results.glob(f"runs/*/{CHECKPOINT}")):
        new = place_of(path)
        there = own.checkpoint(new.config)
        if not own.done(new.config) and not (there.exists() and place_of(there)[1:] >= new[1:]):
            yield from snapshots_of(archive, own, new.config)
            for file in [] if begun_from(own, new.config) else begun_from(archive, new.config):
                yield file, own.models / file.relative_to(archive.models)
            yield path, there


def snapshots_of(archive: Store, own: Store, config: Config, but: Collection[int] = ()) -> Iterator[Pair]:
    """Networks of a run's epochs but for some."""
    for epoch, path in archive.snapshots(config).items():
        if epoch not in but:
            yield path, own.snapshot_path(config, epoch)


def put(source: Path, place: Path, small: bool) -> None:
    """A checkpoint or network in any case, else what is not there."""
    if place.name == CHECKPOINT or source.suffix in (".h5", ".pt"):
        write(place, source.read_bytes())
    else:
        merge(source, place, small)
