"""Figure 6 of Arpit et al. on times written out by hand: what is counted, compared and judged."""

import math

import pytest
from arpit_runs import SMALL, Runs, effect, fitting, found, verdicts
from made_up import mean_lines, seed_lines

from common.papers.arpit.time_to_fit import (
    STUDY,
    gain,
    only,
    over_capacity,
    over_examples,
    slope,
    time_figure,
    time_findings,
    time_table,
)

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


def answers(runs):
    return time_findings(runs, SMALL)


def test_time_to_fit_is_told_by_its_slopes_and_by_its_gain_from_width():
    findings = answers(timed(seeds=3))
    real, noise = math.log(8 / 6) / math.log(5), math.log(20 / 4) / math.log(5)
    assert effect(findings, "arpit-time-size-slows", "real") == pytest.approx(real)
    assert effect(findings, "arpit-time-size-slows", "80 % noise") == pytest.approx(noise)
    size = found(findings, "arpit-time-size")
    assert size.effect.mean == pytest.approx(noise - real) and size.subject == "mlp2, 80 % noise"
    assert size.numbers == f"slope {real:.2f} [{real:.2f}, {real:.2f}] on real data, 1.00 [1.00, 1.00] on 80 % noise"
    assert {run.train_n for run in size.runs} == {1000, 5000} and size.effect.n == 3
    units = -slope({16: 80, 64: 40, 256: 20}).value
    assert units == pytest.approx(0.5)
    assert effect(findings, "arpit-time-units-slow", "80 % noise") == pytest.approx(units)
    assert effect(findings, "arpit-time-units") == pytest.approx(units + slope({16: 10, 64: 8, 256: 8}).value)
    assert effect(findings, "arpit-time-capacity") == pytest.approx(math.log(2))
    assert effect(findings, "arpit-time-level") == pytest.approx(math.log(8 / 20))
    assert verdicts(findings) == [
        "undecided", "confirmed", "confirmed", "undecided", "confirmed", "confirmed", "confirmed", "contradicted",
    ]  # fmt: skip


def test_real_data_that_more_examples_make_faster_count_as_not_slowed():
    findings = answers(timed(small=(20, 22), seeds=3))
    assert effect(findings, "arpit-time-size-slows", "real") < -0.5
    noise = effect(findings, "arpit-time-size-slows", "noise")
    assert noise < 0 and effect(findings, "arpit-time-size") == pytest.approx(noise)
    assert found(findings, "arpit-time-size").verdict == "contradicted"


def test_what_a_part_of_an_epoch_would_turn_is_undecided():
    findings = answers(timed(small=(2, 4), seeds=3))  # real data: from 2 epochs, or hardly more than one, to 8
    size = found(findings, "arpit-time-size")
    assert size.verdict == "undecided" and size.numbers.endswith(
        "; parts of an epoch, in which times are not known, turn it"
    )
    assert size.effect.mean == pytest.approx(math.log(5 / 4) / math.log(5))
    equal = found(answers(timed_at(times={(256, 0.8): 8})), "arpit-time-level")
    assert equal.verdict == "undecided" and equal.effect.mean == 0


def test_noise_may_be_fitted_sooner_than_real_data():
    beside_none = fitting(256, 0.0, 0.9, 8, seed=1)  # with no noise
    level = found(answers(timed_at(beside_none, times={(256, 0.0): 40})), "arpit-time-level")
    assert (level.verdict, level.effect.n) == ("indicated", 1)
    assert level.effect.mean == pytest.approx(math.log(2))
    assert level.numbers == "epochs 40.00 on real data, 20.00 on 80 % noise"


def test_widths_at_which_some_network_does_not_fit_are_left_out():
    findings = answers(timed(unfitted=(16,)))
    assert effect(findings, "arpit-time-units-slow", "80 %") == pytest.approx(math.log(2) / math.log(4))
    assert effect(findings, "arpit-time-units-slow", "real") == 0
    findings = answers(timed(unfitted=(256,)))
    assert effect(findings, "arpit-time-capacity") == pytest.approx(math.log(2) - math.log(10 / 8))
    assert found(findings, "arpit-time-level").verdict == "not measured"
    assert found(findings, "arpit-time-size").verdict == "not measured"
    row = next(row for row in time_table(timed(unfitted=(256,)), "title").rows if row[:3] == [256, 5000, "80 %"])
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
    assert [list(line.get_xdata()) for line in mean_lines(left)] == [[16, 64, 256], [16, 256]]
    assert [list(line.get_xdata()) for line in seed_lines(left)] == [[16, 64, 256]] * 2 + [[16, 256]] * 2


def test_slope_and_gain_against_closed_forms():
    assert slope({1000: 3, 2000: 6, 4000: 12}).value == pytest.approx(1)
    low, high = (math.log(6 / 2, 2), math.log(5 / 3, 2))[::-1]
    assert slope({1000: 3, 2000: 6})[1:] == pytest.approx((low, high))
    assert slope({1000: 1, 2000: 2})[1:] == (0, math.inf)
    assert slope({1000: 3}) is None and only({}) is None
    assert only({256: 8}) == pytest.approx((math.log(8), math.log(7), math.log(8)))
    assert gain({16: 9, 64: 6, 256: 2}) == pytest.approx((math.log(3), math.log(5 / 2), math.log(6)))
    assert gain({16: 9}) is None


def test_a_report_holds_the_figure_and_the_times():
    assert list(STUDY.report(timed(), SMALL)) == ["time", "epochs_to_fit"]
    assert answers(timed().where(corruption="none")) == []
