"""Scores of examples: the same bits from batches of logits as from all of them, and no more memory than a batch."""

import math
import tracemalloc

import numpy as np
import pytest
from scipy.special import softmax
from sklearn.metrics import log_loss, top_k_accuracy_score

from common.runs.evaluation import cross_entropy, finite, mean, score, share, top5
from common.runs.task import untouched

pytestmark = pytest.mark.slow


class Batches:
    """A trainer whose logits are drawn batch by batch."""

    def __init__(self, size, classes=10, dtype=np.float32):
        self.size, self.classes, self.dtype = size, classes, dtype

    def feature_batches(self, inputs, layer):
        assert layer == "logits"
        for start in range(0, len(inputs), self.size):
            places = inputs[start : start + self.size]
            yield np.stack([np.random.default_rng(place).normal(0, 5, self.classes) for place in places]).astype("f")


def examples(n, classes=10):
    labels = np.random.default_rng(0).integers(classes, size=n)
    return untouched(np.arange(n), labels, np.arange(n))


@pytest.mark.parametrize("size", [1, 7, 250, 999])
def test_batches_give_the_bits_of_all_logits_at_once(size):
    whole = np.concatenate(list(Batches(1000).feature_batches(np.arange(1000), "logits")))
    given = examples(1000)
    losses, predictions, ranks = score(Batches(size), given, given.labels)
    np.testing.assert_array_equal(losses, cross_entropy(whole, given.labels))
    np.testing.assert_array_equal(predictions, whole.argmax(1))
    order = (-whole).argsort(1)
    np.testing.assert_array_equal(order[np.arange(1000), ranks], given.labels)
    five = top_k_accuracy_score(given.labels, whole, k=5, labels=np.arange(10))
    assert top5(ranks, 10) == five and top5(ranks, 5) is None
    assert mean(losses) == float(np.mean(cross_entropy(whole, given.labels)))


def test_memory_is_that_of_a_batch():
    class Zeros(Batches):
        def feature_batches(self, inputs, layer):
            return (np.zeros((self.size, self.classes), np.float32) for _ in range(0, len(inputs), self.size))

    given = examples(10_000, 1000)
    tracemalloc.start()
    score(Zeros(100, 1000), given, given.labels)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 8e6  # all logits are 40 MB


def test_a_label_whose_logits_are_no_numbers_comes_last():
    class Nothing(Batches):
        def feature_batches(self, inputs, layer):
            yield np.full((len(inputs), self.classes), np.nan, np.float32)

    assert (score(Nothing(4), examples(4), examples(4).labels).ranks == 10).all()


def test_of_no_examples_nothing_is_measured():
    losses, predictions, ranks = score(None, examples(0), np.array([], np.int64))
    assert mean(losses) is None and share(predictions == 0) is None and top5(ranks, 10) is None
    assert share(np.array([True, False, False, False])) == 0.25


def test_cross_entropy_is_scikit_learns_also_for_large_logits():
    random = np.random.default_rng(0)
    logits, labels = random.normal(0, 3, (50, 4)).astype(np.float32), random.integers(4, size=50)
    expected = log_loss(labels, softmax(logits.astype(np.float64), axis=1), labels=range(4))
    assert mean(cross_entropy(logits, labels)) == pytest.approx(expected, rel=1e-12)
    assert cross_entropy(np.float32([[1e30, 0], [3e4, 0]]), np.array([0, 1])).tolist() == [0, 3e4]
    assert cross_entropy(np.zeros((5, 10), np.float32), np.arange(5)) == pytest.approx([math.log(10)] * 5)


def test_a_mean_that_is_not_finite_is_none():
    assert mean(cross_entropy(np.float32([[np.nan, 0], [0, 0]]), np.array([0, 0]))) is None
    assert (finite(math.inf), finite(None), finite(0.0)) == (None, None, 0.0)
