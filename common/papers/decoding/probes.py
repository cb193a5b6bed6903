"""Other probes on the layers of the same networks: fewer components of the subspaces, other kinds of classifiers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING

from common.analysis.readout import decode_run
from common.papers.decoding.recipes import BASE, KEPT, SMOKE, Corrupted
from common.papers.decoding.targets import TARGETS
from common.report import profiles, readouts
from common.report.claims import Finding
from common.report.runs import Run, Runs
from common.report.tables import Table
from common.runs.config import Config
from common.study import Call, Study, with_progress

if TYPE_CHECKING:
    from matplotlib.figure import Figure

COMPONENTS = {
    "masc_1pc": "one component",
    "masc_0.25": "25 % of the variance",
    "masc_0.50": "50 %",
    "masc_0.75": "75 %",
    "masc": "99 %",
}
BASELINES = {
    "masc": "subspaces (MASC, 99 %)",
    "velpic": "VeLPIC",
    "logistic_regression": "logistic regression",
    "nearest_class_mean": "nearest class mean",
    "k_nearest_neighbours": "5 nearest neighbours",
    "lda": "linear discriminant analysis",
    "qda": "quadratic discriminant analysis",
}
FEWER = tuple(probe for probe in COMPONENTS if probe != "masc")
SIMPLE = ("nearest_class_mean", "qda")


def fewer(run: Run) -> float | None:
    """Test accuracy of subspaces of fewer components, number and layer chosen on held-out examples."""
    return readouts.in_best_pair(run, FEWER)


def simple(run: Run) -> float | None:
    """Likewise of nearest class mean or quadratic discriminant analysis."""
    return readouts.in_best_pair(run, SIMPLE)


FEWER_COMPONENTS = (
    readouts.Comparison("components", fewer, readouts.in_chosen_layer, readouts.highly),
    readouts.Comparison(
        "above-input", fewer, partial(readouts.in_input, probes=FEWER), readouts.highly, "fewer components"
    ),
)
OTHER_PROBES = (
    readouts.Comparison("simple-probes", simple, readouts.in_chosen_layer, readouts.highly),
    readouts.Comparison(
        "above-input", simple, partial(readouts.in_input, probes=SIMPLE), readouts.highly, "class means or QDA"
    ),
    readouts.Comparison(
        "logistic-regression",
        readouts.in_last_layer,
        partial(readouts.in_last_layer, probe="logistic_regression"),
        readouts.of("mlp4", datasets=("mnist",), least=readouts.HIGH, most=readouts.HIGH),
    ),
    readouts.Comparison(
        "nearest-neighbours",
        readouts.in_chosen_layer,
        partial(readouts.in_chosen_layer, probe="k_nearest_neighbours"),
        readouts.highly,
    ),
)


def probe_study(
    name: str, title: str, probes: Mapping[str, str], comparisons: Sequence[readouts.Comparison], targets: str
) -> Study:
    """A study of probes, {name: label}, on every network at its end: over corruption, and layer by layer."""

    def read(configs: Sequence[Config], call: Call) -> None:
        for config in with_progress(configs, call.options):
            decode_run(config, call.options, tuple(probes), force=call.force)

    def report(runs: Runs, call: Call) -> dict[str, Table | Figure]:
        runs = readouts.read_out(runs)
        measures = {label: partial(readouts.in_chosen_layer, probe=probe) for probe, label in probes.items()}
        return {
            "probes": profiles.over_fractions(measures, runs, title),
            "layers": readouts.layer_table(runs, TARGETS.of(targets), title, tuple(probes)),
        }

    def findings(runs: Runs, call: Call) -> list[Finding]:
        return readouts.compare(readouts.read_out(runs), comparisons, TARGETS)

    return Study(name, Corrupted(), BASE, report, KEPT, read, smoke=SMOKE, findings=findings)


COMPONENTS_STUDY = probe_study(
    "masc_variance_threshold", "Components of class subspaces", COMPONENTS, FEWER_COMPONENTS, "thresholds"
)
BASELINES_STUDY = probe_study("probe_baselines", "Subspaces and other probes", BASELINES, OTHER_PROBES, "probes")
