import math

import numpy as np
import pytest
from language_runs import found, seeds_of, text_run

from common.papers.language.learning_curves import (
    SHOWN,
    Settings,
    chance_loss,
    curves,
    findings,
    kind_text,
    named,
    over,
    report,
    settings_table,
)
from common.report.figures import png
from common.report.numbers import cell
from common.report.runs import Runs

EPOCHS = {
    "true_labels": 8, "shuffled_words": 10, "random_words": 13, "random_tokens": 14, "shuffled_vocabulary": 8,
    "random_labels": 20,
}  # fmt: skip
TESTS = {"true_labels": 0.87, "shuffled_words": 0.83, "shuffled_vocabulary": 0.86}


def six(seed, epochs=None, **changes):
    """Runs of one seed in every setting, fitted at these epochs, a little later in other seeds."""
    return [
        text_run(when + seed, (TESTS.get(setting, 0.5) + seed / 100,), setting=setting, seed=seed, **changes)
        for setting, when in {**EPOCHS, **(epochs or {})}.items()
    ]


def test_every_model_has_every_setting_on_every_data_set():
    rows = Settings().rows("small")
    assert len(rows) == 3 * 3 * len(SHOWN) and len({repr(sorted(row.items())) for row in rows}) == len(rows)
    assert {row["dataset"] for row in Settings().rows("paper")} == {"imdb"}
    assert {row["width"] for row in Settings().rows("paper")} == {128}
    (one,) = Settings(models=("bow",), datasets=("trec",), settings=("random_labels",)).rows("small")
    assert (one["model"], one["corruption"], one["corruption_fraction"], one["length"]) == ("bow", "uniform", 1.0, 20)


def test_what_image_networks_do_is_confirmed_of_texts_that_do_it():
    judged = findings(seeds_of(six), None)
    verdicts = {name: found(judged, name).verdict for name in ("fit", "order", "word-order", "renamed")}
    assert verdicts == {
        "fit": "confirmed", "order": "confirmed", "word-order": "confirmed", "renamed": "confirmed",
    }  # fmt: skip
    order = found(judged, "order")
    assert order.subject == "lstm, trec" and order.effect.n == 3
    assert order.effect.mean == pytest.approx((10 / 8 + 11 / 9 + 12 / 10) / 3)
    assert order.numbers.startswith("true labels 9.0 [6.5, 11.5], shuffled words 11.0")
    assert found(judged, "word-order").effect.mean == pytest.approx(0.04)
    assert found(judged, "start").effect.mean == pytest.approx((10 / 4 + 11 / 5 + 12 / 6) / 3)


def test_a_start_is_a_tenth_below_what_the_shares_of_the_classes_give_away():
    labels = {"train_labels": np.repeat([0, 1, 3], [2, 1, 1])}
    run = text_run(6, arrays=labels)
    assert chance_loss(run) == pytest.approx(1.5 * math.log(2))
    runs = Runs([text_run(12, setting="random_labels"), text_run(6, setting="random_tokens", arrays=labels)])
    assert found(findings(runs, None), "start").numbers == "random tokens 1.0, random labels 2.0"
    few = [text_run(12, setting="random_labels", arrays=labels), text_run(6, setting="random_tokens", arrays=labels)]
    assert found(findings(Runs(few), None), "start").numbers == "random tokens 1.0, random labels 4.0"


@pytest.mark.parametrize(
    "dataset, good, bad", [("trec", 0.87, 0.95), ("rt_polarity", 0.76, 0.83), ("imdb", 0.83, 0.77)]
)
def test_accuracy_on_true_labels_is_beside_that_of_others_on_the_same_data(dataset, good, bad):
    def verdict(accuracy):
        runs = seeds_of(lambda seed: [text_run(8, (accuracy, 0.5), (0.9, 0.5), seed=seed, dataset=dataset)])
        return found(findings(runs, None), f"accuracy-{dataset.replace('_', '-')}").verdict

    assert (verdict(good), verdict(bad)) == ("confirmed", "contradicted")


def test_accuracy_of_a_bag_of_words_or_on_other_data_is_not_beside_that_of_others():
    words = [each.statement.id for each in findings(seeds_of(lambda seed: [text_run(model="bow", seed=seed)]), None)]
    assert not [name for name in words if "accuracy" in name]  # theirs read
    generated = Runs([text_run(dataset="trec")])
    generated[0].record["config"]["dataset"] = "phrases"
    assert [each for each in findings(generated, None) if "accuracy" in each.statement.id] == []


def test_other_orders_and_words_that_matter_are_contradicted():
    judged = findings(seeds_of(lambda seed: six(seed, {"random_labels": 9})), None)
    assert found(judged, "order").verdict == "contradicted"
    flat = findings(seeds_of(lambda seed: [text_run(8, setting=name, seed=seed) for name in SHOWN]), None)
    assert found(flat, "word-order").verdict == "contradicted"
    renamed = seeds_of(lambda seed: [text_run(8, (0.9,), seed=seed),
                                     text_run(8, (0.8,), setting="shuffled_vocabulary", seed=seed)])  # fmt: skip
    assert found(findings(renamed, None), "renamed").verdict == "contradicted"


def test_a_setting_that_is_not_fitted_is_told_from_one_without_a_run():
    badly = seeds_of(lambda seed: [text_run(8, setting=name, trained=0.9, seed=seed) for name in SHOWN])
    assert found(findings(badly, None), "fit").verdict == "contradicted"
    assert found(findings(seeds_of(lambda seed: [text_run(seed=seed)]), None), "fit").verdict == "not measured"


def both(seed, epochs=30, trained=1.0):
    """An LSTM and a bag of words on true and on random labels."""
    return [
        text_run(8, (0.87,), seed=seed), text_run(8, (0.82,), model="bow", seed=seed),
        text_run(8, (0.99,), model="text_cnn", seed=seed),
        text_run(20, setting="random_labels", seed=seed),
        text_run(epochs, trained=trained, model="bow", setting="random_labels", seed=seed),
    ]  # fmt: skip


def test_a_bag_of_words_is_the_control():
    judged = findings(seeds_of(both), None)
    assert {found(judged, name).verdict for name in ("bow-fit", "bow-time", "bow-test")} == {"confirmed"}
    assert found(judged, "bow-time").effect.mean == pytest.approx(1.5)
    assert found(judged, "bow-test").effect.mean == pytest.approx(0.05)
    assert {run.config.model for run in found(judged, "bow-test").runs} == {"lstm", "bow"}
    slow = findings(seeds_of(lambda seed: both(seed, 20, 0.5)), None)
    assert found(slow, "bow-fit").verdict == found(slow, "bow-time").verdict == "contradicted"
    assert not [each for each in judged if each.subject.startswith("bow")]


def test_a_bag_of_words_that_never_fits_counts_with_all_its_epochs():
    run = text_run(30, model="bow", setting="random_labels")
    short = text_run(30, model="bow", setting="random_labels", epochs=12)
    short.source.kept["history.jsonl"] = run.history[:13]
    short.outcome["epochs"] = 12
    lstm = text_run(6, setting="random_labels")
    assert found(findings(Runs([short, lstm]), None), "bow-time").effect.mean == 2


def test_curves_of_each_kind_have_a_line_for_each_setting():
    runs = seeds_of(lambda seed: [*six(seed), *six(seed, model="bow", dataset="rt_polarity")])
    figures = report(runs, None)
    loss, accuracy = figures["training_loss"], figures["test_accuracy"]
    assert [axes.get_title() for axes in loss.axes] == ["lstm, trec", "bow, rt polarity"]
    assert accuracy.axes[0].get_ylim()[1] > 100 > loss.axes[0].get_ylim()[1]
    assert len(loss.legends[0].get_texts()) == len(SHOWN)
    assert png(loss).startswith(b"\x89PNG")
    with pytest.raises(ValueError, match="recipes=2"):
        curves(Runs([text_run(), text_run(epochs=3)]), lambda run: run.over_epochs("train_loss"), "train_loss", "Title")


def test_table_of_settings():
    table = settings_table(seeds_of(six), "Title")
    rows = [dict(zip(table.columns, map(cell, row), strict=True)) for row in table.rows]
    assert [row["setting"] for row in rows] == [name.replace("_", " ") for name in EPOCHS]
    assert rows[-1] == {
        "model": "lstm", "data": "trec", "setting": "random labels", "framework": "PyTorch", "train_n": "4840",
        "seeds": "3", "epochs to fit": "21.0 [18.5, 23.5]", "relative": "2.34 [1.97, 2.72]",
        "training accuracy, %": "100.00 [100.00, 100.00]", "test accuracy, stopped, %": "51.00 [48.52, 53.48]",
        "test accuracy, at the end, %": "51.00 [48.52, 53.48]",
    }  # fmt: skip


def test_ratios_and_texts():
    assert (over(3, 2), over(None, 2), over(3, None), over(3, 0)) == (1.5, None, None, None)
    assert kind_text("rt_polarity", "lstm") == "lstm, rt polarity"
    assert named([{"true_labels": 3.0}], ["random_labels"]) is None
