"""Broken files of every kind that the suite reads: whether each is refused in one clear line, and nothing is lost.

Measured:  models, records, histories, read-outs, arrays, checkpoints, configs, labels and data files with flipped
           bits, cut, swapped with another kind, empty, with a header that announces far too much, or replaced by a
           pickle that runs code; each is then given to the script that reads it
Run:       python experiments/durability_files.py [--files 200]
Result:    a table of outcomes, and their record under results/computations/, made once (again with --force): refused
           in one line with exit status 2; read to the same output as the whole file, because nothing that matters was
           hit; or read to another output, which only files without a checksum allow (other people's models, labels,
           lines of text). Wrong are a traceback, code that was run, a file that is lost, or another output from a file
           whose checksum is known
Time:      a minute or two on one core
"""

from __future__ import annotations

import contextlib
import dataclasses
import io
import os
import pickle
import random
import runpy
import shutil
import subprocess
import sys
import time
import traceback
import zipfile
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from common.cli import one_line_errors, parse
from common.data.datasets import DATASETS
from common.report import benchmarks
from common.report.tables import Table
from common.runs.config import Actions, Options
from common.runs.store import ROOT, Record

RUN = ("--dataset", "digits", "--train-size", "200", "--test-size", "100", "--epochs", "2", "--threads", "1")
TRAINED = {"torch": "mlp1_true_labels.py", "keras": "mlp3_true_labels.py"}
"""The script that trains a network in each framework, on digits."""
REFUSED, SAME, OTHER = OUTCOMES = ("refused in one line", "read as the whole file", "read as another file")
TRACEBACK, EXECUTED, LOST, UNSEEN = WRONG = (
    *("ended in a traceback", "ran the code of a pickle", "lost another file", "not seen to be altered"),
)


@dataclass(frozen=True)
class Benchmark(benchmarks.Benchmark):
    """What is measured."""

    slug = "durability_files"

    files: int = 200
    """Broken files."""
    repeats: int = 1
    """Times all is done."""
    choice: int = 23
    """Seed of what is broken, and how."""

    least = {"files": 1}
    small = {"files": 12}


@dataclass(frozen=True)
class Kind:
    """A kind of file: the one that is broken, a pattern below a folder, and the script that reads it.

    Words are of the command line: TORCH and KERAS stand for ids of runs, a leading @ for the folder.
    """

    name: str
    pattern: str
    words: tuple[str, ...]
    checked: bool = True
    """Whether a checksum, or what is read beside it, tells any change that matters."""

    def path(self, folder: Path) -> Path:
        """The file."""
        return min(folder.glob(self.pattern))


def of_run(framework: str) -> tuple[str, ...]:
    """The command that trains a network, or finds that it is done."""
    return (TRAINED[framework], "--framework", framework, *RUN, "--checkpoint-every", "1")


HALF = (*of_run("torch"), "--epochs", "60")
DATA = ("--data-dir", "@data")
KINDS = (
    Kind("model .pt of a run", "saved_models/*torch*.pt", ("decode_layers.py", "TORCH", "--force")),
    Kind("model .h5 of a run", "saved_models/*keras*.h5", ("decode_layers.py", "KERAS", "--force")),
    Kind("model .pt", "mine.pt", ("decode_layers.py", "@mine.pt"), False),
    Kind("model .h5", "mine.h5", ("decode_layers.py", "@mine.h5"), False),
    Kind("record", "runs/*torch*/run.json", of_run("torch"), False),
    Kind("history", "runs/*torch*/history.jsonl", of_run("torch"), False),
    Kind("read-out", "runs/*torch*/readout.jsonl", ("decode_layers.py", "TORCH"), False),
    Kind("arrays", "runs/*torch*/arrays.npz", ("example_table.py", "--dataset", "digits"), False),
    Kind("checkpoint", "half/runs/*/checkpoint.npz", (*HALF, "--output-dir", "@half")),
    Kind("config", "mine.json", (TRAINED["torch"], "--config", "@mine.json", "--list"), False),
    Kind("labels", "labels.npy", ("decode_layers.py", "@mine.pt", "--labels", "@labels.npy"), False),
    Kind("idx file", "data/MNIST/raw/t10k-labels-idx1-ubyte", (*of_run("torch"), *DATA, "--dataset", "mnist")),
    Kind("pickled batch", "data/cifar-10-batches-py/test_batch", (*of_run("torch"), *DATA, "--dataset", "cifar10")),
)


class Payload:
    """What unpickling would run: it makes a file."""

    def __init__(self, marker: Path):
        self.marker = marker

    def __reduce__(self) -> tuple[object, tuple[Path]]:
        return Path.touch, (self.marker,)


def flipped(content: bytes, choose: random.Random, other: bytes, marker: Path) -> bytes:
    """One to eight bits are others."""
    changed = bytearray(content)
    for _ in range(choose.randint(1, 8)):
        changed[choose.randrange(len(changed))] ^= 1 << choose.randrange(8)
    return bytes(changed)


def cut(content: bytes, choose: random.Random, other: bytes, marker: Path) -> bytes:
    """The end is missing."""
    return content[: choose.randrange(1, len(content))]


def swapped(content: bytes, choose: random.Random, other: bytes, marker: Path) -> bytes:
    """A file of another kind."""
    return other


def emptied(content: bytes, choose: random.Random, other: bytes, marker: Path) -> bytes:
    """Nothing is in it."""
    return b""


def announcing(content: bytes, choose: random.Random, other: bytes, marker: Path) -> bytes:
    """A header of numpy's, alone or in an archive, that announces 2^60 values."""
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(header, {"descr": "<f8", "fortran_order": False, "shape": (1 << 60,)})
    if content[:2] != b"PK":
        return header.getvalue()
    archive = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as whole, zipfile.ZipFile(archive, "w") as broken:
        for name in whole.namelist():
            broken.writestr(name, header.getvalue() if name.endswith(".npy") else whole.read(name))
    return archive.getvalue()


def pickled(content: bytes, choose: random.Random, other: bytes, marker: Path) -> bytes:
    """A pickle that runs code, alone, or in place of each pickle and array of an archive."""
    code = pickle.dumps(Payload(marker))
    if content[:2] != b"PK":
        return code
    archive = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as whole, zipfile.ZipFile(archive, "w") as broken:
        for name in whole.namelist():
            broken.writestr(name, code if name.endswith((".pkl", ".npy")) else whole.read(name))
    return archive.getvalue()


BREAK = {
    "bits flipped": flipped,
    "cut": cut,
    "swapped": swapped,
    "empty": emptied,
    "huge header": announcing,
    "pickle with code": pickled,
}


@dataclass(frozen=True)
class Answer:
    """How a script ended, and what it wrote."""

    status: int | None
    """Exit status; none after a traceback."""
    output: str
    errors: list[str]
    """Lines on standard error."""


def call(words: Sequence[str], folder: Path, ids: Mapping[str, str]) -> Answer:
    """Run a script of the suite here, as from the command line."""
    named = [ids.get(word, str(folder / word[1:]) if word.startswith("@") else word) for word in words]
    output, errors, status = io.StringIO(), io.StringIO(), 0
    arguments = named if "--output-dir" in named else [*named, "--output-dir", str(folder)]
    before, sys.argv = sys.argv, arguments
    try:
        with contextlib.redirect_stdout(output), contextlib.redirect_stderr(errors):
            runpy.run_path(str(ROOT / "experiments" / words[0]), run_name="__main__")
    except SystemExit as ended:
        status = int(ended.code or 0)
    except BaseException:
        return Answer(None, output.getvalue(), traceback.format_exc().splitlines())
    finally:
        sys.argv = before
    return Answer(status, output.getvalue(), [line for line in errors.getvalue().splitlines() if line.strip()])


def prepare(folder: Path) -> dict[str, str]:
    """Train a network in each framework, half a one too, and copy what is somebody's own; the ids of both runs."""
    for framework in TRAINED:
        call(of_run(framework), folder, {})
    ids = {name.upper(): min(folder.glob(f"runs/*{name}*")).name for name in TRAINED}
    for name in ids:
        call(("decode_layers.py", name), folder, ids)
    for figure in folder.glob("runs/*/learning_curves.png"):
        figure.unlink()  # it is drawn again from the history
    for ending in ("pt", "h5"):
        shutil.copy(min(folder.glob(f"saved_models/*.{ending}")), folder / f"mine.{ending}")
    shutil.copy(min(folder.glob("runs/*torch*/run.json")), folder / "mine.json")
    np.save(folder / "labels.npy", np.arange(200) % 10)
    half(folder / "half")
    for kind in KINDS:
        if kind.pattern.startswith("data/"):
            path = folder / kind.pattern
            path.parent.mkdir(parents=True)
            for file in DATASETS[kind.words[-1]].files:
                (path.parent / file).write_bytes(pickle.dumps(Path(file)) * 50)
    return ids


def half(folder: Path) -> None:
    """Kill a run when it has written a checkpoint."""
    script = str(ROOT / "experiments" / TRAINED["torch"])
    command = [sys.executable, script, *HALF[1:], "--output-dir", str(folder)]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    while process.poll() is None and not list(folder.glob("runs/*/checkpoint.npz")):
        time.sleep(0.01)
    process.kill()
    process.wait()


def contents(folder: Path, path: Path) -> dict[Path, bytes]:
    """All files that are somebody's work, but for the broken one; what can be made again may be."""
    kept = {".pt", ".h5", ".npy", ".json", ".jsonl", ".npz", ".gz", ""}
    files = (file for file in folder.rglob("*") if file.is_file() and file != path and "decoding" not in file.parts)
    return {file: file.read_bytes() for file in files if file.suffix in kept and file.name != "lock"}


def judged(kind: Kind, whole: Answer | None, answer: Answer) -> str:
    """What became of a broken file."""
    if answer.status is None:
        return TRACEBACK
    if answer.status == 2 and len(answer.errors) == 1 and answer.errors[0].startswith("error: "):
        return REFUSED
    if answer.status:
        return TRACEBACK
    if whole is not None and answer.output == whole.output:
        return SAME
    return UNSEEN if kind.checked else OTHER


def measure(settings: Benchmark, options: Options) -> Record:
    """Break so many files, kind after kind and way after way, and give each to the script that reads it."""
    choose, found, examples = random.Random(settings.choice), Counter[tuple[str, str]](), {}
    with TemporaryDirectory(prefix="durability-") as temporary:
        whole, broken, marker = (Path(temporary) / name for name in ("whole", "broken", "marker"))
        ids = prepare(whole)
        answers = {kind.name: answer_of_whole(kind, whole, ids) for kind in KINDS}
        for number in range(settings.files):
            kind, way = KINDS[number % len(KINDS)], list(BREAK)[number // len(KINDS) % len(BREAK)]
            outcome, told = broken_once(kind, way, (whole, broken, marker), ids, answers[kind.name], choose)
            found[kind.name, outcome] += 1
            if outcome in WRONG:
                examples[f"{kind.name}, {way}"] = told
                print(f"{kind.name}, {way}: {outcome}: {told}", file=sys.stderr)
    counts = {kind.name: {outcome: found[kind.name, outcome] for outcome in (*OUTCOMES, *WRONG)} for kind in KINDS}
    return {"counts": counts, "wrong": examples}


def answer_of_whole(kind: Kind, whole: Path, ids: Mapping[str, str]) -> Answer | None:
    """What the script says of the whole file, in a copy of the folder; none where there is only a broken one."""
    if kind.pattern.startswith("data/"):
        return None
    with TemporaryDirectory(prefix="durability-") as temporary:
        folder = Path(temporary) / "broken"
        shutil.copytree(whole, folder)
        answer = call(kind.words, folder, ids)
        if answer.status:
            raise RuntimeError(f"{kind.words[0]} must read the whole {kind.name}: {answer.errors}")
        return dataclasses.replace(answer, output=answer.output.replace(str(folder), "."))


def broken_once(
    kind: Kind,
    way: str,
    places: tuple[Path, Path, Path],
    ids: Mapping[str, str],
    whole: Answer | None,
    choose: random.Random,
) -> tuple[str, str]:
    """What became of one broken file in a copy of the folder, and the first line that was said of it."""
    source, folder, marker = places
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(source, folder)
    path = kind.path(folder)
    other = choose.choice([each for each in KINDS if each.name != kind.name]).path(folder).read_bytes()
    path.write_bytes(BREAK[way](path.read_bytes(), choose, other, marker))
    before = contents(folder, path)
    answer = call(kind.words, folder, ids)
    answer = dataclasses.replace(answer, output=answer.output.replace(str(folder), "."))
    told = (answer.errors or [""])[-1]
    if marker.exists():
        marker.unlink()
        return EXECUTED, told
    after = contents(folder, path)
    if any(after.get(file) != content for file, content in before.items()):
        return LOST, next(str(file) for file, content in before.items() if after.get(file) != content)
    return judged(kind, whole, answer), told


def table(record: Record) -> Table:
    """How each kind of file ended, how often."""
    rows = [[name, *counts.values()] for name, counts in record["counts"].items()]
    total = sum(sum(counts.values()) for counts in record["counts"].values())
    return Table(f"{total} broken files", ["file", *OUTCOMES, *WRONG], rows, benchmarks.run_on(record))


def main() -> None:
    arguments = parse(__doc__, benchmark=Benchmark(), options=Options(), actions=Actions())
    benchmarks.report(arguments, (kind.name for kind in KINDS), benchmarks.on_processor, measure, table)


if __name__ == "__main__":
    with one_line_errors():
        main()
