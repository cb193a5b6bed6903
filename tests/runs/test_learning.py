"""First-learned epochs and forgetting counts against histories written out by hand."""

import numpy as np

from common.runs.learning import Learning

CORRECT = [  # five examples after each epoch
    [1, 0, 0, 1, 0],  # the untrained network
    [0, 1, 0, 1, 0],
    [0, 0, 1, 1, 0],
    [1, 1, 1, 1, 0],
    [1, 0, 1, 1, 0],
]


def learned(epochs, learning=None):
    learning = learning or Learning(5)
    for epoch in epochs:
        learning.update(epoch, np.array(CORRECT[epoch], bool))
    return learning


def test_an_example_is_learned_once_and_forgotten_whenever_it_goes_from_right_to_wrong():
    learning = learned(range(5))
    np.testing.assert_array_equal(learning.learned_epochs, [3, 1, 2, 1, -1])
    np.testing.assert_array_equal(learning.times_forgotten, [0, 2, 0, 0, 0])


def test_what_the_untrained_network_gets_right_is_not_learned_and_cannot_be_forgotten():
    learning = learned(range(2))
    np.testing.assert_array_equal(learning.learned_epochs, [-1, 1, -1, 1, -1])
    assert not learning.times_forgotten.any()


def test_what_is_restored_goes_on_as_if_never_interrupted():
    arrays = {name: array.copy() for name, array in learned(range(3)).arrays().items()}
    again = Learning(5)
    again.restore(arrays)
    again, whole = learned(range(3, 5), again), learned(range(5))
    for name, array in whole.arrays().items():
        np.testing.assert_array_equal(again.arrays()[name], array)
