"""What becomes of the statements of Ketha & Ramaswamy, those that speak against them included, on decoded runs.

Each is judged for each seed, on runs of any size, which is stated: confirmed where it holds in all of them.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from common.data.datasets import DATASETS
from common.groups import grouped
from common.report.claims import Finding, estimate, judge_seeds, load_targets
from common.report.decoding import (
    CHOICES,
    Decoded,
    Readouts,
    Setting,
    accuracy,
    best_pair,
    by_setting,
    chosen,
    in_last_layer,
    own,
    relabelled,
)
from common.report.tables import Line, Number, Record, cell, finding

HIGH = 0.8  # corruption at which the statements about high corruption are tested
SIMPLE = ("nearest_class_mean", "qda")
FEWER = ("masc_0.25", "masc_0.50", "masc_0.75", "masc_1pc")
FAR = 0.1
TEN = 10  # classes, of which chance is the published 10 %
Values = Sequence[float | None]  # of each seed
Points = Mapping[float, float | None]  # value by corruption
History = Sequence[Line]


def masc_findings(runs: Sequence[Decoded]) -> list[Finding]:
    """Subspaces against the memorizing network, in the layer chosen on held-out examples and in the papers' choice."""
    found: list[Finding] = []
    for setting, group in by_setting(runs).items():
        if 0 < setting.fraction < 1:
            for choice in CHOICES:
                subject = f"{described(setting)}, layer chosen on {choice}"
                lead = [_less(chosen(run.lines(), choice), own(run)) for run in group]
                found.append(_judged("decoding-above-model", subject, group, lead))
                true = [_less(chosen(run.lines(), choice, fitted_on="true_labels"), chosen(run.lines(), choice))
                        for run in group]  # fmt: skip
                found.append(_judged("decoding-true-labels", subject, group, true, ends=True))
        if setting.fraction == 1 and DATASETS[setting.dataset].num_classes == TEN:
            found.append(_chance(setting, group))
        if setting.fraction == HIGH:
            lead = [_less(chosen(run.lines(0), "test data"), chosen(run.lines(), "test data")) for run in group]
            found.append(_judged("decoding-untrained", f"{described(setting)}, layer chosen on test data", group, lead))
    return [*found, *_over_fractions(runs)]


def threshold_findings(runs: Sequence[Decoded]) -> list[Finding]:
    """Fewer components than those of 99 % of the variance, threshold and layer chosen on held-out examples."""
    return [
        _judged("decoding-components", described(setting), group,
                [_less(best_of(run, FEWER), chosen(run.lines())) for run in group])
        for setting, group in by_setting(runs).items() if setting.fraction == HIGH
    ]  # fmt: skip


def probe_findings(runs: Sequence[Decoded]) -> list[Finding]:
    """Other probes against subspaces, layers chosen on held-out examples; logistic regression in the last layer."""
    found: list[Finding] = []
    for setting, group in by_setting(runs).items():
        if setting.fraction == HIGH:
            simple = [_less(best_of(run, SIMPLE), chosen(run.lines())) for run in group]
            found.append(_judged("decoding-simple-probes", described(setting), group, simple, ends=True))
            lead = [_less(in_last_layer(run, "masc"), in_last_layer(run, "logistic_regression")) for run in group]
            found.append(_judged("decoding-logistic-regression", described(setting), group, lead, FAR))
    return found


def dynamics_findings(runs: Sequence[Decoded]) -> list[Finding]:
    """Early stopping against the subspaces of the end, and how network and subspaces peak and fall."""
    found: list[Finding] = []
    for setting, group in by_setting(runs).items():
        if 0 < setting.fraction < 1:
            stopped = [_less(run.at_best_validation()["test_accuracy"], chosen(run.lines())) for run in group]
            found.append(_judged("decoding-early-stopping", described(setting), group, stopped))
            found.append(_early_peak(setting, group))
    return found


def velpic_findings(runs: Sequence[Decoded]) -> list[Finding]:
    """VeLPIC against subspaces, and as the network's output layer against the one that was trained."""
    found: list[Finding] = []
    for setting, group in by_setting(runs).items():
        if 0 < setting.fraction < 1:
            lead = [_less(chosen(run.lines(), probe="velpic"), chosen(run.lines())) for run in group]
            found.append(_judged("decoding-velpic-lead", described(setting), group, lead))
            gain = [_less(in_last_layer(run, "velpic"), own(run)) for run in group]
            found.append(_judged("decoding-transfer", described(setting), group, gain))
    return found


def edited_findings(pairs: Sequence[tuple[Decoded, History]]) -> list[Finding]:
    """Networks trained on after their output layer was edited against the unedited, over the epochs of both."""
    found: list[Finding] = []
    histories = {run.record["run_id"]: history for run, history in pairs}
    for setting, group in by_setting(run for run, _ in pairs).items():
        lags = [_lag(run.history, histories[run.record["run_id"]]) for run in group]
        found.append(_judged("decoding-edited-training", described(setting), group, lags))
    return found


def relabelling_findings(pairs: Sequence[tuple[Decoded, Record]], store: Readouts) -> list[Finding]:
    """Networks trained on with the labels of their subspaces, stopped early, against themselves."""
    found: list[Finding] = []
    records = {run.record["run_id"]: record for run, record in pairs}
    for setting, group in by_setting(run for run, _ in pairs).items():
        values = [relabelled(run, records[run.record["run_id"]], store) for run in group]
        gains = [value["trained on, early stopping"] - value["network"] for value in values]
        found.append(_judged("decoding-relabelling", described(setting), group, gains))
    return found


def _lag(unedited: History, edited: History) -> float | None:
    """How much lower the training accuracy of the edited network is, on average over the epochs that both trained."""
    accuracies = {line["epoch"]: line["train_accuracy"] for line in unedited}
    common = [line for line in edited[1:] if line["epoch"] in accuracies]
    return estimate([_less(accuracies[line["epoch"]], line["train_accuracy"]) for line in common]).mean


def described(setting: Setting) -> str:
    return f"{setting.model}, {setting.dataset.replace('_', ' ')}, {100 * setting.fraction:g} %"


def best_of(run: Decoded, probes: Iterable[str]) -> float | None:
    """Test accuracy of the probe and hidden layer that are best on held-out examples."""
    probe, layer = best_pair(run.lines(), probes)
    return accuracy(run.lines(), layer, probe)


def _less(first: float | None, second: float | None) -> float | None:
    return None if first is None or second is None else first - second


def _judged(
    name: str,
    subject: str,
    runs: Sequence[Decoded],
    leads: Values,
    least: float = 0,
    ends: bool = False,
) -> Finding:
    """Whether a lead is above `least`, or with `ends` at least that, in each seed."""
    found = estimate(leads)
    numbers = f"{cell(Number(found.mean, 'fraction', found.low, found.high))} points" if found.n else None
    holds = [None if lead is None else lead > least or (ends and lead == least) for lead in leads]
    return _finding(name, subject, runs, numbers, *judge_seeds(holds))


def _finding(name: str, subject: str, runs: Sequence[Decoded], *measured: Any) -> Finding:
    target = _target(name)
    cited = {**target, "source": f"{target['paper']}: {target['source']}"}
    return finding(cited, subject, [run.record for run in runs], *measured)


def _target(name: str) -> dict[str, Any]:
    return next(target for target in load_targets("decoding_claims") if target["id"] == name)


def _chance(setting: Setting, group: Sequence[Decoded]) -> Finding:
    low, high = _target("decoding-chance")["band"]
    values = [chosen(run.lines()) for run in group]
    found = estimate(values)
    holds = [None if value is None else low <= value <= high for value in values]
    numbers = f"{cell(Number(found.mean, 'fraction', found.low, found.high))} %" if found.n else None
    return _finding("decoding-chance", described(setting), group, numbers, *judge_seeds(holds))


def _over_fractions(runs: Sequence[Decoded]) -> list[Finding]:
    """What grows with corruption: the lead over the network, and the size of the last layer's subspaces."""
    found: list[Finding] = []
    for setting, group in grouped(runs, lambda run: run.setting._replace(fraction=-1)).items():
        subject = f"{setting.model}, {setting.dataset.replace('_', ' ')}"
        between = [run for run in group if 0 < run.setting.fraction < 1]
        gaps = _by_seed(between, lambda run: _less(chosen(run.lines()), own(run)))
        found.append(_growing("decoding-gap-grows", subject, between, gaps, 100, "points"))
        memorizing = [run for run in group if run.setting.fraction in (0, HIGH)]
        sizes = _by_seed(memorizing, lambda run: in_last_layer(run, "masc", "components"))
        found.append(_growing("decoding-size", subject, memorizing, sizes, 1, "components"))
    return [each for each in found if each.n]


def _by_seed(runs: Iterable[Decoded], value: Callable[[Decoded], float | None]) -> list[Points]:
    """{corruption: value} of each seed."""
    seeds: dict[int, dict[float, float | None]] = {}
    for run in runs:
        seeds.setdefault(run.config["seed"], {})[run.setting.fraction] = value(run)
    return [dict(sorted(points.items())) for _, points in sorted(seeds.items())]


def _growing(
    name: str,
    subject: str,
    runs: Sequence[Decoded],
    seeds: Sequence[Points],
    scale: float,
    unit: str,
) -> Finding:
    """Whether a value is larger at each step of corruption, in each seed that has two steps or more."""
    seeds = [points for points in seeds if len(points) > 1]
    holds = [None if None in points.values() else _rising([*points.values()]) for points in seeds]
    fractions = sorted({fraction for points in seeds for fraction in points})
    means = {x: estimate([points.get(x) for points in seeds]).mean for x in fractions}
    texts = [f"{scale * mean:.1f} at {100 * x:g} %" for x, mean in means.items() if mean is not None]
    return _finding(name, subject, runs, f"{unit}: {', '.join(texts)}", *judge_seeds(holds))


def _rising(values: Sequence[float | None]) -> bool:
    measured = [value for value in values if value is not None]
    return all(low < high for low, high in zip(measured, measured[1:], strict=False))


def _early_peak(setting: Setting, group: Sequence[Decoded]) -> Finding:
    """Both peak before the end, and the subspaces of the layer chosen at the end fall by less than the network."""
    peaks = [_peaks(run) for run in group]
    holds = [None if peak is None else peak[0] and peak[1] > peak[2] for peak in peaks]
    falls = [Number(estimate([None if peak is None else peak[i] for peak in peaks]).mean) for i in (1, 2)]
    numbers = f"network falls by {cell(falls[0])} points, subspaces by {cell(falls[1])}" if any(peaks) else None
    return _finding("decoding-early-peak", described(setting), group, numbers, *judge_seeds(holds))


def _peaks(run: Decoded) -> tuple[bool, float, float] | None:
    """Whether both peak before the end, and how far each falls from its peak to the end.

    Null where an epoch was not measured, or none between the untrained network and the end.
    """
    layer = CHOICES["held-out examples"](run.lines())
    network = [run.history[epoch]["test_accuracy"] for epoch in run.epochs]
    found = [accuracy(run.lines(epoch), layer) for epoch in run.epochs]
    subspaces = [value for value in found if value is not None]
    if len(subspaces) < max(3, len(found)):
        return None
    before = all(values.index(max(values)) < len(values) - 1 for values in (network, subspaces))
    return before, max(network) - network[-1], max(subspaces) - subspaces[-1]
