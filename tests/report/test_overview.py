"""What findings come to."""

from dataclasses import replace

import pytest
from made_up import a_run

from common.report import overview
from common.report.claims import Finding, Statement, decide
from common.report.numbers import Number, cell
from common.report.runs import Runs
from common.report.tables import Link

SAID = Statement("a", "A paper", "Figure 1", "layers know better", "test less train", "points", (0.02, None), "0",
                 "twice the noise", "layers")  # fmt: skip
RUNS = Runs([a_run(seed=0), a_run(seed=1, framework="keras")])
EFFECT, VERDICT = decide([0.05, 0.06, 0.07], (0.02, None))
FOUND = Finding(SAID, "mlp on mnist", RUNS, EFFECT, "0.9 against 0.84", VERDICT, study="masc_decoding")
FEW = replace(FOUND, subject="cnn", effect=decide([0.05], (0.02, None))[0], verdict="indicated")
OTHER_NORM = replace(FOUND, statement=replace(SAID, id="b"))
MISSING = Finding(replace(SAID, id="c", evidence="c", statement="it grows"), "", size="full size")
NUMBER = Statement("n", "A paper", "Table 1", "accuracy", value=0.5, band=(0.4, 0.6))
NUMBERS = [
    Finding(
        NUMBER, "mlp", RUNS[:1], decide([0.55], (0.4, 0.6))[0], verdict="in band", size="full size", is_number=True
    ),
    Finding(replace(NUMBER, id="m"), "mlp", size="full size", is_number=True),
]
ALL = [FOUND, FEW, OTHER_NORM, MISSING, *NUMBERS, replace(MISSING, statement=replace(SAID, paper="B"), subject="")]


def rows_of(table):
    return [{name: str(value) for name, value in zip(table.columns, row, strict=True) if value} for row in table.rows]


def test_the_matrix_counts_independent_statements_of_all_and_leads_to_them():
    table = overview.matrix_table(ALL)
    first, second, third = rows_of(table)
    assert first == {
        "paper": "A paper", "size": "full size", "statements tested": "0 of 3", "at neither size": "1",
        "numbers measured": "1 of 2", "in band": "1",
    }  # fmt: skip
    assert second == {
        "paper": "A paper", "size": "reduced", "statements tested": "2 of 3", "confirmed": "1", "indicated": "1"
    }  # fmt: skip
    assert third == {"paper": "B", "size": "full size", "statements tested": "0 of 1", "at neither size": "1"}
    chosen = {"kind": "statement", "paper": "A paper", "size": "reduced"}
    assert table.rows[1][2] == Link("2 of 3", "#findings", chosen)
    assert table.rows[1][3] == Link("1", "#findings", {**chosen, "verdict": "confirmed"})
    assert table.rows[0][9].chosen == {**chosen, "kind": "number", "size": "full size"}
    assert table.kind == "matrix" and "| A paper | reduced | 2 of 3 | 1 | " in table.markdown()


def test_the_matrix_says_how_many_numbers_are_of_no_network():
    raw = replace(NUMBERS[0], statement=replace(NUMBER, id="raw"), runs=Runs())
    assert overview.matrix_table(ALL).note.endswith("One that a paper prints in several tables counts in each.")
    untrained = replace(raw, statement=replace(NUMBER, id="untrained"), runs=Runs([a_run(epochs=0)]))
    said = overview.matrix_table([*ALL, raw, untrained]).note
    assert " Of the 3 measured 2 need no trained network (" in said and said.endswith("of 1 trained network.")


def test_the_matrix_of_a_readme_has_no_empty_column():
    columns = [
        "paper",
        "size",
        "statements tested",
        "confirmed",
        "indicated",
        "at neither size",
        "numbers measured",
        "in band",
    ]
    table = overview.readme_matrix(overview.matrix_table(ALL))
    assert table.columns == columns and rows_of(table) == rows_of(overview.matrix_table(ALL))


def test_what_chance_and_more_seeds_would_give_is_said():
    assert overview.chance_text(ALL) == (
        "If none of the statements were true, chance would confirm at most 0.0 of the 1 tested on 3 seeds or more (1 "
        "are), and indicate 0.5 of the 1 tested on fewer (1 are); many are of the same networks."
    )
    assert overview.verdicts_text(ALL) == "1 confirmed, 1 indicated, 1 in band, of 4 measurements"
    assert overview.verdicts_text([FOUND, FEW, MISSING]) == "1 confirmed, 1 indicated"
    wide = replace(FOUND, subject="wide", effect=decide([0.01, 0.08, 0.12], (0.02, None))[0])
    below = replace(FOUND, subject="below", statement=replace(SAID, band=(None, -0.02)))
    ratio = replace(FOUND, subject="ratio", statement=replace(SAID, unit="ratio"))
    between = replace(FOUND, subject="between", statement=replace(SAID, band=(0.02, 0.5)))
    zero = replace(FOUND, subject="zero", statement=replace(SAID, band=(0.0, None)))
    assert overview.power_text([FOUND, FEW, wide, below, ratio, between, zero]) == (
        "Of the 3 statements that ask for a least effect and have three seeds, 2 would be confirmed, with the spread "
        "over seeds that was measured, with probability 0.8 or more from 5 seeds if the effect were twice the smallest "
        "that counts, 0 from 3."
    )
    assert overview.power_text([FEW]) is None


def test_lists_of_verdicts_begin_at_full_size_which_is_open():
    full = replace(FOUND, size="full size")
    parts = overview.verdict_lists([FOUND, replace(FOUND, subject="cnn"), full, *NUMBERS], ["confirmed", "in band"])
    assert [(part.summary, part.opened) for part in parts] == [
        ("1 number in band, full size", False), ("1 statement confirmed, full size", True),
        ("2 statements confirmed, reduced", False),
    ]  # fmt: skip
    (text,) = parts[2].blocks[0].lines
    assert text == (
        "A paper: layers know better (mlp on mnist: 6.00 [3.52, 8.48], points; cnn: 6.00 [3.52, 8.48], points)"
    ).replace("], points", "] points")


def test_a_finding_has_its_verdict_second_its_records_and_its_command():
    table = overview.findings_table(ALL)
    assert list(table.columns[:3]) == ["statement", "verdict", "of"]
    first, *_, number, missing, _ = rows_of(table)
    assert first == {
        "statement": "layers know better", "verdict": "confirmed", "of": "mlp on mnist", "counts": "at least 2.00",
        "measured": "6.00 [3.52, 8.48] points", "n": "3", "size": "reduced", "framework": "Keras, PyTorch",
        "records": "2 runs", "from": "0.9 against 0.84", "kind": "statement", "paper": "A paper", "source": "Figure 1",
        "study": "masc decoding",
    }  # fmt: skip
    assert number["counts"] == "published 50.00; 40.00 to 60.00" and number["kind"] == "number"
    assert "records" not in missing and "measured" not in missing
    records = table.rows[0][8]
    assert records.links == [Link(f"seed {run.config.seed}", f"runs/{run.id}/run.json") for run in RUNS]
    several = [a_run(corruption="uniform", corruption_fraction=fraction) for fraction in (0.2, 0.4)]
    names = [["seed 0", "seed 1"], ["20 %, seed 0", "40 %, seed 0"],
             ["true labels, 0 %, seed 0", "corrupted labels, 20 %, seed 0"]]  # fmt: skip
    for some, texts in zip([RUNS, several, [RUNS[0], several[0]]], names, strict=True):
        links = overview.findings_table([replace(FOUND, runs=Runs(some))]).rows[0][8].links
        assert [link.text for link in links] == texts
    script = "python experiments/masc_decoding.py"
    assert records.command == f"{script} --preset small --framework torch; {script} --preset small --framework keras"
    assert overview.command(NUMBERS[0]) == ""
    assert overview.study_command("a", "paper", "torch", "bfloat16") == (
        "python experiments/a.py --framework torch --precision bfloat16"
    )


def test_how_each_statement_is_decided():
    first, *others = rows_of(overview.criteria_table(ALL))
    assert first == {
        "statement": "layers know better", "effect, of each seed": "test less train", "counts": "at least 2.00",
        "why": "twice the noise", "without effect": "0", "evidence": "layers", "paper": "A paper", "source": "Figure 1",
    }  # fmt: skip
    assert len(others) == 3  # no numbers


def test_a_study_that_is_part_of_a_script_has_its_command():
    assert overview.script_of("explicit_regularization_mlp1") == "explicit_regularization.py"
    assert overview.script_of("masc_decoding") == "masc_decoding.py" and overview.script_of("none") == "none.py"
    assert overview.scripts()["demo.py"].startswith("The phenomenon in minutes")


def test_costs_are_hours_of_cores_or_devices():
    runs = [a_run(seed=seed) for seed in range(2)]
    for run, device, threads in zip(runs, ("cpu", "NVIDIA"), (4, 4), strict=True):
        run.record["environment"].update(device=device, threads=threads)
        run.record["time"].update(train_seconds=3600.0, evaluate_seconds=900.0)
    rows = overview.costs_table(Runs(runs)).rows
    assert [[cell(value) for value in row] for row in rows] == [
        ["NVIDIA, hours", "PyTorch", "1", "1.0", "0.2"],
        ["Processor, core-hours", "PyTorch", "1", "4.0", "1.0"],
    ]
    assert rows[1][3] == Number(4.0, "components")


DOCUMENT = "Title: with a colon.\n\nClaim:     it grows\nTime:      long\nDeviations: fewer\n           examples: 10"


@pytest.mark.parametrize(("field", "text"), [("Claim", "it grows"), ("Deviations", "fewer examples: 10"), ("No", None)])
def test_what_a_docstring_says_under_a_field(field, text):
    assert overview.stated(DOCUMENT, field) == text


def test_deviations_are_those_of_docstrings():
    assert overview.deviations_table({"a.py": DOCUMENT, "b.py": "None."}).rows == [["a.py", "fewer examples: 10"]]
