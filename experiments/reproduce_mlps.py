"""All runs of the MLP rows of Zhang et al. (2017), Table 1: three seeds in Keras and one in PyTorch."""

import mlp1_random_labels
import mlp1_true_labels
import mlp1_weight_decay
import mlp3_random_labels
import mlp3_true_labels
import mlp3_weight_decay

from common.cli import one_line_errors, parse, run_all, summary
from common.runs.config import Options
from common.runs.sweep import grid

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
    return [
        config
        for seed in (0, 1, 2)
        for framework in ("keras", "torch")
        if seed in SEEDS[framework]
        for script in SCRIPTS
        for config in grid(script.CONFIG, framework=[framework], seed=[seed])
    ]


if __name__ == "__main__":
    with one_line_errors():
        options = parse(__doc__, options=Options()).options
        for record in run_all(configs(), options):
            print(summary(record, options))
