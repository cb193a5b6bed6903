from itertools import pairwise

import pytest
from language_runs import found, seeds_of, text_run

from common.papers.language.decoding import EPOCHS, STUDY, Decoded, findings, report
from common.report.figures import png

SPLITS = ("validation_corrupted_labels", "test", "train_corrupted_labels", "train_true_labels")


def lines(layers, epoch, fitted_on="corrupted_labels", **more):
    """A read-out of 1,000 texts of each split: {layer: shares that are right, in the order of the splits}."""
    line = {"epoch": epoch, "probe": "masc", "fitted_on": fitted_on, "n": 1000, "components": 3.0, **more}
    return [
        {**line, "layer": layer, "scored_on": split, "correct": round(1000 * share)}
        for layer, shares in layers.items()
        for split, share in zip(SPLITS, shares, strict=False)
    ]


def memorizing(seed, fraction=0.8, embedding=0.7, state=0.5, counts=0.55, start=0.3, own=0.4, true=0.8):
    """A run that was read out at all epochs that are kept, and is best in its second."""
    layers = {"input": (0.2, counts), "embedding": (0.35, embedding), "lstm": (0.3, state)}
    readout = [
        *lines({**layers, "embedding": (0.1, start), "lstm": (0.1, start)}, 0),
        *lines({**layers, "embedding": (0.4, embedding + 0.05)}, 2),
        *(line for epoch in (1, 4, 6, 8) for line in lines(layers, epoch)),
        *lines({**layers, "embedding": (0.3, true)}, 8, "true_labels"),
    ]
    return text_run(6, (0.5, 0.6, own), (0.3, 0.4, 0.2), fraction=fraction, seed=seed, readout=readout)


def clean(seed):
    """A run on true labels, read out with subspaces of corrupted ones."""
    shares = (0.3, 0.8, 0.95, 0.5)
    other = {"labels_rule": "uniform", "labels_fraction": 0.8}
    readout = [
        *lines({"input": (0.5, 0.6), "embedding": (0.8, 0.85), "lstm": (0.8, 0.84)}, 8),
        *lines({"embedding": shares}, 8, **other), *lines({"embedding": (0.3, 0.82)}, 8, "true_labels", **other),
    ]  # fmt: skip
    return text_run(6, (0.86,), seed=seed, readout=readout)


def test_layers_are_read_out_over_training_and_with_controls(monkeypatch):
    assert {row["corruption_fraction"] for row in Decoded().rows("small")} == {0.0, 0.4, 0.8, 1.0}
    assert STUDY.keep_epochs == EPOCHS and EPOCHS[0] == 0
    longest = max(row["epochs"] for row in Decoded().rows("small"))
    assert max(b - a for a, b in pairwise((*EPOCHS, longest))) <= longest / 8  # so that a peak is seen


def test_what_image_networks_know_is_confirmed_of_texts_that_do():
    judged = findings(seeds_of(lambda seed: [memorizing(seed), clean(seed)]), None)
    names = ("above-model", "true-labels", "above-input", "input", "above-untrained", "first-layer", "network-peak",
             "clean-networks", "clean-networks-test", "peaks-together", "falls-less")  # fmt: skip
    assert {name: found(judged, name, "80 %").verdict for name in names if name != "falls-less"} == {
        name: "confirmed" for name in names if name != "falls-less"
    }
    assert found(judged, "above-model").effect.mean == pytest.approx(0.3)
    assert found(judged, "above-input").effect.mean == pytest.approx(0.15)
    assert found(judged, "first-layer").effect.mean == pytest.approx(0.2)
    assert found(judged, "early-stopping").verdict == "contradicted"
    assert found(judged, "above-model").subject == "lstm, trec, 80 %"


def test_layers_that_know_no_more_are_a_contradiction():
    judged = findings(seeds_of(lambda seed: [memorizing(seed, embedding=0.4, state=0.4, start=0.4, true=0.3)]), None)
    for name in ("above-model", "true-labels", "above-input", "above-untrained", "first-layer"):
        assert found(judged, name).verdict == "contradicted", name
    random = findings(seeds_of(lambda seed: [memorizing(seed, 1.0)]), None)
    assert found(random, "random-true-labels").effect.mean == pytest.approx(0.1)


def test_figures_and_tables_of_layers():
    made = report(seeds_of(lambda seed: [memorizing(seed), clean(seed)]), None)
    assert list(made) == ["layers_lstm", "training_lstm", "layers", "early_stopping", "clean_networks"]
    assert png(made["layers_lstm"]).startswith(b"\x89PNG") and len(made["training_lstm"].axes) == 2
    for name in ("layers", "early_stopping", "clean_networks"):
        table = made[name]
        assert table.rows and not any(column.startswith("published") for column in table.columns)
        assert "Published" not in table.note and "held out" in table.note
