"""Kills at random moments: whether a run or a sweep loses anything, does anything twice, or ends in other bits.

Measured:  in rounds a sweep of small MLPs in both frameworks and a single run of each are killed by SIGKILL at random
           moments (the sweep, a worker, the process that a worker trains in, a script of one run) and started again by
           the same command until they end; models, outcomes and histories are compared with those of one that was
           never killed. What had ended before a kill must not be written again, no checkpoint may go back, no
           process or temporary file may be left
Run:       python experiments/durability_kills.py [--kills 200]
Result:    a table on standard output, and its record under results/computations/, made once (again with --force)
Time:      about 15 seconds for a kill on two cores
"""

from __future__ import annotations

import functools
import hashlib
import json
import os
import random
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import psutil

from common.cli import one_line_errors, parse
from common.report import benchmarks
from common.report.tables import Table
from common.runs.config import Actions, Options
from common.runs.store import HISTORY, ROOT, Record, read_lines

MARK = "DURABILITY_KILLS"  # in the environment of all that is started
RUN = (
    *("--dataset", "digits", "--train-size", "400", "--crop", "6", "--random-crop", "--batch-size", "4"),
    *("--weight-decay", "0.001", "--decay", "0.9", "--checkpoint-every", "2", "--threads", "1"),
)
SWEEP = ("label_corruption_sweep.py", "--models", "mlp1", "--fractions", "1.0", "--workers", "2", "--no-stack")
VICTIMS = {
    "sweep": SWEEP[0],
    "worker": "spawn_main",
    "process of a worker": "common.job",
    "run": "mlp1_random_labels.py",
}
"""What is killed, by a word of its command line."""
SCRIPTS = ("sweep", "run")  # that the same command starts again
STARTS = 6  # after the last kill, at most
SECONDS = 60  # that processes are given to end after what started them has
MOMENTS = (0, 0, 1, 2, 3, 5, 8)  # checkpoints that are written before a kill


WRONG = {
    "lost": "runs that are not there in the end",
    "trained twice": "finished runs that were written again",
    "went back": "checkpoints of an earlier epoch than had been reached",
    "other bits": "runs with another model, outcome or history",
    "processes left": "processes that outlived what started them",
    "files left": "checkpoints and temporary files of finished runs",
    "did not end": f"commands that did not end within {STARTS} starts",
}


@dataclass(frozen=True)
class Benchmark(benchmarks.Benchmark):
    """What is measured."""

    slug = "durability_kills"

    kills: int = 200
    """Processes that are killed."""
    epochs: int = 60
    """Epochs of each run."""
    seeds: int = 3
    """Runs of each framework in the sweep."""
    repeats: int = 1
    """Times all is done."""
    choice: int = 17
    """Seed of what is killed, and when."""

    least = {"kills": 1, "epochs": 1, "seeds": 1}
    small = {"kills": 3, "epochs": 6, "seeds": 1}


@dataclass
class Command:
    """A script with its flags, what of it can be killed, and the folder that it writes to."""

    name: str
    words: tuple[str, ...]
    victims: tuple[str, ...]
    folder: Path
    process: subprocess.Popen[bytes] | None = None
    starts: int = 0
    epochs: dict[str, int] = field(default_factory=dict)  # of the last checkpoint that was seen, by run
    written: int = 0  # checkpoints that were seen
    wrong: Counter[str] = field(default_factory=Counter)

    def start(self) -> None:
        """Start it, or start it again."""
        mark = {MARK: str(self.folder), "PYTHONPATH": str(ROOT)}
        script = str(ROOT / "experiments" / self.words[0])
        command = [sys.executable, script, *self.words[1:], "--output-dir", str(self.folder)]
        self.process = subprocess.Popen(
            command, env=os.environ | mark, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        self.starts += 1

    @property
    def running(self) -> bool:
        """Whether it has neither ended nor been killed."""
        return self.process is not None and self.process.poll() is None

    @property
    def ended_well(self) -> bool:
        """Whether it has ended with exit status 0."""
        return self.process is not None and self.process.poll() == 0

    def processes(self, victim: str = "") -> list[psutil.Process]:
        """Its living processes of a kind; workers are children of the script."""
        found = [process for process in marked(str(self.folder)) if VICTIMS.get(victim, "") in words_of(process)]
        own = self.process.pid if self.process else None
        return [process for process in found if process.ppid() == own] if victim == "worker" else found

    def watch(self) -> None:
        """See which checkpoints there are: none may be of an earlier epoch than the run had."""
        for name, epoch in checkpoints(self.folder):
            self.wrong["went back"] += epoch < self.epochs.get(name, 0)
            self.written += epoch > self.epochs.get(name, 0)
            self.epochs[name] = max(epoch, self.epochs.get(name, 0))

    def ended(self) -> None:
        """All that it started must end after it."""
        end = time.monotonic() + SECONDS
        while (left := self.processes()) and time.monotonic() < end:
            time.sleep(0.1)
        self.wrong["processes left"] += len(left)
        for process in left:
            process.kill()

    def wait(self) -> bool:
        """Wait for its end; whether it ended well."""
        while self.running:
            self.watch()
            time.sleep(0.1)
        self.ended()
        return self.ended_well


def marked(mark: str) -> Iterator[psutil.Process]:
    """Living processes whose environment bears the mark."""
    for process in psutil.process_iter():
        try:
            if process.environ().get(MARK) == mark and process.status() != psutil.STATUS_ZOMBIE:
                yield process
        except psutil.Error:
            continue


def words_of(process: psutil.Process) -> str:
    """The command line, empty for a process that is gone."""
    try:
        return " ".join(process.cmdline())
    except psutil.Error:
        return ""


def checkpoints(folder: Path) -> Iterator[tuple[str, int]]:
    """Run and epoch of each checkpoint."""
    for path in folder.glob("runs/*/checkpoint.npz"):
        try:
            with np.load(path) as file:
                yield path.parent.name, json.loads(file["json"].tobytes())["history"][-1]["epoch"]
        except FileNotFoundError:
            continue


def results(folder: Path) -> dict[str, Any]:
    """Of each finished run all that must be the same however often it was killed."""
    found = {}
    for path in sorted(folder.glob("runs/*/run.json")):
        record = json.loads(path.read_text("utf-8"))
        model = hashlib.sha256((folder / "saved_models" / record["model"]["path"]).read_bytes()).hexdigest()
        lines = read_lines(path.parent / HISTORY)
        history = [{name: value for name, value in line.items() if "seconds" not in name} for line in lines]
        found[record["run_id"]] = model, record["model"]["sha256"], record["outcome"], history
    return found


def times(folder: Path) -> dict[str, int]:
    """When each finished run's record was written, in nanoseconds."""
    return {path.parent.name: path.stat().st_mtime_ns for path in folder.glob("runs/*/run.json")}


def commands(settings: Benchmark, folder: Path) -> list[Command]:
    """The sweep, and a run of each framework."""
    flags = (*RUN, "--epochs", str(settings.epochs))
    seeds = ("--seeds", *map(str, range(settings.seeds)))
    victims = (
        ("process of a worker",) * 4 + ("worker",) * 2 + ("sweep",)
    )  # the more there are of a kind, the more often
    sweep = Command("sweep", (*SWEEP, *seeds, *flags), victims, folder / "sweep")
    runs = [
        Command(name, (VICTIMS["run"], "--framework", name, *flags), ("run",), folder / name)
        for name in ("torch", "keras")
    ]
    return [sweep, *runs]


def kill(command: Command, victim: str, choose: random.Random) -> bool:
    """Kill one process of a kind at a random moment; false where the command ended before."""
    since, number = command.written, choose.choice(MOMENTS)
    while command.running and (command.written < since + number or not command.processes(victim)):
        command.watch()
        time.sleep(0.05)
    time.sleep(choose.random())
    found = command.processes(victim) if command.running else []
    if found:
        choose.choice(found).kill()
    return bool(found)


def killed_until_it_ends(command: Command, choose: random.Random, left: int, kills: Counter[str]) -> None:
    """Start a command, kill so many of its victims at random moments, and start it until it ends well."""
    command.start()
    for victim in choose.sample(command.victims, left):
        done = times(command.folder)
        killed = kill(command, victim, choose)
        kills[victim] += killed
        if not restarted(command, killed and victim in SCRIPTS):
            break
        again = times(command.folder)
        command.wrong["trained twice"] += sum(again.get(name) != moment for name, moment in done.items())
    for _ in range(STARTS):
        if command.wait():
            return
        command.start()
    command.wrong["did not end"] += 1


def restarted(command: Command, killed: bool) -> bool:
    """Start a command again whose own process was killed, or that failed; false where it has ended well."""
    if killed and command.process:
        command.process.wait()
    if command.ended_well:
        return False
    if not command.running:
        command.ended()
        command.start()
    return True


def measure(settings: Benchmark, options: Options) -> Record:
    """Rounds of all commands, all victims of each killed, until so many were; what went wrong."""
    choose, kills, wrong, runs = random.Random(settings.choice), Counter[str](), Counter[str](), 0
    starts = 0
    with TemporaryDirectory(prefix="durability-") as temporary:
        alone = {command.name: command for command in commands(settings, Path(temporary) / "whole")}
        whole = functools.cache(lambda name: unkilled(alone[name]))
        rounds = (commands(settings, Path(temporary) / f"round{number}") for number in range(settings.kills))
        for command in chain.from_iterable(rounds):
            if not (left := settings.kills - kills.total()):
                break
            killed_until_it_ends(command, choose, min(left, len(command.victims)), kills)
            found, expected = results(command.folder), whole(command.name)
            wrong += command.wrong
            wrong["lost"] += len(expected.keys() - found.keys())
            wrong["other bits"] += sum(found[name] != expected[name] for name in found.keys() & expected.keys())
            wrong["files left"] += len(left_over(command.folder))
            runs, starts = runs + len(found), starts + command.starts
            said = f"{kills.total()} kills, {runs} runs, {dict(+wrong) or 'nothing wrong'}"
            print(said, file=sys.stderr, flush=True)
    return {"kills": dict(kills), "starts": starts, "runs": runs, "wrong": {name: wrong[name] for name in WRONG}}


def left_over(folder: Path) -> list[Path]:
    """Checkpoints and temporary files."""
    return [*folder.glob("runs/*/checkpoint.npz"), *folder.glob("**/.*-*")]


def unkilled(command: Command) -> Mapping[str, Any]:
    """What a command ends in when nothing is killed."""
    command.start()
    if not command.wait():
        raise RuntimeError(f"{command.words[0]} failed without being killed")
    return results(command.folder)


def table(record: Record) -> Table:
    """What was killed, and what went wrong."""
    kills, wrong = record["kills"], record["wrong"]
    rows = [[f"kills of a {name}", count] for name, count in kills.items()]
    rows += [["starts by the same command", record["starts"]], ["runs compared", record["runs"]]]
    rows += [[WRONG[name], count] for name, count in wrong.items()]
    title = f"{sum(kills.values())} kills at random moments"
    return Table(title, ["what", "how often"], rows, benchmarks.run_on(record))


def main() -> None:
    arguments = parse(__doc__, benchmark=Benchmark(), options=Options(), actions=Actions())
    benchmarks.report(arguments, VICTIMS, benchmarks.on_processor, measure, table)


if __name__ == "__main__":
    with one_line_errors():
        main()
