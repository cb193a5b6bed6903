"""Figures 1b and 1c: time to fit and test error against label corruption; both studies share their runs."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

from common.papers.zhang.curves import (
    FIT_LOSS,
    draw_published,
    epochs_to_fit,
    line_of,
    one_recipe,
    published,
    published_handle,
)
from common.papers.zhang.recipes import BASE, Fields, fields, shown
from common.papers.zhang.targets import (
    NO_BAND,
    NUMBERS,
    REDUCED,
    TARGETS,
    by_seed,
    finding,
    number_findings,
    on_setting,
    verdict,
)
from common.report import figures
from common.report.claims import Claim, Finding, claim_of, grows, growth, judge_seeds
from common.report.numbers import Number, cell, estimate
from common.report.runs import Measure, Run, Runs, group_names
from common.report.tables import Table, claims_table
from common.runs.config import SEEDS
from common.study import Call, Seeds, Study

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

LABELS = ("true_labels", "corrupted_labels", "random_labels")
COLOURS = {"inception": figures.BLUE, "alexnet": figures.ORANGE, "mlp1": figures.GREEN, "mlp3": figures.PURPLE}
CLEAN: dict[str, Any] = {"linewidth": 0.9, "marker": ".", "zorder": 2}
CHANCE: dict[str, Any] = {"color": figures.BLACK, "linestyle": (0, (8, 4)), "linewidth": 0.9, "zorder": 1}
COLUMNS = (
    *("model", "corruption", "framework", "train_n", "seeds"),
    *("epochs to fit", "relative", "published relative", "verdict, relative"),
    *("test error, corrupted labels, %", "published, %", "verdict, error", "test error, clean labels, %"),
)
NOTE = (
    "Means over seeds with 95 % t intervals; errors of one seed with Wilson's, over its test examples. Bands of errors "
    f"are Table 1's. {NO_BAND} {REDUCED}"
)


@dataclass(frozen=True)
class Fractions(Seeds):
    """A run for each combination of these values."""

    models: tuple[str, ...] = ("inception", "alexnet", "mlp1")
    """Architectures."""
    fractions: tuple[float, ...] = ()
    """Corrupted fractions of the labels; none means the paper's eleven, with the small preset six of them."""

    def rows(self, preset: str) -> list[Fields]:
        """Every model at every fraction; at 0 labels are true, whatever the rule."""
        tenths = range(0, 11, 2 if preset == "small" else 1)
        rules = [
            {"corruption": "uniform" if fraction else "none", "corruption_fraction": fraction}
            for fraction in self.fractions or [number / 10 for number in tenths]
        ]
        return [{**fields(model, "true_labels", preset), **rule} for model in self.models for rule in rules]


def error(run: Run) -> float | None:
    """Test error on labels corrupted like the training labels, a fraction."""
    accuracy = run.outcome["test_accuracy_corrupted_labels"]
    return None if accuracy is None else 1 - accuracy


def clean_error(run: Run) -> float | None:
    """Test error on true labels, a fraction."""
    accuracy = run.outcome["test_accuracy"]
    return None if accuracy is None else 1 - accuracy


def slowdown(runs: Runs, epochs: Measure) -> Measure:
    """Epochs of a run over those of the one on true labels that is of its line and seeds; null without either."""
    bases = {_base(run): count for run in runs.where(corruption_fraction=0) if (count := epochs(run))}

    def ratio(run: Run) -> float | None:
        own, base = epochs(run), bases.get(_base(run))
        return own / base if own and base else None

    return ratio


def _base(run: Run) -> tuple[str, ...]:
    return line_of(run), *(str(getattr(run.config, name)) for name in SEEDS)


def convergence_slowdown(runs: Runs, title: str) -> Figure:
    """Figure 1b: epochs to fit, relative to true labels, against corruption (%)."""
    runs = on_setting(runs, LABELS)
    figure, (axes,) = figures.new_figure(title, (6.6, 5.4))
    figures.add_legend(figure, _over_corruption(axes, runs, "Figure 1b", slowdown(runs, epochs_to_fit(runs)), 1))
    axes.set(xlabel="corrupted labels (%)", ylabel="epochs to fit, relative to true labels")
    return figure


def generalization_error(runs: Runs, title: str) -> Figure:
    """Figure 1c: test error against corruption (%): on equally corrupted test labels and, thinner, on clean ones."""
    runs = on_setting(runs, LABELS)
    figure, (axes,) = figures.new_figure(title, (6.6, 6.0))
    handles = _over_corruption(axes, runs, "Figure 1c", error, 100)
    for model, colour in _colours(runs).items():
        figures.draw_curve(axes, _curve(runs, model, clean_error), 100, label=f"{model}, clean", color=colour, **CLEAN)
    axes.axhline(90, **CHANCE)
    axes.set(xlabel="corrupted labels (%)")
    figures.percent_axis(axes, "test error (%)")
    handles += [
        figures.handle("on clean test labels", color=figures.GREY, **CLEAN),
        figures.handle("chance, 90 %", **CHANCE),
    ]
    figures.add_legend(figure, handles)
    return figure


def _over_corruption(axes: Axes, runs: Runs, source: str, measure: Measure, scale: float) -> list[Any]:
    """Draw one line for each model and the published ones behind; their handles."""
    handles = []
    for model, colour in _colours(runs).items():
        if points := published(source, "model").get(model):
            draw_published(axes, points, colour, (100, scale))
        figures.draw_curve(axes, _curve(runs, model, measure), scale, label=model, color=colour, marker="o")
        sizes = _of(runs, model).sizes()
        handles.append(figures.handle(f"{model.replace('_', ' ')}, {sizes} examples", color=colour, marker="o"))
    axes.set_xticks(range(0, 101, 20))
    return [*handles, published_handle()]


def _colours(runs: Runs) -> dict[str, str]:
    """A colour for each model: its own, or for one that has none, what is left."""
    if not runs:
        raise ValueError("runs must hold at least one on the figure's settings. Received: none")
    models = sorted({run.model for run in runs}, key=lambda name: [*COLOURS, name].index(name))
    left = iter([figures.SKY, figures.AMBER, *[figures.GREY] * len(models)])
    return {model: COLOURS.get(model) or next(left) for model in models}


def _of(runs: Runs, model: str) -> Runs:
    return runs.where(lambda run: run.model == model)


def _curve(runs: Runs, model: str, measure: Measure) -> dict[float, list[float | None]]:
    """A measure of each seed over corruption (%)."""
    groups = _of(runs, model).by("corruption_fraction")
    return {100 * x: list(map(measure, one_recipe(group, f"{model}, corruption {x:g}"))) for x, group in groups.items()}


def corruption_table(runs: Runs) -> Table:
    """Figures 1b and 1c: a row for each model, fraction and recipe, over its seeds."""
    runs, rows = on_setting(runs, LABELS), []
    epochs = epochs_to_fit(runs)
    row = partial(_cells, epochs, slowdown(runs, epochs), corruption_claims())
    for model in sorted({run.model for run in runs}):
        for fraction, of in _of(runs, model).by("corruption_fraction").items():
            groups = of.recipes()
            for name, group in zip(group_names(groups), groups, strict=True):
                described = [model.replace("_", " "), f"{100 * fraction:g} %", name, group[0].train_n, len(group)]
                rows.append([*described, *row(group)])
    return Table("Zhang et al. 2017, Figures 1b and 1c: published and measured", COLUMNS, rows, NOTE)


def _cells(epochs: Measure, ratio: Measure, claims: dict[tuple[str, float, str], Claim], group: Runs) -> list[object]:
    """What was measured of runs that differ in their seeds, beside what is published and the verdict on it."""
    model, fraction = group[0].model, group[0].config.corruption_fraction
    relative, wrong = (dict(published(f"Figure {name}", "model").get(model, ())).get(fraction) for name in ("1b", "1c"))
    judged = [verdict(claims.get((model, fraction, name)), list(map(measure, group)), group)
              for name, measure in (("ratio", ratio), ("error", error))]  # fmt: skip
    return [
        *(group.over_seeds(measure, "ratio") for measure in (epochs, ratio)), Number(relative, "ratio"), judged[0],
        group.over_seeds(error, split="test"), wrong, judged[1], group.over_seeds(clean_error, split="test"),
    ]  # fmt: skip


def corruption_claims() -> dict[tuple[str, float, str], Claim]:
    """What is claimed of a model at a fraction: its ratio, and by Table 1's bands its test error.

    At 0 and 1 equally corrupted test labels are true, or have nothing to do with the images, as clean ones then have.
    Where Figure 1c itself is outside Table 1's band, as for AlexNet on true labels, there is none.
    """
    ends, claims = {"true_labels": 0.0, "random_labels": 1.0}, {}
    own = {model: dict(points) for model, points in published("Figure 1c", "model").items()}
    for target in NUMBERS:
        if target["setting"] in ends and target["quantity"] == "test_accuracy":
            (low, high), end = target["band"], ends[target["setting"]]
            if low <= 1 - own.get(target["model"], {}).get(end, 1 - target["value"]) <= high:
                band = replace(claim_of(target), published=1 - target["value"], band=(1 - high, 1 - low))
                claims[target["model"], end, "error"] = band
    for model in published("Figure 1b", "model"):
        claims[model, 1.0, "ratio"] = claim_of(TARGETS.statement(f"zhang-slowdown-{model}"))
    return claims


def slowdown_findings(runs: Runs) -> list[Finding]:
    """Figure 1b: epochs to fit grow with corruption, and how many times as many random labels take, for each model."""
    runs = on_setting(runs, LABELS)
    epochs = epochs_to_fit(runs)
    growing = _growth_findings("zhang-slowdown", runs, epochs, "epochs")
    return [*growing, *_ratio_findings(runs, slowdown(runs, epochs))]


def error_findings(runs: Runs) -> list[Finding]:
    """Figure 1c: test error on equally corrupted labels grows with corruption, for each model."""
    return _growth_findings("zhang-error", on_setting(runs, LABELS), error, "fraction")


def _growth_findings(name: str, runs: Runs, measure: Measure, unit: str) -> list[Finding]:
    lines = [line for line in runs.grouped(line_of).values() if len(line.by("corruption_fraction")) > 2]
    findings = []
    for model in dict.fromkeys([*published("Figure 1b", "model"), *(line[0].model for line in lines)]):
        tested = [_growth_finding(name, line, measure, unit) for line in lines if line[0].model == model]
        findings += tested or [finding(name, model)]
    return findings


def _growth_finding(name: str, line: Runs, measure: Measure, unit: str) -> Finding:
    seeds = by_seed(line, lambda run: run.config.corruption_fraction, measure)
    correlations = ", ".join(cell(Number(growth(seed), "ratio")) for seed in seeds)
    fractions = list(line.by("corruption_fraction"))
    means = (estimate([seed.get(end) for seed in seeds]).mean for end in (fractions[0], fractions[-1]))
    ends = " to ".join(cell(Number(mean, unit)) for mean in means)
    numbers = f"rank correlation {correlations}; {ends} {'%' if unit == 'fraction' else unit}"
    holds = [grows(seed, TARGETS.statement(name)["band"][0]) for seed in seeds]
    return finding(name, line[0].model, line, numbers, *judge_seeds(holds))


def _ratio_findings(runs: Runs, ratio: Measure) -> list[Finding]:
    findings = []
    for model in published("Figure 1b", "model"):
        lines = _of(runs, model).grouped(line_of).values()
        tested = [found for line in lines for found in _ratio_finding(f"zhang-slowdown-{model}", model, line, ratio)]
        findings += tested or [finding(f"zhang-slowdown-{model}", model)]
    return findings


def _ratio_finding(name: str, model: str, line: Runs, ratio: Measure) -> list[Finding]:
    """Of seeds that have a run on true labels; where some never fit, how many do."""
    ends = line.where(lambda run: run.config.corruption_fraction in (0, 1))
    based = {_base(run) for run in ends.where(corruption_fraction=0)}
    ratios = [ratio(run) for run in ends.where(corruption_fraction=1) if _base(run) in based]
    if None not in ratios:
        return number_findings(name, model, ends, ratios, ("ratio", "times"))
    fitted = len(ratios) - ratios.count(None)
    return [finding(name, model, ends, f"{fitted} of {len(ratios)} seeds reach a loss of {FIT_LOSS:g}")]


def slowdown_report(runs: Runs, call: Call) -> dict[str, Table | Figure]:
    """Figure 1b, its table with Figure 1c's, and what becomes of its claims."""
    title = "Time to fit against label corruption"
    return {
        "epochs_to_fit": convergence_slowdown(runs, title),
        "table": corruption_table(runs),
        "claims": claims_table(slowdown_findings(runs), title),
    }


def error_report(runs: Runs, call: Call) -> dict[str, Table | Figure]:
    """Figure 1c, on equally corrupted and on true test labels, its table, and what becomes of its claims."""
    title = "Test error against label corruption"
    return {
        "test_error": generalization_error(runs, title),
        "table": corruption_table(runs),
        "claims": claims_table(error_findings(runs), title),
    }


SMOKE = {"models": ("mlp1",), "fractions": (0.0, 1.0)}
SLOWDOWN = Study("convergence_slowdown", Fractions(), BASE, slowdown_report, check=shown(LABELS), smoke=SMOKE)
ERROR_GROWTH = Study("generalization_error_growth", Fractions(), BASE, error_report, check=shown(LABELS), smoke=SMOKE)
