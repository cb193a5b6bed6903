"""Another group's numbers beside ours."""

import pytest
from arpit_runs import Runs, a_run

from common.papers.arpit.replication import STUDY, published, replication_table
from common.runs.config import Options
from common.study import Call


def run(train, best, seed=0, train_n=60_000, **changes):
    lines = [{"epoch": epoch, "test_accuracy": value} for epoch, value in enumerate((0.99, 0.5, best, 0.5))]
    outcome = {"train_accuracy": train, "best_test_accuracy": 0.99, "test_accuracy": 0.5}
    fields = {"dataset": "mnist", "width": 16, "seed": seed, "epochs": 1000, **changes}
    return a_run(lines, outcome, train_n, **fields)


def rows(runs):
    table = replication_table(Runs(runs), "title")
    return [dict(zip(table.columns, row, strict=True)) for row in table.rows]


def test_a_run_stands_beside_the_numbers_of_its_width_noise_and_share():
    noise = {"corruption": "gaussian", "corruption_fraction": 0.4}
    train, best = rows([run(0.65, 0.94, **noise), run(0.66, 0.95, 1, **noise)])
    assert (train["width"], train["noise"], train["share"]) == (16, "random inputs", "40 %")
    assert (train["theirs"], train["verdict"], train["n"]) == (0.648, "confirmed", "t, 2 seeds")
    assert train["ours"] == pytest.approx(0.655) and best["ours"] == pytest.approx(0.945)
    assert best["quantity"] == "best test accuracy, %" and best["theirs"] == 0.946


def test_what_untrained_weights_give_is_not_the_best():
    assert rows([run(0.65, 0.94, corruption="gaussian", corruption_fraction=0.4)])[1]["ours"] == 0.94


def test_one_seed_has_wilsons_interval_on_test_examples_alone_and_what_is_far_off_is_not_confirmed():
    train, best = rows([run(0.9, 0.956)])
    assert (train["verdict"], best["verdict"]) == ("not confirmed", "confirmed")
    assert (train["95 % interval"].low, train["n"]) == (None, "1 seed") and best["n"] == "Wilson, 1 seed"
    assert best["95 % interval"].low == pytest.approx(0.9518, abs=1e-4)


def test_widths_and_shares_that_were_not_run_at_full_size_have_no_row():
    assert rows([]) == rows([run(0.9, 0.9, train_n=5000)]) == []
    assert rows([run(0.9, 0.9, width=64)]) == rows([run(0.9, 0.9), run(0.9, 0.9, 1, train_n=5000)]) == []


def test_the_numbers_are_those_of_the_logs():
    inputs = [target for target in published() if target["corruption"] != "uniform"]
    found = {(t["width"], t["corruption_fraction"], t["quantity"]): t["value"] for t in inputs}
    assert len(published()) == 37 and len(found) == 34
    assert found[1024, 0, "train_accuracy"] == 0.9979 and found[512, 1.0, "train_accuracy"] == 0.87
    assert found[16, 0.8, "best_test_accuracy"] == 0.918 and found[512, 0.2, "best_test_accuracy"] == 0.9808


def test_a_report_draws_the_first_seed_beside_the_table():
    runs = Runs([run(0.9, 0.956, 1), run(0.9, 0.956, 1, corruption="gaussian", corruption_fraction=0.4), run(0.9, 0.9)])
    items = STUDY.report(runs, Call("small", STUDY.grid, Options()))
    assert list(items) == ["curves", "table"] and len(items["table"].rows) == 4
    labels = [text.get_text() for text in items["curves"].legends[0].get_texts()]
    assert labels[:2] == ["16 units, 0 % real data", "16 units, 40 % random inputs"] and len(labels) == 4
