"""Another group's numbers beside ours."""

import pytest
from arpit_runs import SMALL, Runs, a_run

from common.papers.arpit.recipes import fields
from common.papers.arpit.replication import RECIPE, STUDY, numbers, published, replication_table


def run(train, best, seed=0, train_n=60_000, **changes):
    lines = [{"epoch": epoch, "test_accuracy": value} for epoch, value in enumerate((0.99, 0.5, best, 0.5))]
    outcome = {"train_accuracy": train, "best_test_accuracy": 0.99, "test_accuracy": 0.5}
    recipe = fields("mlp2", "mnist", "paper", width=16, **RECIPE)
    return a_run(lines, outcome, train_n, **{**recipe, "seed": seed, **changes})


def rows(runs):
    table = replication_table(Runs(runs), "title")
    return [dict(zip(table.columns, row, strict=True)) for row in table.rows]


def measured(runs):
    return [row for row in rows(runs) if row["verdict"] != "not measured"]


def test_a_run_stands_beside_the_numbers_of_its_width_noise_and_share():
    noise = {"corruption": "gaussian", "corruption_fraction": 0.4}
    train, best = measured([run(0.65, 0.94, **noise), run(0.66, 0.95, 1, train_evaluation_every=10, **noise)])
    assert train["network and noise"] == "16 units, 40 % random inputs"
    assert (train["theirs"], train["verdict"], train["n"]) == (0.648, "in band", "t, 2 seeds")
    assert train["ours"] == pytest.approx(0.655) and best["ours"] == pytest.approx(0.945)
    assert best["quantity"] == "best test accuracy, %" and best["theirs"] == 0.946


def test_what_untrained_weights_give_is_not_the_best():
    assert measured([run(0.65, 0.94, corruption="gaussian", corruption_fraction=0.4)])[1]["ours"] == 0.94


def test_one_seed_has_wilsons_interval_on_test_examples_alone_and_what_is_far_off_is_outside_its_band():
    train, best = measured([run(0.9, 0.956)])
    assert (train["verdict"], best["verdict"]) == ("outside band", "in band")
    assert (train["95 % interval"].low, train["n"]) == (None, "1 seed") and best["n"] == "Wilson, 1 seed"
    assert best["95 % interval"].low == pytest.approx(0.9518, abs=1e-4)


@pytest.mark.parametrize("changes", [
    {"train_n": 5000}, {"width": 64}, {"batch_size": 128}, {"learning_rate": 0.1}, {"epochs": 100}, {"dropout": 0.5},
])  # fmt: skip
def test_what_was_not_run_at_full_size_with_their_recipe_is_not_measured(changes):
    assert len(rows([])) == len(numbers(Runs())) == 37 and measured([]) == []
    assert measured([run(0.9, 0.9, **changes)]) == []
    assert len(measured([run(0.9, 0.9), run(0.8, 0.8, seed=1, **changes)])) == 2


def test_numbers_are_judged_at_full_size_alone():
    findings = numbers(Runs([run(0.967, 0.956)]))
    assert {finding.size for finding in findings} == {"full size"}
    assert [finding.verdict for finding in findings if finding.runs] == ["in band"] * 2
    assert [finding.verdict for finding in findings].count("not measured") == 35


def test_the_numbers_are_those_of_the_logs():
    inputs = [target for target in published() if target["corruption"] != "uniform"]
    values = {(t["width"], t["corruption_fraction"], t["quantity"]): t["value"] for t in inputs}
    assert len(published()) == 37 and len(values) == 34
    assert values[1024, 0, "train_accuracy"] == 0.9979 and values[512, 1.0, "train_accuracy"] == 0.87
    assert values[16, 0.8, "best_test_accuracy"] == 0.918 and values[512, 0.2, "best_test_accuracy"] == 0.9797


def test_a_report_draws_the_first_seed_beside_the_table():
    runs = Runs([run(0.9, 0.956, 1), run(0.9, 0.956, 1, corruption="gaussian", corruption_fraction=0.4), run(0.9, 0.9)])
    items = STUDY.report(runs, SMALL)
    assert list(items) == ["curves", "table"] and len(items["table"].rows) == 37
    labels = [text.get_text() for text in items["curves"].legends[0].get_texts()]
    assert labels[:2] == ["16 units, 0 % real data", "16 units, 40 % random inputs"] and len(labels) == 4
