"""Figures 5 and 6 of Arpit et al. on curves written out by hand: what is counted, compared and judged."""

import math

import pytest
from made_up_runs import a_run, collected

from common.report.capacity import (
    best_width,
    by_share,
    capacity_figure,
    capacity_findings,
    capacity_table,
    gain,
    over_capacity,
    over_examples,
    panels,
    slope,
    time_figure,
    time_findings,
    time_table,
)

WIDTHS = (16, 64, 256)


def run(width, fraction, validation, epochs=10, rule="gaussian", seed=0, train_n=5000, dataset="mnist", final=None):
    """A network that is at 99 % one epoch before it is at 100 %, and best at the second epoch."""
    lines = [{"epoch": 0, "train_accuracy": 0.1, "validation_accuracy": 0.1}]
    for epoch in range(1, epochs + 1):
        train = 1.0 if epoch == epochs else 0.99 if epoch == epochs - 1 else 0.9
        lines.append({"epoch": epoch, "train_accuracy": train, "validation_accuracy": validation - 0.01})
    lines[2]["validation_accuracy"] = validation + 0.02
    outcome = {"validation_accuracy": validation if final is None else final, "train_accuracy": 1.0}
    corruption = {"corruption": rule if fraction else "none", "corruption_fraction": fraction}
    return a_run(lines, outcome, train_n, model="mlp2", width=width, seed=seed, dataset=dataset, **corruption)


def grid(best={0.0: 16, 0.8: 256}, seeds=1, **changes):  # noqa: B006
    """Validation accuracies whose best width is given for each share."""
    return collected(
        run(width, fraction, 0.9 - 0.03 * abs(math.log2(width / top)), seed=seed, **changes)
        for fraction, top in best.items() for width in WIDTHS for seed in range(seeds)
    )  # fmt: skip


def verdicts(findings, name):
    return [(finding.subject, finding.verdict, finding.n) for finding in findings if name in finding.statement]


def test_noise_shares_a_panel_with_real_data_and_removed_noise_has_its_own():
    records, _ = grid()
    labels, _ = grid({0.8: 16}, rule="uniform")
    fewer, _ = grid({0.0: 16}, train_n=1000)
    found = panels([*records, *labels, *fewer])
    assert {name: len(runs) for name, runs in found.items()} == {
        "mnist, random inputs": 6, "mnist, random labels": 6, "mnist, real data alone": 6,
    }  # fmt: skip
    assert {share: len(runs) for share, runs in by_share(found["mnist, real data alone"]).items()} == {
        0: 3,
        0.8: 3,
    }


def test_real_data_without_any_noise_beside_have_a_panel_too():
    records, _ = grid({0.0: 16})
    assert {name: len(runs) for name, runs in panels(records).items()} == {"mnist, real data alone": 3}
    assert len(capacity_figure(records, "title").axes) == 1


def test_the_best_width_is_that_of_the_best_accuracy_at_the_end_and_the_smaller_of_equals():
    records, _ = collected([run(16, 0, 0.9), run(64, 0, 0.9), run(256, 0, 0.95, final=0.8)])
    assert best_width(records) == 16
    assert best_width([]) is None


@pytest.mark.parametrize("smaller, expected", [(0.891, 16), (0.889, 64)])
def test_a_smaller_width_within_one_standard_error_of_the_best_is_as_good(smaller, expected):
    records, _ = collected([run(16, 0, smaller), run(64, 0, 0.9)])
    for record in records:
        record["data"]["validation_n"] = 900  # standard error 0.01
    assert best_width(records) == expected


def test_where_no_width_has_fitted_none_is_the_best():
    def fitted(share):
        records, _ = grid({0.0: 64, 0.8: 256})
        for record in records:
            if record["config"]["corruption_fraction"]:
                record["outcome"]["train_accuracy"] = share
        return records

    for share, verdict, told in ((0.99, "confirmed", "64, 256"), (0.98, "not measured", "64, none fitted")):
        (found,) = [each for each in capacity_findings(fitted(share)) if "more noise" in each.statement]
        assert (found.verdict, found.numbers) == (verdict, f"best width at 0, 80 % noise: {told}")


@pytest.mark.parametrize("best, verdict", [
    ({0.0: 16, 0.4: 64, 0.8: 256}, "confirmed"),
    ({0.0: 64, 0.8: 64}, "confirmed"),
    ({0.0: 64, 0.8: 16}, "not confirmed"),
])  # fmt: skip
def test_capacity_is_confirmed_where_the_best_width_does_not_fall_in_any_seed(best, verdict):
    records, _ = grid(best, seeds=2)
    ((subject, found, n),) = verdicts(capacity_findings(records), "more noise")
    assert (subject, found) == ("mnist, random inputs", verdict)
    assert n == ("2 of 2 seeds" if verdict == "confirmed" else "0 of 2 seeds")


def test_shares_of_noise_are_compared_at_the_widths_that_all_of_them_have():
    records, _ = grid({0.0: 64, 0.8: 64})
    wider, _ = collected([run(4096, 0, 0.99)])
    (found,) = [each for each in capacity_findings([*records, *wider]) if "more noise" in each.statement]
    assert (found.verdict, found.numbers) == ("confirmed", "best width at 0, 80 % noise: 64, 64")


def test_where_the_widest_network_is_always_the_best_nothing_is_decided():
    records, _ = grid({0.0: 256, 0.8: 256}, seeds=2)
    fewer, _ = grid({0.0: 256}, train_n=1000, seeds=2)
    for name in ("more noise", "smaller network"):
        assert verdicts(capacity_findings([*records, *fewer]), name)[0][1] == "undecided"
    fallen, _ = grid({0.0: 256, 0.8: 64})
    assert verdicts(capacity_findings(fallen), "more noise")[0][1] == "not confirmed"


def test_of_random_labels_the_best_widths_are_told_without_a_verdict():
    records, _ = grid(rule="uniform", dataset="cifar10", seeds=2)
    labels, maximal = capacity_findings(records)
    assert (labels.numbers, labels.n) == ("best width at 0, 80 % noise: 16, 256; 16, 256", "2 seeds")
    assert (labels.subject, labels.verdict, maximal.verdict) == ("cifar10, random labels", "no band", "not measured")
    records, _ = grid(rule="uniform")
    assert [finding.verdict for finding in capacity_findings(records)] == ["not measured"] * 2


@pytest.mark.parametrize("at, verdict", [(0.981, "confirmed"), (0.979, "not confirmed")])
def test_4096_units_are_close_to_maximal_where_no_width_is_clearly_better(at, verdict):
    records, _ = collected([run(256, 0, 0.9), run(4096, 0, at), run(8192, 0, 0.985), run(256, 0.8, 0.9)])
    found = capacity_findings(records)[-1]
    assert (found.verdict, found.subject) == (verdict, "mnist, real data")
    assert found.numbers == f"validation accuracy (%): {100 * at:.2f} at 4096 units, 98.50 at the best width"
    narrower, _ = collected([run(256, 0, 0.9), run(4096, 0, at), run(256, 0.8, 0.9)])
    assert (capacity_findings(narrower)[-1].verdict, capacity_findings(narrower)[-1].numbers) == ("not measured", None)


@pytest.mark.parametrize("without", [16, 64])
def test_without_its_noise_examples_a_smaller_network_is_best(without):
    records, _ = grid({0.0: 16, 0.8: 256})
    fewer, _ = grid({0.0: without}, train_n=1000)
    ((_, found, _),) = verdicts(capacity_findings([*records, *fewer]), "smaller network")
    assert found == "confirmed"


@pytest.mark.parametrize("without", [16, 64])
def test_without_its_noise_examples_a_wider_one_or_the_same_speaks_against_the_paper(without):
    records, _ = grid({0.0: 16, 0.8: 16})
    fewer, _ = grid({0.0: without}, train_n=1000)
    ((_, found, n),) = verdicts(capacity_findings([*records, *fewer]), "smaller network")
    assert (found, n) == ("not confirmed", "0 of 1 seeds")


def test_the_table_holds_the_end_and_the_best_over_epochs():
    records, histories = collected([run(64, 0.8, 0.7), run(64, 0.8, 0.72, seed=1)])
    (row,) = capacity_table(records, histories, "title").rows
    assert row[:5] == ["mnist, random inputs", "80 %", 64, 5000, 2]
    assert [cell.value for cell in row[5:]] == pytest.approx([0.71, 0.73, 1.0])
    axes = capacity_figure(records, "title").axes
    assert axes[0].get_title() == "mnist, random inputs" and axes[0].lines[0].get_ydata() == pytest.approx([71])


TIMES = {(16, 0.0): 10, (64, 0.0): 8, (256, 0.0): 8, (16, 0.8): 80, (64, 0.8): 40, (256, 0.8): 20}


def timed(small=(6, 4), seeds=1):
    """Epochs by width and noise on 5,000 examples, and of the widest network on 1,000, real and noise."""
    runs = [run(width, f, 0.9, epochs, seed=s) for (width, f), epochs in TIMES.items() for s in range(seeds)]
    runs += [run(256, f, 0.9, epochs, train_n=1000, seed=s)
             for f, epochs in zip((0.0, 0.8), small, strict=True) for s in range(seeds)]  # fmt: skip
    return collected(runs)


def test_time_to_fit_is_compared_by_its_growth_with_examples_and_its_gain_from_width():
    records, histories = timed()
    found = time_findings(records, histories)
    assert len(found) == 9 and {finding.verdict for finding in found[6:8]} == {"confirmed"}
    assert found[7].n == "1 of 1 seeds"
    size, capacity, level = found[6:]
    real, noise = math.log(8 / 6) / math.log(5), math.log(20 / 4) / math.log(5)
    assert size.numbers == f"slope {real:.2f} on real data, {noise:.2f} on noise"
    assert capacity.numbers == f"gain from the largest width 0.00 on real data, {math.log(2):.2f} on noise"
    assert size.runs == "PyTorch, float32, train_n=1000, 5000"
    assert size.subject == "mlp2, 80 % noise, 100 %" and size.n == "1 of 1 seeds"
    records, histories = timed(small=(2, 12), seeds=2)
    assert time_findings(records, histories)[6].n == "0 of 2 seeds"
    assert (level.numbers, level.verdict) == ("epochs 8.0 on real data, 20.0 on noise", "not confirmed")


def test_noise_that_more_examples_or_units_do_not_change_speaks_against_the_paper_whatever_real_data_do():
    records, histories = timed(small=(10, 24))
    assert time_findings(records, histories)[6].verdict == "not confirmed"
    runs = [run(width, f, 0.9, epochs) for (width, f), epochs in {**TIMES, (64, 0.0): 6, (256, 0.8): 42}.items()]
    assert time_findings(*collected(runs))[7].verdict == "not confirmed"


def test_what_an_epoch_more_or_less_would_turn_is_undecided():
    records, histories = timed(small=(2, 4))  # real data: from 2 epochs, or hardly more than one, to 8
    assert time_findings(records, histories)[6].verdict == "undecided"
    runs = [run(width, f, 0.9, epochs) for (width, f), epochs in {**TIMES, (256, 0.8): 40}.items()]
    assert time_findings(*collected(runs))[7].verdict == "undecided"
    runs = [run(width, f, 0.9, epochs) for (width, f), epochs in {**TIMES, (256, 0.8): 8}.items()]
    assert time_findings(*collected(runs))[8].verdict == "undecided"


def test_noise_may_be_fitted_sooner_than_real_data():
    runs = [run(width, f, 0.9, epochs) for (width, f), epochs in {**TIMES, (256, 0.0): 21}.items()]
    runs.append(run(256, 0.0, 0.9, 8, seed=1))  # with no noise beside it
    found = time_findings(*collected(runs))[8]
    assert (found.verdict, found.n) == ("confirmed", "1 of 1 seeds, 1 not measured")
    assert found.numbers == "epochs 21.0 on real data, 20.0 on noise"


def test_a_time_that_is_not_reached_is_not_measured():
    records, histories = timed()
    name = next(r["run_id"] for r in records if r["config"]["corruption_fraction"] and r["config"]["width"] == 256)
    histories[name] = histories[name][:-1]
    found = time_findings(records, histories)
    assert [finding.verdict for finding in found[6:]] == ["not measured"] * 3
    assert "not measured" not in {finding.verdict for finding in found[:3]}  # 99 % it has reached
    row = next(row for row in time_table(records, histories, "title").rows if row[:3] == [256, 5000, "80 %"])
    assert row[4].value == 19 and row[5:] == [None, None]


def test_curves_are_over_width_at_the_most_examples_and_over_examples_at_the_largest_width():
    records, histories = timed()
    assert {fraction: len(runs) for fraction, runs in over_capacity(records).items()} == {0: 3, 0.8: 3}
    assert {fraction: len(runs) for fraction, runs in over_examples(records).items()} == {0: 2, 0.8: 2}
    left, right = time_figure(records, histories, "title").axes[:2]
    assert [list(line.get_ydata()) for line in left.lines] == [[10, 8, 8], [80, 40, 20]]
    assert [list(line.get_xdata()) for line in right.lines] == [[1000, 5000]] * 2


def test_the_figure_has_no_point_where_a_seed_is_missing():
    records, histories = timed(seeds=2)
    name = next(r["run_id"] for r in records if r["config"]["corruption_fraction"] and r["config"]["width"] == 64)
    histories[name] = histories[name][:-1]
    left = time_figure(records, histories, "title").axes[0]
    assert [list(line.get_xdata()) for line in left.lines] == [[16, 64, 256], [16, 256]]


def test_slope_and_gain_against_closed_forms():
    assert slope({1000: 3, 2000: 6, 4000: 12}).value == pytest.approx(1)
    low, high = (math.log(6 / 2, 2), math.log(5 / 3, 2))[::-1]
    assert slope({1000: 3, 2000: 6})[1:] == pytest.approx((low, high))
    assert slope({1000: 1, 2000: 2})[1:] == (0, math.inf)
    assert slope({1000: 3, 2000: None}) is None and slope({1000: 3}) is None
    assert gain({16: 9, 64: 6, 256: 2}) == pytest.approx((math.log(3), math.log(5 / 2), math.log(6)))
    assert gain({16: 9}) is None and gain({16: None, 64: 3}) is None
