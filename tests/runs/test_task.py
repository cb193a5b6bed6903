"""The examples of a run: subset, corruption and held-out examples, each from its own stream."""

import dataclasses

import numpy as np
import pytest
from scipy import stats

from common.data import datasets
from common.data.corruption import IMAGE_RULES, LABEL_RULES, corrupt_images, corrupt_labels
from common.data.inputs import KINDS, ImageInputs, make
from common.data.preprocessing import channel_statistics, downscale
from common.runs.config import Config
from common.runs.task import check_kind, corrupt, prepare, stratified_subset, untouched

CONFIG = Config(dataset="digits", train_size=400, validation_size=100, corruption="uniform", corruption_fraction=0.5)
CLEAN = dataclasses.replace(CONFIG, corruption="none", corruption_fraction=0.0)
DIGITS = datasets.load("digits")
RARE = np.random.default_rng(0).choice(4, 1000, p=[0.7, 0.2, 0.08, 0.02])


@pytest.mark.parametrize("size", [1, 10, 33, 100, 500, 999, 1000])
def test_a_subset_keeps_the_share_of_every_class_to_within_one_example(size):
    kept = stratified_subset(RARE, size, 0)
    assert len(set(kept)) == len(kept) == size and np.all(np.diff(kept) > 0)
    shares = size * np.bincount(RARE) / len(RARE)
    assert np.all(np.abs(np.bincount(RARE[kept], minlength=4) - shares) <= 1)


def test_a_subset_holds_every_smaller_one_and_is_the_same_for_the_same_seed():
    subsets = [set(stratified_subset(RARE, size, 0)) for size in (50, 120, 400)]
    assert subsets[0] < subsets[1] < subsets[2] == set(stratified_subset(RARE, 400, 0))
    assert len(subsets[2] & set(stratified_subset(RARE, 400, 1))) < 300
    np.testing.assert_array_equal(stratified_subset(RARE, None, 0), np.arange(1000))


def test_arrays_align_with_the_data_sets_own_indices():
    task = prepare(CLEAN)
    for examples, x, y in (
        (task.train, DIGITS.x_train, DIGITS.y_train),
        (task.validation, DIGITS.x_train, DIGITS.y_train),
        (task.test, DIGITS.x_test, DIGITS.y_test),
    ):
        np.testing.assert_array_equal(examples.inputs, x[examples.indices])
        np.testing.assert_array_equal(examples.labels, y[examples.indices])
        np.testing.assert_array_equal(examples.true_labels, y[examples.indices])
        assert not examples.corrupted.any()
    assert (len(task.train), len(task.validation), len(task.test)) == (300, 100, 360)
    assert task.num_classes == 10 and task.sha256 == DIGITS.sha256 and task.kind.shape == (8, 8, 1)
    np.testing.assert_array_equal(task.test.indices, np.arange(360))
    assert task.statistics["channel_statistics"] == channel_statistics(task.train.inputs)


def test_held_out_examples_are_part_of_the_subset_and_not_trained_on():
    task = prepare(CONFIG)
    kept = stratified_subset(DIGITS.y_train, 400, 0)
    assert sorted([*task.train.indices, *task.validation.indices]) == kept.tolist()
    for examples in (task.train, task.validation):
        assert np.all(np.diff(examples.indices) > 0)
    assert len(set(task.validation.indices) & set(kept[:100])) < 60  # drawn from all of them


@pytest.mark.parametrize("rule", LABEL_RULES)
def test_labels_are_corrupted_once_for_training_and_held_out_examples(rule):
    config = dataclasses.replace(CONFIG, corruption=rule)
    task, kept = prepare(config), stratified_subset(DIGITS.y_train, 400, 0)
    expected = np.full(len(DIGITS.y_train), -1)
    expected[kept] = corrupt_labels(DIGITS.y_train[kept], 10, rule, 0.5, 0)
    for examples in (task.train, task.validation):
        np.testing.assert_array_equal(examples.labels, expected[examples.indices])
        np.testing.assert_array_equal(examples.true_labels, DIGITS.y_train[examples.indices])
        np.testing.assert_array_equal(examples.corrupted, examples.labels != examples.true_labels)
        assert 0.3 < examples.corrupted.mean() < 0.65
        np.testing.assert_array_equal(examples.inputs, DIGITS.x_train[examples.indices])


@pytest.mark.parametrize("rule", LABEL_RULES)
def test_test_labels_are_corrupted_at_the_same_rate_and_only_beside_the_true_ones(rule):
    test = prepare(dataclasses.replace(CONFIG, corruption=rule)).test
    np.testing.assert_array_equal(test.true_labels, DIGITS.y_test)
    low, high = stats.binom.interval(1 - 1e-6, 360, 0.5 * (1 if rule == "other_class" else 0.9))
    assert low <= np.sum(test.labels != test.true_labels) <= high
    beside_training = corrupt_labels(DIGITS.y_test, 10, rule, 0.5, 0)
    assert np.any(test.labels != beside_training)  # another stream


@pytest.mark.parametrize("rule", IMAGE_RULES)
def test_corrupted_images_keep_their_labels_and_test_images_stay_whole(rule):
    config = dataclasses.replace(CONFIG, corruption=rule)
    task, kept = prepare(config), stratified_subset(DIGITS.y_train, 400, 0)
    expected, mask = corrupt_images(DIGITS.x_train[kept], rule, 0.5, 0)
    for examples in (task.train, task.validation):
        places = np.searchsorted(kept, examples.indices)
        np.testing.assert_array_equal(examples.inputs, expected[places])
        np.testing.assert_array_equal(examples.corrupted, mask[places])
        np.testing.assert_array_equal(examples.labels, DIGITS.y_train[examples.indices])
    changed = np.any(task.test.inputs != DIGITS.x_test, axis=(1, 2, 3))
    np.testing.assert_array_equal(task.test.corrupted, changed)
    assert changed.any() == (rule == "shuffled_pixels")


def test_a_network_trained_on_shuffled_pixels_is_tested_on_the_same_shuffle():
    config = dataclasses.replace(CONFIG, corruption="shuffled_pixels", corruption_fraction=1.0)
    where = np.tile(np.arange(64, dtype=np.uint8), (2, 1)).reshape(2, 8, 8, 1)
    examples = untouched(where, np.zeros(2, np.int64), np.arange(2))
    orders = [
        corrupt(config, ImageInputs((8, 8, 1), config), examples, 10, split).inputs[0].ravel()
        for split in ("", "test ")
    ]
    np.testing.assert_array_equal(*orders)
    test = prepare(config).test
    np.testing.assert_array_equal(test.inputs.reshape(360, 64), DIGITS.x_test.reshape(360, 64)[:, orders[0]])


def test_gaussian_statistics_are_the_configs():
    config = dataclasses.replace(CONFIG, corruption="gaussian", corruption_fraction=1.0)
    x = np.random.default_rng(0).integers([0, 100], [100, 256], (500, 4, 4, 2)).astype(np.uint8)
    means, examples = {}, untouched(x, np.zeros(500, np.int64), np.arange(500))
    for statistics in ("channel", "all"):
        changed = dataclasses.replace(config, gaussian_statistics=statistics)
        means[statistics] = corrupt(changed, ImageInputs((4, 4, 2), changed), examples, 10, "").inputs.mean((0, 1, 2))
    np.testing.assert_allclose(means["channel"], x.mean((0, 1, 2)), atol=2)
    np.testing.assert_allclose(means["all"], x.mean(), atol=5)


def same(one, other):
    return [
        np.array_equal(getattr(one, split).indices, getattr(other, split).indices)
        and np.array_equal(getattr(one, split).labels, getattr(other, split).labels)
        for split in ("train", "validation", "test")
    ]


@pytest.mark.parametrize(
    "changes, expected",
    [
        ({}, [True, True, True]),
        ({"seed": 1, "framework": "torch", "batch_size": 7}, [True, True, True]),
        ({"data_seed": 1}, [False, False, False]),
        ({"train_size": 300}, [False, False, True]),
        ({"test_size": 100}, [True, True, False]),
        ({"rotation": 25.0, "dropout": 0.5, "batch_norm": False}, [True, True, True]),
    ],
)
def test_examples_depend_on_the_data_seed_and_not_on_the_seed(changes, expected):
    assert same(prepare(CONFIG), prepare(dataclasses.replace(CONFIG, **changes))) == expected


def test_a_test_subset_is_stratified_and_from_its_own_stream():
    test = prepare(dataclasses.replace(CLEAN, test_size=100)).test
    assert len(test) == 100 and np.all(np.diff(test.indices) > 0)
    shares = 100 * np.bincount(DIGITS.y_test) / 360
    assert np.all(np.abs(np.bincount(test.true_labels) - shares) <= 1)
    np.testing.assert_array_equal(test.inputs, DIGITS.x_test[test.indices])
    np.testing.assert_array_equal(test.true_labels, DIGITS.y_test[test.indices])
    np.testing.assert_array_equal(test.indices, stratified_subset(DIGITS.y_test, 100, 0, "test "))
    beside_training = stratified_subset(DIGITS.y_test, 100, 0)
    assert len(set(test.indices) & set(beside_training)) < 50
    smaller, other = (
        prepare(dataclasses.replace(CLEAN, test_size=n, data_seed=s)).test for n, s in ((40, 0), (100, 1))
    )
    assert set(smaller.indices) < set(test.indices) != set(other.indices)
    assert same(prepare(dataclasses.replace(CLEAN, test_size=360)), prepare(CLEAN)) == [True] * 3


def test_the_labels_of_a_test_subset_are_corrupted_at_the_same_rate_and_beside_the_true_ones():
    test = prepare(dataclasses.replace(CONFIG, corruption="other_class", test_size=300)).test
    np.testing.assert_array_equal(test.true_labels, DIGITS.y_test[test.indices])
    low, high = stats.binom.interval(1 - 1e-6, 300, 0.5)
    assert low <= np.sum(test.labels != test.true_labels) == test.corrupted.sum() <= high


@pytest.mark.parametrize("shape", [(8, 6), (6, 8)])
def test_images_that_are_not_square_are_refused_where_they_would_be_turned(monkeypatch, shape):
    cut = dataclasses.replace(
        DIGITS, x_train=DIGITS.x_train[:, : shape[0], : shape[1]], x_test=DIGITS.x_test[:, : shape[0], : shape[1]]
    )
    monkeypatch.setattr(datasets, "load", lambda *_: cut)
    assert prepare(CONFIG).kind.shape == (*shape, 1)
    with pytest.raises(ValueError) as caught:
        prepare(dataclasses.replace(CONFIG, rotation=25.0))
    assert str(caught.value) == "rotation must be 0 where images are not square. Received: rotation=25.0"


@pytest.mark.parametrize(("crop", "factor"), [(8, 1), (28, 1), (4, 2)])
def test_a_random_crop_that_would_leave_images_whole_is_refused(crop, factor):
    config = dataclasses.replace(CONFIG, crop=crop, downscale=factor, random_crop=True)
    prepare(dataclasses.replace(config, random_crop=False)), prepare(dataclasses.replace(config, crop=3))
    with pytest.raises(ValueError) as caught:
        prepare(config)
    assert str(caught.value) == (
        f"crop must be smaller than images of {8 // factor} x {8 // factor} pixels for random_crop to change them. "
        f"Received: crop={crop}"
    )


def test_holding_examples_out_changes_no_label():
    known = prepare(dataclasses.replace(CONFIG, validation_size=0)).train
    for examples in dataclasses.astuple(prepare(CONFIG))[:2]:
        labels, indices = examples[1], examples[4]
        np.testing.assert_array_equal(labels, known.labels[np.searchsorted(known.indices, indices)])


def test_taking_places_takes_them_from_every_array():
    examples = prepare(CONFIG).train
    part = examples.take(np.array([5, 2]))
    assert len(part) == 2 and len(examples) == 300
    for field in dataclasses.fields(examples):
        np.testing.assert_array_equal(getattr(part, field.name), getattr(examples, field.name)[[5, 2]])


@pytest.mark.parametrize(
    "changes, message",
    [
        ({"train_size": 1438}, "train_size must be at most 1437. Received: train_size=1438"),
        ({"test_size": 361}, "test_size must be at most 360. Received: test_size=361"),
        (
            {"validation_size": 400},
            "validation_size must be below the 400 training examples. Received: validation_size=400",
        ),
    ],
)
def test_sizes_that_do_not_fit_are_refused(changes, message):
    with pytest.raises(ValueError) as caught:
        prepare(dataclasses.replace(CONFIG, **changes))
    assert str(caught.value) == message


def test_the_data_folder_is_the_callers(tmp_path):
    with pytest.raises(FileNotFoundError, match=str(tmp_path)):
        prepare(dataclasses.replace(CONFIG, dataset="mnist"), tmp_path)


def test_labels_from_a_file_are_those_of_the_whole_set_or_of_the_subset(tmp_path):
    config, true = dataclasses.replace(CONFIG, labels="labels.npy"), DIGITS.y_train
    shifted = (true + 1) % 10
    task = prepare(CONFIG)
    known = np.sort(np.concatenate([task.train.indices, task.validation.indices]))
    for labels in (shifted, shifted[known].astype(np.int8), shifted[:, None].astype(np.uint8), np.eye(10)[shifted]):
        np.save(tmp_path / "labels.npy", labels)
        for name in ("train", "validation"):
            examples = getattr(prepare(config, models=tmp_path), name)
            np.testing.assert_array_equal(examples.labels, shifted[examples.indices])
            np.testing.assert_array_equal(examples.true_labels, true[examples.indices])
            assert examples.corrupted.all() and examples.labels.dtype == np.int64
    np.testing.assert_array_equal(prepare(config, models=tmp_path).test.labels, task.test.labels)


@pytest.mark.parametrize(
    "labels, rule",
    [
        (np.arange(len(DIGITS.y_train)), "integers from 0 to 9"),
        (-DIGITS.y_train, "integers from 0 to 9"),
        (DIGITS.y_train / 2, "a .npy, .csv or .txt with a class for each example"),
        (np.repeat(DIGITS.y_train[:, None], 2, 1), "a .npy, .csv or .txt with a class for each example"),
        (np.char.add("digit ", DIGITS.y_train.astype(str)), "integers from 0 to 9"),
        (DIGITS.y_train[:7], "one for each of the 400 examples, or of the whole set of 1437"),
        (np.append(DIGITS.y_train, 0), "one for each of the 400 examples, or of the whole set of 1437"),
        (np.array(3), "a .npy, .csv or .txt with a class for each example"),
        (np.array([None]), "a .npy, .csv or .txt with a class for each example"),
    ],
    ids=str,
)
def test_a_file_of_wrong_labels_is_named_in_one_line(tmp_path, labels, rule):
    with pytest.raises(FileNotFoundError, match=r"^there is no file of labels .*labels.npy$"):
        prepare(dataclasses.replace(CONFIG, labels="labels.npy"), models=tmp_path)
    np.save(tmp_path / "labels.npy", labels)
    with pytest.raises(ValueError, match=f"^labels must be {rule}. Received: .*labels.npy") as caught:
        prepare(dataclasses.replace(CONFIG, labels="labels.npy"), models=tmp_path)
    assert "\n" not in str(caught.value)


def test_a_balanced_subset_has_as_many_examples_of_each_class_as_the_class_has():
    kept = stratified_subset(RARE, 100, 0, balanced=True)
    available = np.bincount(RARE, minlength=4)
    assert available[3] == 22
    np.testing.assert_array_equal(np.bincount(RARE[kept], minlength=4), [26, 26, 26, 22])
    assert set(kept) < set(stratified_subset(RARE, 120, 0, balanced=True))
    config = dataclasses.replace(CLEAN, balanced=True, train_size=500, test_size=100)
    task = prepare(config)
    known = np.concatenate([task.train.true_labels, task.validation.true_labels])
    assert set(np.bincount(known)) == {50} and set(np.bincount(task.test.true_labels)) == {10}


def test_downscaled_pixels_are_means_of_squares_of_pixels():
    x = np.arange(2 * 4 * 6 * 1, dtype=np.uint8).reshape(2, 4, 6, 1)
    np.testing.assert_array_equal(downscale(x, 2)[0, ..., 0], [[3.5, 5.5, 7.5], [15.5, 17.5, 19.5]])
    assert downscale(x, 1) is x
    task = prepare(dataclasses.replace(CLEAN, downscale=2))
    assert task.kind.shape == (4, 4, 1) and task.train.inputs.dtype == np.float32
    np.testing.assert_allclose(task.test.inputs.mean((1, 2)), DIGITS.x_test.mean((1, 2)), rtol=1e-5)
    with pytest.raises(ValueError, match=r"downscale must divide .* 8 and 8 pixels\. Received: downscale=3"):
        prepare(dataclasses.replace(CLEAN, downscale=3))


@pytest.mark.parametrize("rule", [*LABEL_RULES, *IMAGE_RULES])
def test_examples_held_out_clean_are_those_of_the_data_set(rule):
    config = dataclasses.replace(CONFIG, corruption=rule, corruption_fraction=0.8, clean_validation=True)
    task, same = prepare(config), prepare(dataclasses.replace(CLEAN))
    for name in ("inputs", "labels", "true_labels", "indices", "corrupted"):
        np.testing.assert_array_equal(getattr(task.validation, name), getattr(same.validation, name))
    np.testing.assert_array_equal(task.train.indices, same.train.indices)
    assert 0.6 < task.train.corrupted.mean() < 0.9


def test_unique_labels_are_a_class_for_each_example_and_nothing_is_tested():
    task = prepare(dataclasses.replace(CLEAN, validation_size=0, unique_labels=True))
    np.testing.assert_array_equal(task.train.labels, np.arange(400))
    np.testing.assert_array_equal(task.train.true_labels, np.arange(400))
    assert (task.num_classes, len(task.test), len(task.validation), task.train.corrupted.sum()) == (400, 0, 0, 0)


def test_settings_and_rules_of_another_kind_are_refused_in_one_line(monkeypatch):
    class Points(ImageInputs):
        name, rules = "points", ()

    monkeypatch.setitem(KINDS, "points", Points)
    assert make("points", dataclasses.replace(CLEAN, crop=5), (8, 8, 1)).input_shape == (5, 5, 1)
    message = r"^corruption must be a rule for labels or points\. Received: corruption='gaussian'$"
    with pytest.raises(ValueError, match=message):
        make("points", dataclasses.replace(CLEAN, corruption="gaussian"), (8, 8, 1))
    assert make("points", dataclasses.replace(CLEAN, corruption="uniform"), (8, 8, 1)).name == "points"
    check_kind(CLEAN, "points")
    for name, value in {"downscale": 2, "crop": 5, "rotation": 9.0, "adversarial_weight": 0.5}.items():
        config = dataclasses.replace(CLEAN, framework="torch", **{name: value})
        check_kind(config, "images")
        with pytest.raises(
            ValueError, match=rf"^{name} must be .* for points: it is for images\. Received: {name}={value}$"
        ):
            check_kind(config, "points")
    with pytest.raises(ValueError, match="^kind must be one of .*Received: "):
        make("sounds", CLEAN, (8, 8, 1))


@pytest.mark.parametrize("rotation, random_crop", [(0.0, False), (25.0, True)])
def test_the_kind_of_a_task_is_that_of_its_images_after_they_were_made_smaller(rotation, random_crop):
    config = dataclasses.replace(CLEAN, downscale=2, crop=3, rotation=rotation, random_crop=random_crop)
    kind = prepare(config).kind
    assert (kind.name, kind.shape, kind.input_shape) == ("images", (4, 4, 1), (3, 3, 1))
    assert list(kind.draw(0, 0, np.arange(2))) == (["offsets", "angles"] if random_crop else [])
