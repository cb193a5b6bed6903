"""Class vectors as output weights and subspaces' classes as labels: the files that are written, in both frameworks."""

import dataclasses
import os

import numpy as np
import pytest

from common.analysis import evaluator
from common.analysis.probes import MASC, VeLPIC
from common.analysis.transfer import edit_output, outdated, redraw_output, relabel
from common.runs import initial_weights
from common.runs.config import Config, Options
from common.runs.store import Store
from common.runs.task import prepare
from common.runs.training import train

pytestmark = pytest.mark.slow

CONFIG = Config(
    model="mlp1", dataset="digits", train_size=500, validation_size=80, corruption="ketha", corruption_fraction=0.6,
    preprocessing="minus_one_one", batch_size=32, epochs=3, learning_rate=0.1, initializer="torch",
)  # fmt: skip


@pytest.fixture(scope="module", params=["keras", "torch"])
def run(request, tmp_path_factory):
    """Config, task, model file and a folder for what is made of it."""
    config = dataclasses.replace(CONFIG, framework=request.param)
    folder = tmp_path_factory.mktemp("output")
    train(config, Options(output_dir=folder, threads=1))
    return config, prepare(config), Store(folder).model_path(config), folder


def test_the_edited_network_is_velpic_of_its_last_hidden_layer(run):
    config, task, path, folder = run
    edited = folder / f"edited{path.suffix}"
    edit_output(path, config, task, edited)
    before, after = evaluator.load(path), evaluator.load(edited)
    train_inputs, test_inputs = (before.prepare(split.inputs, config) for split in (task.train, task.test))
    probe = VeLPIC().fit(before.features(train_inputs, "fc1"), task.train.labels)
    expected = probe.predict(before.features(test_inputs, "fc1"))
    np.testing.assert_array_equal(after.logits(test_inputs).argmax(1), expected)
    np.testing.assert_array_equal(after.features(test_inputs, "fc1"), before.features(test_inputs, "fc1"))
    assert after.metadata == before.metadata and after.layers == before.layers
    assert not after.get_weights()["logits/bias"].any() and before.get_weights()["logits/bias"].any()
    np.testing.assert_allclose(after.get_weights()["logits/kernel"], probe.coef_.T, rtol=1e-6, atol=1e-7)


def test_the_output_layer_is_drawn_anew_and_the_rest_is_kept(run):
    config, task, path, folder = run
    redrawn = folder / f"redrawn{path.suffix}"
    redraw_output(path, config, task, redrawn)
    before, after = evaluator.load(path).get_weights(), evaluator.load(redrawn).get_weights()
    shapes = {name: values.shape for name, values in before.items()}
    for name, first in initial_weights.draw(shapes, config.initializer, config.seed).items():
        assert np.array_equal(before[name], after[name]) == (not name.startswith("logits/"))
        assert not np.array_equal(after[name], first)
    bound = before["logits/kernel"].shape[0] ** -0.5  # PyTorch's default
    assert bound / 2 < np.abs(after["logits/kernel"]).max() <= bound
    assert not outdated(redrawn, path, force=False)


@pytest.mark.parametrize("make", ["edit_output", "relabel"])
def test_what_is_made_of_a_model_is_outdated_where_it_or_the_model_is_another(run, make):
    config, task, path, folder = run
    model, made = folder / f"model{path.suffix}", folder / f"{make}{path.suffix if make == 'edit_output' else '.npy'}"
    model.write_bytes(path.read_bytes())
    assert outdated(made, model, force=False)
    if make == "edit_output":
        edit_output(model, config, task, made)
    else:
        relabel(model, config, task, "fc1", made)
    assert not outdated(made, model, force=False) and outdated(made, model, force=True)
    for file in (model, made):
        content = file.read_bytes()
        os.utime(file, (5, 5))
        assert not outdated(made, model, force=False)
        file.write_bytes(content + b"other")
        assert outdated(made, model, force=False)
        file.write_bytes(content)
    made.with_name(f"{made.name}.json").write_bytes(b"\xff")
    assert outdated(made, model, force=False)
    made.with_name(f"{made.name}.json").unlink()  # as older versions left it
    assert outdated(made, model, force=False)


def test_a_class_without_examples_has_no_vector(run):
    config, task, path, folder = run
    known = task.train.take(np.flatnonzero(task.train.labels != 3))
    with pytest.raises(ValueError, match=r"^every class must have an example. Received: classes \[0, 1, 2, 4"):
        edit_output(path, config, dataclasses.replace(task, train=known), folder / f"never{path.suffix}")
    assert not (folder / f"never{path.suffix}").exists()


def test_subspaces_relabel_what_the_network_was_trained_on_and_nothing_else(run):
    config, task, path, folder = run
    relabel(path, config, task, "fc1", folder / "saved_models" / "masc.npy", "masc_1pc")
    model = evaluator.load(path)
    features = model.features(model.prepare(task.train.inputs, config), "fc1")
    again = prepare(dataclasses.replace(config, labels="masc.npy"), models=folder / "saved_models")
    expected = MASC(components=1).fit(features, task.train.labels).predict(features)
    np.testing.assert_array_equal(again.train.labels, expected)
    np.testing.assert_array_equal(again.validation.labels, task.validation.labels)
    assert (again.train.labels != task.train.labels).any()
    # 99 % of the variance of 42 examples in 512 dimensions: each lies in its class's subspace and keeps its label.
    np.testing.assert_array_equal(MASC().fit(features, task.train.labels).predict(features), task.train.labels)
