"""Tables of open choices on lines written out by hand."""

from dataclasses import asdict

import pytest
from arpit_runs import SMALL, Runs, a_run, verdicts

from common.analysis.perturbations import CRITICAL
from common.cli import PRESETS
from common.papers.arpit.critical_samples import MEASUREMENTS
from common.papers.arpit.open_choices import (
    STUDY,
    UNROLLED,
    by_choice,
    is_one_of,
    radius_findings,
    ratio,
    search_table,
    unrolled_table,
)
from common.runs.config import Options, smoke
from common.study import Call

RULES = {"none": "real data", "gaussian": "random inputs", "uniform": "random labels"}


def measured(file, rules, made):
    """Two seeds of each kind of data, with the lines that `made` gives for its place and the seed."""
    runs = []
    for place, rule in enumerate(rules):
        for seed in (0, 1):
            fields = {"corruption": rule, "corruption_fraction": float(rule != "none"), "seed": seed}
            runs.append(a_run(dataset="mnist", outcome={"epochs": 9}, files={file: made(place, seed)}, **fields))
    return Runs(runs)


def searched(place, seed):
    """Lines of two numbers of iterations; random labels were searched with the smaller one alone."""
    counts = (10,) if place == 2 else (100, 10)
    last = {"epoch": 9, "split": "validation", "size": 500, "step": 0.25, "radius": 0.3, "noise": 0.2, "n": 100}
    lines = [{**last, "iterations": count, "critical": 10 * place + seed + count // 10} for count in counts]
    others = ({"epoch": 8}, {"split": "train"}, {"size": None}, {"step": 0.5})
    return [*({**lines[0], **other} for other in others), *lines]


def test_ratios_have_a_row_for_each_search_and_a_column_for_each_kind_of_data():
    table = search_table(measured(CRITICAL, RULES, searched), 500, "title")
    assert table.columns[4:] == [f"critical, {name}, %" for name in RULES.values()]
    assert [row[:4] for row in table.rows] == [["0.3", "10", "0.2", 2], ["0.3", "100", "0.2", 2]]
    assert [cell.value for cell in table.rows[0][4:]] == pytest.approx([0.015, 0.115, 0.215])
    assert [cell and cell.value for cell in table.rows[1][4:]] == [pytest.approx(0.105), pytest.approx(0.205), None]


def test_a_seed_that_was_measured_in_fewer_ways_is_left_out():
    ways = [searched(0, 0)[4:], searched(0, 1)[5:]]
    for (_, iterations, _), found in by_choice(ways, ("radius", "iterations", "noise")).items():
        assert [line["critical"] for line in found] == [iterations // 10]


def test_a_ratio_of_one_seed_has_a_wilson_interval_and_one_of_none_is_none():
    cell = ratio([{"critical": 0, "n": 100}])
    assert cell.value == 0 and 0.03 < cell.high < 0.04 and ratio([]) is None


def test_gini_coefficients_and_means_have_a_row_for_each_loss_and_term():
    def made(place, seed):
        choices = (("train", True), ("batch", False), ("train", False))
        return [
            {
                "loss": loss,
                "direct": direct,
                "n": 1000,
                "gini": 0.5 - 0.2 * place + 0.1 * direct,
                "mean": 0.02 + seed / 100,
            }
            for loss, direct in choices
        ]

    runs = measured(UNROLLED, ("none", "gaussian"), made)
    table = unrolled_table(runs, "title")
    assert [row[:2] for row in table.rows] == [["batch", "no"], ["train", "no"], ["train", "yes"]]
    assert [cell.value for cell in table.rows[2][3:]] == pytest.approx([0.6, 0.4, 25, 25])
    assert table.columns[3:5] == ["Gini coefficient, real data", "Gini coefficient, random inputs"]
    directly = by_choice([run.lines(UNROLLED) for run in runs], ("direct",))
    assert {choice: len(found) for choice, found in directly.items()} == {
        (True,): 4, (False,): 8,
    }  # fmt: skip


def test_a_report_is_of_what_was_measured_of_each_run_as_its_preset_does():
    items = STUDY.report(measured(CRITICAL, RULES, searched), SMALL)
    assert {name: len(table.rows) for name, table in items.items()} == {"critical_samples": 2, "loss_sensitivity": 0}
    items = STUDY.report(measured(CRITICAL, RULES, searched), Call("paper", STUDY.grid, Options()))
    assert {row[1] for row in items["critical_samples"].rows} == {"10", "100"}
    assert {row[3] for row in items["critical_samples"].rows} == {2}


def by_radius(place, seed, radii=((0.15, 2), (0.3, 10), (0.6, 40))):
    """Lines of the study's own search at three radii; the larger, the further is noise above real data."""
    how = MEASUREMENTS["small"]
    last = {**asdict(how.search), "epoch": 9, "split": "validation", "size": how.size, "n": 100}
    lines = [{**last, "radius": radius, "critical": 1 + place * more} for radius, more in radii]
    return [*lines, {**lines[0], "iterations": 7, "critical": 0}, {**lines[0], "epoch": 8, "critical": 0}]


def test_a_radius_changes_nothing_where_noise_is_above_real_data_at_each():
    findings = radius_findings(measured(CRITICAL, RULES, by_radius), SMALL)
    assert [finding.subject for finding in findings] == ["mlp2, mnist, random inputs", "mlp2, mnist, random labels"]
    assert [finding.effect.mean for finding in findings] == pytest.approx([0.02, 0.04])
    told = "0.15: 2.00 [2.00, 2.00]; 0.3: 10.00 [10.00, 10.00]; 0.6: 40.00 [40.00, 40.00]"
    assert findings[0].numbers == f"difference (points) by radius {told}" and findings[0].effect.n == 2

    def one(place, seed):
        return by_radius(place, seed, ((0.3, 10),))

    assert verdicts(radius_findings(measured(CRITICAL, RULES, one), SMALL)) == ["not measured"] * 2
    assert radius_findings(measured(UNROLLED, RULES, by_radius), SMALL) == []


def test_the_two_kinds_of_runs_are_told_apart_by_the_rows_that_they_are_of():
    grid = STUDY.grid
    unrolled = [row for preset in PRESETS for row in grid.unrolled(preset)]
    for preset in PRESETS:
        configs = STUDY.configs(STUDY.default, grid, preset)
        for run in (lambda config: config, smoke):
            assert [is_one_of(run(config), unrolled) for config in configs] == [False] * 3 + [True] * 2
