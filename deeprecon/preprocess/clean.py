"""Cleaning of the voxel time series of one run: (n_volumes, n_voxels) in and out."""

import logging

import numpy as np
from numpy.typing import ArrayLike, NDArray

from deeprecon.errors import InputError

FloatArray = NDArray[np.float64]

logger = logging.getLogger(__name__)


def regress_out(data: ArrayLike, regressors: ArrayLike) -> FloatArray:
    """Remove constant, linear trend and regressors by least squares, then add the mean again.

    The mean stays because percent signal change needs a baseline. As `regressout` of bdpy with
    ``remove_dc=False``, and with linearly dependent regressors, such as those of a run without
    motion, as well.

    Parameters
    ----------
    data : (n_volumes, n_voxels) array
    regressors : (n_volumes, n_regressors) array
        Such as the six motion parameters; any scale; (n_volumes, 0) removes the trend only.

    Returns
    -------
    (n_volumes, n_voxels) float64 array

    Raises
    ------
    InputError
        If the regressors have another number of rows, are not finite, or with constant and trend
        leave no degree of freedom.
    """
    data = np.asarray(data, np.float64)
    regressors = np.asarray(regressors, np.float64)
    n_volumes = len(data)
    if regressors.ndim != 2 or len(regressors) != n_volumes:
        raise InputError(f"regressors: shape {regressors.shape}, expected ({n_volumes}, any)")
    if not np.isfinite(regressors).all():
        row = int(np.argwhere(~np.isfinite(regressors))[0, 0])
        raise InputError(f"regressors: row {row} holds NaN or infinity")
    if n_volumes <= regressors.shape[1] + 2:
        raise InputError(f"{n_volumes} volumes, expected more than {regressors.shape[1] + 2}")
    columns = np.column_stack([np.linspace(-1, 1, n_volumes), regressors])
    columns -= columns.mean(axis=0)
    size = np.sqrt((columns**2).sum(axis=0))
    basis, singular, _ = np.linalg.svd(columns / np.where(size > 0, size, 1), full_matrices=False)
    basis = basis[:, singular > 1e-8 * singular[0]]
    # The columns are centred, so the projection neither needs nor removes the mean.
    return data - basis @ (basis.T @ data)


def percent_signal_change(data: ArrayLike, baseline: NDArray[np.bool_] | slice) -> FloatArray:
    """100 * (x - m) / m, with m a voxel's mean over the baseline volumes.

    As `normalize_sample` of bdpy with ``mode="PercentSignalChange"``.

    Parameters
    ----------
    data : (n_volumes, n_voxels) array
    baseline : (n_volumes,) booleans, or slice
        The volumes of the baseline, such as the rest at the start of a run.

    Returns
    -------
    (n_volumes, n_voxels) float64 array
        Percent. Voxels whose baseline is not positive (outside the head) or that hold NaN
        (because they leave the field of view) are 0 throughout; their number is logged.

    Raises
    ------
    InputError
        If the baseline holds no volume.
    """
    data = np.asarray(data, np.float64)
    if len(data[baseline]) == 0:
        raise InputError(f"no baseline volume among {len(data)}, expected at least one")
    mean = data[baseline].mean(axis=0)
    usable = (mean > 0) & np.isfinite(data).all(axis=0)
    if not usable.all():
        logger.warning(
            "%d of %d voxels have no positive baseline or hold NaN: set to 0",
            np.count_nonzero(~usable),
            len(usable),
        )
    change = np.zeros_like(data)
    change[:, usable] = 100 * (data[:, usable] / mean[usable] - 1)
    return change


def clip_outliers(data: ArrayLike, n_sd: float = 3.0) -> FloatArray:
    """Clip each voxel to its mean plus or minus `n_sd` standard deviations over volumes, once.

    As one iteration of bdpy's `reduce_outlier` (which by default makes ten, each with the mean
    and standard deviation of the values clipped before). Standard deviations with ddof 0.

    Parameters
    ----------
    data : (n_volumes, n_voxels) array
    n_sd : float

    Returns
    -------
    (n_volumes, n_voxels) float64 array

    Examples
    --------
    >>> clip_outliers([[0.0], [0.0], [0.0], [4.0]], n_sd=1.0).ravel().round(3)
    array([0.   , 0.   , 0.   , 2.732])
    """
    data = np.asarray(data, np.float64)
    mean, reach = data.mean(axis=0), n_sd * data.std(axis=0)
    return np.clip(data, mean - reach, mean + reach)
