"""Critical samples and sharpness of finished runs: what lines hold, of which examples, and when they are made again."""

import dataclasses

import numpy as np
import pytest

from common.analysis import perturbations, readout
from common.analysis.evaluator import load
from common.analysis.perturbations import critical_examples, critical_run, sharpness_run, some
from common.runs.config import Config, Options, run_id
from common.runs.critical_points import Search
from common.runs.store import Store, file_sha256
from common.runs.task import prepare
from common.runs.training import train

pytestmark = pytest.mark.slow

CONFIG = Config(
    model="mlp2", width=16, dataset="digits", framework="torch", train_size=300, validation_size=100, batch_size=32,
    epochs=2, preprocessing="per_channel", corruption="uniform", corruption_fraction=0.5,
)  # fmt: skip
SEARCH = Search(radius=8.0, step=3.0, noise=2.0, iterations=5)


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """Options of a folder with the finished run, which kept epochs 0 and 1."""
    options = Options(output_dir=tmp_path_factory.mktemp("output"), device="cpu", keep_epochs=(0, 1))
    train(CONFIG, options)
    return options


@pytest.fixture
def options(trained):
    """Of the same folder without lines."""
    for path in Store.of(trained).folder(run_id(CONFIG)).glob("[cs]*.jsonl"):
        path.unlink()
    return trained


@pytest.fixture
def loaded(monkeypatch):
    """Names of the model files that were opened."""
    names = []
    monkeypatch.setattr(readout, "load", lambda path: names.append(path.stem) or load(path))
    return names


def test_lines_count_critical_samples_of_each_epoch_and_split(options):
    splits = ("train", "validation", "test")
    lines = critical_run(CONFIG, options, SEARCH, (0, 9), splits)
    setting = {"size": None, "radius": 8.0, "step": 3.0, "noise": 2.0, "iterations": 5}
    assert [(line["epoch"], line["split"], line["n"]) for line in lines] == [
        (epoch, split, n) for epoch in (0, 2) for split, n in zip(splits, (200, 100, 360), strict=True)
    ]
    assert all(setting.items() <= line.items() and 0 < line["critical"] < line["n"] for line in lines)
    assert set(lines[0]) == {"epoch", "split", "n", "critical", "model_sha256", *setting}
    task, model = prepare(CONFIG), load(Store.of(options).model_path(CONFIG))
    found = critical_examples(model, task.validation.inputs, CONFIG, SEARCH)
    assert found.dtype == bool and lines[4]["critical"] == found.sum()


def test_flags_of_the_last_network_go_into_the_runs_arrays_by_the_data_sets_indices(options):
    store, name = Store.of(options), run_id(CONFIG)
    before = store.arrays(name)
    (line,) = critical_run(CONFIG, options, SEARCH, size=30)
    arrays = store.arrays(name)
    critical_run(CONFIG, options, dataclasses.replace(SEARCH, radius=0.0), size=20, flags=False)
    for key, values in store.arrays(name).items():
        np.testing.assert_array_equal(values, arrays[key])
    assert set(before) | {"validation_critical", "validation_critical_indices"} <= set(arrays)
    for key in ("train_indices", "test_predictions"):
        np.testing.assert_array_equal(arrays[key], before[key])
    indices, task = arrays["validation_critical_indices"], prepare(CONFIG)
    assert len(indices) == line["n"] == 30 and np.isin(indices, task.validation.indices).all()
    assert arrays["validation_critical"].dtype == bool and arrays["validation_critical"].sum() == line["critical"]
    kept = task.validation.take(np.flatnonzero(np.isin(task.validation.indices, indices)))
    found = critical_examples(load(store.model_path(CONFIG)), kept.inputs, CONFIG, SEARCH)
    np.testing.assert_array_equal(arrays["validation_critical"], found)
    critical_run(CONFIG, options, SEARCH, (0,), size=30)  # of another epoch than the last
    np.testing.assert_array_equal(store.arrays(name)["validation_critical"], found)
    critical_run(CONFIG, options, dataclasses.replace(SEARCH, radius=0.0))
    assert not store.arrays(name)["validation_critical"].any() and len(store.arrays(name)["validation_critical"]) == 100


def test_lines_are_kept_for_each_search_and_only_what_is_missing_is_made(options, loaded):
    store, last = Store.of(options), run_id(CONFIG)
    lines = critical_run(CONFIG, options, SEARCH)
    assert critical_run(CONFIG, options, SEARCH) == lines and loaded == [last]
    more = critical_run(CONFIG, options, SEARCH, (0, 1))
    assert more[:1] == lines and [line["epoch"] for line in more] == [2, 0, 1]
    assert loaded == [last, "epoch0000", "epoch0001"]
    others = (Search(8.5, 3.0, 2.0, 5), Search(8.0, 3.5, 2.0, 5), Search(8.0, 3.0, 2.5, 5), Search(8.0, 3.0, 2.0, 6))
    for number, other in enumerate(others, 4):
        assert len(critical_run(CONFIG, options, other)) == number == len(loaded)
    critical_run(CONFIG, options, SEARCH, size=10)
    assert len(critical_run(CONFIG, options, SEARCH, splits=("test",))) == 9 == len(loaded)
    path = store.folder(last) / "critical_samples.jsonl"
    path.write_text(path.read_text().replace(file_sha256(store.model_path(CONFIG)), "of another"))
    assert critical_run(CONFIG, options, SEARCH)[-1:] == lines and len(loaded) == 10
    assert critical_run(CONFIG, options, SEARCH, force=True)[-1:] == lines and len(loaded) == 11


def test_an_interrupted_measurement_goes_on_where_it_was(options, monkeypatch):
    path = Store.of(options).folder(run_id(CONFIG)) / "critical_samples.jsonl"
    whole = critical_run(CONFIG, options, SEARCH, (0, 1))
    path.unlink()
    monkeypatch.setattr(readout, "load", lambda path: 1 / 0 if path.stem == "epoch0001" else load(path))
    with pytest.raises(ZeroDivisionError):
        critical_run(CONFIG, options, SEARCH, (0, 1))
    assert readout.read_lines(path) == whole[:1]
    monkeypatch.undo()
    assert sorted(line["epoch"] for line in critical_run(CONFIG, options, SEARCH, (0, 1))) == [0, 1, 2]


def test_labels_play_no_part_in_critical_samples_but_do_in_sharpness(options, monkeypatch):
    lines = critical_run(CONFIG, options, SEARCH), sharpness_run(CONFIG, options, size=50)
    other = dataclasses.replace(CONFIG, corruption_fraction=1.0)
    monkeypatch.setattr(readout, "prepare", lambda config, *rest: prepare(other, *rest))
    assert critical_run(CONFIG, options, SEARCH, force=True) == lines[0]
    assert sharpness_run(CONFIG, options, size=50, force=True) != lines[1]


def test_a_longer_search_finds_what_a_shorter_one_does_and_more_in_every_batch(options, monkeypatch):
    monkeypatch.setattr(perturbations, "BATCH", 30)
    model, images = load(Store.of(options).model_path(CONFIG)), prepare(CONFIG).test.inputs
    short, long = (critical_examples(model, images, CONFIG, Search(40.0, 0.0, 10.0, number)) for number in (2, 9))
    assert len(long) == 360 and (long >= short).all() and long.sum() > short.sum() > 0
    seeded = dataclasses.replace(CONFIG, seed=1)
    assert not np.array_equal(critical_examples(model, images, seeded, Search(40.0, 0.0, 10.0, 2)), short)


def test_sharpness_is_that_of_the_loss_on_training_examples_as_they_are_labelled(options, loaded):
    lines = sharpness_run(CONFIG, options, (0,))
    assert [(line["epoch"], line["n"], line["size"]) for line in lines] == [(0, 200, 1000), (2, 200, 1000)]
    train_set, model = prepare(CONFIG).train, load(Store.of(options).model_path(CONFIG))
    network = model.derivatives("cpu")
    x, labels = (network.put(array) for array in (model.prepare(train_set.inputs, CONFIG), train_set.labels))
    vector = np.random.default_rng(0).standard_normal(sum(network.sizes))
    for _ in range(60):  # the power method
        vector = network.hessian_product(x, labels, vector / np.linalg.norm(vector))
    assert lines[1]["largest_eigenvalue"] == pytest.approx(np.linalg.norm(vector), rel=1e-2)
    assert sharpness_run(CONFIG, options, (0,)) == lines and len(loaded) == 2
    assert [line["n"] for line in sharpness_run(CONFIG, options, size=20)] == [200, 200, 20]


def test_a_sample_is_the_same_again_in_order_and_its_own_for_each_split():
    task = prepare(CONFIG)
    first = some(task.test, 50, 0, "test")
    np.testing.assert_array_equal(some(task.test, 50, 0, "test").indices, first.indices)
    assert (np.diff(first.indices) > 0).all() and len(first) == 50
    assert not np.array_equal(some(task.test, 50, 1, "test").indices, first.indices)
    assert not np.array_equal(some(task.test, 50, 0, "train").indices, first.indices)
    assert len(some(task.test, 1000, 0, "test")) == len(some(task.test, None, 0, "test")) == 360


def test_wrong_input_is_one_line(options):
    with pytest.raises(ValueError, match="^split must be one of .*Did you mean train?"):
        critical_run(CONFIG, options, SEARCH, splits=("trian",))
    with pytest.raises(ValueError, match="^a run must be finished"):
        critical_run(dataclasses.replace(CONFIG, seed=9), options, SEARCH)
    with pytest.raises(ValueError, match="size be positive. Received: test of 360, size=-1$"):
        critical_run(CONFIG, options, SEARCH, splits=("test",), size=-1)
    with pytest.raises(ValueError, match="^validation must hold examples .* Received: validation of 0, size=None$"):
        some(prepare(CONFIG).test.take(np.arange(0)), None, 0, "validation")


def test_networks_without_a_pixel_scale_and_those_of_keras_are_refused(tmp_path):
    options = Options(output_dir=tmp_path, device="cpu")
    plain = dataclasses.replace(CONFIG, epochs=0, model="mlp1", width=None, preprocessing="per_image")
    keras = dataclasses.replace(plain, framework="keras")
    for config in (plain, keras):
        train(config, options)
    with pytest.raises(ValueError, match="^preprocessing must be one of .*Received: preprocessing='per_image'$"):
        critical_run(plain, options, SEARCH)
    for measure in (lambda: critical_run(keras, options, SEARCH), lambda: sharpness_run(keras, options)):
        with pytest.raises(ValueError, match="^a model must be PyTorch's, .* Received: .*h5$"):
            measure()
