"""`TopKRidge` in batches of units by PyTorch, for a GPU.

The model is that of `deeprecon.decode.ridge.TopKSolver`; the systems of a batch are factored
together. On a CPU, this is slower than solving one system after another.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.linalg import LinAlgError
from torch import Tensor

from deeprecon.decode.conditioning import check_factor, naming_penalty
from deeprecon.decode.design import Design, Floats
from deeprecon.decode.parallel import consecutive
from deeprecon.decode.ridge import (
    TopKSolution,
    TopKSolver,
    needs_each_system,
    regularised_gram,
    shrinkage,
)
from deeprecon.features.units import Units

BATCH = 1024  # units: 1 GB of systems of 500 voxels in float32


@dataclass(frozen=True)
class BatchedTopKRidge:
    """Settings of `TopKRidge`, and the device to use.

    Attributes
    ----------
    n_voxels : int or None
    alpha : float
    device : name of the device, such as "cuda"
    """

    n_voxels: int | None
    alpha: float
    device: str

    def solver(self, design: Design) -> "TopKSolver | BatchedTopKSolver":
        """Solver of this model for the training samples of a region.

        If units use all or nearly all voxels, the CPU solves them with one shared factor.
        """
        if self.n_voxels is None or not needs_each_system(design.n_voxels, self.n_voxels):
            return TopKSolver(design, self.n_voxels, self.alpha)
        return BatchedTopKSolver(design, self.n_voxels, self.alpha, self.device)


class BatchedTopKSolver:
    """Solves the units of one region on a device.

    Parameters
    ----------
    design : Design
    n_voxels, alpha : see `deeprecon.decode.ridge.solve_topk_ridge`
    device : name of the device, such as "cuda"
    """

    def __init__(self, design: Design, n_voxels: int, alpha: float, device: str) -> None:
        self._design, self._n_selected = design, n_voxels
        self._kept = shrinkage(design.n_samples, alpha)
        self._alpha, self._penalty = alpha, alpha * self._kept
        self._batch = BATCH

        def put(values: Floats) -> Tensor:
            return torch.as_tensor(values, device=device)

        self._gram = put(regularised_gram(design, alpha))
        self._by_stimulus, self._mean = put(design.by_stimulus), put(design.mean)
        self._inverse_sd = put(design.inverse_sd)

    def groups(self, units: Units) -> list[slice]:
        """Blocks of units, each for one thread; one thread predicts while another solves."""
        return consecutive(len(units.index), 4 * BATCH)

    def solve(self, Y: Floats) -> TopKSolution:
        """Weights of the units Y (n_stimuli, n_units)."""
        centred, mean = self._design.centred(Y)
        k, dtype = self._n_selected, mean.dtype
        selected = np.empty((Y.shape[1], k), np.int32)
        weights, intercept = np.empty((Y.shape[1], k), dtype), np.empty(Y.shape[1], dtype)
        for units, part in self._batches(centred, mean):
            selected[units], weights[units], intercept[units] = part
        return TopKSolution(selected, weights, intercept)

    def _batches(
        self, centred: Floats, mean: Floats
    ) -> Iterator[tuple[slice, tuple[NDArray[np.generic], ...]]]:
        """Yield solutions batch by batch; halve the batch size when memory runs out."""
        start = 0
        while start < len(mean):
            units = slice(start, start + self._batch)
            try:
                solved = self._solve_batch(centred[:, units], mean[units])
            except torch.OutOfMemoryError:
                if self._batch == 1:
                    raise
                self._batch //= 2
                continue
            yield units, tuple(values.cpu().numpy() for values in solved)
            start += self._batch

    def _solve_batch(self, centred: Floats, mean: Floats) -> tuple[Tensor, Tensor, Tensor]:
        """Voxels (n, k), weights (n, k) and intercepts (n,) of n units."""
        units = torch.as_tensor(centred, device=self._gram.device)
        average = torch.as_tensor(mean, device=self._gram.device)
        covariance = units.T @ self._by_stimulus  # (n, n_voxels)
        selected = largest(covariance.abs() * self._inverse_sd, self._n_selected)
        voxel_mean = self._mean[selected]
        right = covariance.gather(1, selected) + self._penalty * average[:, None] * voxel_mean
        systems = self._gram[selected[:, :, None], selected[:, None, :]]  # (n, k, k)
        with naming_penalty(self._alpha, mean.dtype):
            factors = cholesky(systems)
        weights = torch.cholesky_solve(right[:, :, None], factors)[:, :, 0]
        intercept = self._kept * (average - (weights * voxel_mean).sum(dim=1))
        return selected.int(), weights, intercept


def cholesky(systems: Tensor) -> Tensor:
    """Cholesky factors of well-conditioned systems (n, k, k).

    Raises
    ------
    scipy.linalg.LinAlgError
        If a system is not positive definite, or singular in its precision.
    """
    factors, info = torch.linalg.cholesky_ex(systems)
    if info.any():
        raise LinAlgError("the matrix is not positive definite")
    check_factor(*(values.diagonal(dim1=1, dim2=2).cpu().numpy() for values in (factors, systems)))
    return factors


def largest(score: Tensor, k: int) -> Tensor:
    """Columns of the k largest values in each row, ascending; the lower column wins a tie.

    Examples
    --------
    >>> largest(torch.tensor([[1.0, 3.0, 2.0, 2.0]]), 2)
    tensor([[1, 2]])
    """
    kth = score.topk(k, dim=1).values[:, -1:]
    keep = score >= kth
    if (keep.sum(dim=1) > k).any():
        above, level = score > kth, score == kth
        keep = above | level & (level.cumsum(dim=1) <= k - above.sum(dim=1, keepdim=True))
    return keep.nonzero()[:, 1].reshape(len(score), k)
