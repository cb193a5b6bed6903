import json
from collections import Counter

import pytest

from common.papers.zhang import studies as zhang
from common.papers.zhang.batch_norm import numbers as figure_2b
from common.papers.zhang.corruption import numbers as figures_1b_1c
from common.papers.zhang.randomization import numbers as figure_1a
from common.papers.zhang.targets import NUMBERS, TARGETS, recipe_of
from common.report.claims import Statement
from common.report.published import as_stated, number_findings
from common.report.runs import Runs

PAPER = "Zhang et al. 2017"
COUNTS = {
    "Table 1": 43, "Table 2": 32, "Table 2, of Krizhevsky et al. (2012)": 1, "Table 3": 4, "Table 4": 6,
    "Section 5": 3, "Figure 1a": 15, "Figure 1b": 9, "Figure 1c": 15, "Figure 2a": 9, "Figure 2b": 12,
}  # fmt: skip
TABLE_1 = {  # parameters, then train and test, %, by setting
    "inception": (1_649_402, {
        "weight_decay_random_crop": (100.0, 89.05), "random_crop": (100.0, 89.31), "weight_decay": (100.0, 86.03),
        "true_labels": (100.0, 85.75), "random_labels": (100.0, 9.78),
    }),
    "inception_without_batch_norm": (1_649_402, {
        "weight_decay": (100.0, 83.00), "true_labels": (100.0, 82.00), "random_labels": (100.0, 10.12),
    }),
    "alexnet": (1_387_786, {
        "weight_decay_random_crop": (99.90, 81.22), "random_crop": (99.82, 79.66), "weight_decay": (100.0, 77.36),
        "true_labels": (100.0, 76.07), "random_labels": (99.82, 9.86),
    }),
    "mlp3": (1_735_178, {
        "weight_decay": (100.0, 53.35), "true_labels": (100.0, 52.39), "random_labels": (100.0, 10.48),
    }),
    "mlp1": (1_209_866, {
        "weight_decay": (99.80, 50.39), "true_labels": (100.0, 50.51), "random_labels": (99.34, 10.61),
    }),
}  # fmt: skip
TABLE_2 = {  # top 1 and top 5 in training, in test, and at best in test, %
    "augmentation_dropout_weight_decay": "92.18 99.21 77.84 93.92",
    "augmentation": "92.33 99.17 72.95 90.43",
    "weight_decay": "90.60 100.0 67.18 86.44 72.57 91.31",
    "true_labels": "99.53 100.0 59.80 80.38 63.16 84.49",
    "random_labels_dropout_weight_decay": "91.18 97.95 0.09 0.49",
    "random_labels_weight_decay": "87.81 96.15 0.12 0.50",
    "random_labels": "95.20 99.14 0.11 0.56",
}
TABLE_3 = {
    "zhang-table3-mnist-pixels": 0.012, "zhang-table3-mnist-gabor": 0.006, "zhang-table3-cifar10-pixels": 0.46,
    "zhang-table3-cifar10-random-convolutions": 0.17, "zhang-table3-cifar10-random-convolutions-penalty": 0.15,
    "zhang-section5-mnist-pixels-norm": 220, "zhang-section5-mnist-gabor-norm": 390,
}  # fmt: skip


IN_WORDS = ("zhang-table4-alexnet-random_labels_weight_decay-train", "zhang-wide_resnet-random_labels-test")


def everything():
    return [finding.statement for finding in all_numbers()]


def all_numbers():
    return [*zhang.numbers(Runs()), *(number for study in zhang.COMPUTED for number in study.numbers([]))]


def test_every_number_of_the_paper_is_there_once_measured_or_not():
    found = all_numbers()
    assert Counter(finding.statement.source for finding in found if finding.statement.paper == PAPER) == COUNTS
    assert {(finding.verdict, finding.size) for finding in found} == {("not measured", "full size")}
    papers = Counter(finding.statement.paper for finding in found)
    assert papers == {PAPER: sum(COUNTS.values()), "pluskid/fitting-random-labels": 2, "older reproduction": 9}
    names = [said.id for said in everything()] + [target["id"] for target in TARGETS.of("statements")]
    assert len(set(names)) == len(names)
    for said in everything():
        assert said.value is not None or said.id in IN_WORDS
        assert said.band_source.startswith("none: ") == (said.band is None), said.id
        if said.band and said.value is not None:
            assert said.band[0] <= said.value <= said.band[1], said.id


def test_no_band_of_test_accuracy_is_wider_than_six_points_and_without_batch_norm_alone_than_four():
    for target in NUMBERS:
        if target["quantity"] == "test_accuracy":
            low, high = target["band"]
            assert high - low < (0.0601 if "without" in target["model"] else 0.0401), target["id"]


def test_table_1_is_the_published_one():
    found = {
        (target["model"], target["setting"], target["quantity"]): target["value"]
        for target in NUMBERS
        if target["source"] == "Table 1"
    }
    expected = {}
    for model, (_, rows) in TABLE_1.items():
        for setting, (train, test) in rows.items():
            expected[model, setting, "train_accuracy"] = pytest.approx(train / 100)
            expected[model, setting, "test_accuracy"] = pytest.approx(test / 100)
    assert found == expected
    counts = {target["model"]: target["value"] for target in TARGETS.of("parameters")}
    assert counts == {model: parameters for model, (parameters, _) in TABLE_1.items()}


def test_tables_2_and_3_are_the_published_ones():
    found = {target["id"]: target["value"] for target in TARGETS.of("imagenet")}
    names = ("train_top1", "train_top5", "test_top1", "test_top5", "best_test_top1", "best_test_top5")
    for setting, row in TABLE_2.items():
        for name, value in zip(names, row.split(), strict=False):
            assert found.pop(f"zhang-table2-{setting}-{name}") == pytest.approx(float(value) / 100)
    assert found.pop("zhang-table2-alexnet-test_top5") == 0.836
    assert found.pop("zhang-fig2a-true_labels-best") == 0.6316 and len(found) == 8
    kernels = [*TARGETS.of("kernels"), *TARGETS.of("norms")]
    assert {target["id"]: target["value"] for target in kernels} == TABLE_3


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


def test_what_the_first_authors_code_gives_is_not_the_papers():
    assert {target["paper"] for target in TARGETS.of("wide_resnet")} == {"pluskid/fitting-random-labels"}
    said = {said.id: said.paper for said in everything()}
    assert {said[target["id"]] for target in TARGETS.of("wide_resnet")} == {"pluskid/fitting-random-labels"}


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


@pytest.mark.parametrize(
    ("numbers", "name", "value", "band", "unit"),
    [
        (figure_1a, "zhang-fig1a-gaussian-0.1", 20, (20 / 1.3, 26), "epochs"),
        (figures_1b_1c, "zhang-fig1b-inception-0.5", 2.5, (2.5 / 1.2, 3), "ratio"),
        (figures_1b_1c, "zhang-fig1c-alexnet-0.2", 0.5218, (0.4918, 0.5518), "fraction"),
        (figure_2b, "zhang-fig2b-inception-test-10", 0.8488, (0.8338, 0.8638), "fraction"),
        (figure_2b, "zhang-fig2b-inception-train-25", 1.0, (0.99, 1.0), "fraction"),
    ],
)
def test_numbers_are_read_from_the_curves(numbers, name, value, band, unit):
    (said,) = (finding.statement for finding in numbers(Runs()) if finding.statement.id == name)
    assert (said.value, said.band, said.unit) == (value, pytest.approx(band), unit)


def test_the_recipe_of_a_curve_is_that_of_its_model():
    assert recipe_of("inception", "gaussian")["learning_rate"] == 0.1
    assert recipe_of("mlp1", "corrupted_labels")["learning_rate"] == 0.01


@pytest.mark.parametrize(
    "changes",
    [{"label_smoothing": 0.3}, {"initializer": "torch"}, {"batch_size": 4096}, {"shuffle": False}, {"decay": 0.9},
     {"weight_average": 0.999}, {"train_evaluation_size": 100}],
)  # fmt: skip
def test_a_run_of_another_recipe_decides_on_no_number(zhang, changes):
    target = next(target for target in NUMBERS if target["id"] == "zhang-table1-mlp3-true_labels-test")
    assert as_stated(zhang.run((), {}, model="mlp3"), target)
    assert as_stated(zhang.run((), {}, model="mlp3", precision="bfloat16", epochs=90), target)
    assert not as_stated(zhang.run((), {}, model="mlp3", **changes), target)


def test_a_number_names_a_precision_that_is_not_the_papers(zhang):
    target = next(target for target in NUMBERS if target["id"] == "zhang-table1-mlp3-true_labels-test")
    kinds = ({}, {"precision": "bfloat16"})
    runs = [zhang.run((), {"test_accuracy": 0.5}, model="mlp3", **changes) for changes in kinds]
    assert sorted(found.told for found in number_findings(target, Runs(runs))) == ["", "bfloat16"]


def test_every_statement_says_what_it_measures_and_against_what():
    targets = TARGETS.of("statements")
    assert len(targets) == 33
    for target in targets:
        assert all(target[key] for key in ("id", "paper", "source", "statement", "effect", "null", "band_source"))
        assert target["band"] and set(target["band"]) != {None}, target["id"]
        assert json.dumps(target).isascii() and Statement.of(target).value is None
