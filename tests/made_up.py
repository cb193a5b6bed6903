"""Runs that never were, as readers see them."""

from common.report.runs import Run
from common.runs.config import Config, as_dict

MEASURED = {
    "train_accuracy": 1.0,
    "test_accuracy": 0.86,
    "test_accuracy_corrupted_labels": 0.86,
    "validation_accuracy": None,
    "best_test_accuracy": 0.865,
    "epochs_to_fit": None,
    "stop_reason": "epochs",
    "epochs": 60,
}


def seed_lines(axes):
    """The thin lines of seeds."""
    return [line for line in axes.lines if line.get_label() == "_seed"]


def mean_lines(axes):
    """All the others."""
    return [line for line in axes.lines if line.get_label() != "_seed"]


class Files:
    """What lies beside a record: lines by file, and arrays."""

    def __init__(self, lines=None, arrays=None):
        self.kept, self.values = lines or {}, arrays or {}

    def lines(self, name, file):
        return list(self.kept.get(file, []))

    def arrays(self, name):
        return self.values


def a_run(history=(), outcome=None, lines=None, arrays=None, train_n=50_000, **changes):
    """A run of a config with these changes; `lines` by file, `readout.jsonl` say."""
    config = as_dict(Config(**{"framework": "torch", **changes}))
    record = {
        "run_id": repr((sorted(config.items(), key=str), train_n)),
        "config": config,
        "code": {"commit": "0123456789abcdef", "dirty": False},
        "environment": {"device": "cpu", "processor": "Processor", "threads": 1},
        "data": {"test_n": 10_000, "train_n": train_n, "validation_n": 1000},
        "outcome": {**MEASURED, **(outcome or {})},
        "model": {"sha256": "", "parameters": 1},
        "time": {"train_seconds": 2.0, "evaluate_seconds": 1.0},
    }
    return Run(record, Files({"history.jsonl": history, **(lines or {})}, arrays))


def one_of(monkeypatch, rank, count):
    """This process is one of torchrun's."""
    known = {"TORCHELASTIC_RUN_ID": "none", "WORLD_SIZE": count, "RANK": rank, "LOCAL_RANK": rank}
    for name, value in {**known, "LOCAL_WORLD_SIZE": count}.items():
        monkeypatch.setenv(name, str(value))
