"""The largest eigenvalue of matrices that are known."""

import numpy as np
import pytest
from scipy.stats import ortho_group

from common.analysis.sharpness import largest_eigenvalue

BASIS = ortho_group.rvs(40, random_state=0)


@pytest.mark.parametrize("ends", [(0.1, 5.0), (-3.0, 5.0), (-5.0, 3.0), (-5.0, -1.0)], ids=str)
def test_it_is_the_eigenvalue_of_largest_magnitude_with_its_sign(ends):
    matrix = BASIS * np.linspace(*ends, 40) @ BASIS.T
    assert largest_eigenvalue(matrix.__matmul__, 40) == pytest.approx(max(ends, key=abs), rel=1e-4)
    assert largest_eigenvalue(matrix.__matmul__, 40) == largest_eigenvalue(matrix.__matmul__, 40)


def test_of_zeros_it_is_zero_and_of_what_is_not_finite_there_is_none():
    assert largest_eigenvalue(np.zeros_like, 10) == 0
    assert largest_eigenvalue(lambda vector: vector * np.nan, 10) is None
