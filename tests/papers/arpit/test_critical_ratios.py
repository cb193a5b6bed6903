"""Figures 7 to 9 of Arpit et al. on curves written out by hand."""

from dataclasses import asdict

import pytest
from arpit_runs import Runs, a_run

from common.analysis.perturbations import CRITICAL, SHARPNESS
from common.papers.arpit.critical_samples import (
    MEASUREMENTS,
    STUDY,
    critical_findings,
    critical_table,
    extremes_of,
    families,
    noise_figure,
    splits_figure,
)
from common.report.numbers import cell, wilson_interval
from common.runs.config import Options
from common.study import Call

HOW = MEASUREMENTS["small"]
SETTINGS = asdict(HOW.search) | {"size": HOW.size}
EPOCHS = (0, 1, 4, 10)


def run(
    rule="none",
    share=0.0,
    curve=(0, 50, 80, 82),
    train=(0, 60, 90, 40),
    accuracies=(0.9, 0.95, 0.8),
    untouched=0.9,
    seed=0,
    sharp=None,
    missing=None,
):
    """A network with counts of critical examples of 100 at EPOCHS; validation accuracies at epochs 1, 2 and 3."""
    noise = (0.1, 0.3, 1.0)
    lines = [{"epoch": 0, "train_accuracy": 0.1, "validation_accuracy": 0.1, "train_accuracy_corrupted": 0.1}]
    for epoch, (validation, corrupted) in enumerate(zip(accuracies, noise, strict=True), 1):
        split = {"train_accuracy_corrupted": corrupted, "train_accuracy_untouched": untouched}
        lines.append({"epoch": epoch, "train_accuracy": 0.3 * epoch, "validation_accuracy": validation, **split})
    critical = [{"split": split, "epoch": epoch, "n": 100, "critical": count, **SETTINGS}
                for split, counts in (("validation", curve), ("train", train))
                for epoch, count in zip(EPOCHS, counts, strict=True) if epoch != missing]  # fmt: skip
    sharp = flat(share) if sharp is None else sharp
    eigenvalues = [{"epoch": epoch, "n": 200, "size": HOW.sharpness_size, "largest_eigenvalue": value}
                   for epoch, value in ((1, 500.0), (10, sharp))]  # fmt: skip
    other = {"split": "validation", "epoch": 99, "n": 7, "critical": 3, **SETTINGS, "iterations": 7}
    files = {CRITICAL: [other, *reversed(critical)], SHARPNESS: [*eigenvalues, {"size": 7, "n": 7}]}
    return a_run(lines, {"validation_accuracy": accuracies[-1]}, 5000, files=files, model="cnn2", width=32, seed=seed,
                 corruption=rule, corruption_fraction=share)  # fmt: skip


def study(rule="uniform", seeds=1, **noisy):
    """Real data and shares of noise, with more critical examples and less accuracy as they grow."""
    runs = [run(curve=(0, 0, 4, 5), accuracies=(0.96, 0.98, 0.97), seed=seed) for seed in range(seeds)]
    for share in (0.2, 0.4, 1.0):
        curve = tuple(round(critical * share) for critical in (0, 40, 73, 80))
        accuracies = (0.9, 0.95 - 0.1 * share, 0.9 - 0.5 * share)
        runs += [run(rule, share, **({"curve": curve, "accuracies": accuracies} | noisy), seed=s) for s in range(seeds)]
    return Runs(runs)


def flat(share):
    """A sharpness that grows with the share of noise."""
    return 10.0 + 5 * share


def by_name(runs):
    """Findings by statement, in a few of its words."""
    words = {
        "is higher for networks": "noise", "ratio grows with the share": "grows", "stabilizes": "plateau",
        "training examples rises": "training", "before the noise is fitted": "first", "after the peak": "transition",
        "best and final": "falls", "largest eigenvalue": "sharpness",
    }  # fmt: skip
    found = {}
    for finding in critical_findings(runs, HOW):
        name = next(name for text, name in words.items() if text in finding.statement)
        found.setdefault(name, []).append(finding)
    return found


def verdicts(runs):
    return {name: [finding.verdict for finding in findings] for name, findings in by_name(runs).items()}


def test_every_statement_is_confirmed_on_what_it_describes():
    found = verdicts(study(seeds=2))
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
    assert "not confirmed" in verdicts(study(**noisy))[name]


def test_networks_are_compared_from_a_quarter_of_the_training_on():
    assert verdicts(study(curve=(0, 1, 80, 90)))["noise"] == ["confirmed"]


def told(count, n=100):
    low, high = (100 * end for end in wilson_interval(count, n))
    return f"{100 * count / n:.2f} [{low:.2f}, {high:.2f}] % ({count} of {n})"


def test_numbers_of_one_seed_are_counts_with_wilsons_interval():
    found = {name: each[0].numbers for name, each in by_name(study()).items()}
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
    found = {name: each[0].numbers for name, each in by_name(study(seeds=2)).items()}
    assert found["noise"].endswith(
        "5.00 [5.00, 5.00] % on real data at the last, 80.00 [80.00, 80.00] % on noise at the last"
    )
    assert found["sharpness"].startswith("rank correlation 1.00 [1.00, 1.00], 10.0 [10.0, 10.0] at 0 %")


def test_a_sharpness_that_falls_with_noise_speaks_against_the_paper():
    reversed_ones = [run(sharp=-flat(0))]
    reversed_ones += [run("uniform", share, sharp=-flat(share)) for share in (0.2, 0.4, 1.0)]
    assert verdicts(Runs(reversed_ones))["sharpness"] == ["not confirmed"]


def test_the_untrained_network_is_no_part_of_the_rise():
    found = verdicts(study(curve=(100, 50, 80, 82), train=(100, 60, 90, 40)))
    assert found["plateau"] == found["training"] == ["confirmed"] * 2


def test_epochs_that_one_of_two_runs_was_not_measured_at_are_not_compared():
    real, noise = run(curve=(0, 2, 4, 5)), {"rule": "uniform", "share": 1.0, "curve": (0, 80, 2, 90)}
    assert verdicts(Runs([real, run(**noise)]))["noise"] == ["not confirmed"]
    assert verdicts(Runs([real, run(**noise, missing=4)]))["noise"] == ["confirmed"]


def test_of_random_inputs_no_transition_is_claimed():
    assert {"first", "transition"}.isdisjoint(verdicts(study("gaussian")))


def test_a_run_without_lines_is_not_measured_and_in_no_report():
    runs = study()
    for unmeasured in runs:
        unmeasured.source.files[CRITICAL] = unmeasured.source.files[SHARPNESS] = []
    found = verdicts(runs)
    assert {
        verdict
        for name in ("noise", "grows", "sharpness", "plateau", "training", "transition")
        for verdict in found[name]
    } == {"not measured"}
    items = STUDY.report(runs, Call("small", STUDY.grid, Options()))
    assert items["ratios"].rows == items["claims"].rows == [] and len(items) == 2


def test_a_report_is_of_what_was_measured_as_its_preset_does():
    names = ["splits_cnn2", "cnn2_of_width_32_cifar10_random_labels", "ratios", "claims"]
    assert list(STUDY.report(study(), Call("small", STUDY.grid, Options()))) == names
    assert STUDY.report(study(), Call("paper", STUDY.grid, Options()))["ratios"].rows == []


def test_runs_are_put_together_by_network_and_noise_and_real_data_is_in_each():
    found = families(study() + study("gaussian"))
    assert {name: list(shares) for name, shares in found.items()} == {
        "cnn2 of width 32, cifar10, random inputs": [0, 0.2, 0.4, 1],
        "cnn2 of width 32, cifar10, random labels": [0, 0.2, 0.4, 1],
    }
    assert {name: len(runs) for name, runs in extremes_of(study()).items()} == {"real data": 1, "random labels": 1}


def test_ratios_are_of_one_split_and_in_the_order_of_epochs():
    measured = run(curve=(1, 2, 3, 4))
    assert list(HOW.ratios(measured).items()) == [(0, 0.01), (1, 0.02), (4, 0.03), (10, 0.04)]
    assert list(HOW.ratios(measured, "train").values()) == [0, 0.6, 0.9, 0.4]


def test_figures_draw_means_over_seeds_and_the_table_the_end():
    runs = study(seeds=2)
    ((name, shares),) = families(runs).items()
    left, right = noise_figure(name, shares, HOW).axes
    assert len(left.lines) == 8 and left.lines[1].get_ydata() == pytest.approx([10, 96, 98, 97])
    assert right.lines[3].get_ydata() == pytest.approx([0, 40, 73, 80])
    held_out, training = splits_figure(extremes_of(runs), HOW, "title").axes
    assert held_out.lines[1].get_ydata() == pytest.approx([0, 40, 73, 80])
    assert training.lines[0].get_ydata() == pytest.approx([0, 60, 90, 40])
    table = critical_table(runs, HOW, "title")
    assert "the cross-entropy on 200 training examples." in table.note
    rows = table.rows
    assert [cell(row[5]) for row in rows[:2]] == ["10.0 [10.0, 10.0]", "11.0 [11.0, 11.0]"]
    assert [row[1:3] for row in rows] == [["0 %", 2], ["20 %", 2], ["40 %", 2], ["100 %", 2]]
    assert [cell.value for cell in rows[3][3:]] == pytest.approx([0.8, 0.4, 15, 0.4, 0.9])


def test_a_ratio_of_one_seed_has_wilsons_interval():
    cell = critical_table(study(), HOW, "title").rows[3][3]
    assert (cell.value, cell.low, cell.high) == pytest.approx((0.8, 0.711, 0.867), abs=0.001)
