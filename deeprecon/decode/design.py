"""Statistics of the training voxels that the decoders of all units share.

The Gram matrix of a region costs more than the solutions of a layer and does not depend on the
layer, so it is computed once for each region of a subject and saved: see `deeprecon.decode.region`.
"""

from dataclasses import dataclass, fields
from typing import Self

import h5py
import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.sparse import csr_array

from deeprecon.errors import InputError

MIN_VARIANCE = 1e-8  # fastl2lir: below it (ddof=0) a voxel counts as uncorrelated with every unit
FEW_VOXELS = 1024

Floats = NDArray[np.floating]


def sum_rows(values: Floats, index: NDArray[np.integer], n: int) -> Floats:
    """Sum the rows of `values` (n_rows, n_columns) with the same index, giving (n, n_columns).

    Examples
    --------
    >>> sum_rows(np.array([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]]), np.array([0, 1, 0]), 2)
    array([[6., 8.],
           [3., 4.]])
    """
    ones, rows = np.ones(len(values), values.dtype), np.arange(len(values))
    total: Floats = csr_array((ones, (index, rows)), shape=(n, len(values))) @ values
    return total


def centre_units(Y: Floats, repeats: NDArray[np.float64]) -> tuple[Floats, Floats]:
    """Centre units Y (n_stimuli, n_units); return them and their means over samples (n_units,).

    A constant unit becomes exactly 0.
    """
    mean = (repeats @ Y / repeats.sum()).astype(Y.dtype)
    mean = np.where((Y[0] == Y).all(axis=0), Y[0], mean)
    return Y - mean, mean


@dataclass(frozen=True)
class Design:
    """Sums over the centred training voxels that the solvers use.

    They have the precision of the samples, or float64 if there are at most `FEW_VOXELS` voxels:
    units that use nearly all voxels need it, and it costs little.

    Attributes
    ----------
    by_stimulus : (n_stimuli, n_voxels)
        X - mean, summed over the samples of each stimulus. Its product with features gives the
        covariances in far fewer operations than a product over samples.
    repeats : (n_stimuli,) float64
        Number of samples of each stimulus.
    mean : (n_voxels,)
    variance : (n_voxels,) float64, ddof=0
    gram : (n_voxels, n_voxels)
        (X - mean)'(X - mean).
    """

    by_stimulus: Floats
    repeats: NDArray[np.float64]
    mean: Floats
    variance: NDArray[np.float64]
    gram: Floats

    @classmethod
    def of(cls, X: Floats, index: NDArray[np.integer], n_stimuli: int) -> Self:
        """Compute the design of samples X (n_samples, n_voxels) with the stimulus index of each."""
        if X.shape[1] <= FEW_VOXELS:
            X = X.astype(np.float64)
        mean = X.mean(axis=0, dtype=np.float64).astype(X.dtype)
        rows = X - mean
        variance = np.einsum("ij,ij->j", rows, rows, dtype=np.float64) / len(X)
        no_repeats = len(X) == n_stimuli and bool((index == np.arange(n_stimuli)).all())
        by_stimulus = rows if no_repeats else sum_rows(rows, index, n_stimuli)
        repeats = np.bincount(index, minlength=n_stimuli).astype(np.float64)
        return cls(by_stimulus, repeats, mean, variance, rows.T @ rows)

    @property
    def n_samples(self) -> int:
        """Number of training samples."""
        return int(self.repeats.sum())

    @property
    def n_voxels(self) -> int:
        """Number of voxels of the region."""
        return len(self.mean)

    @property
    def inverse_sd(self) -> Floats:
        """1 / SD of each voxel (ddof=0), (n_voxels,); 0 for a constant voxel."""
        varies = self.variance >= MIN_VARIANCE
        inverse = np.zeros_like(self.mean)
        inverse[varies] = 1 / np.sqrt(self.variance[varies])
        return inverse

    def centred(self, Y: Floats) -> tuple[Floats, Floats]:
        """See `centre_units`."""
        return centre_units(Y.astype(self.mean.dtype, copy=False), self.repeats)

    def covariance(self, centred: Floats) -> Floats:
        """Sums over samples of the products of centred units and voxels, (n_units, n_voxels)."""
        product: Floats = centred.T @ self.by_stimulus
        return product

    def correlation_order(self, covariance: Floats) -> Floats:
        """Values (n_units, n_voxels) that rank voxels as their absolute correlations do."""
        order: Floats = np.abs(covariance)
        order *= self.inverse_sd
        return order

    def write(self, file: h5py.Group) -> None:
        """Write a dataset for each attribute of the class."""
        for field in fields(self):
            file[field.name] = getattr(self, field.name)

    @classmethod
    def read(cls, file: h5py.Group) -> Self:
        """Read datasets written by `write`."""
        return cls(**{field.name: file[field.name][:] for field in fields(cls)})


def stimulus_rows(index: ArrayLike | None, n_samples: int, n_targets: int) -> NDArray[np.intp]:
    """Row of Y (n_targets, ...) for each row of X (n_samples, ...).

    Parameters
    ----------
    index : (n_samples,) integers that use every row of Y, or None, where row belongs to row

    Raises
    ------
    InputError
        If `index` does not match the rows of X and Y.
    """
    if index is None:
        if n_samples != n_targets:
            raise InputError(f"Y: {n_targets} rows, expected {n_samples}, as many as X has")
        return np.arange(n_samples)
    rows = np.asarray(index)
    if rows.shape != (n_samples,) or not np.issubdtype(rows.dtype, np.integer):
        raise InputError(
            f"stimulus_index: {rows.dtype} of shape {rows.shape}, "
            f"expected one integer for each of the {n_samples} rows of X"
        )
    if rows.min() < 0 or rows.max() >= n_targets:
        raise InputError(
            f"stimulus_index: {rows.min()} to {rows.max()}, expected 0 to {n_targets - 1}"
        )
    unused = np.setdiff1d(np.arange(n_targets), rows)
    if unused.size:
        raise InputError(f"stimulus_index: row {unused[0]} of Y belongs to no row of X")
    return rows.astype(np.intp)
