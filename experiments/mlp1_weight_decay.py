"""mlp1 weight_decay

Claim:
Run:       python experiments/mlp1_weight_decay.py            [--framework torch] [--seed 1] [--smoke]
"""

from common.cli import run
from common.runs.config import Config

CONFIG = Config(model="mlp1", weight_decay=1e-4)

if __name__ == "__main__":
    run(__doc__, CONFIG)
