"""Every network that Zhang et al. (2017) trained on CIFAR-10: the runs of all its scripts, one after the other.

Run:       python experiments/reproduce_zhang.py --precision bfloat16 [--seeds 0 1 2] [--preset small] [--publish]
Result:    what the scripts make, under results/; --publish copies the records to results/published and makes its
           tables, figures and page anew
Time:      made for a GPU; --preset small takes about eight hours on two cores with bfloat16
"""

from dataclasses import replace
from types import SimpleNamespace

import published_report
from common.cli import Preset, given_flags, one_line_errors, parse
from common.papers.zhang import imagenet
from common.papers.zhang import studies as zhang
from common.papers.zhang.recipes import BASE
from common.papers.zhang.tables import BY_MODEL, REST, TABLE_1
from common.report.runs import Runs
from common.runs.config import Actions, Options, run_id, smoke
from common.runs.store import Store
from common.study import Call, Publishing, Seeds, changes, preset_of, run_all

STUDIES = (*(study for study in zhang.STUDIES if study not in (*BY_MODEL, *imagenet.STUDIES)), TABLE_1, REST)


def main() -> None:
    flags = {"repetitions": Seeds(), "publishing": Publishing(), "preset": Preset(), "config": BASE}
    arguments = parse(__doc__, **flags, options=Options(), actions=Actions())
    arguments.publishing.check(arguments.actions)
    options, store, wanted = arguments.options, Store.of(arguments.options), []
    smoking = arguments.actions.smoke
    for study in STUDIES:
        grid = replace(study.grid, seeds=arguments.repetitions.seeds)
        configs = study.configs_of(SimpleNamespace(**{**vars(arguments), "grid": grid}))
        for config in configs:
            study.check(config)
        wanted.append([smoke(config) for config in configs] if smoking else configs)
    unique = dict.fromkeys(config for configs in wanted for config in configs)
    records = {record["run_id"]: record for record in run_all(list(unique), options, arguments.actions)}
    for study, configs in zip(STUDIES, wanted, strict=True):
        call = Call(preset_of(arguments), study.grid, options, changed=changes(given_flags(), arguments.actions))
        study.show(Runs.of((records[run_id(config)] for config in configs), store), call)
    if arguments.publishing.publish:
        published_report.publish_runs(store, list(records.values()))


if __name__ == "__main__":
    with one_line_errors():
        main()
