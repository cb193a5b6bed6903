"""Counting of findings, and a simulation of the rule that decides on statements."""

from dataclasses import replace

import numpy as np
import pytest

from common.report.claims import Finding, Statement, decide
from common.report.numbers import Estimate
from common.report.verdicts import by_chance, evidence, independent, matrix, owners, power

SAID = Statement("a", "A paper", "Figure 1", "a grows", evidence="gradient")
FOUND = Finding(SAID, "mlp on mnist", effect=Estimate(3, 0.1, 0.05, 0.15), verdict="confirmed")
DRAWS = 10_000


@pytest.mark.parametrize("n", [3, 5])
@pytest.mark.parametrize("smallest", [0.01, 0.5, 2.0])  # in standard deviations over seeds
def test_under_no_effect_at_most_one_in_twenty_is_confirmed(n, smallest):
    draws = np.random.default_rng(0).normal(0, 1, (DRAWS, n)).tolist()
    confirmed = sum(decide(seeds, (smallest, None))[1] == "confirmed" for seeds in draws)
    assert confirmed <= 0.05 * DRAWS
    assert confirmed / DRAWS == pytest.approx(power(smallest, 0, 1, n), abs=0.005)


def test_power_is_that_of_the_rule():
    draws = np.random.default_rng(1).normal(2, 1, (DRAWS, 5)).tolist()
    confirmed = sum(decide(seeds, (1.0, None))[1] == "confirmed" for seeds in draws)
    assert confirmed / DRAWS == pytest.approx(power(1, 2, 1, 5), abs=0.015)
    assert power(1, 2, 0.5, 5) > 0.8 > power(1, 2, 1, 5)
    assert (power(1, 2, 0, 3), power(1, 0.5, 0, 3)) == (1, 0)


def test_the_same_evidence_counts_once():
    keras = replace(FOUND, verdict="indicated", effect=Estimate(1, 0.1))
    other_norm = replace(FOUND, statement=replace(SAID, id="b"), verdict="undecided")
    elsewhere = replace(FOUND, subject="mlp on cifar10")
    full = replace(FOUND, size="full size")
    missing = replace(FOUND, statement=replace(SAID, evidence="c"), verdict="not measured")
    assert independent([keras, FOUND, other_norm, elsewhere, full, missing]) == [other_norm, elsewhere, full]


def test_a_number_is_one_whatever_it_was_measured_on():
    inside = replace(FOUND, verdict="in band", size="full size", is_number=True)
    outside, none = replace(inside, verdict="outside band", subject="Keras"), replace(inside, verdict="no band")
    other = replace(inside, statement=replace(SAID, id="b"))
    assert independent([inside, none, outside, other]) == [outside, other]
    assert evidence(inside) == evidence(outside) != evidence(other) == ("b",)
    assert evidence(FOUND) == ("gradient", "mlp on mnist")


def test_evidence_belongs_to_the_paper_that_speaks_of_it_first():
    against = replace(FOUND, statement=replace(SAID, paper="Another"), verdict="undecided")
    assert owners([FOUND, against]) == {("gradient", "mlp on mnist"): "A paper"}
    assert matrix([FOUND, against]) == {("A paper", "reduced"): {"undecided": [against]}}


def test_matrix_and_chance():
    few = replace(FOUND, verdict="indicated", effect=Estimate(2, 0.1), size="full size")
    assert matrix([FOUND, few]) == {
        ("A paper", "reduced"): {"confirmed": [FOUND]},
        ("A paper", "full size"): {"indicated": [few]},
    }
    assert by_chance([FOUND, FOUND, few]) == {"confirmed": pytest.approx(0.05), "indicated": 0.5}
