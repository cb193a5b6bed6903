from types import SimpleNamespace

import numpy as np
import pytest
from language_runs import found, seeds_of, text_run

from common.analysis.keys import NO_WORD, own_words
from common.papers.language import texts
from common.papers.language.texts import (
    STUDY,
    Vocabularies,
    agreement,
    extreme,
    findings,
    keep_shown,
    later_without,
    read,
    report,
    right_until,
    text_table,
    vocabulary_table,
    whole,
)
from common.report.numbers import cell
from common.report.runs import Runs
from common.runs.config import Options, run_id

N = 40
OWN = np.where(np.arange(N) % 2 == 0, np.arange(N) + 2, NO_WORD)  # every second text has a word of its own


def arrays(seed=0, noise=3, later=2):
    """Texts that are learned in the order of their numbers, those without a word of their own later by some epochs."""
    first = 1 + np.arange(N) // 8 + np.where(OWN == NO_WORD, later, 0)
    first = first + np.random.default_rng(seed).integers(0, noise + 1, N)
    return {
        "train_indices": 10 + np.arange(N), "train_labels": np.arange(N) % 6, "train_predictions": np.arange(N) % 6,
        "train_learned_epochs": first, "train_times_forgotten": np.arange(N) % 5, "train_own_words": OWN,
    }  # fmt: skip


def both(seed, fits=(8, 12), noise=(0, 6), later=2, **changes):
    """A run on true and one on random labels."""
    return [
        text_run(when, fraction=fraction, seed=seed, arrays=arrays(seed + 7 * place, spread, later), **changes)
        for place, (when, fraction, spread) in enumerate(zip(fits, (0.0, 1.0), noise, strict=True))
    ]


def with_and_without_rare_words(seed, cut=(8, 24)):
    return [*both(seed), *both(seed, cut, vocabulary=500)]


def test_a_word_is_a_texts_own_where_no_other_has_it():
    ids = np.array([[0, 5, 5, 2], [0, 2, 3, 7], [1, 2, 3, 1], [0, 0, 9, 8]], np.int32)
    assert own_words(ids).tolist() == [5, 7, NO_WORD, 9]
    assert own_words(np.ones((1, 3), np.int32)).tolist() == [NO_WORD]  # what stands for unknown words is nobody's


def test_smaller_vocabularies_are_those_of_a_data_set_or_given():
    rows = list(Vocabularies(datasets=("trec",)).rows("small"))
    assert [row.get("vocabulary") for row in rows] == [None, None, 2000, 2000, 500, 500]
    assert [row["corruption_fraction"] for row in rows] == [0.0, 1.0] * 3
    reviews = Vocabularies(datasets=("rt_polarity",)).rows("small")
    assert [row["vocabulary"] for row in reviews] == [None, None, 2000, 2000, 500, 500]
    assert [row["vocabulary"] for row in Vocabularies(datasets=("imdb",)).rows("small")] == [5000, 5000]
    assert len(list(Vocabularies(datasets=("imdb",), vocabularies=(1000,)).rows("small"))) == 4


def test_rare_words_are_keys_where_texts_with_one_are_first_and_without_them_noise_takes_longer():
    judged = findings(seeds_of(with_and_without_rare_words), None)
    names = ("same-texts", "keys", "cut-vocabulary", "cut-slowdown")
    assert {name: found(judged, name).verdict for name in names} == dict.fromkeys(names, "confirmed")
    assert found(judged, "cut-vocabulary").effect.mean == pytest.approx(2)
    assert found(judged, "cut-slowdown").effect.mean == pytest.approx(2)
    assert found(judged, "cut-vocabulary").numbers.startswith("1,824 [1,824, 1,824] steps with the smallest vocabulary")
    assert "with true labels" in found(judged, "same-texts").numbers


def test_rare_words_are_no_keys_where_nothing_depends_on_them():
    judged = findings(seeds_of(lambda seed: [*both(seed, later=0, noise=(0, 0)), *both(seed, vocabulary=500)]), None)
    for name in ("keys", "cut-vocabulary", "cut-slowdown", "same-texts"):
        assert found(judged, name).verdict == "contradicted", name
    one = findings(Runs(both(0)), None)
    assert {found(one, name).verdict for name in ("same-texts", "cut-vocabulary")} == {"not measured"}


def test_time_is_counted_in_steps_of_which_fewer_texts_have_fewer():
    runs = seeds_of(with_and_without_rare_words)
    for run in runs.where(vocabulary=500):
        run.record["data"]["train_n"] = 2420
    judged = findings(runs, None)
    assert found(judged, "cut-vocabulary").effect.mean == pytest.approx(24 * 38 / (12 * 76))
    assert found(judged, "cut-slowdown").effect.mean == pytest.approx(2)


def test_noise_that_is_never_fitted_without_rare_words_leaves_it_undecided():
    runs = seeds_of(with_and_without_rare_words)
    (never,) = runs.where(vocabulary=500, corruption_fraction=1.0, seed=2)
    never.history = never.history[:4]
    judged = findings(runs, None)
    assert {found(judged, f"cut-{name}").verdict for name in ("vocabulary", "slowdown")} == {"undecided"}
    some = Runs(run for run in runs if run is not never)  # a seed without the run says nothing
    assert {found(findings(some, None), f"cut-{name}").effect.n for name in ("vocabulary", "slowdown")} == {2}


def test_an_epoch_tells_no_texts_apart():
    STUDY.check(text_run(epochs=2).config)
    with pytest.raises(ValueError, match="Received: epochs=1"):
        STUDY.check(text_run(epochs=1).config)


def test_texts_without_either_kind_tell_nothing():
    run = text_run(12, fraction=1.0, arrays={**arrays(), "train_own_words": np.full(N, 5)})
    assert later_without(run) is None
    assert later_without(text_run(12, fraction=1.0, arrays=arrays(noise=0))) == pytest.approx(2 / 14)


def test_seeds_agree_on_texts():
    runs = Runs(text_run(8, seed=seed, arrays=arrays(noise=0)) for seed in range(3))
    assert agreement(runs) == dict.fromkeys(range(3), pytest.approx(1))
    assert agreement(runs[:1]) == {}


def test_what_is_answered_everywhere_at_first_is_no_agreement_on_texts():
    """Half of the labels are right in the first epoch; of the texts with one label nothing is alike."""
    labels = np.repeat([0, 1], N // 2)
    orders = [np.tile(order, N // 4) for order in ([0, 0, 1, 1], [0, 1, 0, 1])]
    runs = Runs(
        text_run(30, seed=seed, arrays={**arrays(), "train_labels": labels,
                 "train_learned_epochs": 1 + order + 20 * labels})
        for seed, order in enumerate(orders)
    )  # fmt: skip
    assert agreement(runs) == dict.fromkeys(range(2), pytest.approx(0))
    constant = {**arrays(), "train_labels": labels, "train_learned_epochs": 1 + labels}
    assert agreement(Runs(text_run(30, seed=seed, arrays=constant) for seed in range(2))) == {}


def test_the_largest_vocabulary_is_the_whole_one():
    runs = Runs([text_run(), text_run(vocabulary=500), text_run(dataset="rt_polarity")])
    assert [run.config.vocabulary for run in whole(runs)] == [None, 10_000]


def test_extreme_texts_are_the_easiest_the_hardest_and_those_forgotten_most():
    table = {"index": np.arange(20), "learned": np.arange(20) // 2, "times_forgotten": np.arange(20) % 2}
    assert extreme(table).tolist() == [[0, 1, 2, 3, 4, 5], [19, 18, 17, 16, 15, 14], [1, 3, 5, 7, 9, 11]]


def test_share_of_texts_that_have_been_right():
    run = text_run(
        3, fraction=1.0, arrays={**arrays(), "train_learned_epochs": np.array([1, 2] * (N // 4) + [-1] * (N // 2))}
    )
    assert right_until(run, True) == {0: 0, **dict.fromkeys(range(1, 6), 0.5)}
    assert right_until(run, False) == {0: 0, 1: 0, **dict.fromkeys(range(2, 6), 0.5)}


class Kept:
    """A store of arrays by run id, all of whose runs had ten epochs."""

    models = None

    def __init__(self):
        self.kept = {}

    def arrays(self, name):
        return self.kept.setdefault(name, arrays())

    def add_arrays(self, name, more):
        self.kept[name] = {**self.arrays(name), **more}

    def record(self, name):
        return {"outcome": {"epochs": 10}}


def test_what_texts_are_shown_and_which_words_are_their_own_is_kept_with_runs(monkeypatch):
    ids = np.tile(np.arange(50, dtype=np.int32)[:, None], (1, 30))
    data = SimpleNamespace(x_train=ids, words=tuple(f"w{number}" for number in range(50)))
    task = SimpleNamespace(train=SimpleNamespace(inputs=np.arange(2, 2 + N, dtype=np.int32)[:, None]))
    monkeypatch.setattr(texts.datasets, "load", lambda name, folder: data)
    monkeypatch.setattr(texts, "own_task", lambda *arguments: task)
    call = SimpleNamespace(store=Kept(), options=Options(), force=True)
    first, second = (text_run(seed=seed).config for seed in range(2))
    read([first, second], call)
    of_first, of_second = call.store.kept.values()
    assert (of_second["train_own_words"] == np.arange(2, 2 + N)).all() and "shown_texts" not in of_second
    assert of_first["shown_indices"].shape == (3, 6)
    index = of_first["shown_indices"][0, 0]
    assert of_first["shown_texts"][0] == " ".join([f"w{index}"] * 20)  # as the network reads
    few = text_run(vocabulary=20).config
    read([few], call)
    cut = call.store.kept[run_id(few)]
    assert cut["shown_texts"][-1] == " ".join(["w1"] * 20) and cut["shown_indices"][-1, -1] > 21
    assert of_first["shown_words"][0] == f"w{index - 10 + 2}"
    call.force = False
    call.store.add_arrays = None
    keep_shown([first, second], call)  # there already


def test_the_texts_themselves_are_a_table():
    shown = {"shown_indices": np.array([[10, 11], [48, 49], [14, 19]]), "shown_texts": np.array(list("abcdef")),
             "shown_words": np.array(["x", "", "y", "", "z", ""])}  # fmt: skip
    runs = Runs(text_run(8, fraction=1.0, seed=seed, arrays={**arrays(noise=0), **(shown if not seed else {})})
                for seed in range(2))  # fmt: skip
    table = text_table(runs, "Title")
    rows = [list(map(cell, row)) for row in table.rows]
    assert rows[0] == ["lstm, trec", "random labels", "easiest", "a", "x", "1.0", "0.0"]
    assert rows[3] == ["lstm, trec", "random labels", "hardest", "d", "–", "7.0", "4.0"]
    assert [row[2] for row in rows] == ["easiest"] * 2 + ["hardest"] * 2 + ["most forgotten"] * 2
    assert text_table(Runs(both(0)), "Title").rows == []


def test_figure_and_table_of_vocabularies():
    runs = seeds_of(with_and_without_rare_words)
    made = report(runs, None)
    (axes,) = made["own_words"].axes
    assert axes.get_title() == "lstm, trec" and len(made["own_words"].legends[0].get_texts()) == 2
    table = vocabulary_table(runs, "Title")
    rows = [dict(zip(table.columns, map(cell, row), strict=True)) for row in table.rows]
    assert [(row["words"], row["random labels"][:4], row["ratio"][:4]) for row in rows] == [
        ("all", "12.0", "1.50"), ("500", "24.0", "3.00")
    ]  # fmt: skip
    assert rows[0]["texts with a word of their own, %"].startswith("50.00")
