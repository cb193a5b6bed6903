"""The MLP rows of Zhang et al. (2017), Table 1: all six scripts, three seeds in each framework.

Run:       python experiments/reproduce_mlps.py [--list] [--publish]
Result:    36 runs, as the six mlp*_*.py scripts make them one by one; --publish copies their records to
           results/published and makes its tables, figures and page anew
Time:      about two hours on two cores
"""

from dataclasses import replace
from itertools import product

import published_report
from common.cli import one_line_errors, parse
from common.papers.zhang.recipes import mlp
from common.runs.config import CHOICES, Actions, Config, Options
from common.runs.store import Store
from common.study import Publishing, run_all, summary

ROWS = [mlp(model, s) for s in ("random_labels", "true_labels", "weight_decay") for model in ("mlp3", "mlp1")]
SEEDS = (0, 1, 2)


def configs(smoke: bool = False) -> list[Config]:
    """Seed by seed, so that whatever is done first is a whole set; a smoke test has one seed of the smaller network."""
    runs = product(SEEDS, CHOICES["framework"], ROWS)
    found = [replace(row, framework=framework, seed=seed) for seed, framework, row in runs]
    return [config for config in found if not smoke or (config.seed == 0 and config.model == "mlp1")]


def main() -> None:
    arguments = parse(__doc__, publishing=Publishing(), options=Options(), actions=Actions())
    arguments.publishing.check(arguments.actions)
    records = run_all(configs(arguments.actions.smoke), arguments.options, arguments.actions)
    for record in records:
        print(summary(record, arguments.options))
    if arguments.publishing.publish:
        published_report.publish_runs(Store.of(arguments.options), records)


if __name__ == "__main__":
    with one_line_errors():
        main()
