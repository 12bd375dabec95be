"""Batches by torch, here on the processor, against the solver that is tested against fastl2lir."""

import numpy as np
import pytest
import torch

from deeprecon.decode import batched
from deeprecon.decode.batched import BatchedTopKRidge, BatchedTopKSolver, largest
from deeprecon.decode.design import Design
from deeprecon.decode.ridge import TopKSolver

RNG = np.random.default_rng(0)
INDEX = RNG.permutation(np.repeat(np.arange(40), 3))


@pytest.fixture(autouse=True)
def _precision_of_the_samples(monkeypatch):
    monkeypatch.setattr("deeprecon.decode.design.FEW_VOXELS", 0)


def design(dtype="float64"):
    voxels = RNG.normal(1, 2, (120, 30)).astype(dtype)
    voxels[:, 9] = voxels[:, 4]  # a tie in every unit
    voxels[:, 17] = 3.0
    return Design.of(voxels, INDEX, 40)


@pytest.mark.parametrize(("dtype", "tolerance"), [("float64", 1e-10), ("float32", 1e-5)])
def test_equals_the_solver_of_single_systems(dtype, tolerance, monkeypatch):
    monkeypatch.setattr(batched, "BATCH", 16)
    known, Y = design(dtype), RNG.normal(2, 1, (40, 50)).astype(dtype)
    Y[:, 7] = 0.3
    expected = TopKSolver(known, 8, 5.0).solve(Y)
    found = BatchedTopKRidge(8, 5.0, "cpu").solver(known).solve(Y)
    assert np.array_equal(found.selected, expected.selected)
    assert found.weights.dtype == found.intercept.dtype == dtype
    np.testing.assert_allclose(found.weights, expected.weights, rtol=0, atol=tolerance)
    np.testing.assert_allclose(found.intercept, expected.intercept, rtol=0, atol=tolerance)


def test_the_batch_halves_until_it_fits(monkeypatch):
    known, Y = design(), RNG.normal(size=(40, 50))
    solver = BatchedTopKSolver(known, 8, 5.0, "cpu")
    solve, sizes = solver._solve_batch, []

    def small(centred, mean):
        if len(mean) > 13:
            raise torch.OutOfMemoryError
        sizes.append(len(mean))
        return solve(centred, mean)

    monkeypatch.setattr(solver, "_solve_batch", small)
    solver._batch = 48
    found = solver.solve(Y)
    assert sizes == [12, 12, 12, 12, 2]
    np.testing.assert_allclose(found.weights, TopKSolver(known, 8, 5.0).solve(Y).weights)
    monkeypatch.setattr(solver, "_solve_batch", lambda *_: small(None, np.zeros(99)))
    with pytest.raises(torch.OutOfMemoryError):
        solver.solve(Y)


@pytest.mark.parametrize("n_voxels", [None, 25, 30])
def test_nearly_all_voxels_are_left_to_the_processor(n_voxels):
    assert isinstance(BatchedTopKRidge(n_voxels, 5.0, "cpu").solver(design()), TopKSolver)


def test_ties_go_to_the_lower_column_in_some_rows():
    score = torch.tensor([[1.0, 5.0, 5.0, 5.0], [4.0, 3.0, 2.0, 1.0], [0.0, 0.0, 0.0, 0.0]])
    assert largest(score, 2).tolist() == [[1, 2], [0, 1], [0, 1]]
