"""Derivatives of PyTorch's networks against closed forms, finite differences and PyTorch's own Hessian."""

import numpy as np
import pytest
import torch
from torch.nn.functional import cross_entropy

from torch_models import derivatives
from torch_models.cnn2 import CNN2
from torch_models.derivatives import Derivatives
from torch_models.mlp import MLP

pytestmark = pytest.mark.slow

SHAPE = (2, 2, 1)


@pytest.fixture(autouse=True)
def seeded():
    torch.manual_seed(0)


def examples(n=7, shape=SHAPE, classes=3):
    return torch.randn(n, *shape), torch.arange(n) % classes


def disturbed_cnn2():
    """In training mode, with batch norm, dropout and noise."""
    model = CNN2((6, 6, 1), 3, width=2, padding="same_stride_2", dropout=0.5, hidden_noise=1.0)
    model(torch.randn(20, 6, 6, 1))
    return model.train()


def finite_differences(function, x, step):
    """The gradient of a function by each coordinate."""
    moves = step * torch.eye(x.numel()).view(-1, *x.shape)
    return torch.stack([(function(x + move) - function(x - move)) / (2 * step) for move in moves]).view_as(x)


def test_the_ascent_is_that_of_the_cross_entropy_of_the_predictions_or_of_given_labels():
    model, (x, labels) = MLP(SHAPE, 3, (5,)), examples()
    own, signs = Derivatives(model).ascent(x)
    assert torch.equal(own, model(x).argmax(1)) and torch.equal(own, Derivatives(model).predictions(x))
    assert not torch.equal(own, labels) and not x.requires_grad
    again, given = Derivatives(model).ascent(x, labels)
    assert torch.equal(again, own) and not torch.equal(given, signs)
    model.double()
    for targets, found in ((own, signs), (labels, given)):
        gradient = finite_differences(lambda at, y=targets: cross_entropy(model(at), y), x.double(), 1e-5)
        assert (gradient.abs() > 1e-6).all() and torch.equal(found, gradient.sign().float())


def test_where_the_network_is_sure_the_ascent_is_what_it_is_elsewhere():
    model, (x, _) = MLP(SHAPE, 2, ()), examples()
    away = (model.logits.weight[1] - model.logits.weight[0]).sign().view(SHAPE)
    for bias in (10.0, 500.0):
        model.logits.bias.data = torch.tensor([bias, 0.0])
        assert torch.equal(Derivatives(model).ascent(x)[1], away.expand_as(x))


def test_a_network_in_training_is_asked_in_evaluation_mode_and_is_as_it_was():
    model = disturbed_cnn2()
    state = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    x, labels = examples(shape=(6, 6, 1))
    network = Derivatives(model)
    vector = np.ones(sum(network.sizes))

    def asked():
        return network.predictions(x), *network.ascent(x), network.hessian_product(x, labels, vector)

    first, second = asked(), asked()
    assert model.training and model.conv1.bn.training
    with torch.no_grad():
        model.eval()
        assert torch.equal(first[0], model(x).argmax(1))
    for one, other in ((first, second), (first, asked())):
        for found, expected in zip(one, other, strict=True):
            np.testing.assert_array_equal(found, expected)
    assert not model.training
    assert all(torch.equal(tensor, state[name]) for name, tensor in model.state_dict().items())
    assert all(parameter.grad is None for parameter in model.parameters())


def test_noise_is_standard_normal_from_pytorchs_generator_or_from_one_of_its_own():
    network, x = Derivatives(MLP(SHAPE, 3, ())), torch.zeros(5000, 2)
    torch.manual_seed(3)
    noise = network.normal(x)
    torch.manual_seed(3)
    assert torch.equal(noise, network.normal(x)) and not torch.equal(noise, network.normal(x))
    assert abs(float(noise.mean())) < 0.05 and abs(float(noise.std()) - 1) < 0.05
    network.seed(3)
    own, state = network.normal(x), torch.get_rng_state()
    network.seed(3)
    assert torch.equal(own, network.normal(x)) and torch.equal(state, torch.get_rng_state())
    network.seed(4)
    assert not torch.equal(own, network.normal(x))


def dense_hessian(model, x, labels):
    """PyTorch's own, by all parameters in their order."""
    names, values = zip(*model.named_parameters(), strict=True)
    sizes = [value.numel() for value in values]

    def loss(flat):
        parts = [part.view_as(value) for part, value in zip(flat.split(sizes), values, strict=True)]
        return cross_entropy(torch.func.functional_call(model, dict(zip(names, parts, strict=True)), x), labels)

    return torch.autograd.functional.hessian(loss, torch.cat([value.detach().flatten() for value in values])).numpy()


def product_matrix(model, x, labels):
    """The Hessian by its products with unit vectors."""
    network = Derivatives(model)
    unit = np.eye(sum(network.sizes))
    return np.stack([network.hessian_product(x, labels, row) for row in unit])


def test_hessian_products_are_pytorchs_in_batches_too(monkeypatch):
    model, (x, labels) = MLP(SHAPE, 3, (8, 6)), examples()
    expected = dense_hessian(model, x, labels)
    for batch in (250, 3):
        monkeypatch.setattr(derivatives, "BATCH", batch)
        found = product_matrix(model, x, labels)
        assert found.dtype == np.float64
        np.testing.assert_allclose(found, expected, atol=1e-6)
    assert np.linalg.eigvalsh(expected)[0] < -1e-3 < 0.1 < np.linalg.eigvalsh(expected)[-1]  # no second half is lost


def test_of_a_convolutional_network_they_are_those_of_its_evaluation_mode():
    model = disturbed_cnn2()
    x, labels = examples(shape=(6, 6, 1))
    network, generator = Derivatives(model), np.random.default_rng(0)
    vector = generator.standard_normal(sum(network.sizes)) / 100
    found = network.hessian_product(x, labels, vector)
    model.eval().double()
    parts = torch.from_numpy(vector).split(network.sizes)

    def gradient(step):
        with torch.no_grad():
            for parameter, part in zip(network.parameters, parts, strict=True):
                parameter += step * part.view_as(parameter)
        return torch.cat(
            [g.flatten() for g in torch.autograd.grad(cross_entropy(model(x.double()), labels), network.parameters)]
        )

    expected = (gradient(1e-5) - gradient(-2e-5)) / 2e-5
    np.testing.assert_allclose(found, expected, atol=2e-3 * float(expected.abs().max()))


@pytest.mark.parametrize("bias", [0.0, 12.0])
def test_of_softmax_regression_they_are_the_closed_form_also_where_the_network_is_sure(bias):
    model, (x, labels) = MLP(SHAPE, 3, ()), examples()
    with torch.no_grad():
        model.logits.bias[0] += bias  # of 12 leaves the other classes some 1e-5
        share = model.double()(x.double()).softmax(1).numpy()
        model.float()
    inputs = np.concatenate([x.flatten(1).numpy(), np.ones((7, 1))], axis=1).astype(np.float64)
    blocks = [np.kron(np.diag(p) - np.outer(p, p), np.outer(row, row)) for p, row in zip(share, inputs, strict=True)]
    order = np.argsort([5 * k + i for k in range(3) for i in range(4)] + [5 * k + 4 for k in range(3)])
    expected = np.mean(blocks, axis=0)
    found = product_matrix(model, x, labels)[np.ix_(order, order)]
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-5 * np.abs(expected).max())


def test_integrated_gradients_of_a_linear_network_are_exact_after_one_step():
    model, (x, labels) = MLP(SHAPE, 3, ()), examples()
    found, totals = Derivatives(model).integrated_gradients(x, torch.zeros(SHAPE), labels, 1)
    torch.testing.assert_close(found, x * model.logits.weight[labels].view(-1, *SHAPE))
    torch.testing.assert_close(found.sum((1, 2, 3)).double(), totals, atol=1e-6, rtol=1e-5)
    elsewhere, others = Derivatives(model).integrated_gradients(x, x.flip(0), labels, 1)
    torch.testing.assert_close(elsewhere, (x - x.flip(0)) * model.logits.weight[labels].view(-1, *SHAPE))
    assert not torch.allclose(others, totals)


def test_integrated_gradients_add_up_to_what_the_output_changes_by(monkeypatch):
    model, (x, labels) = disturbed_cnn2(), examples(4, (6, 6, 1))
    found, totals = Derivatives(model).integrated_gradients(x, torch.zeros(6, 6, 1), labels, 256)
    assert model.training and found.shape == x.shape
    torch.testing.assert_close(found.sum((1, 2, 3)).double(), totals, atol=2e-3 * float(totals.abs().max()), rtol=0)
    logits = model.eval()(torch.cat([x, torch.zeros(1, 6, 6, 1)])).double()
    torch.testing.assert_close(totals, logits[range(4), labels] - logits[4, labels])
    monkeypatch.setattr(derivatives, "BATCH", 7)
    torch.testing.assert_close(
        Derivatives(model).integrated_gradients(x, x[:0].new_zeros(6, 6, 1), labels, 256)[0], found
    )


def test_an_input_that_the_network_ignores_has_no_part():
    model, (x, labels) = MLP(SHAPE, 3, (5,)), examples()
    model.fc1.weight.data[:, 2] = 0
    found, _ = Derivatives(model).integrated_gradients(x, torch.ones(SHAPE), labels, 16)
    assert not found.flatten(1)[:, 2].any() and found.flatten(1)[:, [0, 1, 3]].all()
