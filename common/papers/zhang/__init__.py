"""Zhang et al. (2017), "Understanding Deep Learning Requires Rethinking Generalization"."""

from common.papers.zhang import (
    attributions,
    batch_norm,
    corruption,
    expressivity,
    filters,
    gradient_descent,
    interpolation,
    kernels,
    randomization,
)
from common.report.claims import Finding
from common.report.runs import Runs

STUDIES = (randomization.STUDY, corruption.SLOWDOWN, corruption.ERROR_GROWTH, batch_norm.STUDY, filters.STUDY)
QUESTIONS = (attributions.STUDY,)
"""Studies of ours beside the paper's, on other data."""
COMPUTED = (expressivity.STUDY, kernels.STUDY, gradient_descent.STUDY, interpolation.STUDY)
ARCHITECTURES = ("inception", "alexnet", "mlp1", "mlp3")


def statements(runs: Runs) -> list[Finding]:
    """Every statement on every set of the paper's runs that tests it; one that none tests is not measured."""
    own = runs.where(lambda run: run.config.model in ARCHITECTURES, dataset="cifar10")
    return [
        *randomization.findings(own),
        *corruption.slowdown_findings(own),
        *corruption.error_findings(own),
        *batch_norm.batch_norm_findings(own),
        *batch_norm.early_stopping_findings(own),
    ]
