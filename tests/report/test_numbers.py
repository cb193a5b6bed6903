"""Numbers over seeds in words, and statements with what was measured."""

import json

import pytest
from made_up import a_run

from common.report.claims import Targets
from common.report.numbers import compared, less, rate, share


def test_named_values_are_means_over_the_seeds_that_have_all():
    names = ("on real data", "on noise")
    assert compared([(1.0, 2.0), (None, 9.0), (1.0, 2.0)], names) == "1.00 [1.00, 1.00] on real data, " \
        "2.00 [2.00, 2.00] on noise"  # fmt: skip
    assert compared([(None, 1.0)], names) is None and compared([], names) is None
    assert compared([((1, 4), (3, 4))], names, text=rate).endswith("% (3 of 4) on noise")


def test_a_rate_of_one_seed_says_how_many_of_how_many():
    assert share((1, 4)) == 0.25
    assert rate([(1, 4)]) == "25.00 [4.56, 69.94] % (1 of 4)"
    assert rate([(1, 4), (1, 4)]) == "25.00 [25.00, 25.00] %" and rate([]) == "–"


def test_a_difference_with_what_was_not_measured_is_null():
    assert less(0.5, 0.2) == pytest.approx(0.3) and less(None, 1.0) is less(1.0, None) is None


@pytest.fixture
def targets(tmp_path):
    statement = {
        "id": "order",
        "paper": "A paper",
        "source": "Figure 1",
        "statement": "it grows",
        "band_source": "rank",
    }
    (tmp_path / "statements.json").write_text(json.dumps([statement]))
    return lambda paper: Targets(tmp_path, paper)


def test_a_statement_is_confirmed_where_it_holds_in_every_seed(targets):
    runs = [a_run(seed=0), a_run(seed=1, framework="keras", train_n=500)]
    found = targets(False).judged("order", "mlp1", runs, "1.00", [True, True])
    assert (found.statement, found.source, found.criterion, found.subject) == ("it grows", "Figure 1", "rank", "mlp1")
    assert found.runs == "Keras, float32, train_n=500; PyTorch, float32, train_n=50000"
    assert (found.n, found.verdict) == ("2 of 2 seeds", "confirmed")
    assert targets(False).judged("order", "mlp1", runs, "1.00", [True, False], "7 networks").n == "7 networks"


def test_a_statement_without_runs_is_not_measured_and_may_name_its_paper(targets):
    found = targets(True).finding("order", "mlp1")
    assert (found.source, found.runs, found.verdict) == ("A paper: Figure 1", None, "not measured")
