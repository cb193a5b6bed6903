"""Network and layers over training on corrupted labels, against early stopping on held-out examples."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING

from common.analysis.readout import decode_run
from common.papers.decoding.recipes import BASE, SMOKE, Corrupted
from common.papers.decoding.targets import TARGETS
from common.report import peaks, readouts
from common.report.claims import Finding
from common.report.runs import Runs
from common.report.tables import Table
from common.runs.config import Config
from common.study import Call, Study, with_progress

if TYPE_CHECKING:
    from matplotlib.figure import Figure

TITLE = "Network and layers over training"
EPOCHS = (0, 1, *range(2, 20, 2), *range(20, 501, 5))


def read(configs: Sequence[Config], call: Call) -> None:
    """Every network at every epoch that is kept."""
    for config in with_progress(configs, call.options):
        decode_run(config, call.options, epochs=EPOCHS, force=call.force)


def report(runs: Runs, call: Call) -> dict[str, Table | Figure]:
    """Curves, a heat map of each setting's first seed, and the table."""
    runs = readouts.read_out(runs)
    followed = runs.where(partial(readouts.followed, epochs=EPOCHS))  # other studies read out both ends
    groups = readouts.by_setting(followed)
    return {
        **({"dynamics": peaks.curves(followed, TITLE)} if followed else {}),
        "early_stopping": peaks.early_stopping_table(followed, TARGETS.of("dynamics"), TITLE, EPOCHS),
        **{
            f"heat_map_{setting.name()}": peaks.layers_over_epochs(group[0], setting.text())
            for setting, group in groups.items()
        },
    }


def findings(runs: Runs, call: Call) -> list[Finding]:
    """Early stopping against the subspaces of the end, and how network and subspaces peak and fall."""
    return readouts.compare(readouts.read_out(runs), COMPARISONS, TARGETS)


STOPPED_ABOVE = readouts.among(  # the others are published less than 2 points above, below, or not at all
    readouts.of("mlp4", least=readouts.HIGH),
    readouts.of("cnn"),
    readouts.of("alexnet_large", datasets=("cifar100",), least=0.6),
    readouts.of("alexnet_large", datasets=("tiny_imagenet",)),
)
COMPARISONS = [
    each._replace(about=STOPPED_ABOVE) if each.statement == "early-stopping" else each
    for each in peaks.comparisons(EPOCHS)
]
GRID = Corrupted(fractions=(0.8,))
STUDY = Study(
    "latent_generalization_dynamics", GRID, BASE, report, EPOCHS, read, smoke={"models": SMOKE["models"]},
    findings=findings,
)  # fmt: skip
