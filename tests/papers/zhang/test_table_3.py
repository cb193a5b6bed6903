"""Table 3: choices on held-out examples, nested subsets, and what the table says of computations that never were."""

import numpy as np
import pytest

from common.analysis.kernels import GaussianKernel, one_hot, solve
from common.data import datasets
from common.papers.zhang import kernels
from common.papers.zhang.kernels import MinimumNorm, cases, choose, compute, examples, kernel_of
from common.runs.computation import settings_of
from common.runs.config import Options

pytestmark = pytest.mark.slow

DIGITS = datasets.load("digits")
SMALL = {"dataset": "digits", "train_size": 250, "test_size": 60, "filters": 16}


def settings(**changes):
    return MinimumNorm(**{**SMALL, **changes})


def made_up(**changes):
    """A computation that never was."""
    fields = {"train_size": None, "test_size": None, "dataset": "mnist", **changes}
    lines = [
        {"labels": labels, "n": n, "test_error": error, "residual": 1e-12, "norm_zero_one": n / 100,
         "norm_plus_minus_one": n / 50}
        for n in (1000, 60_000) for labels, error in (("true", 0.012), ("random", 0.9))
    ]  # fmt: skip
    outcome = {"lines": lines, "train_n": 60_000, "test_n": 10_000, "bandwidth": 0.02, "penalty": 0.5,
               "factor_seconds": 1000.0, "device": "cpu"}  # fmt: skip
    record = {"environment": {"processor": "Processor", "threads": 2}, "code": {"commit": "0123456789", "dirty": False}}
    given = settings_of(MinimumNorm(**fields))
    return type("Made", (), {"settings": given, "outcome": outcome, "record": record})()


def test_rows_without_and_with_a_penalty_at_both_sizes():
    assert len(list(cases("paper"))) == 8 and len(list(cases("small"))) == 24
    full = [MinimumNorm(**case) for case in cases("paper")]
    assert {(one.dataset, one.features) for one in full if one.penalized} == {
        ("mnist", "pixels"), ("mnist", "gabor"), ("cifar10", "pixels"), ("cifar10", "random_convolutions"),
    }  # fmt: skip
    assert all(one.train_size is None and one.filters == 32_000 for one in full)
    assert {case["train_size"] for case in cases("small")} == {6000, 2000}


def test_examples_are_drawn_in_one_order_with_their_own_random_labels():
    few, all_of_them = examples(settings(), DIGITS), examples(settings(train_size=None), DIGITS)
    np.testing.assert_array_equal(few.images, all_of_them.images[:250])
    assert len(all_of_them.labels) == len(DIGITS.y_train) and few.images.max() == 1.0
    assert 0.02 < (few.random_labels == few.labels).mean() < 0.2
    assert not np.array_equal(examples(settings(seed=1), DIGITS).labels, few.labels)


def test_held_out_examples_are_the_last_fifth_and_never_fitted(monkeypatch):
    seen = examples(settings(), DIGITS)
    split = seen.split()
    assert len(split.labels) == 200 and len(split.test_labels) == 50
    np.testing.assert_array_equal(split.test_images, seen.images[200:])
    monkeypatch.setattr(kernels, "MOST_FITTED", 30)
    monkeypatch.setattr(kernels, "MOST_HELD_OUT", 20)
    split = seen.split()
    np.testing.assert_array_equal(split.images, seen.images[:30])
    np.testing.assert_array_equal(split.test_labels, seen.labels[230:])


@pytest.mark.parametrize("features, candidates", [("pixels", 6), ("gabor", 6), ("random_convolutions", 1)])
def test_what_is_open_is_chosen_on_held_out_examples(features, candidates):
    seen = examples(settings(features=features), DIGITS)
    lines = choose(settings(features=features, penalized=True), seen, "cpu")
    plain, penalized = lines[:candidates], lines[candidates:]
    assert len(plain) == candidates and {line["penalty"] for line in plain} == {0.0}
    assert {line["penalty"] for line in penalized} == set(kernels.PENALTIES)
    assert {line["bandwidth"] for line in penalized} == {plain[-1]["bandwidth"]}
    for part in (plain, penalized)[candidates == 1 :]:
        best = [line for line in part if line["error"] == min(line["error"] for line in part)]
        assert part[-1] in best and part[-1]["penalty"] == min(line["penalty"] for line in best)
    split, chosen = seen.split(), lines[-1]
    kernel = kernel_of(settings(features=features), split, "cpu")(chosen["bandwidth"])
    factor = kernel.factor("float64")
    alpha = solve(factor.factorize(chosen["penalty"] * factor.scale), one_hot(split.labels, 10)).alpha
    assert (kernel.at_test(alpha).argmax(1) != split.test_labels).mean() == chosen["error"]


def test_nothing_is_chosen_where_nothing_is_open():
    seen = examples(settings(bandwidth=0.02), DIGITS)
    assert choose(settings(bandwidth=0.02), seen, "cpu") == [{"bandwidth": 0.02, "penalty": 0.0, "error": None}]
    assert len(choose(settings(bandwidth=0.02, penalized=True), seen, "cpu")) == 1 + 6


def test_a_kernel_is_of_pixels_or_of_features():
    seen = examples(settings(), DIGITS)
    pixels = kernel_of(settings(), seen, "cpu")(0.1)
    assert isinstance(pixels, GaussianKernel) and pixels.bandwidth == 0.1
    np.testing.assert_array_equal(pixels.train, seen.images.reshape(250, 64))
    assert kernel_of(settings(features="gabor"), seen, "cpu")(0.1).train.shape == (250, 32)


@pytest.mark.parametrize("precision", ["float64", "float32"])
def test_every_subset_is_solved_for_true_and_random_labels(monkeypatch, precision):
    monkeypatch.setattr(kernels, "nested", lambda n: [100, n])
    outcome = compute(settings(bandwidth=0.5, precision=precision), Options(device="cpu")).outcome
    lines = outcome["lines"]
    assert [(line["n"], line["labels"]) for line in lines] == [
        (100, "true"), (100, "random"), (250, "true"), (250, "random"),
    ]  # fmt: skip
    few, noise, whole, _ = lines
    assert max(whole["test_error"], few["test_error"]) < 0.2 < 0.7 < noise["test_error"]
    assert few["norm_zero_one"] < noise["norm_zero_one"] and few["norm_zero_one"] < whole["norm_zero_one"]
    assert all(line["residual"] < 1e-9 for line in lines) and outcome["penalty"] == 0 == outcome["jitter"]
    assert outcome["train_n"] == 250 and outcome["test_n"] == 60 and outcome["peak_bytes"] > 1e8


def test_random_convolutions_interpolate_where_filters_are_many():
    result = compute(settings(features="random_convolutions"), Options(device="cpu"))
    assert result.outcome["lines"][0]["residual"] < 1e-8 and result.data == {"digits": DIGITS.sha256}
    assert result.outcome["lines"][0]["test_error"] < 0.5


def numbers_of(*computed):
    """Verdicts on the published numbers that these decide on, by row and quantity."""
    found = [one for one in kernels.numbers(computed) if one.measured]
    return {one.statement.statement: one.verdict for one in found}


def test_numbers_are_judged_at_full_size_alone():
    assert numbers_of(made_up()) == {
        "MNIST, no preprocessing: test_error": "in band", "MNIST, Gaussian kernel on pixels: norm": "outside band",
    }  # fmt: skip
    assert numbers_of(made_up(features="gabor"))["MNIST, Gabor filters: test_error"] == "outside band"
    assert numbers_of(made_up(train_size=6000)) == numbers_of() == numbers_of(made_up(penalized=True)) == {}
    convolutions = {"dataset": "cifar10", "features": "random_convolutions"}
    assert list(numbers_of(made_up(**convolutions, penalized=True)).values()) == ["outside band"]
    assert numbers_of(made_up(**convolutions, filters=1024)) == {}
    table = kernels.table([made_up(), made_up(penalized=True), made_up(**convolutions)])
    column = table.columns.index("published error, %")
    assert [row[column] for row in table.rows] == [0.012, None, 0.17]


def statements_of(*computed):
    """Verdict and effect of each measured statement, by id and subject."""
    found = [one for one in kernels.findings(computed) if one.measured]
    return {(one.statement.id, one.subject): (one.verdict, one.effect.mean, one.size) for one in found}


def test_statements_are_decided_over_draws_of_one_size():
    def draw(seed, error=0.02, norm=300.0, **changes):
        one = made_up(train_size=6000, seed=seed, **changes)
        one.outcome = {**one.outcome, "lines": [dict(line) for line in one.outcome["lines"]]}
        one.outcome["lines"][-2] |= {"test_error": error + seed / 1e4, "norm_zero_one": norm + seed}
        return one

    pixels = [draw(seed) for seed in range(3)]
    gabor = [draw(seed, 0.01, 600.0, features="gabor") for seed in range(3)]
    penalized = [draw(seed, 0.019, penalized=True) for seed in range(3)]
    found = statements_of(*pixels, *gabor, *penalized)
    assert found["zhang-norm", "MNIST"] == ("confirmed", pytest.approx(2, abs=0.01), "reduced")
    verdict, gain, _ = found["zhang-kernel-regularization", "MNIST, pixels"]
    assert verdict == "confirmed" and gain == pytest.approx(0.001)
    assert found["zhang-norm-random-labels", "MNIST, pixels"][1] == pytest.approx(600 / 301, rel=0.01)
    worse = [draw(seed, 0.05, 600.0, features="gabor") for seed in range(3)]
    assert statements_of(*pixels, *worse)["zhang-norm", "MNIST"][0] == "undecided"
    assert ("zhang-norm", "MNIST") not in statements_of(*pixels)
    assert statements_of(draw(0, dataset="cifar10")) == {}


def test_the_time_of_the_equations_is_judged_where_there_are_as_many_cores_as_published():
    def timed(threads, seconds, device="cpu", **changes):
        one = made_up(**changes)
        one.record = {**one.record, "environment": {"processor": "Processor", "threads": threads}}
        one.outcome = {**one.outcome, "factor_seconds": seconds, "device": device}
        found = {f.statement.id: f for f in kernels.findings([one]) if f.measured}
        time = found.get("zhang-kernel-time")
        return time and (time.verdict, time.effect.mean, time.numbers, time.size)

    assert timed(24, 120.0) == ("indicated", 2.0, None, "full size") and timed(24, 240.0)[0] == "not indicated"
    elsewhere = "threads: 1, cpu, float64; published: 24, cpu, float64"
    assert timed(1, 4320.0) == ("undecided", 72.0, elsewhere, "full size")
    assert timed(24, 30.0, "cuda")[:2] == timed(24, 30.0, precision="float32")[:2] == ("undecided", 0.5)
    assert timed(24, 120.0, train_size=6000) is timed(24, 120.0, penalized=True) is None


def test_seeds_are_averaged_and_nothing_else():
    table = kernels.table([made_up(seed=0), made_up(seed=1), made_up(penalized=True)])
    assert [row[2] is None for row in table.rows] == [True, False] and "1.20 [1.20, 1.20]" in table.markdown()
    assert kernels.over_sizes([made_up(), made_up(seed=1)], "random", "test_error") == {
        1000: [0.9, 0.9], 60_000: [0.9, 0.9],
    }  # fmt: skip
    report = kernels.report([made_up(), made_up(features="gabor")])
    assert [axes.get_ylabel() for axes in report["error_and_norm"].axes] == ["test error (%)", "norm"]
    assert kernels.plain([made_up(penalized=True)]) == []


@pytest.mark.parametrize(
    "changes, message",
    [
        ({"train_size": 1}, "train_size must be at least 2. Received: train_size=1"),
        ({"test_size": 0}, "test_size must be at least 1. Received: test_size=0"),
        ({"bandwidth": -1.0}, "bandwidth must be positive. Received: bandwidth=-1.0"),
        ({"features": "gabr"}, "features must be one of .* Did you mean gabor"),
        ({"precision": "float16"}, "precision must be one of"),
    ],
)
def test_settings_that_mean_nothing(changes, message):
    with pytest.raises(ValueError, match=message):
        MinimumNorm(**changes)


def test_more_examples_than_there_are_or_than_memory_holds(monkeypatch):
    options = Options(device="cpu")
    with pytest.raises(ValueError, match="train_size must be at most 60000. Received: train_size=60001"):
        kernels.check(MinimumNorm(train_size=60_001), options)
    monkeypatch.setattr(kernels.kernels, "free_bytes", lambda device: 23e9)
    kernels.check(MinimumNorm(precision="float32"), options)
    with pytest.raises(ValueError, match="60000 examples need 30.8 GB in float64, and 23.0 GB are free"):
        kernels.check(MinimumNorm(), options)


def test_what_it_takes_is_said(capsys):
    kernels.announce(MinimumNorm(), 60_000, "cpu")
    assert "60000 examples, pixels: 30.8 GB on cpu, the factor about" in capsys.readouterr().err
