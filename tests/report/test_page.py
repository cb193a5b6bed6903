from html.parser import HTMLParser

from common.report.page import Picture, Section, page
from common.report.tables import Table

VOID = {"meta", "img"}


class Checker(HTMLParser):
    """Fails on tags that do not nest; keeps texts and attributes."""

    def __init__(self):
        super().__init__()
        self.open, self.texts, self.tags = [], [], []

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.texts.append(data)


def checked():
    table = Table("Table <1>", ["verdict", "x"], [["confirmed", 0.5], ["not measured", None], ["word " * 20, 1.0]])
    blocks = [
        "a < b & <script>alert(1)</script>",
        table,
        Picture(b"\x89PNG", 'curves of "x"', "Caption"),
        Picture("figures/a.png", "beside"),
    ]
    text = page("Title & more", "Lead <lead>", [Section("One <two>", blocks)])
    checker = Checker()
    checker.feed(text)
    checker.close()
    assert checker.open == []
    return text, checker


def test_page_parses_and_escapes():
    text, checker = checked()
    assert text.startswith("<!DOCTYPE html>")
    assert "&lt;script&gt;" in text and "script" not in {tag for tag, _ in checker.tags}
    for expected in ("Title & more", "Lead <lead>", "One <two>", "Table <1>", "50.00", "–", "Caption"):
        assert expected in checker.texts
    assert ("td", {"class": "confirmed"}) in checker.tags and ("td", {"class": "not-measured"}) in checker.tags
    assert ("td", {"class": "long"}) in checker.tags and "td.long { white-space: normal" in text


def test_page_asks_nothing_of_the_network():
    text, checker = checked()
    links = [attrs[name] for _, attrs in checker.tags for name in ("src", "href") if name in attrs]
    assert links == ["data:image/png;base64,iVBORw==", "figures/a.png"]
    assert "@import" not in text and "url(" not in text and "http" not in text


def test_page_fits_a_phone_and_both_colour_schemes():
    text, checker = checked()
    assert ("meta", {"name": "viewport", "content": "width=device-width, initial-scale=1"}) in checker.tags
    assert "prefers-color-scheme: dark" in text
    assert [attrs["alt"] for tag, attrs in checker.tags if tag == "img"] == ['curves of "x"', "beside"]
    tags = [tag for tag, _ in checker.tags]
    assert checker.tags[tags.index("table") - 1][1]["class"] == "scroll"
