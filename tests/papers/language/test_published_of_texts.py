import pytest
from language_runs import text_run

from common.frameworks import model_names
from common.papers.language.published import numbers
from common.papers.language.recipes import BASE, DATASETS, PRESETS, fields, lstm
from common.papers.language.studies import STUDIES
from common.papers.language.targets import TARGETS
from common.report.runs import Runs

SIZES = {"width": 128, "vocabulary": 20_000, "length": 200}


def by_id(runs):
    return {found.statement.id.removeprefix("language-"): found for found in numbers(Runs(runs))}


def test_every_number_is_there_and_is_judged_by_the_network_stopped_early():
    none = by_id([])
    assert len(none) == len(TARGETS.of("true_labels")) and {f.verdict for f in none.values()} == {"not measured"}
    run = text_run(8, (0.7, 0.92, 0.6), (0.5, 0.6, 0.5), model="text_cnn")
    found = by_id([run])["trec-cnn-rerun-1"]
    assert (found.verdict, found.effect.mean, found.subject) == ("in band", 0.92, "text cnn, trec, PyTorch")
    low = text_run(8, (0.6,), model="text_cnn")
    assert by_id([low])["trec-cnn-rerun-1"].verdict == "outside band"


def test_runs_of_another_recipe_or_size_decide_nothing():
    stated = TARGETS.of("true_labels")[0]["recipe"]
    others = [
        text_run(8, (0.82,), model="bilstm", dataset="imdb", preset="paper"),  # but four epochs are stated
        text_run(8, (0.82,), dataset="imdb", preset="paper", **stated),
        text_run(8, (0.92,), model="text_cnn", epochs=3),
        text_run(8, (0.92,), model="text_cnn", setting="random_labels"),
    ]  # fmt: skip
    assert {found.verdict for found in by_id(others).values()} == {"not measured"}
    whole = text_run(8, (0.82,), model="bilstm", dataset="imdb", preset="paper", **stated)
    assert by_id([whole])["imdb-keras-bilstm"].verdict == "in band"


def test_numbers_are_of_networks_that_there_are():
    assert {target["model"] for target in TARGETS.of("true_labels")} <= set(model_names("torch"))


def test_recipes_of_both_sizes():
    assert fields("lstm", "imdb").items() >= SIZES.items()
    assert fields("lstm", "imdb", "small")["vocabulary"] == 5000 and fields("lstm", "imdb", "small")["width"] is None
    assert fields("lstm", "trec") == fields("lstm", "trec", "small")
    assert {*PRESETS["small"], *PRESETS["paper"]} == set(DATASETS)
    with pytest.raises(ValueError, match="data set must be one of"):
        fields("lstm", "cifar10")
    assert lstm("dropout").dropout == 0.5 and lstm("random_labels").corruption == "uniform"


def test_every_statement_is_tested_by_a_study_of_the_wing():
    told = {found.statement.id for study in STUDIES for found in study.findings(Runs(), None)}
    assert told == set()  # without runs nothing is measured
    assert all(statement["id"].startswith("language-") for statement in TARGETS.of("statements"))
    effects = [statement["effect"] for statement in TARGETS.of("statements")]
    chosen = "chosen on held-out training texts"  # with the labels a user has
    assert not [
        effect for effect in effects if chosen in effect and f"{chosen} and their corrupted labels" not in effect
    ]
    assert BASE.framework == "torch"
