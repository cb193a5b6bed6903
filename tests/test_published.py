"""What is published comes from committed records, and is what those records say today."""

import html
import re
import sys
from pathlib import Path

import pytest
from matplotlib.figure import Figure

from common.report.arpit import judged
from common.report.claims import load_targets
from common.report.tables import Table, claims_table
from common.runs.config import as_dict, from_dict, run_id
from common.runs.store import PUBLISHED, Store, all_records

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def report():
    sys.path.insert(0, str(ROOT / "experiments"))
    import published_report

    return published_report


@pytest.fixture(scope="module")
def records():
    return all_records(Store(PUBLISHED))


def test_every_record_is_of_clean_code_and_under_its_own_id(records):
    for record in records:
        config = from_dict(record["config"])
        assert as_dict(config) == record["config"] and run_id(config) == record["run_id"]
        assert record["code"]["commit"] and record["code"]["dirty"] is False
        assert Store(PUBLISHED).history(record["run_id"])[-1]["epoch"] == record["outcome"]["epochs"]


@pytest.fixture(scope="module")
def items(report, records):
    """Tables, figures and text of the page by heading and name."""
    return report.sections(records, Store(PUBLISHED))


def test_every_table_is_what_the_records_say(items):
    page = (PUBLISHED / "index.html").read_text()
    tables = {name: item for made in items.values() for name, item in made.items() if isinstance(item, Table)}
    assert {path.stem for path in (PUBLISHED / "tables").iterdir()} == set(tables)
    for name, table in tables.items():
        assert (PUBLISHED / "tables" / f"{name}.md").read_text() == table.markdown()
        assert (PUBLISHED / "tables" / f"{name}.csv").read_text() == table.csv()
        assert table.html() in page


def test_the_page_has_every_section_with_its_text_and_figures(items):
    page = (PUBLISHED / "index.html").read_text()
    headings = [html.escape(heading) for heading in items]
    assert re.findall("<h2>(.*)</h2>", page) == headings
    pictures = {name for made in items.values() for name, item in made.items() if isinstance(item, Figure)}
    assert {path.stem for path in (PUBLISHED / "figures").iterdir()} == pictures
    assert page.count("data:image/png;base64,") == len(pictures) > 0
    for made in items.values():
        assert all(html.escape(item) in page for item in made.values() if isinstance(item, str))


def test_every_statement_of_arpit_is_there_and_not_measured_without_a_run(report):
    found = claims_table([judged("arpit-gini", network, holds=[True]) for network in ("mlp2", "cnn2")], "title")
    rows = report.arpit_statements({"heading": {"loss_sensitivity_claims": found, "note": "text"}}).rows
    targets = load_targets("arpit_claims")
    assert list(dict.fromkeys(row[1] for row in rows)) == [target["statement"] for target in targets]
    assert [row[2:] for row in rows if row[-1] != "not measured"] == [
        ["mlp2", None, "1 of 1 seeds", "confirmed"], ["cnn2", None, "1 of 1 seeds", "confirmed"],
    ]  # fmt: skip
    assert len(rows) == len(targets) + 1


def test_the_page_joins_what_all_runs_say_of_real_digits(items):
    made = items["Real MNIST digits over all runs"]
    rows = {tuple(row[:2]): row[2:] for row in made["examples_mnist_agreement"].rows}
    examples, rank = rows["correct", "learned"]
    assert f" {examples} training examples: " in made["note"] and examples >= 10_000 and rank.value < -0.5
    assert {"loss sensitivity", "critical"} <= {name for pair in rows for name in pair}


def test_the_readme_holds_the_table_of_the_records(report, records):
    text = (ROOT / "README.md").read_text()
    table = report.readme_table(report.TARGETS, records)
    assert report.fill_readme(text, table.markdown()) == text and table.markdown() in text
