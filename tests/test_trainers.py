"""Both trainers do the same: preprocessing as the numpy reference has it, exact steps, exact resumption."""

import dataclasses
import importlib
import itertools
import logging
import os

import absl.logging
import h5py
import keras
import numpy as np
import pytest
import torch

import torch_models.files
from common import frameworks
from common.analysis import evaluator
from common.data.epochs import EpochPlan, draw
from common.data.inputs import ImageInputs
from common.data.preprocessing import (
    PREPROCESSING,
    channel_statistics,
    crop_and_flip,
    pixel_scale,
    rotate,
    standardize,
)
from common.runs import initial_weights
from common.runs.config import Config, as_dict
from common.runs.critical_points import Search, critical_points
from common.runs.evaluation import cross_entropy
from common.runs.task import prepare
from common.runs.trainers import Trainer, make_trainer
from torch_models.derivatives import Derivatives

pytestmark = pytest.mark.slow

both = pytest.mark.parametrize("framework", ["keras", "torch"])
SUFFIX = {"keras": ".h5", "torch": ".pt"}
GENERATOR = np.random.default_rng(0)
IMAGES = GENERATOR.integers(0, 256, (40, 8, 8, 1), np.uint8)
LABELS = GENERATOR.integers(0, 10, 40)
SCALE = pixel_scale("per_channel", channel_statistics(IMAGES))


def module(framework):
    return frameworks.module(framework, "trainer")


def with_statistics(framework, config, images):
    """A trainer that knows the images, without any of them in place."""
    kind = ImageInputs(images.shape[1:], config)
    return module(framework).Trainer(config, kind, 10, kind.statistics(images), "cpu")


def untrained(framework, images=IMAGES, labels=LABELS, **fields):
    """A trainer of a small model with its initial weights and training set in place."""
    config = Config(**{"model": "mlp1", "framework": framework, "batch_size": 16, "seed": 3, **fields})
    trainer = with_statistics(framework, config, images)
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


def convolved(x, kernel):
    """Convolution 3x3 with zeros around, channels last."""
    padded = np.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0)))
    height, width = x.shape[1:3]
    return sum(
        padded[:, row : row + height, column : column + width] @ kernel[row, column]
        for row in range(3)
        for column in range(3)
    )


def loss(trainer):
    return cross_entropy(trainer.logits(IMAGES), LABELS).mean()


def test_both_trainers_have_the_same_public_names_and_all_that_the_training_loop_needs():
    names = [{name for name in vars(module(side).Trainer) if name[0] != "_"} for side in ("keras", "torch")]
    needed = {name for name in vars(Trainer) if name[0] != "_"}
    assert names[0] >= needed > {"train_epoch"}
    assert names[0] < names[1]
    own = {  # what Keras does by itself, and what many processes do together
        *("batches", "taken", "prepared", "update", "in_precision", "tensors"),
        *("exchange", "steps_of", "part", "learn", "penalized", "follow"),
    }
    assert names[1] - names[0] == own


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
    trainer = with_statistics(framework, config, images)
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


def given_to(framework, *arrays):
    """Arrays as the trainer's `prepare` takes them."""
    if framework == "keras":
        return arrays
    return [None if array is None else torch.from_numpy(array) for array in arrays]


@both
@pytest.mark.parametrize("kind", PREPROCESSING)
@pytest.mark.parametrize("augmented", ["", "crop", "flip", "crop and flip"])
@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
@pytest.mark.parametrize("shape, crop", [((11, 11, 3), 6), ((8, 8, 1), None)], ids=str)
def test_turned_examples_are_those_of_the_numpy_reference(framework, kind, augmented, dtype, shape, crop):
    generator = np.random.default_rng(1)
    images = (generator.random((9, *shape)) * 255).astype(dtype)
    images[0] = 255
    config = Config(framework=framework, model="mlp1", preprocessing=kind, crop=crop)
    trainer = with_statistics(framework, config, images)
    side = min(shape[0], crop or shape[0])
    angles = np.float32([13.7, 0, 90, -90, 180, 25, -25, 0.1, -133])
    offsets = generator.integers((shape[0] - side + 1,) * 2, size=(9, 2)) if "crop" in augmented else None
    flips = generator.random(9) < 0.5 if "flip" in augmented else None
    prepared = np.asarray(trainer.prepare(*given_to(framework, images, offsets, flips, angles)))
    turned = rotate(images, angles)
    expected = standardize(crop_and_flip(turned, side, offsets, flips), kind, channel_statistics(images))
    assert prepared.dtype == np.float32 and prepared.shape == (9, side, side, shape[2])
    np.testing.assert_allclose(prepared, expected, rtol=0, atol=1e-4 * (255 if kind == "raw" else 1))
    straight = standardize(crop_and_flip(images, side, offsets, flips), kind, channel_statistics(images))
    np.testing.assert_allclose(prepared[1], straight[1], rtol=0, atol=1e-4)  # angle 0
    assert np.abs(prepared[2:] - straight[2:]).max((1, 2, 3)).min() > 1e-3


@pytest.mark.parametrize("preprocessing", PREPROCESSING)
@pytest.mark.parametrize("crop, rotated", [(5, False), (9, True), (12, False)])
def test_boxes_are_sampled_on_the_device_as_the_reference_does(preprocessing, crop, rotated):
    x = np.random.default_rng(2).integers(0, 256, (16, 8, 8, 3), np.uint8)
    fields = {"crop": crop, "center_box": 0.875, "random_box": True, "flip": True, "rotation": 25.0 * rotated}
    config = Config(model="mlp1", framework="torch", preprocessing=preprocessing, **fields)
    trainer, kind = with_statistics("torch", config, x), ImageInputs(x.shape[1:], config)
    assert kind.input_shape == (crop, crop, 3)
    drawn = draw(kind, 7, 0, 16).drawn
    assert list(drawn) == ["boxes", "flips", *["angles"] * rotated]
    for part in (drawn, {}):
        given = {name: torch.from_numpy(array) for name, array in part.items()}
        prepared = trainer.prepare(torch.from_numpy(x), **given)
        expected = kind.prepare(x, kind.statistics(x), **part)
        tolerance = (1e-4 if rotated and part else 1e-5) * (255 if preprocessing == "raw" else 1)
        np.testing.assert_allclose(prepared, expected, rtol=0, atol=tolerance)
    some = torch.tensor([3, 1])
    chosen = trainer.prepare(torch.from_numpy(x), chosen=some, boxes=torch.from_numpy(drawn["boxes"][:2]))
    expected = kind.prepare(x[some], kind.statistics(x), boxes=drawn["boxes"][:2])
    np.testing.assert_allclose(chosen, expected, rtol=0, atol=1e-5 * (255 if preprocessing == "raw" else 1))


AUGMENTED = {"crop": 6, "random_crop": True, "flip": True, "rotation": 25.0}


def augmented_plan(n=40, epoch=0, **fields):
    return draw(ImageInputs(IMAGES.shape[1:], Config(**(fields or AUGMENTED))), 7, epoch, n)


def reference(images, drawn, config):
    """What a network sees of an epoch."""
    return ImageInputs(images.shape[1:], config).prepare(images[drawn.order], {}, **drawn.drawn)


@both
@pytest.mark.parametrize("fields", [AUGMENTED, {"crop": 6, "random_crop": True}, {"flip": True}, {"rotation": 90.0}])
def test_the_accuracy_of_an_epoch_is_that_on_its_augmented_examples(framework, fields):
    trainer = untrained(framework, **fields)
    drawn = augmented_plan(**fields)
    assert len(drawn.drawn) == sum(map(bool, fields.values())) - ("crop" in fields)
    guesses = trainer.reader.features(reference(IMAGES, drawn, trainer.config), "logits").argmax(1)
    for right in (np.arange(40) < 20, np.arange(40) % 4 == 0, np.arange(40) >= 35):  # by place in the epoch
        labels = np.empty(40, np.int64)
        labels[drawn.order] = np.where(right, guesses, (guesses + 1) % 10)
        trainer.put(IMAGES, labels)
        online = trainer.train_epoch(drawn, 1e-9).accuracy  # so small that the network stays as it is
        assert type(online) is float and online == pytest.approx(right.mean(), rel=1e-6)


@both
def test_without_augmentation_an_epoch_has_no_accuracy_of_its_own(framework):
    for fields in ({}, {"dropout": 0.5}, {"weight_decay": 0.1, "crop": 6}):
        assert untrained(framework, **fields).train_epoch(shuffled(0), 0.01).accuracy is None


@both
@pytest.mark.parametrize("fields", [{}, {"weight_decay": 0.5}, {"optimizer": "adam", "flip": True}], ids=str)
def test_the_loss_of_an_epoch_is_the_mean_cross_entropy_of_its_examples_without_penalty(framework, fields):
    trainer, drawn = untrained(framework, **fields), shuffled(0)
    if fields.get("flip"):
        drawn = dataclasses.replace(drawn, drawn={"flips": np.arange(40) < 13})
    logits = trainer.reader.features(reference(IMAGES, drawn, trainer.config), "logits")
    expected = cross_entropy(logits, LABELS[drawn.order]).mean()
    for _ in range(2):
        assert trainer.train_epoch(drawn, 1e-9).loss == pytest.approx(expected, rel=1e-5)
    assert trainer.train_epoch(drawn, 0.05).loss > trainer.train_epoch(drawn, 0.05).loss


@pytest.mark.parametrize("length", [1, 15, 16, 17, 31, 32, 33, 40])
@pytest.mark.parametrize("fields", [{}, AUGMENTED], ids=["plain", "augmented"])
def test_steps_that_are_prepared_together_are_the_epochs_in_its_order(monkeypatch, length, fields):
    monkeypatch.setattr(module("torch"), "PREPARED_STEPS", 2)
    trainer = untrained("torch", **fields)
    full = augmented_plan()
    parts = full.drawn if fields else {}
    drawn = EpochPlan(full.order[:length], {name: part[:length] for name, part in parts.items()})
    batches = [(images.numpy(), labels.numpy()) for images, labels in trainer.batches(drawn)]
    whole, rest = divmod(length, 16)
    assert [len(labels) for _, labels in batches] == [16] * whole + [rest] * (rest > 0)
    assert [len(images) for images, _ in batches] == [len(labels) for _, labels in batches]
    np.testing.assert_array_equal(np.concatenate([labels for _, labels in batches]), LABELS[drawn.order])
    images = np.concatenate([images for images, _ in batches])
    np.testing.assert_allclose(images, reference(IMAGES, drawn, trainer.config), rtol=0, atol=1e-4)


def test_how_many_steps_are_prepared_together_changes_no_bit_of_training(monkeypatch):
    weights = []
    for number in (1, 2, 8):
        monkeypatch.setattr(module("torch"), "PREPARED_STEPS", number)
        trainer = untrained("torch", **AUGMENTED, preprocessing="minus_one_one")
        trainer.train_epoch(augmented_plan(), 0.01)
        weights.append(trainer.get_weights())
    assert_same_bits(weights[0], weights[1])
    assert_same_bits(weights[0], weights[2])


def reseeded(drawn, dropout_seed):
    return dataclasses.replace(drawn, dropout_seed=dropout_seed)


@both
def test_dropout_is_the_same_for_the_same_plan_and_another_in_another_epoch(framework):
    def weights(*seeds, **fields):
        trainer = untrained(framework, **{"model": "mlp3", "dropout": 0.5, **fields})
        for seed in seeds:
            trainer.train_epoch(reseeded(shuffled(0), seed), 0.01)
        return trainer.get_weights()

    first = weights(1, 2)
    assert_same_bits(weights(1, 2), first)
    for other in (weights(2, 1), weights(1, 1), weights(1, 2, dropout=0.0)):
        assert not np.array_equal(other["fc1/kernel"], first["fc1/kernel"])
    plans = [draw(ImageInputs((8, 8, 1), Config()), 0, epoch, 40) for epoch in (0, 0, 1)]
    assert plans[0].dropout_seed == plans[1].dropout_seed != plans[2].dropout_seed


@both
def test_what_happened_before_an_epoch_does_not_change_its_dropout(framework):
    fresh, used = (untrained(framework, model="mlp3", dropout=0.5, momentum=0.0) for _ in range(2))
    initial = used.get_weights()
    fresh.train_epoch(reseeded(shuffled(0), 3), 0.01)
    used.train_epoch(reseeded(shuffled(1), 5), 0.01)
    torch.rand(7), keras.random.uniform((3,)), used.logits(IMAGES)
    used.set_weights(initial)
    used.train_epoch(reseeded(shuffled(0), 3), 0.01)
    assert_same_bits(used.get_weights(), fresh.get_weights())


@both
def test_evaluation_is_without_dropout(framework):
    dropping, plain = untrained(framework, model="mlp3", dropout=0.5), untrained(framework, model="mlp3")
    for trainer in (dropping, plain):
        assert trainer.reader.layers == ("input", "fc1", "fc2", "fc3", "logits")
    for _ in range(2):  # before and after training
        for layer in ("fc3", "logits"):
            np.testing.assert_array_equal(dropping.features(IMAGES, layer), plain.features(IMAGES, layer))
        dropping.train_epoch(reseeded(shuffled(0), 1), 0.01)
        plain.set_weights(dropping.get_weights())


ADVERSARIAL = {"adversarial_weight": 0.4, "adversarial_iterations": 3, "preprocessing": "per_channel", "momentum": 0.0}


def adversarial_weights(*seeds, **fields):
    trainer = untrained("torch", **{**ADVERSARIAL, **fields})
    for seed in seeds:
        trainer.train_epoch(reseeded(shuffled(0), seed), 0.01)
    return trainer.get_weights()


def test_adversarial_training_is_the_same_for_the_same_plan_and_other_than_with_another_search_or_weight():
    first = adversarial_weights(1, 2)
    assert_same_bits(adversarial_weights(1, 2), first)
    for seeds, fields in (
        ((2, 1), {}),
        ((1, 2), {"adversarial_iterations": 4}),
        ((1, 2), {"adversarial_weight": 0.5}),
        ((1, 2), {"adversarial_weight": 0.0}),
    ):
        assert not np.array_equal(adversarial_weights(*seeds, **fields)["fc1/kernel"], first["fc1/kernel"])


def test_of_no_weight_adversarial_training_is_plain_training_to_the_bit():
    plain = adversarial_weights(1, 2, adversarial_weight=0.0, adversarial_iterations=10)
    assert_same_bits(adversarial_weights(2, 1, adversarial_weight=0.0, adversarial_iterations=3), plain)


def test_an_adversarial_step_is_of_both_losses_and_moves_statistics_by_the_two_passes_alone():
    sizes = {"model": "cnn2", "width": 4, "padding": "same_stride_2"}
    trainer, twin = (untrained("torch", **ADVERSARIAL, **sizes) for _ in range(2))
    (images, labels), *_ = twin.batches(plan(*range(16)))
    torch.manual_seed(5)
    trainer.train_epoch(EpochPlan(np.arange(16), dropout_seed=5), 0.01)
    twin.model.eval()
    torch.manual_seed(5)
    points = critical_points(Derivatives(twin.model), images, Search(iterations=3), torch.from_numpy(SCALE))
    assert 0 < float((points - images).abs().max()) <= 0.3 * SCALE * 1.01
    twin.model.train()
    losses = [torch.nn.functional.cross_entropy(twin.model(x), labels) for x in (images, points)]
    parameters = list(twin.model.parameters())
    gradients = torch.autograd.grad(0.6 * losses[0] + 0.4 * losses[1], parameters)
    with torch.no_grad():
        for parameter, gradient in zip(parameters, gradients, strict=True):
            parameter -= 0.01 * gradient
    weights = twin.get_weights()
    for name, array in trainer.get_weights().items():
        np.testing.assert_allclose(array, weights[name], rtol=0, atol=1e-7, err_msg=name)
    assert any(name.endswith("moving_variance") for name in weights)


def test_adversarial_training_needs_a_scale_that_all_images_share():
    with pytest.raises(ValueError) as caught:
        untrained("torch", adversarial_weight=0.5, preprocessing="per_image")
    assert str(caught.value).endswith("Received: preprocessing='per_image'") and "\n" not in str(caught.value)
    untrained("torch", preprocessing="per_image")


def masks(framework, steps):
    """Which units of fc1, fc2, fc3 each of these steps kept: rows of the next kernel that it changed."""
    kept = []
    for number in range(steps + 1):
        trainer = untrained(framework, model="mlp3", dropout=0.5, batch_size=1, momentum=0.0)
        weights = trainer.get_weights()
        for name, array in weights.items():  # every unit is on
            weights[name] = np.abs(array) / 100 + (name != "logits/bias") * np.float32(name.endswith("bias"))
        trainer.set_weights(weights)
        if number:
            trainer.train_epoch(EpochPlan(np.arange(number), dropout_seed=9), 0.01)
        kept.append([trainer.get_weights()[f"{name}/kernel"] for name in ("fc2", "fc3", "logits")])
    return np.array(
        [
            [(after != before).any(1) for before, after in zip(first, second, strict=True)]
            for first, second in zip(kept[:-1], kept[1:], strict=True)
        ]
    )


@both
def test_every_layer_and_step_has_a_dropout_mask_of_its_own(framework):
    found = masks(framework, 4)
    assert found.shape == (4, 3, 512)
    flat = found.reshape(12, 512)
    assert np.all(np.abs(flat.mean(1) - 0.5) < 0.15)
    for one, other in itertools.combinations(flat, 2):
        assert 0.35 < np.mean(one == other) < 0.65


@both
@pytest.mark.parametrize("model", ["mlp1", "alexnet", "resnet18", "wide_resnet_28_1"])
def test_batch_norm_that_a_model_does_not_have_in_that_way_is_refused_in_one_line(framework, model):
    if model not in frameworks.model_names(framework):
        pytest.skip("PyTorch alone has it")
    with pytest.raises(ValueError) as caught:
        module(framework).Trainer(
            config := Config(model=model, batch_norm=False), ImageInputs((8, 8, 1), config), 10, device="cpu"
        )
    assert str(caught.value) == f"batch_norm must be True for {model}. Received: batch_norm=False"


@both
def test_dropout_that_a_model_does_not_have_is_refused_in_one_line(framework, monkeypatch):
    models = importlib.import_module(f"{framework}_models").MODELS
    monkeypatch.setitem(models, "bare", lambda input_shape, num_classes: models["mlp1"](input_shape, num_classes))
    assert untrained(framework, model="bare").logits(IMAGES).shape == (40, 10)
    with pytest.raises(ValueError) as caught:
        untrained(framework, model="bare", dropout=0.5)
    assert str(caught.value) == "dropout must be 0.0 for bare. Received: dropout=0.5"


@both
def test_options_reach_the_model_and_its_file(framework, tmp_path):
    def names(**fields):
        trainer = untrained(framework, IMAGES[:4], LABELS[:4], model="inception", **fields)
        return trainer, {name.split("/")[1] for name in trainer.get_weights()}

    (plain, normalized), (bare, biased) = names(batch_norm_momentum=0.5), names(batch_norm=False, dropout=0.5)
    assert normalized == {"kernel", "bias", "beta", "moving_mean", "moving_variance"} and biased == {"kernel", "bias"}
    initial = plain.get_weights()
    for trainer in (plain, bare):
        trainer.train_epoch(plan(0, 1, 2, 3), 0.01)
        path = tmp_path / f"{trainer.config.batch_norm}{SUFFIX[framework]}"
        trainer.save(path, {"config": as_dict(trainer.config), "channel_statistics": channel_statistics(IMAGES)})
        loaded = evaluator.load(path)
        assert loaded.config == trainer.config and loaded.layers == trainer.reader.layers
        x = loaded.prepare(IMAGES[:4], trainer.config)
        for layer in ("conv1", "inception8", "logits"):
            np.testing.assert_allclose(loaded.features(x, layer), trainer.features(IMAGES[:4], layer), atol=1e-6)
        np.testing.assert_array_equal(loaded.logits(x), loaded.logits(x))
    outputs = convolved(standardize(IMAGES[:4], "per_image", None), initial["conv1-conv/kernel"])
    moved = plain.get_weights()
    np.testing.assert_allclose(moved["conv1-bn/moving_mean"], 0.5 * outputs.mean((0, 1, 2)), atol=1e-5)
    np.testing.assert_allclose(moved["conv1-bn/moving_variance"], 0.5 + 0.5 * outputs.var((0, 1, 2)), rtol=1e-4)


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
def test_a_gpu_evaluates_eight_times_as_many_at_once(framework):
    trainer = untrained(framework)
    assert trainer.evaluation_batch == 250
    trainer.device = torch.device("cuda") if framework == "torch" else "cuda:0"
    assert trainer.evaluation_batch == 2000


def test_the_training_set_is_evaluated_where_it_was_placed_with_the_same_bits(monkeypatch):
    monkeypatch.setattr(module("torch"), "EVALUATION_BATCH", 16)
    trainer = untrained("torch", crop=6)
    expected = trainer.logits(IMAGES.copy())
    monkeypatch.setattr(torch, "from_numpy", None)
    np.testing.assert_array_equal(trainer.logits(IMAGES), expected)


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
    assert not np.array_equal(forgetful.get_weights()["logits/kernel"], through.get_weights()["logits/kernel"])
    resumed.set_weights(weights)
    resumed.set_optimizer_state(state)
    assert_same_bits(resumed.get_weights() | resumed.get_optimizer_state(), kept)
    train(resumed, range(2, 4))
    assert_same_bits(weights | state, kept)  # what was given stays as it was
    assert_same_bits(resumed.get_weights(), through.get_weights())
    assert_same_bits(resumed.get_optimizer_state(), through.get_optimizer_state())


@both
def test_moving_statistics_go_on_with_a_resumed_run(framework):
    through, resumed = (untrained(framework, model="inception", batch_size=20, seed=seed) for seed in (3, 4))
    through.train_epoch(shuffled(0), 0.01)
    resumed.set_weights(through.get_weights())
    resumed.set_optimizer_state(through.get_optimizer_state())
    for trainer in (through, resumed):
        trainer.train_epoch(shuffled(1), 0.005)
    assert_same_bits(resumed.get_weights(), through.get_weights())


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
        evaluator.load(path).logits(np.asarray(narrow.prepare(narrow.inputs), np.float32)), narrow.logits(IMAGES)
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
        trainer = make_trainer(dataclasses.replace(config, seed=seed), task, "cpu")
        trainer.train_epoch(draw(task.kind, seed, 0, 100), 0.01)
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


def test_the_description_names_the_gpu_that_keras_uses_too(monkeypatch):
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda device: {"cuda:1": "a card"}[device])
    trainer = untrained("keras")
    trainer.device = "cuda:1"
    assert trainer.description["device"] == "a card"


@both
def test_without_a_gpu_auto_means_the_cpu_and_asking_for_one_is_an_error_of_one_line(framework, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    find_device = module(framework).find_device
    assert str(find_device("auto")) == str(find_device("cpu")) == "cpu"
    for device, hint in (("cuda", "device must be cpu or auto"), ("cud", "Did you mean cuda?")):
        with pytest.raises(ValueError, match=hint) as error:
            module(framework).Trainer(Config(model="mlp1"), ImageInputs((8, 8, 1), Config()), 10, device=device)
        assert str(error.value).endswith(f"Received: device='{device}'") and "\n" not in str(error.value)


@both
def test_a_gpu_may_be_named_by_its_number_where_there_is_one_of_that_number(framework, monkeypatch):
    current, backend = [], module(framework)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr(torch.cuda, "set_device", lambda device: current.append(str(device)))
    if framework == "keras":
        monkeypatch.setattr(backend.keras.backend, "backend", lambda: "torch")
    assert [str(backend.find_device(name)) for name in ("auto", "cuda", "cuda:1", "cpu")] == [
        "cuda", "cuda", "cuda:1", "cpu",
    ]  # fmt: skip
    assert current == (["cuda:1"] if framework == "torch" else [])
    for name in ("cuda:2", "cuda:x", "cuda1"):
        with pytest.raises(ValueError, match=f"^device must be one of auto, cpu, cuda, cuda:0, cuda:1. .*'{name}'$"):
            backend.find_device(name)


def test_keras_trains_on_tensorflow_and_pytorch_alone(monkeypatch):
    monkeypatch.setattr(module("keras").keras.backend, "backend", lambda: "jax")
    with pytest.raises(ValueError, match="KERAS_BACKEND must be one of tensorflow, torch. Received: .*'jax'"):
        module("keras").find_device("auto")


@both
def test_an_unknown_model_is_an_error_of_one_line_with_the_nearest_name(framework):
    with pytest.raises(ValueError, match="Did you mean mlp3?") as error:
        module(framework).Trainer(Config(model="mpl3"), ImageInputs((8, 8, 1), Config()), 10)
    assert str(error.value).endswith("Received: model='mpl3'") and "\n" not in str(error.value)
