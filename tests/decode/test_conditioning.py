"""Systems that are singular by construction, with penalties on both sides of the bound.

All numbers are powers of 2 or sums of few of them, so that Grams and pivots are exact: what is
refused does not depend on the processor's rounding.
"""

import numpy as np
import pytest
from scipy.linalg import LinAlgError, hadamard

from deeprecon.decode import sparse
from deeprecon.decode.batched import BatchedTopKSolver
from deeprecon.decode.conditioning import SingularSystemError, check_factor, cholesky
from deeprecon.decode.design import Design
from deeprecon.decode.ridge import TopKRidge, TopKSolver
from deeprecon.decode.shared import SharedRidge, solve_shared

N = 64
COLUMNS = hadamard(N)[:, 1:5].repeat(2, axis=1)  # four orthogonal voxels, each twice; means 0
UNIT = COLUMNS @ [8, 8, 4, 4, 2, 2, 1, 1]
ROW = hadamard(16)[1]
WIDE, WIDE_UNIT = np.outer([1, 1, -1, -1], ROW), np.array([1, 1, -1, -1])  # rank 1

dtypes = pytest.mark.parametrize("dtype", ["float32", "float64"])


@pytest.fixture(autouse=True)
def _precision_of_the_samples(monkeypatch):
    monkeypatch.setattr("deeprecon.decode.design.FEW_VOXELS", 0)


def weights(solver, dtype, n_voxels, alpha):
    """Weights (n_selected,) of the unit, and those of exact arithmetic."""
    known = Design.of(COLUMNS.astype(dtype), np.arange(N), N)
    solution = solver(known, n_voxels, alpha).solve(UNIT[:, None].astype(dtype))
    used = np.arange(8) if solution.selected is None else solution.selected[0]
    twice = np.isin(used ^ 1, used)  # the other one of the pair is used, too
    exact = (COLUMNS.T @ UNIT)[used] / (np.where(twice, 2, 1) * N + alpha)
    return solution.weights[0], exact


def on_processor(design, n_voxels, alpha):
    return BatchedTopKSolver(design, n_voxels, alpha, "cpu")


WAYS = {  # each with the number of voxels of a unit and the size of the largest system
    "each system": (TopKSolver, 2, 2),
    "complement": (TopKSolver, 5, 8),
    "all voxels": (TopKSolver, None, 8),
    "batched": (on_processor, 2, 2),
}
ways = pytest.mark.parametrize("way", WAYS)


@dtypes
@ways
def test_duplicate_voxels_need_a_penalty_that_counts(way, dtype):
    solver, n_voxels, size = WAYS[way]
    bound = size * np.finfo(dtype).eps * N
    with pytest.raises(SingularSystemError, match=rf"alpha: .* singular in {dtype}; increase"):
        weights(solver, dtype, n_voxels, bound / 2**10)
    found, exact = weights(solver, dtype, n_voxels, bound * 2**6)
    np.testing.assert_allclose(found, exact, rtol=2**-4)


@dtypes
@ways
def test_near_the_bound_weights_are_right_to_a_half(way, dtype):
    solver, n_voxels, size = WAYS[way]
    found, exact = weights(solver, dtype, n_voxels, 4 * size * np.finfo(dtype).eps * N)
    np.testing.assert_allclose(found, exact, rtol=0.5)


@dtypes
def test_more_voxels_than_samples(dtype):
    """By the matrix over samples, of which there are two pairs of equal ones."""
    bound = 5 * np.finfo(dtype).eps * 16
    X, y = WIDE.astype(dtype), WIDE_UNIT.astype(dtype)
    with pytest.raises(SingularSystemError, match=f"singular in {dtype}"):
        TopKRidge(None, bound / 2**10).fit(X, y)
    model = TopKRidge(None, bound * 2**6).fit(X, y)
    np.testing.assert_allclose(model.weights_[0], ROW / 16, rtol=2**-4)


@dtypes
def test_equal_stimuli_of_a_shared_operator(dtype):
    bound = 4 * np.finfo(dtype).eps
    X, y = WIDE.astype(dtype), WIDE_UNIT[:, None].astype(dtype)
    known = Design.of(X, np.arange(4), 4)
    with pytest.raises(SingularSystemError, match=f"singular in {dtype}"):
        solve_shared(known, y, 1.0, bound / 2**10)
    found = solve_shared(known, y, 1.0, bound * 2**6).predict(X)
    np.testing.assert_allclose(found, y, rtol=2**-4)
    with pytest.raises(SingularSystemError):
        SharedRidge(tiles=1, alpha=bound / 2**10).fit(X, y)


@pytest.mark.parametrize(("factor", "is_singular"), [(2**11, True), (2**-6, False)])
def test_sparse_regression_leaves_singular_systems_to_eigenvectors(
    factor, is_singular, monkeypatch
):
    called = []
    eigh = sparse.eigh
    monkeypatch.setattr(sparse, "eigh", lambda matrix: called.append(1) or eigh(matrix))
    scale = factor / (2 * np.finfo(float).eps)  # of the precision 1 of both weights
    root = sparse._square_root(np.full((2, 2), scale), np.ones(2))
    assert bool(called) == is_singular
    if not is_singular:
        expected = np.eye(2) - scale / (1 + 2 * scale)
        np.testing.assert_allclose(root.T @ root, expected, rtol=2**-4)


def test_a_penalty_is_lost_among_many_collinear_voxels():
    """Not exact, but the matrix of rounding errors that is left is far from positive definite."""
    X = np.random.default_rng(0).standard_normal((20, 200))
    with pytest.raises(SingularSystemError):
        TopKRidge(n_voxels=199, alpha=1e-18).fit(X, X[:, 0])
    with pytest.raises(SingularSystemError):
        TopKRidge(n_voxels=60, alpha=1e-18).fit(X, X[:, 0])
    assert np.isfinite(TopKRidge(n_voxels=199, alpha=1e-6).fit(X, X[:, 0]).weights_).all()


@dtypes
def test_the_bound(dtype):
    """Diagonals of factors, so that nothing is left to a factorisation."""
    bound = 4 * np.finfo(dtype).eps  # its root is a power of 2 times that of 2 eps
    diagonal = np.array([1.0, 1.0, 4.0, 1.0], dtype)
    factor = np.array([[1.0, 1.0, 1.0, 1.0], [1.0, 1.0, 1.0, np.sqrt(1.01 * bound)]], dtype)
    check_factor(factor, diagonal)
    for position, value in ((3, np.sqrt(0.99 * bound)), (2, np.sqrt(3.99 * bound)), (0, np.nan)):
        bad = factor.copy()
        bad[1, position] = value
        with pytest.raises(LinAlgError, match="singular"):
            check_factor(bad, diagonal)


@dtypes
def test_the_scale_of_columns_does_not_count(dtype):
    scale = 2.0 ** np.array([-30, 0, 30])
    root = np.array([[1, 0, 0], [1, 1, 0], [1, 1, 1]])
    matrix = (np.outer(scale, scale) * (root @ root.T)).astype(dtype)
    factor, _ = cholesky(matrix)
    assert factor.diagonal().tolist() == scale.tolist()
