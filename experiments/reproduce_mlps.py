"""The MLP rows of Zhang et al. (2017), Table 1: all six scripts, three seeds in Keras and one in PyTorch.

Run:       python experiments/reproduce_mlps.py [--list] [--publish]
Result:    24 runs, as the six mlp*_*.py scripts make them one by one; --publish copies their records to
           results/published and makes its tables, figures and page anew
Time:      about an hour on two cores
"""

import mlp1_random_labels
import mlp1_true_labels
import mlp1_weight_decay
import mlp3_random_labels
import mlp3_true_labels
import mlp3_weight_decay
import published_report
from common.cli import one_line_errors, parse
from common.runs.config import Actions, Options
from common.runs.store import Store, publish
from common.runs.sweep import grid
from common.study import Publishing, run_all, summary

SCRIPTS = (
    mlp3_random_labels,
    mlp1_random_labels,
    mlp3_true_labels,
    mlp1_true_labels,
    mlp3_weight_decay,
    mlp1_weight_decay,
)
SEEDS = {"keras": (0, 1, 2), "torch": (0,)}


def configs():
    """Seed by seed, so that whatever is done first is a whole set."""
    runs = [(seed, framework) for seed in (0, 1, 2) for framework in SEEDS if seed in SEEDS[framework]]
    settings = [(script.CONFIG, run) for run in runs for script in SCRIPTS]
    return [config for base, (seed, name) in settings for config in grid(base, framework=[name], seed=[seed])]


def main():
    arguments = parse(__doc__, publishing=Publishing(), options=Options(), actions=Actions())
    records = run_all(configs(), arguments.options, arguments.actions)
    for record in records:
        print(summary(record, arguments.options))
    if arguments.publishing.publish:
        for record in records:
            publish(Store.of(arguments.options), record["run_id"])
        published_report.report()


if __name__ == "__main__":
    with one_line_errors():
        main()
