"""What Arpit et al. state: every statement says what tests it, and what the page counts."""

import json

import pytest

from common.papers.arpit import studies as arpit
from common.papers.arpit.targets import TARGETS
from common.report.numbers import UNITS
from common.report.runs import Runs

STATEMENTS = TARGETS.of("statements")
FIELDS = ("id", "paper", "source", "statement", "effect", "null", "band_source")


@pytest.mark.parametrize("statement", STATEMENTS, ids=lambda statement: statement["id"])
def test_a_statement_has_its_effect_a_band_with_its_reason_and_what_it_would_be_if_wrong(statement):
    assert all(statement[name].strip() for name in FIELDS)
    least, most = statement["band"]
    assert statement["unit"] in UNITS and (least is None or most is None or least < most)
    assert (least, most) != (None, None)


def test_statements_have_ids_of_their_own_which_are_those_that_studies_test():
    names = [statement["id"] for statement in STATEMENTS]
    assert len(set(names)) == len(names) == 40
    wing = TARGETS.folder.parent
    files = [*wing.glob("*.py"), wing.parents[1] / "report" / "regularizers.py"]
    code = "".join(path.read_text() for path in files).replace("{wing}", wing.name)
    assert all(json.dumps(name) in code for name in names)
    assert all(
        study.findings is not type(study).findings for study in arpit.STUDIES if study.name != "independent_replication"
    )


@pytest.mark.parametrize("source", [f"Figure {number}" for number in range(1, 12) if number not in (7, 8)] + [
    "Figures 7 and 8", "footnote 3", "footnote 5", "footnote 6", "Section 3.3.1", "Workshop abstract",
])  # fmt: skip
def test_every_figure_and_footnote_has_a_statement(source):
    assert any(statement["source"].endswith(source) for statement in STATEMENTS)


def test_numbers_are_the_replications():
    assert len(arpit.numbers(Runs())) == len(TARGETS.of("replication"))
