"""Parts of a page: they nest, escape, and ask nothing of a network. How they look is for `test_browser`."""

from html.parser import HTMLParser

from common.report.page import (
    ASSETS,
    SHARED,
    Chart,
    Code,
    Folded,
    Heading,
    Items,
    Picture,
    Row,
    Section,
    contents,
    markup,
    page,
    save_shared,
)
from common.report.tables import Link, Links, Table

VOID = {"meta", "img", "link"}


class Checker(HTMLParser):
    """Fails on tags that do not nest; keeps texts and attributes."""

    def __init__(self, text):
        super().__init__()
        self.open, self.texts, self.tags = [], [], []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.texts.append(data)


LINK = Link("5 & more", "#findings", {"paper": "A & B", "size": "full size"})
BLOCKS = [
    "a < b & <script>alert(1)</script>",
    Table("Table <1>", ["verdict", "x"], [["confirmed", 0.5], ["not measured", None], ["word " * 20, 1.0]]),
    Table("Links", ["links"], [[LINK], [Links("2 runs", [Link("a", "runs/a"), Link("b", "runs/b")], "do < it")]]),
    Row(
        [Picture(b"\x89PNG", 'curves of "x"', "Caption"), Picture("figures/a.png", "beside", size=(3, 4), drawing=True)]
    ),
    Folded("Opens <>", [Heading("Third"), Code("python <x>"), Items(["one <1>", LINK])], opened=True),
    Folded("Closed", []),
    Chart("Curves & points", {"epochs": {"a": {"b": [0]}}}),
]


def checked(beside=()):
    text = page("Title & more", "Lead <lead>", [Section("One <two>", BLOCKS)], beside)
    return text, Checker(text)


def test_page_parses_and_escapes():
    text, checker = checked()
    assert text.startswith("<!DOCTYPE html>") and "&lt;script&gt;alert" in text and "alert(1)" not in checker.texts
    for expected in ("Title & more", "Lead <lead>", "One <two>", "Table <1>", "50.00", "–", "Caption", "python <x>",
                     "one <1>", "Opens <>", "Third", "do < it", "5 & more"):  # fmt: skip
        assert expected in checker.texts
    assert ("td", {"class": "confirmed"}) in checker.tags and ("td", {"class": "not-measured"}) in checker.tags
    assert ("td", {"class": "long"}) in checker.tags and ("table", {"class": "right2"}) in checker.tags
    assert ("a", {"href": "#findings", "data-chosen": "paper=A+%26+B&size=full+size"}) in checker.tags
    assert (
        "figure",
        {"class": "chart", "aria-label": "Curves & points", "data-chart": '{"epochs":{"a":{"b":[0]}}}'},
    ) in (checker.tags)
    assert ("details", {"open": None}) in checker.tags and ("details", {}) in checker.tags
    (button,), (shown,) = ([one for tag, one in checker.tags if name in one] for name in ("popovertarget", "popover"))
    assert button["popovertarget"] == shown["id"]


def test_page_asks_nothing_of_the_network(tmp_path):
    save_shared(tmp_path)
    text, checker = checked([f"assets/{name}" for name in SHARED])
    links = [attrs[name] for _, attrs in checker.tags for name in ("src", "href") if name in attrs]
    beside = ["assets/uplot.css", "assets/page.css", "assets/uplot.js", "assets/page.js"]
    assert [link for link in links if not link.startswith(("data:", "#", "runs/", "figures/"))] == beside
    looks, script = ((ASSETS / name).read_text() for name in ("page.css", "page.js"))
    inside, _ = checked()
    assert looks in inside and script in inside and looks not in text and script not in text
    for each in (text, inside):
        assert "@import" not in each and "url(" not in each and "http" not in each
    assert {path.name for path in (tmp_path / "assets").iterdir()} == set(SHARED)
    assert all((tmp_path / "assets" / name).read_bytes() == (ASSETS / name).read_bytes() for name in SHARED)
    assert "The MIT License" in (tmp_path / "assets" / "uplot.LICENSE").read_text()


def test_pictures_are_loaded_when_needed_at_their_size():
    _, checker = checked()
    inside, beside = (attrs for tag, attrs in checker.tags if tag == "img")
    assert inside == {"alt": 'curves of "x"', "loading": "lazy", "src": "data:image/png;base64,iVBORw=="}
    assert beside == {
        "alt": "beside", "loading": "lazy", "class": "drawing", "width": "3", "height": "4", "src": "figures/a.png"
    }  # fmt: skip


def test_contents_name_sections_by_group():
    sections = [Section("What held", []), Section("K-means, twice", [], "Paper"), Section("Third", [], "Paper")]
    assert [section.name for section in sections] == ["what-held", "k-means-twice", "third"]
    checker = Checker(contents([*sections, Section("Away", [], "Paper", "paper.html")]))
    assert [attrs["href"] for tag, attrs in checker.tags if tag == "a"] == [
        "#what-held", "#k-means-twice", "#third", "paper.html#away"
    ]  # fmt: skip
    assert checker.texts == ["Contents", "What held", "Paper", "K-means, twice", "Third", "Away"]
    assert "<nav>" in page("Title", "", [*sections, Section("Fourth", [])])
    assert "<nav>" not in page("Title", "", sections) and '<section id="what-held">' in sections[0].html()


def test_a_page_shows_the_sections_of_its_address_and_names_all():
    sections = [Section("First", []), *(Section(name, [], "Paper", "paper.html") for name in ("One", "Two", "Three"))]
    shown, other = page("Title", "", sections, (), "paper.html"), page("Title", "", sections)
    assert '<section id="one">' in shown and '<section id="first">' not in shown and "index.html#first" in shown
    assert '<section id="first">' in other and '<section id="one">' not in other and "paper.html#one" in other


def test_blocks_stand_one_after_the_other():
    assert markup(["a", Heading("b")]) == "<p>a</p>\n<h3>b</h3>"
