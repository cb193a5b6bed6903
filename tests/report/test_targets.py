from collections import Counter
from pathlib import Path

import pytest

import common.papers
from common.report.claims import Statement, Targets
from common.report.numbers import UNITS

WINGS = Path(common.papers.__file__).parent
NAMES = sorted(f"{path.parents[1].name}_{path.stem}" for path in WINGS.glob("*/targets/*.json"))
NUMBERS = [name for name in NAMES if not name.endswith(("_curves", "_statements"))]
DECODING = [name for name in NUMBERS if name.startswith("decoding")]
ENTRIES = {
    "decoding_mlp": 184, "decoding_cnn": 162, "decoding_alexnet": 62, "decoding_resnet": 71, "decoding_thresholds": 58,
    "decoding_probes": 96, "decoding_untrained": 60, "decoding_velpic": 50, "decoding_dynamics": 42,
}  # fmt: skip
LAYERS = {
    None: "input",
    "mlp4": "input fc1 fc2 fc3 fc4",
    "cnn": "input flatten fc1 fc2 fc3",
    "alexnet_large": "flatten fc1 fc2",
    "resnet18": "maxpool layer1_relu1 layer1_relu2 layer1_relu3 layer1 layer2 layer3 layer4 avgpool",
}
PROBES = (
    "masc masc_0.25 masc_0.50 masc_0.75 masc_1pc velpic logistic_regression nearest_class_mean k_nearest_neighbours "
    "lda qda model"
)
PUBLISHED = {  # typed again from the authors' tables: id without "decoding-", %, or components
    "decoding_mlp": """
        summary-mnist-model-0.2 87.38  summary-mnist-masc-corrupted_labels-0.8 83.43  final-mlp4-mnist-0.4 72.76
        summary-cifar10-masc-true_labels-0.6 50.99  layers-mnist-fc4-0.2 97.22  layers-cifar10-fc1-0.8 13.41
        layers-mnist-input-0.6 80.27  golden-mnist-0.99-0.4 82.55  golden-mnist-1pc-0.8 77.22
        golden-mnist-0.50-0.2 81.35  golden-mnist-0.99-components-0.0 136.5  golden-mnist-unchanged-0.6 46.16
        final-mlp4-mnist-1.0 10.21  final-mlp4-cifar10-0.0 53.32  final-mlp4-cifar10-0.8 17.70
        components-mlp4-mnist-fc4-0.0 9.3  components-mlp4-mnist-fc4-0.8 1719  components-mlp4-mnist-input-0.0 136.5
        components-mlp4-cifar10-fc3-0.6 1650  components-mlp4-cifar10-input-0.4 577
        unchanged-cifar10-0.2 81.95  unchanged-mnist-1.0 10.02""",
    "decoding_cnn": """
        summary-cnn-mnist-model-0.8 28.30  summary-cnn-mnist-masc-corrupted_labels-0.6 93.60
        summary-cnn-fashion_mnist-masc-corrupted_labels-0.4 81.90  summary-cnn-fashion_mnist-masc-true_labels-0.4 81.65
        summary-cnn-cifar10-model-0.2 60.48  summary-cnn-cifar10-masc-true_labels-0.8 43.72
        final-cnn-mnist-0.2 88.34  final-cnn-fashion_mnist-0.0 91.01  final-cnn-cifar10-1.0 9.89
        layers-cnn-mnist-flatten-0.2 96.24  layers-cnn-mnist-fc3-0.8 28.28  layers-cnn-fashion_mnist-input-0.4 68.75
        layers-cnn-fashion_mnist-fc2-0.6 63.39  layers-cnn-cifar10-fc1-0.8 14.79  layers-cnn-cifar10-fc3-0.0 73.64
        components-cnn-fashion_mnist-flatten-0.8 347  components-cnn-mnist-fc3-0.0 6  components-cnn-cifar10-fc2-0.8 228
        """,
    "decoding_alexnet": """
        summary-alexnet_large-cifar100-model-0.2 28.44  summary-alexnet_large-cifar100-masc-corrupted_labels-0.6 15.90
        summary-alexnet_large-cifar100-masc-true_labels-0.8 15.01  summary-alexnet_large-tiny_imagenet-model-0.8 0.73
        summary-alexnet_large-tiny_imagenet-masc-corrupted_labels-0.2 12.43
        summary-alexnet_large-tiny_imagenet-masc-true_labels-0.4 10.02  final-alexnet_large-tiny_imagenet-0.0 15.96
        final-alexnet_large-tiny_imagenet-1.0 0.52  layers-alexnet_large-cifar100-fc1-0.0 43.11
        layers-alexnet_large-cifar100-flatten-0.6 11.45  layers-alexnet_large-cifar100-fc2-0.8 4.03
        layers-alexnet_large-tiny_imagenet-flatten-0.8 0.95  layers-alexnet_large-tiny_imagenet-fc2-0.2 11.94""",
    "decoding_resnet": """
        summary-resnet18-cifar10-model-0.2 67.39  summary-resnet18-cifar10-masc-corrupted_labels-0.2 67.12
        summary-resnet18-cifar10-masc-true_labels-0.8 65.79  final-resnet18-cifar10-0.0 79.96
        final-resnet18-cifar10-0.8 19.79  layers-resnet18-cifar10-maxpool-0.0 65.6
        layers-resnet18-cifar10-avgpool-0.0 39.0  layers-resnet18-cifar10-layer1_relu1-0.2 66.1
        layers-resnet18-cifar10-layer1-0.4 62.0  layers-resnet18-cifar10-layer3-0.6 32.5
        layers-resnet18-cifar10-layer1_relu3-0.8 42.1  layers-resnet18-cifar10-layer2-0.8-true_labels 60.1
        layers-resnet18-cifar10-layer1_relu2-0.8-true_labels 65.8""",
    "decoding_thresholds": """
        thresholds-mlp4-mnist-masc_1pc-fc1-0.8 84.40  thresholds-mlp4-mnist-masc_0.50-fc3-0.8 92.48
        thresholds-mlp4-mnist-masc_0.75-fc2-0.8 92.17  thresholds-mlp4-mnist-masc_0.75-input-0.8 71.24
        thresholds-mlp4-mnist-masc_1pc-fc4-0.4 93.3  thresholds-mlp4-mnist-masc_0.75-fc1-0.4 89.8
        thresholds-mlp4-cifar10-masc_1pc-fc2-0.8 33.9  thresholds-mlp4-cifar10-masc_0.75-input-0.8 20.2
        thresholds-cnn-cifar10-masc_1pc-flatten-0.8 42.7  thresholds-cnn-cifar10-masc_0.75-fc3-0.8 21.2
        thresholds-cnn-fashion_mnist-masc_1pc-fc2-0.8 74.5  thresholds-cnn-fashion_mnist-masc_0.75-fc1-0.8 78.8
        thresholds-cnn-mnist-masc_0.75-flatten-0.8 93.4  thresholds-cnn-mnist-masc_1pc-fc3-0.8 61.30""",
    "decoding_probes": """
        probes-mlp4-mnist-logistic_regression-fc4-0.8 29.7  probes-mlp4-mnist-nearest_class_mean-fc3-0.8 85.6
        probes-mlp4-mnist-k_nearest_neighbours-fc2-0.8 39.5  probes-mlp4-mnist-lda-fc1-0.8 86.2
        probes-mlp4-mnist-qda-fc2-0.8 94.3  probes-mlp4-mnist-logistic_regression-fc3-0.4 68.7
        probes-mlp4-mnist-qda-fc2-0.4 85.7  probes-mlp4-cifar10-nearest_class_mean-fc1-0.8 33.7
        probes-mlp4-cifar10-qda-fc4-0.8 24.2  probes-cnn-fashion_mnist-lda-flatten-0.8 80.9
        probes-cnn-fashion_mnist-qda-fc2-0.8 76.3  probes-cnn-cifar10-nearest_class_mean-fc3-0.8 21.6
        probes-cnn-cifar10-qda-fc1-0.8 20  probes-mlp4-mnist-logistic_regression-fc3-0.8-true_labels 95.3""",
    "decoding_untrained": """
        untrained-mlp4-mnist-start-0.8 85.88  untrained-mlp4-mnist-end-0.8 80.40  untrained-mlp4-mnist-start-1.0 10.21
        untrained-mlp4-cifar10-start-0.0 36.76  untrained-mlp4-cifar10-start-0.8 28.62
        untrained-mlp4-cifar10-end-0.8 24.40  untrained-cnn-mnist-start-1.0 17.8  untrained-cnn-mnist-end-0.2 96.24
        untrained-cnn-fashion_mnist-start-0.6 62.82  untrained-cnn-fashion_mnist-end-0.0 90.16
        untrained-cnn-cifar10-start-0.2 30.16  untrained-cnn-cifar10-end-0.4 49.04""",
    "decoding_velpic": """
        velpic-mlp4-mnist-best-0.2 96.58  velpic-mlp4-mnist-last-0.8 82.10  velpic-mlp4-mnist-best-1.0 17.68
        velpic-mlp4-mnist-last-0.0 97.11  velpic-mlp4-cifar10-best-0.4 48.47  velpic-mlp4-cifar10-last-0.6 33.54
        velpic-cnn-mnist-best-0.8 96.04  velpic-cnn-fashion_mnist-last-0.4 81.53  velpic-cnn-cifar10-best-0.8 44.15
        velpic-resnet18-cifar10-best-0.4 54.19  velpic-resnet18-cifar10-last-0.8 18.64
        velpic-mlp4-mnist-trained-on-44-0.8 79.6  velpic-mlp4-mnist-trained-on-46-0.4 94.3
        velpic-mlp4-mnist-trained-on-train-51-0.8 27.9  velpic-mlp4-mnist-unedited-100-0.8 23.2""",
    "decoding_dynamics": """
        dynamics-mlp4-mnist-best-0.8 91.5  dynamics-mlp4-cifar10-best-0.2 52.8  dynamics-cnn-mnist-best-0.6 98.0
        dynamics-cnn-fashion_mnist-best-0.4 89.3  dynamics-cnn-cifar10-best-0.8 43.7
        dynamics-alexnet_large-cifar100-best-0.4 27.6  dynamics-mlp4-mnist-model-1-0.8 55.9
        dynamics-mlp4-mnist-model-20-0.8 89.69  dynamics-mlp4-mnist-model-296-0.8 31.26
        dynamics-mlp4-mnist-train-20-0.8 26.8  dynamics-mlp4-mnist-masc-0-0.8 85.4  dynamics-mlp4-mnist-masc-20-0.8 93.6
        """,
}
TEXTS = ("id", "paper", "source", "row", "setting", "quantity", "band_source")


def load_targets(name):
    """A file of a wing, by both names."""
    wing, file = name.split("_", 1)
    return Targets(WINGS / wing / "targets").of(file)


def by_id(name):
    return {target["id"]: target for target in load_targets(name)}


def test_there_are_targets():
    assert {"zhang_cifar10", "decoding_mlp"} <= set(NAMES)


@pytest.mark.parametrize("name", NUMBERS)
def test_every_target_is_cited_and_in_range(name):
    for target in load_targets(name):
        assert all(target[key] for key in TEXTS), target["id"]
        assert target["unit"] in UNITS
        assert 0 <= target["corruption_fraction"] <= 1
        assert (target["value"] is None) == ("statement" in target), target["id"]
        if target["unit"] == "fraction" and target["value"] is not None:
            assert 0 <= target["value"] <= 1, target["id"]
        if target["band"] is not None:
            low, high = target["band"]
            assert target["value"] is None or low <= target["value"] <= high, target["id"]
            assert target["unit"] != "fraction" or 0 <= low < high <= 1, target["id"]
        assert Statement.of(target).value == target["value"]


def test_ids_are_unique():
    counts = Counter(target["id"] for name in NAMES for target in load_targets(name))
    assert [name for name, count in counts.items() if count > 1] == []


@pytest.mark.parametrize("name", NUMBERS)
def test_no_number_is_typed_twice(name):
    identity = ("source", "row", "model", "dataset", "setting", "corruption_fraction", "quantity")
    read_out = ("probe", "layer", "fitted_on", "epoch")
    counts = Counter(tuple(target.get(key) for key in identity + read_out) for target in load_targets(name))
    assert [key for key, count in counts.items() if count > 1] == []


@pytest.mark.parametrize("name", [name for name in NAMES if name.endswith("_statements")])
def test_every_statement_says_what_confirms_it(name):
    for target in load_targets(name):
        assert all(target[key] for key in ("id", "paper", "source", "statement", "band_source")), target["id"]


@pytest.mark.parametrize("name", DECODING)
def test_decoding_numbers_are_the_published_ones(name):
    targets, words = by_id(name), PUBLISHED[name].split()
    for key, published in zip(words[::2], words[1::2], strict=True):
        target = targets[f"decoding-{key}"]
        scale = 100 if target["unit"] == "fraction" else 1
        assert target["value"] * scale == pytest.approx(float(published), abs=1e-9), key


def test_every_decoding_number_is_there_once():
    targets = [target for name in DECODING for target in load_targets(name)]
    assert {name: len(load_targets(name)) for name in DECODING} == ENTRIES
    assert len([target for target in targets if target["id"].startswith("decoding-golden")]) == 5 * (5 + 2 + 1)
    identity = ("model", "dataset", "corruption_fraction", "probe", "layer", "fitted_on", "scored_on", "quantity")
    counts = Counter(tuple(target.get(key) for key in (*identity, "epoch", "source")) for target in targets)
    assert [key for key, count in counts.items() if count > 1] == []


@pytest.mark.parametrize("name", DECODING)
def test_decoding_targets_say_what_was_read_out(name):
    keys = set(load_targets("decoding_mlp")[0])
    for target in load_targets(name):
        assert keys <= set(target) <= keys | {"statement", "epoch", "epochs", "epoch_choice", "cause"}, target["id"]
        if target["quantity"] == "labels_unchanged":
            assert target["probe"] is target["layer"] is None
            continue
        assert target["probe"] in PROBES.split(), target["id"]
        own = target["probe"] == "model"
        allowed = ["logits"] if own else [*LAYERS[target["model"]].split(), "best_on_test"]
        assert target["layer"] in allowed and own == (target["fitted_on"] is None), target["id"]
        assert (target["band"] is None) == target["band_source"].startswith("none: "), target["id"]
