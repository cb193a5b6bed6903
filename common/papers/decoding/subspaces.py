"""Class subspaces of every layer against the network itself, with untrained and clean networks as controls."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING

from common.analysis.readout import decode_controls
from common.data.datasets import DATASETS
from common.papers.decoding.recipes import BASE, DECODED, FRACTIONS, KEPT, SMOKE, Corrupted
from common.papers.decoding.targets import TARGETS
from common.report import profiles, readouts
from common.report.claims import Finding, gap
from common.report.fitting import complete
from common.report.numbers import cell, less, number
from common.report.runs import Measure, Run, Runs
from common.report.tables import Table
from common.runs.config import Config
from common.study import Call, Study, with_progress

if TYPE_CHECKING:
    from matplotlib.figure import Figure

TITLE = "Subspaces of layers against the network"
PUBLISHED = [target for name in ("mlp", "cnn", "alexnet", "resnet", "untrained") for target in TARGETS.of(name)]
TEN = 10  # classes, of which chance is the published 10 %
CHOSEN = readouts.in_chosen_layer
TRUE = partial(CHOSEN, fitted_on="true_labels")
UNTRAINED = partial(CHOSEN, epoch=0)
FLAT = partial(readouts.in_layer, layer="flatten")
WIDE, NARROW, BEHIND = (
    partial(readouts.in_best_of, layers=names.split()) for names in ("fc3 fc4", "fc1 fc2", "fc1 fc2 fc3")
)
Comparison, of, but, HIGH = readouts.Comparison, readouts.of, readouts.but, readouts.HIGH
CIFAR, GREY = ("cifar10",), ("mnist", "fashion_mnist")
HIGH_MLP = of("mlp4", least=HIGH, most=HIGH)
COMPARISONS = (
    Comparison("above-model", CHOSEN, readouts.own, but(of("mlp4", "cnn"), of("cnn", datasets=CIFAR, most=0.2))),
    Comparison("above-cifar100", CHOSEN, readouts.own, of("alexnet_large", datasets=("cifar100",))),
    Comparison("above-tiny-imagenet", CHOSEN, readouts.own, of("alexnet_large", datasets=("tiny_imagenet",))),
    Comparison("above-resnet", CHOSEN, readouts.own, of("resnet18", least=0.4)),
    Comparison("resnet-exception", CHOSEN, readouts.own, of("resnet18", most=0.2)),
    Comparison("true-labels", TRUE, CHOSEN),
    Comparison("random-true-labels", TRUE, CHOSEN, lambda setting: setting.fraction == 1),
    Comparison("above-input", CHOSEN, readouts.in_input),
    Comparison("input", readouts.in_input, readouts.own, but(readouts.highly, of("resnet18", least=HIGH))),
    Comparison(
        "above-untrained", CHOSEN, UNTRAINED, but(readouts.in_part, HIGH_MLP, of("cnn", datasets=CIFAR, least=HIGH))
    ),
    Comparison("untrained", UNTRAINED, CHOSEN, HIGH_MLP),
    Comparison("wide-layers", WIDE, NARROW, of("mlp4")),
    Comparison("narrow-layer", readouts.in_input, partial(readouts.in_layer, layer="fc1"), of("mlp4", least=0.4)),
    Comparison("flat-layer", FLAT, BEHIND, of("cnn", datasets=GREY)),
    Comparison("last-layer", readouts.in_last_layer, readouts.own, of("cnn", least=HIGH)),
)
"""About settings in which what is published, where it is, lies in the statement's band."""
GROWS = of("mlp4", "cnn", datasets=GREY)


def read(configs: Sequence[Config], call: Call) -> None:
    """Every network at its end and untrained, and those trained on true labels with subspaces of corrupted ones."""
    for config in with_progress(configs, call.options):
        decode_controls(config, configs, call.options, "ketha", force=call.force)


def report(runs: Runs, call: Call) -> dict[str, Table | Figure]:
    """A figure for each model, the summary, every layer, and the clean networks."""
    runs = readouts.read_out(runs)
    kinds = runs.grouped(lambda run: (run.config.model, run.config.framework))
    return {
        **{f"layers_{model}_{framework}": profiles.layer_profiles(kind, f"{TITLE}: {model}")
           for (model, framework), kind in kinds.items()},
        "summary": summary_table(runs, PUBLISHED, TITLE),
        "layers": readouts.layer_table(runs, PUBLISHED, "Layer by layer"),
        "clean_networks": readouts.clean_table(runs, "Networks trained on true labels"),
    }  # fmt: skip


def summary_table(runs: Runs, targets: readouts.Published, title: str) -> Table:
    """A row for each setting: the network, its best layer's subspaces, and controls, published beside measured."""
    on_test = partial(readouts.in_chosen_layer, choice="test data")
    cited = partial(readouts.published, targets=targets, probe="masc", layer="best_on_test")
    cells: readouts.Cells = {
        "training, %": readouts.mean("train_accuracy"),
        "test, %": readouts.mean(readouts.own),
        "published test, %": partial(cited, probe="model", layer="logits"),
        "corrupted-label subspaces, layer chosen on held-out, %": readouts.mean(readouts.in_chosen_layer),
        "true-label, on held-out, %": readouts.mean(partial(readouts.in_chosen_layer, fitted_on="true_labels")),
        "corrupted-label subspaces, layer chosen on test, %": readouts.mean(on_test),
        "published corrupted-label, %": cited,
        "true-label, on test, %": readouts.mean(partial(on_test, fitted_on="true_labels")),
        "published true-label, %": partial(cited, fitted_on="true_labels"),
        "raw inputs, corrupted-label, %": readouts.mean(readouts.in_input),
        "published raw inputs, %": partial(cited, layer="input"),
        "untrained network, corrupted-label, on test, %": readouts.mean(partial(on_test, epoch=0)),
        "published untrained, %": partial(cited, epoch=0),
    }
    return readouts.setting_table(runs, cells, title)


def findings(runs: Runs, call: Call) -> list[Finding]:
    """Subspaces against the memorizing network and the controls, what grows with corruption, and clean networks."""
    runs = readouts.read_out(runs)
    settings = readouts.by_setting(runs).items()
    return [
        *readouts.compare(runs, COMPARISONS, TARGETS),
        *(chance(setting, group) for setting, group in settings if random_of_ten(setting)),
        *growing(runs, call.grid.fractions or FRACTIONS[call.preset]),
        *readouts.clean_findings(runs, TARGETS),
    ]


def random_of_ten(setting: readouts.Setting) -> bool:
    """Whether all of its labels are random ones of ten classes."""
    return setting.fraction == 1 and DATASETS[setting.dataset].num_classes == TEN


def chance(setting: readouts.Setting, runs: Runs) -> Finding:
    """Subspaces of random labels against chance."""
    return TARGETS.tested("decoding-chance", setting.text(), runs, [readouts.in_chosen_layer(run) for run in runs])


def growing(runs: Runs, fractions: Sequence[float]) -> list[Finding]:
    """What grows with corruption: the lead over the network, and the size of the last layer's subspaces."""
    between = [fraction for fraction in fractions if 0 < fraction < 1]
    tested: list[Finding] = []
    for network, group in runs.grouped(readouts.network_of).items():
        if GROWS(network._replace(fraction=HIGH)):
            tested.append(_grown("decoding-gap-grows", network, group, between, "points", _lead, _least_step))
        tested.append(_grown("decoding-size", network, group, (0.0, HIGH), "components", _size, _times))
    return [finding for finding in tested if finding.runs]


def _lead(run: Run) -> float | None:
    return less(readouts.in_chosen_layer(run), readouts.own(run))


def _size(run: Run) -> float | None:
    return readouts.in_last_layer(run, key="components")


def _least_step(values: Sequence[float | None]) -> float | None:
    return gap([[value] for value in values])


def _times(values: Sequence[float | None]) -> float | None:
    first, last = values
    return last / first if first and last else None


def _grown(
    name: str,
    network: readouts.Setting,
    runs: Runs,
    fractions: Sequence[float],
    unit: str,
    measure: Measure,
    effect: Callable[[Sequence[float | None]], float | None],
) -> Finding:
    """The effect of the values of a measure from corruption to corruption, of each seed that has all of several."""
    by_fraction = (
        {x: run for x, (run,) in seed.by("corruption_fraction").items()} for seed in runs.by("seed").values()
    )
    seeds = complete(by_fraction, fractions) if len(fractions) > 1 else []
    curves = [[measure(seed[x]) for x in sorted(fractions)] for seed in seeds]
    shown = zip(sorted(fractions), zip(*curves, strict=True), strict=bool(curves))
    text = ", ".join(f"{cell(number(values, unit))} at {100 * x:g} %" for x, values in shown)
    tested = Runs(seed[x] for seed in seeds for x in sorted(fractions))
    return TARGETS.tested(name, network.text(2), tested, [effect(curve) for curve in curves], f"{unit}: {text}")


STUDY = Study("masc_decoding", Corrupted(models=DECODED), BASE, report, KEPT, read, smoke=SMOKE, findings=findings)
