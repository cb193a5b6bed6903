"""Where runs lie on disk, and when one is done: record, config and the model's hash agree."""

from __future__ import annotations

import contextlib
import errno
import functools
import gzip
import hashlib
import json
import lzma
import subprocess
import sys
import tempfile
import zipfile
import zlib
from collections.abc import Collection, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from common.errors import OutOfTime, nearest
from common.files import replacing, write
from common.runs.config import Config, Options, as_dict, from_dict, run_id
from common.runs.deadline import Deadline
from common.runs.parts import Mark

Record = dict[str, Any]
ROOT = Path(__file__).parents[2]
PUBLISHED = ROOT / "results" / "published"
LOCK, READ = "lock", "read.lock"
HISTORY, READOUT = "history.jsonl", "readout.jsonl"
LINES, PACKED = ".jsonl", ".gz"
EXPORTED = ".git_archival.txt"  # git writes the commit into it where it makes an archive
ARRAYS = "arrays.npz"
CHECKPOINT = "checkpoint.npz"
"""File in a run's folder that it goes on from."""
WITHOUT_LOCKS = (errno.ENOSYS, errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOTSUP)
"""What file systems without locks answer."""
NAMED = {
    READOUT: {"epoch", "layer", "probe", "fitted_on", "scored_on", "correct", "n"},
    HISTORY: {"epoch"},
}
"""What readers rely on in each line of a file."""
MEASURED = {
    *("correct", "components", "reason", "critical", "largest_eigenvalue", "gini", "mean", "variance", "skewness"),
    *("kurtosis", "sparsity", "directions", "other_directions", "cka", "svcca", "model_sha256", "other_model_sha256"),
}
"""What came out in the lines of read-outs; all else says what was measured, and how."""
KEPT = (
    *("run.json", HISTORY, READOUT, "statistics.jsonl", "similarity_*.jsonl", "critical_samples.jsonl"),
    *("sharpness.jsonl", "sensitivity_choices.jsonl", ARRAYS, "loss_sensitivity.npz", "attributions.npz"),
)
"""Files beside a run that are published with it."""
SUFFIX = {"keras": ".h5", "torch": ".pt"}


class Store:
    """The files of runs under one output folder (`--output-dir`), or under the repository's own folders."""

    def __init__(self, output_dir: Path | None = None):
        self.results = output_dir or ROOT / "results"
        self.models = (output_dir or ROOT) / "saved_models"

    @staticmethod
    def of(options: Options) -> Store:
        return Store(options.output_dir)

    def folder(self, name: str) -> Path:
        return self.results / "runs" / name

    def model_path(self, config: Config) -> Path:
        return self.models / f"{run_id(config)}{SUFFIX[config.framework]}"

    def record(self, name: str) -> Record | None:
        """The record of a run id, or none; a file that is no record is an error that names it."""
        path = self.folder(name) / "run.json"
        return read_record(path) if path.exists() else None

    def named(self, name: str, otherwise: str = "") -> Record:
        """The record of a run id; ValueError with the nearest id, or what else there may be, where there is none."""
        record = self.record(name)
        if record is None:
            ids = [path.parent.name for path in self.results.glob("runs/*/run.json")]
            known = f"the id of a run under {self.results / 'runs'}{otherwise}.{nearest(name, ids)}"
            raise ValueError(f"a run must be named by {known} Received: {name}")
        return record

    def snapshots(self, config: Config) -> dict[int, Path]:
        """Model files of the epochs that were kept, by epoch."""
        found = sorted((self.models / run_id(config)).glob(f"epoch*{SUFFIX[config.framework]}"))
        epochs = {path: path.stem.removeprefix("epoch") for path in found}
        return {int(epoch): path for path, epoch in epochs.items() if epoch.isdecimal()}

    def snapshot_path(self, config: Config, epoch: int) -> Path:
        return self.models / run_id(config) / f"epoch{epoch:04d}{SUFFIX[config.framework]}"

    def inputs(self, config: Config) -> Record:
        """Hashes of the files under `saved_models` that a run depends on, by the field that names each."""
        named = {name: getattr(config, name) for name in config.marked(Mark.FILE) if getattr(config, name)}
        return {name: file_sha256(self.models / file) for name, file in named.items() if (self.models / file).exists()}

    def done(self, config: Config, keep_epochs: Iterable[int] = ()) -> Record | None:
        """The record, where record, config and model file all agree and the epochs to keep are there.

        They are not where a checkpoint is: that of a training which is replacing them.
        """
        record = self.record(run_id(config))
        if record is None:
            return None
        if record["config"] != as_dict(config):
            raise ValueError(
                "a run folder must hold its own config; move it away or use --force. "
                f"Received: {self.folder(run_id(config))}"
            )
        path = self.model_path(config)
        wanted = {epoch for epoch in keep_epochs if epoch < record["outcome"]["epochs"]}
        kept = wanted <= set(self.snapshots(config)) and not (wanted and self.checkpoint(config).exists())
        same = all(record.get("inputs", {}).get(name) == sha256 for name, sha256 in self.inputs(config).items())
        return record if kept and same and path.exists() and file_sha256(path) == record["model"]["sha256"] else None

    def history(self, name: str) -> list[Record]:
        return read_lines(readable(self.folder(name) / HISTORY))

    def arrays(self, name: str, file: str = ARRAYS) -> dict[str, NDArray[Any]]:
        """Arrays of a file beside a run: of each example and, where it has convolutions, the first layer's filters."""
        return read_arrays(self.folder(name) / file)

    def kept_arrays(self, name: str, file: str) -> dict[str, NDArray[Any]]:
        """Arrays of a file beside a run, none where there is no file."""
        return self.arrays(name, file) if (self.folder(name) / file).exists() else {}

    def lines(self, name: str, file: str) -> list[Record]:
        """Lines of a file beside a run, none where there is no file."""
        path = readable(self.folder(name) / file)
        return read_lines(path) if path.exists() else []

    def add_arrays(self, name: str, arrays: dict[str, NDArray[Any]]) -> None:
        """Write more per-example values beside those there are, over those of the same names."""
        with self.lock(name):
            write_arrays(self.folder(name) / ARRAYS, self.arrays(name) | arrays, compress=True)

    @contextlib.contextmanager
    def lock(self, name: str, file: str = LOCK, deadline: Deadline | None = None) -> Iterator[None]:
        """As `locked`, the run's folder.

        Read-outs, which write to the folder on their way, have a `file` of their own, READ.
        """
        with locked(self.folder(name), file, deadline):
            yield

    def checkpoint(self, config: Config) -> Path:
        """File that a run goes on from, where it was begun and is not done."""
        return self.folder(run_id(config)) / CHECKPOINT

    def epochs_begun(self, config: Config) -> int:
        """Epochs that its checkpoint has; 0 without one, or with one that is damaged."""
        try:
            with np.load(self.checkpoint(config)) as file:
                epochs: int = json.loads(file["json"].tobytes())["history"][-1]["epoch"]
        except Exception:  # whatever numpy makes of a damaged one
            return 0
        return epochs

    def computation(self, name: str) -> Path:
        """Folder of what needs no network, by its id."""
        return self.results / "computations" / name

    def computed(self, name: str) -> bool:
        """Whether a computation, by its id, has a record."""
        return (self.computation(name) / "record.json").exists()


@contextlib.contextmanager
def locked(folder: Path, file: str = LOCK, deadline: Deadline | None = None) -> Iterator[None]:
    """Waits until this process is the only writer of a folder; the lock dies with the process.

    OutOfTime where it would wait too long. On a file system without locks there is none, which is said once.
    """
    from filelock import FileLock, Timeout

    folder.mkdir(parents=True, exist_ok=True)
    lock = FileLock(folder / file, fallback_to_soft=False)  # soft ones outlive a killed process
    try:
        lock.acquire(timeout=deadline.left if deadline else -1)
    except Timeout as error:
        raise OutOfTime(f"another process is at {folder.name}") from error
    except OSError as error:
        if error.errno not in WITHOUT_LOCKS:
            raise OSError(f"{folder / file} could not be locked: {error.strerror}") from error
        warn_of_no_locks(folder)
    try:
        yield
    finally:
        lock.release()


@functools.cache
def warn_of_no_locks(folder: Path) -> None:
    """Said once of each folder."""
    print(
        f"warning: {folder} is on a file system without locks: only one process at a time may write a run there",
        file=sys.stderr,
    )


def publish(store: Store, records: Sequence[Record]) -> list[str]:
    """Copy what runs recorded, all but their models, to the committed results, each record last.

    Lines of read-outs that are only there stay, and so does a run that is there with another network: returns ids of
    these.
    """
    there = Store(PUBLISHED)
    stays = other(records, there)
    for name in (record["run_id"] for record in records if record["run_id"] not in stays):
        last, *others = kept_files(store, name)
        for source in (*others, last):
            merge(source, there.folder(name) / source.name, small=True, over=True)
    return stays


def other(records: Iterable[Record], there: Store) -> list[str]:
    """Ids of the runs that are there with another network."""
    pairs = ((record, there.record(record["run_id"])) for record in records)
    return [new["run_id"] for new, old in pairs if old and old["model"]["sha256"] != new["model"]["sha256"]]


def merge(source: Path, place: Path, small: bool, over: bool = False) -> None:
    """Copy a file of a run to where there may be one of the same network; lines and arrays that only that has stay.

    Of what both have that which is there stays too, or with `over` does not; `small` packs the file as it is published.
    """
    there = readable(place)
    first, second = (source, there) if over else (there, source)
    if there.exists() and place.suffix == LINES:
        lines = read_lines(first)
        if new := new_lines(place.name, lines, read_lines(second)):
            return write_lines(there, lines + new)
    if there.exists() and place.name == ARRAYS:
        arrays, others = read_arrays(first), read_arrays(second)
        if others.keys() - arrays.keys():
            both = others | arrays
            return write_packed(place, both) if small else write_arrays(place, both, compress=True)
    if over or not there.exists():
        if small:
            copy_packed(source, place)
        else:
            write(place, source.read_bytes())


def kept_files(store: Store, name: str) -> list[Path]:
    """What a run recorded and was measured of it: all in its folder that is published."""
    return [file for part in KEPT for file in sorted(store.folder(name).glob(part))]


def copy_packed(source: Path, target: Path) -> None:
    """Copy a file as it is published: a .npz packed by LZMA, which numpy opens, lines by gzip under their name and .gz.

    The same content gives the same bytes.
    """
    if source.suffix == ".npz":
        with zipfile.ZipFile(source) as arrays, replacing(target) as temporary:
            with zipfile.ZipFile(temporary, "w", zipfile.ZIP_LZMA) as small:
                for name in arrays.namelist():
                    small.writestr(zipfile.ZipInfo(name), arrays.read(name), zipfile.ZIP_LZMA)
    elif source.suffix == LINES:
        write(packed(target), gzip.compress(source.read_bytes(), mtime=0))
    else:
        write(target, source.read_bytes())


def packed(path: Path) -> Path:
    """Where the lines of a file are published."""
    return path.with_name(f"{path.name}{PACKED}")


def readable(path: Path) -> Path:
    """The file itself, or its packed lines where these alone are there."""
    return path if path.exists() or not packed(path).exists() else packed(path)


def all_records(store: Store) -> list[Record]:
    """Every record under the store, in the order of their ids."""
    found = [read_record(path) for path in sorted(store.results.glob("runs/*/run.json"))]
    if not found:
        raise FileNotFoundError(f"there are no records under {store.results / 'runs'}")
    return found


def read_record(path: Path) -> Record:
    """A run.json, with what every reader relies on checked."""
    with checked_record(path, "config", "code", "environment", "data", "outcome", "model", "time") as record:
        record["config"] = as_dict(from_dict(record["config"]))
        if not isinstance(record["run_id"], str) or not isinstance(record["model"]["sha256"], str):
            raise TypeError("run_id and model.sha256 must be text")
        for name in ("train_accuracy", "test_accuracy"):
            value = record["outcome"][name]
            if value is not None and not 0 <= value <= 1:
                raise ValueError(f"{name} is {value}")
        times = record["time"]["train_seconds"], record["time"]["evaluate_seconds"]
        for number in (record["outcome"]["epochs"], *times):
            if not isinstance(number, int | float):
                raise TypeError("outcome.epochs and times must be numbers")
    return record


@contextlib.contextmanager
def checked_record(path: Path, *parts: str) -> Iterator[Record]:
    """A record that has these parts; an error in the block says of it, too, that the file is no record of ours."""
    try:
        record: Record = json.loads(path.read_text("utf-8"))
        if not all(isinstance(record[part], dict) for part in parts):
            raise TypeError("parts must be objects")
        yield record
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(
            f"record must be a {path.name} that the suite wrote; restore it or use --force. "
            f"Received: {path} ({type(error).__name__}: {error})"
        ) from error


def read_lines(path: Path) -> list[Record]:
    """JSON of each line; ValueError for a damaged file."""
    try:
        content = path.read_bytes()
        text = (gzip.decompress(content) if path.suffix == PACKED else content).decode("utf-8")
        lines = [json.loads(line) for line in text.splitlines()]
        if not all(isinstance(line, dict) for line in lines):
            raise TypeError("not an object")
        for line in lines:
            check_named(line, path.name.removesuffix(PACKED))
        return lines
    except (ValueError, TypeError, EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise ValueError(f"every line must be JSON; --force makes it again. Received: {path} ({error})") from error


def check_named(found: Collection[str], file: str) -> None:
    """ValueError where a line of a file lacks a name that readers rely on."""
    if missing := NAMED.get(file, set()) - {*found}:
        raise ValueError(f"no {', '.join(sorted(missing))}")


def new_lines(file: str, there: Iterable[Record], lines: Iterable[Record]) -> list[Record]:
    """Of the lines of a file's read-outs those that measure what none there does; of a history none, which is whole."""
    known = {measured(line) for line in there}
    return [line for line in lines if measured(line) not in known] if file != HISTORY else []


def measured(line: Record) -> str:
    """What a line of read-outs measures."""
    return json.dumps({name: value for name, value in line.items() if name not in MEASURED}, sort_keys=True)


def write_lines(path: Path, lines: list[Record]) -> None:
    text = "".join(json.dumps(line, allow_nan=False) + "\n" for line in lines)
    write(path, gzip.compress(text.encode(), mtime=0) if path.suffix == PACKED else text)


def read_arrays(path: Path) -> dict[str, NDArray[Any]]:
    """Arrays of a .npz; ValueError for a damaged one."""
    try:
        with np.load(path) as stored:
            arrays = dict(stored)
        if not all(isinstance(array, np.ndarray) for array in arrays.values()):
            raise ValueError("not arrays")
        return arrays
    except (OSError, ValueError, RuntimeError, EOFError, zipfile.BadZipFile, zlib.error, lzma.LZMAError) as error:
        if getattr(error, "filename", None):  # it cannot be opened
            raise
        raise ValueError(f"arrays must be a whole .npz; --force makes it again. Received: {path} ({error})") from error


def write_arrays(path: Path, arrays: dict[str, NDArray[Any]], compress: bool = False) -> None:
    with replacing(path) as temporary, open(temporary, "wb") as file:
        (np.savez_compressed if compress else np.savez)(file, **arrays)  # type: ignore[arg-type]


def write_packed(path: Path, arrays: dict[str, NDArray[Any]]) -> None:
    """Write arrays as they are published."""
    with tempfile.TemporaryDirectory() as folder:
        write_arrays(whole := Path(folder) / path.name, arrays)
        copy_packed(whole, path)


def file_sha256(path: Path) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


CHANGED = {None: "?", False: "", True: "+"}


def commits_of(records: Iterable[Record]) -> str:
    """Commits of records; + where tracked files differed from it, ? where an archive of it ran, which cannot tell."""
    codes = [record["code"] for record in records]
    known = {f"{code['commit'][:9]}{CHANGED[code['dirty']]}" if code["commit"] else "no commit" for code in codes}
    return ", ".join(sorted(known))


def code_version() -> Record:
    """Commit of the checkout, and whether tracked files outside results/ differ from it.

    Of an archive (`git archive`, or a host's) the commit alone, which git has written into it; none elsewhere.
    """

    def git(*arguments: str) -> str:
        return subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=True).stdout.strip()

    try:
        changed = git("status", "--porcelain", "--untracked-files=no", "--", ".", ":!results")
        return {"commit": git("rev-parse", "HEAD"), "dirty": bool(changed)}
    except (OSError, subprocess.CalledProcessError):
        exported = (ROOT / EXPORTED).read_text(encoding="utf-8").strip() if (ROOT / EXPORTED).exists() else ""
        return {"commit": None if "$" in exported else exported or None, "dirty": None}
