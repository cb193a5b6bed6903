"""Figure 2 of Arpit et al. on filters of known smoothness."""

import numpy as np
import pytest
from made_up_runs import a_run, corruption_of

from common.report.filters import centroid_findings, centroid_table, centroids, filters_of
from common.report.numbers import mean_interval
from common.runs import initial_weights

SHAPE = (5, 5, 3, 8)


class Arrays:
    """The store's part that is used."""

    def __init__(self, roughness):
        self.roughness = roughness

    def arrays(self, name):
        noise = np.random.default_rng(len(name)).standard_normal(SHAPE)
        return {"first_layer_filters": 1 + self.roughness[name] * noise}


def runs(real, labels, seeds=2):
    """Records whose filters are constant but for noise of the given sizes."""
    records, roughness = [], {}
    for seed in range(seeds):
        for setting, size in (("true_labels", real), ("random_labels", labels)):
            records.append(a_run(model="cnn2", seed=seed, **corruption_of(setting))[0])
            roughness[records[-1]["run_id"]] = size
    return records, filters_of(records, Arrays(roughness))


def test_each_seed_has_its_own_untrained_filters_beside_the_trained():
    _, filters = runs(0.1, 0.5)
    assert set(filters) == {0, 1} and list(filters[0]) == ["real data", "random labels", "untrained"]
    name = "conv1-layer/kernel"
    for seed, found in filters.items():
        expected = initial_weights.draw({name: SHAPE}, "glorot_uniform", seed)[name]
        np.testing.assert_array_equal(found["untrained"], expected)


@pytest.mark.parametrize("real, labels, verdict", [(0.1, 0.5, "confirmed"), (0.5, 0.1, "not confirmed")])
def test_the_order_of_the_centroids_decides(real, labels, verdict):
    records, filters = runs(real, labels)
    (finding,) = centroid_findings(filters, records)
    assert finding.verdict == verdict and finding.subject == "cnn2, cifar10"
    mean, low, high = mean_interval(centroids(filters)["real data"])
    assert finding.numbers.startswith(f"real data {mean:#.3g} [{low:#.3g}, {high:#.3g}]; random labels 0.")
    assert finding.n == ("2 of 2 seeds" if verdict == "confirmed" else "0 of 2 seeds")


def test_the_table_holds_means_over_seeds_and_what_is_missing_is_not_measured():
    records, filters = runs(0.1, 0.5)
    rows = centroid_table(filters, "title").rows
    assert [row[:2] for row in rows] == [["real data", 2], ["random labels", 2], ["untrained", 2]]
    assert rows[0][2].value == pytest.approx(np.mean(centroids(filters)["real data"]))
    assert rows[0][2].value < rows[1][2].value < rows[2][2].value
    kept = ("real data", "untrained")
    alone = {seed: {key: found[key] for key in kept} for seed, found in filters.items()}
    assert centroid_findings(alone, records)[0].verdict == "not measured"
