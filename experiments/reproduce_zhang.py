"""Everything that Zhang et al. (2017) measured on CIFAR-10: the runs of all its scripts, one script after the other.

Run:       python experiments/reproduce_zhang.py --precision bfloat16 [--seeds 0 1 2] [--preset small] [--publish]
Result:    what the scripts make, under results/; --publish copies the records to results/published and makes its
           tables, figures and page anew
Time:      made for a GPU; --preset small takes about six hours on two cores with bfloat16
"""

from dataclasses import replace

import explicit_regularization
import published_report
import regularized_random_labels
from common.cli import Preset, given_flags, one_line_errors, parse, run_all
from common.runs.config import Options, run_id, smoke
from common.runs.store import Store, publish
from configs import BASE, Publishing, Seeds
from published_report import ZHANG

STUDIES = (*ZHANG, explicit_regularization.STUDY, regularized_random_labels.STUDY)


def main():
    flags = {"repetitions": Seeds(), "publishing": Publishing(), "preset": Preset(), "config": BASE}
    arguments = parse(__doc__, **flags, options=Options())
    options, store, wanted = arguments.options, Store.of(arguments.options), []
    for study in STUDIES:
        grid = replace(study.grid, seeds=arguments.repetitions.seeds)
        configs = study.configs(arguments.config, grid, arguments.preset.preset, given_flags())
        for config in configs:
            study.check(config)
        wanted.append([smoke(config) for config in configs] if options.smoke else configs)
    unique = dict.fromkeys(config for configs in wanted for config in configs)
    records = {record["run_id"]: record for record in run_all(list(unique), options)}
    for study, configs in zip(STUDIES, wanted, strict=True):
        study.show([records[run_id(config)] for config in dict.fromkeys(configs)], store)
    if arguments.publishing.publish:
        for name in records:
            publish(store, name)
        published_report.report()


if __name__ == "__main__":
    with one_line_errors():
        main()
