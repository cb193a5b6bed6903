"""Tables 1 and 4: a run for each row, published against measured; and the scripts that stand for one row."""

from collections.abc import Iterable

from common.papers.zhang.recipes import BASE, WIDE_RESNET, WIDE_RESNET_SMALL, Fields, fields, shown, small
from common.papers.zhang.targets import NUMBERS
from common.report.published import published_table
from common.report.runs import Runs
from common.report.tables import Table
from common.runs.config import Config
from common.study import Call, Seeds, Study, run

COMPLETING = ("random_crop", "weight_decay_random_crop")  # rows that Table 1 lacks


def row(doc: str | None, model: str, setting: str) -> None:
    """The main of a script that stands for one row of the paper's tables."""
    default = {"framework": BASE.framework, "epochs": BASE.epochs, **fields(model, setting)}
    run(doc, Config(**default), small(model))


def table_study(name: str, source: str) -> Study:
    """The study of one of the paper's tables: a run for each row."""
    targets = [target for target in NUMBERS if target["source"] == source]
    names = dict.fromkeys((target["model"], target["setting"]) for target in targets)

    class Rows(Seeds):
        def rows(self, preset: str) -> Iterable[Fields]:
            return [fields(*name, preset) for name in names]

    def report(runs: Runs, call: Call) -> dict[str, Table]:
        return {"table": published_table(targets, runs)}

    models, settings = (list(dict.fromkeys(column)) for column in zip(*names, strict=True))
    return Study(name, Rows(), BASE, report, check=shown(settings, models))


class Rest(Seeds):
    """The scripts of one run that no study holds."""

    def rows(self, preset: str) -> Iterable[Fields]:
        """Inception without batch norm in the settings that Table 1 lacks, and Wide ResNet."""
        reduced = WIDE_RESNET_SMALL if preset == "small" else {}
        wide = {name: value for name, value in vars(WIDE_RESNET).items() if value != getattr(BASE, name)}
        completing = [fields("inception_without_batch_norm", setting, preset) for setting in COMPLETING]
        return [*completing, {**wide, **reduced}]


def report(runs: Runs, call: Call) -> dict[str, Table]:
    """Wide ResNet: published and measured."""
    return {"table": published_table([t for t in NUMBERS if t["model"] == WIDE_RESNET.model], runs)}


TABLE_1 = table_study("explicit_regularization", "Table 1")
TABLE_4 = table_study("regularized_random_labels", "Table 4")
REST = Study("reproduce_zhang", Rest(), BASE, report)
