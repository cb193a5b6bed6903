"""Class subspaces of every layer against the network itself, with untrained and clean networks as controls."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from common.analysis.readout import decode_run
from common.data.datasets import DATASETS
from common.papers.decoding import readouts
from common.papers.decoding.recipes import BASE, KEPT, SMOKE, Corrupted
from common.papers.decoding.targets import TARGETS
from common.report import figures
from common.report.claims import Finding, ordered
from common.report.layers import CHOICES, accuracy, layers_of
from common.report.numbers import Curve, cell, estimate, less, number
from common.report.runs import Line, Measure, Run, Runs
from common.report.tables import Table, claims_table
from common.runs.config import Config
from common.study import Call, Study, with_progress

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

TITLE = "Subspaces of layers against the network"
PUBLISHED = [target for name in ("mlp", "cnn", "alexnet", "resnet", "untrained") for target in TARGETS.of(name)]
TEN = 10  # classes, of which chance is the published 10 %
OWN: dict[str, Any] = {"color": figures.BLACK, "linestyle": "--", "linewidth": 1.2}
PROFILES: dict[str, tuple[str, dict[str, Any]]] = {
    "corrupted_labels": ("subspaces of corrupted labels", {"color": figures.ORANGE, "marker": "o"}),
    "true_labels": ("subspaces of true labels", {"color": figures.GREEN, "marker": "^"}),
    "untrained": ("untrained network, corrupted labels", {"color": figures.GREY, "marker": "s", "linestyle": ":"}),
    "clean": ("trained on true labels, corrupted subspaces", {"color": figures.SKY, "marker": "D", "linestyle": "-."}),
}


def read(configs: Sequence[Config], call: Call) -> None:
    """Every network at its end and untrained, and those trained on true labels with subspaces of corrupted ones."""
    for config in with_progress(configs):
        decode_run(config, call.options, epochs=(0,), force=call.force)
        if config.corruption == "none":
            same = [c for c in configs if (c.model, c.dataset, c.seed) == (config.model, config.dataset, config.seed)]
            for fraction in sorted({c.corruption_fraction for c in same} - {0}):
                decode_run(config, call.options, other_labels=("ketha", fraction), force=call.force)


def report(runs: Runs, call: Call) -> dict[str, Table | Figure]:
    """A figure for each model, the summary, every layer, the clean networks, and what becomes of the statements."""
    runs = readouts.read_out(runs)
    kinds = runs.grouped(lambda run: (run.config.model, run.config.framework))
    return {
        **{f"layers_{model}_{framework}": layer_profiles(kind, f"{TITLE}: {model}")
           for (model, framework), kind in kinds.items()},
        "summary": summary_table(runs, PUBLISHED, TITLE),
        "claims": claims_table(findings(runs), TITLE),
        "layers": readouts.layer_table(runs, PUBLISHED, "Layer by layer"),
        "clean_networks": clean_table(runs, "Networks trained on true labels"),
    }  # fmt: skip


def layer_profiles(runs: Runs, title: str) -> Figure:
    """Test accuracy (%) of the subspace classifier on each layer, a panel for each data set (rows) and corruption.

    With the two controls: the untrained network, and the network trained on true labels with corrupted subspaces.
    """
    groups = runs.by("dataset", "corruption_fraction")
    datasets = list(dict.fromkeys(dataset for dataset, _ in groups))
    fractions = sorted({fraction for _, fraction in groups})
    shape = len(datasets), len(fractions)
    figure, panels = figures.new_figure(title, (1 + 2.7 * shape[1], 1.4 + 2.5 * shape[0]), shape)
    for index, axes in enumerate(panels):
        dataset, fraction = datasets[index // shape[1]], fractions[index % shape[1]]
        if (dataset, fraction) not in groups:
            axes.set_visible(False)
            continue
        _profile(axes, groups[dataset, fraction], groups.get((dataset, 0.0), Runs()))
        figures.percent_axis(axes, "" if index % shape[1] else "test accuracy (%)")
    used = [figures.handle(label, **style) for label, style in PROFILES.values()]
    figures.add_legend(figure, [*used, figures.handle("the network's own output", **OWN)])
    return figure


def _profile(axes: Axes, runs: Runs, clean: Runs) -> None:
    fraction, final = runs[0].config.corruption_fraction, [readouts.lines_of(run) for run in runs]
    layers = layers_of(final[0])
    sources: dict[str, tuple[Sequence[Sequence[Line]], str]] = {
        "corrupted_labels": (final, "corrupted_labels"),
        "true_labels": (final, "true_labels"),
        "untrained": ([readouts.lines_of(run, 0) for run in runs], "corrupted_labels"),
        "clean": ([readouts.other_lines(run).get(fraction, []) for run in clean], "corrupted_labels"),
    }
    for name, (seeds, fitted_on) in sources.items():
        curve: Curve = {
            place: [accuracy(lines, layer, fitted_on=fitted_on) for lines in seeds]
            for place, layer in enumerate(layers)
        }
        figures.draw_curve(axes, curve, 100, **PROFILES[name][1])
    axes.axhline(100 * (estimate([readouts.own(run) for run in runs]).mean or 0), **OWN)
    axes.set_xticks(range(len(layers)), layers, rotation=35, fontsize=8)
    axes.set_title(", ".join(map(str, readouts.setting_of(runs[0]).cells()[1:3])), fontsize=10)


def summary_table(runs: Runs, targets: readouts.Published, title: str) -> Table:
    """A row for each setting: the network, its best layer's subspaces, and two controls, published beside measured."""
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
        "untrained network, corrupted-label, on test, %": readouts.mean(partial(on_test, epoch=0)),
        "published untrained, %": partial(cited, epoch=0),
    }
    return readouts.setting_table(runs, cells, title)


def clean_table(runs: Runs, title: str) -> Table:
    """Networks trained on true labels, read out with subspaces of corrupted labels, layer by layer."""
    rows: list[list[object]] = []
    for setting, group in readouts.by_setting(runs.where(readouts.other_lines)).items():
        others = [readouts.other_lines(run) for run in group]
        for fraction in sorted(others[0]):
            seeds = [lines.get(fraction, []) for lines in others]
            head = [*setting._replace(fraction=fraction).cells(), len(group)]
            rows += [[*head, layer, *_clean_cells(seeds, layer)] for layer in layers_of(seeds[0])]
    columns = [*readouts.COLUMNS, "layer", "training, corrupted labels, %", "training, true labels, %", "test, %"]
    note = f"Subspaces of corrupted labels on networks that never saw them. {readouts.NOTE}"
    return Table(title, columns, rows, note)


def _clean_cells(seeds: Sequence[Sequence[Line]], layer: str) -> list[object]:
    return [
        number(accuracy(lines, layer, scored_on=scored_on) for lines in seeds)
        for scored_on in ("train_corrupted_labels", "train_true_labels", "test")
    ]


def findings(runs: Runs) -> list[Finding]:
    """Subspaces against the memorizing network, in the layer chosen on held-out examples and in the papers' choice."""
    tested: list[Finding] = []
    for setting, group in readouts.by_setting(runs).items():
        for choice in CHOICES if readouts.in_part(group[0]) else ():
            chosen = partial(readouts.in_chosen_layer, choice=choice)
            true = partial(chosen, fitted_on="true_labels")
            tested.append(readouts.compare_chosen(choice, "decoding-above-model", group, chosen, readouts.own))
            tested.append(readouts.compare_chosen(choice, "decoding-true-labels", group, true, chosen, ends=True))
        if setting.fraction == 1 and DATASETS[setting.dataset].num_classes == TEN:
            tested.append(chance(setting, group))
        for choice in CHOICES if setting.fraction == readouts.HIGH else ():
            chosen = partial(readouts.in_chosen_layer, choice=choice)
            untrained = partial(chosen, epoch=0)
            tested.append(readouts.compare_chosen(choice, "decoding-untrained", group, untrained, chosen))
    return [*tested, *growing(runs)]


def chance(setting: readouts.Setting, runs: Runs) -> Finding:
    """Whether subspaces of random labels are in the band around chance, in each seed."""
    low, high = TARGETS.statement("decoding-chance")["band"]
    values = [readouts.in_chosen_layer(run) for run in runs]
    over_seeds = runs.over_seeds(readouts.in_chosen_layer, split="test")
    numbers = f"{cell(over_seeds)} %" if over_seeds else None
    holds = [None if value is None else low <= value <= high for value in values]
    return TARGETS.judged("decoding-chance", setting.text(), runs, numbers, holds)


def growing(runs: Runs) -> list[Finding]:
    """What grows with corruption: the lead over the network, and the size of the last layer's subspaces."""
    tested: list[Finding] = []
    for network, group in runs.grouped(readouts.network_of).items():
        between = group.where(readouts.in_part)
        tested.append(_grown("decoding-gap-grows", network.text(2), between, "points", _gap))
        memorizing = group.where(lambda run: run.config.corruption_fraction in (0, readouts.HIGH))
        size = partial(readouts.in_last_layer, key="components")
        tested.append(_grown("decoding-size", network.text(2), memorizing, "components", size))
    return [finding for finding in tested if finding.n]


def _gap(run: Run) -> float | None:
    lead = less(readouts.in_chosen_layer(run), readouts.own(run))
    return None if lead is None else 100 * lead


def _grown(name: str, subject: str, runs: Runs, unit: str, measure: Measure) -> Finding:
    """Whether a measure is larger at each step of corruption, in each seed that has two steps or more."""
    seeds = [seed for seed in runs.by("seed").values() if len(seed) > 1]
    curves = [dict(sorted((run.config.corruption_fraction, measure(run)) for run in seed)) for seed in seeds]
    holds = [ordered([[value] for value in curve.values()]) for curve in curves]
    means = {x: estimate([curve.get(x) for curve in curves]).mean for x in sorted(set().union(*curves))}
    texts = [f"{y:.1f} at {100 * x:g} %" for x, y in means.items() if y is not None]
    return TARGETS.judged(name, subject, runs, f"{unit}: {', '.join(texts)}", holds)


STUDY = Study("masc_decoding", Corrupted(), BASE, report, KEPT, read, smoke=SMOKE)
