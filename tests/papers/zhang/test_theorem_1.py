"""Theorem 1 as a script builds it: the whole training set, model files of both frameworks, tables and figures."""

import dataclasses
import json

import keras
import numpy as np
import pytest
import torch

from common.analysis import evaluator
from common.papers.zhang import expressivity
from common.papers.zhang.expressivity import SMOKE, Theorem1, cases, compute
from common.runs.computation import computation_id
from common.runs.config import Options
from common.runs.store import Store
from common.runs.task import prepare

pytestmark = pytest.mark.slow

SETTINGS = Theorem1(**SMOKE)


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """Options, and what came out."""
    options = Options(output_dir=tmp_path_factory.mktemp("built"))
    return options, compute(SETTINGS, options)


def test_every_label_is_fitted_by_2n_plus_d_weights(built):
    outcome = built[1].outcome
    (line,) = outcome["lines"]
    assert (
        line["n"] == line["right"] == 300 and line["weights"] == 2 * 300 + 64 == 2 * line["n"] + outcome["dimensions"]
    )
    assert line["largest_error"] < 1e-7 and line["largest_weight"] > 1e3
    assert 0.03 < outcome["test_accuracy"] < 0.3 and outcome["test_n"] == 360
    assert [deep["depth"] for deep in outcome["depths"]] == [2, 4, 8]
    assert all(deep["largest_error"] < 1e-7 and deep["evaluated"] == 300 for deep in outcome["depths"])
    lemma = outcome["lemma"]
    assert lemma["n"] == lemma["rank"] == 300 and lemma["least_eigenvalue"] == pytest.approx(
        lemma["least_distance"], rel=1e-9
    )
    assert 0 < lemma["least_distance"] < 0.01 and json.dumps(outcome)


@pytest.mark.parametrize("suffix", [".pt", ".h5"])
def test_the_evaluator_opens_the_network_and_finds_the_labels(built, suffix):
    options, result = built
    model = evaluator.load(Store.of(options).models / f"{computation_id(SETTINGS)}{suffix}")
    task = prepare(model.config, None)
    inputs = model.prepare(task.train.inputs, model.config)
    np.testing.assert_allclose(model.logits(inputs)[:, 0], task.train.labels, atol=1e-6)
    assert model.layers == ("input", "projection", "hinges", "logits") and model.features(inputs, "hinges").min() == 0
    assert result.outcome["files"][suffix] < 1e-6
    assert (task.train.labels != task.train.true_labels).mean() > 0.8


def test_both_files_hold_float64_and_the_weights_alone(built):
    options, _ = built
    path = Store.of(options).models / computation_id(SETTINGS)
    state = torch.load(path.with_suffix(".pt"), weights_only=True)["state_dict"]
    assert sum(tensor.numel() for tensor in state.values()) == 664
    assert {tensor.dtype for tensor in state.values()} == {torch.float64}
    model = keras.models.load_model(path.with_suffix(".h5"), compile=False)
    assert model.count_params() == 665 and {weight.dtype for weight in model.weights} == {"float64"}


def test_sizes_are_nested_and_the_last_is_all(monkeypatch, tmp_path):
    monkeypatch.setattr(expressivity, "nested", lambda n: [50, n])
    outcome = compute(SETTINGS, Options(output_dir=tmp_path)).outcome
    assert [line["n"] for line in outcome["lines"]] == [50, 300]
    assert [line["right"] for line in outcome["lines"]] == [50, 300]


def test_true_and_random_labels_by_either_rule_of_three_data_sets():
    full, small = ([Theorem1(**case) for case in cases(preset)] for preset in ("paper", "small"))
    assert len(full) == 3 * 4 + 8 and len(small) == 3 * 4 + 4
    assert {(one.dataset, one.train_size) for one in small} == {("digits", None), ("mnist", 5000)}
    assert {one.seed for one in full if one.dataset == "digits"} == {0, 1, 2}
    assert {one.place for one in full} == {0.1, 0.5} and {one.labels for one in full} == {"true", "random"}


def test_nearest_classes_stay_in_range():
    assert expressivity.nearest(np.array([-7.0, 0.4, 2.6, 1e9]), 9).tolist() == [0, 0, 3, 9]
    assert expressivity.share_right(np.array([0.1, 5.0]), np.array([0, 4]), 10) == 0.5


def test_figures_and_tables_say_what_was_built(built):
    record = {"environment": {"processor": "Processor", "threads": 1}, "code": {"commit": None, "dirty": None}}
    settings = {"dataset": "digits", "labels": "random", "place": 0.1, "seed": 0}
    found = type("Made", (), {"settings": settings, "outcome": built[1].outcome, "record": record})()
    report = expressivity.report([found])
    row = dict(zip(report["networks"].columns, report["networks"].rows[0], strict=True))
    assert (
        row["fitted"] == "300 of 300"
        and row["biases"] == "near the example before"
        and row["run on"].endswith("commit")
    )
    assert [row[3] for row in report["depths"].rows] == [2, 4, 8]
    assert expressivity.rule(0.25) == "0.25 of the way"
    midpoint = type("Made", (), {**vars(found), "settings": {**settings, "place": 0.5}, "outcome": built[1].outcome})()
    assert expressivity.depth_table([midpoint]).rows == []
    panels = report["construction"].axes
    (curve, points, ticks), (_, others, _) = (axes.lines for axes in panels)
    np.testing.assert_allclose(np.interp(points.get_xdata(), curve.get_xdata(), curve.get_ydata()), points.get_ydata(),
                               atol=0.5)  # fmt: skip
    assert len(points.get_xdata()) == 12 == len(ticks.get_xdata())
    np.testing.assert_array_equal(points.get_ydata(), others.get_ydata())
    assert [axes.get_yscale() for axes in report["sizes"].axes] == ["log", "log"]


def test_errors_are_judged_in_standard_deviations_of_the_labels(built):
    lemma = built[1].outcome["lemma"]

    def judged(scale, draws=3, lemma=lemma, **changes):
        outcome = {**built[1].outcome, "lines": [dict(built[1].outcome["lines"][-1])]}
        outcome["lines"][0]["largest_error"] = scale * outcome["lines"][0]["spread"]
        settings = {**dataclasses.asdict(SETTINGS), **changes}
        outcome["lemma"] = lemma
        found = [type("Made", (), {"settings": settings, "outcome": outcome})()] * draws
        return {one.statement.id: (one.verdict, one.subject, one.size) for one in expressivity.findings(found)}

    assert judged(1e-7)["zhang-theorem-1"] == ("confirmed", "digits, n=300", "reduced")
    assert judged(1, train_size=None)["zhang-theorem-1"] == ("contradicted", "digits, n=300", "reduced")
    assert judged(1e-5)["zhang-theorem-1"][0] == judged(1e-5, draws=1)["zhang-theorem-1"][0] == "undecided"  # rounding
    assert judged(1e-7, dataset="mnist", train_size=None)["zhang-theorem-1"][2] == "full size"
    assert judged(1e-5)["zhang-corollary-1"][0] == "confirmed"
    assert judged(1, draws=1)["zhang-theorem-1"][0] == "not indicated"
    assert judged(1e-5)["zhang-lemma-1"][0] == "confirmed"
    assert judged(1e-5, lemma={**lemma, "least_eigenvalue": 0.0})["zhang-lemma-1"][0] == "contradicted"
    assert judged(1e-5, lemma={**lemma, "rank": 299})["zhang-lemma-1"][0] == "contradicted"
    assert judged(1e-5, lemma=None)["zhang-lemma-1"][0] == "not measured"  # a record from before
    assert judged(1e-7, labels="true") == judged(1e-7, place=0.5) == {}


@pytest.mark.parametrize(
    "changes, message",
    [
        ({"train_size": 1}, "train_size must be at least 2. Received: train_size=1"),
        ({"place": 1.0}, "place must lie between 0 and 1, both excluded. Received: place=1.0"),
        ({"labels": "rand"}, "labels must be one of true, random"),
        ({"dataset": "mnits"}, "dataset must be one of .* Did you mean mnist"),
    ],
)
def test_settings_that_mean_nothing(changes, message):
    with pytest.raises(ValueError, match=message):
        Theorem1(**changes)


def test_more_examples_than_there_are():
    with pytest.raises(ValueError, match="train_size must be at most 60000. Received: train_size=60001"):
        expressivity.check(Theorem1(train_size=60_001), Options())


@pytest.mark.data
def test_all_of_mnist_is_fitted_by_120_784_weights(data_dir, monkeypatch, tmp_path):
    monkeypatch.setattr(expressivity, "nested", lambda n: [n])
    outcome = compute(Theorem1(labels="random"), Options(data_dir=data_dir, output_dir=tmp_path)).outcome
    (line,) = outcome["lines"]
    assert line["weights"] == 120_784 and line["right"] == 60_000 and line["largest_error"] < 1e-2
    assert outcome["files"][".h5"] < 1e-2
