"""Layouts of the two frameworks: kernels both ways, names, and the order in which images are flattened."""

import inspect

import keras
import numpy as np
import pytest
import torch

import keras_models
import torch_models
from common.runs import initial_weights
from keras_models.files import Reader as KerasReader
from keras_models.files import named_variables
from torch_models.convert import from_canonical, to_canonical
from torch_models.files import Reader as TorchReader

pytestmark = pytest.mark.slow


@pytest.mark.parametrize(
    "layer, name, axes",
    [
        (torch.nn.Linear(3, 4), "kernel", (1, 0)),
        (torch.nn.Conv2d(4, 5, (2, 3)), "kernel", (2, 3, 1, 0)),
        (torch.nn.Conv2d(4, 5, (2, 3)), "bias", (0,)),
        (torch.nn.Embedding(3, 4), "embeddings", (0, 1)),
    ],
    ids=str,
)
def test_arrays_change_layout_entry_by_entry_and_return_with_the_same_bits(layer, name, axes):
    model = torch.nn.Sequential(layer)
    original = model.state_dict()["0.bias" if name == "bias" else "0.weight"].numpy().copy()
    weights = to_canonical(model)
    canonical = weights[f"0/{name}"]
    assert canonical.shape == tuple(original.shape[axis] for axis in axes) and canonical.flags.c_contiguous
    for place in np.ndindex(canonical.shape):
        source = [0] * len(axes)
        for axis, index in zip(axes, place, strict=True):
            source[axis] = index
        assert canonical[place] == original[tuple(source)]
    returned = from_canonical(weights, model)["0.bias" if name == "bias" else "0.weight"]
    assert returned.is_contiguous()
    np.testing.assert_array_equal(returned.numpy(), original)


def test_an_lstm_and_its_keras_twin_have_the_same_names_shapes_and_outputs():
    x = np.random.default_rng(0).standard_normal((2, 5, 3)).astype(np.float32)
    layer, twin = (
        keras.layers.LSTM(4, name="lstm"),
        torch.nn.ModuleDict({"lstm": torch.nn.LSTM(3, 4, batch_first=True)}),
    )
    layer.build(x.shape)
    torch.nn.init.zeros_(twin["lstm"].bias_hh_l0)
    shapes = {f"lstm/{weight.name}": tuple(weight.shape) for weight in layer.weights}
    assert {name: array.shape for name, array in to_canonical(twin).items()} == shapes
    weights = initial_weights.draw(shapes, "torch", 0)
    layer.set_weights([weights[name] for name in shapes])
    twin.load_state_dict(from_canonical(weights, twin))
    with torch.inference_mode():
        outputs = twin["lstm"](torch.from_numpy(x))[0][:, -1].numpy()
    np.testing.assert_allclose(outputs, keras.ops.convert_to_numpy(layer(x)), rtol=0, atol=1e-6)
    assert np.abs(outputs).max() > 0.01


def test_a_layer_of_unknown_layout_is_refused():
    with pytest.raises(ValueError, match=r"^a layer with weights must be one of Linear, .*Received: PReLU$"):
        to_canonical(torch.nn.Sequential(torch.nn.PReLU()))


def test_a_keras_convolution_and_its_torch_copy_compute_the_same():
    generator = np.random.default_rng(0)
    x = generator.standard_normal((2, 7, 6, 3)).astype(np.float32)
    kernel, bias = (generator.standard_normal(shape).astype(np.float32) for shape in ((3, 2, 3, 5), (5,)))
    convolution = keras.layers.Conv2D(5, (3, 2))
    convolution.build(x.shape)
    convolution.set_weights([kernel, bias])
    twin = torch.nn.Sequential(torch.nn.Conv2d(3, 5, (3, 2)))
    twin.load_state_dict(from_canonical({"0/bias": bias, "0/kernel": kernel}, twin))
    with torch.inference_mode():
        outputs = twin(torch.from_numpy(x).permute(0, 3, 1, 2)).permute(0, 2, 3, 1).numpy()
    np.testing.assert_allclose(outputs, keras.ops.convert_to_numpy(convolution(x)), rtol=0, atol=1e-5)
    np.testing.assert_array_equal(to_canonical(twin)["0/kernel"], kernel)


def test_state_dicts_keep_their_names_and_order_and_share_no_memory():
    model = torch_models.MODELS["mlp1"]((2, 2, 1), 3)
    state = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    weights = to_canonical(model)
    assert list(weights) == ["fc1/kernel", "fc1/bias", "logits/kernel", "logits/bias"]
    returned = from_canonical(dict(reversed(weights.items())), model)
    assert list(returned) == list(state)
    for name, tensor in state.items():
        torch.testing.assert_close(returned[name], tensor, rtol=0, atol=0)
    before = {name: array.copy() for name, array in weights.items()}
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(1)
    for name, array in weights.items():
        np.testing.assert_array_equal(array, before[name])


def test_batch_norm_has_keras_names_with_and_without_scale():
    scaled = torch_models.MODELS["wide_resnet_28_1"]((8, 8, 3), 4)
    names = [name.split("/")[1] for name in to_canonical(scaled) if name.startswith("block1-bn1/")]
    assert names == ["gamma", "beta", "moving_mean", "moving_variance"]
    assert "block1-conv2/kernel" in to_canonical(scaled)
    shifted = torch_models.MODELS["inception"]((8, 8, 3), 4)
    names = [name.split("/")[1] for name in to_canonical(shifted) if name.startswith("inception2-conv3x3-bn/")]
    assert names == ["beta", "moving_mean", "moving_variance"]


@pytest.mark.parametrize(
    "name, options", [*((name, {}) for name in keras_models.MODELS), ("inception", {"batch_norm": False})], ids=str
)
def test_a_model_and_its_twin_have_the_same_canonical_names_and_shapes(name, options):
    models = [models[name] for models in (keras_models.MODELS, torch_models.MODELS)]
    of_texts = "ids" in inspect.signature(models[0]).parameters
    shape, options = ((9,), {"ids": 30}) if of_texts else ((8, 8, 3), options)
    model, twin = (build(shape, 4, **options) for build in models)
    expected = {key: tuple(variable.shape) for key, variable in named_variables(model)}
    assert {key: array.shape for key, array in to_canonical(twin).items()} == expected


@pytest.mark.parametrize("row, column, channel", [(0, 0, 0), (0, 0, 2), (0, 4, 1), (3, 2, 1), (5, 4, 2)])
def test_a_pixel_reaches_the_unit_that_nhwc_order_says_in_both_frameworks(row, column, channel):
    place, unit = (row * 5 + column) * 3 + channel, 7
    weights = {
        "fc1/kernel": np.zeros((90, 512), np.float32), "fc1/bias": np.zeros(512, np.float32),
        "logits/kernel": np.zeros((512, 4), np.float32), "logits/bias": np.zeros(4, np.float32),
    }  # fmt: skip
    weights["fc1/kernel"][place, unit] = 1
    x = np.zeros((1, 6, 5, 3), np.float32)
    x[0, row, column, channel] = 2
    twin, model = torch_models.MODELS["mlp1"]((6, 5, 3), 4), keras_models.MODELS["mlp1"]((6, 5, 3), 4)
    twin.load_state_dict(from_canonical(weights, twin))
    for name in ("fc1", "logits"):
        model.get_layer(name).set_weights([weights[f"{name}/kernel"], weights[f"{name}/bias"]])
    for reader in (KerasReader(model, (6, 5, 3)), TorchReader(twin, (6, 5, 3))):
        np.testing.assert_array_equal(reader.features(x, "fc1"), 2 * np.eye(512, dtype=np.float32)[[unit]])
