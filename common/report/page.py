"""A page of tables and figures, which asks nothing of any network."""

import base64
import html
from collections.abc import Sequence
from dataclasses import dataclass

from common.report.tables import Table

STYLE = """
:root { color-scheme: light dark; --text: #1d2329; --soft: #59636e; --ground: #ffffff; --line: #d5dae0; --head: #f3f5f7;
  --good: #116329; --bad: #a40e26; }
@media (prefers-color-scheme: dark) { :root { --text: #e3e8ee; --soft: #9aa5b1; --ground: #14181d; --line: #343c46;
  --head: #1e242b; --good: #5fd07f; --bad: #ff8a8f; } }
* { box-sizing: border-box; }
body { margin: 0 auto; padding: 1.5rem 1rem 4rem; max-width: 88rem; color: var(--text); background: var(--ground);
  font: 1rem/1.55 system-ui, -apple-system, "Segoe UI", Roboto, sans-serif; overflow-wrap: break-word; }
h1 { font-size: 1.7rem; line-height: 1.2; margin: 0 0 .5rem; }
h2 { font-size: 1.25rem; line-height: 1.3; margin: 2.5rem 0 .5rem; padding-top: 1rem;
  border-top: 1px solid var(--line); }
p { max-width: 44rem; margin: .5rem 0; }
.lead, figure p { color: var(--soft); }
figure { margin: 1.25rem 0; }
figcaption { font-weight: 600; margin-bottom: .4rem; }
figure p { font-size: .85rem; }
img { display: block; width: auto; max-width: 100%; max-height: 56rem; height: auto; padding: .25rem;
  background: #ffffff; border: 1px solid var(--line); border-radius: .4rem; }
.scroll { overflow-x: auto; border: 1px solid var(--line); border-radius: .4rem; }
table { border-collapse: collapse; width: 100%; font-size: .8125rem; font-variant-numeric: tabular-nums; }
th, td { padding: .35rem .55rem; text-align: left; white-space: nowrap;
  border-bottom: 1px solid var(--line); }
tbody tr:last-child td { border-bottom: 0; }
th { background: var(--head); }
th.number, td.number { text-align: right; }
td.long { white-space: normal; min-width: 16rem; }
td.confirmed { color: var(--good); font-weight: 600; }
td.not-confirmed { color: var(--bad); font-weight: 600; }
td.not-measured, td.no-band, td.undecided { color: var(--soft); }
"""


@dataclass(frozen=True)
class Picture:
    """A PNG inside the page, or the address of one beside it, what it shows for those who cannot see it, a caption."""

    source: bytes | str
    alt: str
    caption: str = ""

    def html(self) -> str:
        """Loaded when it is scrolled to."""
        inside = isinstance(self.source, bytes)
        source = f"data:image/png;base64,{base64.b64encode(self.source).decode()}" if inside else self.source  # type: ignore[arg-type]
        caption = f"<p>{html.escape(self.caption)}</p>" if self.caption else ""
        image = f'<img alt="{html.escape(self.alt)}" loading="lazy" src="{html.escape(str(source))}">'
        return f"<figure>{image}{caption}</figure>"


@dataclass(frozen=True)
class Section:
    """A heading and what follows it: paragraphs of plain text, tables, pictures."""

    heading: str
    blocks: Sequence[str | Table | Picture]

    def html(self) -> str:
        """Its part of the page."""
        parts = [f"<p>{html.escape(b)}</p>" if isinstance(b, str) else b.html() for b in self.blocks]
        return "\n".join([f"<section>\n<h2>{html.escape(self.heading)}</h2>", *parts, "</section>"])


def page(title: str, lead: str, sections: Sequence[Section]) -> str:
    """A whole HTML5 page that a phone shows too, light or dark as its reader has it."""
    body = "\n".join(section.html() for section in sections)
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{html.escape(title)}</title>
<style>{STYLE}</style>
</head>
<body>
<main>
<h1>{html.escape(title)}</h1>
<p class="lead">{html.escape(lead)}</p>
{body}
</main>
</body>
</html>
"""
