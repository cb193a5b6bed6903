import copy

import pytest
from common.report.zhang import corruption_rows
from common.report.zhang_claims import (
    batch_norm_findings,
    convergence_findings,
    early_stopping_findings,
    error_findings,
    findings,
    slowdown_findings,
)


def test_nothing_measured_leaves_every_statement_unmeasured():
    found = findings([], {})
    assert [(f.source, f.subject) for f in found] == [
        ("Figure 1a", "inception"), ("Section 2.1", "inception"),
        *[(f"Figure {name}", model) for name in ("1b", "1b", "1c") for model in ("inception", "alexnet", "mlp1")],
        ("Section 3.1", "inception"), ("Figure 2b", "inception"), ("Figure 2b", "inception without batch norm"),
    ]  # fmt: skip
    assert {(f.runs, f.numbers, f.n, f.verdict) for f in found} == {(None, None, None, "not measured")}


def test_networks_and_data_of_other_papers_decide_nothing(zhang):
    empty = findings([], {})
    assert findings(*zhang.figures_1b_1c(seeds=1)) != empty
    assert findings(*zhang.figures_1b_1c(seeds=1, dataset="mnist")) == empty
    records, histories = zhang.figures_1b_1c(seeds=1)
    renamed = [{**record, "config": {**record["config"], "model": "cnn"}} for record in records]
    assert findings(renamed, histories) == empty


def test_order_of_convergence(zhang):
    order, fit = convergence_findings(*zhang.figure_1a())
    assert (order.n, order.verdict, fit.n, fit.verdict) == ("3 of 3 seeds", "confirmed", "3 of 3 seeds", "confirmed")
    assert order.runs == "PyTorch, float32, train_n=50000"
    assert order.numbers == (
        "epochs to loss 0.05: true labels 11.0, shuffled pixels 16.7, gaussian 23.3, random pixels 25.7, "
        "random labels 40.3"
    )
    assert fit.numbers == "at least 100.00 %"
    later = convergence_findings(*zhang.figure_1a(seeds=1), threshold=1.0)[0]
    assert later.numbers.startswith("epochs to loss 1: true labels 1.0, shuffled pixels 4.0")


def test_another_order_in_one_seed_is_not_confirmed(zhang):
    records, histories = zhang.figure_1a()
    first = {r["config"]["corruption"]: r["run_id"] for r in records if r["config"]["seed"] == 0}
    a, b = first["shuffled_pixels"], first["gaussian"]
    histories[a], histories[b] = histories[b], histories[a]
    order, fit = convergence_findings(records, histories)
    assert (order.n, order.verdict, fit.verdict) == ("2 of 3 seeds", "not confirmed", "confirmed")


def test_gaussian_and_random_pixels_may_come_either_way(zhang):
    records, histories = zhang.figure_1a(seeds=1)
    run = {r["config"]["corruption"]: r["run_id"] for r in records}
    a, b = run["random_pixels"], run["gaussian"]
    histories[a], histories[b] = histories[b], histories[a]
    assert convergence_findings(records, histories)[0].verdict == "confirmed"


def test_a_setting_that_is_missing_or_never_fitted_decides_nothing_about_the_order(zhang):
    records, histories = zhang.figure_1a(seeds=2)
    order, fit = convergence_findings([r for r in records if r["config"]["corruption"] != "gaussian"], histories)
    assert (order.numbers, order.verdict, fit.verdict) == (None, "not measured", "not measured")
    slow = next(r for r in records if r["config"]["corruption"] == "uniform")
    slow["outcome"]["train_accuracy"] = 0.99  # above 99 % is fitted
    histories[slow["run_id"]] = histories[slow["run_id"]][:20]
    order, fit = convergence_findings(records, histories)
    assert (order.n, order.verdict) == ("1 of 1 seeds, 1 not measured", "confirmed")
    assert (fit.n, fit.verdict, fit.numbers) == ("1 of 2 seeds", "not confirmed", "at least 99.00 %")


def test_orders_are_judged_on_reduced_runs_apart_from_the_others(zhang):
    small = zhang.figure_1a(seeds=1, stretch=1.2, train_n=3000, train_size=3000)
    full = zhang.figure_1a(seeds=1)
    found = convergence_findings([*small[0], *full[0]], small[1] | full[1])
    assert [(f.source, f.runs, f.verdict) for f in found] == [
        (source, f"PyTorch, float32, train_n={n}", "confirmed")
        for source in ("Figure 1a", "Section 2.1")
        for n in (3000, 50000)
    ]


def test_growth_with_corruption(zhang):
    records, histories = zhang.figures_1b_1c(train_n=3000, train_size=3000)
    rows = corruption_rows(records, histories)
    found = [*slowdown_findings(rows)[:3], *error_findings(rows)]
    assert [(f.source, f.subject, f.n, f.verdict) for f in found] == [
        (f"Figure {figure}", model, "3 of 3 seeds", "confirmed")
        for figure in ("1b", "1c")
        for model in ("inception", "alexnet", "mlp1")
    ]
    assert found[0].numbers == "rank correlation 1.00, 1.00, 1.00; 11.0 to 41.0 epochs"
    assert found[3].numbers == "rank correlation 1.00, 1.00, 1.00; 13.85 to 90.00 %"
    assert found[0].runs == "PyTorch, float32, train_n=3000"


def test_slowdown_of_random_labels_over_true_ones(zhang):
    rows = corruption_rows(*zhang.figures_1b_1c())
    found = slowdown_findings(rows)[3:]
    assert [(f.subject, f.numbers, f.n, f.verdict) for f in found] == [
        ("inception", "3.73 [3.50, 3.95] times", "t, 3 seeds", "confirmed"),
        ("alexnet", "1.59 [1.52, 1.66] times", "t, 3 seeds", "confirmed"),
        ("mlp1", "2.00 [1.92, 2.08] times", "t, 3 seeds", "confirmed"),
    ]
    for row in rows:
        row["ratio"] = None if row["model"] == "mlp1" else row["ratio"] and 1.1 * row["ratio"]
    found = slowdown_findings(rows)[3:]
    assert [f.verdict for f in found] == ["not confirmed", "confirmed", "not measured"]
    assert found[2].numbers == "0 of 3 seeds reach a loss of 0.05"


def test_random_labels_without_a_run_on_true_ones_are_not_said_to_have_failed(zhang):
    rows = corruption_rows(*zhang.figures_1b_1c(models=("mlp1",), fractions=(1.0,)))
    assert [(f.numbers, f.verdict) for f in slowdown_findings(rows) if "times" in f.statement] == [
        (None, "not measured")
    ] * 3


def test_slowdown_of_reduced_runs_decides_nothing(zhang):
    rows = corruption_rows(*zhang.figures_1b_1c(models=("mlp1",), fractions=(0.0, 1.0), train_n=3000, train_size=3000))
    found = slowdown_findings(rows)[-1]
    assert (found.numbers, found.verdict) == ("2.00 [1.92, 2.08] times", "not measured")


def test_growth_that_is_not_there(zhang):
    records, histories = zhang.figures_1b_1c(seeds=2, models=("mlp1",))
    rows = corruption_rows(records, histories)
    for row in rows:
        if row["seeds"][0] == 0:
            row["epochs"] = 100 - row["epochs"]
        elif row["corruption_fraction"] == 1:
            row["test_error_corrupted_labels"] = None
    found = {(f.source, f.subject): f for f in (*slowdown_findings(rows)[:3], *error_findings(rows))}
    assert (found["Figure 1b", "mlp1"].n, found["Figure 1b", "mlp1"].verdict) == ("1 of 2 seeds", "not confirmed")
    assert (found["Figure 1c", "mlp1"].n, found["Figure 1c", "mlp1"].verdict) == (
        "1 of 1 seeds, 1 not measured", "confirmed"
    )  # fmt: skip
    assert found["Figure 1b", "alexnet"].verdict == "not measured"


def test_other_models_are_judged_where_they_have_three_fractions(zhang):
    records, histories = zhang.figures_1b_1c(seeds=1, models=("mlp1",))
    others = copy.deepcopy(records)
    for record in others:
        record["config"]["model"] = "mlp3"
        histories[record["run_id"] + "3"] = histories[record["run_id"]]
        record["run_id"] += "3"

    def subjects(runs):
        found = slowdown_findings(corruption_rows(runs, histories))
        assert {f.source for f in found} == {"Figure 1b"}
        return [f.subject for f in found[:-3]]

    assert subjects([*records, *others]) == ["inception", "alexnet", "mlp1", "mlp3"]
    assert subjects([*records, *others[:2]]) == ["inception", "alexnet", "mlp1"]


def arms(zhang, with_, without, **changes):
    pairs = [
        zhang.run(outcome={"test_accuracy": value, "best_test_accuracy": value}, seed=seed, batch_norm=norm, **changes)
        for norm, values in ((True, with_), (False, without))
        for seed, value in enumerate(values)
    ]
    return zhang.collected(pairs)[0]


def test_effect_of_batch_norm_is_paired_by_seed(zhang):
    (found,) = batch_norm_findings(arms(zhang, [0.86, 0.87, 0.88], [0.83, 0.83]))
    assert (found.numbers, found.n, found.verdict) == ("3.50 [-2.85, 9.85] points", "t, 2 seeds", "confirmed")
    (found,) = batch_norm_findings(arms(zhang, [0.86], [0.76]))
    assert (found.numbers, found.n, found.verdict) == ("10.00 points", "1 seed", "not confirmed")


@pytest.mark.parametrize(
    ("with_", "without", "changes"), [([0.86], [], {}), ([0.86], [None], {}), ([0.86], [0.83], {"flip": True})]
)
def test_effect_of_batch_norm_needs_both_sides_without_regularizers(zhang, with_, without, changes):
    (found,) = batch_norm_findings(arms(zhang, with_, without, **changes))
    assert (found.numbers, found.verdict) == (None, "not measured")


@pytest.mark.parametrize("changes", [{"train_n": 3000, "train_size": 3000}, {"epochs": 20}])
def test_reduced_runs_show_their_numbers_and_decide_nothing(zhang, changes):
    records = arms(zhang, [0.86], [0.83], **changes)
    found = [*batch_norm_findings(records), *early_stopping_findings(records)]
    assert [f.numbers for f in found] == ["3.00 points", "0.00 points", "0.00 points"]
    assert {f.verdict for f in found} == {"not measured"}


@pytest.mark.parametrize(("best", "verdict"), [(0.855, "confirmed"), (0.87, "not confirmed"), (None, "not measured")])
def test_gain_of_early_stopping(zhang, best, verdict):
    outcome = {"test_accuracy": 0.85, "best_test_accuracy": best}
    records, _ = zhang.collected([zhang.run(outcome=outcome), zhang.run(model="alexnet")])
    with_, without = early_stopping_findings(records)
    assert (with_.verdict, without.verdict) == (verdict, "not measured")
    records[0]["outcome"]["stop_reason"] = "train_loss"  # how it would have gone on nobody knows
    assert early_stopping_findings(records)[0].numbers is None
    assert (with_.subject, without.subject) == ("inception", "inception without batch norm")
