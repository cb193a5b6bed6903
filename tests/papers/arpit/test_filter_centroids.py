"""Figure 2 of Arpit et al. on filters of known smoothness."""

import numpy as np
import pytest
from arpit_runs import Runs, a_run, corruption_of

from common.papers.arpit.filters import centroid_finding, centroid_table, centroids, filters_of
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


@pytest.mark.parametrize("real, labels, verdict", [(0.1, 0.5, "confirmed"), (0.5, 0.1, "not confirmed")])
def test_the_order_of_the_centroids_decides(real, labels, verdict):
    networks = runs(real, labels)
    filters = filters_of(networks)
    finding = centroid_finding(filters, networks)
    assert finding.verdict == verdict and finding.subject == "cnn2, cifar10"
    mean, low, high = mean_interval(centroids(filters)["real data"])
    assert finding.numbers.startswith(f"real data {mean:#.3g} [{low:#.3g}, {high:#.3g}]; random labels 0.")
    assert finding.n == ("2 of 2 seeds" if verdict == "confirmed" else "0 of 2 seeds")


def test_the_table_holds_means_over_seeds_and_what_is_missing_is_not_measured():
    networks = runs(0.1, 0.5)
    filters = filters_of(networks)
    rows = centroid_table(filters, "title").rows
    assert [row[:2] for row in rows] == [["real data", 2], ["random labels", 2], ["untrained", 2]]
    assert rows[0][2].value == pytest.approx(np.mean(centroids(filters)["real data"]))
    assert rows[0][2].value < rows[1][2].value < rows[2][2].value
    kept = ("real data", "untrained")
    alone = {seed: {key: found[key] for key in kept} for seed, found in filters.items()}
    assert centroid_finding(alone, networks).verdict == "not measured"
