"""Corruption: each rule does what it says at the rate it was asked for, and touches nothing else."""

import numpy as np
import pytest
from scipy import stats

from common.data import corruption, datasets
from common.data.corruption import (
    IMAGE_RULES,
    LABEL_RULES,
    RULES,
    TOKEN_RULES,
    corrupt_images,
    corrupt_labels,
    corrupt_texts,
)
from common.seeds import stream

CLASSES = 10
LABELS = np.random.default_rng(0).integers(CLASSES, size=20000)
HEIGHT, WIDTH, CHANNELS = 6, 5, 3


def images(n=300, seed=0):
    """Images whose values are all different within an image and lie in another range for each channel."""
    values = np.tile(np.arange(HEIGHT * WIDTH, dtype=np.uint8), (n, CHANNELS, 1))
    shuffled = np.random.default_rng(seed).permuted(values, axis=2) + np.uint8([[[0], [100], [200]]])
    return shuffled.transpose(0, 2, 1).reshape(n, HEIGHT, WIDTH, CHANNELS)


def positions(x):
    return x.reshape(len(x), HEIGHT * WIDTH, CHANNELS)


def assert_binomial(count, n, probability):
    """Within the interval that a right count leaves once in a million times."""
    low, high = stats.binom.interval(1 - 1e-6, n, probability)
    assert low <= count <= high


def test_every_rule_has_one_name():
    assert RULES == ("none", *LABEL_RULES, *IMAGE_RULES, *TOKEN_RULES) and len(set(RULES)) == len(RULES)


def test_a_rule_that_is_only_named_corrupts_nothing(monkeypatch):
    for kind in ("IMAGE_RULES", "TOKEN_RULES"):
        monkeypatch.setattr(corruption, kind, ("named",))
    with pytest.raises(NotImplementedError, match="named"):
        corrupt_images(np.zeros((2, 2, 2, 1), np.uint8), "named", 1.0, 0)
    with pytest.raises(NotImplementedError, match="named"):
        corruption.corrupt_texts(np.ones((2, 3), np.int32), "named", 1.0, 0, 5)


@pytest.mark.parametrize("fraction", [0.0, 0.1, 0.5, 0.9, 1.0])
@pytest.mark.parametrize("rule", ["uniform", "other_class", "ketha"])
def test_labels_change_at_the_requested_rate(rule, fraction):
    changed = corrupt_labels(LABELS, CLASSES, rule, fraction, 0) != LABELS
    redrawn_as_itself = 0 if rule == "other_class" else 1 / CLASSES
    assert_binomial(changed.sum(), len(LABELS), fraction * (1 - redrawn_as_itself))
    if fraction == 0:
        assert not changed.any()


def test_there_must_be_another_class():
    with pytest.raises(ValueError, match="other_class needs two classes or more. Received: num_classes=1"):
        corrupt_labels(np.zeros(5, int), 1, "other_class", 1.0, 0)


def test_other_class_never_redraws_the_true_class_and_draws_the_others_alike():
    corrupted = corrupt_labels(LABELS, CLASSES, "other_class", 1.0, 0)
    assert not np.any(corrupted == LABELS)
    steps = np.bincount((corrupted - LABELS) % CLASSES, minlength=CLASSES)[1:]
    assert stats.chisquare(steps).pvalue > 1e-3
    assert stats.chisquare(np.bincount(corrupted, minlength=CLASSES), np.full(CLASSES, 2000)).pvalue > 1e-3


@pytest.mark.parametrize("rule", ["uniform", "ketha"])
def test_the_other_rules_draw_every_class_alike_and_the_true_one_in_a_tenth(rule):
    corrupted = corrupt_labels(LABELS, CLASSES, rule, 1.0, 0)
    assert_binomial((corrupted == LABELS).sum(), len(LABELS), 1 / CLASSES)
    assert stats.chisquare(np.bincount((corrupted - LABELS) % CLASSES)).pvalue > 1e-3


@pytest.mark.parametrize("fraction", [0.2, 0.4, 0.6, 0.8, 1.0])
def test_ketha_is_the_papers_global_generator_with_seed_42(fraction):
    state = np.random.get_state()
    np.random.seed(42)
    mask = np.random.rand(len(LABELS)) <= fraction
    expected = LABELS.copy()
    expected[mask] = np.random.choice(CLASSES, mask.sum())
    np.random.set_state(state)
    for data_seed in (0, 1):
        np.testing.assert_array_equal(corrupt_labels(LABELS, CLASSES, "ketha", fraction, data_seed), expected)


@pytest.mark.data
def test_ketha_leaves_the_published_shares_of_mnist_unchanged(data_dir):
    labels = datasets.load("mnist", data_dir).y_train
    shares = [
        np.mean(corrupt_labels(labels, CLASSES, "ketha", fraction, 0) == labels) for fraction in (0.2, 0.4, 0.6, 0.8, 1)
    ]
    np.testing.assert_array_equal(np.round(shares, 4), [0.8204, 0.6411, 0.4616, 0.2787, 0.1002])


@pytest.mark.parametrize("rule", ["uniform", "other_class"])
def test_labels_are_the_same_for_the_same_stream_and_others_for_another(rule):
    def draw(data_seed=0, name="labels"):
        return corrupt_labels(LABELS, CLASSES, rule, 0.5, data_seed, name)

    first = draw()
    corrupt_images(images(), "random_scalars", 0.5, 0)
    np.random.seed(0)
    np.testing.assert_array_equal(draw(), first)
    for other in (draw(data_seed=1), draw(name="test labels")):
        assert np.mean(other != first) > 0.3


@pytest.mark.parametrize("rule", ["uniform", "other_class"])
def test_more_corruption_keeps_the_labels_that_less_of_it_changed(rule):
    less, more = (corrupt_labels(LABELS, CLASSES, rule, fraction, 0) for fraction in (0.2, 0.6))
    changed = less != LABELS
    np.testing.assert_array_equal(less[changed], more[changed])


@pytest.mark.parametrize("rule", LABEL_RULES)
def test_labels_that_are_given_stay_as_they_are(rule):
    given = LABELS.copy()
    given.flags.writeable = False
    corrupted = corrupt_labels(given, CLASSES, rule, 0.5, 0)
    assert corrupted.dtype == np.int64 and corrupted.shape == given.shape and not np.shares_memory(corrupted, given)


@pytest.mark.parametrize("fraction", [0.0, 0.3, 1.0])
@pytest.mark.parametrize("rule", IMAGE_RULES)
def test_images_outside_the_mask_are_bit_identical_and_all_inside_differ(rule, fraction):
    given = images()
    given.flags.writeable = False
    corrupted, mask = corrupt_images(given, rule, fraction, 0)
    assert_binomial(mask.sum(), len(given), fraction)
    assert mask.dtype == bool and corrupted.shape == given.shape
    assert corrupted.dtype == (np.float32 if rule == "gaussian" else np.uint8)
    np.testing.assert_array_equal(corrupted[~mask], given[~mask])
    assert np.all(np.any(corrupted[mask] != given[mask], axis=(1, 2, 3)))
    np.testing.assert_array_equal(given, images())


@pytest.mark.parametrize("rule", IMAGE_RULES)
def test_images_are_the_same_for_the_same_stream_and_others_for_another_seed(rule):
    first, mask = corrupt_images(images(), rule, 0.5, 0)
    corrupt_labels(LABELS, CLASSES, "uniform", 0.5, 0)
    again, same_mask = corrupt_images(images(), rule, 0.5, 0)
    np.testing.assert_array_equal(first, again)
    np.testing.assert_array_equal(mask, same_mask)
    for other, other_mask in (
        corrupt_images(images(), rule, 0.5, 1),
        corrupt_images(images(), rule, 0.5, 0, "test images"),
    ):
        assert np.any(mask != other_mask)
        both = mask & other_mask
        if rule != "shuffled_pixels":
            assert np.all(np.any(first[both] != other[both], axis=(1, 2, 3)))


def test_shuffled_pixels_are_one_permutation_for_all_images_of_both_splits():
    where = np.tile(np.arange(HEIGHT * WIDTH, dtype=np.uint8)[:, None], (4, 1, CHANNELS))
    where = where.reshape(4, HEIGHT, WIDTH, CHANNELS)
    order = positions(corrupt_images(where, "shuffled_pixels", 1.0, 0)[0])[0, :, 0]
    assert sorted(order) == list(range(HEIGHT * WIDTH)) and np.mean(order != np.arange(HEIGHT * WIDTH)) > 0.8
    for name in ("images", "test images"):
        corrupted, mask = corrupt_images(images(), "shuffled_pixels", 0.7, 0, name)
        np.testing.assert_array_equal(positions(corrupted)[mask], positions(images())[mask][:, order])
    other = positions(corrupt_images(where, "shuffled_pixels", 1.0, 1)[0])[0, :, 0]
    assert np.any(other != order)


def as_sets(x):
    """Each image's multiset of pixels, channels tied, in a canonical order."""
    tied = positions(x).astype(np.int64) @ [1, 1000, 1000000]
    return np.sort(tied, axis=1)


def test_random_pixels_keep_each_images_pixels_and_shuffle_each_anew():
    corrupted, _ = corrupt_images(images(), "random_pixels", 1.0, 0)
    np.testing.assert_array_equal(as_sets(corrupted), as_sets(images()))
    same = np.tile(images(1), (100, 1, 1, 1))
    shuffled = corrupt_images(same, "random_pixels", 1.0, 0)[0]
    assert len({image.tobytes() for image in shuffled}) == 100
    counts = np.bincount(shuffled[:, 0, 0, 0], minlength=HEIGHT * WIDTH)
    assert counts.max() <= 12  # every pixel comes to the first place alike: 100 / 30 on average


def test_random_scalars_keep_each_images_values_but_not_its_pixels():
    corrupted, _ = corrupt_images(images(), "random_scalars", 1.0, 0)
    flat = (np.sort(x.reshape(len(x), -1), axis=1) for x in (corrupted, images()))
    np.testing.assert_array_equal(*flat)
    assert np.all(np.any(as_sets(corrupted) != as_sets(images()), axis=1))
    high = np.mean(corrupted >= 200, axis=(0, 1, 2))
    np.testing.assert_allclose(high, 1 / 3, atol=0.03)  # values leave their channel


@pytest.mark.parametrize("statistics", ["channel", "all"])
def test_gaussian_images_have_the_mean_and_variance_of_the_data(statistics):
    given = images(3000)
    corrupted, _ = corrupt_images(given, "gaussian", 1.0, 0, statistics=statistics)
    for channel in range(CHANNELS):
        data = given[..., channel] if statistics == "channel" else given
        values, n = corrupted[..., channel].ravel(), corrupted[..., channel].size
        assert abs(values.mean() - data.mean()) < 5 * data.std() / np.sqrt(n)
        assert abs(values.std() / data.std() - 1) < 5 / np.sqrt(2 * n)
        assert stats.kstest((values - data.mean()) / data.std(), "norm").pvalue > 1e-3
    assert corrupted.min() < 0  # nothing is clipped


def test_gaussian_noise_is_drawn_with_the_statistics_of_untouched_images_too():
    given = images(2000)
    given[:1000] = 0
    corrupted, mask = corrupt_images(given, "gaussian", 0.2, 0)
    np.testing.assert_allclose(corrupted[mask].mean((0, 1, 2)), given.mean((0, 1, 2)), rtol=0.05)


@pytest.mark.parametrize("corrupt", [corrupt_labels, lambda labels, n, *rest: corrupt_images(images(), *rest)])
@pytest.mark.parametrize("rule", ["none", "unifrom", ""])
def test_an_unknown_rule_is_refused(corrupt, rule):
    with pytest.raises(ValueError, match=f"^rule must be one of .* Received: rule='{rule}'$"):
        corrupt(LABELS, CLASSES, rule, 0.5, 0)


def texts(n=300, seed=0, width=12, number=40):
    """Padded on the left, of 1 word to `width`."""
    generator = np.random.default_rng(seed)
    lengths = generator.integers(1, width + 1, (n, 1))
    return np.where(np.arange(width) < width - lengths, 0, generator.integers(1, number, (n, width))).astype(np.int32)


def corrupted_texts(rule, x, fraction=1.0, data_seed=0, name="texts"):
    return corrupt_texts(x, rule, fraction, data_seed, 40, name)


@pytest.mark.parametrize("fraction", [0.0, 0.3, 1.0])
@pytest.mark.parametrize("rule", TOKEN_RULES)
def test_texts_outside_the_mask_and_all_padding_stay(rule, fraction):
    x = texts()
    kept = x.copy()
    found, mask = corrupted_texts(rule, x, fraction)
    np.testing.assert_array_equal(x, kept)
    assert_binomial(mask.sum(), len(x), fraction)
    np.testing.assert_array_equal(found[~mask], x[~mask])
    np.testing.assert_array_equal(found == 0, x == 0)
    assert found.dtype == np.int32 and found.max() < 40
    changed = (found != x).any(1)
    assert not changed[~mask].any() and changed[mask].sum() >= 0.6 * mask.sum()  # short texts may stay by chance


@pytest.mark.parametrize("rule", TOKEN_RULES)
def test_texts_are_the_same_for_the_same_stream_and_others_for_another_seed(rule):
    x = texts()
    np.testing.assert_array_equal(corrupted_texts(rule, x)[0], corrupted_texts(rule, x)[0])
    assert not np.array_equal(corrupted_texts(rule, x)[0], corrupted_texts(rule, x, data_seed=1)[0])
    same = np.array_equal(corrupted_texts(rule, x)[0], corrupted_texts(rule, x, name="test texts")[0])
    assert same == (rule in ("shuffled_words", "shuffled_vocabulary"))


def test_shuffled_words_follow_one_permutation_of_which_shorter_texts_take_the_first_places():
    width = 12
    order = stream(0, "word permutation").permutation(width)
    x = texts()
    found, _ = corrupted_texts("shuffled_words", x)
    for text, shuffled in zip(x, found, strict=True):
        words = text[text > 0]
        np.testing.assert_array_equal(shuffled[text > 0], words[np.argsort(order[: len(words)])])


def test_random_words_keep_each_texts_words_in_an_order_of_their_own():
    x = np.broadcast_to(np.arange(1, 13, dtype=np.int32), (400, 12))
    found, _ = corrupted_texts("random_words", x)
    np.testing.assert_array_equal(np.sort(found, axis=1), x)
    assert len(np.unique(found, axis=0)) > 390
    assert abs(found[:, 0].mean() - 6.5) < 0.6  # each place holds every word alike
    short = texts()
    np.testing.assert_array_equal(np.sort(corrupted_texts("random_words", short)[0]), np.sort(short))


def test_random_tokens_are_drawn_as_often_as_they_are_in_the_texts():
    x = np.where(np.random.default_rng(0).random((500, 12)) < 0.8, 5, 7).astype(np.int32)
    x[:, 0] = 0
    found, _ = corrupted_texts("random_tokens", x)
    assert_binomial((found == 5).sum(), 500 * 11, (x == 5).sum() / (500 * 11))
    assert set(np.unique(found)) == {0, 5, 7} and (found != x).any(1).mean() > 0.9


def test_a_shuffled_vocabulary_renames_words_one_for_one_and_leaves_the_unknown_one():
    x = texts(number=40)
    found, _ = corrupted_texts("shuffled_vocabulary", x)
    pairs = {(int(old), int(new)) for old, new in zip(x.ravel(), found.ravel(), strict=True)}
    assert len(pairs) == len({new for _, new in pairs}) == 40 and {(0, 0), (1, 1)} <= pairs
    assert sum(old != new for old, new in pairs) > 30


def test_embedding_rows_permuted_as_the_vocabulary_are_the_same_network():
    x, table = texts(), np.random.default_rng(1).standard_normal((40, 3))
    found, _ = corrupted_texts("shuffled_vocabulary", x)
    renamed = table.copy()
    renamed[found.ravel()] = table[x.ravel()]
    np.testing.assert_array_equal(renamed[found], table[x])


def test_an_unknown_rule_for_texts_is_refused():
    with pytest.raises(ValueError, match="^rule must be one of shuffled_words, .*Received: rule='gaussian'$"):
        corrupted_texts("gaussian", texts())
