"""mlp3 random_labels

Claim:
Run:       python experiments/mlp3_random_labels.py            [--framework torch] [--seed 1] [--smoke]
"""

from common.cli import run
from common.runs.config import Config

CONFIG = Config(model="mlp3", corruption="uniform", corruption_fraction=1.0)

if __name__ == "__main__":
    run(__doc__, CONFIG)
