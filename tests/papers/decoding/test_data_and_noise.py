"""Figures and tables of networks trained on data and on noise: what is drawn and counted, of lines made by hand."""

import math

import numpy as np
import pytest
from made_up import mean_lines, seed_lines

from common.analysis.representation import swapped
from common.analysis.similarity import chance_correlation, mean_correlation
from common.papers.decoding import representation
from common.papers.decoding.representation import by_network
from common.report.figures import BLUE, ORANGE, png
from common.report.numbers import Number, cell
from common.report.readouts import Setting
from common.report.runs import Run, Runs, data_text
from common.runs.config import Config, as_dict

TRUE, NOISE = "true_labels", "gaussian"
MLP = Setting("mlp3", "fashion_mnist", None, "torch", 5000)


class Kept:
    """What lies beside records: lines of statistics by run id, of similarities by the ids of two runs."""

    def __init__(self, statistics=None, similarities=None):
        self.statistics, self.similarities = statistics or {}, similarities or {}

    def lines(self, name, file):
        if file == "statistics.jsonl":
            return self.statistics[name]
        other = file.removeprefix("similarity_").removesuffix(".jsonl")
        assert name <= other  # where they are kept
        turned = [swapped(line) for line in self.similarities.get((other, name), [])]
        return self.similarities.get((name, other), turned)


def run(setting, seed, train_n=5000, kept=None, **changes):
    """A run under the id of setting and seed."""
    corruption = {"corruption": setting, "corruption_fraction": 1.0} if setting != TRUE else {}
    network = {"model": "mlp3", "dataset": "fashion_mnist", "framework": "torch"}
    config = as_dict(Config(**{**network, **corruption, "seed": seed, **changes}))
    record = {"run_id": f"{setting}{seed}", "config": config, "outcome": {}, "data": {"train_n": train_n}}
    return Run(record, kept)


def measured(epoch, mean, of="weights", layer="fc1"):
    moments = {"mean": mean, "variance": 2 * mean, "skewness": None, "kurtosis": -mean, "sparsity": mean / 10}
    return {"epoch": epoch, "of": of, "layer": layer, "n": 9, **moments}


LINES = {
    f"{TRUE}0": [measured(4, 3), measured(0, 1), measured(1, 2), measured(4, 5, "activations", "input")],
    f"{TRUE}1": [measured(0, 2), measured(1, 4), measured(2, 5), measured(2, 7, "activations", "input")],
    f"{NOISE}0": [measured(0, 4), measured(0, 7, "activations"), measured(8, 0.5), measured(8, 9, layer="logits")],
}


MEASURED = Runs(run(setting, seed, kept=Kept(LINES)) for setting, seed in ((TRUE, 0), (TRUE, 1), (NOISE, 0)))
SETTINGS = {TRUE: MEASURED[:2], NOISE: MEASURED[2:]}


def test_runs_are_grouped_by_what_is_compared_and_by_setting():
    keras, larger = run(TRUE, 2, framework="keras"), run(TRUE, 3, train_n=60_000)
    found = by_network(Runs([*MEASURED, keras, larger]))
    assert {of: {name: list(runs) for name, runs in settings.items()} for of, settings in found.items()} == {
        MLP: {name: list(runs) for name, runs in SETTINGS.items()},
        MLP._replace(framework="keras"): {TRUE: [keras]}, MLP._replace(train_n=60_000): {TRUE: [larger]},
    }  # fmt: skip
    assert list(found[MLP]) == [TRUE, NOISE]
    assert MLP.cells() == ["mlp3", "fashion mnist", "PyTorch", 5000]
    assert (MLP.text(), MLP.name()) == ("mlp3, fashion mnist, PyTorch", "mlp3_fashion_mnist_torch")
    assert (data_text("random_labels"), data_text(NOISE)) == ("random labels", "Gaussian inputs")


def test_the_last_hidden_layer_is_neither_input_nor_logits():
    lines = [measured(0, 1, layer=layer) for layer in ("input", "conv1", "fc1", "logits")]
    assert representation.last_hidden(lines) == "fc1" and representation.last_hidden(lines[:2]) == "conv1"


def test_statistics_are_drawn_over_the_epochs_that_all_seeds_have():
    figure = representation.statistics_figure(SETTINGS, "weights", "Title")
    *panels, unused = figure.axes
    labels = ["mean", "variance", "skewness", "excess kurtosis", "values that are 0 (%)"]
    assert [axes.get_title() for axes in panels] == labels and not unused.get_visible()
    assert figure.get_suptitle() == "Title: weights of fc1" and {axes.get_xlabel() for axes in panels} == {"epoch"}
    for axes, factor in zip(panels, (1, 2, None, -1, 10), strict=True):
        found = {line.get_color(): np.round(line.get_xydata(), 9).tolist() for line in mean_lines(axes)}
        true, noise = (0, 1.5), (1, 3)  # means over seeds; one of them has no epoch 4 and the other no epoch 2
        expected = {BLUE: (true, noise), ORANGE: ((0, 4), (8, 0.5))} if factor else {}
        assert found == {colour: [[x, factor * y] for x, y in points] for colour, points in expected.items()}
    seeds = seed_lines(panels[0])  # one setting has two, and of one seed the mean is the line
    assert [line.get_xydata().tolist() for line in seeds] == [[[0, 1], [1, 2]], [[0, 2], [1, 4]]]
    assert {line.get_color() for line in seeds} == {BLUE} and not panels[0].collections
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["true labels", "Gaussian inputs"]
    assert png(figure).startswith(b"\x89PNG")


def test_statistics_of_another_layer_or_of_activations_are_drawn_where_asked_for():
    figure = representation.statistics_figure({TRUE: MEASURED[:1]}, "activations", "Title", "input")
    assert figure.get_suptitle() == "Title: activations of input"
    assert [list(line.get_ydata()) for line in figure.axes[0].lines] == [[5]]


def test_statistics_table_holds_the_last_epoch_of_each_seed():
    table = representation.statistics_table(MEASURED, "Title")
    network = ["mlp3", "fashion mnist", "PyTorch", "5000"]
    assert table.title == "Title" and table.columns[-1] == "values that are 0, %"
    assert [[cell(value) for value in row] for row in table.rows] == [
        [*network, "true labels", "2", "2, 4", "weights", "fc1", "4 [-8.71, 16.7]", "8 [-17.4, 33.4]", "–",
         "-4 [-16.7, 8.71]", "40.00 [0.00, 100.00]"],
        [*network, "true labels", "2", "2, 4", "activations", "input", "6 [-6.71, 18.7]", "12 [-13.4, 37.4]", "–",
         "-6 [-18.7, 6.71]", "60.00 [0.00, 100.00]"],
        [*network, "Gaussian inputs", "1", "8", "weights", "fc1", "0.5", "1", "–", "-0.5", "5.00"],
        [*network, "Gaussian inputs", "1", "8", "weights", "logits", "9", "18", "–", "-9", "90.00"],
    ]  # fmt: skip


def pair(cka, svcca, layer="fc1", other="fc1", directions=(20, 30)):
    sizes = dict(zip(("directions", "other_directions"), directions, strict=True))
    return {"layer": layer, "other_layer": other, "n": 401, **sizes, "cka": cka, "svcca": svcca}


SIMILAR = {
    (f"{TRUE}0", f"{TRUE}1"): [pair(0.75, 0.5), pair(1, 1, "input", "input"), pair(0.25, 0.5, "fc1", "input")],
    (f"{TRUE}0", f"{NOISE}0"): [pair(0.5, 0.25), pair(0.125, None, "fc1", "input")],
    (f"{TRUE}1", f"{NOISE}1"): [pair(0.25, 0.125, directions=(9, 5)), pair(0.375, None, "fc1", "input")],
    (f"{NOISE}0", f"{TRUE}1"): [pair(0.0, 0.0, directions=(90, 30))],
}


def four(similarities=None):
    """Two seeds on true labels and two on noise."""
    kept = Kept(similarities=SIMILAR if similarities is None else similarities)
    return Runs(run(setting, seed, kept=kept) for setting in (TRUE, NOISE) for seed in (0, 1))


def test_pairs_with_the_same_initial_weights_stand_apart():
    true, noise = four()[:2], four()[2:]
    same = representation.compared(true, noise, True)
    assert list(same) == [(f"{TRUE}0", f"{NOISE}0"), (f"{TRUE}1", f"{NOISE}1")]
    assert same[f"{TRUE}0", f"{NOISE}0"] == SIMILAR[f"{TRUE}0", f"{NOISE}0"]
    found = {f"{TRUE}1", f"{NOISE}0"}
    for runs, others in ((true, noise), (noise, true)):
        (names,) = representation.compared(runs, others, False)
        assert set(names) == found and names[0].startswith(runs[0].id[:-1])
    assert list(representation.compared(true, true, False)) == [(f"{TRUE}0", f"{TRUE}1"), (f"{TRUE}1", f"{TRUE}0")]
    assert representation.compared(true, true, True) == {}


def shown(axes):
    (image,) = axes.images
    return image.get_array().filled(np.nan).tolist()


def test_heat_maps_are_means_over_pairs_with_the_same_weights_above_the_diagonal():
    figure = representation.similarity_figure({TRUE: four()[:2], NOISE: four()[2:]}, "cka", "Title")
    true, across, back, noise, scale = figure.axes
    assert figure.get_suptitle() == "Title" and scale.get_ylabel() == "linear CKA" and scale.get_ylim() == (0, 1)
    assert shown(true) == [[0.75, 0.25], [0.25, 1]]
    assert [text.get_text() for text in true.get_xticklabels()] == ["fc1", "input"]
    assert [text.get_text() for text in true.get_yticklabels()] == ["fc1", "input"]
    assert shown(across) == [[0.375]] and shown(back) == [[0]] and true.images[0].get_clim() == (0, 1)
    assert true.get_title() == "true labels × true labels,\nother initial weights"
    assert across.get_title() == "true labels × Gaussian inputs,\nsame initial weights"
    assert back.get_title() == "Gaussian inputs × true labels,\nother initial weights"
    assert back.get_visible() and not noise.get_visible()
    assert png(figure).startswith(b"\x89PNG")


def test_rows_are_layers_of_the_first_network_and_nothing_stands_where_nothing_was_measured():
    lines = {
        (f"{TRUE}0", f"{NOISE}0"): [pair(None, 0.5, "a", "a"), pair(0.5, 0.25, "a", "b"), pair(0.0, 1.0, "b", "a")]
    }
    for measure, expected in (("cka", [[math.nan, 0.5], [0.0, math.nan]]), ("svcca", [[0.5, 0.25], [1.0, math.nan]])):
        runs = four(lines)
        _, axes, _, _, scale = representation.similarity_figure(
            {TRUE: runs[:1], NOISE: runs[2:]}, measure, "Title"
        ).axes
        np.testing.assert_equal(shown(axes), expected)
        assert scale.get_ylabel() == representation.MEASURES[measure]
    (axes,) = representation.similarity_figure({TRUE: four()[:1]}, "cka", "Title").axes
    assert not axes.get_visible() and not axes.images


def test_similarity_table_counts_each_pair_once_beside_the_chance_level():
    lines = {**SIMILAR, (f"{NOISE}0", f"{TRUE}1"): [pair(0.5, None, directions=(90, 30))]}
    table = representation.similarity_table(four(lines), "Title")
    network, across = ["mlp3", "fashion mnist", "PyTorch", "5000"], "true labels × Gaussian inputs"
    assert [[cell(value) for value in row] for row in table.rows] == [
        [*network, "true labels × true labels", "other initial weights", "1", "fc1", "401", "0.75", "0.50", "0.27"],
        [*network, across, "other initial weights", "1", "fc1", "401", "0.50", "–", "0.47"],
        [*network, across, "same initial weights", "2", "fc1", "401", "0.38 [0.25, 0.50]", "0.19 [0.12, 0.25]", "0.27"],
    ]  # fmt: skip
    assert table.title == "Title" and table.rows[0][-1] == Number(math.sqrt(30 / 400), "ratio")


@pytest.mark.parametrize("directions", [(20, 30), (30, 20), (5, 90)])
def test_unrelated_layers_are_not_more_alike_than_the_chance_level(directions):
    level = chance_correlation(*directions, 401)
    assert level == math.sqrt(max(directions) / 400) and chance_correlation(500, 2, 401) == 1
    generator, found = np.random.default_rng(0), []
    for _ in range(10):
        features = [generator.standard_normal((401, width)) for width in directions]
        found.append(mean_correlation(*(np.linalg.qr(x - x.mean(axis=0))[0] for x in features)))
    assert 0.8 * level < np.mean(found) < level
