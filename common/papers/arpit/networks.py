"""What the figures share: networks and what they were trained on in words, and how good they were at best."""

from common.papers.arpit.recipes import BASE
from common.report.runs import Run

NOISE = {"gaussian": "random inputs", "uniform": "random labels", "none": "real data"}
FITTED = BASE.fit_accuracy  # of the training set


def network(run: Run) -> str:
    """Architecture, its width where it is not the published one, and data set."""
    width = f" of width {run.config.width}" if run.config.width else ""
    return f"{run.config.model}{width}, {run.config.dataset.replace('_', ' ')}"


def noise_of(run: Run) -> str:
    """What is random in the training set, in words."""
    return NOISE.get(run.config.corruption, run.config.corruption.replace("_", " "))


def best_accuracy(run: Run) -> float | None:
    """Best validation accuracy over the epochs."""
    return run.best("validation_accuracy")["validation_accuracy"]
