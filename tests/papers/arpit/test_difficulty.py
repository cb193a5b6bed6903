"""Figure 1 of Arpit et al. on correctness drawn from known distributions."""

import dataclasses

import numpy as np
import pytest
from arpit_runs import Runs, a_run, corruption_of, verdicts

from common.papers.arpit.difficulty import STUDY, difficulty, difficulty_figure, difficulty_findings, difficulty_table
from common.papers.arpit.networks import best_accuracy, network, noise_of
from common.runs.config import Options
from common.study import Call

EQUAL, SPREAD = np.full(2000, 0.3), np.random.default_rng(0).beta(0.5, 0.5, 2000)


def networks(setting, probabilities, count=100, **more):
    """Networks whose predictions are right with given probabilities, and more arrays of each."""
    generator, labels = np.random.default_rng(1), np.arange(2000) % 10
    runs = []
    for seed in range(count):
        wrong = generator.random(2000) > probabilities
        arrays = {"train_labels": labels.astype(np.int16), "train_predictions": (labels + wrong) % 10, **more}
        runs.append(a_run(arrays=arrays, seed=seed, dataset="mnist", width=256, **corruption_of(setting)))
    return Runs(runs)


@pytest.fixture(scope="module")
def found():
    of = {"true_labels": SPREAD, "gaussian": EQUAL, "random_labels": 0.2 + 0.2 * SPREAD}
    return {setting: difficulty(networks(setting, probabilities)) for setting, probabilities in of.items()}


def test_a_thousand_examples_as_many_of_each_class_are_followed(found):
    assert {len(each.wrong) for each in found.values()} == {1000}
    assert all(len(each.runs) == 100 for each in found.values())
    assert found["gaussian"].wrong.mean() == pytest.approx(0.7, abs=0.01)
    assert found["gaussian"].dispersion.mean == pytest.approx(1 - found["gaussian"].wrong.mean())


def test_the_three_statements_are_confirmed_on_what_they_describe(found):
    findings = difficulty_findings(found)
    assert verdicts(findings) == ["confirmed"] * 3
    assert {finding.n for finding in findings} == {"100 networks, 1000 examples"}
    assert {finding.subject for finding in findings} == {"mlp2 of width 256, mnist"}
    low, high = found["gaussian"].dispersion.band
    assert f"band of 1: [{low:.2f}, {high:.2f}]" in findings[0].numbers


def test_the_three_statements_are_refused_on_what_speaks_against_them(found):
    crossed = dict(zip(("gaussian", "random_labels", "true_labels"), found.values(), strict=True))
    crossed["random_labels"], crossed["true_labels"] = found["gaussian"], found["random_labels"]
    assert verdicts(difficulty_findings(crossed)) == ["not confirmed"] * 3
    below = dataclasses.replace(found["true_labels"].dispersion, within=9.9)
    weak = found | {"true_labels": found["true_labels"]._replace(dispersion=below)}
    assert difficulty_findings(weak)[2].verdict == "not confirmed"
    spread = dataclasses.replace(found["random_labels"].dispersion, within=1000.0)
    harder = found | {"random_labels": found["random_labels"]._replace(dispersion=spread)}
    assert difficulty_findings(harder)[2].verdict == "not confirmed"
    assert verdicts(difficulty_findings({})) == ["not measured"] * 3


@pytest.mark.parametrize("changes", [{"index": 1.2}, {"index": 0.8}, {"distance": 0.9}, {"within": 1.2}])
def test_random_inputs_must_be_close_to_the_binomial_in_every_measure(found, changes):
    spread = dataclasses.replace(found["gaussian"].dispersion, **changes)
    other = found | {"gaussian": found["gaussian"]._replace(dispersion=spread)}
    assert difficulty_findings(other)[0].verdict == "not confirmed"


def test_what_cannot_be_compared_is_not_measured(found):
    alone = {name: each for name, each in found.items() if name != "true_labels"}
    assert verdicts(difficulty_findings(alone)) == ["not measured", "confirmed", "not measured"]
    constant = dataclasses.replace(found["gaussian"].dispersion, within=float("nan"), band=(float("nan"),) * 2)
    other = {"gaussian": found["gaussian"]._replace(dispersion=constant)}
    assert verdicts(difficulty_findings(found | other)) == [
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


def test_each_data_set_has_its_report_of_settings_with_several_networks_and_pictures_where_they_are_kept():
    images = {"extreme_images": np.zeros((2, 4, 3, 3, 1), np.uint8)}
    runs = networks("true_labels", SPREAD, 2, **images) + networks("gaussian", EQUAL, 2)
    items = STUDY.report(runs + networks("random_labels", EQUAL, 1), Call("small", STUDY.grid, Options()))
    assert list(items) == ["difficulty_mnist", "images_mnist", "dispersion_mnist", "claims_mnist"]
    assert [row[:2] for row in items["dispersion_mnist"].rows] == [["true labels", 2], ["Gaussian inputs", 2]]
    assert items["dispersion_mnist"].title == "Difficulty of examples after one epoch, mnist"
    items = STUDY.report(networks("gaussian", EQUAL, 2), Call("small", STUDY.grid, Options()))
    assert list(items) == ["difficulty_mnist", "dispersion_mnist", "claims_mnist"]


def test_networks_and_noise_have_their_words():
    run = a_run(dataset="fashion_mnist")
    assert network(run) == "mlp2, fashion mnist" and noise_of(run) == "real data"
    assert noise_of(a_run(**corruption_of("shuffled_pixels"))) == "shuffled pixels"


def test_the_untrained_network_is_not_the_best():
    lines = [{"epoch": epoch, "validation_accuracy": value} for epoch, value in enumerate((0.9, 0.2, None, 0.3))]
    assert best_accuracy(a_run(lines)) == 0.3
