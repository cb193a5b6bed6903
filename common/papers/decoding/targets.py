"""What the paper publishes: numbers, curves and statements, from the JSON files beside this."""

from pathlib import Path

from common.report.claims import Targets

TARGETS = Targets(Path(__file__).parent / "targets")
