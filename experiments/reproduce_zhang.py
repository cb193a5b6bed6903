"""Everything that Zhang et al. (2017) measured on CIFAR-10: the runs of all its scripts, one script after the other.

Run:       python experiments/reproduce_zhang.py --precision bfloat16 [--seeds 0 1 2] [--preset small] [--publish]
Result:    what the scripts make, under results/; --publish copies the records to results/published and makes its
           tables, figures and page anew
Time:      made for a GPU; --preset small takes about eight hours on two cores with bfloat16
"""

from dataclasses import dataclass, replace

import explicit_regularization
import published_report
import regularized_random_labels
from common.cli import Preset, given_flags, one_line_errors, parse
from common.report.records import published_table
from common.report.runs import Runs
from common.runs.config import Actions, Options, run_id, smoke
from common.runs.store import Store, publish
from common.study import Call, Publishing, Seeds, Study, run_all
from configs import BASE, TARGETS, WIDE_RESNET, WIDE_RESNET_SMALL, fields
from published_report import ZHANG

COMPLETING = ("random_crop", "weight_decay_random_crop")  # rows that Table 1 lacks


@dataclass(frozen=True)
class Rest(Seeds):
    """The scripts of one run that no study holds."""

    def rows(self, preset):
        reduced = WIDE_RESNET_SMALL if preset == "small" else {}
        wide = {name: value for name, value in vars(WIDE_RESNET).items() if value != getattr(BASE, name)}
        completing = [fields("inception_without_batch_norm", setting, preset) for setting in COMPLETING]
        return [*completing, {**wide, **reduced}]


def report(runs, call):
    """Wide ResNet: published and measured."""
    records = [run.record for run in runs]
    return {"table": published_table([t for t in TARGETS if t["model"] == WIDE_RESNET.model], records)}


REST = Study("reproduce_zhang", Rest(), BASE, report)
STUDIES = (*ZHANG, explicit_regularization.STUDY, regularized_random_labels.STUDY, REST)


def main():
    flags = {"repetitions": Seeds(), "publishing": Publishing(), "preset": Preset(), "config": BASE}
    arguments = parse(__doc__, **flags, options=Options(), actions=Actions())
    options, store, wanted = arguments.options, Store.of(arguments.options), []
    for study in STUDIES:
        grid = replace(study.grid, seeds=arguments.repetitions.seeds)
        configs = study.configs(arguments.config, grid, arguments.preset.preset, given_flags())
        for config in configs:
            study.check(config)
        wanted.append([smoke(config) for config in configs] if arguments.actions.smoke else configs)
    unique = dict.fromkeys(config for configs in wanted for config in configs)
    records = {record["run_id"]: record for record in run_all(list(unique), options, arguments.actions)}
    for study, configs in zip(STUDIES, wanted, strict=True):
        call = Call(arguments.preset.preset, study.grid, options)
        study.show(Runs.of((records[run_id(config)] for config in configs), store), call)
    if arguments.publishing.publish:
        for name in records:
            publish(store, name)
        published_report.report()


if __name__ == "__main__":
    with one_line_errors():
        main()
