"""From the voxel time series of a run to samples: one row of voxel values per stimulus block."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from deeprecon.errors import InputError
from deeprecon.preprocess.clean import NORMALIZATIONS, clip_outliers, cosines, regress_out
from deeprecon.preprocess.settings import Cleaning

FloatArray = NDArray[np.float64]

TOLERANCE = 1e-3  # s; because onsets are often rounded to ms


def block_weights(
    times: ArrayLike, tr: float, onsets: ArrayLike, durations: ArrayLike, delay: float
) -> FloatArray:
    """Weights of the volumes in the average of each block, shifted by a delay.

    A volume lasts from its start to the start of the next one. It is weighted by the part of this
    time that lies between ``onset + delay`` and ``onset + duration + delay``. If onsets, durations
    and delay are multiples of the TR, this is bdpy's `shift_sample` by ``delay / TR`` volumes,
    followed by `average_sample` over blocks; other delays use parts of the first and last volume.

    Parameters
    ----------
    times : (n_volumes,) array
        Start of each volume, s from the start of the run.
    tr : float
        Repetition time, s.
    onsets, durations : (n_blocks,) arrays
        s.
    delay : float
        Haemodynamic delay, s.

    Returns
    -------
    (n_blocks, n_volumes) float64 array
        Each row sums to 1.

    Raises
    ------
    InputError
        If a block has no duration, starts before the first volume or ends after the last one.

    Examples
    --------
    >>> block_weights([0, 2, 4, 6, 8], tr=2, onsets=[0], durations=[4], delay=3)
    array([[0.  , 0.25, 0.5 , 0.25, 0.  ]])
    """
    times = np.asarray(times, np.float64)
    if np.ndim(onsets) != 1 or np.shape(onsets) != np.shape(durations):
        raise InputError(f"onsets: shape {np.shape(onsets)}, durations {np.shape(durations)}")
    begins = np.asarray(onsets, np.float64) + delay
    ends = begins + np.asarray(durations, np.float64)
    outside = (begins < times[0] - TOLERANCE) | (ends > times[-1] + tr + TOLERANCE)
    bad = outside | (ends - begins < TOLERANCE)
    if bad.any():
        i = int(np.flatnonzero(bad)[0])
        raise InputError(
            f"block {i} (onset {begins[i] - delay:g} s, duration {ends[i] - begins[i]:g} s, delay "
            f"{delay:g} s): the volumes last from {times[0]:g} to {times[-1] + tr:g} s"
        )
    overlap = np.minimum(ends[:, None], times + tr) - np.maximum(begins[:, None], times)
    overlap[overlap < TOLERANCE] = 0
    weights: FloatArray = overlap / overlap.sum(axis=1, keepdims=True)
    return weights


def preprocess_run(
    series: ArrayLike,
    confounds: ArrayLike,
    tr: float,
    onsets: ArrayLike,
    durations: ArrayLike,
    rest_end: float,
    cleaning: Cleaning,
    *,
    start: float = 0.0,
) -> tuple[FloatArray, NDArray[np.intp]]:
    """Clean a run and average its blocks; by default in the order of Shen et al. (2019).

    Drop the dummy scans; regress out constant, trend and confounds; convert to percent of the mean
    of the remaining initial rest; clip outliers; shift by the haemodynamic delay; average blocks.

    Parameters
    ----------
    series : (n_volumes, n_voxels) array
        Voxel time series of the whole run, see `voxels.voxel_time_series`.
    confounds : (n_volumes, n_confounds) array
        Confounds to regress out, such as the six motion parameters.
    tr : float
        Repetition time, s.
    onsets, durations : (n_blocks,) arrays
        Blocks that become samples, s from the start of the run.
    rest_end : float
        End of the initial rest, s.
    cleaning : Cleaning
    start : float
        Start of the first volume, s; 0 unless slice times were corrected to another time than the
        middle of each volume.

    Returns
    -------
    samples : (n_samples, n_voxels) float64 array; voxels that leave the field of view are 0
    block : (n_samples,) int array
        Index of the block of each sample; ``arange(n_blocks)`` if blocks are averaged.

    Raises
    ------
    InputError
        If confounds and series differ in length, no baseline volume is left, or the volumes do not
        cover a block (`block_weights`).
    """
    series, confounds = np.asarray(series), np.asarray(confounds, np.float64)
    if len(series) != len(confounds):
        raise InputError(f"{len(confounds)} rows of confounds, but {len(series)} volumes")
    times = start + tr * np.arange(len(series), dtype=np.float64)
    kept = times >= start + cleaning.dummy_scan_duration - TOLERANCE
    if not kept.any():
        raise InputError(f"no volume is left without the first {cleaning.dummy_scan_duration:g} s")
    times = times[kept]
    rest = _baseline_volumes(times, tr, rest_end, cleaning)
    cleaned = _cleaned(series[kept], confounds[kept], tr, rest, cleaning)
    weights = block_weights(times, tr, onsets, durations, cleaning.delay)
    if cleaning.average:
        return weights @ cleaned, np.arange(len(weights))
    block, volume = np.nonzero(weights == weights.max(axis=1, keepdims=True))
    return cleaned[volume], block


def _cleaned(
    series: NDArray[np.generic],
    regressors: FloatArray,
    tr: float,
    baseline: NDArray[np.bool_],
    cleaning: Cleaning,
) -> FloatArray:
    """Regress out, normalize and clip the time series of the volumes that are kept."""
    if cleaning.high_pass is not None:
        regressors = np.hstack([regressors, cosines(len(series), tr, cleaning.high_pass)])
    cleaned = regress_out(series, regressors, cleaning.trend)
    cleaned = NORMALIZATIONS[cleaning.normalize](cleaned, baseline)
    if cleaning.clip is not None:
        cleaned = clip_outliers(cleaned, cleaning.clip, cleaning.clip_iterations)
    return cleaned


def _baseline_volumes(
    times: FloatArray, tr: float, rest_end: float, cleaning: Cleaning
) -> NDArray[np.bool_]:
    """Volumes to which signal change is relative."""
    if cleaning.baseline == "run":
        return np.ones(len(times), bool)
    rest: NDArray[np.bool_] = times + tr <= rest_end + TOLERANCE
    if not rest.any():
        raise InputError(
            f"no volume of the initial rest is left: it ends at {rest_end:g} s, and the first "
            f"{cleaning.dummy_scan_duration:g} s are dropped"
        )
    return rest
