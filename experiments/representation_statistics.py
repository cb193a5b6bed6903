"""Do weights and activations show what a network was trained on? Real digits, random labels, random inputs.

Claim:     none with a number: Arpit et al. (2017) find that networks fit noise otherwise than data; a replication of
           theirs compares mean, variance, skewness, kurtosis and sparsity of weights and activations over training
Run:       python experiments/representation_statistics.py [--preset small] [--models mlp3 cnn] [--seeds 0 1 2]
Expected:  one start; then the variance of the weights grows more where noise is memorized than where digits are learned
Measured:  results/published/index.html, with n, interval, hardware and commit, where it has been
Result:    figures of the last hidden layer, table of all under results/representation_statistics/; statistics.jsonl
           beside each run
Time:      made for a GPU; --preset small takes one to five minutes a run on two cores, the statistics some seconds
Deviations: networks, recipes and epochs are ours, the CNN's those of experiments/decoding_configs.py; activations are
           those on the test set, which is real digits for networks that were trained on random inputs too
"""

from dataclasses import dataclass

from common.analysis.representation import kept_statistics, statistics_run
from common.data import datasets
from common.errors import check_choice
from common.papers.zhang.recipes import INPUTS, SETTINGS
from common.report.representation import by_network, statistics_figure, statistics_table
from common.study import Seeds, Study, with_progress
from decoding_configs import BASE, PAPER, RECIPES, SMALL

TITLE = "Networks trained on data and on noise"
EPOCHS = (0, 1, 2, 4, 8, 16, 32, 60)
NOISE = ("random_labels", *INPUTS)


def fields(model, dataset, setting, preset):
    """Fields of a run: the decoding papers' recipe where they train the model on the data set, else Zhang et al.'s."""
    check_choice("data set", dataset, datasets.DATASETS)
    check_choice("setting", setting, ("true_labels", *NOISE))
    papers = {**PAPER, **RECIPES[model, dataset]} if (model, dataset) in RECIPES else {}
    return {"model": model, "dataset": dataset, **(SMALL if preset == "small" else papers), **SETTINGS[setting]}


@dataclass(frozen=True)
class Networks(Seeds):
    """A run for each combination of these values."""

    models: tuple[str, ...] = ("mlp3", "cnn")
    """Architectures."""
    datasets: tuple[str, ...] = ("mnist",)
    """Data sets."""
    settings: tuple[str, ...] = ("true_labels", "random_labels", "gaussian")
    """What they are trained on: true_labels, random_labels, gaussian, shuffled_pixels, random_pixels."""

    def rows(self, preset):
        return [
            fields(model, dataset, setting, preset)
            for model in self.models
            for dataset in self.datasets
            for setting in self.settings
        ]


def read(configs, call):
    """Every network at every epoch that is kept."""
    for config in with_progress(configs):
        statistics_run(config, call.options, EPOCHS, call.force)


def report(runs, call):
    """Two figures for each network, of weights and of activations, and the table."""
    records, store = [run.record for run in runs], call.store
    lines = {record["run_id"]: kept_statistics(store, record["run_id"]) for record in records}
    records = [record for record in records if lines[record["run_id"]]]
    figures = {
        f"{of}_{network.name()}": statistics_figure(settings, lines, of, network.text())
        for network, settings in by_network(records).items()
        for of in ("weights", "activations")
    }
    return {**figures, "last_epoch": statistics_table(records, lines, TITLE)}


STUDY = Study("representation_statistics", Networks(), BASE, report, keep_epochs=EPOCHS, read=read)

if __name__ == "__main__":
    STUDY.main(__doc__)
