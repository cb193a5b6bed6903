"""The wing's studies, in the order of the published page, and its published numbers."""

from common.papers.decoding import dynamics, probes, raw_inputs, representation, subspaces, transfer, untrained
from common.papers.decoding.published import numbers
from common.papers.decoding.targets import TARGETS

__all__ = ["COMPUTED", "STUDIES", "TARGETS", "numbers"]

STUDIES = (
    subspaces.STUDY,
    probes.COMPONENTS_STUDY,
    probes.BASELINES_STUDY,
    untrained.STUDY,
    dynamics.STUDY,
    transfer.EDITING_STUDY,
    transfer.RELABELLING_STUDY,
    representation.STATISTICS_STUDY,
    representation.SIMILARITY_STUDY,
)
"""In the order of the published page."""
COMPUTED = (raw_inputs.STUDY,)
