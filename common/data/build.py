"""Makes an array of a folder of images: each is decoded once, and squashed to side x side.

It may be killed at any time and goes on where it was; what comes out is the same bytes. See `common.data.stored`.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import os
import shutil
import signal
import threading
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from itertools import islice
from multiprocessing import get_context, parent_process
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any, TypeAlias, cast

import numpy as np

from common.data.arrays import Pixels
from common.data.listing import Listing, list_source
from common.data.own import check_depth
from common.data.stored import FACTS, SIDECAR, SPLITS, Facts, digest
from common.errors import in_short
from common.files import replacing, write
from common.progress import Work

CHUNK = 64  # images that a process decodes at a time
MARK_SECONDS = 5.0  # between marks of what is done
LEAST_SIDE = 8
BAD_FILES = "bad_files.txt"
GOES_ON = "run it again: it goes on where it was"


@dataclass(frozen=True)
class Chunk:
    """Images in a row of one split's array, for a process to decode."""

    number: int
    files: list[Path]
    labels: list[int]
    side: int
    array: Path
    place: int
    """Of the first in the array's file, in bytes."""


Decoded: TypeAlias = tuple[Chunk, Facts, list[str]]


def build(source: Path, folder: Path, side: int, workers: int) -> None:
    """Make the array of a source in a folder, unless it is finished; one line says what it cannot be made of."""
    if side < LEAST_SIDE:
        raise ValueError(f"side must be at least {LEAST_SIDE} pixels. Received: side={side}")
    finished = (folder / SIDECAR).exists()
    if finished and not source.exists():  # it may be gone by now
        return
    classes, listings = list_source(source)
    if finished:
        return check_files(folder, listings)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        check_files(folder, listings)
        check_space(folder, sum(len(listing.files) for listing in listings) * (side * side * 3 + FACTS.itemsize))
        arrays = [Building(folder, listing, side) for listing in listings]
        with pool(workers) as processes:
            bad = [line for array in arrays for line in array.fill(source, processes, workers)]
    except BrokenProcessPool as error:
        raise OSError(f"a process that decodes images was killed; {GOES_ON}") from error
    except OSError as error:
        cause = error.__cause__ or error  # what is written whole says why in its own words
        if getattr(cause, "errno", None) not in (errno.ENOSPC, errno.EDQUOT):
            raise
        raise OSError(f"the disk of {folder} is full; make room and {GOES_ON}") from error
    if bad:
        refuse(folder, bad)
    finish(folder, classes, [array.facts for array in arrays])


def check_files(folder: Path, listings: Sequence[Listing]) -> None:
    """Write down which files become which images, or compare with what was written when it was begun."""
    for listing in listings:
        path, text = folder / f"{listing.split}_files.json", json.dumps([listing.files, listing.labels])
        if path.exists() and path.read_text("utf-8") != text:
            raise ValueError(f"the source must have the files that {folder} was begun with; delete it to begin anew")
        if not path.exists():
            write(path, text)


def on_disk(path: Path) -> int:
    """Bytes of a file that are there by now; its size, where the system tells no more."""
    found = path.stat()
    return int(getattr(found, "st_blocks", found.st_size / 512) * 512)


def check_space(folder: Path, size: int) -> None:
    """ValueError where the disk has no room for what is not yet there, in bytes."""
    missing = size - sum(map(on_disk, folder.glob("*.npy")))
    free = shutil.disk_usage(folder).free
    if missing > free:
        raise ValueError(
            f"the disk of {folder} must have {missing / 1e9:.1f} GB free. Received: {free / 1e9:.1f} GB; a smaller "
            "--side needs less"
        )


def refuse(folder: Path, bad: Sequence[str]) -> None:
    """ValueError that names files which are no images; all are listed in the folder."""
    write(folder / BAD_FILES, "\n".join(bad) + "\n")
    shown = f"{', '.join(bad[:3])}{', ...' * (len(bad) > 3)}"
    raise ValueError(
        f"every file must be an image: replace these, all listed in {folder / BAD_FILES}, and {GOES_ON}. "
        f"Received: {len(bad)} that cannot be read, {shown}"
    )


def finish(folder: Path, classes: Sequence[str], facts: Sequence[Facts]) -> None:
    """Write what makes it whole, and drop what was kept to go on."""
    sidecar = {"classes": list(classes), "sha256": digest(classes, facts)}
    write(folder / SIDECAR, json.dumps(sidecar, indent=1) + "\n")
    for name in (BAD_FILES, *(f"{split}_done" for split in SPLITS)):
        (folder / name).unlink(missing_ok=True)


class Building:
    """The array of one split while it is made; `done` says of each chunk whether it is.

    A mark of another length, as a power cut may leave, says nothing.
    """

    def __init__(self, folder: Path, listing: Listing, side: int):
        self.listing, self.side, n = listing, side, len(listing.files)
        self.array, self.rows = (folder / f"{listing.split}{end}.npy" for end in ("", "_facts"))
        self.start, self.rows_start = begun(self.array, np.uint8, (n, side, side, 3)), begun(self.rows, FACTS, (n,))
        self.mark = folder / f"{listing.split}_done"
        known, chunks = self.mark.read_bytes() if self.mark.exists() else b"", -(-n // CHUNK)
        self.done = np.frombuffer(bytearray(known if len(known) == chunks else bytes(chunks)), bool)

    @property
    def facts(self) -> Facts:
        """What is known of each image by now."""
        return cast(Facts, np.load(self.rows))

    def fill(self, source: Path, processes: ProcessPoolExecutor, workers: int) -> list[str]:
        """Decode what is not done; returns a line for each file that cannot be read."""
        bad: list[str] = []
        marked, before = time.monotonic(), int(self.done.sum())
        with Work(f"{self.listing.split} images", len(self.done) - before or 1) as work, self.keeping() as keep:
            for chunk, facts, reasons in completed(processes, self.chunks(source), 4 * workers):
                with open(self.rows, "r+b") as file:
                    file.seek(self.rows_start + chunk.number * CHUNK * FACTS.itemsize)
                    file.write(facts.tobytes())
                self.done[chunk.number] = not any(reasons)
                bad += [f"{file} ({reason})" for file, reason in zip(chunk.files, reasons, strict=True) if reason]
                if time.monotonic() > marked + MARK_SECONDS:
                    keep()
                    marked = time.monotonic()
                work.done(int(self.done.sum()) - before)
        return sorted(bad)

    @contextlib.contextmanager
    def keeping(self) -> Iterator[Callable[[], None]]:
        """What marks as done all that is: on the disk itself first. It is called at the end, too, whatever ends it."""

        def keep() -> None:
            for path in (self.array, self.rows):
                with open(path, "r+b") as file:
                    os.fsync(file)
            write(self.mark, self.done.tobytes())

        try:
            yield keep
        finally:
            keep()

    def chunks(self, source: Path) -> Iterator[Chunk]:
        """Those that are not done."""
        size = self.side * self.side * 3
        for number in np.flatnonzero(~self.done).tolist():
            part = slice(number * CHUNK, (number + 1) * CHUNK)
            files = [source / file for file in self.listing.files[part]]
            place = self.start + part.start * size
            yield Chunk(number, files, self.listing.labels[part], self.side, self.array, place)


def begun(path: Path, dtype: Any, shape: tuple[int, ...]) -> int:
    """Where the content of a `.npy` starts in its file, which is made, without content, where it is not there."""
    if not path.exists():
        with replacing(path) as temporary:
            np.lib.format.open_memmap(temporary, "w+", dtype, shape)
    return cast(int, np.load(path, mmap_mode="r").offset)


@contextlib.contextmanager
def pool(workers: int) -> Iterator[ProcessPoolExecutor]:
    """Processes that decode; they end with this one, and with the first error."""
    with ProcessPoolExecutor(workers, get_context("spawn"), end_with_parent) as processes:
        try:
            yield processes
        except BaseException:
            processes.shutdown(wait=False, cancel_futures=True)
            raise


def end_with_parent() -> None:
    """What a process of the pool begins with: an interrupt is its parent's, and it dies with it, however that dies."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    parent = cast(BaseProcess, parent_process())

    def follow() -> None:
        parent.join()
        os._exit(1)

    threading.Thread(target=follow, daemon=True).start()


def completed(processes: ProcessPoolExecutor, chunks: Iterator[Chunk], ahead: int) -> Iterator[Decoded]:
    """What is decoded, as it comes; few chunks are under way, so that what waits needs no memory."""
    waiting = {processes.submit(decode_chunk, chunk) for chunk in islice(chunks, ahead)}
    while waiting:
        done, waiting = wait(waiting, return_when=FIRST_COMPLETED)
        waiting |= {processes.submit(decode_chunk, chunk) for chunk in islice(chunks, len(done))}
        for future in done:
            yield future.result()


def decode_chunk(chunk: Chunk) -> Decoded:
    """Write a chunk's images into the array; what is known of each, and "" or why it could not be read."""
    pixels = np.zeros((len(chunk.files), chunk.side, chunk.side, 3), np.uint8)
    facts, reasons = np.zeros(len(chunk.files), FACTS), [""] * len(chunk.files)
    for place, (file, label) in enumerate(zip(chunk.files, chunk.labels, strict=True)):
        try:
            pixels[place], (width, height) = decode(file, chunk.side)
        except Exception as error:
            reasons[place] = in_short(error)
            continue
        values = pixels[place].reshape(-1, 3).astype(np.int64)
        sha256 = np.frombuffer(hashlib.sha256(pixels[place].data).digest(), np.uint8)
        facts[place] = height, width, label, values.sum(0), np.square(values).sum(0), sha256
    with open(chunk.array, "r+b") as array:
        array.seek(chunk.place)
        array.write(pixels.data)
    return chunk, facts, reasons


def decode(file: Path, side: int) -> tuple[Pixels, tuple[int, int]]:
    """An image as RGB, (side, side, 3), and its width and height before: bilinear, with antialiasing, as Pillow does.

    A grey one has equal channels; of CMYK and palettes Pillow makes RGB, and drops transparency. ValueError for pixels
    of more than 8 bits, which it would cut off at white.
    """
    from PIL import Image

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of large images and odd metadata
        with Image.open(file) as picture:
            check_depth(picture.mode)
            squashed = picture.convert("RGB").resize((side, side), Image.Resampling.BILINEAR)
            return np.asarray(squashed), picture.size
