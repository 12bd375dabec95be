"""Cleaning of the time series of one run, (n_volumes, n_voxels)."""

import logging
from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike, NDArray

from deeprecon.errors import InputError

FloatArray = NDArray[np.float64]
Baseline = NDArray[np.bool_] | slice

logger = logging.getLogger(__name__)


def regress_out(data: ArrayLike, regressors: ArrayLike, trend: bool = True) -> FloatArray:
    """Remove constant, linear trend and regressors by least squares, then restore the mean.

    The mean is needed as baseline of percent signal change. The result is that of `regressout` of
    bdpy with ``remove_dc=False``. Regressors may be linearly dependent, such as those of a run
    without motion.

    Parameters
    ----------
    data : (n_volumes, n_voxels) array
    regressors : (n_volumes, n_regressors) array
        Such as the six motion parameters, on any scale; (n_volumes, 0) removes only the trend.
    trend : bool
        Whether to remove the linear trend too.

    Returns
    -------
    (n_volumes, n_voxels) float64 array

    Raises
    ------
    InputError
        If the regressors have another number of rows, are not finite, or leave no degrees of
        freedom together with constant and trend.
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
    columns = regressors
    if trend:
        columns = np.column_stack([np.linspace(-1, 1, n_volumes), regressors])
    if columns.shape[1] == 0:
        return data
    scale = np.abs(columns).max(axis=0)
    columns = columns - columns.mean(axis=0)
    size = np.sqrt((columns**2).sum(axis=0))
    # A constant regressor leaves only rounding errors, which would remove the mean if scaled up.
    size[size <= 1e-9 * scale] = 0
    columns = columns[:, size > 0]
    if columns.shape[1] == 0:
        return data
    basis, singular, _ = np.linalg.svd(columns / size[size > 0], full_matrices=False)
    basis = basis[:, singular > 1e-8 * singular[0]]
    # The columns are centred, so the projection neither needs nor removes the mean.
    return data - basis @ (basis.T @ data)


def cosines(n_volumes: int, tr: float, cutoff: float) -> FloatArray:
    """Slow cosines that act as a high-pass filter if regressed out (discrete cosine set of SPM).

    Parameters
    ----------
    n_volumes : int
    tr : float
        Repetition time, s.
    cutoff : float
        Longest period that is kept, s; SPM and fMRIPrep use 128.

    Returns
    -------
    (n_volumes, n_cosines) float64 array
        Without the constant; no column if the run is shorter than half the cutoff.

    Examples
    --------
    >>> cosines(240, tr=2.0, cutoff=128.0).shape
    (240, 7)
    """
    order = np.arange(1, int(2 * n_volumes * tr / cutoff) + 1)
    waves: FloatArray = np.cos(np.pi * np.outer(np.arange(n_volumes) + 0.5, order) / n_volumes)
    return waves


def percent_signal_change(data: ArrayLike, baseline: Baseline) -> FloatArray:
    """Percent signal change 100 * (x - m) / m, with m the mean of a voxel over the baseline.

    Same as `normalize_sample` of bdpy with ``mode="PercentSignalChange"``.

    Parameters
    ----------
    data : (n_volumes, n_voxels) array
    baseline : (n_volumes,) booleans, or slice
        Volumes of the baseline, such as the rest at the start of a run.

    Returns
    -------
    (n_volumes, n_voxels) float64 array
        Percent. Voxels without a positive baseline (outside the head) or with NaN (outside the
        field of view) are 0 throughout; their number is logged.

    Raises
    ------
    InputError
        If the baseline is empty.
    """
    data = np.asarray(data, np.float64)
    mean = _baseline(data, baseline).mean(axis=0)
    usable = _usable(data, mean > 0, "have no positive baseline")
    change = np.zeros_like(data)
    change[:, usable] = 100 * (data[:, usable] / mean[usable] - 1)
    return change


def z_score(data: ArrayLike, baseline: Baseline) -> FloatArray:
    """Z-scores (x - m) / s, with mean m and standard deviation s (ddof 0) over the baseline.

    Same as `normalize_sample` of bdpy with ``mode="Zscore"``.

    Parameters
    ----------
    data : (n_volumes, n_voxels) array
    baseline : (n_volumes,) booleans, or slice
        Volumes of the baseline; in later studies of the Kamitani lab, all volumes of the run.

    Returns
    -------
    (n_volumes, n_voxels) float64 array
        Voxels that are constant over the baseline or contain NaN are 0 throughout; their number
        is logged.

    Raises
    ------
    InputError
        If the baseline is empty.

    Examples
    --------
    >>> z_score([[1.0], [3.0], [5.0]], slice(0, 2)).ravel()
    array([-1.,  1.,  3.])
    """
    data = np.asarray(data, np.float64)
    reference = _baseline(data, baseline)
    mean, sd = reference.mean(axis=0), reference.std(axis=0)
    # After interpolation in single precision, equal values may differ in the last digit.
    usable = _usable(data, sd > 1e-6 * np.abs(mean), "do not vary over the baseline")
    scores = np.zeros_like(data)
    scores[:, usable] = (data[:, usable] - mean[usable]) / sd[usable]
    return scores


def _as_scanned(data: ArrayLike, baseline: Baseline) -> FloatArray:
    """Keep the units of the scanner; voxels with NaN become 0."""
    data = np.asarray(data, np.float64)
    usable = _usable(data, np.ones(data.shape[1], bool), "")
    return np.where(usable, data, 0.0)


def _baseline(data: FloatArray, baseline: Baseline) -> FloatArray:
    """Volumes of the baseline."""
    volumes: FloatArray = data[baseline]
    if len(volumes) == 0:
        raise InputError(f"no baseline volume among {len(data)}, expected at least one")
    return volumes


def _usable(data: FloatArray, normal: NDArray[np.bool_], problem: str) -> NDArray[np.bool_]:
    """Find voxels that are normal and finite, and log the number of the others."""
    usable: NDArray[np.bool_] = normal & np.isfinite(data).all(axis=0)
    if not usable.all():
        logger.warning(
            "%d of %d voxels %scontain NaN: set to 0",
            np.count_nonzero(~usable),
            len(usable),
            f"{problem} or " if problem else "",
        )
    return usable


NORMALIZATIONS: dict[str, Callable[[ArrayLike, Baseline], FloatArray]] = {
    "percent": percent_signal_change,
    "zscore": z_score,
    "none": _as_scanned,
}


def clip_outliers(data: ArrayLike, n_sd: float = 3.0, n_iterations: int = 1) -> FloatArray:
    """Clip each voxel to its mean plus or minus `n_sd` standard deviations over volumes.

    Same as `reduce_outlier` of bdpy, except that bdpy iterates ten times by default. Each iteration
    uses the mean and standard deviation (ddof 0) of the values clipped before.

    Parameters
    ----------
    data : (n_volumes, n_voxels) array
    n_sd : float
    n_iterations : int

    Returns
    -------
    (n_volumes, n_voxels) float64 array

    Examples
    --------
    >>> clip_outliers([[0.0], [0.0], [0.0], [4.0]], n_sd=1.0).ravel().round(3)
    array([0.   , 0.   , 0.   , 2.732])
    >>> clip_outliers([[0.0], [0.0], [0.0], [4.0]], n_sd=1.0, n_iterations=2).ravel().round(3)
    array([0.   , 0.   , 0.   , 1.866])
    """
    clipped: FloatArray = np.asarray(data, np.float64)
    for _ in range(n_iterations):
        mean, reach = clipped.mean(axis=0), n_sd * clipped.std(axis=0)
        clipped = np.clip(clipped, mean - reach, mean + reach)
    return clipped
