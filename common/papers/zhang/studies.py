"""The wing's studies, in the order of the published page, and its published numbers."""

from common.papers.zhang import (
    attributions,
    batch_norm,
    corruption,
    expressivity,
    filters,
    gradient_descent,
    imagenet,
    interpolation,
    kernels,
    randomization,
    tables,
)
from common.papers.zhang.targets import TARGETS
from common.report.claims import Finding
from common.report.runs import Runs

__all__ = ["COMPUTED", "QUESTIONS", "STUDIES", "TARGETS", "numbers"]

STUDIES = (
    *(randomization.STUDY, corruption.SLOWDOWN, corruption.ERROR_GROWTH, batch_norm.STUDY),
    *(*tables.BY_MODEL, tables.TABLE_4, filters.STUDY),
    *imagenet.STUDIES,
)
QUESTIONS = (attributions.STUDY,)
"""Studies of ours beside the paper's, on other data."""
COMPUTED = (expressivity.STUDY, kernels.STUDY, gradient_descent.STUDY, interpolation.STUDY)


def numbers(runs: Runs) -> list[Finding]:
    """Every number of the paper beside the full-size runs that may decide on it; those that no run measures, too."""
    return [found for part in (tables, randomization, corruption, batch_norm, imagenet) for found in part.numbers(runs)]
