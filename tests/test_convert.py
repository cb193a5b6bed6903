"""Layouts of the two frameworks: kernels both ways, names, and the order in which images are flattened."""

import keras
import numpy as np
import pytest
import torch

import keras_models
import torch_models
from keras_models.files import Reader as KerasReader
from keras_models.files import named_variables
from torch_models.convert import canonical_name, from_canonical, kernel_from_torch, kernel_to_torch, to_canonical
from torch_models.files import Reader as TorchReader


@pytest.mark.parametrize("shape, axes", [((5,), (0,)), ((4, 3), (1, 0)), ((5, 4, 2, 3), (2, 3, 1, 0))], ids=str)
def test_kernels_change_layout_entry_by_entry_and_return_with_the_same_bits(shape, axes):
    kernel = np.random.default_rng(0).standard_normal(shape).astype(np.float32)
    canonical = kernel_from_torch(kernel)
    assert canonical.shape == tuple(shape[axis] for axis in axes)
    for place in np.ndindex(canonical.shape):
        original = [0] * len(shape)
        for axis, index in zip(axes, place, strict=True):
            original[axis] = index
        assert canonical[place] == kernel[tuple(original)]
    assert canonical.flags.c_contiguous and kernel_to_torch(canonical).flags.c_contiguous
    np.testing.assert_array_equal(kernel_to_torch(canonical), kernel)


def test_a_keras_convolution_and_its_torch_copy_compute_the_same():
    generator = np.random.default_rng(0)
    x = generator.standard_normal((2, 7, 6, 3)).astype(np.float32)
    kernel, bias = (generator.standard_normal(shape).astype(np.float32) for shape in ((3, 2, 3, 5), (5,)))
    convolution = keras.layers.Conv2D(5, (3, 2))
    convolution.build(x.shape)
    convolution.set_weights([kernel, bias])
    twin = torch.nn.Sequential(torch.nn.Conv2d(3, 5, (3, 2)))
    twin.load_state_dict(from_canonical({"0/bias": bias, "0/kernel": kernel}, twin.state_dict()))
    with torch.inference_mode():
        outputs = twin(torch.from_numpy(x).permute(0, 3, 1, 2)).permute(0, 2, 3, 1).numpy()
    np.testing.assert_allclose(outputs, keras.ops.convert_to_numpy(convolution(x)), rtol=0, atol=1e-5)
    np.testing.assert_array_equal(to_canonical(twin.state_dict())["0/kernel"], kernel)


def test_state_dicts_keep_their_names_and_order_and_share_no_memory():
    model = torch_models.MODELS["mlp1"]((2, 2, 1), 3)
    state = model.state_dict()
    weights = to_canonical(state)
    assert list(weights) == ["fc1/kernel", "fc1/bias", "logits/kernel", "logits/bias"]
    assert canonical_name("block1.conv2.weight", state) == "block1-conv2/kernel"
    returned = from_canonical(dict(reversed(weights.items())), state)
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
    scaled = torch_models.MODELS["wide_resnet_28_1"]((8, 8, 3), 4).state_dict()
    names = [name.split("/")[1] for name in to_canonical(scaled) if name.startswith("block1-bn1/")]
    assert names == ["gamma", "beta", "moving_mean", "moving_variance"]
    shifted = torch_models.MODELS["inception"]((8, 8, 3), 4).state_dict()
    names = [name.split("/")[1] for name in to_canonical(shifted) if name.startswith("inception2-conv3x3-bn/")]
    assert names == ["beta", "moving_mean", "moving_variance"]


@pytest.mark.parametrize(
    "name, options", [*((name, {}) for name in keras_models.MODELS), ("inception", {"batch_norm": False})], ids=str
)
def test_a_model_and_its_twin_have_the_same_canonical_names_and_shapes(name, options):
    model, twin = (models[name]((8, 8, 3), 4, **options) for models in (keras_models.MODELS, torch_models.MODELS))
    expected = {key: tuple(variable.shape) for key, variable in named_variables(model)}
    assert {key: array.shape for key, array in to_canonical(twin.state_dict()).items()} == expected


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
    twin.load_state_dict(from_canonical(weights, twin.state_dict()))
    for name in ("fc1", "logits"):
        model.get_layer(name).set_weights([weights[f"{name}/kernel"], weights[f"{name}/bias"]])
    for reader in (KerasReader(model, (6, 5, 3)), TorchReader(twin, (6, 5, 3))):
        np.testing.assert_array_equal(reader.features(x, "fc1"), 2 * np.eye(512, dtype=np.float32)[[unit]])
