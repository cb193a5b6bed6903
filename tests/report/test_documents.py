"""Documents with parts that are made."""

from dataclasses import replace

import pytest

from common.report.claims import Finding, Statement, decide
from common.report.documents import begin, fill, findings_document, line

SAID = Statement("a", "A paper", "Figure 1", "layers know better", band=(0.02, None), unit="points")
EFFECT, VERDICT = decide([0.05, 0.06, 0.07], (0.02, None))
FOUND = Finding(SAID, "mlp on mnist", effect=EFFECT, verdict=VERDICT, numbers="0.9 against 0.84")


def test_a_document_is_filled_between_its_marks():
    text = f"a\n{begin('x')}old\n<!-- end -->\nb {begin('y')}<!-- end -->"
    assert fill(text, "x", "new\n") == f"a\n{begin('x')}new\n<!-- end -->\nb {begin('y')}<!-- end -->"
    assert fill(fill(text, "y", "1"), "y", "2") == f"a\n{begin('x')}old\n<!-- end -->\nb {begin('y')}2<!-- end -->"
    for wrong in ("nothing", begin("x")):
        with pytest.raises(ValueError, match="must have the marks of what is made. Received: name=x"):
            fill(wrong, "x", "new")


def test_a_finding_in_a_line():
    start = "- **confirmed**: layers know better (mlp on mnist; Figure 1): 6.00 [3.52, 8.48] points, "
    assert line(FOUND) == f"{start}counts at least 2.00, 3 seeds. 0.9 against 0.84"
    number = Statement("b", "A paper", "Table 1", "accuracy", value=0.5, band=(0.4, 0.6))
    found = Finding(number, "mlp", effect=decide([0.55], (0.4, 0.6))[0], verdict="in band")
    assert (
        line(found) == "- **in band**: accuracy (mlp; Table 1): 55.00 %, published 50.00, counts 40.00 to 60.00, 1 seed"
    )
    assert line(replace(found, verdict="undecided", effect=decide([float("nan")], (0.4, 0.6))[0])).endswith(": 1 seed")


def test_findings_stand_by_paper_and_size_under_what_became_of_them():
    failed = replace(FOUND, verdict="contradicted", statement=replace(SAID, statement="it grows"))
    full = replace(FOUND, verdict="undecided", size="full size")
    missing = [Finding(replace(SAID, id=name), "cnn", size="full size") for name in "ab"]  # a was, on another
    number = Finding(replace(SAID, id="c"), "cnn", size="full size", is_number=True)
    text = findings_document([failed, FOUND, FOUND, full, *missing, number])
    assert text.startswith("# Findings\n") and text.count("layers know better") == 2  # one line for the same
    order = ["## A paper, reduced", "### What held", "### What did not", "it grows", "## A paper, full size"]
    order += ["### What the measurements leave open", "Not measured: 1 number.", "Not measured: 1 statement."]
    places = [text.index(part) for part in order]
    assert places == sorted(places)
