"""Inception v3 and what it is trained with, against torchvision's network, TensorFlow's rules as loops, and itself."""

import dataclasses

import numpy as np
import pytest
import torch
import torchvision
from torch import nn
from torch.nn import functional

from common.data.epochs import draw
from common.data.inputs import ImageInputs
from common.runs import initial_weights
from common.runs.config import Config
from common.runs.task import prepare
from common.runs.trainers import make_trainer
from torch_models import MODELS
from torch_models.average import Average
from torch_models.batch_norm import BatchNorm, GroupedBatchNorm
from torch_models.inception_v3 import InceptionV3
from torch_models.rmsprop import RMSProp
from torch_models.trainer import Trainer

pytestmark = pytest.mark.slow

PUBLISHED = (299, 299, 3)
LAYERS = (nn.Conv2d, nn.Linear, nn.BatchNorm2d, BatchNorm)
NARROW = {"width": 2, "batch_norm_group": 4, "auxiliary_weight": 0.4}
DIGITS = Config(
    model="mlp1", framework="torch", dataset="digits", train_size=100, batch_size=32, crop=None, epochs=2, seed=3
)


def copy_layers(source, target):
    """Give a network the weights of another one whose layers come in the same order."""
    pairs = zip(
        *([each for each in net.modules() if isinstance(each, LAYERS)] for net in (source, target)), strict=True
    )
    for given, own in pairs:
        own.load_state_dict({name: value for name, value in given.state_dict().items() if "batches" not in name})


@pytest.mark.parametrize("scale, auxiliary, count", [
    (True, 0.4, 27_161_264), (True, 0.0, 23_834_568), (False, 0.4, 27_143_152), (False, 0.0, 23_817_352),
])  # fmt: skip
def test_inception_v3_has_as_many_parameters_as_torchvisions_or_less_the_scales(scale, auxiliary, count):
    with torch.device("meta"):
        model = InceptionV3(PUBLISHED, 1000, batch_norm_scale=scale, auxiliary_weight=auxiliary)
    assert sum(parameter.numel() for parameter in model.parameters()) == count
    convolutions = [layer for layer in model.modules() if isinstance(layer, nn.Conv2d)]
    norms = [layer for layer in model.modules() if isinstance(layer, BatchNorm)]
    assert len(convolutions) == len(norms) == (96 if auxiliary else 94)
    assert sum(len(norm.bias) for norm in norms) == (18_112 if auxiliary else 17_216)


def test_inception_v3_computes_what_torchvisions_network_does_with_its_weights():
    reference = torchvision.models.Inception3(init_weights=False, dropout=0.0)
    model = InceptionV3(PUBLISHED, 1000, batch_norm_scale=True, auxiliary_weight=0.4)
    copy_layers(reference, model)
    x = torch.randn(2, *PUBLISHED, generator=torch.Generator().manual_seed(0))
    images = x.permute(0, 3, 1, 2)
    with torch.no_grad():
        expected, (logits, taps) = reference.train()(images), model.train()(x, ("auxiliary",))
        torch.testing.assert_close((logits, taps["auxiliary"]), tuple(expected), rtol=0, atol=1e-5)
        torch.testing.assert_close(model.eval()(x), reference.eval()(images), rtol=0, atol=1e-5)


def test_alexnet_at_224_pixels_computes_what_torchvisions_network_does_with_its_weights():
    reference, model = torchvision.models.AlexNet().eval(), MODELS["alexnet_large"]((224, 224, 3), 1000).eval()
    copy_layers(reference, model)
    first = model.fc1.weight.data  # images are flattened with their channels last
    first.copy_(first.clone().unflatten(1, (256, 6, 6)).permute(0, 2, 3, 1).flatten(1))
    assert sum(parameter.numel() for parameter in model.parameters()) == 61_100_840
    x = torch.randn(2, 224, 224, 3, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        torch.testing.assert_close(model(x), reference(x.permute(0, 3, 1, 2)), rtol=0, atol=1e-5)


@pytest.mark.parametrize("side", [39, 64, 74, 75, 128])
def test_small_images_pass_and_a_narrow_network_has_channels_in_proportion(side):
    model = InceptionV3((side, side + 1, 3), 5, width=4, auxiliary_weight=0.4)
    logits, taps = model(torch.rand(2, side, side + 1, 3), model.layer_names)
    widths = {name: output.shape[-1] for name, output in taps.items()}
    assert (widths["conv_1a"], widths["mixed_5b"], widths["mixed_6e"], widths["mixed_7c"]) == (4, 32, 96, 256)
    assert logits.shape == taps["auxiliary"].shape == (2, 5)
    assert model.conv_1a.conv.stride == ((1, 1) if side < 75 else (2, 2))


def test_groups_are_normalized_as_batches_of_their_own_and_move_the_statistics_once():
    layer, whole = GroupedBatchNorm(3, 0.9, 1e-3, False, 4), BatchNorm(3, 0.9, 1e-3, False)
    x = torch.randn(10, 3, 5, 5, generator=torch.Generator().manual_seed(0))
    parts = x.split(4)
    torch.testing.assert_close(layer.train()(x), torch.cat([whole(part) for part in parts]))
    assert (layer.running_mean == 0).all() and (layer.running_var == 1).all()
    layer.move(10)
    means = sum(len(part) * part.mean((0, 2, 3)) for part in parts) / 10
    variances = sum(len(part) * part.var((0, 2, 3), correction=0) for part in parts) / 10
    torch.testing.assert_close(layer.running_mean, 0.1 * means)
    torch.testing.assert_close(layer.running_var, 0.9 + 0.1 * variances)
    layer.move(10)
    torch.testing.assert_close(layer.running_mean, 0.09 * means)  # of a step without examples
    assert torch.equal(layer.eval()(x), layer(x)) and (layer.totals == 0).all()


def test_rmsprop_follows_tensorflows_rule_over_changes_of_the_rate():
    generator = np.random.default_rng(0)
    weights, gradients = generator.standard_normal((3, 4)), generator.standard_normal((6, 3, 4))
    parameter = nn.Parameter(torch.tensor(weights))
    bias = nn.Parameter(torch.zeros(2, dtype=torch.float64))
    groups = [{"params": [parameter], "weight_decay": 0.1}, {"params": [bias], "weight_decay": 0.0}]
    optimizer = RMSProp(groups, 0.5, momentum=0.9, decay=0.8, epsilon=1.0)
    mean, step = np.ones((3, 4)), np.zeros((3, 4))
    for number, gradient in enumerate(gradients):
        rate = 0.5 if number < 3 else 0.1
        for group in optimizer.param_groups:
            group["lr"] = rate
        parameter.grad, bias.grad = torch.tensor(gradient), torch.ones(2, dtype=torch.float64)
        optimizer.step()
        gradient = gradient + 0.1 * weights
        mean = 0.8 * mean + 0.2 * gradient**2
        step = 0.9 * step + rate * gradient / np.sqrt(mean + 1.0)
        weights = weights - step
        np.testing.assert_allclose(parameter.detach().numpy(), weights, rtol=1e-12)
    assert (bias < 0).all()


def test_the_average_follows_by_tensorflows_rule():
    network = nn.Linear(2, 2)
    average, expected = Average(network, 0.5), network.weight.detach().clone()
    for number, value in enumerate([1.0, -2.0, 3.0, 5.0, 7.0, 2.0, 1.0, 4.0, 0.0, 9.0], 1):
        network.weight.data.fill_(value)
        average.follow()
        kept = min(0.5, (1 + number) / (10 + number))
        expected = kept * expected + (1 - kept) * value
        torch.testing.assert_close(average.copy.weight, expected)


def trained(config, epochs, trainer=None, task=None):
    task = task or prepare(config)
    trainer = trainer or make_trainer(config, task, "cpu")
    for epoch in epochs:
        trainer.train_epoch(draw(task.kind, config.seed, epoch, len(task.train)), config.learning_rate)
    return trainer


def test_what_is_evaluated_and_saved_is_the_average_and_training_goes_on_from_the_weights(tmp_path):
    config = dataclasses.replace(DIGITS, weight_average=0.9, optimizer="rmsprop", learning_rate=0.05)
    trainer, plain = (trained(each, [0]) for each in (config, dataclasses.replace(config, weight_average=0.0)))
    own, followed = trainer.get_weights(), plain.get_weights()
    assert all(not np.array_equal(own[name], followed[name]) for name in own)
    state = trainer.get_optimizer_state()
    assert all(np.array_equal(state[f"followed/{name}"], followed[name]) for name in own)
    again = make_trainer(config, prepare(config), "cpu")
    again.set_weights(own)
    again.set_optimizer_state(state)
    weights = [trained(config, [1], each).get_weights() for each in (trainer, again)]
    assert all(np.array_equal(weights[0][name], weights[1][name]) for name in own)
    trainer.save(tmp_path / "model.pt", {"config": dataclasses.asdict(config)})
    saved = torch.load(tmp_path / "model.pt")["state_dict"]["fc1.weight"]
    np.testing.assert_array_equal(saved.numpy().T, weights[0]["fc1/kernel"])


def test_labels_are_smoothed_and_the_second_head_has_its_weight_in_what_is_minimized_and_not_in_what_is_recorded():
    config = Config(model="inception_v3", framework="torch", crop=None, label_smoothing=0.1, batch_size=8, **NARROW)
    trainer = Trainer(config, ImageInputs((39, 39, 3), config), 5, device="cpu")
    generator = np.random.default_rng(0)
    images, labels = generator.integers(0, 256, (8, 39, 39, 3), np.uint8), generator.integers(0, 5, 8)
    trainer.put(images, labels)
    ((inputs, labels),) = trainer.batches(draw(ImageInputs((39, 39, 3), config), 0, 0, 8))
    first, second = heads = trainer.in_precision(inputs)
    target = 0.9 * functional.one_hot(labels, 5) + 0.1 / 5
    losses = [-(target * functional.log_softmax(logits, 1)).sum(1).mean() for logits in heads]
    torch.testing.assert_close(trainer.penalized(heads, labels), losses[0] + 0.4 * losses[1])
    trainer.update(inputs, labels)
    torch.testing.assert_close(trainer.loss.item() / 8, functional.cross_entropy(first, labels).item())
    assert trainer.model.auxiliary.logits.weight.grad.abs().max() > 0


def test_what_batch_norm_cannot_normalize_is_refused():
    config = Config(model="inception_v3", framework="torch", crop=None, batch_size=4, **NARROW)
    images, labels = np.zeros((9, 39, 39, 3), np.uint8), np.zeros(9, np.int64)
    with pytest.raises(ValueError, match="two examples or more .* Received: 9 examples in batches of 4"):
        Trainer(config, ImageInputs((39, 39, 3), config), 5, device="cpu").put(images, labels)
    twice = dataclasses.replace(config, adversarial_weight=0.5)
    with pytest.raises(ValueError, match="must be none with adversarial_weight. Received: batch_norm_group=4"):
        Trainer(twice, ImageInputs((39, 39, 3), twice), 5, device="cpu")


def test_an_example_left_alone_is_of_the_group_before_it():
    model = InceptionV3((39, 39, 3), 5, **NARROW).train()
    logits, taps = model(torch.rand(5, 39, 39, 3), ("auxiliary",))  # whose last layer has one value of each example
    assert logits.shape == taps["auxiliary"].shape == (5, 5)
    layer, x = GroupedBatchNorm(3, 0.9, 1e-3, False, 4).train(), torch.randn(9, 3, 1, 1)
    whole = BatchNorm(3, 0.9, 1e-3, False)
    torch.testing.assert_close(layer(x), torch.cat([whole(part) for part in (x[:4], x[4:])]))


def test_initial_kernels_are_cut_off_at_two_deviations_of_their_layers():
    shapes = {"conv_1a-conv/kernel": (3, 3, 3, 999), "logits/kernel": (2048, 9), "auxiliary-logits/kernel": (768, 9)}
    weights = initial_weights.draw({**shapes, "logits/bias": (9,)}, "inception_v3", 0)
    for name, deviation in zip(shapes, (0.1, 0.01, 0.001), strict=True):
        assert 1.9 * deviation < np.abs(weights[name]).max() <= 2 * deviation
        assert weights[name].std() == pytest.approx(0.8796 * deviation, rel=0.02)  # of the normal that is cut off
    assert (weights["logits/bias"] == 0).all()
