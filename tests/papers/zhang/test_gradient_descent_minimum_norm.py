"""Section 5's statement on digits, and what is made of it."""

import pytest

from common.papers.zhang import gradient_descent
from common.papers.zhang.gradient_descent import SMOKE, GradientDescent, compute
from common.runs.config import Options

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def found():
    """As it is read."""
    result = compute(GradientDescent(**SMOKE), Options())
    record = {"environment": {"processor": "Processor", "threads": 1}, "code": {"commit": None, "dirty": None}}
    return type("Made", (), {"settings": SMOKE, "outcome": result.outcome, "record": record})()


def test_from_0_the_norm_rises_to_the_least_and_elsewhere_ends_above(found):
    zero, random = ([line for line in found.outcome["lines"] if line["start"] == start] for start in ("zero", "random"))
    norms = [line["norm"] for line in zero]
    assert norms == sorted(norms) and norms[-1] <= found.outcome["least_norm"] < random[-1]["norm"]
    for lines in (zero, random):
        assert [line["steps"] for line in lines] == [2**power for power in range(11)]
        distances = [line["to_limit"] for line in lines]
        assert distances == sorted(distances, reverse=True) and distances[-1] < distances[0] / 2
        assert max(line["to_closed_form"] for line in lines) < 1e-10
        assert lines[-1]["training_error"] < lines[0]["training_error"]
    assert found.outcome["condition"] > 10


def test_a_row_for_each_start(found):
    report = gradient_descent.report([found])
    assert [row[2] for row in report["ends"].rows] == ["zero", "random"]
    assert report["ends"].rows[0][5].value == pytest.approx(found.outcome["least_norm"])
    distance, norm = report["descent"].axes
    assert distance.get_yscale() == "log" and len(distance.lines) == 2 and len(norm.lines) == 3
    assert list(gradient_descent.cases("small")) == [{}]


@pytest.mark.parametrize(
    "changes, message",
    [
        ({"train_size": 784}, "train_size must be below the 784 values of an example. Received: train_size=784"),
        ({"steps": 0}, "steps must be positive. Received: steps=0"),
        ({"dataset": "mnits"}, "dataset must be one of .* Did you mean mnist"),
    ],
)
def test_settings_that_mean_nothing(changes, message):
    with pytest.raises(ValueError, match=message):
        GradientDescent(**changes)
