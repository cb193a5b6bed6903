"""Runs as one file: records, what was measured of them and wanted models, packed where they were made, and taken in."""

from __future__ import annotations

import hashlib
import io
import itertools
import json
import re
import tarfile
import tempfile
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path

from common.errors import in_short
from common.files import replacing, write
from common.runs.computation import SCHEMA as COMPUTATION_SCHEMA
from common.runs.computation import Computed
from common.runs.config import from_dict, run_id
from common.runs.run import SCHEMA
from common.runs.store import Record, Store, file_sha256, kept_files, read_lines, read_record, write_lines

MANIFEST = "manifest.json"
FORMAT = 1
NAME = re.compile(
    r"runs/[\w.-]+/(?!\.)[\w.-]+\.(json|jsonl|npz)"
    r"|computations/[\w.-]+/(record\.json|arrays\.npz)"
    r"|saved_models/[\w.-]+\.(h5|pt)"
)
"""What a file in an archive may be called."""
UNITS = {"": 1, "K": 2**10, "M": 2**20, "G": 2**30}


def read_size(text: str) -> int:
    """Bytes of a size as 500K or 16M."""
    match = re.fullmatch(r"(\d+)([KMG]?)", text)
    if not match or not int(match[1]):
        raise ValueError(f"part_size must be a size as 500K or 16M. Received: part_size={text!r}")
    return int(match[1]) * UNITS[match[2]]


def pack(
    path: Path, store: Store, runs: Sequence[Record], computations: Sequence[str], models: Collection[str]
) -> None:
    """Write runs by their records, computations by their ids, and the models of the named runs into one tar."""
    files = {f"runs/{run['run_id']}/{file.name}": file for run in runs for file in kept_files(store, run["run_id"])}
    for name in computations:
        files |= {f"computations/{name}/{file.name}": file for file in computed_files(store.computation(name))}
    for run in runs:
        if run["run_id"] in models:
            files[f"saved_models/{run['model']['path']}"] = store.models / run["model"]["path"]
    manifest = {"format": FORMAT, "files": {name: file_sha256(file) for name, file in sorted(files.items())}}
    with replacing(path) as temporary, tarfile.open(temporary, "w") as tar:
        text = json.dumps(manifest, indent=1).encode()
        entry = tarfile.TarInfo(MANIFEST)
        entry.size = len(text)
        tar.addfile(entry, io.BytesIO(text))
        for name, file in sorted(files.items()):
            tar.add(file, name, filter=anonymous)


def computed_files(folder: Path) -> list[Path]:
    """Record and arrays of a computation."""
    return [file for name in ("record.json", "arrays.npz") if (file := folder / name).exists()]


def anonymous(entry: tarfile.TarInfo) -> tarfile.TarInfo:
    """Without what a file says of who made it: the same runs give the same bytes."""
    return entry.replace(mtime=0, uid=0, gid=0, uname="", gname="", mode=0o644, deep=False)


def split(path: Path, size: int) -> list[Path]:
    """An archive in parts of at most so many bytes, named path.000 and so on, in its place."""
    content = path.read_bytes()
    parts = [content[start : start + size] for start in range(0, len(content), size)]
    names = [path.with_name(f"{path.name}.{number:03}") for number in range(len(parts))]
    for name, part in zip(names, parts, strict=True):
        write(name, part)
    path.unlink()
    return names


def content_of(path: Path) -> bytes:
    """Of an archive, or of all its parts where the first is named."""
    if path.suffix != ".000":
        return path.read_bytes()
    parts = (path.with_suffix(f".{number:03}") for number in itertools.count())
    return b"".join(part.read_bytes() for part in itertools.takewhile(Path.exists, parts))


def take_in(path: Path, published: Store, own: Store) -> list[str]:
    """Merge an archive's runs and computations into those that are published, its models into the user's own.

    Returns ids of the runs. ValueError, with nothing written, for a file that is no archive of whole runs of ours.
    """
    with tempfile.TemporaryDirectory() as folder:
        try:
            unpack(content_of(path), Path(folder))
            runs = checked(Path(folder), published)
        except (tarfile.TarError, EOFError, KeyError, TypeError, ValueError) as error:
            raise ValueError(f"an archive must be one of whole runs. Received: {path} ({in_short(error)})") from error
        for file in sorted(Path(folder).rglob("*.*")):
            place = file.relative_to(folder)
            root = own.models.parent if place.parts[0] == "saved_models" else published.results
            merge(file, root / place)
    return runs


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
    """Names and bytes of plain files; anything else is an error."""
    for entry in tar:
        file = tar.extractfile(entry) if entry.isreg() else None
        if file is None:
            raise ValueError(f"{entry.name} is no plain file")
        yield entry.name, file.read()


def checked(folder: Path, published: Store) -> list[str]:
    """Ids of the runs under a folder, whose records, models and read-outs agree, also with what is published."""
    store, known = Store(folder), {}
    for home in folder.glob("runs/*"):
        record = read_record(home / "run.json")
        check_identity(record["schema"], SCHEMA, home.name, run_id(from_dict(record["config"])))
        known[record["model"]["path"]] = sha256 = record["model"]["sha256"]
        there = published.record(home.name)
        if there and there["model"]["sha256"] != sha256:
            raise ValueError(f"{home.name} is published with another model")
        for file in kept_files(store, home.name):
            if file.suffix == ".jsonl":
                read_lines(file)
    for model in store.models.glob("*"):
        if known.get(model.name) != file_sha256(model):
            raise ValueError(f"{model.name} is not the model of a run's record")
    for home in folder.glob("computations/*"):
        record = Computed(home).record
        check_identity(record["schema"], COMPUTATION_SCHEMA, home.name, record["id"])
    if not known and not [*folder.glob("computations/*")]:
        raise ValueError("it holds no run")
    return [home.name for home in sorted(folder.glob("runs/*"))]


def check_identity(schema: object, own: int, name: str, identity: str) -> None:
    """ValueError for a record of another version, or in another's place."""
    if schema != own or name != identity:
        raise ValueError(f"{name} holds a record of schema {schema}, {identity}")


def merge(file: Path, place: Path) -> None:
    """A file where there is none; of lines beside a run those that are not there yet; else what is there stays."""
    if not place.exists():
        write(place, file.read_bytes())
    elif file.suffix == ".jsonl":
        there = read_lines(place)
        write_lines(place, there + [line for line in read_lines(file) if line not in there])
