"""The parts of a run's record: what came out, on which data, in what environment."""

import os
import platform
import sys

import numpy as np
import psutil

from common.runs import processes
from common.runs.config import Config
from common.runs.store import Record
from common.runs.task import Examples, Task
from common.runs.trainers import Trainer


def outcome(config: Config, history: list[Record], reason: str) -> Record:
    """The last epoch's measures, the best test epoch, and the first epoch that was seen to fit the training set."""
    last = {name: value for name, value in history[-1].items() if "accuracy" in name or "loss" in name}
    best = history[best_epoch(history, "test_accuracy")]
    of_five = [value for line in history if (value := line.get("test_top5_accuracy")) is not None]
    return {
        "epochs": history[-1]["epoch"],
        "stop_reason": reason,
        "epochs_to_fit": next(iter(fitted(config, history)), None),
        "fit_criterion": f"train_accuracy >= {config.fit_accuracy}",
        **last,
        "best_test_accuracy": best["test_accuracy"],
        "best_test_epoch": None if best["test_accuracy"] is None else best["epoch"],
        **({"best_test_top5_accuracy": max(of_five)} if of_five else {}),
    }


def fitted(config: Config, history: list[Record]) -> list[int]:
    """Epochs after which the training set was measured and found fitted."""
    return [line["epoch"] for line in history if (line["train_accuracy"] or 0) >= config.fit_accuracy]


def best_epoch(history: list[Record], name: str) -> int:
    """The first epoch with the highest value of an accuracy."""
    best: int = max(history, key=lambda line: (line[name] or 0, -line["epoch"]))["epoch"]
    return best


def describe(config: Config, task: Task) -> Record:
    """Which data, how many, how much of it corrupted."""
    known: list[Examples] = [task.train] if config.clean_validation else [task.train, task.validation]
    changed = sum(int(examples.corrupted.sum()) for examples in known)
    return {
        "name": config.dataset,
        "sha256": task.sha256,
        "train_n": len(task.train),
        "validation_n": len(task.validation),
        "test_n": len(task.test),
        "repeated_n": task.repeated,
        "corruption_rule": config.corruption,
        "corruption_requested": config.corruption_fraction,
        "corruption_realised": changed / sum(map(len, known)),
        "replacement_may_equal_true_label": config.corruption in ("uniform", "ketha"),
    }


def environment(config: Config, trainer: Trainer) -> Record:
    """Versions, hardware and threads of a training."""
    return {
        **machine(),
        "framework": config.framework,
        "threads": int(os.environ["OMP_NUM_THREADS"]),
        "omp_wait_policy": os.environ["OMP_WAIT_POLICY"],
        "gomp_spincount": os.environ.get("GOMP_SPINCOUNT"),
        "stacked": 1,
        "processes": processes.count(),
        **trainer.description,
    }


def machine() -> Record:
    """Versions and hardware."""
    return {
        "python": platform.python_version(),
        "numpy": np.__version__,
        "platform": platform.platform(),
        "processor": processor(),
    }


def peak_memory() -> int:
    """Most bytes of memory that this process has taken so far."""
    try:
        import resource
    except ImportError:  # Windows
        return int(psutil.Process().memory_info().peak_wset)
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def processor() -> str:
    """The processor's name, where the system tells it."""
    name = processor_line("model name")
    return platform.processor() if name is None else name


def processor_flags() -> set[str]:
    """The instruction sets that the processor has; empty where the system does not tell."""
    return set((processor_line("flags", "Features") or "").split())


def processor_line(*names: str) -> str | None:
    """What the system says first of the processor under one of these names; null where it does not tell."""
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as file:
            return next(line.split(":", 1)[1].strip() for line in file if line.startswith(names))
    except (OSError, StopIteration):
        return None
