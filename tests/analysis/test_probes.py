"""Probes against the papers' own formulations, published numbers on raw MNIST and scikit-learn's contract."""

import warnings
from functools import cache

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.discriminant_analysis import QuadraticDiscriminantAnalysis
from sklearn.exceptions import NotFittedError
from sklearn.metrics.pairwise import cosine_similarity
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.utils.estimator_checks import check_estimator

from common.analysis import probes
from common.analysis.features import BATCH
from common.analysis.probes import MASC, PROBES, NearestClassMean, VeLPIC
from common.data import datasets
from common.data.corruption import corrupt_labels

pytestmark = pytest.mark.slow

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


@pytest.mark.parametrize("size", SIZES, ids=str)
def test_negatives_appended_change_nothing(size):
    features, labels = clusters(400)
    points, _ = clusters(1000, seed=1)
    appended = MASC(**size).fit(np.concatenate([features, -features]), np.concatenate([labels, labels]))
    expected = MASC(**size).fit(features, labels)
    np.testing.assert_array_equal(appended.n_components_, expected.n_components_)
    np.testing.assert_array_equal(appended.predict(points), expected.predict(points))


@cache
def mnist(data_dir):
    data = datasets.load("mnist", data_dir)
    x_train, x_test = (
        ((x.reshape(len(x), -1) / 255 - 0.5) / 0.5).astype(np.float32) for x in (data.x_train, data.x_test)
    )
    return x_train, data.y_train, x_test, data.y_test


def correct_on_mnist(data_dir, fraction, probe):
    x_train, y_train, x_test, y_test = mnist(data_dir)
    masc = PROBES[probe]().fit(x_train, corrupt_labels(y_train, 10, "ketha", fraction, data_seed=0))
    return int(np.sum(masc.predict(x_test) == y_test)), round(float(np.mean(masc.n_components_)), 1)


@pytest.mark.data
@pytest.mark.parametrize(("fraction", "correct", "mean_components"), [(0.0, 8234, 136.5), (0.8, 7108, 190.6)])
def test_published_counts_on_raw_mnist(data_dir, fraction, correct, mean_components):
    assert correct_on_mnist(data_dir, fraction, "masc") == (correct, mean_components)


@pytest.mark.data
@pytest.mark.parametrize(("probe", "correct", "mean_components"), [("masc_1pc", 8081, 1.0), ("masc_0.75", 7835, 2.0)])
def test_published_counts_on_raw_mnist_at_other_thresholds(data_dir, probe, correct, mean_components):
    assert correct_on_mnist(data_dir, 0.4, probe) == (correct, mean_components)


@pytest.mark.parametrize("scale", [1.0, 1e-25, 1e25, 1e-140, 1e140])
def test_predictions_are_those_of_float64_where_float32_ties_or_cannot_hold_them(scale):
    """Points near the plane between two classes' subspaces, by offsets that float32 rounds away and by others."""
    masc = MASC(components=2).fit(np.eye(6)[:4], [0, 0, 1, 1])
    generator = np.random.default_rng(0)
    points = generator.normal(size=(2 * BATCH + 3, 6))
    longer = generator.choice([False, True], len(points))
    offsets = np.where(longer, 1, -1) * 10 ** -generator.uniform(1, 13, len(points))
    points[:, 2:4] = points[:, :2] * (1 + offsets[:, None])
    np.testing.assert_array_equal(masc.predict(points * scale), longer)
    assert not masc.predict(np.zeros((3, 6))).any()


def test_of_one_class_all_is_predicted():
    assert not MASC(components=1).fit(np.eye(3), [0, 0, 0]).predict(np.ones((5, 3))).any()


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


def rectified(examples, dimensions=30, seed=0):
    features, labels = clusters(examples, dimensions, seed=seed)
    return np.maximum(features, 0), labels


def test_one_component_on_rectified_features_is_velpic():
    features, labels = rectified(600)
    points, _ = rectified(1000, seed=1)
    predicted = VeLPIC().fit(features, labels).predict(points)
    assert len(np.unique(predicted)) == 4
    np.testing.assert_array_equal(predicted, MASC(components=1).fit(features, labels).predict(points))


@pytest.mark.parametrize("examples", [400, 30], ids=["tall", "wide"])
def test_velpic_is_the_linear_layer_of_the_top_directions(examples):
    features, labels = clusters(examples)
    points, _ = clusters(2 * BATCH + 3, seed=1)
    velpic = VeLPIC().fit(features.astype(np.float32), labels)
    assert velpic.coef_.dtype == np.float64 and velpic.n_features_in_ == 12
    tops = np.array([np.linalg.svd(features[labels == name])[2][0] for name in range(4)])
    np.testing.assert_allclose(np.abs(np.sum(velpic.coef_ * tops, axis=1)), 1, atol=1e-6)
    np.testing.assert_array_equal(velpic.predict(points), np.argmax(points @ velpic.coef_.T, axis=1))


def test_velpic_turns_a_direction_by_all_rows_whatever_sign_it_comes_with(monkeypatch):
    # The second axis alone would do for class 0, whose rows are negative on the first; those of class 1 outweigh them.
    features = np.array([[-1.0, 0.0]] * 10 + [[2.0, 3.0]] * 20)
    labels = np.repeat([0, 1], [10, 20])
    expected = np.array([[1, 0], np.array([2, 3]) / np.sqrt(13)])
    subspace = probes.principal_subspace
    for sign in (1, -1):
        monkeypatch.setattr(probes, "principal_subspace", lambda *a, s=sign, **b: turned(subspace(*a, **b), s))
        velpic = VeLPIC().fit(features, labels)
        np.testing.assert_allclose(velpic.coef_, expected, atol=1e-12)
    np.testing.assert_array_equal(velpic.predict([[-1, 0], [1, 0], [1, 1]]), [1, 0, 1])
    by_own_rows = expected * [[-1], [1]]
    np.testing.assert_array_equal(np.argmax([[-1, 0], [1, 0], [1, 1]] @ by_own_rows.T, axis=1), [0, 1, 1])


def turned(subspace, sign):
    return subspace._replace(basis=sign * subspace.basis)


def test_nearest_class_mean_has_the_largest_cosine():
    features, labels = clusters(400)
    points, _ = clusters(2 * BATCH + 3, seed=1)
    probe = NearestClassMean().fit(features.astype(np.float32), labels)
    means = np.array([features[labels == name].mean(axis=0) for name in range(4)])
    np.testing.assert_allclose(probe.means_, means, atol=1e-6)
    predicted = probe.predict(points)
    assert len(np.unique(predicted)) == 4
    np.testing.assert_array_equal(predicted, np.argmax(cosine_similarity(points, probe.means_), axis=1))


@pytest.mark.parametrize("probe", [VeLPIC, NearestClassMean])
def test_a_class_of_zeros_scores_zero(probe):
    features, labels = rectified(60)
    features[labels == 2] = 0
    predicted = probe().fit(features, labels).predict(features)
    assert 2 not in predicted[labels != 2]
    np.testing.assert_array_equal(predicted[labels == 2], 0)


def test_fitted_attributes():
    features, labels = clusters(400)
    assert not hasattr(MASC(), "components_")
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


OWN = [MASC(), VeLPIC(), NearestClassMean()]
REFUSED = {  # in one line, but in words of our own
    "check_complex_data",
    "check_dtype_object",
    "check_estimator_sparse_array",
    "check_estimator_sparse_matrix",
    "check_estimator_sparse_tag",
    "check_estimators_empty_data_messages",
    "check_estimators_nan_inf",
    "check_fit2d_predict1d",
    "check_n_features_in_after_fitting",
    "check_requires_y_none",
    "check_supervised_y_2d",
}
SAME_LINE = {"check_classifiers_train"}  # wants blobs on both sides of the origin told apart


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("probe", OWN, ids=str)
def test_the_contract_of_scikit_learn(probe):
    results = check_estimator(probe, on_skip=None, on_fail=None)
    failed = {result["check_name"] for result in results if result["status"] == "failed"}
    assert len(results) > 50
    assert failed == REFUSED | (SAME_LINE if not isinstance(probe, NearestClassMean) else set())


def dead_units(examples, generator, classes=3, dimensions=40):
    """Rectified features of separate classes with fewer examples than dimensions; units dead for all and for one."""
    labels = np.arange(examples) % classes
    features = generator.standard_normal((examples, dimensions)) + 6 * np.eye(classes, dimensions)[labels]
    features[:, 30:] = -1
    features[labels == 1, 20:25] = -1
    return np.maximum(features, 0).astype(np.float32), labels


@pytest.mark.parametrize("name", PROBES)
def test_every_probe_takes_dead_units_and_classes_of_deficient_rank(name):
    generator = np.random.default_rng(0)
    features, labels = dead_units(90, generator)
    points, expected = dead_units(300, generator)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        predicted = PROBES[name]().fit(features, labels).predict(points)
    assert predicted.shape == (300,)
    assert np.mean(predicted == expected) > {"qda": 0.6, "logistic_regression": 0}.get(name, 0.9)  # 20 steps of Adam


def test_probes_by_name():
    assert PROBES["masc"]().get_params() == {"variance": 0.99, "components": None}
    assert [PROBES[f"masc_{size}"]().variance for size in ("0.25", "0.50", "0.75")] == [0.25, 0.5, 0.75]
    assert PROBES["masc_1pc"]().components == 1
    assert PROBES["k_nearest_neighbours"]().metric == "cosine"


def test_logistic_regression_is_one_softmax_layer_trained_for_twenty_epochs():
    features, labels = dead_units(300, np.random.default_rng(0))
    probe = PROBES["logistic_regression"]().fit(features, np.random.default_rng(1).permutation(labels))
    ((weights,), (biases,)) = probe.coefs_, probe.intercepts_
    assert (probe.n_iter_, probe.solver, probe.out_activation_) == (20, "adam", "softmax")
    np.testing.assert_array_equal(probe.predict(features), np.argmax(features @ weights + biases, axis=1))
    flat = PROBES["logistic_regression"](learning_rate_init=1e-12).fit(features, labels)
    assert flat.n_iter_ == 20 and np.ptp(flat.loss_curve_) < flat.tol
    features, labels = dead_units(6000, np.random.default_rng(0))
    assert (
        PROBES["logistic_regression"]().fit(features[1000:], labels[1000:]).score(features[:1000], labels[:1000]) > 0.9
    )


def test_quadratic_discriminant_analysis_is_the_default_where_that_works():
    noise = np.random.default_rng(2).standard_normal((3000, 12))
    features, labels = clusters(2000)
    points, _ = clusters(1000, seed=1)
    features, points = features + noise[:2000], points + noise[2000:]
    default = QuadraticDiscriminantAnalysis().fit(features, labels).predict(points)
    probe = PROBES["qda"]()
    for scale in (1, 1e-6):
        predicted = probe.fit(features * scale, labels).predict(points * scale)
        assert np.mean(predicted == default) > 0.99


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


@pytest.mark.parametrize("probe", OWN, ids=str)
@pytest.mark.parametrize(
    ("features", "labels", "message"),
    [
        (FEATURES * np.nan, LABELS, "features must be finite. Received: features[0, 0]=nan"),
        (FEATURES * 0 + 3, LABELS, "features must differ between examples. Received: 4 equal rows"),
        (
            FEATURES,
            LABELS[:3],
            "labels must have one entry for each of the 4 examples. Received: labels of shape (3,)",
        ),
    ],
)
def test_every_probe_of_ours_refuses(probe, features, labels, message):
    with pytest.raises(ValueError) as error:
        clone(probe).fit(features, labels)
    assert str(error.value) == message
    fitted = clone(probe).fit(FEATURES, LABELS)
    with pytest.raises(ValueError) as error:
        fitted.predict(FEATURES[:, :2])
    assert str(error.value) == "features must have d = 3 as at fit. Received: features of shape (4, 2)"


def test_rows_that_differ_in_a_later_batch_alone_are_not_constant():
    features = np.ones((BATCH + 2, 3))
    features[-1, 1] = 2
    MASC().fit(features, np.arange(BATCH + 2) % 2)
    MASC().fit(features[:1], [0])


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
