"""The search for critical samples against closed forms of linear classifiers, and against weaker searches."""

import dataclasses

import numpy as np
import pytest
import torch
from scipy.special import softmax

from common.analysis.critical_samples import critical
from common.data import datasets
from common.data.preprocessing import pixel_scale, standardize
from common.runs.critical_points import Search, critical_points
from torch_models.derivatives import Derivatives
from torch_models.mlp import MLP

pytestmark = pytest.mark.slow

ONE = np.ones(1, np.float32)
PLAIN = Search(radius=0.3, step=0.25, noise=0.0, iterations=5)


class Linear:
    """A linear classifier of flattened inputs in numpy, which notes the points that it is asked about."""

    def __init__(self, weights, biases=0.0, seed=0):
        self.weights, self.biases, self.generator = weights, biases, np.random.default_rng(seed)
        self.asked = []

    def logits(self, x):
        self.asked.append(x)
        return x.reshape(len(x), -1) @ self.weights + self.biases

    def predictions(self, x):
        return self.logits(x).argmax(1)

    def ascent(self, x, labels=None):
        logits = self.logits(x)
        predictions, share = logits.argmax(1), softmax(logits, axis=1)
        share[np.arange(len(x)), predictions if labels is None else labels] -= 1
        return predictions, np.sign(share @ self.weights.T).reshape(x.shape)

    def normal(self, x):
        return self.generator.standard_normal(x.shape)


class Torch(Derivatives):
    """The same classifier in PyTorch."""

    def __init__(self, weights, biases=0.0):
        model = MLP(weights.shape[:1], weights.shape[1], ())
        with torch.no_grad():
            model.logits.weight.copy_(torch.from_numpy(weights.T))
            model.logits.bias.copy_(torch.as_tensor(biases))
        super().__init__(model)


def inputs(*shape, seed=1):
    return np.random.default_rng(seed).standard_normal(shape)


WEIGHTS = inputs(12, 2, seed=0)


def test_of_two_classes_exactly_those_are_critical_whose_margin_can_be_closed_within_the_box():
    x, scale = inputs(300, 2, 2, 3), np.array([0.5, 1, 2])
    logits = x.reshape(300, -1) @ WEIGHTS + 0.1
    reach = 0.3 * np.abs(WEIGHTS[:, 0] - WEIGHTS[:, 1]) @ np.tile(scale, 4)
    expected = np.abs(logits[:, 0] - logits[:, 1]) < reach
    assert 50 < expected.sum() < 250
    for scaled in (1, 1000):  # also where a softmax in float32 is exactly 0 or 1
        twin = Torch(scaled * WEIGHTS, scaled * 0.1)
        found = critical(twin, torch.from_numpy(x).float(), PLAIN, torch.from_numpy(scale).float())
        np.testing.assert_array_equal(found, expected)
    np.testing.assert_array_equal(critical(Linear(WEIGHTS, 0.1), x, PLAIN, scale), expected)


def test_in_numpy_and_in_torch_the_same_samples_are_found_and_the_same_points_reached():
    weights, x = inputs(4, 5), inputs(100, 4)
    network, twin = Linear(weights), Torch(weights)
    found = critical(network, x, PLAIN, ONE)
    assert 10 < found.sum() < 90
    np.testing.assert_array_equal(critical(twin, torch.from_numpy(x).float(), PLAIN, torch.ones(1)), found)
    points = critical_points(twin, torch.from_numpy(x).float(), PLAIN, torch.ones(1))
    np.testing.assert_allclose(critical_points(network, x, PLAIN, ONE), points, atol=1e-6)
    np.testing.assert_array_equal(network.predictions(points.numpy()) != network.predictions(x), found)


def test_points_stay_within_the_box_of_each_channel_and_without_noise_reach_its_corners():
    scale = np.array([0.5, 1, 2])
    for search in (PLAIN, Search(noise=5.0, iterations=30)):
        network, x = Linear(np.zeros((12, 2))), inputs(3, 2, 2, 3)
        network.weights[:, 1] = 1e-9  # the second class is never reached
        network.biases = np.array([1.0, 0.0])
        assert not critical(network, x, search, scale).any()
        assert len(network.asked) == search.iterations + 1
        moved = np.abs(np.array(network.asked) - x)
        assert (moved <= 0.3 * scale + 1e-12).all()
        np.testing.assert_array_equal(moved[0], 0)
        assert not np.array_equal(network.asked[1], network.asked[-1])
        if search == PLAIN:
            np.testing.assert_allclose(moved[1], np.broadcast_to(0.25 * scale, x.shape))
            np.testing.assert_allclose(moved[2:], np.broadcast_to(0.3 * scale, (4, *x.shape)))


def test_what_is_found_is_searched_no_further_and_all_is_found_with_one_pass_for_each_iteration():
    network, x = Linear(WEIGHTS), 0.3 * inputs(200, 12)
    found = critical(network, x, Search(radius=0.1, step=0.02, noise=0.1, iterations=20), ONE)
    sizes = [len(points) for points in network.asked]
    assert len(sizes) == 21 and sizes == sorted(sizes, reverse=True) and len(set(sizes)) > 3
    assert 200 - sizes[-1] <= found.sum() < 200
    network.asked.clear()
    assert critical(network, x[:20], Search(radius=100.0, step=50.0), ONE).all() and len(network.asked) < 10


class Crossing(Linear):
    """Says another class at its second and third time only."""

    def logits(self, x):
        crossed = len(self.asked) in (1, 2)
        return super().logits(x) + (1000 * crossed) * np.array([-1, 1])


def test_a_sample_that_once_had_another_class_stays_critical():
    network = Crossing(WEIGHTS, np.array([500.0, 0.0]))
    assert critical(network, inputs(5, 12), PLAIN, ONE).all() and len(network.asked) == 2


def test_a_point_stays_where_it_first_has_another_class_and_others_go_on():
    network, search = Linear(WEIGHTS), Search(radius=0.2, step=0.02, noise=0.1, iterations=20)
    last = critical_points(network, 0.3 * inputs(200, 12), search, ONE)
    assert len(network.asked) == 20
    path = np.array([*network.asked, last])
    crossed = (path @ WEIGHTS).argmax(2) != (path[0] @ WEIGHTS).argmax(1)
    moved = (path[1:] != path[:-1]).any(2)
    np.testing.assert_array_equal(moved, ~crossed[:-1])
    assert 20 < crossed[-1].sum() < 180 and len(set(crossed.sum(0))) > 5


def test_a_search_of_all_iterations_reads_nothing_back_from_the_device():
    network = Derivatives(MLP((12,), 3, (4,)).to("meta"))  # tensors without values
    x, scale = (torch.empty(*shape, device="meta") for shape in ((5, 12), (1,)))
    assert critical_points(network, x, Search(), scale).shape == x.shape
    with pytest.raises((NotImplementedError, RuntimeError)):
        critical(network, x, Search(), scale)


def test_in_a_box_without_size_nothing_is_critical():
    network, x = Linear(inputs(12, 10)), inputs(50, 12)
    assert not critical(network, x, Search(radius=0.0), ONE).any()
    np.testing.assert_array_equal(critical_points(network, x, Search(radius=0.0), ONE), x)


@pytest.fixture(scope="module")
def digits():
    """A small network that has learned the embedded digits, and the test inputs."""
    data = datasets.load("digits")
    torch.manual_seed(0)
    model = MLP((8, 8, 1), 10, (32,))
    x, labels = torch.from_numpy(standardize(data.x_train, "zero_one", None)), torch.from_numpy(data.y_train)
    optimizer = torch.optim.Adam(model.parameters(), 0.01)
    for _ in range(60):
        optimizer.zero_grad()
        torch.nn.functional.cross_entropy(model(x), labels).backward()
        optimizer.step()
    return Derivatives(model), torch.from_numpy(standardize(data.x_test, "zero_one", None))


def count(digits, search):
    network, x = digits
    network.seed(1)
    return int(critical(network, x, search, torch.from_numpy(pixel_scale("zero_one", None))).sum())


SEARCH = Search(radius=24.0, step=10.0, noise=8.0, iterations=20)


def test_more_room_and_more_iterations_find_no_fewer(digits):
    radii = [count(digits, dataclasses.replace(SEARCH, radius=radius)) for radius in (0.0, 6.0, 12.0, 24.0, 48.0)]
    assert radii == sorted(radii) and radii[0] == 0 < radii[1] < radii[-1]
    longer = [count(digits, dataclasses.replace(SEARCH, step=2.0, iterations=number)) for number in (1, 2, 5, 20)]
    assert longer == sorted(longer) and longer[0] < longer[-1]


def test_the_search_finds_what_one_step_and_noise_alone_find_and_more(digits):
    fast_gradient_sign = Search(SEARCH.radius, step=SEARCH.radius, noise=0.0, iterations=1)
    by_noise_alone = dataclasses.replace(SEARCH, step=0.0)
    one_step, noise, all_of_it = (count(digits, search) for search in (fast_gradient_sign, by_noise_alone, SEARCH))
    assert 0 < noise < one_step <= all_of_it < 360


def test_the_defaults_are_the_papers():
    assert dataclasses.astuple(Search()) == (0.3, 0.25, 0.2, 100)


@pytest.mark.parametrize(
    "wrong", [{"radius": -0.1}, {"step": -1.0}, {"noise": float("nan")}, {"radius": float("inf")}, {"iterations": 0}]
)
def test_wrong_settings_are_one_line(wrong):
    ((name, value),) = wrong.items()
    with pytest.raises(ValueError, match=f"^{name} must be .*Received: {name}={value}$"):
        Search(**wrong)
