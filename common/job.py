"""One run as a process of its own, as sweeps start it: the task is read from standard input as JSON."""

import json
import sys

from common.analysis.readout import decode_run
from common.runs.config import from_dict
from common.runs.sweep import decode, die_with
from common.runs.training import train


def main() -> None:
    task = json.load(sys.stdin)
    die_with(task["parent"])
    config, options = from_dict(task["config"]), decode(task["options"])
    train(config, options)
    if options.decode:
        decode_run(config, options)


if __name__ == "__main__":
    main()
