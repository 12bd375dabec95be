"""From the voxel time series of a run to samples: one row of voxel values per stimulus block."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from deeprecon.errors import InputError
from deeprecon.preprocess.clean import NORMALIZATIONS, clip_outliers, cosines, regress_out

FloatArray = NDArray[np.float64]

TOLERANCE = 1e-3  # s; events files are often rounded to ms


@dataclass(frozen=True)
class Cleaning:
    """What is done to the time series of a run, in this order; presets are in `presets`."""

    lead_in: float = 8.0  # s dropped at the start, where the signal is not yet steady
    trend: bool = True  # regress out the linear trend, with the confounds
    high_pass: float | None = None  # s, the longest period that stays; None: no filter
    normalize: str = "percent"  # a key of `clean.NORMALIZATIONS`
    baseline: str = "rest"  # "rest": what is left of the initial rest; "run": all volumes
    clip: float | None = 3.0  # SD; None: no clipping
    clip_iterations: int = 1
    delay: float = 4.0  # s from a block to the volumes that answer to it
    average: bool = True  # one sample a block; if not, one a volume


def block_weights(
    times: ArrayLike, tr: float, onsets: ArrayLike, durations: ArrayLike, delay: float
) -> FloatArray:
    """Weights of the volumes in the average of each block, shifted by a delay.

    A volume stands for the time from its start to the next volume, and counts by the share of
    that time in ``onset + delay`` to ``onset + duration + delay``. Where onsets, durations and
    delay are multiples of the TR, this is bdpy's `shift_sample` by ``delay / TR`` volumes and
    then `average_sample` over the blocks; other delays take parts of the first and last volume.

    Parameters
    ----------
    times : (n_volumes,) array
        Start of each volume, s from the start of the run.
    tr : float
        s.
    onsets, durations : (n_blocks,) arrays
        s.
    delay : float
        s.

    Returns
    -------
    (n_blocks, n_volumes) float64 array
        Each row sums to 1.

    Raises
    ------
    InputError
        If a block lasts no time, or before the first volume or after the last one.

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

    Drop the lead-in; regress out constant, trend and confounds; convert to percent of the mean of
    the initial rest that is left; clip outliers; shift by the haemodynamic delay; average blocks.

    Parameters
    ----------
    series : (n_volumes, n_voxels) array
        Voxel time series of the whole run, see `voxels.voxel_time_series`.
    confounds : (n_volumes, n_confounds) array
        Such as the six motion parameters.
    tr : float
        Time from volume to volume, s.
    onsets, durations : (n_blocks,) arrays
        The blocks that become samples, s from the start of the run.
    rest_end : float
        End of the initial rest, s.
    cleaning : Cleaning
    start : float
        Start of the first volume, s: not 0 only if slice times were corrected to another moment
        than the middle of each volume.

    Returns
    -------
    samples : (n_samples, n_voxels) float64 array
        Without NaN: voxels that leave the field of view are 0.
    block : (n_samples,) int array
        Which block each sample is of; ``arange(n_blocks)`` if blocks are averaged.

    Raises
    ------
    InputError
        If confounds and series differ in length, no baseline is left, or a block is not covered
        by volumes (`block_weights`).
    """
    series, confounds = np.asarray(series), np.asarray(confounds, np.float64)
    if len(series) != len(confounds):
        raise InputError(f"{len(confounds)} rows of confounds, but {len(series)} volumes")
    times = start + tr * np.arange(len(series), dtype=np.float64)
    kept = times >= start + cleaning.lead_in - TOLERANCE
    times = times[kept]
    if len(times) == 0:
        raise InputError(f"no volume is left without the first {cleaning.lead_in:g} s")
    baseline = _baseline_volumes(times, tr, rest_end, cleaning)
    regressors = confounds[kept]
    if cleaning.high_pass is not None:
        regressors = np.hstack([regressors, cosines(len(times), tr, cleaning.high_pass)])
    cleaned = regress_out(series[kept], regressors, cleaning.trend)
    cleaned = NORMALIZATIONS[cleaning.normalize](cleaned, baseline)
    if cleaning.clip is not None:
        cleaned = clip_outliers(cleaned, cleaning.clip, cleaning.clip_iterations)
    weights = block_weights(times, tr, onsets, durations, cleaning.delay)
    if cleaning.average:
        return weights @ cleaned, np.arange(len(weights))
    block, volume = np.nonzero(weights == weights.max(axis=1, keepdims=True))
    return cleaned[volume], block


def _baseline_volumes(
    times: FloatArray, tr: float, rest_end: float, cleaning: Cleaning
) -> NDArray[np.bool_]:
    """The volumes that signal change is relative to."""
    if cleaning.baseline == "run":
        return np.ones(len(times), bool)
    rest: NDArray[np.bool_] = times + tr <= rest_end + TOLERANCE
    if not rest.any():
        raise InputError(
            f"no volume of the initial rest is left: it ends at {rest_end:g} s, and the first "
            f"{cleaning.lead_in:g} s are dropped"
        )
    return rest
