"""Warm children: processes that carry out one job after another for the dask workers of this process.

A child imports its framework once for many runs. A run that fails, or takes its child with it, costs itself alone.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import tempfile
import threading
from collections.abc import Sequence
from typing import IO, NamedTuple, cast

from common.runs.threads import MEMORY, thread_environment

IDLE_SECONDS = 60.0
"""A child that waits longer for a job ends: beside such a pause a new start is short, and others want the memory."""


class Answer(NamedTuple):
    """What a child says of a job."""

    reason: str
    """Why it failed, in one line, or ""."""
    sound: bool
    """Whether the next job finds the child as good as a new one."""
    paused: bool = False
    """Whether a time limit ended it; the same job goes on."""


class Child:
    """A process for jobs in one framework, with pinned threads; it ends with this one, whatever it is at."""

    timer: threading.Timer

    def __init__(self, framework: str, threads: int):
        self.framework, self.threads = framework, threads
        self.errors = tempfile.TemporaryFile(buffering=0)
        self.process = subprocess.Popen(
            [sys.executable, "-m", "common.job"], env=child_environment(threads), encoding="utf-8",
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.errors,
        )  # fmt: skip
        self.jobs, self.answers = cast(IO[str], self.process.stdin), cast(IO[str], self.process.stdout)

    def answer(self, job: str) -> Answer:
        """What comes of a job, a line of JSON, also where the child dies of it."""
        self.errors.seek(0)  # for the child too, which has the same offset: the file holds this job's lines alone
        self.errors.truncate()
        with contextlib.suppress(BrokenPipeError):
            print(job, file=self.jobs, flush=True)
        line = self.answers.readline()
        return Answer(**json.loads(line)) if line else Answer(self.reason_of_death(), sound=False)

    def reason_of_death(self) -> str:
        """The last line that the child wrote on stderr, unless it was killed."""
        status = self.process.wait()
        self.errors.seek(0)
        lines = self.errors.read().decode(errors="replace").strip().splitlines() if status > 0 else []
        return "".join(lines[-1:]) or f"ended with status {status}"

    def end(self) -> None:
        """Kill it: without a job it has nothing to lose."""
        self.process.kill()
        self.process.wait()
        with contextlib.suppress(BrokenPipeError):
            self.jobs.close()
        self.answers.close()
        self.errors.close()


class Children:
    """The children of this process that have no job; one that has belongs to the worker that gave it alone."""

    def __init__(self) -> None:
        self.idle: list[Child] = []
        self.lock = threading.Lock()

    def carry_out(self, framework: str, threads: int, job: str) -> Answer:
        """Have a child carry out a job, and what comes of it."""
        child = self.take(framework, threads) or Child(framework, threads)
        answer = child.answer(job)
        if answer.sound:
            self.keep(child)
        else:
            child.end()
        return answer

    def take(self, framework: str, threads: int) -> Child | None:
        """A child that fits and is alive, where there is one."""
        with self.lock:
            for child in [child for child in self.idle if (child.framework, child.threads) == (framework, threads)]:
                self.idle.remove(child)
                child.timer.cancel()
                if child.process.poll() is None:
                    return child
                child.end()
        return None

    def keep(self, child: Child) -> None:
        """Let it wait for a job, for a while."""
        child.timer = threading.Timer(IDLE_SECONDS, self.end, [[child]])
        child.timer.daemon = True
        with self.lock:
            self.idle.append(child)
            child.timer.start()

    def end(self, children: Sequence[Child] = ()) -> None:
        """End these children if they have no job, or all that have none."""
        with self.lock:
            for child in [child for child in self.idle if child in children or not children]:
                self.idle.remove(child)
                child.timer.cancel()
                child.end()


CHILDREN = Children()


def end_children() -> None:
    """End all of this process that have no job."""
    CHILDREN.end()


def carry_out_together(processes: int, threads: int, job: str) -> Answer:
    """Have so many processes of torchrun carry out a job, a line of JSON; they end with this one, whose pipe they hold.

    Whichever does not come to its end says so.
    """
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", str(processes)]
    with subprocess.Popen(
        [*command, "-m", "common.job", job], env=child_environment(threads), text=True,
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
    ) as launched:  # fmt: skip
        said = cast(IO[str], launched.stdout).read().splitlines()
    if said:
        return Answer(**json.loads(said[0]))
    return Answer(f"ended with status {launched.returncode}" if launched.returncode else "", sound=True)


def child_environment(threads: int) -> dict[str, str]:
    """This process's environment with pinned threads and our settings of malloc in place of those of dask's nannies."""
    return os.environ | MEMORY | thread_environment(threads)
