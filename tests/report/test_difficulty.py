"""Figure 1 of Arpit et al. on correctness drawn from known distributions."""

import dataclasses

import numpy as np
import pytest
from made_up_runs import a_run, corruption_of

from common.analysis.examples import well_known
from common.report.arpit import by_fields, compared, judged, network, noise_of, target
from common.report.difficulty import (
    agreement_table,
    by_setting,
    difficulty,
    difficulty_figure,
    difficulty_findings,
    difficulty_table,
    image_grid,
)

EQUAL, SPREAD = np.full(2000, 0.3), np.random.default_rng(0).beta(0.5, 0.5, 2000)


def networks(setting, probabilities, count=100):
    """Records and arrays of networks whose predictions are right with given probabilities."""
    generator, labels = np.random.default_rng(1), np.arange(2000) % 10
    fields = {"model": "mlp2", "dataset": "mnist", "width": 256, **corruption_of(setting)}
    runs = [a_run(seed=seed, **fields)[0] for seed in range(count)]
    wrong = [generator.random(2000) > probabilities for _ in runs]
    return runs, [{"train_labels": labels.astype(np.int16), "train_predictions": (labels + w) % 10} for w in wrong]


@pytest.fixture(scope="module")
def found():
    of = {"true_labels": SPREAD, "gaussian": EQUAL, "random_labels": 0.2 + 0.2 * SPREAD}
    return {setting: difficulty(*networks(setting, probabilities)) for setting, probabilities in of.items()}


def test_a_thousand_examples_as_many_of_each_class_are_followed(found):
    assert {len(each.wrong) for each in found.values()} == {1000}
    assert all(len(each.runs) == 100 for each in found.values())
    assert found["gaussian"].wrong.mean() == pytest.approx(0.7, abs=0.01)
    assert found["gaussian"].dispersion.mean == pytest.approx(1 - found["gaussian"].wrong.mean())


def test_the_three_statements_are_confirmed_on_what_they_describe(found):
    findings = difficulty_findings(found)
    assert [finding.verdict for finding in findings] == ["confirmed"] * 3
    assert {finding.n for finding in findings} == {"100 networks, 1000 examples"}
    assert {finding.subject for finding in findings} == {"mlp2 of width 256, mnist"}
    low, high = found["gaussian"].dispersion.band
    assert f"band of 1: [{low:.2f}, {high:.2f}]" in findings[0].numbers


def test_the_three_statements_are_refused_on_what_speaks_against_them(found):
    crossed = dict(zip(("gaussian", "random_labels", "true_labels"), found.values(), strict=True))
    crossed["random_labels"], crossed["true_labels"] = found["gaussian"], found["random_labels"]
    assert [finding.verdict for finding in difficulty_findings(crossed)] == ["not confirmed"] * 3
    below = dataclasses.replace(found["true_labels"].dispersion, within=9.9)
    weak = found | {"true_labels": found["true_labels"]._replace(dispersion=below)}
    assert difficulty_findings(weak)[2].verdict == "not confirmed"
    spread = dataclasses.replace(found["random_labels"].dispersion, within=1000.0)
    harder = found | {"random_labels": found["random_labels"]._replace(dispersion=spread)}
    assert difficulty_findings(harder)[2].verdict == "not confirmed"
    assert [finding.verdict for finding in difficulty_findings({})] == ["not measured"] * 3


@pytest.mark.parametrize("changes", [{"index": 1.2}, {"index": 0.8}, {"distance": 0.9}, {"within": 1.2}])
def test_random_inputs_must_be_close_to_the_binomial_in_every_measure(found, changes):
    spread = dataclasses.replace(found["gaussian"].dispersion, **changes)
    other = found | {"gaussian": found["gaussian"]._replace(dispersion=spread)}
    assert difficulty_findings(other)[0].verdict == "not confirmed"


def test_what_cannot_be_compared_is_not_measured(found):
    alone = {name: each for name, each in found.items() if name != "true_labels"}
    assert [finding.verdict for finding in difficulty_findings(alone)] == ["not measured", "confirmed", "not measured"]
    constant = dataclasses.replace(found["gaussian"].dispersion, within=float("nan"), band=(float("nan"),) * 2)
    other = {"gaussian": found["gaussian"]._replace(dispersion=constant)}
    assert [finding.verdict for finding in difficulty_findings(found | other)] == [
        "not measured", "confirmed", "confirmed",
    ]  # fmt: skip


def test_the_figure_draws_the_sorted_shares_beside_the_binomial(found):
    (axes,) = difficulty_figure(found, "title").axes
    measured, binomial = axes.lines[:2]
    np.testing.assert_allclose(measured.get_ydata(), 100 * np.sort(found["true_labels"].wrong))
    assert np.std(binomial.get_ydata()) < 0.2 * np.std(measured.get_ydata())


def test_the_table_has_a_row_for_each_setting(found):
    rows = difficulty_table(found, "title").rows
    names = ("true labels", "Gaussian inputs", "random labels")
    assert [row[:3] for row in rows] == [[name, 100, 1000] for name in names]
    assert rows[1][4].value == pytest.approx(1, abs=0.1) and rows[1][5].value == pytest.approx(1, abs=0.1)
    assert rows[0][7].value > 0.3 > rows[1][7].value


def test_runs_are_grouped_by_what_they_were_trained_on():
    runs = [networks(setting, EQUAL, 1)[0][0] for setting in ("gaussian", "true_labels")]
    assert {name: len(group) for name, group in by_setting(runs).items()} == {"gaussian": 1, "true_labels": 1}


def test_images_lie_in_a_grid_in_their_order():
    images = np.zeros((2, 4, 3, 3, 1), np.uint8)
    images[1, 2] = 200
    axes = image_grid(images, "title").axes[0]
    shown = axes.images[0].get_array()
    assert shown.shape == (10, 20) and (shown[5:8, 10:13] == 200).all() and (shown[:3, :3] == 0).all()
    assert (shown == 200).sum() == 9 and [text.get_text() for text in axes.get_xticklabels()] == ["easiest", "hardest"]


def test_columns_agree_by_rank_over_the_examples_that_have_both():
    table = {name: np.full(5, np.nan) for name in ("correct", "times_forgotten", "loss_sensitivity", "critical")}
    table |= {"learned": np.array([1, 2, 3, 4, np.nan]), "loss_sensitivity": np.array([9.0, 4.0, 1.0, 0.0, 5.0])}
    table["correct"] = np.ones(5)
    table["runs"] = np.array([4, 4, 2, 2, 4])
    assert [[*row[:3], row[3].value] for row in agreement_table(well_known(table), "title").rows] == [
        ["learned", "loss sensitivity", 4, pytest.approx(-1)]
    ]
    table["runs"][3] = 1  # known by too few to be ranked beside the others
    assert agreement_table(well_known(table), "title").rows[0][2] == 3


def test_what_the_reports_share():
    record = a_run(model="mlp2", dataset="fashion_mnist", width=None)[0]
    assert network(record) == "mlp2, fashion mnist" and noise_of(record) == "real data"
    assert noise_of(a_run(corruption="shuffled_pixels")[0]) == "shuffled pixels"
    one, other = (a_run(seed=seed)[0] for seed in (1, 0))
    assert by_fields([one, other, one], "seed") == {(0,): [other], (1,): [one]}
    assert judged("arpit-gini", "mlp2").verdict == "not measured"
    found = judged("arpit-gini", "mlp2", [record], "numbers", [True, False])
    assert (found.verdict, found.n) == ("not confirmed", "1 of 2 seeds")
    assert found.statement == target("arpit-gini")["statement"]
    seeds = [(1.0, 5.0), (2.0, 5.0), (None, 9.0)]
    assert compared(seeds) == "1.50 [-4.85, 7.85] on real data, 5.00 [5.00, 5.00] on noise"
    assert compared([(0.2, 0.3)], "fraction", ("on a", "on b")) == "20.00 on a, 30.00 on b"
    assert compared([(None, 0.3)]) is None
