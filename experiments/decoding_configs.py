"""The experiments of Ketha and Ramaswamy as Config fields: models, data sets, recipes, sizes.

Sources: arXiv 2501.14687 and 2603.19865, and their code (github.com/simranketha/MASC_DNN). Their networks see the
examples in the same order in every epoch (`shuffle` off). They stop at a training accuracy that is counted while the
epoch trains; ours is counted at its end.
"""

from dataclasses import dataclass
from functools import partial

from common.analysis.readout import decode_run
from common.data import datasets
from common.errors import check_choice
from common.report import decoding_figures
from common.report.claims import load_targets
from common.report.decoding import decoded, held_out, layer_table
from common.report.tables import claims_table
from common.runs.config import Config
from common.study import Seeds, Study, with_progress

BASE = Config(framework="torch")
SGD = {"optimizer": "sgd", "learning_rate": 1e-3, "batch_size": 32, "stop_accuracy": 1.0}
ADAM = {"optimizer": "adam", "learning_rate": 2e-4}
RECIPES = {
    ("mlp4", "mnist"): SGD,
    ("mlp4", "cifar10"): SGD,
    ("cnn", "mnist"): {**ADAM, "batch_size": 128, "stop_accuracy": 0.999},
    ("cnn", "fashion_mnist"): {**ADAM, "batch_size": 128, "stop_accuracy": 0.991},
    ("cnn", "cifar10"): {**ADAM, "batch_size": 32, "stop_accuracy": 1.0},
    ("alexnet_large", "cifar100"): {**ADAM, "learning_rate": 1e-4, "batch_size": 128, "stop_accuracy": 0.991},
    ("alexnet_large", "tiny_imagenet"): {
        **{**ADAM, "learning_rate": 1e-4, "batch_size": 500, "stop_accuracy": 0.999},
        "preprocessing": "zero_one",
    },
    ("resnet18", "cifar10"): SGD,
}
PAPER = {
    "preprocessing": "minus_one_one",
    "crop": None,
    "initializer": "torch",
    "schedule": "constant",
    "epochs": 500,
    "shuffle": False,
    "validation_size": 500,
}
"""500 examples are held out from the networks, to choose layers on; the papers choose them on test data."""
SMALL = {
    **PAPER,
    "train_size": 5500,
    "optimizer": "adam",
    "learning_rate": 3e-4,
    "batch_size": 64,
    "initializer": "he_normal",
    "schedule": "exponential",
    "decay": 0.96,
    "epochs": 60,
    "stop_accuracy": 1.0,
    "shuffle": True,
}
"""5,000 examples to train on. Two cores memorize them within 60 epochs, which from PyTorch's own initial weights, or at
a constant rate, they do not."""
KEPT = (0, 1, 8, 40)
"""Epochs whose networks the studies share: untrained, and those that `velpic_weight_transfer.py` edits,
the first in a smoke test."""
SMALL_DATASETS = ("mnist", "fashion_mnist", "cifar10")
FRACTIONS = {"paper": (0.0, 0.2, 0.4, 0.6, 0.8, 1.0), "small": (0.0, 0.4, 0.8)}


def fields(model, dataset, fraction, preset="paper"):
    """Fields of a run; labels are corrupted by the papers' own rule, the same ones for every seed."""
    check_choice("data set", dataset, datasets.DATASETS)
    if preset != "small" and (model, dataset) not in RECIPES:
        raise ValueError(f"datasets must be those the papers train {model} on. Received: {dataset}")
    recipe = SMALL if preset == "small" else {**PAPER, **RECIPES[model, dataset]}
    labels = {"corruption": "ketha" if fraction else "none", "corruption_fraction": fraction}
    return {"model": model, "dataset": dataset, **recipe, **labels}


@dataclass(frozen=True)
class Decoded(Seeds):
    """A run for each combination of these values that the papers have, and with the small preset for all of them."""

    models: tuple[str, ...] = ("mlp4", "cnn")
    """Architectures."""
    datasets: tuple[str, ...] = ()
    """Data sets; none means those on which the papers train the model, with the small preset three."""
    fractions: tuple[float, ...] = ()
    """Corrupted fractions of the labels; none means the papers', with the small preset 0, 0.4, 0.8, and 1 for MLPs."""

    def rows(self, preset):
        return [
            fields(model, dataset, fraction, preset)
            for model in self.models
            for dataset in self.datasets or datasets_of(model, preset)
            for fraction in self.fractions or FRACTIONS[preset] + (1.0,) * (preset == "small" and model == "mlp4")
        ]


def datasets_of(model, preset):
    """Where the papers train the model; the small preset takes what two cores can."""
    return SMALL_DATASETS if preset == "small" else [dataset for name, dataset in RECIPES if name == model]


def probe_study(name, title, probes, findings, targets):
    """A study of probes, {name: label}, on every network at its end: over corruption, and layer by layer."""

    def read(configs, call):
        for config in with_progress(configs):
            decode_run(config, call.options, tuple(probes), force=call.force)

    def report(runs, call):
        runs = decoded([run.record for run in runs], call.store)
        lines = {label: partial(held_out, probe=probe) for probe, label in probes.items()}
        return {
            "probes": decoding_figures.over_fractions(lines, runs, title),
            "claims": claims_table(findings(runs), title),
            "layers": layer_table(runs, load_targets(targets), title, tuple(probes)),
        }

    return Study(name, Decoded(), BASE, report, KEPT, read)
