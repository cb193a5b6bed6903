"""Tables as Markdown, CSV and HTML, and that of statements with their verdicts."""

import csv
import hashlib
import html
import io
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from urllib.parse import urlencode

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
from common.report.numbers import UNITS, Number, cell

LONG = 40  # characters of a cell that the page breaks into lines
VERDICTS = (*STATEMENT_VERDICTS, IN_BAND, OUTSIDE, NO_BAND)
CLAIMS_NOTE = (
    f"Effects are means over seeds with 95 % t intervals. Confirmed: {LEAST_SEEDS} seeds or more and the whole "
    "interval where the effect counts; contradicted: none of it there; undecided: some of it, or numbers that cannot "
    "tell. Fewer seeds only indicate."
)


@dataclass(frozen=True)
class Link:
    """Text that leads to an address; `chosen` is what the page's list of findings shows from then on."""

    text: str
    address: str
    chosen: Mapping[str, str] = field(default_factory=dict)

    def __str__(self) -> str:
        return self.text

    def html(self) -> str:
        """An anchor."""
        chosen = f' data-chosen="{html.escape(urlencode(self.chosen))}"' if self.chosen else ""
        return f'<a href="{html.escape(self.address)}"{chosen}>{html.escape(self.text)}</a>'


@dataclass(frozen=True)
class Links:
    """Links that a button shows, with the command that makes what they lead to."""

    text: str
    links: Sequence[Link]
    command: str = ""

    def __str__(self) -> str:
        return self.text

    def html(self) -> str:
        """The button."""
        return f'<button popovertarget="{self._name}">{html.escape(self.text)}</button>'

    def shown(self) -> str:
        """What the button shows; the same for all of the same links, so that a page needs it once."""
        return f'<div popover id="{self._name}">{self._inside}</div>'

    @property
    def _inside(self) -> str:
        command = f"<code>{html.escape(self.command)}</code>" if self.command else ""
        return " ".join([command, *(link.html() for link in self.links)])

    @property
    def _name(self) -> str:
        return "links-" + hashlib.sha256(self._inside.encode()).hexdigest()[:8]


@dataclass(frozen=True)
class Table:
    """A title, column headings, and rows of cells: text, numbers, `Number`s, links or null; `kind` is its looks'."""

    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[object]]
    note: str = ""
    kind: str = ""

    def __post_init__(self) -> None:
        widths = {len(row) for row in self.rows} - {len(self.columns)}
        if widths:
            raise ValueError(f"every row must have {len(self.columns)} cells. Received: widths={sorted(widths)}")

    def only(self, places: Collection[int]) -> "Table":
        """The columns at these places."""
        rows = [[row[place] for place in places] for row in self.rows]
        return replace(self, columns=[self.columns[place] for place in places], rows=rows)

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
        """HTML table in a box of its own that scrolls sideways; classes tell which of its columns hold numbers."""
        head = "".join(f"<th>{html.escape(name)}</th>" for name in self.columns)
        body = "\n".join(f"<tr>{''.join(map(_html_cell, row))}</tr>" for row in self.rows)
        title, note = html.escape(self.title), f"<p>{html.escape(self.note)}</p>" if self.note else ""
        right = [f"right{place}" for place, numeric in enumerate(self.numeric(), 1) if numeric]
        kind = f' class="{" ".join([self.kind, *right]).strip()}"' if self.kind or right else ""
        linked = (value for row in self.rows for value in row if isinstance(value, Links))
        shown = "".join(f"\n{one}" for one in dict.fromkeys(links.shown() for links in linked))
        return (
            f'<figure class="table"><figcaption>{title}</figcaption>'
            f'<div class="scroll" role="region" aria-label="{title}" tabindex="0"><table{kind}>\n'
            f"<thead><tr>{head}</tr></thead>\n<tbody>\n{body}\n</tbody></table></div>{note}{shown}</figure>"
        )


def _html_cell(value: object) -> str:
    if isinstance(value, Link | Links):
        return f"<td>{value.html()}</td>"
    text = cell(value)
    name = text.replace(" ", "-") if text in VERDICTS else "long" if len(text) > LONG else ""
    text = html.escape(text, quote=False)
    return f'<td class="{name}">{text}</td>' if name else f"<td>{text}</td>"


def claims_table(findings: Sequence[Finding], title: str) -> Table:
    """A row for each statement and set of runs that it was tested on."""
    columns = ["statement", "verdict", "of", "size", "effect", "counts from", "n", "measured", "tested by", "source"]
    return Table(title, [*columns, "runs"], [_claim_cells(finding) for finding in findings], CLAIMS_NOTE)


def _claim_cells(finding: Finding) -> list[object]:
    said = finding.statement
    cited = said.effect or said.band_source, f"{said.paper}, {said.source}", runs_text(finding.runs)
    return [said.statement, finding.verdict, finding.subject, finding.size, effect_text(finding), band_text(said),
            finding.effect.n or None,
            finding.numbers, *cited]  # fmt: skip


def band_text(said: Statement) -> str | None:
    """The band of an effect, ends included; null without one."""
    if said.band is None:
        return None
    least, most = (None if end is None else cell(Number(end, said.unit)) for end in said.band)
    return f"{least} to {most}" if least and most else f"at least {least}" if least else f"at most {most}"


def effect_text(found: Finding) -> str | None:
    """The effect with interval and unit; null where there is none."""
    unit, effect = found.statement.unit, found.effect.number(found.statement.unit)
    name = UNITS[unit][2].removeprefix(",") or (f" {unit}" if unit in ("components", "epochs") else "")
    return None if effect.value is None else f"{cell(effect)}{name}"
