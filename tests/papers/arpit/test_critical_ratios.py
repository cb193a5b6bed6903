"""Figures 7 to 9 of Arpit et al. on curves written out by hand."""

import math
from dataclasses import asdict, replace

import pytest
from arpit_runs import SMALL, Runs, a_run, found
from made_up import mean_lines, seed_lines

from common.analysis.perturbations import CRITICAL, SHARPNESS
from common.papers.arpit.critical_samples import (
    MEASUREMENTS,
    STUDY,
    critical_findings,
    critical_table,
    extremes_of,
    families,
    noise_figure,
    peaks,
    splits_figure,
)
from common.report.numbers import cell, wilson_interval
from common.runs.config import Options
from common.study import Call

HOW = MEASUREMENTS["small"]
SHARES = (0.2, 0.4, 1.0)
CALL = replace(SMALL, grid=replace(STUDY.grid, fractions=SHARES))
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
    reached = 9 if rule == "uniform" else 2
    lines += [{**lines[-1], "epoch": epoch} for epoch in range(4, 11)]
    for line in lines:
        line["train_accuracy"] = 0.99 if line["epoch"] >= reached else 0.5
    return a_run(lines, {"validation_accuracy": accuracies[-1]}, 5000, files=files, model="cnn2", width=32, seed=seed,
                 corruption=rule, corruption_fraction=share)  # fmt: skip


def study(rule="uniform", seeds=1, **noisy):
    """Real data and shares of noise, with more critical examples and less accuracy as they grow."""
    runs = [run(curve=(0, 0, 4, 5), accuracies=(0.96, 0.98, 0.97), seed=seed) for seed in range(seeds)]
    for share in SHARES:
        curve = tuple(round(critical * share) for critical in (0, 40, 79, 80))
        accuracies = (0.9, 0.95 - 0.1 * share, 0.9 - 0.5 * share)
        runs += [run(rule, share, **({"curve": curve, "accuracies": accuracies} | noisy), seed=s) for s in range(seeds)]
    return Runs(runs)


def flat(share):
    """A sharpness that grows with the share of noise."""
    return 10.0 + 5 * share


NAMES = {
    "noise": "arpit-critical-noise", "grows": "arpit-critical-grows", "rises": "arpit-critical-rises",
    "plateau": "arpit-critical-plateau", "training": "arpit-critical-training", "first": "arpit-patterns-first",
    "peak": "arpit-peak-falls", "transition": "arpit-critical-transition", "falls": "arpit-validation-falls",
    "sharpness": "arpit-sharpness", "labels": "arpit-time-labels",
}  # fmt: skip
OF = {"rises": "random labels", "plateau": "random labels", "training": "random labels", "first": "20 %",
      "peak": "20 %", "transition": "20 %"}  # fmt: skip


def by_name(runs):
    """A finding of each statement there is, on random labels, or on the least share of them."""
    findings = critical_findings(runs, CALL)
    there = {finding.statement.id for finding in findings}
    return {name: found(findings, of, OF.get(name, "")) for name, of in NAMES.items() if of in there}


def verdicts(runs):
    return {name: finding.verdict for name, finding in by_name(runs).items()}


def effects(runs):
    return {name: finding.effect.mean for name, finding in by_name(runs).items()}


def test_every_statement_is_confirmed_on_what_it_describes():
    runs = study(seeds=3)
    assert verdicts(runs) == dict.fromkeys(NAMES, "confirmed")
    assert {finding.effect.n for finding in by_name(runs).values()} == {3}
    assert len(critical_findings(runs, CALL)) == 2 * 3 + 2 + 3 + 2 * 3
    assert effects(runs) == pytest.approx({
        "noise": 0.75,
        "grows": 1.0,
        "rises": 0.39,  # from 40 % at epoch 1 to 79 %
        "plateau": 0.01,
        "training": 0.3,
        "first": 0.3,
        "peak": 0.13 - 0.01,
        "transition": 0.08 - 0.05,
        "falls": 1.0,
        "sharpness": 1.0,
        "labels": math.log(9 / 2),
    })  # fmt: skip


def test_a_seed_without_a_run_at_some_share_says_nothing_of_what_grows():
    whole, part = (
        study(),
        [run for run in study(seeds=2) if run.config.seed == 1 and run.config.corruption_fraction < 1],
    )
    assert found(critical_findings(Runs([*whole, *part]), CALL), NAMES["grows"]).effect.n == 1
    assert NAMES["grows"] not in {finding.statement.id for finding in critical_findings(Runs(part), CALL)}


@pytest.mark.parametrize("noisy, name, effect", [
    ({"curve": (0, 2, 3, 4)}, "noise", -0.01),
    ({"curve": (0, 50, 4, 90)}, "noise", 0.0),
    ({"curve": (0, 2, 3, 4)}, "grows", -0.775),
    ({"curve": (0, 73, 73, 74)}, "rises", 0.0),
    ({"curve": (0, 40, 70, 82)}, "plateau", 0.12),
    ({"curve": (0, 40, 73, 63)}, "plateau", -0.1),
    ({"train": (0, 30, 60, 90)}, "training", -0.3),
    ({"train": (0, 88, 88, 40)}, "training", 0.0),
    ({"train": (0, 60, 90, 90)}, "training", 0.0),
    ({"accuracies": (0.5, 0.6, 0.9)}, "first", 1.0),
    ({"accuracies": (0.5, 0.6, 0.59)}, "peak", 0.0),  # as much as on real data
    ({"curve": (0, 50, 80, 55)}, "transition", 0.0),  # as much as on real data
    ({"accuracies": (0.9, 0.99, 0.98)}, "falls", -0.775),
])  # fmt: skip
def test_each_statement_is_contradicted_by_what_speaks_against_it(noisy, name, effect):
    runs = study(seeds=3, **noisy)
    assert verdicts(runs)[name] == "contradicted" and effects(runs)[name] == pytest.approx(effect, abs=1e-3)


def test_what_never_rose_does_not_stabilize():
    plateau = by_name(study(seeds=3, curve=(0, 4, 4, 4)))["plateau"]
    assert plateau.verdict == "undecided" and plateau.effect.mean == 0
    assert plateau.numbers.endswith("at the last; it is not confirmed that it rose before")
    assert verdicts(study(seeds=3, curve=(0, 4, 4, 40)))["plateau"] == "contradicted"


def test_where_a_seed_is_highest_the_others_say():
    """Level curves with a bump in another place each rise nowhere that others name."""
    bumps = [(0, 50, 60, 50, 50), (0, 50, 50, 60, 50)]
    curves = [dict(enumerate((count, 100) for count in bump[1:])) for bump in bumps]
    assert [peak for _, peak, _ in peaks(curves)] == [(50, 100), (50, 100)]
    assert [peak for _, peak, _ in peaks([curves[0], dict(curves[0])])] == [(60, 100)] * 2
    assert peaks(curves[:1]) == []


def test_networks_are_compared_from_a_quarter_of_the_training_on():
    assert verdicts(study(seeds=3, curve=(0, 1, 80, 90)))["noise"] == "confirmed"


def told(count, n=100):
    low, high = (100 * end for end in wilson_interval(count, n))
    return f"{100 * count / n:.2f} [{low:.2f}, {high:.2f}] % ({count} of {n})"


def test_numbers_of_one_seed_are_counts_with_wilsons_interval():
    numbers = {name: finding.numbers for name, finding in by_name(study()).items()}
    first = f"{told(0)} on real data at the first epoch, {told(40)} on noise at the first epoch"
    assert numbers["noise"] == f"{first}, {told(5)} on real data at the last, {told(80)} on noise at the last"
    assert numbers["grows"] == f"rank correlation 1.00, {told(5)} at 0 %, {told(80)} at 100 %"
    assert numbers["sharpness"] == "rank correlation 1.00, 10.0 at 0 %, 15.0 at 100 %"
    final = f"error at the end: rank correlation 1.00, {told(30, 1000)} at 0 %, {told(600, 1000)} at 100 %"
    least = f"least error: rank correlation 1.00, {told(20, 1000)} at 0 %, {told(100, 1000)} at 100 %"
    assert numbers["falls"] == f"{final}; {least}"
    stages = f"{told(40)} at the first epoch, {told(79)} at half of the epochs, {told(80)} at the last"
    assert numbers["rises"] == numbers["plateau"] == stages
    assert numbers["training"] is None  # other seeds say where it is highest
    assert numbers["first"] == (
        "at the peak, epoch 2.0, fitted (%): 30.00 of the corrupted examples, 90.00 of the untouched ones"
    )
    assert numbers["peak"] == "falls by 13.00 with noise, 1.00 on real data"
    assert numbers["transition"] == "rises by 8.00 with noise, 5.00 on real data"
    assert numbers["labels"] == "epochs 2.0 on real data, 9.0 on random labels"


def test_numbers_of_several_seeds_have_the_interval_over_them():
    numbers = {name: finding.numbers for name, finding in by_name(study(seeds=2)).items()}
    assert numbers["noise"].endswith(
        "5.00 [5.00, 5.00] % on real data at the last, 80.00 [80.00, 80.00] % on noise at the last"
    )
    first = "60.00 [60.00, 60.00] % at the first epoch, 90.00 [90.00, 90.00] % at the highest of other seeds"
    assert numbers["training"] == f"{first}, 40.00 [40.00, 40.00] % at the last"
    assert numbers["sharpness"].startswith("rank correlation 1.00 [1.00, 1.00], 10.0 [10.0, 10.0] at 0 %")


def test_a_sharpness_that_falls_with_noise_speaks_against_the_paper():
    reversed_ones = [run(sharp=-flat(0))]
    reversed_ones += [run("uniform", share, sharp=-flat(share)) for share in (0.2, 0.4, 1.0)]
    assert by_name(Runs(reversed_ones))["sharpness"].effect.mean == -1


def test_the_untrained_network_is_no_part_of_the_rise():
    runs = study(seeds=3, curve=(100, 40, 73, 74), train=(100, 60, 90, 40))
    assert {verdicts(runs)[name] for name in ("rises", "plateau", "training")} == {"confirmed"}


def test_epochs_that_one_of_two_runs_was_not_measured_at_are_not_compared():
    real, noise = run(curve=(0, 2, 4, 5)), {"rule": "uniform", "share": 1.0, "curve": (0, 80, 2, 90)}
    assert effects(Runs([real, run(**noise)]))["noise"] == pytest.approx(-0.02)
    assert effects(Runs([real, run(**noise, missing=4)]))["noise"] == pytest.approx(0.85)


def test_random_labels_that_are_not_fitted_took_all_epochs_at_least():
    runs = study()
    for line in runs.where(corruption_fraction=1.0)[0].history:
        line["train_accuracy"] = 0.5
    runs.where(corruption_fraction=1.0)[0].outcome["epochs"] = 12
    assert effects(runs)["labels"] == pytest.approx(math.log(12 / 2))
    for line in runs.where(corruption_fraction=0)[0].history:
        line["train_accuracy"] = 0.5
    assert verdicts(runs)["labels"] == "not measured"


def test_without_real_data_beside_it_a_fall_or_rise_says_nothing():
    assert {"peak": "not measured", "transition": "not measured"}.items() <= verdicts(
        study().where(lambda of: of.config.corruption_fraction)
    ).items()


def test_of_random_inputs_no_transition_is_claimed():
    there = {finding.statement.id for finding in critical_findings(study("gaussian"), CALL)}
    assert there == {NAMES[name] for name in NAMES.keys() - {"first", "peak", "transition", "labels"}}


def test_a_run_without_lines_is_not_measured_and_in_no_report():
    runs = study()
    for unmeasured in runs:
        unmeasured.source.files[CRITICAL] = unmeasured.source.files[SHARPNESS] = []
    assert critical_findings(runs, CALL) == []
    items = STUDY.report(runs, SMALL)
    assert items["ratios"].rows == [] and list(items) == ["ratios"]


def test_a_report_is_of_what_was_measured_as_its_preset_does():
    names = ["splits_cnn2", "cnn2_of_width_32_cifar10_random_labels", "ratios"]
    assert list(STUDY.report(study(), SMALL)) == names
    assert STUDY.report(study(), Call("paper", STUDY.grid, Options()))["ratios"].rows == []


def test_runs_are_put_together_by_network_and_noise_and_real_data_is_in_each():
    groups = families(study() + study("gaussian"))
    assert {name: list(shares) for name, shares in groups.items()} == {
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
    accuracies = mean_lines(left)
    assert len(accuracies) == 8 and accuracies[1].get_ydata()[:4] == pytest.approx([10, 96, 98, 97])
    assert [len(seed_lines(axes)) for axes in (left, right)] == [2 * 8, 2 * 4] and len(mean_lines(right)) == 4
    assert mean_lines(right)[3].get_ydata() == pytest.approx([0, 40, 79, 80])
    held_out, training = splits_figure(extremes_of(runs), HOW, "title").axes
    assert mean_lines(held_out)[1].get_ydata() == pytest.approx([0, 40, 79, 80])
    assert mean_lines(training)[0].get_ydata() == pytest.approx([0, 60, 90, 40])
    table = critical_table(runs, HOW, "title")
    assert "the cross-entropy on 200 training examples." in table.note
    rows = table.rows
    assert [cell(row[5]) for row in rows[:2]] == ["10.0 [10.0, 10.0]", "11.0 [11.0, 11.0]"]
    assert [row[1:3] for row in rows] == [["0 %", 2], ["20 %", 2], ["40 %", 2], ["100 %", 2]]
    assert [cell.value for cell in rows[3][3:]] == pytest.approx([0.8, 0.4, 15, 0.4, 0.9])


def test_a_ratio_of_one_seed_has_wilsons_interval():
    cell = critical_table(study(), HOW, "title").rows[3][3]
    assert (cell.value, cell.low, cell.high) == pytest.approx((0.8, 0.711, 0.867), abs=0.001)
