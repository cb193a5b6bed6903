"""The wing's studies, in the order of the published page, and its published numbers."""

from common.papers.arpit import (
    capacity,
    critical_samples,
    difficulty,
    filters,
    open_choices,
    regularizers,
    replication,
    sensitivity,
    time_to_fit,
)
from common.papers.arpit.replication import numbers
from common.papers.arpit.targets import TARGETS

__all__ = ["STUDIES", "TARGETS", "numbers"]
STUDIES = (
    difficulty.STUDY,
    filters.STUDY,
    sensitivity.STUDY,
    sensitivity.CLASS_STUDY,
    capacity.STUDY,
    time_to_fit.STUDY,
    critical_samples.STUDY,
    regularizers.STUDY,
    replication.STUDY,
    open_choices.STUDY,
)
