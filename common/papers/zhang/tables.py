"""Tables 1 and 4: a run for each row, published against measured; and the scripts that stand for one row."""

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from statistics import fmean

from common.papers.zhang.recipes import BASE, MODELS, WIDE_RESNET, WIDE_RESNET_SMALL, Fields, fields, shown, small
from common.papers.zhang.targets import NUMBERS, OF_WIDE_RESNET, TARGETS, tested
from common.report import readouts
from common.report.claims import Finding, judged_number
from common.report.fitting import by_seed, fitted
from common.report.numbers import estimate, less, over
from common.report.published import OF_THE_END, Target, number_findings, outcome, published_table, subject_of
from common.report.runs import Run, Runs, setting_text
from common.report.tables import Table
from common.runs.config import Config
from common.study import Call, Seeds, Study, run

COMPLETING = ("random_crop", "weight_decay_random_crop")  # rows that Table 1 lacks
CHANCE = 0.1  # one class of ten
NO_FIT = ("alexnet", "random_labels_weight_decay")  # the row of Table 4 that failed to converge


def row(doc: str | None, model: str, setting: str) -> None:
    """The main of a script that stands for one row of the paper's tables."""
    default = {"framework": BASE.framework, "epochs": BASE.epochs, **fields(model, setting)}
    run(doc, Config(**default), small(model))


def table_study(
    name: str,
    source: str,
    findings: Callable[[Runs, Call], list[Finding]],
    models: Collection[str] = tuple(MODELS),
) -> Study:
    """The study of one of the paper's tables, or of its rows of some models: a run for each row."""
    targets = [target for target in NUMBERS if target["source"] == source and target["model"] in models]
    names = dict.fromkeys((target["model"], target["setting"]) for target in targets)

    known, settings = (tuple(dict.fromkeys(column)) for column in zip(*names, strict=True))

    @dataclass(frozen=True)
    class Rows(Seeds):
        models: tuple[str, ...] = known
        """Architectures."""

        def rows(self, preset: str) -> Iterable[Fields]:
            return [fields(*name, preset) for name in names if name[0] in self.models]

    def report(runs: Runs, call: Call) -> dict[str, Table]:
        return {"table": published_table(targets, runs)}

    smoke, check, free = {"models": known[-1:]}, shown(settings, known), OF_THE_END
    return Study(name, Rows(), BASE, report, check=check, smoke=smoke, findings=findings, free=free)


def regularizer_findings(runs: Runs, call: Call) -> list[Finding]:
    """What each model of Table 1 does with random labels, and without regularizers."""
    groups = runs.grouped(lambda run: run.model)
    return [found for model, group in groups.items() for found in _model_findings(group, model)]


def _model_findings(runs: Runs, model: str) -> list[Finding]:
    measures = readouts.own, fitted(readouts.own)
    test, sound = (by_seed(runs, lambda run: run.setting, of) for of in measures)
    train = by_seed(runs, lambda run: run.setting, lambda run: run.outcome["train_accuracy"])
    whole = most_regularized(model)
    kept = [over(_above(seed.get("true_labels")), _above(seed.get(whole))) for seed in test]
    found = [
        tested("zhang-fit-random-labels", model, runs, [seed.get("random_labels") for seed in train]),
        tested("zhang-chance", model, runs, [_above(seed.get("random_labels")) for seed in sound]),
        _rademacher(runs, model),
        tested("zhang-regularizers-not-necessary", model, runs, kept, f"with {setting_text(whole)}"),
    ]
    if "random_crop" in _settings(model):
        gains = [less(seed.get("random_crop"), seed.get("weight_decay")) for seed in test]
        found.append(tested("zhang-crop-above-decay", model, runs, gains))
    return found


def _rademacher(runs: Runs, model: str) -> Finding:
    """At least how much random signs correlate with what networks say that are fitted to them, of each draw of labels.

    A sign is whether the class that was drawn is one of the upper half; a wrong class turns at most this one.
    """
    draws = runs.where(lambda run: run.setting == "random_labels").by("data_seed").values()
    fitted = [estimate([run.outcome["train_accuracy"] for run in draw]).mean for draw in draws]
    signs = [2 * share - 1 for share in fitted if share is not None]
    least, _ = TARGETS.statement("zhang-rademacher").band or (0, None)
    below = bool(signs) and fmean(signs) < (least or 0)
    return tested("zhang-rademacher", model, runs, signs, undecided="a bound from below" if below else "")


def most_regularized(model: str) -> str:
    """The setting of a model in Table 1 that has all its regularizers."""
    return "weight_decay_random_crop" if "random_crop" in _settings(model) else "weight_decay"


def _settings(model: str) -> list[str]:
    return [target["setting"] for target in NUMBERS if (target["source"], target["model"]) == ("Table 1", model)]


def _above(accuracy: float | None) -> float | None:
    return less(accuracy, CHANCE)


def fitting_findings(runs: Runs, call: Call) -> list[Finding]:
    """Whether each row of Table 4 fits random labels, but for the one that did not as published."""
    rows = [target for target in NUMBERS if target["source"] == "Table 4"]
    return [_fitting(runs, target) for target in rows if (target["model"], target["setting"]) != NO_FIT]


def _fitting(runs: Runs, target: Target) -> Finding:
    def belongs(run: Run) -> bool:
        return (run.model, run.setting) == (target["model"], target["setting"])

    own = runs.where(belongs)
    regularizer = setting_text(target["setting"].removeprefix("random_labels_"))
    accuracies = [outcome(run, target["quantity"]) for run in own]
    return tested("zhang-regularizers-not-sufficient", f"{target['model']}, {regularizer}", own, accuracies)


def numbers(runs: Runs) -> list[Finding]:
    """Every number of Tables 1 and 4, counts of parameters among them, and of the first author's Wide ResNet."""
    counts = [found for target in TARGETS.of("parameters") for found in parameter_findings(target, runs)]
    return counts + [found for target in (*NUMBERS, *OF_WIDE_RESNET) for found in number_findings(target, runs)]


def parameter_findings(target: Target, runs: Runs) -> list[Finding]:
    """A count of parameters in each framework, of any run with images of the size that it depends on."""
    own = runs.where(
        lambda run: run.model == target["model"], dataset=target["dataset"], width=None, **target["recipe"]
    )
    found = []
    for group in own.by("framework").values():
        counts = sorted({run.record["model"]["parameters"] for run in group})
        found.append(judged_number(target, subject_of(target), values=counts))
    return found or [judged_number(target, subject_of(target))]


@dataclass(frozen=True)
class Rest(Seeds):
    """The scripts of one run that no study holds."""

    settings: tuple[str, ...] = COMPLETING
    """Those of Inception without batch norm."""

    def rows(self, preset: str) -> Iterable[Fields]:
        """Inception without batch norm in the settings that Table 1 lacks, and Wide ResNet."""
        reduced = WIDE_RESNET_SMALL if preset == "small" else {}
        wide = {name: value for name, value in vars(WIDE_RESNET).items() if value != getattr(BASE, name)}
        completing = [fields("inception_without_batch_norm", setting, preset) for setting in self.settings]
        return [*completing, {**wide, **reduced}]


def report(runs: Runs, call: Call) -> dict[str, Table]:
    """Wide ResNet: what the first author's code gives, and measured."""
    return {"table": published_table(OF_WIDE_RESNET, runs)}


TABLE_1 = table_study("explicit_regularization", "Table 1", regularizer_findings)
BY_MODEL = tuple(
    table_study(f"explicit_regularization_{model}", "Table 1", regularizer_findings, [model]) for model in MODELS
)
"""The rows of one model each: what they say of it needs no other."""
TABLE_4 = table_study("regularized_random_labels", "Table 4", fitting_findings)
REST = Study("reproduce_zhang", Rest(), BASE, report, smoke={"settings": COMPLETING[:1]})
