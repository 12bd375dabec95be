import numpy as np
import pytest
from scipy.linalg import LinAlgError, solve

from deeprecon.decode.lapack import solve_upper


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("n", [1, 2, 7, 130])
def test_equals_scipy_and_reads_the_upper_triangle_only(dtype, n):
    rng = np.random.default_rng(n)
    root = rng.standard_normal((n, n)).astype(dtype)
    matrix = root @ root.T + np.eye(n, dtype=dtype) * n
    expected = solve(matrix.astype(float), right := rng.standard_normal(n), assume_a="pos")
    upper = np.triu(matrix) + np.tril(np.full((n, n), np.nan, dtype), -1)
    found = right.astype(dtype)
    solve_upper(upper, found)
    np.testing.assert_allclose(found, expected, rtol=0, atol=100 * np.finfo(dtype).eps)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_an_indefinite_matrix_is_refused(dtype):
    with pytest.raises(LinAlgError, match="not positive definite"):
        solve_upper(np.diag([1.0, -1.0]).astype(dtype), np.ones(2, dtype))
