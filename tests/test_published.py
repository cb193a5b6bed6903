"""What is published comes from committed records, and is what those records say today."""

import html
import json
import re
import sys
from pathlib import Path

import pytest
from matplotlib.figure import Figure

from common.papers.arpit.targets import TARGETS as ARPIT
from common.papers.zhang.targets import NUMBERS
from common.report.runs import Run, Runs
from common.report.tables import Table, claims_table
from common.runs.config import as_dict, run_id
from common.runs.store import PUBLISHED, Store

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[1]
of_the_page = pytest.mark.xdist_group("page")  # which is made once


@pytest.fixture(scope="module")
def report():
    sys.path.insert(0, str(ROOT / "experiments"))
    import published_report

    return published_report


@pytest.fixture(scope="module")
def runs():
    return Runs.under(Store(PUBLISHED))


def test_every_record_is_of_clean_code_and_under_its_own_id(runs):
    for run in runs:
        assert as_dict(run.config) == run.fields and run_id(run.config) == run.id
        assert run.record["code"]["commit"] and run.record["code"]["dirty"] is False
        assert run.history[-1]["epoch"] == run.outcome["epochs"]


@pytest.fixture(scope="module")
def items(report, runs):
    """Tables, figures and text of the page by heading and name."""
    return report.sections(runs)


@of_the_page
def test_every_table_is_what_the_records_say(items):
    page = (PUBLISHED / "index.html").read_text()
    tables = {name: item for made in items.values() for name, item in made.items() if isinstance(item, Table)}
    assert {path.stem for path in (PUBLISHED / "tables").iterdir()} == set(tables)
    for name, table in tables.items():
        assert (PUBLISHED / "tables" / f"{name}.md").read_text() == table.markdown()
        assert (PUBLISHED / "tables" / f"{name}.csv").read_text() == table.csv()
        assert table.html() in page


@of_the_page
def test_the_page_has_every_section_with_its_text_and_figures(items):
    page = (PUBLISHED / "index.html").read_text()
    headings = [html.escape(heading) for heading in items]
    assert re.findall("<h2>(.*)</h2>", page) == headings
    pictures = {name for made in items.values() for name, item in made.items() if isinstance(item, Figure)}
    assert {path.stem for path in (PUBLISHED / "figures").iterdir()} == pictures
    assert re.findall(r'src="figures/(.*)\.png"', page) == [
        name for made in items.values() for name, item in made.items() if isinstance(item, Figure)
    ]
    assert "base64" not in page and len(page) < 1.5e6
    for made in items.values():
        assert all(html.escape(item) in page for item in made.values() if isinstance(item, str))


def test_every_statement_of_arpit_is_there_and_not_measured_without_a_run(report):
    def verdicts(*holds):
        found = claims_table(
            [ARPIT.judged("arpit-gini", str(place), holds=[each]) for place, each in enumerate(holds)], "title"
        )
        rows = report.arpit_statements({"heading": {"loss_sensitivity_claims": found, "note": "text"}}).rows
        targets = ARPIT.of("statements")
        assert [row[:3] for row in rows] == [
            [t[name] for name in ("source", "statement", "band_source")] for t in targets
        ]
        return [row[3] for row in rows if row[3] != "not measured"]

    assert verdicts() == []
    assert verdicts(True, True) == ["confirmed"]
    assert verdicts(True, False, True) == ["confirmed 2 times, not confirmed once"]


@of_the_page
def test_the_page_joins_what_all_runs_say_of_real_digits(items):
    made = items["Real MNIST digits over all runs"]
    rows = {tuple(row[:2]): row[2:] for row in made["examples_mnist_agreement"].rows}
    examples, rank = rows["correct", "learned"]
    assert f" {examples} training examples: " in made["note"] and examples >= 10_000 and rank.value < 0
    assert {"loss sensitivity", "critical"} <= {name for pair in rows for name in pair}


def test_every_run_has_a_row_that_anyone_can_open(runs):
    text = (PUBLISHED / "runs.csv").read_text()
    assert text == runs.csv() and text.count("\n") == len(runs) + 1


def test_the_readme_holds_the_table_of_the_records(report, runs):
    text = (ROOT / "README.md").read_text()
    table = report.readme_table(runs)
    assert report.fill(text, table.markdown()) == text and table.markdown() in text


def test_the_readme_counts_what_is_not_measured_and_names_the_hardware(report, runs):
    shown = report.readme_table(runs)
    left, total = len(NUMBERS) - len(shown.rows), len(NUMBERS)
    sentence = f"{left} of the {total} published numbers are not measured at full size yet"
    assert sentence in shown.note and "measured on " in shown.note
    assert report.readme_table(Runs()).note.endswith(f"{total} of the {total}{sentence.split(str(total))[1]}.")


def test_two_full_size_recipes_of_one_framework_are_both_in_the_readme(report, runs):
    first = next(run for run in runs if "mlp1-cifar10-true-torch" in run.id and run.full_size)
    fields = {**first.fields, "precision": "bfloat16"}
    again = Run({**first.record, "run_id": "another", "config": fields}, first.source)
    rows = [row for row in report.readme_table(Runs([first, again])).rows if row[1] == "`mlp1_true_labels.py`"]
    assert len(rows) == 2
    for row in rows:
        assert row[-1].count(": confirmed") == 2 and "(bfloat16)" in row[-1] and row[-2] == "not measured"


def test_commands_of_the_readme_are_scripts(report):
    for target in NUMBERS:
        name = report.command(target["model"], target["setting"]).strip("`")
        assert (ROOT / "experiments" / name).exists()


def test_a_benchmarks_tables_are_made_from_its_records(report, tmp_path):
    record = {
        "benchmark": {"model": "alexnet", "repeats": 2},
        "examples": 256,
        "seconds": {
            "usual epoch workers 0": [3.0, 1.0],
            "usual epoch workers 2": [4.0, 2.0],
            "torch epoch": [1.0, 1.0],
            "torch epoch bfloat16": [2.0, 2.0],
        },
        "memory": {"torch": 1.5},
        "threads": 2,
        "waiting": "",
        "hardware": "a processor",
        "code": {"commit": "0123456789", "dirty": True},
    }
    (tmp_path / "benchmark_training").mkdir()
    (tmp_path / "benchmark_training" / "alexnet.json").write_text(json.dumps(record))
    outcome = {name: record[name] for name in ("examples", "seconds", "memory", "waiting")}
    settings = record["benchmark"] | {"hardware": "another processor", "threads": 4}
    computed = {"settings": settings, "outcome": outcome, "code": record["code"]}
    folder = tmp_path / "computations" / "benchmark_training-0123abcd"
    folder.mkdir(parents=True)
    (folder / "record.json").write_text(json.dumps(computed))
    found = report.benchmark_tables(report.benchmark_training, Store(tmp_path))
    assert list(found) == ["benchmark_training_alexnet", "benchmark_training_0123abcd"]
    text, newer = (table.markdown() for table in found.values())
    assert newer == text.replace("a processor", "another processor").replace("2 threads", "4 threads") != text
    assert (
        "| usual epoch workers 0 / torch epoch | 2.00 [1.00, 3.00] | 1.00 [1.00, 1.00] | 2.00 | at least 1 | yes |"
        in text
    )
    assert "a processor; commit 0123456 (changed), 2 threads" in text
