"""MASC against the paper's own formulation, its published numbers on raw MNIST and scikit-learn's contract."""

from functools import cache

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV, cross_val_score

from common.analysis.probes import BATCH, MASC, PROBES
from common.data import datasets
from common.data.corruption import corrupt_labels

SIZES = [{"components": 1}, {"components": 3}, {"variance": 0.5}, {"variance": 0.75}, {"variance": 0.99}]


def clusters(examples, dimensions=12, classes=4, seed=0):
    """Labelled examples whose classes lie near different subspaces; one class is rarer than the others."""
    generator = np.random.default_rng(seed)
    labels = np.minimum(generator.integers(classes + 1, size=examples), classes - 1)
    mixing = generator.standard_normal((classes, dimensions, dimensions)) * np.geomspace(3, 0.3, dimensions)[:, None]
    points = generator.standard_normal((examples, dimensions)) + 0.3
    return np.einsum("nd,nde->ne", points, mixing[labels]), labels


def paper_size(values, variance, components):
    ratios = np.cumsum(values) / np.sum(values)
    return components or int(np.sum(ratios <= variance)) + 1


def paper_prediction(features, labels, points, variance=None, components=None):
    """argmin of the angle as the paper puts it: negatives stacked, centred covariance, projection, arc cosine."""
    angles = []
    for name in np.unique(labels):
        rows = features[labels == name]
        values, vectors = np.linalg.eigh(np.cov(np.stack([rows, -rows], axis=1).reshape(-1, rows.shape[1]).T))
        basis = vectors[:, ::-1][:, : paper_size(values[::-1], variance, components)]
        projected = points @ basis @ basis.T
        cosine = np.sum(points * projected, axis=1) / np.linalg.norm(points, axis=1) / np.linalg.norm(projected, axis=1)
        angles.append(np.degrees(np.arccos(np.clip(cosine, -1, 1))))
    return np.unique(labels)[np.argmin(angles, axis=0)]


@pytest.mark.parametrize("examples", [400, 30], ids=["tall", "wide"])
@pytest.mark.parametrize("size", SIZES, ids=str)
def test_the_longest_projection_has_the_smallest_angle(size, examples):
    features, labels = clusters(examples)
    points, _ = clusters(1000, seed=1)
    predicted = MASC(**size).fit(features, labels).predict(points)
    assert np.bincount(predicted, minlength=4).min() > 0
    np.testing.assert_array_equal(predicted, paper_prediction(features, labels, points, **size))


@cache
def mnist(data_dir):
    data = datasets.load("mnist", data_dir)
    x_train, x_test = (
        ((x.reshape(len(x), -1) / 255 - 0.5) / 0.5).astype(np.float32) for x in (data.x_train, data.x_test)
    )
    return x_train, data.y_train, x_test, data.y_test


def correct_on_mnist(data_dir, fraction, **size):
    x_train, y_train, x_test, y_test = mnist(data_dir)
    masc = MASC(**size).fit(x_train, corrupt_labels(y_train, 10, "ketha", fraction, data_seed=0))
    return int(np.sum(masc.predict(x_test) == y_test)), round(float(np.mean(masc.n_components_)), 1)


@pytest.mark.data
@pytest.mark.parametrize(
    ("fraction", "correct", "mean_components"),
    [(0.0, 8234, 136.5), (0.2, 8321, 161.3), (0.4, 8255, 175.2), (0.6, 8027, 184.4), (0.8, 7108, 190.6)],
)
def test_published_counts_on_raw_mnist(data_dir, fraction, correct, mean_components):
    assert correct_on_mnist(data_dir, fraction, variance=0.99) == (correct, mean_components)


@pytest.mark.data
@pytest.mark.parametrize(
    ("size", "correct", "mean_components"), [({"components": 1}, 8081, 1.0), ({"variance": 0.75}, 7835, 2.0)], ids=str
)
def test_published_counts_on_raw_mnist_at_other_thresholds(data_dir, size, correct, mean_components):
    assert correct_on_mnist(data_dir, 0.4, **size) == (correct, mean_components)


@pytest.mark.parametrize("size", SIZES, ids=str)
def test_sign_and_scale_of_the_features_do_not_matter(size):
    features, labels = clusters(400)
    points, _ = clusters(1000, seed=1)
    generator = np.random.default_rng(2)
    expected = MASC(**size).fit(features, labels).predict(points)
    signs = generator.choice([-1.0, 1.0], size=(len(features), 1))
    scales = generator.choice([-1.0, 1.0], size=(len(points), 1)) * generator.uniform(1e-6, 1e6, size=(len(points), 1))
    np.testing.assert_array_equal(MASC(**size).fit(features * signs, labels).predict(points * scales), expected)
    np.testing.assert_array_equal(MASC(**size).fit(features * 1e-9, labels).predict(points), expected)
    assert np.any(MASC(**size).fit(features + 5, labels).predict(points) != expected)


def test_one_component_on_rectified_features_is_the_linear_rule_with_the_sign_fixed():
    """arXiv 2603.19865: the largest inner product with the top directions, turned to a non-negative mean."""
    features, labels = clusters(600, dimensions=30)
    features = np.maximum(features, 0)
    tops = np.array([np.linalg.svd(features[labels == name])[2][0] for name in range(4)])
    turned = tops * np.array([[-1], [1], [-1], [1]]) * np.sign((features @ tops.T).mean(axis=0))[:, None]
    fixed = turned * np.sign((features @ turned.T).mean(axis=0))[:, None]
    predicted = MASC(components=1).fit(features, labels).predict(features)
    np.testing.assert_array_equal(predicted, np.argmax(features @ fixed.T, axis=1))
    assert np.mean(predicted != np.argmax(features @ turned.T, axis=1)) > 0.2


def test_fitted_attributes():
    features, labels = clusters(400)
    masc = MASC(variance=0.9).fit(features.astype(np.float32), labels)
    assert masc.n_features_in_ == 12
    np.testing.assert_array_equal(masc.classes_, range(4))
    np.testing.assert_array_equal(masc.n_components_, [len(directions) for directions in masc.components_])
    for directions in masc.components_:
        assert directions.dtype == np.float64
        assert 1 <= len(directions) < 12
        np.testing.assert_allclose(directions @ directions.T, np.eye(len(directions)), atol=1e-12)


def test_components_take_precedence_over_variance():
    features, labels = clusters(400)
    np.testing.assert_array_equal(MASC(variance=0.99, components=2).fit(features, labels).n_components_, 2)


def test_batches_give_what_the_rows_give():
    features, labels = clusters(400)
    points, _ = clusters(2 * BATCH + 3, seed=1)
    masc = MASC().fit(features, labels)
    predicted = masc.predict(points)
    np.testing.assert_array_equal(predicted[-50:], [masc.predict(row[None])[0] for row in points[-50:]])
    assert masc.predict(points[:0]).shape == (0,)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.uint8])
def test_features_of_any_dtype_count_as_their_double_precision_values(dtype):
    features, labels = clusters(400)
    features = np.clip(np.abs(features * 10), 0, 255).astype(dtype)
    expected = MASC().fit(features.astype(np.float64), labels).predict(features.astype(np.float64))
    np.testing.assert_array_equal(MASC().fit(features, labels).predict(features), expected)


def test_labels_of_any_kind_and_only_those_present_are_predicted():
    features, labels = clusters(400)
    expected = MASC().fit(features, labels).predict(features)
    names = np.array(["bird", "cat", "dog", "frog"])
    np.testing.assert_array_equal(MASC().fit(features, names[labels]).predict(features), names[expected])
    kept = np.isin(labels, [1, 3])
    assert set(MASC().fit(features[kept], labels[kept]).predict(features)) == {1, 3}


def test_ties_go_to_the_lowest_class():
    generator = np.random.default_rng(0)
    features, labels = generator.standard_normal((60, 5)), np.repeat([7, 2, 4], 20)
    whole_space = MASC(components=5).fit(features, labels)
    np.testing.assert_array_equal(whole_space.predict(generator.standard_normal((500, 5))), 2)
    assert MASC(components=1).fit(features, labels).predict(np.zeros((1, 5))) == 2


@pytest.mark.parametrize("dimensions", [5, 50])
def test_a_class_of_zeros_has_no_directions_and_no_predictions(dimensions):
    generator = np.random.default_rng(0)
    features, labels = generator.standard_normal((60, dimensions)), np.repeat([0, 1, 2], 20)
    features[labels == 0] = 0
    masc = MASC().fit(features, labels)
    assert masc.n_components_[0] == 0 < masc.n_components_[1:].min()
    assert 0 not in masc.predict(generator.standard_normal((500, dimensions)))


def test_scikit_learn_clones_scores_and_searches():
    features, labels = load_digits(return_X_y=True)
    masc = MASC(variance=0.9)
    assert masc.get_params() == clone(masc).get_params() == {"variance": 0.9, "components": None}
    assert cross_val_score(masc, features, labels).min() > 0.85
    fitted = masc.fit(features[:1000], labels[:1000])
    assert fitted.score(features[1000:], labels[1000:]) == np.mean(fitted.predict(features[1000:]) == labels[1000:])
    search = GridSearchCV(MASC(), {"components": [1, 8]}).fit(features, labels)
    assert search.best_params_ == {"components": 8}


def test_probes_by_name():
    features, labels = clusters(400)
    assert PROBES["masc"](components=2).fit(features, labels).components_[0].shape == (2, 12)


FEATURES, LABELS = np.arange(12.0).reshape(4, 3), np.array([0, 0, 0, 1])


@pytest.mark.parametrize(
    ("parameters", "features", "labels", "message"),
    [
        ({}, np.ones(4), LABELS, "features must have shape (n, d), d >= 1. Received: features of shape (4,)"),
        ({}, np.ones((4, 0)), LABELS, "features must have shape (n, d), d >= 1. Received: features of shape (4, 0)"),
        ({}, FEATURES * 1j, LABELS, "features must be real numbers. Received: features of dtype complex128"),
        (
            {},
            np.where(FEATURES == 5, np.nan, FEATURES),
            LABELS,
            "features must be finite. Received: features[1, 2]=nan",
        ),
        (
            {},
            np.where(FEATURES == 9, -np.inf, FEATURES),
            LABELS,
            "features must be finite. Received: features[3, 0]=-inf",
        ),
        ({}, FEATURES[:0], LABELS[:0], "features must hold at least one example. Received: 0 examples"),
        (
            {},
            FEATURES,
            LABELS[:3],
            "labels must have one entry for each of the 4 examples. Received: labels of shape (3,)",
        ),
        (
            {},
            FEATURES,
            LABELS[:, None],
            "labels must have one entry for each of the 4 examples. Received: labels of shape (4, 1)",
        ),
        (
            {"components": 2},
            FEATURES,
            LABELS,
            "every class must have at least 2 examples. Received: components=2, 1 in class 1",
        ),
        (
            {"components": 4},
            FEATURES,
            LABELS * 0,
            "components must be at most the number of examples and of dimensions. "
            "Received: components=4, features of shape (4, 3)",
        ),
        ({"components": 0}, FEATURES, LABELS, "components must be at least 1. Received: components=0"),
        (
            {"variance": 1.0},
            FEATURES,
            LABELS,
            "variance must lie between 0 and 1, both excluded. Received: variance=1.0",
        ),
    ],
)
def test_errors_at_fit(parameters, features, labels, message):
    with pytest.raises(ValueError) as error:
        MASC(**parameters).fit(features, labels)
    assert str(error.value) == message


def test_a_value_that_is_not_finite_is_named_in_a_later_batch_too():
    features = np.ones((BATCH + 10, 3))
    features[BATCH + 7, 1] = np.inf
    with pytest.raises(ValueError, match=rf"features\[{BATCH + 7}, 1\]=inf"):
        MASC().fit(features, np.zeros(BATCH + 10))


def test_continuous_labels_are_refused():
    with pytest.raises(ValueError, match="continuous"):
        MASC().fit(FEATURES, np.linspace(0.1, 0.7, 4))


def test_errors_at_predict():
    with pytest.raises(NotFittedError):
        MASC().predict(FEATURES)
    masc = MASC().fit(FEATURES, LABELS)
    with pytest.raises(ValueError) as error:
        masc.predict(FEATURES[:, :2])
    assert str(error.value) == "features must have d = 3 as at fit. Received: features of shape (4, 2)"
    with pytest.raises(ValueError, match="features must be finite"):
        masc.predict(FEATURES * np.nan)
