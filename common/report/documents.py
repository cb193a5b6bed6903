"""Markdown made from findings, and the places in documents that are filled with what is made."""

from collections.abc import Iterable

from common.groups import grouped
from common.progress import counted
from common.report.claims import (
    CONFIRMED,
    CONTRADICTED,
    IN_BAND,
    INDICATED,
    NO_BAND,
    NOT_INDICATED,
    NOT_MEASURED,
    OUTSIDE,
    UNDECIDED,
    Finding,
    Statement,
)
from common.report.numbers import Number, cell
from common.report.tables import band_text, effect_text

PARTS = {
    "What held": (CONFIRMED, INDICATED, IN_BAND),
    "What did not": (CONTRADICTED, NOT_INDICATED, OUTSIDE),
    "What the measurements leave open": (UNDECIDED, NO_BAND),
}
HEAD = (
    "# Findings\n\nEvery published statement and number that was measured, from the records under `results/published`. "
    "How verdicts are made: [trust.md](trust.md#verdicts).\n"
)


def begin(name: str) -> str:
    """The mark before what is made under a name."""
    return f"<!-- {name}, made by experiments/published_report.py -->\n"


def fill(text: str, name: str, made: str) -> str:
    """A document with what was made under a name between its marks; ValueError without these."""
    before, mark, rest = text.partition(begin(name))
    _, end, after = rest.partition("<!-- end -->")
    if not mark or not end:
        raise ValueError(f"a document must have the marks of what is made. Received: name={name}")
    return f"{before}{mark}{made}{end}{after}"


def findings_document(findings: Iterable[Finding]) -> str:
    """All that was measured: by paper and size what held, what did not, what is open, and how much is not measured."""
    by_place = grouped(findings, lambda found: (found.statement.paper, found.size))
    parts = [HEAD]
    for (paper, size), group in by_place.items():
        parts.append(f"## {paper}, {size}\n")
        for heading, verdicts in PARTS.items():
            lines = [line(found) for found in group if found.verdict in verdicts]
            if lines:
                parts.append(f"### {heading}\n\n" + "\n".join(dict.fromkeys(lines)) + "\n")
        measured = {found.statement.id for found in group if found.verdict != NOT_MEASURED}
        for kind, is_number in (("number", True), ("statement", False)):
            ids = {found.statement.id for found in group if found.is_number == is_number}
            if missing := len(ids - measured):
                parts.append(f"Not measured: {counted(missing, kind)}.\n")
    return "\n".join(parts)


def line(found: Finding) -> str:
    """A finding in a line of a list: statement, what it was tested on, effect and the size it counts from, seeds."""
    said, effect = found.statement, effect_text(found)
    counts = [f"counts {band_text(said)}"] if said.band else []
    told = [effect, *published_text(said), *counts] if effect else []
    more = f". {found.told}" if found.told else ""
    tested = ", ".join([*told, counted(found.effect.n, "seed")])
    return f"- **{found.verdict}**: {said.statement} ({found.subject}; {said.source}): {tested}{more}"


def published_text(said: Statement) -> list[str]:
    """The number that was published; nothing of a statement without one."""
    return [] if said.value is None else [f"published {cell(Number(said.value, said.unit))}"]
