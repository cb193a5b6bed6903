"""A warm child of a sweep: it trains one run, or stack, after another, as `common.runs.children` sends them.

Jobs come as lines of JSON on stdin, answers go as lines of JSON to stdout, where nothing else comes.
As one of several processes of torchrun it carries out the job that is its argument, and the first that fails says why,
or that a time limit has paused it.
"""

import gc
import json
import os
import queue
import sys
import threading
import traceback
from collections.abc import Iterator

import psutil

from common.analysis.readout import decode_run
from common.errors import OutOfTime
from common.runs import processes
from common.runs.children import Answer
from common.runs.config import from_dict
from common.runs.deadline import in_time
from common.runs.sweep import decode
from common.runs.trainers import forget
from common.runs.training import train_stacked

MOST_RUNS = 100
"""Jobs of a child: TensorFlow keeps some megabytes of each, and a start costs each a hundredth of its seconds."""
MOST_BYTES = 2 * 2**30
"""Memory of a child between jobs: twice a framework's. What leaves more behind takes longer than a new start."""


def main() -> None:
    if processes.count() > 1:
        with processes.leaving():
            sys.exit(carry_out_together(sys.argv[1]))
    answers = answers_alone()
    for number, line in enumerate(lines(), 1):
        answer = carry_out(line)
        if number == 1:
            gc.freeze()  # what is imported stays: the garbage of later runs is found ten times as fast
        worn = number >= MOST_RUNS or psutil.Process().memory_info().rss > MOST_BYTES
        give(answers, answer._replace(sound=answer.sound and not worn))


def answers_alone() -> int:
    """Stdout by a number that is not inherited; what libraries print, here or in a process of theirs, goes nowhere."""
    answers, nowhere = os.dup(1), os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    os.close(nowhere)
    return answers


def give(answers: int, answer: Answer) -> None:
    """Write an answer as a line."""
    os.write(answers, json.dumps(answer._asdict()).encode() + b"\n")


def carry_out_together(line: str) -> int:
    """The exit status of a job that these processes do together."""
    answers = answers_alone()
    threading.Thread(target=next, args=[lines()], daemon=True).start()
    answer = carry_out(line)
    if (answer.reason or answer.paused) and processes.speaks():
        give(answers, answer)
    return int(bool(answer.reason))


def lines() -> Iterator[str]:
    """Lines of stdin as they come; its end, since the worker has gone, ends this process in the middle of a run too."""
    found: queue.SimpleQueue[str] = queue.SimpleQueue()

    def read(stdin: int) -> None:
        with open(stdin, encoding="utf-8") as jobs:
            for line in jobs:
                found.put(line)
        os._exit(1)

    threading.Thread(target=read, args=[os.dup(0)], daemon=True).start()
    while True:
        yield found.get()


def carry_out(line: str) -> Answer:
    """Train the runs of a job and read them out; an error leaves no trace but its last line."""
    job = json.loads(line)
    configs, options = [from_dict(fields) for fields in job["configs"]], decode(job["options"])
    reason, paused = "", False
    try:
        train_stacked(configs, options, job["force"])
        if job["decode"] and processes.is_first():
            for config in configs:
                with in_time(options.time_limit, "read-outs"):
                    decode_run(config, options, force=job["force"])
    except OutOfTime:
        paused = True
    except Exception as error:
        reason = "".join(traceback.format_exception_only(error)).strip().splitlines()[-1]
        if not expected(error):
            return Answer(reason, sound=False)
    forget(configs[0].framework)
    return Answer(reason, sound=True, paused=paused)


def expected(error: BaseException | None) -> bool:
    """Whether it is wrong input or a file that failed, in all that led to it: else the process's state is unknown."""
    while isinstance(error, ValueError | OSError):
        error = error.__cause__ or error.__context__
    return error is None


if __name__ == "__main__":
    main()
