"""The interpolation peak on digits, and what is made of it."""

import pytest
from made_up import mean_lines, seed_lines

from common.papers.zhang import interpolation
from common.papers.zhang.interpolation import RATIOS, SMOKE, InterpolationPeak, cases, compute, curves
from common.runs.config import Options

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def computed():
    """Two seeds, as they are read."""
    record = {"environment": {"processor": "Processor", "threads": 1}, "code": {"commit": None, "dirty": None}}
    made = []
    for seed in range(2):
        result = compute(InterpolationPeak(**{**SMOKE, "seed": seed}), Options())
        made.append(type("Made", (), {"settings": SMOKE, "outcome": result.outcome, "record": record})())
    return made


def test_the_error_peaks_where_features_are_as_many_as_examples(computed):
    test = curves(computed, "test_error")
    assert set(test) == {0.0, 1e-4, 1e-2} and len(test[0.0]) == len(RATIOS)
    means = {ratio: sum(values) / len(values) for ratio, values in test[0.0].items()}
    assert max(means, key=means.get) == 1.0 and means[8.0] < min(means[0.5], 0.2) < means[1.0] - 0.3
    flat = {ratio: sum(values) / len(values) for ratio, values in test[1e-2].items()}
    assert flat[1.0] < means[1.0] - 0.3
    train, norm = (curves(computed, name)[0.0] for name in ("train_error", "norm"))
    assert all(error == 0 for ratio in train if ratio >= 1 for error in train[ratio])
    assert max(norm, key=lambda ratio: min(norm[ratio])) == 1.0


def test_tables_and_figures_go_over_seeds(computed):
    report = interpolation.report(computed)
    assert [row[0] for row in report["errors"].rows][:3] == ["0.10", "0.20", "0.50"]
    assert {row[-1] for row in report["errors"].rows} == {2} and "180 training examples" in report["errors"].note
    error, norm = report["peak"].axes
    assert error.get_ylabel() == "test error (%)" and norm.get_yscale() == "log"
    penalties = len(interpolation.PENALTIES)
    assert (len(mean_lines(error)), len(seed_lines(error))) == (penalties + 1, 2 * penalties)
    assert interpolation.penalty_text(0) == "no penalty"


def test_three_draws_at_either_size():
    assert list(cases("paper")) == list(cases("small")) == [{"seed": 0}, {"seed": 1}, {"seed": 2}]


@pytest.mark.parametrize(
    "changes, message",
    [
        ({"train_size": 1}, "train_size must be at least 18. Received: train_size=1"),
        ({"test_size": 0}, "test_size must be at least 1. Received: test_size=0"),
        ({"dataset": "cifar11"}, "dataset must be one of .* Did you mean cifar10"),
    ],
)
def test_settings_that_mean_nothing(changes, message):
    with pytest.raises(ValueError, match=message):
        InterpolationPeak(**changes)


def test_more_examples_than_there_are():
    with pytest.raises(ValueError, match="train_size must be at most 50000. Received: train_size=50001"):
        interpolation.check(InterpolationPeak(train_size=50_001), Options())
