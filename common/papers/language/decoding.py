"""What the layers of networks that read still know when labels were corrupted, with controls, and over training."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from common.analysis.readout import decode_controls
from common.papers.language.corruption import Fractions
from common.papers.language.recipes import BASE, SMOKE
from common.papers.language.targets import TARGETS
from common.report import peaks, profiles, readouts
from common.report.claims import Finding
from common.report.readouts import Comparison, unpublished
from common.report.runs import Runs
from common.report.tables import Table
from common.runs.config import Config
from common.study import Call, Study, with_progress

if TYPE_CHECKING:
    from matplotlib.figure import Figure

TITLE = "What layers know of texts"
EPOCHS = (0, 1, 2, 4, 6, 8, 10, 14, 20, 30, 45, 60, 75, 90, 105)
"""Those that are kept, with the last: the longest training, of a bag of words, is 120."""
CHOSEN = readouts.in_chosen_layer
TRUE = partial(CHOSEN, fitted_on="true_labels")
LOOKED_UP, STATE = (partial(readouts.in_layer, layer=layer) for layer in ("embedding", "lstm"))
COMPARISONS = (
    Comparison("above-model", CHOSEN, readouts.own),
    Comparison("true-labels", TRUE, CHOSEN),
    Comparison("random-true-labels", TRUE, CHOSEN, lambda setting: setting.fraction == 1),
    Comparison("above-input", CHOSEN, readouts.in_input),
    Comparison("input", readouts.in_input, readouts.own, readouts.highly),
    Comparison("above-untrained", CHOSEN, partial(CHOSEN, epoch=0)),
    Comparison("first-layer", LOOKED_UP, STATE, readouts.of("lstm")),
    *peaks.comparisons(EPOCHS),
)


@dataclass(frozen=True)
class Decoded(Fractions):
    """A run for each combination of these values."""

    fractions: tuple[float, ...] = (0.0, 0.4, 0.8, 1.0)
    """Corrupted fractions of the labels."""


def read(configs: Sequence[Config], call: Call) -> None:
    """Every network at the epochs that are kept, and those trained on true labels with subspaces of corrupted ones."""
    for config in with_progress(configs, call.options):
        decode_controls(config, configs, call.options, "uniform", EPOCHS, call.force)


def report(runs: Runs, call: Call) -> dict[str, Table | Figure]:
    """Layer by layer and over training, a figure each for a model, and all as numbers."""
    runs = readouts.read_out(runs)
    models = runs.by("model")
    return {
        **{f"layers_{model}": profiles.layer_profiles(group, f"{TITLE}: {model}") for model, group in models.items()},
        **{f"training_{model}": peaks.curves(group, f"{TITLE}: {model}") for model, group in models.items()},
        "layers": unpublished(readouts.layer_table(runs, (), TITLE)),
        "early_stopping": unpublished(peaks.early_stopping_table(runs, (), TITLE, EPOCHS)),
        "clean_networks": unpublished(readouts.clean_table(runs, "Networks trained on true labels")),
    }


def findings(runs: Runs, call: Call) -> list[Finding]:
    """Layers against network, input and controls, and how both peak and fall."""
    runs = readouts.read_out(runs)
    return [*readouts.compare(runs, COMPARISONS, TARGETS), *readouts.clean_findings(runs, TARGETS)]


STUDY = Study(
    "language_decoding",
    Decoded(),
    BASE,
    report,
    EPOCHS,
    read,
    smoke={**SMOKE, "models": ("lstm",), "fractions": (0.0, 0.8)},
    findings=findings,
)
