"""Runs of Arpit et al.'s experiments that never were, with what would lie beside them."""

from common.report.runs import Run, Runs
from common.runs.config import Config, Options, as_dict
from common.study import Call, Seeds


class Beside:
    """What a store would hold of one run."""

    def __init__(self, arrays, files):
        self.per_example, self.files = arrays, files

    def arrays(self, name):
        return self.per_example

    def kept_arrays(self, name, file):
        return self.files.get(file, {})

    def lines(self, name, file):
        return self.files.get(file, [])


def a_run(history=(), outcome=None, train_n=50_000, arrays=None, files=None, validation_n=1000, **changes):
    """A PyTorch run under an id of its own, with its history, arrays and other files by name."""
    config = as_dict(Config(**{"framework": "torch", "model": "mlp2", **changes}))
    measured = {"train_accuracy": 1.0, "test_accuracy": 0.86, "best_test_accuracy": 0.865, "epochs": len(history)}
    measured["stop_reason"] = "epochs"
    record = {
        "run_id": repr((sorted(config.items(), key=str), train_n)),
        "config": config,
        "code": {"commit": "0123456789abcdef", "dirty": False},
        "environment": {"device": "cpu", "processor": "Processor", "threads": 1},
        "data": {"test_n": 10_000, "train_n": train_n, "validation_n": validation_n},
        "outcome": {**measured, **(outcome or {})},
    }
    return Run(record, Beside(arrays or {}, {"history.jsonl": list(history), **(files or {})}))


def fitting(width, fraction, validation, epochs=10, rule="gaussian", train_n=5000, final=None, last=True, **changes):
    """A network that is at 99 % one epoch before it is at 100 %, its `last`, and best at the second epoch."""
    lines = [{"epoch": 0, "train_accuracy": 0.1, "validation_accuracy": 0.1}]
    for epoch in range(1, epochs + 1):
        train = 1.0 if epoch == epochs else 0.99 if epoch == epochs - 1 else 0.9
        lines.append({"epoch": epoch, "train_accuracy": train, "validation_accuracy": validation - 0.01})
    lines[2]["validation_accuracy"] = validation + 0.02
    end = validation if final is None else final
    outcome = {"validation_accuracy": end, "test_accuracy": end, "train_accuracy": 1.0}
    fields = {"dataset": "mnist", "corruption": rule if fraction else "none", "corruption_fraction": fraction}
    return a_run(lines if last else lines[:-1], outcome, train_n, width=width, **{**fields, **changes})


def found(findings, name, of=""):
    """The one finding of a statement, on a subject that these words are in."""
    (one,) = [finding for finding in findings if finding.statement.id == name and of in finding.subject]
    return one


def effect(findings, name, of=""):
    """The mean of its effect, null where there was nothing to measure."""
    return found(findings, name, of).effect.mean


def corruption_of(setting):
    rule = {"true_labels": "none", "random_labels": "uniform"}.get(setting, setting)
    return {"corruption": rule, "corruption_fraction": float(rule != "none")}


def verdicts(findings):
    return [finding.verdict for finding in findings]


SMALL = Call("small", Seeds(), Options())
__all__ = ["SMALL", "Runs", "a_run", "corruption_of", "effect", "fitting", "found", "verdicts"]
