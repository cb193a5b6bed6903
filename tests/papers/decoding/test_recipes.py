"""Which runs the decoding studies are made of, at the papers' size and at the reduced one."""

import pytest

from common.papers.decoding.recipes import DECODED, Corrupted

GREY_AND_COLOUR = ("mnist", "fashion_mnist", "cifar10")
PAPERS = (0.0, 0.2, 0.4, 0.6, 0.8, 1.0)


@pytest.mark.parametrize(
    ("preset", "model", "datasets", "fractions"),
    [
        ("paper", "mlp4", ("mnist", "cifar10"), PAPERS),
        ("paper", "cnn", GREY_AND_COLOUR, PAPERS),
        ("paper", "resnet18", ("cifar10",), PAPERS),
        ("small", "mlp4", GREY_AND_COLOUR, (0.0, 0.4, 0.8, 1.0)),
        ("small", "cnn", GREY_AND_COLOUR, (0.0, 0.4, 0.8)),
        ("small", "resnet18", ("cifar10",), (0.0, 0.2, 0.4, 0.8)),
    ],
)
def test_a_network_has_the_data_sets_and_fractions_of_its_size(preset, model, datasets, fractions):
    rows = [row for row in Corrupted(models=DECODED).rows(preset) if row["model"] == model]
    assert [(row["dataset"], row["corruption_fraction"]) for row in rows] == [
        (dataset, fraction) for dataset in datasets for fraction in fractions
    ]
    assert {row.get("train_size") for row in rows} == ({5500} if preset == "small" else {None})


def test_flags_choose_data_sets_and_fractions():
    rows = Corrupted(models=("resnet18",), datasets=("mnist",), fractions=(0.6,)).rows("small")
    assert [(row["dataset"], row["corruption_fraction"]) for row in rows] == [("mnist", 0.6)]
