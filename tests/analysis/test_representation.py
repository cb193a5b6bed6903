"""Statistics and similarity of layers: what lines hold, which images they are of, and when they are made again."""

import dataclasses
import gzip
from types import SimpleNamespace

import numpy as np
import pytest

from common.analysis import readout, representation
from common.analysis.evaluator import load
from common.analysis.representation import (
    STATISTICS,
    similarities,
    similarity_file,
    similarity_run,
    statistics_run,
    swapped,
)
from common.analysis.similarity import linear_cka, svcca
from common.data import datasets
from common.runs import store as store_module
from common.runs.config import Config, Options, run_id
from common.runs.store import Store, file_sha256, publish
from common.runs.task import prepare
from common.runs.training import train

pytestmark = pytest.mark.slow

CONFIG = Config(model="mlp1", dataset="digits", train_size=200, batch_size=32, epochs=2, framework="torch")
OTHER = dataclasses.replace(CONFIG, framework="keras", seed=1, preprocessing="zero_one")
A, B, C = (np.array([[1, 1, -1, -1], [1, -1, 1, -1], [1, -1, -1, 1]]) / 2).astype(np.float32)  # orthonormal, mean 0
PLANES = np.stack([2 * A, B], axis=1), np.stack([A, C], axis=1)


@pytest.fixture(scope="module")
def options(tmp_path_factory):
    """Of a folder with two finished runs, which kept epochs 0 and 1."""
    options = Options(output_dir=tmp_path_factory.mktemp("output"), device="cpu", keep_epochs=(0, 1))
    for config in (CONFIG, OTHER):
        train(config, options)
    return options


@pytest.fixture
def loaded(monkeypatch):
    """Names of the model files that were opened."""
    names = []
    for module in (readout, representation):
        monkeypatch.setattr(module, "load", lambda path: names.append(path.stem) or load(path))
    return names


def test_there_is_a_line_for_each_kernel_and_each_layers_outputs_on_the_prepared_images():
    kernel, outputs = np.array([[-1, 0], [1, 0]], np.float32), np.array([[0, 0], [0, 4]], np.float32)
    model = SimpleNamespace(
        get_weights=lambda: {"fc1/kernel": kernel, "fc1/bias": np.ones(2), "batch_norm/scale": np.ones(2)},
        layers=("input", "fc1"),
        prepare=lambda images, config: images / config,
        input_shape=(2,),
        outputs=lambda x, layers: {layer: x if layer == "input" else outputs for layer in layers},
    )
    weights, pixels, fc1 = representation.model_statistics(model, np.full((2, 2), 6.0), 3)
    zeros = {"mean": 0, "variance": 0.5, "skewness": 0, "kurtosis": -1, "sparsity": 0.5}
    assert weights == {"of": "weights", "layer": "fc1", "n": 4, **zeros}
    equal = {"mean": 2, "variance": 0, "skewness": None, "kurtosis": None, "sparsity": 0}
    assert pixels == {"of": "activations", "layer": "input", "n": 4, **equal}
    skewed = {"mean": 1, "variance": 3, "skewness": 6 / 3**1.5, "kurtosis": 21 / 9 - 3, "sparsity": 0.75}
    assert fc1 == pytest.approx({"of": "activations", "layer": "fc1", "n": 4, **skewed})


@pytest.mark.parametrize("config", [CONFIG, OTHER], ids=["torch", "keras"])
def test_statistics_of_a_run_are_of_its_kept_epochs_and_its_own_test_inputs(options, config):
    lines = statistics_run(config, options, (0, 9), force=True)
    kinds = [("weights", "fc1"), ("weights", "logits"), *[("activations", of) for of in ("input", "fc1", "logits")]]
    assert [(line["of"], line["layer"]) for line in lines] == kinds + kinds
    assert [line["epoch"] for line in lines] == 5 * [0] + 5 * [2]
    store, images = Store.of(options), prepare(config).test.inputs
    for file, found in ((store.snapshot_path(config, 0), lines[:5]), (store.model_path(config), lines[5:])):
        model = load(file)
        features = model.features(model.prepare(images, config), "fc1")
        for line, values in ((found[0], model.get_weights()["fc1/kernel"]), (found[3], features)):
            assert line["n"] == values.size and line["mean"] == pytest.approx(values.mean(dtype=float), rel=1e-9)
            assert line["variance"] == pytest.approx(values.var(dtype=float), rel=1e-9)
            assert line["sparsity"] == np.mean(values == 0)


def test_statistics_are_kept_and_only_what_is_missing_is_made(options, loaded):
    config, store, name = dataclasses.replace(CONFIG, seed=2), Store.of(options), "mlp1-digits-true-torch-seed2"
    assert store.lines(run_id(config), STATISTICS) == []
    with pytest.raises(ValueError, match=f"^a run must be finished .*Received: {name}"):
        statistics_run(config, options)
    assert not store.folder(run_id(config)).exists()
    train(config, options)
    last = statistics_run(config, options)
    assert {line["epoch"] for line in last} == {2} and statistics_run(config, options) == last
    lines = statistics_run(config, options, (0, 1))
    assert lines[:5] == last and [line["epoch"] for line in lines] == [2] * 5 + [0] * 5 + [1] * 5
    assert store.lines(run_id(config), STATISTICS) == lines == statistics_run(config, options)
    assert loaded == [run_id(config), "epoch0000", "epoch0001"]
    snapshot = store.snapshot_path(config, 1)
    assert {line["model_sha256"] for line in lines[10:]} == {file_sha256(snapshot)}
    snapshot.write_bytes(store.snapshot_path(config, 0).read_bytes())
    assert statistics_run(config, options, (0,)) == lines[:10] and len(loaded) == 3
    assert statistics_run(config, options, (1,))[10:] != lines[10:] and len(loaded) == 4


def test_layers_are_as_alike_as_their_cka_and_svcca_say():
    turned = np.linalg.qr(np.random.default_rng(0).standard_normal((2, 2)))[0].astype(np.float32)
    first, second = {"fc1": PLANES[0], "fc2": A[:, None] + 7}, {"a": PLANES[1], "b": PLANES[0] @ turned + 5}
    lines = {(line["layer"], line["other_layer"]): line for line in similarities(first, second)}
    assert list(lines) == [("fc1", "a"), ("fc1", "b"), ("fc2", "a"), ("fc2", "b")]
    sizes = {"layer": "fc1", "other_layer": "a", "n": 4, "directions": 2, "other_directions": 2}
    assert lines["fc1", "a"] == pytest.approx({**sizes, "cka": 4 / np.sqrt(17 * 2), "svcca": 0.5})
    assert [lines["fc1", "b"][key] for key in ("cka", "svcca")] == pytest.approx([1, 1])
    assert [lines["fc2", "a"][key] for key in ("directions", "other_directions")] == [1, 2]
    assert [lines["fc2", "b"][key] for key in ("cka", "svcca")] == pytest.approx([4 / np.sqrt(17), 1])


def test_directions_hold_99_percent_of_the_variance():
    weak, clear = (np.stack([A, share**0.5 * B], axis=1) for share in (0.009, 0.02))
    (line,) = similarities({"fc1": weak}, {"fc1": clear})
    assert (line["directions"], line["other_directions"]) == (1, 2) and line["svcca"] == pytest.approx(1)


def test_a_layer_of_equal_outputs_has_no_similarity_and_wrong_outputs_are_refused():
    equal = np.ones((4, 2), np.float32)
    dead, alive = similarities({"fc1": equal, "fc2": PLANES[0]}, {"fc1": PLANES[0]})
    assert dead["cka"] is dead["svcca"] is None and (dead["directions"], dead["other_directions"]) == (0, 2)
    assert alive["cka"] == pytest.approx(1)
    for wrong in (np.where(PLANES[0] == 1, np.nan, PLANES[0]), equal * np.inf):
        with pytest.raises(ValueError, match="^features must be finite"):
            list(similarities({"fc1": PLANES[0]}, {"fc1": wrong}))
    with pytest.raises(ValueError, match="^y must hold the examples of x"):
        list(similarities({"fc1": PLANES[0]}, {"fc1": PLANES[0][:3]}))


def test_two_runs_are_compared_on_the_same_images_each_in_its_own_scale(options):
    first, second = sorted((CONFIG, OTHER), key=run_id)
    lines, store = similarity_run(second, first, options), Store.of(options)
    images = datasets.load("digits").x_test
    layers = ("input", "fc1", "logits")
    assert [(line["layer"], line["other_layer"]) for line in lines] == [(a, b) for a in layers for b in layers]
    x, y = (representation.layers_of(load(store.model_path(config)), images, config) for config in (first, second))
    assert tuple(x) == layers and x["fc1"].shape == (360, 512) and not np.allclose(x["input"], y["input"])
    found = lines[5]
    assert (found["layer"], found["other_layer"], found["n"]) == ("fc1", "logits", 360)
    assert found["cka"] == pytest.approx(linear_cka(x["fc1"], y["logits"]), rel=1e-9)
    assert found["svcca"] == pytest.approx(svcca(x["fc1"], y["logits"]), rel=1e-9)


def test_images_are_made_smaller_as_the_networks_own_were():
    seen = []
    model = SimpleNamespace(layers=(), outputs=lambda x, layers: {}, prepare=lambda x, config: seen.append(x))
    config = dataclasses.replace(CONFIG, downscale=2, crop=4)
    representation.layers_of(model, datasets.load("digits").x_test, config)
    np.testing.assert_array_equal(seen[0], prepare(config).test.inputs)


def test_similarities_are_kept_once_for_both_orders_and_made_again_where_a_model_is_another(options, loaded):
    (first, second), store = sorted((CONFIG, OTHER), key=run_id), Store.of(options)
    names = run_id(first), run_id(second)
    path = store.folder(names[0]) / f"similarity_{names[1]}.jsonl"
    lines = similarity_run(first, second, options, force=True)
    assert path.exists() and similarity_run(second, first, options) == lines and loaded == list(names)
    assert store.lines(names[0], similarity_file(names[1])) == lines
    hashes = [file_sha256(store.model_path(config)) for config in (first, second)]
    assert all([line["model_sha256"], line["other_model_sha256"]] == hashes for line in lines)
    for number, sha256 in enumerate(hashes, 2):
        path.write_text(path.read_text().replace(sha256, "of another"))
        assert similarity_run(first, second, options) == lines and len(loaded) == 2 * number


def test_a_swapped_line_has_the_second_network_first():
    line = {"layer": "fc1", "other_layer": "fc2", "n": 9, "directions": 3, "other_directions": 4, "cka": 0.1}
    line |= {"model_sha256": "a", "other_model_sha256": "b"}
    turned = {"layer": "fc2", "other_layer": "fc1", "n": 9, "directions": 4, "other_directions": 3, "cka": 0.1}
    turned |= {"model_sha256": "b", "other_model_sha256": "a"}
    assert swapped(line) == turned and swapped(turned) == line
    (one,) = similarities({"a": PLANES[0]}, {"b": A[:, None]})
    (other,) = similarities({"b": A[:, None]}, {"a": PLANES[0]})
    assert swapped(one) == pytest.approx(other)


def test_networks_of_different_data_sets_and_runs_that_are_not_finished_are_not_compared(options):
    with pytest.raises(ValueError, match="^networks must be of one data set .* Received: digits and mnist$"):
        similarity_run(CONFIG, dataclasses.replace(OTHER, dataset="mnist"), options)
    with pytest.raises(ValueError, match="^a run must be finished"):
        similarity_run(CONFIG, dataclasses.replace(OTHER, seed=9), options)


def test_a_run_that_diverged_is_compared_with_none(options):
    diverged = dataclasses.replace(CONFIG, learning_rate=1e30)
    train(diverged, options)
    assert similarity_run(CONFIG, diverged, options) == statistics_run(diverged, options) == []


def test_shared_images_are_the_test_set_or_the_same_stratified_2000_of_it(monkeypatch, tmp_path):
    assert np.array_equal(representation.shared_images("digits"), datasets.load("digits").x_test)
    data = SimpleNamespace(x_test=np.arange(4000), y_test=np.repeat(np.arange(10), 400))
    monkeypatch.setattr(datasets, "load", lambda *given: {("large", tmp_path): data}[given])
    found = representation.shared_images("large", tmp_path)
    assert list(np.bincount(data.y_test[found])) == [200] * 10 and len(set(found)) == 2000
    assert np.array_equal(found, representation.shared_images("large", tmp_path))


def test_publishing_copies_all_that_was_measured_of_a_run(tmp_path, monkeypatch):
    monkeypatch.setattr(store_module, "PUBLISHED", tmp_path / "published")
    lines = (
        "readout",
        "statistics",
        "similarity_b",
        "similarity_c",
        "critical_samples",
        "sharpness",
    )
    store = Store(tmp_path)
    store.folder("a").mkdir(parents=True)
    for name in (*lines, "other"):
        (store.folder("a") / f"{name}.jsonl").write_text(name)
    publish(store, [{"run_id": "a"}])
    published = (tmp_path / "published" / "runs" / "a").iterdir()
    copied = {path.name: gzip.decompress(path.read_bytes()).decode() for path in published}
    assert copied == {f"{name}.jsonl.gz": name for name in lines}
