"""Figure 5 of Arpit et al. on curves written out by hand: what is counted, compared and judged."""

import math

import pytest
from arpit_runs import SMALL, Runs, fitting, found
from made_up import mean_lines, seed_lines

from common.papers.arpit.capacity import (
    STUDY,
    by_share,
    capacity_figure,
    capacity_findings,
    capacity_table,
    fitted_widths,
    gain,
    panels,
)

WIDTHS = (16, 64, 256)


def grid(best={0.0: 16, 0.8: 256}, seeds=1, **changes):  # noqa: B006
    """Validation accuracies whose best width is given for each share."""
    return Runs(
        fitting(width, fraction, 0.9 - 0.03 * abs(math.log2(width / top)), seed=seed, **changes)
        for fraction, top in best.items() for width in WIDTHS for seed in range(seeds)
    )  # fmt: skip


def test_noise_shares_a_panel_with_real_data_and_removed_noise_has_its_own():
    runs = grid()
    labels = grid({0.8: 16}, rule="uniform")
    fewer = grid({0.0: 16}, train_n=1000)
    groups = panels(runs + labels + fewer)
    assert {name: len(runs) for name, runs in groups.items()} == {
        "mnist, random inputs": 6, "mnist, random labels": 6, "mnist, real data alone": 6,
    }  # fmt: skip
    assert {share: len(runs) for share, runs in by_share(groups["mnist, real data alone"]).items()} == {0: 3, 0.8: 3}


def test_real_data_without_any_noise_beside_have_a_panel_too():
    runs = grid({0.0: 16})
    assert {name: len(runs) for name, runs in panels(runs).items()} == {"mnist, real data alone": 3}
    assert len(capacity_figure(runs, "title").axes) == 1


def gaining(points={0.0: 1, 0.8: 3}, widths=WIDTHS, seeds=3, **changes):  # noqa: B006
    """Networks whose test accuracy grows by so many points from the first width to the last."""
    return Runs(
        fitting(width, fraction, 0.8 + 0.01 * gained * place / (len(widths) - 1), seed=seed, **changes)
        for fraction, gained in points.items() for place, width in enumerate(widths) for seed in range(seeds)
    )  # fmt: skip


def test_capacity_counts_by_what_width_gains_on_the_test_set_at_more_noise():
    finding = found(capacity_findings(gaining({0.0: 1, 0.4: 2, 0.8: 3}), SMALL), "arpit-capacity")
    assert (finding.subject, finding.verdict, finding.effect.n) == ("mnist, random inputs", "confirmed", 3)
    assert finding.effect.mean == pytest.approx(0.02)
    told = "1.00 [1.00, 1.00] points at 0 % noise, 2.00 [2.00, 2.00] points at 40 % noise, 3.00 "
    assert finding.numbers.startswith(f"from 16 to 256 units test accuracy gains {told}")
    assert found(capacity_findings(gaining({0.0: 3, 0.8: 3}), SMALL), "arpit-capacity").verdict == "contradicted"


def unfitted(runs, accuracy=0.98, **fields):
    """The runs, of which those with these fields have not fitted."""
    for run in runs.where(**fields):
        run.outcome["train_accuracy"] = accuracy
    return runs


def test_widths_that_do_not_fit_at_some_share_are_left_out_and_with_fewer_than_two_nothing_is_decided():
    runs = unfitted(gaining({0.0: 1, 0.8: 4}), width=16, corruption_fraction=0.8)
    assert fitted_widths([runs.where(corruption_fraction=0.8)]) == [64, 256]
    finding = found(capacity_findings(runs, SMALL), "arpit-capacity")
    assert finding.numbers.startswith("from 64 to 256 units") and finding.effect.mean == pytest.approx(0.015)
    finding = found(capacity_findings(unfitted(runs, width=64), SMALL), "arpit-capacity")
    assert (finding.verdict, finding.effect.mean) == ("undecided", pytest.approx(0.03))
    assert finding.numbers.endswith("; of 3 widths, 256 fit all training sets")
    none = found(capacity_findings(unfitted(runs, width=256), SMALL), "arpit-capacity")
    assert none.numbers.endswith("; of 3 widths, none fit all training sets")


def test_shares_of_noise_are_compared_at_the_widths_that_all_of_them_have():
    wider = Runs(fitting(4096, 0, 0.99, seed=seed) for seed in range(3))
    finding = found(capacity_findings(gaining() + wider, SMALL), "arpit-capacity")
    assert finding.numbers.startswith("from 16 to 256 units") and finding.effect.mean == pytest.approx(0.02)


def test_a_width_that_a_seed_does_not_have_is_not_measured():
    assert gain(gaining(seeds=1, points={0.0: 1}), [16, 64]) == pytest.approx(0.005)
    assert gain(gaining(seeds=1, points={0.0: 1}), [16, 128]) is None


def test_noise_without_real_data_or_without_a_second_width_is_not_compared():
    assert [each.statement.id for each in capacity_findings(gaining({0.4: 1, 0.8: 3}), SMALL)] == [
        "arpit-capacity-maximal"
    ]
    narrow = gaining().where(width=16)
    assert found(capacity_findings(narrow, SMALL), "arpit-capacity").verdict == "not measured"


def test_for_random_labels_no_relation_is_what_the_paper_says():
    runs = gaining({0.0: 1, 0.8: 1.5}, rule="uniform", dataset="cifar10")
    finding = found(capacity_findings(runs, SMALL), "arpit-capacity-labels")
    assert (finding.subject, finding.verdict) == ("cifar10, random labels", "confirmed")
    assert finding.effect.mean == pytest.approx(0.005)
    runs = gaining(rule="uniform", dataset="cifar10")
    assert found(capacity_findings(runs, SMALL), "arpit-capacity-labels").verdict == "contradicted"


@pytest.mark.parametrize("without, verdict", [(1, "confirmed"), (3, "contradicted")])
def test_without_its_noise_examples_width_gains_less(without, verdict):
    runs = gaining() + gaining({0.0: without}, train_n=1000)
    finding = found(capacity_findings(runs, SMALL), "arpit-removed")
    assert (finding.subject, finding.verdict) == ("mnist, random inputs, 80 %", verdict)
    assert finding.effect.mean == pytest.approx(0.01 * (3 - without))
    assert finding.numbers.endswith("points without the noise examples, 3.00 [3.00, 3.00] points with them")


@pytest.mark.parametrize("at, verdict", [(0.981, "confirmed"), (0.979, "contradicted")])
def test_4096_units_are_close_to_maximal_where_no_more_are_clearly_better(at, verdict):
    def networks(*accuracies):
        widths = (256, 4096, 8192)
        return Runs(fitting(w, 0, v, seed=s) for w, v in zip(widths, accuracies, strict=False) for s in range(3))

    finding = found(capacity_findings(networks(0.9, at, 0.985), SMALL), "arpit-capacity-maximal")
    assert (finding.verdict, finding.subject) == (verdict, "mnist, real data")
    assert finding.effect.mean == pytest.approx(0.985 - at)
    assert "at 4096 units, 98.50 [98.50, 98.50] at the best of more" in finding.numbers
    narrow = found(capacity_findings(networks(0.981, at, 0.985), SMALL), "arpit-capacity-maximal")
    assert narrow.verdict == "undecided" and narrow.numbers.endswith("; 256 units are as close")
    none = found(capacity_findings(networks(0.9, at), SMALL), "arpit-capacity-maximal")
    assert (none.verdict, none.numbers) == ("not measured", None)


def test_the_table_holds_the_end_and_the_best_over_epochs():
    runs = Runs([fitting(64, 0.8, 0.7), fitting(64, 0.8, 0.72, seed=1)])
    (row,) = capacity_table(runs, "title").rows
    assert row[:5] == ["mnist, random inputs", "80 %", 64, 5000, 2]
    assert [cell.value for cell in row[5:]] == pytest.approx([0.71, 0.73, 0.71, 1.0])
    axes = capacity_figure(runs, "title").axes
    (mean,) = mean_lines(axes[0])
    assert axes[0].get_title() == "mnist, random inputs" and mean.get_ydata() == pytest.approx([71])
    assert [line.get_ydata().tolist() for line in seed_lines(axes[0])] == [pytest.approx([y]) for y in (70, 72)]
    items = STUDY.report(runs, SMALL)
    assert list(items) == ["capacity", "validation_accuracy"]
