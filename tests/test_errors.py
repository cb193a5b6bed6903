"""Wrong names: one line with what is allowed, the nearest name and what was received."""

import pytest

from common.errors import check_choice, nearest

ALLOWED = ("sgd", "adam")


@pytest.mark.parametrize("value", ALLOWED)
def test_an_allowed_name_passes(value):
    check_choice("optimizer", value, iter(ALLOWED))


@pytest.mark.parametrize(
    "value, message",
    [
        ("sdg", "optimizer must be one of sgd, adam. Did you mean sgd? Received: optimizer='sdg'"),
        ("ADAM", "optimizer must be one of sgd, adam. Did you mean adam? Received: optimizer='ADAM'"),
        ("lion", "optimizer must be one of sgd, adam. Received: optimizer='lion'"),
        (None, "optimizer must be one of sgd, adam. Received: optimizer=None"),
    ],
)
def test_any_other_is_refused_with_the_nearest_name(value, message):
    with pytest.raises(ValueError) as caught:
        check_choice("optimizer", value, ALLOWED)
    assert str(caught.value) == message


def test_a_name_that_is_not_near_has_no_nearest():
    assert nearest("mlp1-true-7", ["mlp1-true-8", "cnn"]) == " Did you mean mlp1-true-8?"
    assert nearest("x", ["cnn"]) == ""
