"""Records and histories of runs that never were."""

from common.runs.config import Config, as_dict


def a_run(history=(), outcome=None, train_n=50_000, **changes):
    """A record under a run id of its own, and its history."""
    rate = {"learning_rate": 0.1} if changes.get("model", "inception") == "inception" else {}
    config = {**as_dict(Config()), "model": "inception", "framework": "torch", **rate, **changes}
    measured = {"train_accuracy": 1.0, "test_accuracy": 0.86, "test_accuracy_corrupted_labels": 0.86}
    measured |= {"best_test_accuracy": 0.865, "epochs_to_fit": None, "stop_reason": "epochs"}
    record = {
        "run_id": repr((sorted(config.items(), key=str), train_n)),
        "config": config,
        "code": {"commit": "0123456789abcdef", "dirty": False},
        "environment": {"device": "cpu", "processor": "Processor", "threads": 1},
        "data": {"test_n": 10_000, "train_n": train_n, "validation_n": 1000},
        "outcome": {**measured, **(outcome or {})},
    }
    return record, list(history)


def collected(pairs):
    """Records, and histories by run id."""
    return [record for record, _ in pairs], {record["run_id"]: history for record, history in pairs}


def corruption_of(setting):
    rule = {"true_labels": "none", "random_labels": "uniform"}.get(setting, setting)
    return {"corruption": rule, "corruption_fraction": float(rule != "none")}
