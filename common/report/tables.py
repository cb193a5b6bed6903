"""Tables as Markdown, CSV and HTML, and that of statements with their verdicts."""

import csv
import html
import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from common import files
from common.report.claims import (
    IN_BAND,
    LEAST_SEEDS,
    NO_BAND,
    OUTSIDE,
    STATEMENT_VERDICTS,
    Finding,
    Statement,
    runs_text,
)
from common.report.numbers import Number, cell

LONG = 40  # characters of a cell that the page breaks into lines
VERDICTS = (*STATEMENT_VERDICTS, IN_BAND, OUTSIDE, NO_BAND)
CLAIMS_NOTE = (
    f"Effects are means over seeds with 95 % t intervals. Confirmed: {LEAST_SEEDS} seeds or more and the whole "
    "interval where the effect counts; contradicted: none of it there; undecided: some of it, or numbers that cannot "
    "tell. Fewer seeds only indicate."
)


@dataclass(frozen=True)
class Table:
    """A title, column headings, and rows of cells: text, numbers, `Number`s or null."""

    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[object]]
    note: str = ""

    def __post_init__(self) -> None:
        widths = {len(row) for row in self.rows} - {len(self.columns)}
        if widths:
            raise ValueError(f"every row must have {len(self.columns)} cells. Received: widths={sorted(widths)}")

    def numeric(self) -> list[bool]:
        """For each column, whether it holds a number."""
        return [any(isinstance(row[i], int | float | Number) for row in self.rows) for i in range(len(self.columns))]

    def markdown(self) -> str:
        """Pipe table under its title; columns of numbers are aligned to the right."""
        rules = ["---:" if numeric else ":---" for numeric in self.numeric()]
        texts = [
            [cell(value).replace("|", "\\|").replace("\n", " ") for value in row] for row in [self.columns, *self.rows]
        ]
        lines = ["| " + " | ".join(row) + " |" for row in [texts[0], rules, *texts[1:]]]
        return "\n".join([f"**{self.title}**", "", *lines, *(["", self.note] if self.note else [])]) + "\n"

    def csv(self) -> str:
        """Comma-separated values; null is empty."""
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(self.columns)
        writer.writerows([[cell(value, missing="") for value in row] for row in self.rows])
        return text.getvalue()

    def save(self, path: Path) -> None:
        """Write `path`.md and `path`.csv."""
        files.write(path.with_suffix(".md"), self.markdown())
        files.write(path.with_suffix(".csv"), self.csv())

    def html(self) -> str:
        """HTML table in a box of its own that scrolls sideways."""
        numeric = self.numeric()
        head = "".join(_html_cell("th", *pair) for pair in zip(self.columns, numeric, strict=True))
        rows = ["".join(_html_cell("td", *pair) for pair in zip(row, numeric, strict=True)) for row in self.rows]
        body = "\n".join(f"<tr>{row}</tr>" for row in rows)
        title, note = html.escape(self.title), f"<p>{html.escape(self.note)}</p>" if self.note else ""
        return (
            f'<figure class="table"><figcaption>{title}</figcaption>'
            f'<div class="scroll" role="region" aria-label="{title}" tabindex="0"><table>\n'
            f"<thead><tr>{head}</tr></thead>\n<tbody>\n{body}\n</tbody></table></div>{note}</figure>"
        )


def _html_cell(tag: str, value: object, numeric: bool) -> str:
    text = cell(value)
    name = "number" if numeric else text.replace(" ", "-") if text in VERDICTS else "long" if len(text) > LONG else ""
    attribute = f' class="{name}"' if name else ""
    return f"<{tag}{attribute}>{html.escape(text)}</{tag}>"


def claims_table(findings: Sequence[Finding], title: str) -> Table:
    """A row for each statement and set of runs that it was tested on."""
    columns = ["statement", "verdict", "of", "effect", "counts from", "n", "measured", "tested by", "source", "runs"]
    return Table(title, columns, [_claim_cells(finding) for finding in findings], CLAIMS_NOTE)


def _claim_cells(finding: Finding) -> list[object]:
    said, effect = finding.statement, finding.effect
    shown = None if effect.mean is None else effect.number(said.unit)
    cited = said.effect or said.band_source, f"{said.paper}, {said.source}", runs_text(finding.runs)
    return [said.statement, finding.verdict, finding.subject, shown, band_text(said), effect.n or None,
            finding.numbers, *cited]  # fmt: skip


def band_text(said: Statement) -> str | None:
    """The band of an effect, ends included; null without one."""
    if said.band is None:
        return None
    least, most = (None if end is None else cell(Number(end, said.unit)) for end in said.band)
    return f"{least} to {most}" if least and most else f"at least {least}" if least else f"at most {most}"
