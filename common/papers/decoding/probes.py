"""Other probes on the layers of the same networks: fewer components of the subspaces, other kinds of classifiers."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING

from common.analysis.readout import decode_run
from common.papers.decoding import readouts
from common.papers.decoding.recipes import BASE, KEPT, SMOKE, Corrupted
from common.papers.decoding.targets import TARGETS
from common.report.claims import Finding
from common.report.layers import best_pair
from common.report.runs import Run, Runs
from common.report.tables import Table, claims_table
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
FAR = 0.1


def probe_study(
    name: str, title: str, probes: Mapping[str, str], findings: Callable[[Runs], list[Finding]], targets: str
) -> Study:
    """A study of probes, {name: label}, on every network at its end: over corruption, and layer by layer."""

    def read(configs: Sequence[Config], call: Call) -> None:
        for config in with_progress(configs):
            decode_run(config, call.options, tuple(probes), force=call.force)

    def report(runs: Runs, call: Call) -> dict[str, Table | Figure]:
        runs = readouts.read_out(runs)
        measures = {label: partial(readouts.in_chosen_layer, probe=probe) for probe, label in probes.items()}
        return {
            "probes": readouts.over_fractions(measures, runs, title),
            "claims": claims_table(findings(runs), title),
            "layers": readouts.layer_table(runs, TARGETS.of(targets), title, tuple(probes)),
        }

    return Study(name, Corrupted(), BASE, report, KEPT, read, smoke=SMOKE)


def in_best_pair(run: Run, probes: Iterable[str]) -> float | None:
    """Test accuracy of the probe and hidden layer that are best on held-out examples."""
    probe, layer = best_pair(readouts.lines_of(run), probes)
    return readouts.in_layer(run, layer, probe=probe)


def at_high_corruption(runs: Runs) -> Iterable[Runs]:
    """Runs of each such setting."""
    return readouts.by_setting(runs.where(corruption_fraction=readouts.HIGH)).values()


def component_findings(runs: Runs) -> list[Finding]:
    """Fewer components than those of 99 % of the variance, threshold and layer chosen on held-out examples."""
    fewer, subspaces = partial(in_best_pair, probes=FEWER), readouts.in_chosen_layer
    return [readouts.compare("decoding-components", group, fewer, subspaces) for group in at_high_corruption(runs)]


def baseline_findings(runs: Runs) -> list[Finding]:
    """Other probes against subspaces, layers chosen on held-out examples; logistic regression in the last layer."""
    simple, last = partial(in_best_pair, probes=SIMPLE), readouts.in_last_layer
    logistic = partial(last, probe="logistic_regression")
    tested: list[Finding] = []
    for group in at_high_corruption(runs):
        tested.append(readouts.compare("decoding-simple-probes", group, simple, readouts.in_chosen_layer, ends=True))
        tested.append(readouts.compare("decoding-logistic-regression", group, last, logistic, least=FAR))
    return tested


COMPONENTS_STUDY = probe_study(
    "masc_variance_threshold", "Components of class subspaces", COMPONENTS, component_findings, "thresholds"
)
BASELINES_STUDY = probe_study("probe_baselines", "Subspaces and other probes", BASELINES, baseline_findings, "probes")
