from collections import Counter

import pytest

from common.papers.zhang.targets import NUMBERS, TARGETS
from common.report.claims import claim_of

TABLE_1 = {  # train, test, %
    ("mlp3", "weight_decay"): (100.0, 53.35),
    ("mlp3", "true_labels"): (100.0, 52.39),
    ("mlp3", "random_labels"): (100.0, 10.48),
    ("mlp1", "weight_decay"): (99.80, 50.39),
    ("mlp1", "true_labels"): (100.0, 50.51),
    ("mlp1", "random_labels"): (99.34, 10.61),
    ("inception", "weight_decay_random_crop"): (100.0, 89.05),
    ("inception", "random_crop"): (100.0, 89.31),
    ("inception", "weight_decay"): (100.0, 86.03),
    ("inception", "true_labels"): (100.0, 85.75),
    ("inception", "random_labels"): (100.0, 9.78),
    ("inception_without_batch_norm", "weight_decay"): (100.0, 83.00),
    ("inception_without_batch_norm", "true_labels"): (100.0, 82.00),
    ("inception_without_batch_norm", "random_labels"): (100.0, 10.12),
    ("alexnet", "weight_decay_random_crop"): (99.90, 81.22),
    ("alexnet", "random_crop"): (99.82, 79.66),
    ("alexnet", "weight_decay"): (100.0, 77.36),
    ("alexnet", "true_labels"): (100.0, 76.07),
    ("alexnet", "random_labels"): (99.82, 9.86),
}


def test_table_1_is_the_published_one():
    found = {
        (target["model"], target["setting"], target["quantity"]): target["value"]
        for target in NUMBERS
        if target["source"] == "Table 1"
    }
    expected = {}
    for (model, setting), (train, test) in TABLE_1.items():
        expected[model, setting, "train_accuracy"] = pytest.approx(train / 100)
        expected[model, setting, "test_accuracy"] = pytest.approx(test / 100)
    assert found == expected


def test_table_4_is_the_published_one():
    found = {
        (target["model"], target["setting"].removeprefix("random_labels_")): target["value"] or target["statement"]
        for target in NUMBERS
        if target["source"] == "Table 4"
    }
    assert found == {
        ("inception", "weight_decay"): 1.0, ("alexnet", "weight_decay"): "failed to converge",
        ("mlp3", "weight_decay"): 1.0, ("mlp1", "weight_decay"): 0.9921,
        ("inception", "random_crop"): 0.9993, ("inception", "flip_rotation_25"): 0.9928,
    }  # fmt: skip


def test_every_curve_is_cited_and_in_order():
    curves = TARGETS.of("curves")
    assert Counter(curve["source"] for curve in curves) == {
        "Figure 1a": 5, "Figure 1b": 3, "Figure 1c": 3, "Figure 2b": 4
    }  # fmt: skip
    for curve in curves:
        assert all(curve[key] for key in ("row", "model", "setting", "quantity", "unit")), curve["id"]
        assert "1611.03530v2" in curve["obtained"] and curve["x_unit"] in ("thousand steps", "fraction")
        x, y = zip(*curve["points"], strict=True)
        assert list(x) == sorted(set(x)) and min(y) >= 0
        assert curve["unit"] != "fraction" or max(y) <= 1


def test_curves_are_the_published_ones():
    points = {curve["id"]: [tuple(point) for point in curve["points"]] for curve in TARGETS.of("curves")}
    assert points["zhang-fig1a-true_labels"][0] == (0.391, 0.8393)
    assert points["zhang-fig1b-inception"][-1] == (1.0, 3.6) and points["zhang-fig1b-mlp1"][5] == (0.5, 1.7857)
    assert points["zhang-fig1c-alexnet"][0] == (0.0, 0.3011) and points["zhang-fig1c-mlp1"][5] == (0.5, 0.7961)
    assert points["zhang-fig2b-inception-test"][0] == (0.391, 0.689)
    for name in ("inception", "alexnet", "mlp1"):
        for figure in ("1b", "1c"):
            assert [x for x, _ in points[f"zhang-fig{figure}-{name}"]] == [n / 10 for n in range(11)]


def test_every_statement_is_cited():
    for target in TARGETS.of("statements"):
        assert all(target[key] for key in ("id", "paper", "source", "row", "quantity", "statement", "band_source"))
        assert target["value"] is None and claim_of(target).published is None
        assert target["band"] is not None or target["levels"]
