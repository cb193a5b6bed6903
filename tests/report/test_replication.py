"""Another group's numbers beside ours."""

import pytest
from made_up_runs import a_run

from common.report.claims import load_targets
from common.report.replication import replication_table

TARGETS = load_targets("arpit_replication")


def run(train, best, seed=0, train_n=60_000, **changes):
    outcome = {"train_accuracy": train, "best_test_accuracy": best, "test_accuracy": 0.5}
    return a_run((), outcome, train_n, model="mlp2", dataset="mnist", width=16, seed=seed, epochs=1000, **changes)[0]


def rows(records):
    histories = {
        record["run_id"]: [
            {"epoch": epoch, "test_accuracy": value}
            for epoch, value in enumerate((0.99, 0.5, record["outcome"]["best_test_accuracy"], 0.5))
        ]
        for record in records
    }
    table = replication_table(TARGETS, records, histories, "title")
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
    assert rows([run(0.9, 0.9) | {"config": run(0.9, 0.9)["config"] | {"width": 64}}]) == []


def test_the_numbers_are_those_of_the_logs():
    inputs = [target for target in TARGETS if target["corruption"] != "uniform"]
    found = {(t["width"], t["corruption_fraction"], t["quantity"]): t["value"] for t in inputs}
    assert len(TARGETS) == 37 and len(found) == 34
    assert found[1024, 0, "train_accuracy"] == 0.9979 and found[512, 1.0, "train_accuracy"] == 0.87
    assert found[16, 0.8, "best_test_accuracy"] == 0.918 and found[512, 0.2, "best_test_accuracy"] == 0.9808
