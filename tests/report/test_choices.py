"""Tables of open choices on lines written out by hand."""

import pytest
from made_up_runs import a_run

from common.report.choices import by_choice, ratio, search_table, unrolled_table

RULES = {"none": "real data", "gaussian": "random inputs", "uniform": "random labels"}


def runs_and_lines(rules, made):
    """Two seeds of each kind of data, with the lines that `made` gives for its place and the seed."""
    records, lines = [], {}
    for place, rule in enumerate(rules):
        for seed in (0, 1):
            fields = {"corruption": rule, "corruption_fraction": float(rule != "none"), "seed": seed}
            records.append(a_run(model="mlp2", dataset="mnist", **fields)[0])
            lines[records[-1]["run_id"]] = made(place, seed)
    return records, lines


def searched(place, seed):
    """Lines of two numbers of iterations; random labels were searched with the smaller one alone."""
    counts = (10,) if place == 2 else (100, 10)
    return [
        {"radius": 0.3, "iterations": count, "noise": 0.2, "n": 100, "critical": 10 * place + seed + count // 10}
        for count in counts
    ]


def test_ratios_have_a_row_for_each_search_and_a_column_for_each_kind_of_data():
    table = search_table(*runs_and_lines(RULES, searched), "title")
    assert table.columns[4:] == [f"critical, {name}, %" for name in RULES.values()]
    assert [row[:4] for row in table.rows] == [["0.3", "10", "0.2", 2], ["0.3", "100", "0.2", 2]]
    assert [cell.value for cell in table.rows[0][4:]] == pytest.approx([0.015, 0.115, 0.215])
    assert [cell and cell.value for cell in table.rows[1][4:]] == [pytest.approx(0.105), pytest.approx(0.205), None]


def test_a_seed_that_was_measured_in_fewer_ways_is_left_out():
    records, lines = runs_and_lines(RULES, lambda place, seed: searched(0, seed)[seed:])
    for (_, iterations, _), found in by_choice(records[:2], lines, ("radius", "iterations", "noise")).items():
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

    records, lines = runs_and_lines(("none", "gaussian"), made)
    table = unrolled_table(records, lines, "title")
    assert [row[:2] for row in table.rows] == [["batch", "no"], ["train", "no"], ["train", "yes"]]
    assert [cell.value for cell in table.rows[2][3:]] == pytest.approx([0.6, 0.4, 25, 25])
    assert table.columns[3:5] == ["Gini coefficient, real data", "Gini coefficient, random inputs"]
    assert {choice: len(found) for choice, found in by_choice(records, lines, ("direct",)).items()} == {
        (True,): 4, (False,): 8,
    }  # fmt: skip
