"""Figures 7 to 9 of Arpit et al. on curves written out by hand."""

import pytest
from made_up_runs import a_run, collected

from common.report.critical import (
    critical_findings,
    critical_table,
    extremes_of,
    families,
    noise_figure,
    ratios,
    splits_figure,
)
from common.report.numbers import cell, wilson_interval

EPOCHS = (0, 1, 4, 10)


def run(
    rule="none",
    share=0.0,
    curve=(0, 50, 80, 82),
    train=(0, 60, 90, 40),
    accuracies=(0.9, 0.95, 0.8),
    untouched=0.9,
    seed=0,
):
    """A network with counts of critical examples of 100 at EPOCHS; validation accuracies at epochs 1, 2 and 3."""
    noise = (0.1, 0.3, 1.0)
    lines = [{"epoch": 0, "train_accuracy": 0.1, "validation_accuracy": 0.1, "train_accuracy_corrupted": 0.1}]
    for epoch, (validation, corrupted) in enumerate(zip(accuracies, noise, strict=True), 1):
        split = {"train_accuracy_corrupted": corrupted, "train_accuracy_untouched": untouched}
        lines.append({"epoch": epoch, "train_accuracy": 0.3 * epoch, "validation_accuracy": validation, **split})
    record, history = a_run(lines, {"validation_accuracy": accuracies[-1]}, 5000, model="cnn2", width=32, seed=seed,
                            corruption=rule, corruption_fraction=share)  # fmt: skip
    critical = [{"split": split, "epoch": epoch, "n": 100, "critical": count}
                for split, counts in (("validation", curve), ("train", train))
                for epoch, count in zip(EPOCHS, counts, strict=True)]  # fmt: skip
    return record, history, critical


def study(rule="uniform", seeds=1, **noisy):
    """Real data and shares of noise, with more critical examples and less accuracy as they grow."""
    made = [run(curve=(0, 0, 4, 5), accuracies=(0.96, 0.98, 0.97), seed=seed) for seed in range(seeds)]
    for share in (0.2, 0.4, 1.0):
        curve = tuple(round(critical * share) for critical in (0, 40, 73, 80))
        accuracies = (0.9, 0.95 - 0.1 * share, 0.9 - 0.5 * share)
        made += [run(rule, share, **({"curve": curve, "accuracies": accuracies} | noisy), seed=s) for s in range(seeds)]
    records, histories = collected([pair[:2] for pair in made])
    lines = {record["run_id"]: lines for record, _, lines in made}
    sharp = {
        r["run_id"]: [{"epoch": e, "n": 200, "largest_eigenvalue": v} for e, v in ((1, 500.0), (10, flat(r)))]
        for r in records
    }
    return records, lines, sharp, histories


def flat(record):
    """A sharpness that grows with the share of noise."""
    return 10.0 + 5 * record["config"]["corruption_fraction"]


def by_name(records, lines, sharp, histories):
    """Findings by statement, in a few of its words."""
    words = {
        "is higher for networks": "noise", "ratio grows with the share": "grows", "stabilizes": "plateau",
        "training examples rises": "training", "before the noise is fitted": "first", "after the peak": "transition",
        "best and final": "falls", "largest eigenvalue": "sharpness",
    }  # fmt: skip
    found = {}
    for finding in critical_findings(records, lines, sharp, histories):
        name = next(name for text, name in words.items() if text in finding.statement)
        found.setdefault(name, []).append(finding)
    return found


def verdicts(*found):
    return {name: [finding.verdict for finding in findings] for name, findings in by_name(*found).items()}


def test_every_statement_is_confirmed_on_what_it_describes():
    found = verdicts(*study(seeds=2))
    assert {name: set(each) for name, each in found.items()} == dict.fromkeys(found, {"confirmed"})
    assert {name: len(each) for name, each in found.items()} == {
        "noise": 1, "plateau": 2, "training": 2, "grows": 1, "sharpness": 1, "falls": 1, "first": 2, "transition": 2,
    }  # fmt: skip


@pytest.mark.parametrize("noisy, name", [
    ({"curve": (0, 2, 3, 4)}, "noise"),
    ({"curve": (0, 50, 4, 90)}, "noise"),
    ({"curve": (0, 2, 3, 4)}, "grows"),
    ({"curve": (0, 2, 3, 40)}, "plateau"),
    ({"curve": (0, 70, 78, 80)}, "plateau"),  # what it rose by a hundred examples cannot tell
    ({"curve": (0, 40, 73, 82)}, "plateau"),
    ({"curve": (0, 40, 73, 63)}, "plateau"),
    ({"train": (0, 30, 60, 90)}, "training"),
    ({"train": (0, 88, 90, 40)}, "training"),
    ({"train": (0, 60, 90, 88)}, "training"),
    ({"accuracies": (0.5, 0.6, 0.9)}, "first"),
    ({"accuracies": (0.5, 0.6, 0.58)}, "first"),  # no fall that a thousand examples can tell
    ({"untouched": 0.3}, "first"),
    ({"curve": (0, 50, 80, 20)}, "transition"),
    ({"accuracies": (0.9, 0.99, 0.98)}, "falls"),
])  # fmt: skip
def test_each_statement_is_refused_on_what_speaks_against_it(noisy, name):
    assert "not confirmed" in verdicts(*study(**noisy))[name]


def test_networks_are_compared_from_a_quarter_of_the_training_on():
    assert verdicts(*study(curve=(0, 1, 80, 90)))["noise"] == ["confirmed"]


def told(count, n=100):
    low, high = (100 * end for end in wilson_interval(count, n))
    return f"{100 * count / n:.2f} [{low:.2f}, {high:.2f}] % ({count} of {n})"


def test_numbers_of_one_seed_are_counts_with_wilsons_interval():
    found = {name: each[0].numbers for name, each in by_name(*study()).items()}
    first = f"{told(0)} on real data at the first epoch, {told(40)} on noise at the first epoch"
    assert found["noise"] == f"{first}, {told(5)} on real data at the last, {told(80)} on noise at the last"
    assert found["grows"] == f"rank correlation 1.00, {told(5)} at 0 %, {told(80)} at 100 %"
    assert found["sharpness"] == "rank correlation 1.00, 10.0 at 0 %, 15.0 at 100 %"
    final = f"error at the end: rank correlation 1.00, {told(30, 1000)} at 0 %, {told(600, 1000)} at 100 %"
    least = f"least error: rank correlation 1.00, {told(20, 1000)} at 0 %, {told(100, 1000)} at 100 %"
    assert found["falls"] == f"{final}; {least}"
    assert found["plateau"] == f"{told(0)} at the first epoch, {told(4)} at half of the epochs, {told(5)} at the last"
    assert found["training"] == f"{told(60)} at the first epoch, {told(90)} at the highest, {told(40)} at the last"
    ends = f"{told(930, 1000)} at the peak, {told(800, 1000)} at the end"
    assert (
        found["first"]
        == f"{ends}; peak at epoch 2.0, 30.00 % of the corrupted and 90.00 % of the untouched examples fitted"
    )
    assert found["transition"] == f"{told(8)} at the last kept epoch until the peak, {told(16)} at the end"


def test_numbers_of_several_seeds_have_the_interval_over_them():
    found = {name: each[0].numbers for name, each in by_name(*study(seeds=2)).items()}
    assert found["noise"].endswith(
        "5.00 [5.00, 5.00] % on real data at the last, 80.00 [80.00, 80.00] % on noise at the last"
    )
    assert found["sharpness"].startswith("rank correlation 1.00 [1.00, 1.00], 10.0 [10.0, 10.0] at 0 %")


def test_a_sharpness_that_falls_with_noise_speaks_against_the_paper():
    records, lines, sharp, histories = study()
    reversed_ones = {r["run_id"]: [{"epoch": 10, "n": 200, "largest_eigenvalue": -flat(r)}] for r in records}
    assert verdicts(records, lines, reversed_ones, histories)["sharpness"] == ["not confirmed"]


def test_the_untrained_network_is_no_part_of_the_rise():
    found = verdicts(*study(curve=(100, 50, 80, 82), train=(100, 60, 90, 40)))
    assert found["plateau"] == found["training"] == ["confirmed"] * 2


def test_epochs_that_one_of_two_runs_was_not_measured_at_are_not_compared():
    records, lines, sharp, histories = study(curve=(0, 2, 80, 90))
    noise = [record["run_id"] for record in records if record["config"]["corruption_fraction"] == 1]
    lines[noise[0]] = [line for line in lines[noise[0]] if line["epoch"] != 1]
    assert verdicts(records, lines, sharp, histories)["noise"] == ["confirmed"]


def test_of_random_inputs_no_transition_is_claimed():
    assert {"first", "transition"}.isdisjoint(verdicts(*study("gaussian")))


def test_a_run_without_lines_is_not_measured():
    records, lines, sharp, histories = study()
    found = verdicts(records, dict.fromkeys(lines, []), dict.fromkeys(lines, []), histories)
    assert {
        verdict
        for name in ("noise", "grows", "sharpness", "plateau", "training", "transition")
        for verdict in found[name]
    } == {"not measured"}


def test_runs_are_put_together_by_network_and_noise_and_real_data_is_in_each():
    records = study()[0] + study("gaussian")[0]
    found = families(records)
    assert {name: list(shares) for name, shares in found.items()} == {
        "cnn2 of width 32, cifar10, random inputs": [0, 0.2, 0.4, 1],
        "cnn2 of width 32, cifar10, random labels": [0, 0.2, 0.4, 1],
    }
    assert {name: len(runs) for name, runs in extremes_of(study()[0]).items()} == {"real data": 1, "random labels": 1}


def test_ratios_are_of_one_split_and_in_the_order_of_epochs():
    lines = run(curve=(1, 2, 3, 4))[2]
    assert ratios(reversed(lines)) == {0: 0.01, 1: 0.02, 4: 0.03, 10: 0.04}
    assert list(ratios(lines, "train").values()) == [0, 0.6, 0.9, 0.4]


def test_figures_draw_means_over_seeds_and_the_table_the_end():
    records, lines, sharp, histories = study(seeds=2)
    ((name, shares),) = families(records).items()
    left, right = noise_figure(name, shares, lines, histories).axes
    assert len(left.lines) == 8 and left.lines[1].get_ydata() == pytest.approx([10, 96, 98, 97])
    assert right.lines[3].get_ydata() == pytest.approx([0, 40, 73, 80])
    held_out, training = splits_figure(extremes_of(records), lines, "title").axes
    assert held_out.lines[1].get_ydata() == pytest.approx([0, 40, 73, 80])
    assert training.lines[0].get_ydata() == pytest.approx([0, 60, 90, 40])
    table = critical_table(records, lines, sharp, histories, "title")
    assert "the cross-entropy on 200 training examples." in table.note
    rows = table.rows
    assert [cell(row[5]) for row in rows[:2]] == ["10.0 [10.0, 10.0]", "11.0 [11.0, 11.0]"]
    assert [row[1:3] for row in rows] == [["0 %", 2], ["20 %", 2], ["40 %", 2], ["100 %", 2]]
    assert [cell.value for cell in rows[3][3:]] == pytest.approx([0.8, 0.4, 15, 0.4, 0.9])


def test_a_ratio_of_one_seed_has_wilsons_interval():
    records, lines, sharp, histories = study()
    cell = critical_table(records, lines, sharp, histories, "title").rows[3][3]
    assert (cell.value, cell.low, cell.high) == pytest.approx((0.8, 0.711, 0.867), abs=0.001)
