"""The spectral centroid against filters of known frequency."""

import numpy as np
import pytest

from common.analysis.filters import spectral_centroid

COLUMNS = np.arange(5)


def wave(cycles):
    """A filter of so many cycles across its 5 columns, in 3 channels."""
    return np.tile(np.cos(2 * np.pi * cycles * COLUMNS / 5)[None, :, None, None], (5, 1, 3, 2))


@pytest.mark.parametrize("cycles", [0, 1, 2])
def test_a_wave_has_its_own_frequency_in_any_direction_and_of_any_size(cycles):
    assert spectral_centroid(wave(cycles)) == pytest.approx(cycles / 5, abs=1e-12)
    assert spectral_centroid(-7 * wave(cycles).swapaxes(0, 1)) == pytest.approx(cycles / 5, abs=1e-12)


def test_power_weighs_frequencies():
    assert spectral_centroid(wave(1) + wave(2)) == pytest.approx(0.3)
    assert spectral_centroid(np.concatenate([wave(1), 3 * wave(2)], axis=3)) == pytest.approx((0.2 + 9 * 0.4) / 10)


def test_white_noise_has_the_mean_frequency_of_the_grid():
    noise = np.random.default_rng(0).standard_normal((5, 5, 3, 5000))
    grid = np.abs(np.fft.fftfreq(5))
    expected = np.mean([np.hypot(a, b) for a in grid for b in grid])
    assert spectral_centroid(noise) == pytest.approx(expected, rel=0.01)


@pytest.mark.parametrize("kernels", [np.zeros((5, 5, 3, 2)), np.full((5, 5, 3, 2), np.nan), np.ones((5, 5, 3))])
def test_what_is_no_filter_is_refused_in_one_line(kernels):
    with pytest.raises(ValueError, match="^kernels must be finite, not 0, "):
        spectral_centroid(kernels)
