"""First-layer filters of a CNN fitted to real and to random labels, beside untrained ones.

Claim:     Arpit et al. (2017), Figure 2: networks fitted to random labels learn filters with structure too, so that
           they use patterns that examples share
Run:       python experiments/first_layer_filters.py [--preset small] [--seeds 0 1 2]
Expected:  lower spatial frequencies than untrained filters have, lower still for real labels; the paper shows pictures
Measured:  results/published/index.html, with n, interval, hardware and commit, where it has been
Result:    pictures, spectral centroids and verdict under results/first_layer_filters/; critical_sample_ratio.py shares
           its runs
Time:      made for a GPU; --preset small takes three minutes a seed on two cores
"""

from dataclasses import dataclass

from closer_look_configs import BASE, KEPT, fields
from common.report.figures import filter_grids
from common.report.filters import centroid_findings, centroid_table, filters_of
from common.report.tables import claims_table
from common.study import Seeds, Study

TITLE = "First layer of the CNN"


@dataclass(frozen=True)
class Labels(Seeds):
    """Real and random labels."""

    def rows(self, preset):
        return [fields("cnn2", "cifar10", preset, noise) for noise in ("none", "uniform")]


def report(runs, call):
    """Filters of the first seed, centroids of all."""
    records, store = [run.record for run in runs], call.store
    filters = filters_of(records, store)
    return {
        "filters": filter_grids(filters[min(filters)], TITLE),
        "spectral_centroids": centroid_table(filters, TITLE),
        "claims": claims_table(centroid_findings(filters, records), TITLE),
    }


STUDY = Study("first_layer_filters", Labels(), BASE, report, KEPT)

if __name__ == "__main__":
    STUDY.main(__doc__)
