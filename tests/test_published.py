"""What is published comes from committed records, and is what those records say today."""

import sys
from pathlib import Path

import pytest

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


def test_every_table_is_what_the_records_say(report, records):
    readouts = {record["run_id"]: Store(PUBLISHED).readout(record["run_id"]) for record in records}
    for name, table in report.tables(records, readouts).items():
        assert (PUBLISHED / "tables" / f"{name}.md").read_text() == table.markdown()
        assert (PUBLISHED / "tables" / f"{name}.csv").read_text() == table.csv()
        assert table.html() in (PUBLISHED / "index.html").read_text()


def test_the_readme_holds_the_table_of_the_records(report, records):
    text = (ROOT / "README.md").read_text()
    table = report.readme_table(report.table_targets(), records)
    assert report.fill_readme(text, table.markdown()) == text and table.markdown() in text
