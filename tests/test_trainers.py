"""Both trainers do the same: preprocessing as the numpy reference has it, exact steps, exact resumption."""

import dataclasses
import importlib
import logging
import os

import absl.logging
import h5py
import keras
import numpy as np
import pytest
import torch

import torch_models.files
from common.analysis import evaluator
from common.data.epochs import EpochPlan
from common.data.preprocessing import PREPROCESSING, channel_statistics, crop_and_flip, standardize
from common.runs import initial_weights, training
from common.runs.config import Config, as_dict
from common.runs.task import prepare

both = pytest.mark.parametrize("framework", ["keras", "torch"])
SUFFIX = {"keras": ".h5", "torch": ".pt"}
GENERATOR = np.random.default_rng(0)
IMAGES = GENERATOR.integers(0, 256, (40, 8, 8, 1), np.uint8)
LABELS = GENERATOR.integers(0, 10, 40)


def module(framework):
    return importlib.import_module(f"{framework}_models.trainer")


def untrained(framework, images=IMAGES, labels=LABELS, **fields):
    """A trainer of a small model with its initial weights and training set in place."""
    config = Config(**{"model": "mlp1", "framework": framework, "batch_size": 16, "seed": 3, **fields})
    trainer = module(framework).Trainer(config, images.shape[1:], 10, channel_statistics(images), "cpu")
    shapes = {name: array.shape for name, array in trainer.get_weights().items()}
    trainer.set_weights(initial_weights.draw(shapes, config.initializer, config.seed))
    trainer.put(images, labels)
    return trainer


def plan(*order):
    return EpochPlan(np.array(order))


def shuffled(epoch):
    return EpochPlan(np.random.default_rng(epoch).permutation(len(IMAGES)))


def assert_same_bits(arrays, expected):
    assert list(arrays) == list(expected)
    for name, array in arrays.items():
        np.testing.assert_array_equal(array, expected[name], err_msg=name)


def loss(trainer):
    return training.cross_entropy(trainer.logits(IMAGES), LABELS)


def test_both_trainers_have_the_same_public_names_and_all_that_the_training_loop_needs():
    names = [{name for name in vars(module(side).Trainer) if name[0] != "_"} for side in ("keras", "torch")]
    needed = {name for name in (*vars(training.Trainer), *training.Trainer.__annotations__) if name[0] != "_"}
    assert names[0] == names[1] > needed > {"train_epoch"}


@both
@pytest.mark.parametrize("kind", PREPROCESSING)
@pytest.mark.parametrize("augmented", ["", "crop", "flip", "crop and flip"])
@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
@pytest.mark.parametrize("shape, crop", [((11, 9, 3), 6), ((9, 12, 1), 28), ((8, 8, 2), None)], ids=str)
def test_preprocessing_is_that_of_the_numpy_reference(framework, kind, augmented, dtype, shape, crop):
    generator = np.random.default_rng(1)
    images = (generator.random((7, *shape)) * 255).astype(dtype)
    images[0] = 255  # no contrast
    images[1] = 100 + images[1] % 3  # less than the least standard deviation that counts
    config = Config(framework=framework, model="mlp1", preprocessing=kind, crop=crop)
    trainer = module(framework).Trainer(config, shape, 10, channel_statistics(images), "cpu")
    side = min(shape[0], shape[1], crop or 28)
    room = (shape[0] - side + 1, shape[1] - side + 1)
    offsets = generator.integers(room, size=(7, 2)) if "crop" in augmented else None
    flips = generator.random(7) < 0.5 if "flip" in augmented else None
    given = (images, offsets, flips)
    if framework == "torch":
        given = [None if array is None else torch.from_numpy(array) for array in given]
    prepared = np.asarray(trainer.prepare(*given))
    expected = standardize(crop_and_flip(images, side, offsets, flips), kind, channel_statistics(images))
    assert prepared.dtype == np.float32 and prepared.shape == (7, side, side, shape[2])
    np.testing.assert_allclose(prepared, expected, rtol=0, atol=1e-5)


@both
def test_outputs_in_several_batches_are_those_of_one_batch(framework, monkeypatch):
    trainer = untrained(framework)
    whole = [trainer.logits(IMAGES), trainer.features(IMAGES, "fc1")]
    monkeypatch.setattr(module(framework), "EVALUATION_BATCH", 17)
    sizes, read = [], trainer.reader.features
    monkeypatch.setattr(trainer.reader, "features", lambda x, layer: sizes.append(len(x)) or read(x, layer))
    parts = [trainer.logits(IMAGES), trainer.features(IMAGES, "fc1")]
    assert sizes == [17, 17, 6] * 2
    for part, one in zip(parts, whole, strict=True):
        assert part.dtype == np.float32
        np.testing.assert_allclose(part, one, rtol=0, atol=1e-5)


@both
def test_features_and_logits_are_those_of_the_weights_by_name(framework):
    trainer = untrained(framework, initializer="torch", preprocessing="per_channel")
    weights = trainer.get_weights()
    x = standardize(IMAGES, "per_channel", channel_statistics(IMAGES)).reshape(len(IMAGES), -1)
    hidden = np.maximum(x @ weights["fc1/kernel"] + weights["fc1/bias"], 0)
    np.testing.assert_allclose(trainer.features(IMAGES, "input"), x, rtol=0, atol=1e-5)
    np.testing.assert_allclose(trainer.features(IMAGES, "fc1"), hidden, rtol=0, atol=1e-5)
    logits = hidden @ weights["logits/kernel"] + weights["logits/bias"]
    np.testing.assert_allclose(trainer.logits(IMAGES), logits, rtol=0, atol=1e-5)


@both
def test_the_last_smaller_batch_is_a_step_of_its_own(framework):
    whole, parts, without = (untrained(framework, IMAGES[:5], LABELS[:5], batch_size=4) for _ in range(3))
    whole.train_epoch(plan(0, 1, 2, 3, 4), 0.01)
    parts.train_epoch(plan(0, 1, 2, 3), 0.01)
    parts.train_epoch(plan(4), 0.01)
    without.train_epoch(plan(0, 1, 2, 3), 0.01)
    assert_same_bits(whole.get_weights(), parts.get_weights())
    assert not np.array_equal(whole.get_weights()["logits/bias"], without.get_weights()["logits/bias"])


@both
def test_the_plan_says_which_examples_are_seen_in_which_order(framework):
    forwards, backwards, alone = (
        untrained(framework), untrained(framework), untrained(framework, IMAGES[16:], LABELS[16:])
    )  # fmt: skip
    forwards.train_epoch(plan(*range(16, 40)), 0.01)
    backwards.train_epoch(plan(*range(39, 15, -1)), 0.01)
    alone.train_epoch(plan(*range(24)), 0.01)
    assert_same_bits(forwards.get_weights(), alone.get_weights())
    assert not np.array_equal(forwards.get_weights()["fc1/kernel"], backwards.get_weights()["fc1/kernel"])


@both
def test_weight_decay_shrinks_kernels_by_its_share_and_leaves_biases_alone(framework):
    free, decayed = untrained(framework, initializer="torch"), untrained(framework, initializer="torch", weight_decay=2)
    initial = free.get_weights()
    for trainer in (free, decayed):
        trainer.train_epoch(plan(*range(16)), 0.1)
    free, decayed = free.get_weights(), decayed.get_weights()
    for name, array in decayed.items():
        share = 0.1 * 2 if name.endswith("kernel") else 0
        np.testing.assert_allclose(array, free[name] - share * initial[name], rtol=0, atol=1e-6, err_msg=name)


@both
@pytest.mark.parametrize("optimizer, precision", [("sgd", "float32"), ("adam", "float32"), ("sgd", "bfloat16")])
def test_a_run_resumed_from_its_weights_and_optimizer_state_ends_with_the_same_bits(framework, optimizer, precision):
    def train(trainer, epochs):
        for epoch in epochs:
            trainer.train_epoch(shuffled(epoch), 0.01 / (1 + epoch))

    fields = {"optimizer": optimizer, "precision": precision, "weight_decay": 0.01}
    through, resumed, forgetful = (untrained(framework, **fields, seed=seed) for seed in (3, 4, 4))
    train(through, range(2))
    weights, state = through.get_weights(), through.get_optimizer_state()
    kept = {name: array.copy() for name, array in (weights | state).items()}
    train(through, range(2, 4))
    assert_same_bits(weights | state, kept)  # what was taken is a copy

    forgetful.set_weights(weights)
    train(forgetful, range(2, 4))
    assert not np.array_equal(forgetful.get_weights()["fc1/kernel"], through.get_weights()["fc1/kernel"])
    resumed.set_weights(weights)
    resumed.set_optimizer_state(state)
    assert_same_bits(resumed.get_weights() | resumed.get_optimizer_state(), kept)
    train(resumed, range(2, 4))
    assert_same_bits(weights | state, kept)  # what was given stays as it was
    assert_same_bits(resumed.get_weights(), through.get_weights())
    assert_same_bits(resumed.get_optimizer_state(), through.get_optimizer_state())


@both
def test_plain_gradient_descent_has_no_momentum_to_keep(framework):
    through, resumed = (untrained(framework, momentum=0.0) for _ in range(2))
    through.train_epoch(shuffled(0), 0.01)
    resumed.set_weights(through.get_weights())
    resumed.set_optimizer_state(through.get_optimizer_state())
    for trainer in (through, resumed):
        trainer.train_epoch(shuffled(1), 0.001)
    assert_same_bits(resumed.get_weights(), through.get_weights())


@both
def test_bfloat16_is_for_training_alone(framework, tmp_path):
    policy = keras.config.dtype_policy()
    narrow, wide = untrained(framework, precision="bfloat16"), untrained(framework)
    assert keras.config.dtype_policy() == policy
    assert_same_bits(narrow.get_weights(), wide.get_weights())
    np.testing.assert_array_equal(narrow.logits(IMAGES), wide.logits(IMAGES))
    before = loss(narrow)
    for epoch in range(3):
        for trainer in (narrow, wide):
            trainer.train_epoch(shuffled(epoch), 0.01)
    assert loss(narrow) < 0.9 * before
    difference = np.abs(narrow.get_weights()["fc1/kernel"] - wide.get_weights()["fc1/kernel"]).max()
    assert 1e-6 < difference < 1e-2

    path = tmp_path / f"model{SUFFIX[framework]}"
    narrow.save(path, {"config": as_dict(narrow.config)})
    assert set(map(str, stored_types(path))) == {"float32"}
    np.testing.assert_array_equal(
        evaluator.load(path).logits(np.asarray(narrow.prepare(narrow.images), np.float32)), narrow.logits(IMAGES)
    )
    if framework == "keras":
        layers = keras.models.load_model(path, compile=False).layers
        assert {layer.compute_dtype for layer in layers} == {"float32"}


def stored_types(path):
    """Number formats of the arrays in a model file."""
    if path.suffix == ".pt":
        state = torch.load(path, weights_only=True)["state_dict"]
        return [tensor.numpy().dtype for tensor in state.values()]
    types = []
    with h5py.File(path) as file:
        file.visititems(lambda _, item: types.append(item.dtype) if isinstance(item, h5py.Dataset) else None)
    return types


def test_a_torch_model_of_any_number_format_is_saved_in_float32(tmp_path):
    config = as_dict(Config(model="mlp1"))
    model = torch_models.MODELS["mlp1"]((2, 2, 1), 3).bfloat16()
    metadata = {"config": config, "input_shape": (2, 2, 1), "num_classes": 3}
    torch_models.files.save(model, tmp_path / "model.pt", metadata)
    assert set(map(str, stored_types(tmp_path / "model.pt"))) == {"float32"}
    assert torch.load(tmp_path / "model.pt", weights_only=True)["metadata"] == metadata | {"input_shape": [2, 2, 1]}


@both
def test_a_model_file_is_written_whole_or_not_at_all(framework, tmp_path):
    trainer, path = untrained(framework), tmp_path / f"model{SUFFIX[framework]}"
    trainer.save(path, {"epoch": 1})
    content = path.read_bytes()
    with pytest.raises(TypeError):
        trainer.save(path, {"epoch": object()})
    assert path.read_bytes() == content and list(tmp_path.iterdir()) == [path]


def test_saving_keras_models_does_not_warn_of_the_format_and_leaves_logging_as_it_was(tmp_path):
    records = []
    handler = logging.Handler()
    handler.emit = records.append
    logger, verbosity = absl.logging.get_absl_logger(), absl.logging.get_verbosity()
    logger.addHandler(handler)
    try:
        trainer = untrained("keras")
        trainer.save(tmp_path / "model.h5", {})
        assert records == [] and absl.logging.get_verbosity() == verbosity
        trainer.model.save(tmp_path / "warned.h5")
        assert "HDF5" in records[0].getMessage()
    finally:
        logger.removeHandler(handler)


@both
def test_the_same_seed_gives_the_same_bits_in_a_fresh_trainer_and_another_seed_others(framework):
    config = Config(model="mlp1", dataset="digits", framework=framework, train_size=100, crop=6, random_crop=True)
    task = prepare(config)

    def weights(seed):
        trainer = training.make_trainer(dataclasses.replace(config, seed=seed), task, "cpu")
        trainer.train_epoch(training.epochs.draw(seed, 0, 100, (8, 8, 1), 6, True, False), 0.01)
        return trainer.get_weights()

    first = weights(0)
    assert_same_bits(weights(0), first)
    assert not np.array_equal(weights(1)["fc1/kernel"], first["fc1/kernel"])


@both
def test_the_description_names_version_backend_and_device(framework):
    expected = {
        "keras": (keras.__version__, os.environ.get("KERAS_BACKEND", "tensorflow"), "cpu"),
        "torch": (torch.__version__, None, "cpu"),
    }[framework]
    names = ("framework_version", "keras_backend", "device")
    assert untrained(framework).description == dict(zip(names, expected, strict=True))


@both
def test_without_a_gpu_auto_means_the_cpu_and_asking_for_one_is_an_error_of_one_line(framework, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    find_device = module(framework).find_device
    assert str(find_device("auto")) == str(find_device("cpu")) == "cpu"
    for device, hint in (("cuda", "device must be cpu or auto"), ("cud", "Did you mean cuda?")):
        with pytest.raises(ValueError, match=hint) as error:
            module(framework).Trainer(Config(model="mlp1"), (8, 8, 1), 10, None, device)
        assert str(error.value).endswith(f"Received: device='{device}'") and "\n" not in str(error.value)


@both
def test_an_unknown_model_is_an_error_of_one_line_with_the_nearest_name(framework):
    with pytest.raises(ValueError, match="Did you mean mlp3?") as error:
        module(framework).Trainer(Config(model="mpl3"), (8, 8, 1), 10)
    assert str(error.value).endswith("Received: model='mpl3'") and "\n" not in str(error.value)
