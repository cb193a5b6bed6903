"""Figure 2 of Arpit et al. on filters of known smoothness."""

import numpy as np
import pytest
from arpit_runs import SMALL, Runs, a_run, corruption_of

from common.papers.arpit.filters import centroid_findings, centroid_table, centroids, filters_of
from common.report.numbers import mean_interval
from common.runs import initial_weights

SHAPE = (5, 5, 3, 8)


def runs(real, labels, seeds=2):
    """Runs whose filters are constant but for noise of the given sizes."""
    generator = np.random.default_rng(0)
    return Runs(
        a_run(model="cnn2", seed=seed, arrays={"first_layer_filters": 1 + size * generator.standard_normal(SHAPE)},
              **corruption_of(setting))
        for seed in range(seeds) for setting, size in (("true_labels", real), ("random_labels", labels))
    )  # fmt: skip


def test_each_seed_has_its_own_untrained_filters_beside_the_trained():
    filters = filters_of(runs(0.1, 0.5))
    assert set(filters) == {0, 1} and list(filters[0]) == ["real data", "random labels", "untrained"]
    name = "conv1-layer/kernel"
    for seed, found in filters.items():
        expected = initial_weights.draw({name: SHAPE}, "glorot_uniform", seed)[name]
        np.testing.assert_array_equal(found["untrained"], expected)


@pytest.mark.parametrize("labels, verdict", [(0.5, "confirmed"), (100, "contradicted")])
def test_filters_have_structure_where_they_are_smoother_than_untrained_ones(labels, verdict):
    networks = runs(0.1, labels, seeds=3)
    (finding,) = centroid_findings(networks, SMALL)
    assert (finding.verdict, finding.subject) == (verdict, "cnn2, cifar10, random labels")
    values = centroids(filters_of(networks))
    start, end = values["untrained"], values["random labels"]
    assert finding.effect.n == 3
    assert finding.effect.mean == pytest.approx(np.mean([a / b for a, b in zip(start, end, strict=True)]))
    mean, low, high = mean_interval(values["real data"])
    assert finding.numbers.startswith(f"spectral centroid: real data {mean:#.3g} [{low:#.3g}, {high:#.3g}]; random")


def test_the_table_holds_means_over_seeds_and_what_is_missing_is_not_measured():
    networks = runs(0.1, 0.5)
    filters = filters_of(networks)
    rows = centroid_table(filters, "title").rows
    assert [row[:2] for row in rows] == [["real data", 2], ["random labels", 2], ["untrained", 2]]
    assert rows[0][2].value == pytest.approx(np.mean(centroids(filters)["real data"]))
    assert rows[0][2].value < rows[1][2].value < rows[2][2].value
    (alone,) = centroid_findings(networks.where(corruption="none"), SMALL)
    assert alone.verdict == "not measured"
