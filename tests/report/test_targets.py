from collections import Counter

import pytest

from common.report.claims import TARGETS, claim_of, load_targets
from common.report.tables import UNITS

NAMES = sorted(path.stem for path in TARGETS.glob("*.json"))
TABLE_1 = {  # train, test, %
    ("mlp3", "weight_decay"): (100.0, 53.35),
    ("mlp3", "true_labels"): (100.0, 52.39),
    ("mlp3", "random_labels"): (100.0, 10.48),
    ("mlp1", "weight_decay"): (99.80, 50.39),
    ("mlp1", "true_labels"): (100.0, 50.51),
    ("mlp1", "random_labels"): (99.34, 10.61),
}
TEXTS = ("id", "paper", "source", "row", "setting", "quantity", "band_source")


def by_id(name):
    return {target["id"]: target for target in load_targets(name)}


def test_there_are_targets():
    assert {"zhang_mlp", "decoding_mlp"} <= set(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_every_target_is_cited_and_in_range(name):
    for target in load_targets(name):
        assert all(target[key] for key in TEXTS), target["id"]
        assert target["unit"] in UNITS
        assert 0 <= target["corruption_fraction"] <= 1
        if target["unit"] == "fraction":
            assert 0 <= target["value"] <= 1, target["id"]
        if target["band"] is not None:
            low, high = target["band"]
            assert low <= target["value"] <= high, target["id"]
            assert target["unit"] != "fraction" or 0 <= low < high <= 1, target["id"]
        assert claim_of(target).published == target["value"]


def test_ids_are_unique():
    counts = Counter(target["id"] for name in NAMES for target in load_targets(name))
    assert [name for name, count in counts.items() if count > 1] == []


@pytest.mark.parametrize("name", NAMES)
def test_no_number_is_typed_twice(name):
    identity = ("source", "row", "model", "dataset", "setting", "corruption_fraction", "quantity")
    probe = ("probe", "variance", "components", "layer", "fitted_on")
    counts = Counter(tuple(target.get(key) for key in identity + probe) for target in load_targets(name))
    assert [key for key, count in counts.items() if count > 1] == []


def test_zhang_table_1_is_the_published_one():
    found = {
        (target["model"], target["setting"], target["quantity"]): target["value"]
        for target in load_targets("zhang_mlp")
        if target["source"] == "Table 1"
    }
    expected = {}
    for (model, setting), (train, test) in TABLE_1.items():
        expected[model, setting, "train_accuracy"] = pytest.approx(train / 100)
        expected[model, setting, "test_accuracy"] = pytest.approx(test / 100)
    assert found == expected


def test_zhang_table_4_and_figures():
    zhang = by_id("zhang_mlp")
    assert zhang["zhang-table4-mlp3-random_labels_weight_decay-train"]["value"] == 1
    assert zhang["zhang-table4-mlp1-random_labels_weight_decay-train"]["value"] == 0.9921
    for figure, unit in (("fig1b", "ratio"), ("fig1c", "fraction")):
        curve = [target for name, target in zhang.items() if figure in name]
        assert [target["corruption_fraction"] for target in curve] == [n / 10 for n in range(11)]
        assert {target["unit"] for target in curve} == {unit}


def test_decoding_tables():
    decoding = by_id("decoding_mlp")
    assert decoding["decoding-summary-mnist-masc-corrupted_labels-0.8"]["value"] == 0.8343
    assert decoding["decoding-layers-mnist-fc4-0.2"]["value"] == 0.9722
    assert decoding["decoding-golden-mnist-0.99-0.4"]["value"] == 0.8255
    assert decoding["decoding-golden-mnist-0.99-components-0.0"]["value"] == 136.5
    assert len([name for name in decoding if name.startswith("decoding-golden")]) == 5 * (5 + 2 + 1)
