"""Items in groups."""

from common.groups import grouped


def test_items_are_grouped_by_their_key_in_the_order_in_which_they_come():
    groups = grouped(iter(["b1", "a1", "b2"]), lambda text: text[0])
    assert groups == {"b": ["b1", "b2"], "a": ["a1"]} and list(groups) == ["b", "a"]
    assert grouped([], len) == {}
