"""What becomes of the statements of Ketha & Ramaswamy, those that speak against them included, on decoded runs.

Each is judged for each seed, on runs of any size, which is stated: confirmed where it holds in all of them. One seed
decides only where its interval over test examples does, and a layer that was chosen on test data decides nothing.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

from common.data.datasets import DATASETS
from common.groups import grouped
from common.report.claims import NO_BAND, UNDECIDED, Finding, judge_seeds, load_targets
from common.report.decoding import Decoded, Readouts, Setting, by_setting, in_last_layer, own, relabelled
from common.report.layers import CHOICES, accuracy, best_pair, chosen, last_layer
from common.report.numbers import Number, cell, difference_interval, estimate
from common.report.records import Line, Record, finding

HIGH = 0.8  # corruption at which the statements about high corruption are tested
SIMPLE = ("nearest_class_mean", "qda")
FEWER = ("masc_0.25", "masc_0.50", "masc_0.75", "masc_1pc")
FAR = 0.1
TEN = 10  # classes, of which chance is the published 10 %
FALLING: dict[str, Callable[..., str | None]] = {
    "layer chosen on held-out examples": CHOICES["held-out examples"],
    "last hidden layer": last_layer,
}
Points = Mapping[float, float | None]  # value by corruption
History = Sequence[Line]


class Lead(NamedTuple):
    """How much higher one accuracy is than another and, of test accuracies, the ends of the 95 % interval."""

    value: float
    interval: tuple[float, float] | None = None


def masc_findings(runs: Sequence[Decoded]) -> list[Finding]:
    """Subspaces against the memorizing network, in the layer chosen on held-out examples and in the papers' choice."""
    found: list[Finding] = []
    for setting, group in by_setting(runs).items():
        if 0 < setting.fraction < 1:
            for choice in CHOICES:
                lead = [_lead(run, chosen(run.lines(), choice), own(run)) for run in group]
                found.append(_chosen_on(choice, "decoding-above-model", setting, group, lead))
                true = [
                    _lead(run, chosen(run.lines(), choice, fitted_on="true_labels"), chosen(run.lines(), choice))
                    for run in group
                ]
                found.append(_chosen_on(choice, "decoding-true-labels", setting, group, true, ends=True))
        if setting.fraction == 1 and DATASETS[setting.dataset].num_classes == TEN:
            found.append(_chance(setting, group))
        if setting.fraction == HIGH:
            for choice in CHOICES:
                lead = [_lead(run, chosen(run.lines(0), choice), chosen(run.lines(), choice)) for run in group]
                found.append(_chosen_on(choice, "decoding-untrained", setting, group, lead))
    return [*found, *_over_fractions(runs)]


def threshold_findings(runs: Sequence[Decoded]) -> list[Finding]:
    """Fewer components than those of 99 % of the variance, threshold and layer chosen on held-out examples."""
    return [
        _judged("decoding-components", described(setting), group,
                [_lead(run, best_of(run, FEWER), chosen(run.lines())) for run in group])
        for setting, group in by_setting(runs).items() if setting.fraction == HIGH
    ]  # fmt: skip


def probe_findings(runs: Sequence[Decoded]) -> list[Finding]:
    """Other probes against subspaces, layers chosen on held-out examples; logistic regression in the last layer."""
    found: list[Finding] = []
    for setting, group in by_setting(runs).items():
        if setting.fraction == HIGH:
            simple = [_lead(run, best_of(run, SIMPLE), chosen(run.lines())) for run in group]
            found.append(_judged("decoding-simple-probes", described(setting), group, simple, ends=True))
            lead = [_lead(run, in_last_layer(run, "masc"), in_last_layer(run, "logistic_regression")) for run in group]
            found.append(_judged("decoding-logistic-regression", described(setting), group, lead, FAR))
    return found


def dynamics_findings(runs: Sequence[Decoded]) -> list[Finding]:
    """Early stopping against the subspaces of the end, and how network and subspaces peak and fall."""
    found: list[Finding] = []
    for setting, group in by_setting(runs).items():
        if 0 < setting.fraction < 1:
            stopped = [_lead(run, run.at_best_validation()["test_accuracy"], chosen(run.lines())) for run in group]
            found.append(_judged("decoding-early-stopping", described(setting), group, stopped))
            found += [_early_peak(f"{described(setting)}, {name}", group, layer) for name, layer in FALLING.items()]
    return found


def velpic_findings(runs: Sequence[Decoded]) -> list[Finding]:
    """VeLPIC against subspaces, and as the network's output layer against the one that was trained."""
    found: list[Finding] = []
    for setting, group in by_setting(runs).items():
        if 0 < setting.fraction < 1:
            lead = [_lead(run, chosen(run.lines(), probe="velpic"), chosen(run.lines())) for run in group]
            found.append(_judged("decoding-velpic-lead", described(setting), group, lead))
            gain = [_lead(run, in_last_layer(run, "velpic"), own(run)) for run in group]
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
        values = [(run, relabelled(run, records[run.record["run_id"]], store)) for run in group]
        gains = [_lead(run, value["trained on, early stopping"], value["network"]) for run, value in values]
        found.append(_judged("decoding-relabelling", described(setting), group, gains))
    return found


def _lag(unedited: History, edited: History) -> Lead | None:
    """How much lower the training accuracy of the edited network is, on average over the epochs that both trained."""
    accuracies = {line["epoch"]: line["train_accuracy"] for line in unedited}
    common = [line for line in edited[1:] if line["epoch"] in accuracies]
    mean = estimate([_less(accuracies[line["epoch"]], line["train_accuracy"]) for line in common]).mean
    return None if mean is None else Lead(mean)


def described(setting: Setting) -> str:
    return f"{setting.model}, {setting.dataset.replace('_', ' ')}, {100 * setting.fraction:g} %"


def best_of(run: Decoded, probes: Iterable[str]) -> float | None:
    """Test accuracy of the probe and hidden layer that are best on held-out examples."""
    probe, layer = best_pair(run.lines(), probes)
    return accuracy(run.lines(), layer, probe)


def _less(first: float | None, second: float | None) -> float | None:
    return None if first is None or second is None else first - second


def _lead(run: Decoded, first: float | None, second: float | None) -> Lead | None:
    """Of two test accuracies of a run."""
    if first is None or second is None:
        return None
    n = run.record["data"]["test_n"]
    return Lead(first - second, difference_interval((round(first * n), n), (round(second * n), n)))


def _points(leads: Sequence[Lead | None]) -> str | None:
    """Mean with its t interval over seeds, one seed's lead with its own."""
    measured = [lead for lead in leads if lead]
    found = estimate([lead.value for lead in measured])
    ends = (measured[0].interval or ()) if found.n == 1 else (found.low, found.high)
    return f"{cell(Number(found.mean, 'fraction', *ends))} points" if measured else None


def _judged(
    name: str,
    subject: str,
    runs: Sequence[Decoded],
    leads: Sequence[Lead | None],
    least: float = 0,
    ends: bool = False,
) -> Finding:
    """Whether a lead is above `least`, or with `ends` at least that, in each seed."""
    holds = [None if lead is None else lead.value > least or (ends and lead.value == least) for lead in leads]
    seeds, verdict = judge_seeds(holds)
    measured = [lead for lead in leads if lead]
    if len(measured) == 1 and (interval := measured[0].interval) and interval[0] <= least <= interval[1]:
        verdict = UNDECIDED
    return _finding(name, subject, runs, _points(leads), seeds, verdict)


def _chosen_on(
    choice: str, name: str, setting: Setting, runs: Sequence[Decoded], leads: Sequence[Lead | None], ends: bool = False
) -> Finding:
    """`_judged` of layers that are chosen in this way, without a verdict where test data chose them."""
    found = _judged(name, f"{described(setting)}, layer chosen on {choice}", runs, leads, ends=ends)
    return replace(found, verdict=NO_BAND) if choice == "test data" and found.n else found


def _finding(name: str, subject: str, runs: Sequence[Decoded], *measured: Any) -> Finding:
    target = _target(name)
    cited = {**target, "source": f"{target['paper']}: {target['source']}"}
    return finding(cited, subject, [run.record for run in runs], *measured)


def _target(name: str) -> dict[str, Any]:
    return next(target for target in load_targets("decoding_claims") if target["id"] == name)


def _chance(setting: Setting, group: Sequence[Decoded]) -> Finding:
    low, high = _target("decoding-chance")["band"]
    values, sizes = [chosen(run.lines()) for run in group], [run.record["data"]["test_n"] for run in group]
    counts = [None if value is None else (round(value * n), n) for value, n in zip(values, sizes, strict=True)]
    found = estimate(values, counts)
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


def _early_peak(subject: str, group: Sequence[Decoded], layer: Callable[..., str | None]) -> Finding:
    """Network and the subspaces of a layer, chosen at the end, both fall from their best epoch, the network by more."""
    falls = [_falls(run, layer(run.lines())) for run in group]
    holds = [None if fall is None else _fall_early(*fall) for fall in falls]
    network, subspaces = (_points([fall and fall[place] for fall in falls]) for place in (0, 1))
    numbers = f"network falls by {network}, subspaces by {subspaces}" if network else None
    return _finding("decoding-early-peak", subject, group, numbers, *judge_seeds(holds))


def _fall_early(network: Lead, subspaces: Lead) -> bool:
    """Whether both fall, by more than the interval over test examples, and the network by more."""
    both = all(fall.interval and fall.interval[0] > 0 for fall in (network, subspaces))
    return both and network.value > subspaces.value


def _falls(run: Decoded, layer: str | None) -> tuple[Lead, Lead] | None:
    """How far network and a layer's subspaces fall from their best epoch, the untrained network aside, to the end.

    Null where an epoch was not measured, or none between the untrained network and the end.
    """
    epochs = [epoch for epoch in run.epochs if epoch]
    network = [run.history[epoch]["test_accuracy"] for epoch in epochs]
    subspaces = [value for epoch in epochs if (value := accuracy(run.lines(epoch), layer)) is not None]
    if len(subspaces) < max(2, len(epochs)):
        return None
    first, second = (_lead(run, max(values), values[-1]) for values in (network, subspaces))
    return (first, second) if first and second else None
