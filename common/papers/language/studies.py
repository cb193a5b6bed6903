"""The wing's studies, in the order of the published page, and its published numbers."""

from common.papers.language import corruption, decoding, learning_curves, regularization, texts
from common.papers.language.published import numbers
from common.papers.language.targets import TARGETS

__all__ = ["STUDIES", "TARGETS", "numbers"]

STUDIES = (learning_curves.STUDY, corruption.STUDY, regularization.STUDY, decoding.STUDY, texts.STUDY)
