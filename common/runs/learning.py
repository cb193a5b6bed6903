"""When each training example was learned and how often it was forgotten, over the epochs of a run."""

import numpy as np
from numpy.typing import NDArray

NEVER = -1


class Learning:
    """First epoch, counted from 1, after which each example was right, and how often it went from right to wrong.

    A forgetting event (Toneva et al. 2019) is counted between ends of epochs, not between presentations. int32 (n,).
    Epochs after which the training set was not measured (`train_evaluation_every`) do not count in either.
    """

    def __init__(self, n: int):
        self.learned_epochs = np.full(n, NEVER, np.int32)
        self.times_forgotten = np.zeros(n, np.int32)
        self.correct = np.zeros(n, bool)

    def update(self, epoch: int, correct: NDArray[np.bool_]) -> None:
        """What was right, (n,), after an epoch; the untrained network, epoch 0, has learned nothing."""
        if epoch:
            self.times_forgotten += self.correct & ~correct
            self.learned_epochs[correct & (self.learned_epochs == NEVER)] = epoch
            self.correct = correct

    def arrays(self) -> dict[str, NDArray[np.generic]]:
        """All of it, by name."""
        return dict(vars(self))

    def restore(self, arrays: dict[str, NDArray[np.generic]]) -> None:
        """Inverse of `arrays`."""
        vars(self).update(arrays)
