"""Figure 6 of Arpit et al. on times written out by hand: what is counted, compared and judged."""

import math

import pytest
from arpit_runs import Runs, fitting, verdicts

from common.papers.arpit.time_to_fit import (
    STUDY,
    gain,
    over_capacity,
    over_examples,
    slope,
    time_figure,
    time_findings,
    time_table,
)
from common.runs.config import Options
from common.study import Call

TIMES = {(16, 0.0): 10, (64, 0.0): 8, (256, 0.0): 8, (16, 0.8): 80, (64, 0.8): 40, (256, 0.8): 20}


def timed(small=(6, 4), seeds=1, unfitted=()):
    """Epochs by width and noise on 5,000 examples, and of the widest network on 1,000, real and noise.

    Noise has not been fitted at all with `unfitted` widths in the first seed.
    """
    runs = [
        fitting(width, fraction, 0.9, epochs, seed=seed, last=not (seed == 0 and fraction and width in unfitted))
        for (width, fraction), epochs in TIMES.items()
        for seed in range(seeds)
    ]
    runs += [
        fitting(256, fraction, 0.9, epochs, train_n=1000, seed=seed)
        for fraction, epochs in zip((0.0, 0.8), small, strict=True)
        for seed in range(seeds)
    ]
    return Runs(runs)  # fmt: skip


def timed_at(*others, times):
    """Times on 5,000 examples, some of them others: {(width, noise): epochs}."""
    return Runs([*(fitting(*place, 0.9, epochs) for place, epochs in {**TIMES, **times}.items()), *others])


def test_time_to_fit_is_compared_by_its_growth_with_examples_and_its_gain_from_width():
    runs = timed()
    found = time_findings(runs)
    assert len(found) == 9 and {finding.verdict for finding in found[6:8]} == {"confirmed"}
    assert found[7].n == "1 of 1 seeds"
    size, capacity, level = found[6:]
    real, noise = math.log(8 / 6) / math.log(5), math.log(20 / 4) / math.log(5)
    assert size.numbers == f"slope {real:.2f} on real data, {noise:.2f} on noise"
    assert capacity.numbers == f"gain from the largest width 0.00 on real data, {math.log(2):.2f} on noise"
    assert size.runs == "PyTorch, float32, train_n=1000, 5000"
    assert size.subject == "mlp2, 80 % noise, 100 %" and size.n == "1 of 1 seeds"
    runs = timed(small=(2, 12), seeds=2)
    assert time_findings(runs)[6].n == "0 of 2 seeds"
    assert (level.numbers, level.verdict) == ("epochs 8.0 on real data, 20.0 on noise", "not confirmed")


def test_noise_that_more_examples_or_units_do_not_change_speaks_against_the_paper_whatever_real_data_do():
    runs = timed(small=(10, 24))
    assert time_findings(runs)[6].verdict == "not confirmed"
    assert time_findings(timed_at(times={(64, 0.0): 6, (256, 0.8): 42}))[7].verdict == "not confirmed"


def test_what_an_epoch_more_or_less_would_turn_is_undecided():
    runs = timed(small=(2, 4))  # real data: from 2 epochs, or hardly more than one, to 8
    assert time_findings(runs)[6].verdict == "undecided"
    assert time_findings(timed_at(times={(256, 0.8): 40}))[7].verdict == "undecided"
    assert time_findings(timed_at(times={(256, 0.8): 8}))[8].verdict == "undecided"


def test_noise_may_be_fitted_sooner_than_real_data():
    beside_none = fitting(256, 0.0, 0.9, 8, seed=1)  # with no noise
    found = time_findings(timed_at(beside_none, times={(256, 0.0): 21}))[8]
    assert (found.verdict, found.n) == ("confirmed", "1 of 1 seeds, 1 not measured")
    assert found.numbers == "epochs 21.0 on real data, 20.0 on noise"


def test_a_time_that_is_not_reached_is_not_measured():
    runs = timed(unfitted=(256,))
    found = time_findings(runs)
    assert [finding.verdict for finding in found[6:]] == ["not measured"] * 3
    assert "not measured" not in {finding.verdict for finding in found[:3]}  # 99 % it has reached
    row = next(row for row in time_table(runs, "title").rows if row[:3] == [256, 5000, "80 %"])
    assert row[4].value == 19 and row[5:] == [None, None]


def test_curves_are_over_width_at_the_most_examples_and_over_examples_at_the_largest_width():
    runs = timed()
    assert {fraction: len(group) for fraction, group in over_capacity(runs).items()} == {0: 3, 0.8: 3}
    assert {fraction: len(group) for fraction, group in over_examples(runs).items()} == {0: 2, 0.8: 2}
    left, right = time_figure(runs, "title").axes[:2]
    assert [list(line.get_ydata()) for line in left.lines] == [[10, 8, 8], [80, 40, 20]]
    assert [list(line.get_xdata()) for line in right.lines] == [[1000, 5000]] * 2


def test_the_figure_has_no_point_where_a_seed_is_missing():
    runs = timed(seeds=2, unfitted=(64,))
    left = time_figure(runs, "title").axes[0]
    assert [list(line.get_xdata()) for line in left.lines] == [[16, 64, 256], [16, 256]]


def test_slope_and_gain_against_closed_forms():
    assert slope({1000: 3, 2000: 6, 4000: 12}).value == pytest.approx(1)
    low, high = (math.log(6 / 2, 2), math.log(5 / 3, 2))[::-1]
    assert slope({1000: 3, 2000: 6})[1:] == pytest.approx((low, high))
    assert slope({1000: 1, 2000: 2})[1:] == (0, math.inf)
    assert slope({1000: 3, 2000: None}) is None and slope({1000: 3}) is None
    assert gain({16: 9, 64: 6, 256: 2}) == pytest.approx((math.log(3), math.log(5 / 2), math.log(6)))
    assert gain({16: 9}) is None and gain({16: None, 64: 3}) is None


def test_a_report_holds_the_figure_the_times_and_the_verdicts():
    items = STUDY.report(timed(), Call("small", STUDY.grid, Options()))
    assert list(items) == ["time", "epochs_to_fit", "claims"] and len(items["claims"].rows) == 9
    assert verdicts(time_findings(timed().where(corruption="none"))) == []
