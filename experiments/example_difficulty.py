"""Are some examples harder than others? One epoch of 100 networks on real data, random inputs and random labels.

Claim:     Arpit et al. (2017), Figure 1: which examples are learned in the first epoch is about the same in all
           networks for real data; random inputs are all equally difficult, images with random labels nearly so
Run:       python experiments/example_difficulty.py [--preset small] [--seeds 0 1 2 ...] [--datasets cifar10]
Expected:  dispersion 1 for random inputs, above 1 for random labels, far above for real data; no numbers are published
Measured:  results/published/index.html, with n, band, hardware and commit, where it has been
Result:    figures, tables and verdicts under results/example_difficulty/; example_table.py makes a table of examples
Time:      made for a GPU; --preset small (10,000 examples, width 256) takes some minutes on two cores
Deviations: training sets hold as many examples of each class, since with MNIST's frequencies the networks' preference
           for frequent classes alone makes examples differ
"""

from dataclasses import dataclass

import numpy as np

from closer_look_configs import BASE, fields
from common.analysis.examples import extremes, join
from common.data import datasets
from common.report.arpit import by_fields
from common.report.difficulty import (
    by_setting,
    difficulty,
    difficulty_figure,
    difficulty_findings,
    difficulty_table,
    image_grid,
)
from common.report.tables import claims_table
from common.runs.config import run_id
from common.runs.store import Store
from common.study import Seeds, Study

TITLE = "Difficulty of examples after one epoch"
SMALL = {"train_size": 10_000, "validation_size": 0, "clean_validation": False, "width": 256, "learning_rate": 0.01}


@dataclass(frozen=True)
class Initializations(Seeds):
    """Networks that differ in initial weights and order."""

    seeds: tuple[int, ...] = tuple(range(100))
    """Seeds of weights and order."""
    datasets: tuple[str, ...] = ("mnist",)
    """Data sets; the paper does not say which it used."""

    def rows(self, preset):
        once = {"epochs": 1, "balanced": True, "train_size": 50_000, "validation_size": 0, "clean_validation": False}
        sizes = once | (SMALL if preset == "small" else {})
        noises = ("none", "gaussian", "uniform")
        return [fields("mlp2", name, preset, noise, **sizes) for name in self.datasets for noise in noises]


def read(configs, call):
    """Keep the easiest and hardest images of each data set with the first network that was trained on real ones."""
    options = call.options
    store = Store.of(options)
    for dataset in dict.fromkeys(config.dataset for config in configs):
        real = [run_id(config) for config in configs if (config.dataset, config.corruption) == (dataset, "none")]
        if real:
            data, arrays = datasets.load(dataset, options.data_dir), [store.arrays(name) for name in real]
            table = join((each, 1) for each in arrays)
            indices = extremes(table | {"wrong": 1 - table["correct"]}, data.y_train, "wrong")
            if not np.array_equal(arrays[0].get("extreme_indices"), indices):
                store.add_arrays(real[0], {"extreme_indices": indices, "extreme_images": data.x_train[indices]})


def report(runs, call):
    """For each data set the curves, the images, the numbers and the verdicts."""
    records, store = [run.record for run in runs], call.store
    items = {}
    for (dataset,), runs in by_fields(records, "dataset").items():
        groups, title = by_setting(runs), f"{TITLE}, {dataset.replace('_', ' ')}"
        found = {
            name: difficulty(group, [store.arrays(r["run_id"]) for r in group])
            for name, group in groups.items()
            if len(group) > 1
        }
        items[f"difficulty_{dataset}"] = difficulty_figure(found, title)
        first = store.arrays(groups["true_labels"][0]["run_id"]) if "true_labels" in groups else {}
        if "extreme_images" in first:
            items[f"images_{dataset}"] = image_grid(first["extreme_images"], title)
        items[f"dispersion_{dataset}"] = difficulty_table(found, title)
        items[f"claims_{dataset}"] = claims_table(difficulty_findings(found), title)
    return items


STUDY = Study("example_difficulty", Initializations(), BASE, report, read=read)

if __name__ == "__main__":
    STUDY.main(__doc__)
