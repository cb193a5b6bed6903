"""One loader for both frameworks' files: the same outputs as in training, and one clear line for anything else."""

import json
import logging
import pickle
from pathlib import Path

import h5py
import keras
import numpy as np
import pytest
import torch

from common.analysis import evaluator
from common.data.inputs import ImageInputs
from common.data.preprocessing import channel_statistics, standardize
from common.runs import initial_weights
from common.runs.config import Config, as_dict
from keras_models.trainer import Trainer as KerasTrainer
from torch_models.trainer import Trainer as TorchTrainer

pytestmark = pytest.mark.slow

TRAINERS = {".h5": KerasTrainer, ".pt": TorchTrainer}
every_suffix = pytest.mark.parametrize("suffix", TRAINERS)
IMAGES = np.random.default_rng(0).integers(0, 256, (20, 10, 9, 3), np.uint8)
STATISTICS = channel_statistics(IMAGES)


def save(path, preprocessing="per_image"):
    """A trainer of a small model that it saved as the suite does."""
    framework = {".h5": "keras", ".pt": "torch"}[path.suffix]
    config = Config(model="mlp1", framework=framework, preprocessing=preprocessing, crop=7, decay_epochs=())
    trainer = TRAINERS[path.suffix](
        config, ImageInputs(IMAGES.shape[1:], config), 10, {"channel_statistics": STATISTICS}, "cpu"
    )
    shapes = {name: array.shape for name, array in trainer.get_weights().items()}
    trainer.set_weights(initial_weights.draw(shapes, "torch", 0))
    trainer.save(path, {"config": as_dict(config), "epoch": 3, "channel_statistics": STATISTICS})
    return trainer


def refusal(path, kind=ValueError):
    """What the one line says of a file that does not load."""
    before = path.read_bytes() if path.is_file() else None
    with pytest.raises(kind) as error:
        evaluator.load(path)
    message = str(error.value)
    assert "\n" not in message and str(path) in message and len(message) < 600
    assert (path.read_bytes() if path.is_file() else None) == before
    return message


@every_suffix
@pytest.mark.parametrize("preprocessing", ["per_image", "per_channel"])
def test_a_file_of_the_suite_gives_what_its_trainer_gave(suffix, preprocessing, tmp_path):
    trainer = save(tmp_path / f"model{suffix}", preprocessing)
    model = evaluator.load(str(tmp_path / f"model{suffix}"))
    assert model.config == trainer.config and model.path == tmp_path / f"model{suffix}"
    assert model.metadata["epoch"] == 3
    assert model.layers == ("input", "fc1", "logits") and model.input_shape == (7, 7, 3)
    x = model.prepare(IMAGES, model.config)
    np.testing.assert_array_equal(x, standardize(IMAGES[:, 1:8, 1:8], preprocessing, STATISTICS))
    np.testing.assert_array_equal(model.features(x, "input"), x.reshape(20, -1))
    for layer in model.layers:
        output = model.features(x, layer)
        assert output.dtype == np.float32
        np.testing.assert_allclose(output, trainer.features(IMAGES, layer), rtol=0, atol=1e-5)
    np.testing.assert_array_equal(model.logits(x.tolist()), model.features(x, "logits"))


@every_suffix
def test_outputs_in_several_batches_are_those_of_one_batch(suffix, tmp_path, monkeypatch):
    save(tmp_path / f"model{suffix}")
    model = evaluator.load(tmp_path / f"model{suffix}")
    x = model.prepare(IMAGES, model.config)
    whole, sizes, read = model.logits(x), [], model._reader.outputs
    monkeypatch.setattr(evaluator, "BATCH", 7)
    monkeypatch.setattr(model._reader, "outputs", lambda x, layers: sizes.append(len(x)) or read(x, layers))
    np.testing.assert_allclose(model.logits(x), whole, rtol=0, atol=1e-5)
    assert sizes == [7, 7, 6]
    outputs = model.outputs(x, ["fc1", "logits"])
    assert list(outputs) == ["fc1", "logits"] and sizes == 2 * [7, 7, 6]
    np.testing.assert_array_equal(outputs["fc1"], model.features(x, "fc1"))
    np.testing.assert_array_equal(outputs["logits"], model.logits(x))


@every_suffix
def test_wrong_layers_and_inputs_are_errors_of_one_line(suffix, tmp_path):
    save(tmp_path / f"model{suffix}")
    model = evaluator.load(tmp_path / f"model{suffix}")
    x = model.prepare(IMAGES, model.config)
    with pytest.raises(ValueError, match=r"^layer must be one of input, fc1, logits\. Did you mean fc1\?.*'fc11'$"):
        model.features(x, "fc11")
    for wrong in (x[:, :6], x[..., :1], x[0], x.reshape(20, -1), IMAGES):
        with pytest.raises(ValueError, match=r"^data must fit .*\(7, 7, 3\)\. Received: examples of shape .*\)$"):
            model.logits(wrong)


def save_foreign(path):
    """A functional model with names that Keras chose, compiled, trained a little and saved with its optimizer."""
    keras.backend.clear_session()
    inputs = keras.Input((6, 5, 2))
    x = keras.layers.Conv2D(3, 1, activation="relu")(inputs)
    x = keras.layers.Dense(4, activation="tanh")(keras.layers.Flatten()(x))
    model = keras.Model(inputs, keras.layers.Dense(2, activation="softmax")(x))
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    generator = np.random.default_rng(0)
    model.fit(generator.standard_normal((8, 6, 5, 2)), generator.integers(0, 2, 8), verbose=0)
    model.save(path)
    return [weights for layer in model.layers for weights in layer.get_weights()]


def test_a_functional_keras_file_from_elsewhere_loads_and_reads_out(tmp_path):
    kernel, bias, kernel1, bias1, kernel2, bias2 = save_foreign(tmp_path / "foreign.h5")
    model = evaluator.load(tmp_path / "foreign.h5")
    assert model.layers == ("input_layer", "conv2d", "dense", "dense_1")
    assert (model.input_shape, model.metadata, model.config) == ((6, 5, 2), {}, None)
    x = np.random.default_rng(1).standard_normal((3, 6, 5, 2))
    convolved = np.maximum(x @ kernel[0, 0] + bias, 0).reshape(3, -1)
    hidden = np.tanh(convolved @ kernel1 + bias1)
    exponentials = np.exp(hidden @ kernel2 + bias2)
    np.testing.assert_allclose(model.features(x, "conv2d"), convolved, rtol=0, atol=1e-5)
    np.testing.assert_allclose(model.features(x, "dense"), hidden, rtol=0, atol=1e-5)
    expected = exponentials / exponentials.sum(1, keepdims=True)
    np.testing.assert_allclose(model.logits(x), expected, rtol=0, atol=1e-5)
    images = np.random.default_rng(1).integers(0, 256, (3, 6, 5, 2), np.uint8)
    prepared = model.prepare(images, Config(preprocessing="minus_one_one", crop=5))
    np.testing.assert_array_equal(prepared, standardize(images[:, :5], "minus_one_one", None))


def test_a_sequential_keras_file_loads_without_an_input_layer_of_its_own(tmp_path):
    model = keras.Sequential([keras.Input((3,), name="x"), keras.layers.Dense(2, name="only")])
    model.save(tmp_path / "sequential.h5")
    kernel, bias = model.get_weights()
    loaded = evaluator.load(tmp_path / "sequential.h5")
    assert (loaded.layers, loaded.input_shape) == (("x", "only"), (3,))
    np.testing.assert_allclose(loaded.logits(np.eye(3)), kernel + bias, rtol=0, atol=1e-6)


def test_tensorflow_does_not_warn_of_the_tracing_of_many_networks_in_turn(tmp_path):
    save(tmp_path / "model.h5")
    evaluator.load(tmp_path / "model.h5")
    assert not logging.getLogger("tensorflow").isEnabledFor(logging.WARNING)


def test_a_keras_model_class_of_someones_own_is_refused(tmp_path):
    class Own(keras.Model):
        def __init__(self):
            super().__init__()
            self.dense = keras.layers.Dense(2)

        def call(self, x):
            return self.dense(x)

    model = Own()
    model(np.zeros((1, 3)))
    model.save(tmp_path / "own.h5")
    assert "must be a functional network of Keras" in refusal(tmp_path / "own.h5")


def test_a_keras_model_without_one_fixed_input_is_refused(tmp_path):
    left, right, free = keras.Input((3,)), keras.Input((3,)), keras.Input((None, 3))
    keras.Model([left, right], keras.layers.Add()([left, right])).save(tmp_path / "two.h5")
    keras.Model(free, keras.layers.Dense(2)(free)).save(tmp_path / "free.h5")
    assert "it must have one input. Received: 2" in refusal(tmp_path / "two.h5")
    assert "an input of fixed shape, or images be declared. Received: (None, 3)" in refusal(tmp_path / "free.h5")


def test_files_that_are_missing_or_of_another_kind_are_named(tmp_path):
    (tmp_path / "folder.h5").mkdir()
    for name in ("missing.h5", "missing.pt", "folder.h5"):
        assert refusal(tmp_path / name, FileNotFoundError).startswith("there is no model file")
    for name in ("model.onnx", "model.h6", "model"):
        (tmp_path / name).write_bytes(b"anything")
        assert refusal(tmp_path / name).startswith("a model file must end in .h5, .hdf5, .keras, .pt, ")


@every_suffix
@pytest.mark.parametrize("content", ["truncated", "empty", "text", "half of it zeros"])
def test_a_file_that_is_not_whole_is_refused(suffix, content, tmp_path):
    path = tmp_path / f"model{suffix}"
    save(path)
    whole = path.read_bytes()
    half = len(whole) // 2
    broken = {
        "truncated": whole[:half],
        "empty": b"",
        "text": b"no model\n" * 99,
        "half of it zeros": b"\0" * half + whole[half:],
    }
    path.write_bytes(broken[content])
    kind = {".h5": "a functional network of Keras, whole", ".pt": "a file of PyTorch's, whole"}[suffix]
    assert refusal(path).startswith(f"a model file must be {kind}")


class Planted:
    """Creates the file when it is unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return Path.touch, (self.path,)


@pytest.mark.parametrize(
    "write, read",
    [
        (torch.save, lambda path: torch.load(path, weights_only=False)),
        (lambda content, path: path.write_bytes(pickle.dumps(content)), lambda path: pickle.loads(path.read_bytes())),
    ],
    ids=["archive", "pickle"],
)
def test_code_in_a_torch_file_is_never_run(write, read, tmp_path):
    planted, path = tmp_path / "planted", tmp_path / "model.pt"
    save(path)
    content = torch.load(path, weights_only=True)
    write(content | {"state_dict": Planted(planted)}, path)
    message = refusal(path)
    assert "free of code" in message and "holds more than tensors" in message
    assert not planted.exists()
    read(path)  # what it would have done
    assert planted.exists()


def test_code_in_a_keras_file_is_never_run(tmp_path):
    planted, path = tmp_path / "planted", tmp_path / "model.h5"
    name, inputs = str(planted), keras.Input((3,))
    layer = keras.layers.Lambda(lambda x: (open(name, "w").close(), x)[1], output_shape=(3,))
    keras.Model(inputs, layer(inputs)).save(path)
    planted.unlink(missing_ok=True)
    assert "Lambda" in refusal(path)
    assert not planted.exists()
    keras.models.load_model(path, compile=False, safe_mode=False)(np.zeros((1, 3)))  # what it would have done
    assert planted.exists()


def test_a_function_of_another_module_named_in_a_keras_file_is_never_called(tmp_path):
    planted, path = tmp_path / "planted", tmp_path / "model.h5"
    inputs = keras.Input((3,))
    keras.Model(inputs, keras.layers.Activation("relu", name="code")(inputs)).save(path)
    with h5py.File(path, "a") as file:
        content = json.loads(file.attrs["model_config"])
        [layer] = [layer for layer in content["config"]["layers"] if layer["config"]["name"] == "code"]
        layer["config"]["activation"] = {"module": "os", "class_name": "function", "config": "system"}
        layer["inbound_nodes"][0]["args"] = [f"touch {planted}"]
        file.attrs["model_config"] = json.dumps(content)
    assert "'system'" in refusal(path)
    assert not planted.exists()


def change(path, edit):
    """Edit a saved torch file's content in place."""
    content = torch.load(path, weights_only=True)
    edit(content)
    torch.save(content, path)


@pytest.mark.parametrize(
    "edit, reason",
    [
        (
            lambda content: content["state_dict"].update({"fc1.weight": torch.zeros(512, 5)}),
            "size mismatch for fc1.weight",
        ),
        (lambda content: content["state_dict"].pop("fc1.bias"), "fc1.bias"),
        (lambda content: content["metadata"]["config"].update(model="mlp5"), "Did you mean mlp"),
        (lambda content: content.pop("metadata"), "a checkpoint with a state dict under state_dict; --module"),
        (lambda content: content["metadata"]["config"].pop("seed"), "seed"),
        (lambda content: content.update(metadata=[]), "list indices"),
    ],
)
def test_a_torch_file_whose_parts_do_not_fit_is_refused_with_the_reason(edit, reason, tmp_path):
    save(tmp_path / "model.pt")
    change(tmp_path / "model.pt", edit)
    assert reason in refusal(tmp_path / "model.pt")


@pytest.mark.parametrize(
    "metadata, reason",
    [
        ('{"config": {"model": "mlp1"}}', "config must hold every field once"),
        ('{"epoch": 1}', "'config'"),
        ("[1]", "list indices"),
        ("{", "line 1 column 2"),
    ],
)
def test_a_keras_file_whose_metadata_is_not_the_suites_is_refused_with_the_reason(metadata, reason, tmp_path):
    save(tmp_path / "model.h5")
    with h5py.File(tmp_path / "model.h5", "a") as file:
        file.attrs["memorization_suite"] = metadata
    assert reason in refusal(tmp_path / "model.h5")


def test_derivatives_are_pytorchs_on_the_device_that_is_named_and_in_exact_float32(tmp_path, monkeypatch):
    for suffix in TRAINERS:
        save(tmp_path / f"model{suffix}")
    model = evaluator.load(tmp_path / "model.pt")
    monkeypatch.setattr(torch.backends.cudnn, "allow_tf32", True)
    assert model.derivatives("cpu").put(np.zeros(1)).device.type == "cpu" and not torch.backends.cudnn.allow_tf32
    monkeypatch.setattr("torch_models.trainer.find_device", {"named": torch.device("meta")}.get)
    assert model.derivatives("named").put(np.zeros(1)).device.type == "meta"
    with pytest.raises(ValueError, match="^a model must be PyTorch's, .* Received: .*model.h5$"):
        evaluator.load(tmp_path / "model.h5").derivatives()
