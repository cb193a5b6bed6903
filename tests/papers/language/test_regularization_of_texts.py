import pytest
from language_runs import found, seeds_of, text_run

from common.papers.language.regularization import (
    EXPLICIT,
    TECHNIQUES,
    Techniques,
    findings,
    kept,
    report,
    strength,
    technique_of,
)
from common.report.numbers import cell
from common.report.regularizers import by_seed, effects
from common.report.runs import Runs

DROPOUT, DECAY = {"dropout": 0.5}, {"weight_decay": 1e-3}
SCHEDULE = {"schedule": "exponential", "decay": 0.9}


def pair(seed, changes, memorized, tests, **more):
    """A run on true and one on random labels with a regularizer."""
    return [
        text_run(8, tests, seed=seed, **changes, **more),
        text_run(20, trained=memorized, setting="random_labels", seed=seed, **changes, **more),
    ]


def measured(seed, dropout=0.95, decay=0.999, schedule=0.87, none=(0.87, 0.865)):
    """No regularizer, dropout, weight decay and a falling rate in one seed."""
    return [
        *pair(seed, {}, 1.0, none),
        *pair(seed, DROPOUT, dropout, (0.88,)),
        *pair(seed, DECAY, decay, (0.87,)),
        *pair(seed, SCHEDULE, 1.0, (schedule,)),
    ]


def test_every_strength_is_trained_on_true_and_on_random_labels():
    rows = list(Techniques(datasets=("trec", "imdb")).rows("small"))
    assert {row["dataset"] for row in Techniques().rows("small")} == {"trec", "rt_polarity"}
    of = {name: [row for row in rows if row["dataset"] == name] for name in ("trec", "imdb")}
    assert len(of["trec"]) == 2 * 9 and len(of["imdb"]) == 2 * 10  # windows of long texts alone
    assert [row["dataset"] for row in rows if row.get("random_window")] == ["imdb", "imdb"]
    assert {row["corruption"] for row in of["trec"] if "corruption" in row} == {"uniform"}
    assert {row["width"] for row in of["trec"] if "width" in row} == {16}
    with pytest.raises(ValueError, match="technique must be one of"):
        list(Techniques(techniques=("drop_out",)).rows("small"))


def test_runs_are_named_by_their_regularizer():
    for name, choices in TECHNIQUES.items():
        for changes in choices:
            assert technique_of(text_run(**changes))[0] == name.replace("_", " ")
    assert technique_of(text_run()) == ("none", "")
    assert technique_of(text_run(**DECAY)) == ("weight decay", "0.001")
    assert strength(SCHEDULE) == "exponential, 0.9"


def test_what_image_networks_do_is_confirmed_of_texts_that_do_it():
    judged = findings(seeds_of(lambda seed: measured(seed, dropout=0.995)), None)
    assert found(judged, "regularizers-not-necessary").verdict == "confirmed"
    assert found(judged, "early-stopping-true").verdict == "confirmed"
    assert {found(judged, "regularizers-not-sufficient", of).verdict for of in ("dropout", "decay")} == {"confirmed"}
    implicit = found(judged, "implicit", "schedule")
    assert implicit.verdict == "confirmed" and implicit.effect.mean == pytest.approx(0.0)
    assert found(judged, "regularizers-not-sufficient", "dropout").subject == "lstm, trec, dropout 0.5"


def test_regularizers_that_matter_are_contradictions():
    judged = findings(seeds_of(lambda seed: measured(seed, 0.5, schedule=0.6, none=(0.4, 0.2))), None)
    for name, of in (("regularizers-not-necessary", ""), ("early-stopping-true", ""), ("implicit", "schedule"),
                     ("regularizers-not-sufficient", "dropout")):  # fmt: skip
        assert found(judged, name, of).verdict == "contradicted", name


def test_dropout_hinders_memorizing_most_where_it_does():
    judged = findings(seeds_of(lambda seed: measured(seed, 0.6, 0.9)), None)
    assert found(judged, "dropout").verdict == "confirmed"
    assert found(judged, "dropout").effect.mean == pytest.approx(0.3)
    assert found(judged, "regularizers-differ").effect.mean == pytest.approx(0.3)
    assert "schedule" not in found(judged, "dropout").numbers


def test_the_best_explicit_regularizer_is_chosen_on_held_out_texts():
    runs = Runs([*pair(0, {}, 1.0, (0.6,)), *pair(0, DROPOUT, 1.0, (0.7,)), *pair(0, SCHEDULE, 1.0, (0.9,))])
    (groups,) = by_seed(effects(runs, technique_of))
    assert kept(groups) == pytest.approx((0.6 - 1 / 6) / (0.7 - 1 / 6))
    assert findings(Runs(pair(0, {}, 1.0, (0.6,))), None) == []


def test_figure_and_table_of_regularizers():
    made = report(seeds_of(measured), None)
    assert list(made) == ["trade_off_trec_lstm", "regularizers"]
    table = made["regularizers"]
    rows = [dict(zip(table.columns, map(cell, row), strict=True)) for row in table.rows]
    assert [(row["regularizer"], row["strength"]) for row in rows] == [
        ("none", "–"), ("dropout", "0.5"), ("weight decay", "0.001"), ("schedule", "exponential, 0.9")
    ]  # fmt: skip
    assert rows[1]["training accuracy on random labels, %"] == "95.00 [95.00, 95.00]"
    assert rows[0]["test accuracy, stopped, %"].startswith("87.00")
    assert rows[0]["test accuracy, at the end, %"].startswith("86.50")
    assert rows[0]["epochs on random labels"].startswith("22.0")
    assert set(EXPLICIT) < set(TECHNIQUES)
