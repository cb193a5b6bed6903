"""Images are laid out as a network takes them, which is found by trying, and asked for where it cannot be told."""

import numpy as np
import pytest

from common.data.layouts import Arrangement, find
from common.errors import Undeclared

IMAGES = np.arange(2 * 2 * 3 * 3, dtype=np.float32).reshape(2, 2, 3, 3)


def takes(*shape, outputs=lambda x: x.reshape(len(x), -1).sum(1, keepdims=True)):
    """A network for inputs of one shape."""

    def predict(inputs):
        if inputs.shape[1:] != shape:
            raise ValueError(f"no {inputs.shape}")
        return outputs(inputs)

    return predict


@pytest.mark.parametrize(
    "shape, network, expected",
    [
        ((4, 5, 3), (4, 5, 3), Arrangement("nhwc", "image")),
        ((4, 5, 3), (3, 4, 5), Arrangement("nchw", "image")),
        ((4, 5, 1), (1, 4, 5), Arrangement("nchw", "image")),
        ((4, 5, 1), (4, 5), Arrangement("nhwc", "plane")),
        ((4, 5, 1), (20,), Arrangement("nhwc", "flat")),
        ((4, 5, 3), (60,), Arrangement("nhwc", "flat")),  # of which only the sum matters
    ],
)
def test_the_one_way_that_a_network_takes_images_is_found(shape, network, expected):
    assert find(takes(*network), shape) == expected


def test_of_two_ways_that_differ_one_must_be_named():
    first = takes(60, outputs=lambda x: x[:, :5])
    with pytest.raises(Undeclared, match="layout must be named, as the network takes both .*--layout nchw .* nhwc"):
        find(first, (4, 5, 3))
    for layout in ("nhwc", "nchw"):
        assert find(first, (4, 5, 3), layout) == Arrangement(layout, "flat")
    with pytest.raises(ValueError, match="layout must be one of nhwc, nchw"):
        find(first, (4, 5, 3), "nhcw")


def test_a_network_for_other_images_is_refused_with_its_reasons():
    with pytest.raises(
        ValueError, match=r"it must take the data's shape, \(4, 5, 3\).*nhwc: no \(2, 4, 5, 3\); nchw: no"
    ):
        find(takes(7, 7, 3), (4, 5, 3))


def test_what_must_be_declared_is_asked_for_at_once():
    def predict(inputs):
        raise Undeclared("output must be named")

    with pytest.raises(Undeclared, match="^output must be named$"):
        find(predict, (4, 5, 3))


def test_arrangements_lay_out_images_and_put_layers_back():
    first = Arrangement("nchw", "image")
    np.testing.assert_array_equal(first(IMAGES), IMAGES.transpose(0, 3, 1, 2))
    np.testing.assert_array_equal(first.rows(first(IMAGES)), IMAGES.reshape(2, -1))
    assert first.shape((3, 2, 5)) == (2, 5, 3) and first.shape((7,)) == (7,)
    flat = Arrangement("nchw", "flat")
    np.testing.assert_array_equal(flat(IMAGES), IMAGES.transpose(0, 3, 1, 2).reshape(2, -1))
    np.testing.assert_array_equal(Arrangement("nhwc", "plane")(IMAGES[..., :1]), IMAGES[..., 0])
    np.testing.assert_array_equal(first(IMAGES[0, 0]), IMAGES[0, 0])  # no images
    assert Arrangement("nhwc", "image").shape((3, 2, 5)) == (3, 2, 5)
    assert first.rows(IMAGES.astype(np.float64)).dtype == np.float32
