"""Figure 1 of Arpit et al. on correctness drawn from known distributions."""

import numpy as np
import pytest
from arpit_runs import SMALL, Runs, a_run, corruption_of, found, verdicts

from common.papers.arpit.difficulty import STUDY, difficulty, difficulty_figure, difficulty_findings, difficulty_table
from common.papers.arpit.networks import best_accuracy, network, noise_of

N = 6000
EQUAL, SPREAD = np.full(N, 0.3), np.random.default_rng(0).beta(0.5, 0.5, N)
DRAWN = {"true_labels": SPREAD, "gaussian": EQUAL, "random_labels": 0.2 + 0.2 * SPREAD}


def networks(setting, probabilities, count=100, **more):
    """Networks whose predictions are right with given probabilities, and more arrays of each."""
    generator, labels = np.random.default_rng(1), np.arange(N) % 10
    runs = []
    for seed in range(count):
        wrong = generator.random(N) > probabilities
        arrays = {"train_labels": labels.astype(np.int16), "train_predictions": (labels + wrong) % 10, **more}
        runs.append(a_run(arrays=arrays, seed=seed, dataset="mnist", width=256, **corruption_of(setting)))
    return Runs(runs)


def drawn(of):
    return Runs(run for setting, probabilities in of.items() for run in networks(setting, probabilities))


@pytest.fixture(scope="module")
def difficulties():
    return {setting: difficulty(networks(setting, probabilities)) for setting, probabilities in DRAWN.items()}


def test_a_thousand_examples_as_many_of_each_class_are_followed_and_all_are_measured(difficulties):
    assert {len(each.tracked) for each in difficulties.values()} == {1000}
    assert set(np.bincount(difficulties["gaussian"].labels[difficulties["gaussian"].tracked])) == {100}
    assert {each.right.shape for each in difficulties.values()} == {(100, N)}
    gaussian = difficulties["gaussian"]
    assert gaussian.spread.mean == gaussian.right.mean() == pytest.approx(0.3, abs=0.01)


def test_the_statements_are_confirmed_on_what_they_describe(difficulties):
    findings = difficulty_findings(drawn(DRAWN), SMALL)
    assert verdicts(findings) == ["confirmed"] * 5
    assert {finding.effect.n for finding in findings} == {100}
    spreads = {setting: each.spread.within for setting, each in difficulties.items()}
    subject = "mlp2 of width 256, mnist, "
    for name, setting, of in (
        ("arpit-real-data", "true_labels", "real data"),
        ("arpit-random-inputs", "gaussian", "random inputs"),
        ("arpit-random-labels", "random_labels", "random labels"),
    ):
        finding = found(findings, name)
        assert finding.effect.mean == pytest.approx(spreads[setting], rel=0.01) and finding.subject == subject + of
        assert finding.numbers.startswith(f"{N} examples; {spreads[setting]:.3g} within classes, ")
        assert finding.effect.low < spreads[setting] < finding.effect.high
    for setting, of in (("gaussian", "random inputs"), ("random_labels", "random labels")):
        ratio = spreads["true_labels"] / spreads[setting]
        finding = found(findings, "arpit-noise-alike", of)
        assert finding.effect.mean == pytest.approx(ratio, rel=0.02) and finding.effect.low > 2
        assert (
            finding.numbers
            == f"within classes {spreads['true_labels']:.3g} on real data, {spreads[setting]:.3g} on noise"
        )


def test_the_statements_are_contradicted_by_what_speaks_against_them():
    crossed = {"gaussian": DRAWN["random_labels"], "random_labels": EQUAL, "true_labels": DRAWN["random_labels"]}
    findings = difficulty_findings(drawn(crossed), SMALL)
    assert found(findings, "arpit-random-inputs").verdict == "contradicted"
    assert found(findings, "arpit-real-data").verdict == "contradicted"
    assert found(findings, "arpit-random-labels").verdict in ("contradicted", "undecided")
    assert found(findings, "arpit-noise-alike", "random inputs").verdict == "contradicted"


def test_what_has_nothing_beside_it_is_not_compared():
    findings = difficulty_findings(networks("gaussian", EQUAL), SMALL)
    assert [finding.statement.id for finding in findings] == ["arpit-random-inputs"]
    assert difficulty_findings(networks("gaussian", EQUAL, 2), SMALL) == []


def test_the_figure_draws_the_sorted_shares_beside_the_binomial(difficulties):
    (axes,) = difficulty_figure(difficulties, "title").axes
    (measured, binomial), real = axes.lines[:2], difficulties["true_labels"]
    np.testing.assert_allclose(measured.get_ydata(), 100 * np.sort(1 - real.right[:, real.tracked].mean(axis=0)))
    assert np.std(binomial.get_ydata()) < 0.2 * np.std(measured.get_ydata())


def test_the_table_has_a_row_for_each_setting(difficulties):
    rows = difficulty_table(difficulties, "title").rows
    names = ("true labels", "Gaussian inputs", "random labels")
    assert [row[:3] for row in rows] == [[name, 100, N] for name in names]
    assert rows[1][4].value == pytest.approx(1, abs=0.1) and rows[1][5].value == pytest.approx(1, abs=0.1)
    assert rows[0][7].value > 0.3 > rows[1][7].value


def test_each_data_set_has_its_report_of_settings_with_several_networks_and_pictures_where_they_are_kept():
    images = {"extreme_images": np.zeros((2, 4, 3, 3, 1), np.uint8)}
    runs = networks("true_labels", SPREAD, 2, **images) + networks("gaussian", EQUAL, 2)
    items = STUDY.report(runs + networks("random_labels", EQUAL, 1), SMALL)
    assert list(items) == ["difficulty_mnist", "images_mnist", "dispersion_mnist"]
    assert [row[:2] for row in items["dispersion_mnist"].rows] == [["true labels", 2], ["Gaussian inputs", 2]]
    assert items["dispersion_mnist"].title == "Difficulty of examples after one epoch, mnist"
    items = STUDY.report(networks("gaussian", EQUAL, 2), SMALL)
    assert list(items) == ["difficulty_mnist", "dispersion_mnist"]


def test_networks_and_noise_have_their_words():
    run = a_run(dataset="fashion_mnist")
    assert network(run) == "mlp2, fashion mnist" and noise_of(run) == "real data"
    assert noise_of(a_run(**corruption_of("shuffled_pixels"))) == "shuffled pixels"


def test_the_untrained_network_is_not_the_best():
    lines = [{"epoch": epoch, "validation_accuracy": value} for epoch, value in enumerate((0.9, 0.2, None, 0.3))]
    assert best_accuracy(a_run(lines)) == 0.3
