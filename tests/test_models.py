"""One battery for every model of both registries, and what the two sides of the house may name and import."""

import ast
import dataclasses
import math
import re
import warnings
from pathlib import Path

import keras
import numpy as np
import pytest
import torch
import torchvision
from keras.ops import convert_to_numpy

import keras_models.files
import torch_models.files
from common import frameworks
from common.analysis import evaluator
from common.data.epochs import draw
from common.data.inputs import ImageInputs, TokenInputs
from common.runs.config import Config
from common.runs.evaluation import cross_entropy
from common.runs.task import prepare
from common.runs.trainers import make_trainer
from keras_models.files import named_variables
from torch_models.convert import from_canonical, to_canonical
from torch_models.trainer import Trainer

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[1]
REGISTRIES = {"keras": keras_models.MODELS, "torch": torch_models.MODELS}
ALEXNET = {"conv1": 30 * 64, "pool1": 9 * 64, "norm1": 9 * 64, "conv2": 9 * 64, "pool2": 4 * 64, "norm2": 4 * 64}
INCEPTION = {
    "conv1": 30 * 96, "inception1": 30 * 64, "inception2": 30 * 80,
    "downsample1": 9 * 160, "inception3": 9 * 160, "inception4": 9 * 160, "inception5": 9 * 160, "inception6": 9 * 144,
    "downsample2": 4 * 240, "inception7": 4 * 336, "inception8": 4 * 336, "pool": 336,
}  # fmt: skip
INCEPTION_V3 = {
    "conv_1a": 38 * 39 * 32, "conv_2a": 36 * 37 * 32, "conv_2b": 36 * 37 * 64, "pool_3a": 17 * 18 * 64,
    "conv_3b": 17 * 18 * 80, "conv_4a": 15 * 16 * 192, "pool_5a": 49 * 192, "mixed_5b": 49 * 256,
    **dict.fromkeys(("mixed_5c", "mixed_5d"), 49 * 288), **{f"mixed_6{letter}": 9 * 768 for letter in "abcde"},
    "mixed_7a": 1280, **dict.fromkeys(("mixed_7b", "mixed_7c", "pool"), 2048),
}  # fmt: skip
LAYER1 = ("maxpool", "layer1_relu1", "layer1_relu2", "layer1_relu3", "layer1")


def wide_resnet(factor):
    blocks = [(30, 16), (9, 32), (4, 64)]
    widths = {f"block{4 * group + i}": n * c * factor for group, (n, c) in enumerate(blocks) for i in (1, 2, 3, 4)}
    return {"conv1": 30 * 16, **widths, "relu": 4 * 64 * factor, "pool": 64 * factor}


TEXTS = {  # of models that read 9 words, of 50 ids
    "lstm": {"embedding": 9 * 64, "lstm": 64},
    "bilstm": {"embedding": 9 * 64, "bilstm": 128},
    "bow": {"embedding": 9 * 64, "mean": 64},
    "text_cnn": {"embedding": 9 * 64, "conv3": 100, "conv4": 100, "conv5": 100, "concat": 300},
}
SHAPES = {
    "cnn": (17, 24, 3),
    "cnn2": (25, 28, 3),
    "alexnet_large": (32, 32, 3),
    "inception_v3": (40, 41, 3),
}  # of models that 6x5x3 is too small for
LAYERS = {  # width of every layer between the input and the logits, on those
    "mlp1": {"fc1": 512},
    "mlp2": {"fc1": 4096, "fc2": 4096},
    "mlp3": {"fc1": 512, "fc2": 512, "fc3": 512},
    "mlp4": {"fc1": 128, "fc2": 512, "fc3": 2048, "fc4": 2048},
    "alexnet": {**ALEXNET, "fc1": 384, "fc2": 192},
    "inception": INCEPTION,
    "cnn": {"flatten": 2 * 3 * 64, "fc1": 250, "fc2": 250, "fc3": 250},
    "cnn2": {"conv1": 504 * 200, "pool1": 56 * 200, "conv2": 12 * 200, "pool2": 200, "fc1": 384, "fc2": 192},
    "alexnet_large": {"flatten": 256, "fc1": 4096, "fc2": 4096},
    "inception_v3": INCEPTION_V3,
    "resnet18": dict.fromkeys(LAYER1, 9 * 64) | {"layer2": 4 * 128, "layer3": 256, "layer4": 512, "avgpool": 512},
    "wide_resnet_28_1": wide_resnet(1),
    "wide_resnet_28_10": wide_resnet(10),
    **TEXTS,
}
PARAMETERS = {  # on 28x28x3, the large networks on what they take, with 10 classes; texts are TREC's, of 6 classes
    "mlp1": 1_209_866,
    "mlp2": (28 * 28 * 3 + 1) * 4096 + (4096 + 1) * 4096 + (4096 + 1) * 10,
    "mlp3": 1_735_178,
    "mlp4": (28 * 28 * 3 + 1) * 128 + (128 + 1) * 512 + (512 + 1) * 2048 + (2048 + 1) * 2048 + (2048 + 1) * 10,
    "alexnet": 1_387_786,
    "inception": 1_649_402,
    "cnn": 344_330,
    "cnn2": 1_170_386,
    "alexnet_large": 20_126_538,
    "inception_v3": 23_817_352 - 990 * (2048 + 1),
    "resnet18": 11_173_962,
    "wide_resnet_28_1": 369_498,
    "wide_resnet_28_10": 36_479_194,
    "lstm": 575_366,
    "bilstm": 8468 * 64 + 2 * 4 * 64 * (64 + 64 + 1) + (128 + 1) * 6,
    "bow": 8468 * 64 + (64 + 1) * 6,
    "text_cnn": 8468 * 64 + 100 * (3 + 4 + 5) * 64 + 300 + (300 + 1) * 6,
}
NORMALIZED = {  # channels with moving statistics
    "cnn2": 2 * 200 + 384 + 192,
    "inception": 1_712,
    "inception_v3": 17_216,
    "resnet18": 64 + 4 * 64 + 5 * (128 + 256 + 512),
    "wide_resnet_28_1": 16 + 8 * (16 + 32 + 64),
    "wide_resnet_28_10": 16 + 8 * (160 + 320 + 640),
}
ADAM = {"optimizer": "adam", "initializer": "he_normal"}
TRAINING = {  # fields of a Config with which 30 steps, or fewer of the large ones, are enough to learn something
    "mlp2": {"width": 256},
    "resnet18": {"learning_rate": 0.0005, "train_size": 160, "batch_size": 16},  # so that its moving statistics keep up
    "cnn": {"learning_rate": 0.001, **ADAM},
    "cnn2": {"padding": "same_stride_2", "width": 16},  # digits have 8 x 8 pixels
    "alexnet_large": {"learning_rate": 1e-5, "train_size": 64, **ADAM},
    "inception_v3": {
        "width": 8,
        "learning_rate": 0.002,
        "batch_size": 16,
        "auxiliary_weight": 0.4,
        **ADAM,
        "batch_norm_momentum": 0.6,
    },
    **dict.fromkeys(TEXTS, {"dataset": "phrases", "learning_rate": 0.01, "optimizer": "adam", "crop": 28}),
}
ENLARGED = {"alexnet_large": 4, "inception_v3": 5}  # times as wide and high as digits
TORCH_ONLY = {"cnn", "cnn2", "alexnet_large", "inception_v3", "resnet18", "wide_resnet_28_1", "wide_resnet_28_10"}
MODELS = [(framework, name) for framework, models in REGISTRIES.items() for name in models]
every_model = pytest.mark.parametrize("framework, name", MODELS)
both = pytest.mark.parametrize("framework", REGISTRIES)


def shape_of(name):
    """Shape of the battery's images or texts."""
    return SHAPES.get(name, (9,) if name in TEXTS else (6, 5, 3))


def build(framework, name, num_classes, **options):
    """The untrained model for those."""
    ids = {"ids": 50} if name in TEXTS else {}
    return REGISTRIES[framework][name](shape_of(name), num_classes, **ids, **options)


def examples(name, n):
    """Inputs of that shape."""
    generator = np.random.default_rng(0)
    if name in TEXTS:
        return generator.integers(0, 50, (n, *shape_of(name)), np.int32)
    return generator.standard_normal((n, *shape_of(name))).astype(np.float32)


def read(framework, name, num_classes):
    """A Reader of the untrained model."""
    return frameworks.module(framework, "files").Reader(build(framework, name, num_classes), shape_of(name))


def weights_of(framework, model):
    if framework == "torch":
        return to_canonical(model)
    return {name: convert_to_numpy(variable) for name, variable in named_variables(model)}


def trained_logits(framework, model, x):
    """Logits as in training."""
    if framework == "torch":
        return model.train()(torch.from_numpy(x)).detach().numpy()
    return convert_to_numpy(model(x, training=True))


def test_both_registries_hold_the_models_of_this_battery():
    assert set(torch_models.MODELS) == set(LAYERS) == set(PARAMETERS)
    assert set(keras_models.MODELS) == set(LAYERS) - TORCH_ONLY


@every_model
def test_layers_have_the_names_and_shapes_of_the_battery_after_their_activation(framework, name):
    size = math.prod(shape_of(name))
    reader, x = read(framework, name, 40), examples(name, 2)
    assert reader.layers == ("input", *LAYERS[name], "logits")
    with warnings.catch_warnings(action="error"):
        outputs = {layer: reader.features(x, layer) for layer in reader.layers}
        together = reader.outputs(x, reader.layers)
    for layer, output in zip(reader.layers, together, strict=True):
        np.testing.assert_array_equal(output, outputs[layer])
    widths = {layer: output.shape[1] for layer, output in outputs.items()}
    assert widths == {"input": size, **LAYERS[name], "logits": 40}
    assert all(output.dtype == np.float32 and len(output) == 2 for output in outputs.values())
    np.testing.assert_array_equal(outputs["input"], x.reshape(2, size))
    starts = ("conv", "block") if name.startswith("wide") else ("embedding", "lstm", "bilstm", "mean")
    signed = {layer for layer in LAYERS[name] if layer.startswith(starts)}
    for layer in {"logits", *signed}:
        assert outputs[layer].min() < 0 < outputs[layer].max()
    for layer in LAYERS[name].keys() - signed:
        assert outputs[layer].min() >= 0 < outputs[layer].max()


@every_model
def test_parameters_are_counted_exactly_and_moving_statistics_are_none(framework, name):
    side = {"alexnet_large": 32, "inception_v3": 40}.get(name, 28)
    config, kind, classes = Config(model=name, crop=side), ImageInputs, 10
    if name in TEXTS:
        config, kind, classes = Config(model=name, dataset="trec"), TokenInputs, 6
    shape = (20,) if name in TEXTS else (40, 40, 3)
    trainer = frameworks.module(framework, "trainer").Trainer(config, kind(shape, config), classes)
    sizes = {key: array.size for key, array in trainer.get_weights().items()}
    moving = sum(sizes.pop(key) for key in tuple(sizes) if "/moving_" in key)
    assert trainer.parameters == PARAMETERS[name] == sum(sizes.values())
    assert moving == 2 * NORMALIZED.get(name, 0)


@both
def test_inception_without_batch_norm_has_as_many_parameters_and_no_moving_statistics(framework):
    model = REGISTRIES[framework]["inception"]((28, 28, 3), 10, batch_norm=False)
    weights = weights_of(framework, model)
    assert {key.split("/")[1] for key in weights} == {"kernel", "bias"}
    assert sum(array.size for array in weights.values()) == PARAMETERS["inception"]


DROPPING = [
    *((side, name) for side in REGISTRIES for name in ("mlp3", "alexnet", "inception", *TEXTS)),
    *(("torch", name) for name in ("cnn", "cnn2", "alexnet_large", "inception_v3", "resnet18", "wide_resnet_28_1")),
]


@pytest.mark.parametrize("framework, name", DROPPING)
def test_dropout_acts_in_training_alone_and_on_no_named_layer(framework, name):
    models = [build(framework, name, 4, dropout=rate) for rate in (0.0, 0.5)]
    if framework == "torch":
        models[1].load_state_dict(models[0].state_dict())
    else:
        models[1].set_weights(models[0].get_weights())
        assert not any(isinstance(layer, keras.layers.Dropout) for layer in models[0].layers)
    files = frameworks.module(framework, "files")
    readers = [files.Reader(model, shape_of(name)) for model in models]
    assert readers[0].layers == readers[1].layers
    x = examples(name, 8)
    for layer in readers[0].layers:
        np.testing.assert_array_equal(*(reader.features(x, layer) for reader in readers))
    for model, same in zip(models, (True, False), strict=True):
        assert np.array_equal(trained_logits(framework, model, x), trained_logits(framework, model, x)) == same


@pytest.mark.parametrize("framework, name", [pair for pair in MODELS if pair[1] != "wide_resnet_28_10"])
def test_a_model_learns_digits_is_saved_loads_with_the_same_outputs_and_trains_on(framework, name, tmp_path):
    config = Config(model=name, framework=framework, dataset="digits", train_size=320, batch_size=32, crop=None)
    config = dataclasses.replace(config, **TRAINING.get(name, {}))
    task = prepare(config)
    if times := ENLARGED.get(name):
        images = task.train.inputs.repeat(times, axis=1).repeat(times, axis=2)
        kind = ImageInputs((8 * times, 8 * times, 1), config)
        train_set = dataclasses.replace(task.train, inputs=images)
        task = dataclasses.replace(task, train=train_set, kind=kind)
    trainer = make_trainer(config, task, "cpu")
    losses = [cross_entropy(trainer.logits(task.train.inputs), task.train.labels).mean()]

    def train(trainer, epochs):
        for epoch in epochs:
            trainer.train_epoch(draw(task.kind, 0, epoch, len(task.train)), config.learning_rate)
        losses.append(cross_entropy(trainer.logits(task.train.inputs), task.train.labels).mean())

    train(trainer, range(3))
    suffix = {"keras": ".h5", "torch": ".pt"}[framework]
    trainer.save(tmp_path / f"model{suffix}", {"config": dataclasses.asdict(config)})
    loaded = frameworks.module(framework, "files").load(tmp_path / f"model{suffix}")
    x = np.asarray(trainer.prepare(trainer.inputs), loaded.dtype)
    assert loaded.layers == trainer.reader.layers and loaded.input_shape == task.kind.shape
    size = frameworks.module(framework, "trainer").EVALUATION_BATCH  # another one gives other last bits
    parts = [loaded.features(x[start : start + size], "logits") for start in range(0, len(x), size)]
    np.testing.assert_array_equal(np.concatenate(parts), trainer.logits(task.train.inputs))

    again = make_trainer(dataclasses.replace(config, seed=1), task, "cpu")
    again.set_weights(weights_of(framework, loaded.model))
    np.testing.assert_array_equal(again.logits(task.train.inputs), trainer.logits(task.train.inputs))
    train(again, range(3, 5))
    assert losses[1] < 0.8 * losses[0] and losses[2] < 0.9 * losses[1]


KETHA = [("cnn", (28, 28, 1), 10, 344_042), ("cnn", (32, 32, 3), 10, 456_330),
         ("alexnet_large", (32, 32, 3), 100, 20_495_268), ("alexnet_large", (64, 64, 3), 200, 21_123_080)]  # fmt: skip


@pytest.mark.parametrize("name, shape, classes, parameters", KETHA)
def test_ketha_and_ramaswamys_networks_have_the_size_that_they_state(name, shape, classes, parameters):
    model = torch_models.MODELS[name](shape, classes)
    assert sum(parameter.numel() for parameter in model.parameters()) == parameters
    flat = {("cnn", 1): 576, ("cnn", 3): 1024, ("alexnet_large", 3): 256}
    assert model.fc1.in_features == flat[name, shape[2]]
    assert (model.logits.bias is None) == (name == "cnn")


def test_the_cnn_computes_what_stock_keras_layers_compute_with_its_canonical_weights():
    inputs = x = keras.Input((17, 24, 3))
    for number, channels in enumerate((16, 16, 32, 32, 64, 64), 1):
        x = keras.layers.Conv2D(channels, 3, padding="same", activation="relu", name=f"conv{number}")(x)
        x = x if number % 2 else keras.layers.MaxPooling2D(2)(x)
    x = keras.layers.Flatten(name="flatten")(x)
    for number in (1, 2, 3):
        x = keras.layers.Dense(250, activation="relu", name=f"fc{number}")(x)
    twin = keras.Model(inputs, keras.layers.Dense(5, use_bias=False, name="logits")(x))
    model = torch_models.MODELS["cnn"]((17, 24, 3), 5)
    model.load_state_dict(from_canonical(weights_of("keras", twin), model))
    x = np.random.default_rng(0).standard_normal((4, 17, 24, 3)).astype(np.float32)
    reader = torch_models.files.Reader(model, (17, 24, 3))
    for layer in reader.layers[1:]:
        expected = convert_to_numpy(keras.Model(inputs, twin.get_layer(layer).output)(x))
        np.testing.assert_allclose(reader.features(x, layer), expected, rtol=0, atol=1e-5)


@pytest.mark.parametrize("side", [32, 64])
def test_the_large_alexnet_computes_what_torchvisions_layers_compute(side):
    reference = torchvision.models.AlexNet().features
    if side == 32:
        reference[0], reference[3] = torch.nn.Conv2d(3, 64, 3, 2, 1), torch.nn.Conv2d(64, 192, 3, 1, 1)
    model = torch_models.MODELS["alexnet_large"]((side, side, 3), 5)
    convolutions = [layer for layer in reference if isinstance(layer, torch.nn.Conv2d)]
    for number, convolution in enumerate(convolutions, 1):
        getattr(model, f"conv{number}").load_state_dict(convolution.state_dict())
    x = torch.randn(2, side, side, 3)
    with torch.no_grad():
        logits, taps = model(x, ("flatten", "fc1", "fc2"))
        flat = reference(x.permute(0, 3, 1, 2)).flatten(1)
        expected = [flat, model.fc1(flat).relu(), model.fc2(model.fc1(flat).relu()).relu()]
    torch.testing.assert_close(list(taps.values()), expected, rtol=0, atol=1e-5)
    torch.testing.assert_close(logits, model.logits(expected[-1]), rtol=0, atol=1e-5)


@pytest.mark.parametrize("padding, parameters, flat", [
    ("valid", 1_170_386, 200), ("same_stride_3", 1_784_786, 9 * 200), ("same_stride_2", 4_856_786, 49 * 200),
])  # fmt: skip
def test_the_three_readings_of_arpits_cnn_have_the_sizes_that_follow_from_them(padding, parameters, flat):
    model = torch_models.MODELS["cnn2"]((28, 28, 3), 10, padding=padding)
    assert sum(parameter.numel() for parameter in model.parameters()) == parameters
    _, taps = model.eval()(torch.randn(2, 28, 28, 3), ("pool2",))
    assert taps["pool2"].flatten(1).shape == (2, flat) and model.fc1.layer.in_features == flat


def test_arpits_networks_have_the_width_that_is_asked_for():
    def count(model):
        return sum(parameter.numel() for parameter in model.parameters())

    assert count(torch_models.MODELS["mlp2"]((28, 28, 1), 10)) == 20_037_642
    assert count(torch_models.MODELS["mlp2"]((14, 14, 1), 10, width=16)) == 3_594
    assert count(torch_models.MODELS["mlp2"]((14, 14, 1), 1000, width=16)) == 20_424
    assert keras_models.MODELS["mlp2"]((14, 14, 1), 10, width=16).count_params() == 3_594
    assert torch_models.MODELS["cnn2"]((28, 28, 3), 10, width=8).conv2.layer.weight.shape == (8, 8, 5, 5)


def test_arpits_cnn_computes_what_stock_keras_layers_compute():
    inputs = x = keras.Input((28, 28, 3))
    for number in (1, 2):
        x = keras.layers.Conv2D(16, 5, name=f"conv{number}-layer")(x)
        x = keras.layers.BatchNormalization(epsilon=1e-5, name=f"conv{number}-bn")(x)
        x = keras.layers.ReLU(name=f"conv{number}")(x)
        x = keras.layers.MaxPooling2D(3, name=f"pool{number}")(x)
    x = keras.layers.Flatten()(x)
    for number, width in enumerate((384, 192), 1):
        x = keras.layers.Dense(width, name=f"fc{number}-layer")(x)
        x = keras.layers.BatchNormalization(epsilon=1e-5, name=f"fc{number}-bn")(x)
        x = keras.layers.ReLU(name=f"fc{number}")(x)
    twin = keras.Model(inputs, keras.layers.Dense(5, name="logits")(x))
    model = torch_models.MODELS["cnn2"]((28, 28, 3), 5, width=16)
    model.load_state_dict(from_canonical(weights_of("keras", twin), model))
    x = np.random.default_rng(0).standard_normal((4, 28, 28, 3)).astype(np.float32)
    reader = torch_models.files.Reader(model, (28, 28, 3))
    for layer in reader.layers[1:]:
        expected = convert_to_numpy(keras.Model(inputs, twin.get_layer(layer).output)(x)).reshape(4, -1)
        np.testing.assert_allclose(reader.features(x, layer), expected, rtol=0, atol=1e-5)


@pytest.mark.parametrize("name", ["mlp2", "cnn2"])
def test_hidden_noise_is_gaussian_acts_in_training_alone_and_on_no_named_layer(name):
    model = torch_models.MODELS[name]((28, 28, 1), 10, width=32, hidden_noise=0.5)
    quiet = torch_models.MODELS[name]((28, 28, 1), 10, width=32)
    quiet.load_state_dict(model.state_dict())
    x = torch.randn(64, 28, 28, 1)
    torch.testing.assert_close(model.eval()(x), quiet.eval()(x), rtol=0, atol=0)
    for each in (model, quiet):
        each.requires_grad_(False).logits.weight.copy_(torch.eye(10, each.logits.in_features))
        each.train()
    (noisy, taps), (clean, _) = (each(x, ("fc2",)) for each in (model, quiet))
    torch.testing.assert_close(taps["fc2"], quiet(x, ("fc2",))[1]["fc2"], rtol=2, atol=5)
    assert 0.4 < (noisy - clean).std() and not torch.equal(noisy, model(x))


CROP = "crop must be {}, or none for {}. Received: images of {} x {} pixels"


@pytest.mark.parametrize("name, shape, said", [
    ("cnn", (28, 7, 1), "input_shape must be at least 8 x 8 pixels. Received: input_shape=(28, 7, 1)"),
    ("cnn2", (28, 24, 3), "input_shape must be larger for padding='valid'. Received: input_shape=(28, 24, 3)"),
    ("alexnet_large", (28, 28, 3), CROP.format("32, 64 or 224", "square images of such a side", 28, 28)),
    ("alexnet_large", (32, 64, 3), CROP.format("32, 64 or 224", "square images of such a side", 32, 64)),
    ("inception_v3", (38, 64, 3), CROP.format("at least 39", "images that large", 38, 64)),
])  # fmt: skip
def test_images_of_a_size_that_a_model_does_not_take_are_refused_in_one_line(name, shape, said):
    with pytest.raises(ValueError) as caught:
        torch_models.MODELS[name](list(shape), 10)
    assert str(caught.value) == said


def test_a_saved_resnet_is_read_out_in_evaluation_mode(tmp_path):
    config = Config(model="resnet18", framework="torch")
    trainer = Trainer(config, ImageInputs((9, 9, 3), config), 10, device="cpu")
    x = np.random.default_rng(0).standard_normal((6, 9, 9, 3)).astype(np.float32)
    for _ in range(3):  # the moving statistics leave their initial values
        trainer.model.train()(torch.from_numpy(3 * x + 1))
    trainer.save(tmp_path / "model.pt", {"config": dataclasses.asdict(trainer.config)})
    model = evaluator.load(tmp_path / "model.pt")
    assert len(model.layers[1:-1]) == 9
    for layer in model.layers:
        whole = model.features(x, layer)
        alone = np.concatenate([model.features(x[i : i + 1], layer) for i in range(len(x))])
        np.testing.assert_allclose(alone, whole, rtol=1e-5, atol=1e-5)
    trainer.model.train()
    assert not np.allclose(trained_logits("torch", trainer.model, x), model.logits(x), rtol=0.01, atol=0.01)


def test_only_what_lies_inside_another_layer_is_no_layer_of_a_keras_file():
    inputs = x = keras.Input((4, 4, 1), name="input")
    for layer in (
        keras.layers.Conv2D(2, 3, name="conv-1"),
        keras.layers.Conv2D(2, 1, name="conv2-conv"),
        keras.layers.ReLU(name="conv2"),
        keras.layers.Flatten(name="flat"),
        keras.layers.Dropout(0.5, name="drop"),
    ):
        x = layer(x)
    reader = keras_models.files.Reader(keras.Model(inputs, x), (4, 4, 1))
    assert reader.layers == ("input", "conv-1", "conv2")


@pytest.mark.parametrize("name", torch_models.MODELS)
def test_taps_return_the_named_layers_beside_the_logits(name):
    model = build("torch", name, 4).eval()
    x, layer = torch.from_numpy(examples(name, 2)), list(LAYERS[name])[-1]
    logits, taps = model(x, ("input", layer, "logits"))
    assert list(taps) == ["input", layer, "logits"]
    assert taps["input"] is x and taps[layer].shape == (2, LAYERS[name][layer])
    torch.testing.assert_close(model(x), logits, rtol=0, atol=0)
    torch.testing.assert_close(taps["logits"], logits, rtol=0, atol=0)


def model_files():
    """Names of the files that define models, on either side."""
    names = {path.name for side in ("keras_models", "torch_models") for path in (ROOT / side).glob("*.py")}
    return sorted(names - {"__init__.py", "files.py", "trainer.py", "convert.py", "quiet_import.py"})


TORCH_ALONE = ("biases", "sampleboxes")  # which Keras has no need of, or among its own


@pytest.mark.parametrize("file", model_files())
def test_model_files_define_the_same_names_in_the_same_order_on_both_sides(file):
    sides = [ROOT / side / file for side in ("keras_models", "torch_models")]
    names = [
        [node.name.lower().replace("_", "") for node in ast.parse(side.read_text()).body if hasattr(node, "name")]
        for side in sides
        if side.exists()
    ]
    assert [name for name in names[-1] if name not in TORCH_ALONE] == names[0] != []


@pytest.mark.parametrize("path", sorted((ROOT / "keras_models").glob("*.py")), ids=lambda path: path.name)
def test_the_keras_side_names_no_backend_of_its_own(path):
    text = path.read_text().replace('"KERAS_BACKEND", "tensorflow"', "").replace("(tf.{function})", "")
    text = text.replace('("tensorflow", "torch")', "")
    assert re.findall(r"\btensorflow\b|\btf\.", text) == []


@pytest.mark.parametrize("path", sorted((ROOT / "common").rglob("*.py")), ids=lambda path: str(path.relative_to(ROOT)))
def test_no_module_of_common_imports_a_framework_when_it_is_imported(path):
    frameworks = {"torch", "torchvision", "keras", "tensorflow", "keras_models", "torch_models"}
    assert frameworks.isdisjoint(name.split(".")[0] for name in imports(ast.parse(path.read_text())))


def imports(tree):
    """Names of the modules that the code imports outside functions."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module
        elif not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            yield from imports(node)
