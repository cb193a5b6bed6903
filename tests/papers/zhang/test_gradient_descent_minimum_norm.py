"""Section 5's statement on digits, and what is made of it."""

import pytest
from made_up import mean_lines, seed_lines

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
    zero, random, stochastic = gradient_descent.by_way(found).values()
    norms = [line["norm"] for line in zero]
    assert norms == sorted(norms) and norms[-1] <= found.outcome["least_norm"] < random[-1]["norm"]
    for lines in (zero, random, stochastic):
        each = 8 if lines is stochastic else 1
        assert [line["steps"] for line in lines] == [each * 2**power for power in range(11)]
        distances = [line["to_limit"] for line in lines]
        assert distances[-1] < min(distances[:5]) and lines[-1]["training_error"] < lines[0]["training_error"]
    for lines in (zero, random):
        assert max(line["to_closed_form"] for line in lines) < 1e-10
    assert stochastic[0]["to_closed_form"] is None and found.outcome["condition"] > 10


def test_a_row_and_a_curve_for_each_way_down(found):
    report = gradient_descent.report([found, found])
    assert [row[0] for row in report["ends"].rows] == list(gradient_descent.WAYS)
    assert report["ends"].rows[0][3].value == pytest.approx(found.outcome["least_norm"])
    assert [row[-2] is None for row in report["ends"].rows] == [False, False, True] and report["ends"].rows[0][-1] == 2
    distance, norm = report["descent"].axes
    assert distance.get_yscale() == "log" and len(mean_lines(distance)) == 3 and len(mean_lines(norm)) == 4
    assert len(seed_lines(distance)) == len(seed_lines(norm)) == 2 * 3
    assert list(gradient_descent.cases("small")) == [{"seed": 0}, {"seed": 1}, {"seed": 2}]


def test_the_statement_is_that_stochastic_steps_end_near_the_solution_of_least_norm(found):
    (judged,) = gradient_descent.findings([found] * 3)
    assert judged.statement.id == "zhang-sgd-minimum-norm" and "20 examples of digits" in judged.subject
    assert judged.effect.mean == gradient_descent.by_way(found)[gradient_descent.STOCHASTIC][-1]["to_limit"]
    assert judged.verdict == ("confirmed" if judged.effect.mean <= 0.01 else "contradicted")
    assert judged.size == "reduced"


@pytest.mark.parametrize(
    "changes, message",
    [
        ({"train_size": 784}, "train_size must be below the 784 values of an example. Received: train_size=784"),
        ({"steps": 0}, "steps must be at least 1. Received: steps=0"),
        ({"dataset": "mnits"}, "dataset must be one of .* Did you mean mnist"),
    ],
)
def test_settings_that_mean_nothing(changes, message):
    with pytest.raises(ValueError, match=message):
        GradientDescent(**changes)
