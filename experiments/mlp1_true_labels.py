"""mlp1 true_labels

Claim:
Run:       python experiments/mlp1_true_labels.py            [--framework torch] [--seed 1] [--smoke]
"""

from common.cli import run
from common.runs.config import Config

CONFIG = Config(model="mlp1")

if __name__ == "__main__":
    run(__doc__, CONFIG)
