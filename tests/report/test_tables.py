import csv
import io
import xml.etree.ElementTree as ElementTree
from dataclasses import replace

import pytest
from made_up import a_run

from common.report.claims import Finding, Statement, decide
from common.report.layers import best_on_test, choose_layer, run_table
from common.report.numbers import Number, cell
from common.report.runs import Runs
from common.report.tables import Link, Links, Table, band_text, claims_table


def rows_of(table, **wanted):
    rows = [dict(zip(table.columns, row, strict=True)) for row in table.rows]
    return [row for row in rows if all(row[key] == value for key, value in wanted.items())]


def test_cells():
    assert cell(0.53391) == "53.39"
    assert cell(None) == "–"
    assert cell(None, missing="") == ""
    assert cell(0.0) == "0.00"
    assert cell(3) == "3"
    assert cell(Number(0.5461, low=0.5410, high=0.5512)) == "54.61 [54.10, 55.12]"
    assert cell(Number(None, low=0.5410, high=0.5512)) == "[54.10, 55.12]"
    assert cell(Number(None)) == "–"
    assert cell(Number(1.7857, "ratio")) == "1.79"
    assert cell(Number(136.52, "components")) == "136.5"
    assert [cell(Number(value, "three digits")) for value in (0.25004, 1.2, 136.52)] == ["0.250", "1.20", "137"]


TABLE = Table("A & B", ["layer | name", "accuracy"], [["fc1 <x>", 0.5], ["fc|2", None]], "Made up.")


def test_markdown():
    assert TABLE.markdown() == (
        "**A & B**\n\n| layer \\| name | accuracy |\n| :--- | ---: |\n| fc1 <x> | 50.00 |\n| fc\\|2 | – |\n\nMade up.\n"
    )


def test_csv():
    assert TABLE.csv() == "layer | name,accuracy\nfc1 <x>,50.00\nfc|2,\n"
    text = Table("", ["a, b"], [['x "y", z']]).csv()
    assert list(csv.reader(io.StringIO(text))) == [["a, b"], ['x "y", z']]


def test_html_is_escaped_and_well_formed():
    figure = ElementTree.fromstring(TABLE.html())
    assert [th.text for th in figure.iter("th")] == ["layer | name", "accuracy"]
    assert [td.text for td in figure.iter("td")] == ["fc1 <x>", "50.00", "fc|2", "–"]
    assert figure.find("div/table").get("class") == "right2"
    assert ElementTree.fromstring(Table("", ["a"], [], kind="matrix").html()).find("div/table").get("class") == "matrix"
    assert figure.find("figcaption").text == "A & B"


def test_rows_must_fit_the_columns():
    with pytest.raises(ValueError, match="must have 2 cells"):
        Table("", ["a", "b"], [[1]])


def test_links_are_text_elsewhere():
    table = Table("", ["a", "b"], [[Link("5", "#x"), Links("2 runs", [])]])
    assert "| 5 | 2 runs |" in table.markdown() and table.csv() == "a,b\n5,2 runs\n"


def test_links_of_many_rows_are_in_the_page_once():
    one, other = Links("2 runs", [Link("a", "a"), Link("b", "b")]), Links("1 run", [Link("a", "a")], "make")
    text = Table("", ["a"], [[one], [other], [one]]).html()
    assert text.count("<button") == 3 and text.count("<div popover") == 2
    assert [text.count(links.shown()) for links in (one, other)] == [1, 1]
    assert text.count(one.html()) == 2 and "<code>make</code>" in other.shown()


def test_claims_table():
    said = Statement("a", "A paper", "Figure 1b", "it grows", "rank correlation", "points", (0.02, None))
    effect, verdict = decide([0.05, 0.06, 0.07], (0.02, None))
    found = Finding(said, "mlp1", Runs([a_run()]), effect, "0.9 against 0.84", verdict)
    table = claims_table([found, Finding(said, "cnn")], "Title")
    first, second = rows_of(table)
    assert {name: cell(value) for name, value in first.items()} == {
        "statement": "it grows", "verdict": "confirmed", "of": "mlp1", "size": "reduced",
        "effect": "6.00 [3.52, 8.48] points", "counts from": "at least 2.00", "n": "3",
        "measured": "0.9 against 0.84", "tested by": "rank correlation", "source": "A paper, Figure 1b",
        "runs": "PyTorch, float32, train_n=50000",
    }  # fmt: skip
    assert second["verdict"] == "not measured"
    assert [second[name] for name in ("effect", "n", "measured", "runs")] == [None] * 4


def test_bands_are_said_by_their_ends():
    said = Statement("a", "A paper", "Figure 1b", unit="ratio")
    bands = [(0.5, None), (None, 0.5), (0.5, 1.5), None]
    texts = ["at least 0.50", "at most 0.50", "0.50 to 1.50", None]
    assert [band_text(replace(said, band=band)) for band in bands] == texts


def line(layer, correct, scored_on="test", fitted_on="corrupted_labels", probe="masc", epoch=60):
    return {
        "epoch": epoch, "layer": layer, "probe": probe, "fitted_on": fitted_on, "scored_on": scored_on,
        "components": 12.34, "n": 100, "correct": correct,
    }  # fmt: skip


HELD_OUT = "validation_corrupted_labels"
READOUT = [
    *[line("fc4", 99, scored_on, epoch=0) for scored_on in ("test", HELD_OUT)],
    *[line(layer, correct) for layer, correct in (("input", 90), ("fc1", 60), ("fc2", 80), ("fc3", 70))],
    *[line(layer, correct, fitted_on="true_labels") for layer, correct in (("input", 95), ("fc1", 90), ("fc2", 80))],
    *[line(layer, correct, HELD_OUT) for layer, correct in (("input", 50), ("fc2", 30), ("fc3", 40))],
    line("logits", 20, probe="model", fitted_on=None),
]


def test_layers_are_chosen_on_held_out_examples_and_the_papers_choice_stands_beside_it():
    assert choose_layer(READOUT) == "fc3"
    assert best_on_test(READOUT) == "fc2"
    assert best_on_test(READOUT, fitted_on="true_labels") == "fc1"
    assert choose_layer([entry for entry in READOUT if entry["scored_on"] == "test"]) is None
    assert choose_layer([]) is None
    assert choose_layer([{**entry, "epoch": None} for entry in READOUT if entry["epoch"]]) == "fc3"
    assert choose_layer([line("fc1", None, HELD_OUT)]) is None


def test_run_table():
    table = run_table(READOUT)
    assert [[cell(value) for value in row] for row in table.rows] == [
        ["input", "90.00 [82.56, 94.48]", "95.00 [88.82, 97.85]", "12.3", ""],
        ["fc1", "60.00 [50.20, 69.06]", "90.00 [82.56, 94.48]", "12.3", ""],
        ["fc2", "80.00 [71.12, 86.66]", "80.00 [71.12, 86.66]", "12.3", "test data, as in the papers"],
        ["fc3", "70.00 [60.42, 78.11]", "–", "12.3", "held-out examples"],
        ["the network's own output", "20.00 [13.34, 28.88]", "–", "–", ""],
    ]
