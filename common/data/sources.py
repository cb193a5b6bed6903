"""Files of published data sets: found in the layout that is usual for them, downloaded into it, checked when read."""

from __future__ import annotations

import contextlib
import errno
import gzip
import hashlib
import os
import shlex
import sys
import tarfile
import zipfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TypeAlias

from common.data import corpora
from common.data.arrays import Labels, Pixels

Arrays: TypeAlias = tuple[Pixels, Labels, Pixels, Labels] | corpora.Arrays

TIMEOUT = 3, 30  # seconds: to connect, between two packets
FREE = {"images": "digits", "tokens": "phrases"}
"""By kind the data set that needs no files."""


@dataclass(frozen=True)
class Source:
    """Where a data set comes from, and how it is read; checksums read ``algorithm:hex digest``."""

    name: str
    shape: tuple[int, ...]  # of the training inputs
    num_classes: int
    read: Callable[[Source, Path], Arrays]  # from this and the data folder
    kind: str = "images"  # in `common.data.inputs.KINDS`
    words: int = 0  # of the training texts
    folder: str = ""  # below the data folder
    url: str = ""
    files: dict[str, str] = field(default_factory=dict)  # file, or folder of texts: checksum; training files come first
    downloads: dict[str, str] = field(default_factory=dict)  # file below the URL: checksum

    def contents(self, data_dir: Path) -> list[bytes]:
        """Those of all files, in their order; raises as `checked`."""
        return [self.checked(data_dir, file) for file in self.files]

    def checked(self, data_dir: Path, file: str) -> bytes:
        """The content of a file, unpacked if need be, after its checksum was compared: who packed it how does not
        matter. Of a folder of texts it is all of them, with zeros in between. ValueError where it is another."""
        path = self.locate(data_dir, file)
        parts = sorted(path.glob("*.txt")) if path.is_dir() else [path]
        content = b"\0".join(part.read_bytes() for part in parts)
        if path.suffix == ".gz":
            with contextlib.suppress(OSError, EOFError, zlib.error):  # then the checksum differs
                content = gzip.decompress(content)
        expected = self.files[file]
        algorithm = expected.split(":")[0]
        found = f"{algorithm}:{hashlib.new(algorithm, content, usedforsecurity=False).hexdigest()}"
        if found != expected:
            remedy = f"Move {self.folder} away" if path.is_dir() else "Delete it"
            remedy = f"{remedy} and run: {self.command(data_dir)}"
            raise ValueError(f"{path} is truncated or altered: expected {expected}, found {found}. {remedy}")
        return content

    def locate(self, data_dir: Path, file: str) -> Path:
        """Where a file is or belongs: also as a .gz, or with the dot that some archives put in its name."""
        path = data_dir / self.folder / file
        dotted = path.with_name(path.name.replace("-idx", ".idx"))
        places = [place.with_name(place.name + ending) for place in (path, dotted) for ending in ("", ".gz")]
        return next((place for place in places if place.exists()), path)

    def command(self, data_dir: Path) -> str:
        """What downloads it."""
        return f"python -m common.data.datasets {self.name} --data-dir {shlex.quote(str(data_dir))}"

    def obtain(self, data_dir: Path, download: bool) -> None:
        """Download what is missing, or say in one line how to do without: FileNotFoundError."""
        missing = [file for file in self.files if not self.locate(data_dir, file).exists()]
        if not missing:
            return
        folder = data_dir / self.folder
        try:
            if not download or os.environ.get("OFFLINE", "0") not in ("", "0"):
                raise ConnectionError(errno.ENETDOWN, "downloads are off")
            self._download(folder, missing)
        except OSError as error:
            reason = error.strerror or type(error).__name__  # the message of a requests error is long
            raise FileNotFoundError(
                f"{folder} has no {missing[0]} ({reason}). Download: {self.command(data_dir)}. "
                f"Without files: --dataset {FREE[self.kind]}"
            ) from error

    def _download(self, folder: Path, missing: list[str]) -> None:
        """Fetch, check and unpack in a temporary folder; whole files are then moved to names that are not taken."""
        made = [each for each in (folder, *folder.parents) if not each.exists()]
        folder.mkdir(parents=True, exist_ok=True)
        try:
            for file, checksum in self.downloads.items():
                if file.removesuffix(".gz") in self.files and file.removesuffix(".gz") not in missing:
                    continue
                with TemporaryDirectory(dir=folder, prefix=".download-") as temporary:
                    unpacked = _unpack(_fetch(self.url + file, checksum, Path(temporary)), self.folder)
                    for path in unpacked.iterdir():
                        if not (folder / path.name).exists():
                            os.replace(path, folder / path.name)
        finally:
            for each in made:  # those that are empty
                with contextlib.suppress(OSError):
                    each.rmdir()


def _unpack(archive: Path, folder: str) -> Path:
    """Unpack an archive beside itself and return the folder with its files: a .gz is kept with what was in it, and what
    is not packed stays as it is."""
    target = archive.parent / folder
    if archive.name.endswith(".tar.gz"):
        with tarfile.open(archive) as members:
            members.extractall(archive.parent, filter="data")
    elif archive.suffix == ".zip":
        with zipfile.ZipFile(archive) as zipped:
            zipped.extractall(archive.parent)
    elif archive.suffix != ".gz":
        target.mkdir(parents=True)
        (target / archive.name).write_bytes(archive.read_bytes())
    else:
        target.mkdir(parents=True)
        content = archive.read_bytes()
        (target / archive.name).write_bytes(content)
        (target / archive.stem).write_bytes(gzip.decompress(content))
    return target


def _fetch(url: str, checksum: str, folder: Path) -> Path:
    """Download a file into the folder, once, and check it."""
    import pooch

    pooch.get_logger().setLevel("WARNING")
    downloader = pooch.HTTPDownloader(progressbar=sys.stderr.isatty(), chunk_size=1 << 20, timeout=TIMEOUT)
    return Path(pooch.retrieve(url, checksum, url.rsplit("/", 1)[-1], folder, downloader=downloader))
