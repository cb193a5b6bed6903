"""Named random streams: adding one changes no other, and nothing is seeded globally."""

import hashlib
import json

import numpy as np


def stream(seed: int, *names: str | int) -> np.random.Generator:
    """A generator that depends on the seed and the names alone, e.g. `stream(0, "order", epoch)`."""
    digest = hashlib.sha256(json.dumps([seed, *names]).encode()).digest()
    return np.random.default_rng(np.random.SeedSequence(int.from_bytes(digest[:16], "little")))


def integer(seed: int, *names: str | int) -> int:
    """A seed in [0, 2**31) for generators that are not numpy's."""
    return int(stream(seed, *names).integers(2**31))
