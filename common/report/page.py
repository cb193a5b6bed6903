"""A page of findings, tables, pictures and curves, which asks nothing of any network and is whole without its script.

What it is made of has `html()`; a string is a paragraph. Looks, script and the chart library lie in `assets`.
"""

import base64
import html
import json
import re
import shutil
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from common.groups import grouped

ASSETS = Path(__file__).with_name("assets")
SHARED = ("uplot.css", "uplot.js", "uplot.LICENSE", "page.css", "page.js")  # uPlot 1.6.32
INDEX = "index.html"


class Shown(Protocol):
    """A part of a page."""

    def html(self) -> str: ...


Block = str | Shown


def markup(blocks: Iterable[Block]) -> str:
    """All of these, one after the other."""
    return "\n".join(f"<p>{html.escape(block)}</p>" if isinstance(block, str) else block.html() for block in blocks)


@dataclass(frozen=True)
class Picture:
    """A PNG inside the page, or the address of one beside it, what it shows for those who cannot see it, a caption.

    `size` is its (width, height) on the page in pixels. A `drawing` may turn light on dark.
    """

    source: bytes | str
    alt: str
    caption: str = ""
    size: tuple[int, int] | None = None
    drawing: bool = False

    def html(self) -> str:
        """Loaded when it is scrolled to, in a box of its own that scrolls sideways; it leads to the file alone."""
        inside = isinstance(self.source, bytes)
        source = f"data:image/png;base64,{base64.b64encode(self.source).decode()}" if inside else self.source  # type: ignore[arg-type]
        caption = f"<figcaption>{html.escape(self.caption)}</figcaption>" if self.caption else ""
        size = f' width="{self.size[0]}" height="{self.size[1]}"' if self.size else ""
        look = ' class="drawing"' if self.drawing else ""
        image = f'<img alt="{html.escape(self.alt)}" loading="lazy"{look}{size} src="{html.escape(str(source))}">'
        linked = image if inside else f'<a href="{html.escape(str(source))}">{image}</a>'
        return f'<figure class="picture">{caption}<div class="scroll">{linked}</div></figure>'


@dataclass(frozen=True)
class Heading:
    """A heading within a section."""

    text: str

    def html(self) -> str:
        """Of the third order."""
        return f"<h3>{html.escape(self.text)}</h3>"


@dataclass(frozen=True)
class Code:
    """A command."""

    text: str

    def html(self) -> str:
        """As it is typed."""
        return f'<pre class="scroll" tabindex="0"><code>{html.escape(self.text)}</code></pre>'


@dataclass(frozen=True)
class Items:
    """A list of lines."""

    lines: Sequence[Block]

    def html(self) -> str:
        """A point for each."""
        texts = (html.escape(line) if isinstance(line, str) else line.html() for line in self.lines)
        return f"<ul>{''.join(f'<li>{text}</li>' for text in texts)}</ul>"


@dataclass(frozen=True)
class Row:
    """Blocks side by side where there is room."""

    blocks: Sequence[Block]

    def html(self) -> str:
        """A box of these."""
        return f'<div class="row">{markup(self.blocks)}</div>'


@dataclass(frozen=True)
class Folded:
    """Blocks that a reader opens."""

    summary: str
    blocks: Sequence[Block]
    opened: bool = False

    def html(self) -> str:
        """Details."""
        opened = " open" if self.opened else ""
        return f"<details{opened}><summary>{html.escape(self.summary)}</summary>{markup(self.blocks)}</details>"


@dataclass(frozen=True)
class Chart:
    """Curves of runs, drawn by the page's script from `data` and the runs' own: each view is {panel: {line: runs}}.

    Runs are numbered as in `common.report.charts.runs_script`. Without script there is nothing to see.
    """

    title: str
    data: Mapping[str, Any]

    def html(self) -> str:
        """An empty box."""
        data = html.escape(json.dumps(self.data, separators=(",", ":")))
        return f'<figure class="chart" aria-label="{html.escape(self.title)}" data-chart="{data}"></figure>'


@dataclass(frozen=True)
class Section:
    """A heading and what follows it, on the page at an address; contents name it, with others of its `group`."""

    heading: str
    blocks: Sequence[Block]
    group: str = ""
    address: str = INDEX

    @property
    def name(self) -> str:
        """Its anchor."""
        return re.sub(r"[^a-z0-9]+", "-", self.heading.lower()).strip("-")

    def html(self) -> str:
        """Its part of the page."""
        heading = f"<h2>{html.escape(self.heading)}</h2>"
        return f'<section id="{self.name}">\n{heading}\n{markup(self.blocks)}\n</section>'


def contents(sections: Sequence[Section], address: str = INDEX) -> str:
    """Links from the page at an address to all sections, by group."""
    parts = []
    for group, members in grouped(sections, lambda section: section.group).items():
        places = [(one, one.address if one.address != address else "") for one in members]
        links = "".join(f'<li><a href="{page}#{one.name}">{html.escape(one.heading)}</a></li>' for one, page in places)
        parts.append(f"<p>{html.escape(group)}</p><ul>{links}</ul>" if group else f"<ul>{links}</ul>")
    return f'<nav><details class="contents"><summary>Contents</summary>{"".join(parts)}</details></nav>'


def page(title: str, lead: str, sections: Sequence[Section], beside: Sequence[str] = (), address: str = INDEX) -> str:
    """A whole HTML5 page that a phone shows too, light or dark as its reader has it, of the sections at its address.

    `beside` are addresses of scripts and style sheets beside the page, such as those that `save_shared` leaves. Without
    any, its looks and script are inside.
    """
    if beside:
        sheets = (f'<link rel="stylesheet" href="{name}">\n' for name in beside if name.endswith(".css"))
        scripts = (f'<script defer src="{name}"></script>\n' for name in beside if name.endswith(".js"))
        head, end = "".join([*sheets, *scripts]), ""
    else:
        style, script = ((ASSETS / name).read_text("utf-8") for name in ("page.css", "page.js"))
        head, end = f"<style>{style}</style>\n", f"<script>{script}</script>\n"
    body = "\n".join(section.html() for section in sections if section.address == address)
    navigation = contents(sections, address) if len(sections) > 3 else ""
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{html.escape(title)}</title>
<link rel="icon" href="data:,">
{head}</head>
<body>
{navigation}
<main>
<h1>{html.escape(title)}</h1>
<p class="lead">{html.escape(lead)}</p>
{body}
</main>
{end}</body>
</html>
"""


def save_shared(folder: Path) -> None:
    """Put looks, script and the chart library, with its licence, into `assets` beside pages, which name them there."""
    target = folder / "assets"
    target.mkdir(parents=True, exist_ok=True)
    for name in SHARED:
        shutil.copyfile(ASSETS / name, target / name)
