"""Do networks trained on data and on noise represent digits alike? Linear CKA and SVCCA between all of their layers.

Claim:     none with a number: a replication of Arpit et al. (2017) compares layers of networks trained on real data, on
           random inputs and on random labels by SVCCA
Run:       python experiments/representation_similarity.py [--preset small] [--models mlp3 cnn] [--seeds 0 1 2]
Expected:  two seeds on true labels are alike in all layers, more than networks trained on different things, and these
           the less, the later the layer
Measured:  results/published/index.html, with n, interval, hardware and commit, where it has been
Result:    heat maps (layer x layer) and a table under results/representation_similarity/; similarity_*.jsonl beside the
           runs, which are those of representation_statistics.py
Time:      made for a GPU; --preset small takes one to five minutes a run on two cores, and ten seconds for each pair
Deviations: 2,000 test digits, the same for all. SVCCA keeps directions with 99 % of the variance, up to some hundreds:
           the table has beside it what it would be by chance. Two seeds of one setting are the reference; pairs that
           start from the same weights stand apart, for these alone make layers alike
"""

from dataclasses import dataclass
from itertools import combinations

from common.analysis.representation import kept_similarities, similarity_run
from common.report.representation import MEASURES, by_network, similarity_figure, similarity_table
from common.study import Study, with_progress
from decoding_configs import BASE
from representation_statistics import EPOCHS, TITLE, Networks


@dataclass(frozen=True)
class Pairs(Networks):
    """A run for each combination of these values; every two of one architecture and data set are compared."""

    seeds: tuple[int, ...] = (0, 1)
    """Seeds of weights, order and augmentation; two and more give the reference."""


def read(configs, call):
    """Every two networks of one architecture and data set."""
    both = [(a, b) for a, b in combinations(configs, 2) if (a.model, a.dataset) == (b.model, b.dataset)]
    for config, other in with_progress(both):
        similarity_run(config, other, call.options, call.force)


def report(runs, call):
    """Two figures for each network, a measure each, and the table of corresponding layers."""
    records, store = [run.record for run in runs], call.store
    lines = kept_similarities(store, [record["run_id"] for record in records])
    compared = {name for pair in lines for name in pair}
    records = [record for record in records if record["run_id"] in compared]
    figures = {
        f"{measure}_{network.name()}": similarity_figure(settings, lines, measure, f"{text}: {network.text()}")
        for network, settings in by_network(records).items()
        for measure, text in MEASURES.items()
    }
    return {**figures, "corresponding_layers": similarity_table(records, lines, TITLE)}


STUDY = Study("representation_similarity", Pairs(), BASE, report, keep_epochs=EPOCHS, read=read)

if __name__ == "__main__":
    STUDY.main(__doc__)
