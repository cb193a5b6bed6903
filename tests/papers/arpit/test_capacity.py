"""Figure 5 of Arpit et al. on curves written out by hand: what is counted, compared and judged."""

import math

import pytest
from arpit_runs import Runs, fitting

from common.papers.arpit.capacity import (
    STUDY,
    best_width,
    by_share,
    capacity_figure,
    capacity_findings,
    capacity_table,
    panels,
)
from common.runs.config import Options
from common.study import Call

WIDTHS = (16, 64, 256)


def grid(best={0.0: 16, 0.8: 256}, seeds=1, **changes):  # noqa: B006
    """Validation accuracies whose best width is given for each share."""
    return Runs(
        fitting(width, fraction, 0.9 - 0.03 * abs(math.log2(width / top)), seed=seed, **changes)
        for fraction, top in best.items() for width in WIDTHS for seed in range(seeds)
    )  # fmt: skip


def told(findings, name):
    return [(finding.subject, finding.verdict, finding.n) for finding in findings if name in finding.statement]


def test_noise_shares_a_panel_with_real_data_and_removed_noise_has_its_own():
    runs = grid()
    labels = grid({0.8: 16}, rule="uniform")
    fewer = grid({0.0: 16}, train_n=1000)
    found = panels(runs + labels + fewer)
    assert {name: len(runs) for name, runs in found.items()} == {
        "mnist, random inputs": 6, "mnist, random labels": 6, "mnist, real data alone": 6,
    }  # fmt: skip
    assert {share: len(runs) for share, runs in by_share(found["mnist, real data alone"]).items()} == {0: 3, 0.8: 3}


def test_real_data_without_any_noise_beside_have_a_panel_too():
    runs = grid({0.0: 16})
    assert {name: len(runs) for name, runs in panels(runs).items()} == {"mnist, real data alone": 3}
    assert len(capacity_figure(runs, "title").axes) == 1


def test_the_best_width_is_that_of_the_best_accuracy_at_the_end_and_the_smaller_of_equals():
    runs = Runs([fitting(16, 0, 0.9), fitting(64, 0, 0.9), fitting(256, 0, 0.95, final=0.8)])
    assert best_width(runs) == 16
    assert best_width([]) is None


@pytest.mark.parametrize("smaller, expected", [(0.891, 16), (0.889, 64)])
def test_a_smaller_width_within_one_standard_error_of_the_best_is_as_good(smaller, expected):
    runs = [fitting(16, 0, smaller, validation_n=900), fitting(64, 0, 0.9, validation_n=900)]  # standard error 0.01
    assert best_width(runs) == expected


def test_where_no_width_has_fitted_none_is_the_best():
    def fitted(share):
        runs = grid({0.0: 64, 0.8: 256})
        for noisy in runs.where(corruption_fraction=0.8):
            noisy.outcome["train_accuracy"] = share
        return runs

    for share, verdict, numbers in ((0.99, "confirmed", "64, 256"), (0.98, "not measured", "64, none fitted")):
        (found,) = [each for each in capacity_findings(fitted(share)) if "more noise" in each.statement]
        assert (found.verdict, found.numbers) == (verdict, f"best width at 0, 80 % noise: {numbers}")


@pytest.mark.parametrize("best, verdict", [
    ({0.0: 16, 0.4: 64, 0.8: 256}, "confirmed"),
    ({0.0: 64, 0.8: 64}, "confirmed"),
    ({0.0: 64, 0.8: 16}, "not confirmed"),
])  # fmt: skip
def test_capacity_is_confirmed_where_the_best_width_does_not_fall_in_any_seed(best, verdict):
    runs = grid(best, seeds=2)
    ((subject, found, n),) = told(capacity_findings(runs), "more noise")
    assert (subject, found) == ("mnist, random inputs", verdict)
    assert n == ("2 of 2 seeds" if verdict == "confirmed" else "0 of 2 seeds")


def test_shares_of_noise_are_compared_at_the_widths_that_all_of_them_have():
    runs = grid({0.0: 64, 0.8: 64})
    wider = Runs([fitting(4096, 0, 0.99)])
    (found,) = [each for each in capacity_findings(runs + wider) if "more noise" in each.statement]
    assert (found.verdict, found.numbers) == ("confirmed", "best width at 0, 80 % noise: 64, 64")


def test_where_the_widest_network_is_always_the_best_nothing_is_decided():
    runs = grid({0.0: 256, 0.8: 256}, seeds=2)
    fewer = grid({0.0: 256}, train_n=1000, seeds=2)
    for name in ("more noise", "smaller network"):
        assert told(capacity_findings(runs + fewer), name)[0][1] == "undecided"
    fallen = grid({0.0: 256, 0.8: 64})
    assert told(capacity_findings(fallen), "more noise")[0][1] == "not confirmed"


def test_of_random_labels_the_best_widths_are_told_without_a_verdict():
    runs = grid(rule="uniform", dataset="cifar10", seeds=2)
    labels, maximal = capacity_findings(runs)
    assert (labels.numbers, labels.n) == ("best width at 0, 80 % noise: 16, 256; 16, 256", "2 seeds")
    assert (labels.subject, labels.verdict, maximal.verdict) == ("cifar10, random labels", "no band", "not measured")
    runs = grid(rule="uniform")
    assert [finding.verdict for finding in capacity_findings(runs)] == ["not measured"] * 2


@pytest.mark.parametrize("at, verdict", [(0.981, "confirmed"), (0.979, "not confirmed")])
def test_4096_units_are_close_to_maximal_where_no_width_is_clearly_better(at, verdict):
    runs = Runs([fitting(256, 0, 0.9), fitting(4096, 0, at), fitting(8192, 0, 0.985), fitting(256, 0.8, 0.9)])
    found = capacity_findings(runs)[-1]
    assert (found.verdict, found.subject) == (verdict, "mnist, real data")
    assert found.numbers == f"validation accuracy (%): {100 * at:.2f} at 4096 units, 98.50 at the best width"
    narrower = Runs([fitting(256, 0, 0.9), fitting(4096, 0, at), fitting(256, 0.8, 0.9)])
    assert (capacity_findings(narrower)[-1].verdict, capacity_findings(narrower)[-1].numbers) == ("not measured", None)


@pytest.mark.parametrize("without", [16, 64])
def test_without_its_noise_examples_a_smaller_network_is_best(without):
    runs = grid({0.0: 16, 0.8: 256})
    fewer = grid({0.0: without}, train_n=1000)
    ((_, found, _),) = told(capacity_findings(runs + fewer), "smaller network")
    assert found == "confirmed"


@pytest.mark.parametrize("without", [16, 64])
def test_without_its_noise_examples_a_wider_one_or_the_same_speaks_against_the_paper(without):
    runs = grid({0.0: 16, 0.8: 16})
    fewer = grid({0.0: without}, train_n=1000)
    ((_, found, n),) = told(capacity_findings(runs + fewer), "smaller network")
    assert (found, n) == ("not confirmed", "0 of 1 seeds")


def test_the_table_holds_the_end_and_the_best_over_epochs():
    runs = Runs([fitting(64, 0.8, 0.7), fitting(64, 0.8, 0.72, seed=1)])
    (row,) = capacity_table(runs, "title").rows
    assert row[:5] == ["mnist, random inputs", "80 %", 64, 5000, 2]
    assert [cell.value for cell in row[5:]] == pytest.approx([0.71, 0.73, 1.0])
    axes = capacity_figure(runs, "title").axes
    assert axes[0].get_title() == "mnist, random inputs" and axes[0].lines[0].get_ydata() == pytest.approx([71])
    items = STUDY.report(runs, Call("small", STUDY.grid, Options()))
    assert list(items) == ["capacity", "validation_accuracy", "claims"] and len(items["claims"].rows) == 3
