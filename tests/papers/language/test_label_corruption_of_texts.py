from types import SimpleNamespace

import pytest
from language_runs import found, seeds_of, text_run

from common.papers.language.corruption import TENTHS, Fractions, findings, fraction_table, report, stopped_error
from common.report.figures import png
from common.report.numbers import cell
from common.report.runs import Runs

EPOCHS = {0.0: 8, 0.4: 10, 0.8: 14, 1.0: 16}
TESTS = {0.0: 0.86, 0.4: 0.7, 0.8: 0.4, 1.0: 0.17}

CALL = SimpleNamespace(grid=Fractions(fractions=tuple(EPOCHS)))


def over_fractions(seed, epochs=None, tests=None, **changes):
    """Runs of one seed, of other seeds a little later, each best before its last epoch."""
    ends = {**TESTS, **(tests or {})}
    return [
        text_run(when + seed, (ends[x] + 0.1, ends[x]), fraction=x, seed=seed, **changes)
        for x, when in {**EPOCHS, **(epochs or {})}.items()
    ]


def test_eleven_fractions_of_every_model_and_data_set():
    rows = Fractions().rows("small")
    assert len(rows) == 11 * 2 * 2 and TENTHS[3] == 0.3
    assert {row["corruption"] for row in rows if not row["corruption_fraction"]} == {"none"}
    assert {row["corruption"] for row in rows if row["corruption_fraction"]} == {"uniform"}


def test_what_image_networks_do_is_confirmed_of_texts_that_do_it():
    judged = findings(seeds_of(over_fractions), CALL)
    names = ("slowdown", "small-factor", "slower-steadily", "error", "chance")
    assert {found(judged, name).verdict for name in names} == {"confirmed"}
    slowdown = found(judged, "slowdown")
    assert slowdown.effect.mean == pytest.approx((16 / 8 + 17 / 9 + 18 / 10) / 3)
    assert slowdown.numbers.startswith("epochs: 9.0 [6.5, 11.5] at 0 %, 11.0 [8.5, 13.5] at 40 %")
    assert found(judged, "error").effect.mean == pytest.approx(0.46)
    assert found(judged, "error").numbers.startswith("error: 14.00 [14.00, 14.00] % at 0 %")
    assert found(judged, "chance").effect.mean == pytest.approx(0.17 - 1 / 6)


def test_what_texts_do_otherwise_is_contradicted():
    even = findings(seeds_of(lambda seed: over_fractions(seed, {1.0: 8}, {0.8: 0.85, 1.0: 0.5})), CALL)
    for name in ("slowdown", "slower-steadily", "error", "chance"):
        assert found(even, name).verdict == "contradicted", name
    never = seeds_of(lambda seed: over_fractions(seed))
    for run in never.where(corruption_fraction=1.0):
        run.history = run.history[:4]
    assert found(findings(never, CALL), "slowdown").verdict == "undecided"  # random labels are never fitted
    assert found(findings(never, CALL), "slower-steadily").verdict == "undecided"
    for run in never.where(lambda run: run.config.corruption_fraction >= 0.8):
        run.outcome["train_accuracy"] = 0.98
    assert {found(findings(never, CALL), name).verdict for name in ("error", "chance")} == {"undecided"}


def test_a_curve_is_steady_in_the_seeds_that_have_all_of_it():
    some = Runs(
        run for run in seeds_of(over_fractions) if (run.config.seed, run.config.corruption_fraction) != (2, 0.4)
    )
    steady = found(findings(some, CALL), "slower-steadily")
    assert (steady.effect.n, steady.verdict) == (2, "indicated") and steady.numbers.startswith("epochs: 8.5 ")
    assert found(findings(some, CALL), "slowdown").effect.n == 3


def test_chance_is_that_of_the_data_sets_classes():
    judged = findings(seeds_of(lambda seed: over_fractions(seed, dataset="rt_polarity")), CALL)
    assert found(judged, "chance").effect.mean == pytest.approx(0.17 - 0.5)
    assert found(judged, "chance").subject == "lstm, rt polarity"


def test_early_stopping_is_on_held_out_texts():
    assert stopped_error(text_run(5, (0.6, 0.9, 0.4), (0.7, 0.5, 0.5))) == pytest.approx(0.4)


def test_figures_and_table_over_fractions():
    runs = seeds_of(lambda seed: [*over_fractions(seed), *over_fractions(seed, model="bow")])
    other = text_run(8, setting="random_labels", weight_decay=1e-4)  # no place in the figures
    made = report(runs + [other], None)
    (axes,) = made["test_error"].axes
    assert len([line for line in axes.lines if line.get_label() != "_seed"]) == 4
    assert [text.get_text() for text in made["test_error"].legends[0].get_texts()] == [
        "bow", "lstm", "at the end", "stopped early"
    ]  # fmt: skip
    assert png(made["epochs_to_fit"]).startswith(b"\x89PNG")
    table = fraction_table(runs, "Title")
    rows = [dict(zip(table.columns, map(cell, row), strict=True)) for row in table.rows]
    assert len(rows) == 8 and rows[-1]["relative"] == "1.90 [1.65, 2.15]"
    assert rows[-1]["epochs to fit"] == "17.0 [14.5, 19.5]" and rows[-1]["stopped, %"].startswith("73.00")
    assert rows[-1]["test error, true labels, %"].startswith("83.00")
    assert fraction_table(Runs(), "Title").rows == []
