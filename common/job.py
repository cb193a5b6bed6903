"""Runs trained as one program, or one run, in a process of its own, as sweeps start it: a task in JSON on stdin."""

import json
import sys

from common.analysis.readout import decode_run
from common.runs.config import from_dict
from common.runs.sweep import decode, die_with
from common.runs.training import train_stacked


def main() -> None:
    task = json.load(sys.stdin)
    die_with(task["parent"])
    configs, options = [from_dict(fields) for fields in task["configs"]], decode(task["options"])
    train_stacked(configs, options, task["force"])
    if task["decode"]:
        for config in configs:
            decode_run(config, options, force=task["force"])


if __name__ == "__main__":
    main()
