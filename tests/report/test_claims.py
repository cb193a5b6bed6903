import dataclasses
import math

import pytest
from made_up import a_run
from scipy import stats

from common.report.claims import Finding, Statement, Targets, decide, gap, growth, judge, judged_number, runs_text
from common.report.numbers import estimate, mean_interval, wilson_interval
from common.report.runs import Runs

NUMBER = Statement("a", "a paper", "Table 1", "half of it", value=0.5, band=(0.49, 0.56))


def test_mean_interval_is_the_t_interval():
    values = [0.51, 0.53, 0.56]
    expected = stats.ttest_1samp(values, 0).confidence_interval(0.95)
    assert mean_interval(values) == pytest.approx((1.6 / 3, expected.low, expected.high), abs=1e-12)
    assert mean_interval([0.0, 1.0]) == pytest.approx((0.5, 0.5 - 12.7062047 / 2, 0.5 + 12.7062047 / 2))
    assert mean_interval([0.4, 0.4]) == (0.4, 0.4, 0.4)


def test_mean_interval_needs_two_values():
    with pytest.raises(ValueError, match="at least 2 values. Received: n=1"):
        mean_interval([0.5])


def test_wilson_interval_against_known_values():
    # Newcombe (1998), table I, method 3.
    assert wilson_interval(81, 263) == pytest.approx((0.2553, 0.3662), abs=5e-5)
    assert wilson_interval(0, 20) == pytest.approx((0.0, 0.1611), abs=5e-5)
    low, high = wilson_interval(9_000, 10_000)
    scipy = stats.binomtest(9_000, 10_000).proportion_ci(method="wilson")
    assert (low, high) == pytest.approx((scipy.low, scipy.high), abs=1e-12)
    assert wilson_interval(20, 20)[1] == 1.0


@pytest.mark.parametrize(("correct", "n"), [(1, 0), (3, 2), (-1, 2)])
def test_wilson_interval_refuses_impossible_counts(correct, n):
    with pytest.raises(ValueError, match="Received: correct="):
        wilson_interval(correct, n)


def test_null_is_left_out_and_never_counts_as_zero():
    assert estimate([None, 0.5, None, 0.54]) == estimate([0.5, 0.54])
    assert estimate([0.5, None]).mean == 0.5
    empty, verdict = judge(NUMBER, [None, None])
    assert (verdict, empty.n, empty.mean, empty.low) == ("not measured", 0, None, None)
    assert judge(NUMBER, [])[1] == "not measured"


def test_zero_is_a_measurement():
    found, verdict = judge(NUMBER, [0.0, 0.0])
    assert (verdict, found.n, found.mean) == ("outside band", 2, 0.0)


def test_a_number_outside_its_band_says_what_was_looked_for_and_one_inside_does_not():
    said = dataclasses.replace(NUMBER, cause="not found")
    told = [Finding(said, "", verdict=verdict, numbers=numbers).told for verdict, numbers in
            (("outside band", "0.5"), ("outside band", None), ("in band", "0.5"), ("in band", None))]  # fmt: skip
    assert told == ["0.5. Cause: not found", "Cause: not found", "0.5", ""]


def test_one_seed_has_a_wilson_interval_over_its_test_examples():
    found, verdict = judge(NUMBER, [None, 0.52], [None, (5_200, 10_000)])
    assert (verdict, found.n, found.interval_kind) == ("in band", 1, "Wilson, 1 seed")
    assert (found.low, found.high) == wilson_interval(5_200, 10_000)
    without, _ = judge(NUMBER, [0.52])
    assert (without.low, without.high, without.interval_kind) == (None, None, "1 seed")


def test_several_seeds_have_a_t_interval():
    found, _ = judge(NUMBER, [0.5, 0.52, 0.54], [(1, 2), (1, 2), (1, 2)])
    assert (found.interval_kind, found.n) == ("t, 3 seeds", 3)
    assert (found.mean, found.low, found.high) == mean_interval([0.5, 0.52, 0.54])


@pytest.mark.parametrize(
    ("value", "holds"), [(0.49, True), (0.56, True), (0.4899, False), (0.57, False), (math.nan, False)]
)
def test_the_band_includes_its_ends(value, holds):
    assert judge(NUMBER, [value])[1] == ("in band" if holds else "outside band")


def test_a_claim_without_a_band_is_measured_but_not_decided():
    found, verdict = judge(Statement("b", "a paper", "Figure 1b", value=1.79), [1.7, 1.9])
    assert (verdict, found.n) == ("no band", 2)
    assert found.mean == pytest.approx(1.8)


def test_a_band_may_be_open():
    assert judge(Statement("c", "a paper", "text", band=(0.9, None)), [0.95])[1] == "in band"
    assert judge(Statement("c", "a paper", "text", band=(None, 0.9)), [0.95])[1] == "outside band"


@pytest.mark.parametrize(
    ("effects", "verdict"),
    [
        ([], "not measured"),
        ([None, None, None], "not measured"),
        ([0.3], "indicated"),
        ([0.1, 0.5], "indicated"),
        ([0.1], "not indicated"),
        ([0.10, 0.11, 0.12, None], "contradicted"),
        ([0.3, 0.31, 0.32], "confirmed"),
        ([0.25, 0.25, 0.25], "confirmed"),  # the smallest effect itself counts
        ([0.3, 0.5, 0.9], "undecided"),
        ([-0.1, 0.3, 0.6], "undecided"),
        ([0.3, 0.31, math.nan], "undecided"),  # a seed whose numbers do not tell is not left out
    ],
)
def test_a_statement_is_decided_by_the_interval_of_its_effect(effects, verdict):
    found, decided = decide(effects, (0.25, None))
    assert decided == verdict
    assert found.n == sum(effect is not None for effect in effects)


def test_equivalence_needs_the_interval_within_its_band():
    assert decide([0.99, 1.0, 1.01], (0.9, 1.1))[1] == "confirmed"
    assert decide([0.9, 1.0, 1.1], (0.9, 1.1))[1] == "undecided"
    assert decide([1.2, 1.21, 1.22], (0.9, 1.1))[1] == "contradicted"


def test_targets_become_statements_and_findings(tmp_path):
    (tmp_path / "statements.json").write_text(
        '[{"id": "order", "paper": "P", "source": "S", "statement": "a before b", "band": [0.5, null], "more": 1},'
        ' {"id": "open", "paper": "P", "source": "S", "statement": "c"}]'
    )
    targets = Targets(tmp_path)
    with pytest.raises(ValueError, match="Did you mean statements"):
        targets.of("statement")
    with pytest.raises(ValueError, match="Did you mean order"):
        targets.statement("ordr")
    assert targets.of("statements")[0] is targets.of("statements")[0]  # read once
    found = targets.tested("order", "mlp", effects=[0.6, 0.61, 0.62], numbers="0.6")
    assert (found.verdict, found.statement.evidence, found.numbers, found.measured) == (
        "confirmed",
        "order",
        "0.6",
        True,
    )
    why = targets.tested("order", "mlp", effects=[0.6, 0.61, 0.62], numbers="0.6", undecided="neither fits")
    assert (why.verdict, why.numbers) == ("undecided", "0.6; neither fits")
    assert targets.tested("open", "mlp") == Finding(targets.statement("open"), "mlp") and not why.size == "full size"
    with pytest.raises(ValueError, match="must have a band. Received: statement=open"):
        targets.tested("open", "mlp", effects=[0.1])


def test_a_number_is_stated_by_its_row_and_quantity():
    target = {
        "id": "n",
        "paper": "P",
        "source": "T",
        "row": "MLP",
        "quantity": "test_accuracy",
        "value": 0.5,
        "band": [0, 1],
    }
    said = Statement.of(target)
    assert (said.statement, said.value, said.band, said.evidence) == ("MLP: test_accuracy", 0.5, (0, 1), "n")
    found = judged_number(target, "MLP", Runs([a_run()]), [0.4], [(40, 100)])
    assert (found.statement, found.verdict, found.size) == (said, "in band", "full size")
    assert (found.effect.mean, found.effect.n, found.effect.low) == (0.4, 1, wilson_interval(40, 100)[0])
    assert judged_number(target, "MLP").verdict == "not measured"


@pytest.mark.parametrize(
    ("levels", "least"),
    [
        ([[1], [2], [4, 3], [6]], 1),
        ([[1], [2], [3, 5], [5]], 0),
        ([[1], [3], [2, 4], [5]], -1),
        ([[1], [2], [3, None], [5]], None),
        ([[1], [2], [], [5]], None),
    ],
)
def test_gap_is_the_least_distance_of_levels(levels, least):
    assert gap(levels) == least


def test_growth_is_spearmans_correlation():
    points = {0.0: 10, 0.2: 19, 0.4: 18, 0.6: 27, 1.0: 27}
    assert growth(points) == pytest.approx(stats.spearmanr([0, 1, 2, 3, 4], [10, 19, 18, 27, 27]).statistic)
    assert growth(dict(reversed(points.items()))) == pytest.approx(growth(points))
    assert growth({0.0: 5, 0.5: 5, 1.0: 5}) == 0
    assert growth({0.0: 1, 1.0: 2}) is None and growth({0.0: 1, 0.4: 3, 0.6: None, 1.0: 4}) is None


def test_runs_that_tested_are_told_by_framework_precision_and_size():
    runs = [a_run(seed=0), a_run(seed=1, framework="keras", train_n=500)]
    assert runs_text(runs) == "Keras, float32, train_n=500; PyTorch, float32, train_n=50000"
    assert runs_text([a_run(downscale=2)]) == "PyTorch, float32, train_n=50000, images 2 times smaller"
    assert runs_text([]) is None
