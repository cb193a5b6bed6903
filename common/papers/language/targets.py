"""What other wings' papers say of images, stated for text before anything was run, and published accuracies."""

from pathlib import Path

from common.report.claims import Targets

TARGETS = Targets(Path(__file__).parent / "targets")
