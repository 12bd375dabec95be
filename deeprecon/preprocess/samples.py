"""From the voxel time series of a run to samples: one row of voxel values per stimulus block."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from deeprecon.errors import InputError
from deeprecon.preprocess.clean import clip_outliers, percent_signal_change, regress_out

FloatArray = NDArray[np.float64]

TOLERANCE = 1e-3  # s; events files are often rounded to ms


def block_average(
    data: ArrayLike,
    frame_times: ArrayLike,
    onsets: ArrayLike,
    durations: ArrayLike,
    delay: float,
) -> FloatArray:
    """Average the volumes of each block, shifted by the delay of the haemodynamic response.

    A volume acquired at time t belongs to the block with ``onset <= t - delay < onset +
    duration``. Where onsets, durations and delay are multiples of the TR, this is bdpy's
    `shift_sample` by ``delay / TR`` volumes and then `average_sample` over the blocks.

    Parameters
    ----------
    data : (n_volumes, n_voxels) array
    frame_times : (n_volumes,) array
        Acquisition time of each volume in s from the start of the run, evenly spaced.
    onsets, durations : (n_blocks,) arrays
        s.
    delay : float
        s.

    Returns
    -------
    (n_blocks, n_voxels) float64 array

    Raises
    ------
    InputError
        If a block holds no volume, or needs volumes before the first or after the last one.

    Examples
    --------
    >>> volumes = np.arange(10.0)[:, None]
    >>> block_average(volumes, 2 * np.arange(10), onsets=[4], durations=[8], delay=4)
    array([[5.5]])
    """
    data = np.asarray(data, np.float64)
    times = np.asarray(frame_times, np.float64)
    onsets = np.asarray(onsets, np.float64)
    durations = np.asarray(durations, np.float64)
    if times.shape != (len(data),) or len(times) < 2:
        raise InputError(f"frame_times: shape {times.shape}, expected ({len(data)},) and >= 2")
    if onsets.ndim != 1 or onsets.shape != durations.shape:
        raise InputError(f"onsets: shape {onsets.shape}, but durations {durations.shape}")
    tr = (times[-1] - times[0]) / (len(times) - 1)
    begins, ends = onsets + delay - TOLERANCE, onsets + durations + delay - TOLERANCE
    first, stop = np.searchsorted(times, begins), np.searchsorted(times, ends)
    averages = np.empty((len(onsets), data.shape[1]))
    for i in range(len(onsets)):
        block = f"block {i} (onset {onsets[i]:g} s, duration {durations[i]:g} s, delay {delay:g} s)"
        if begins[i] <= times[0] - tr or ends[i] > times[-1] + tr:
            raise InputError(
                f"{block}: the volumes reach from {times[0]:g} to {times[-1]:g} s only"
            )
        if first[i] == stop[i]:
            raise InputError(f"{block}: holds none of the volumes, which are {tr:g} s apart")
        averages[i] = data[first[i] : stop[i]].mean(axis=0)
    return averages


def preprocess_run(
    series: ArrayLike,
    motion: ArrayLike,
    tr: float,
    onsets: ArrayLike,
    durations: ArrayLike,
    rest_end: float,
    *,
    lead_in: float = 8.0,
    delay: float = 4.0,
    n_sd: float = 3.0,
) -> FloatArray:
    """Clean a run and average its blocks, in the order of Shen et al. (2019).

    Drop the lead-in; regress out constant, trend and motion; convert to percent of the mean of
    the initial rest that is left; clip outliers; shift by the haemodynamic delay; average blocks.

    Parameters
    ----------
    series : (n_volumes, n_voxels) array
        Voxel time series of the whole run, see `voxels.voxel_time_series`.
    motion : (n_volumes, 6) array
        Motion parameters.
    tr : float
        Time from volume to volume, s. Volume i is taken as acquired at ``i * tr``.
    onsets, durations : (n_blocks,) arrays
        The blocks that become samples, s from the start of the run.
    rest_end : float
        End of the initial rest, s.
    lead_in : float
        Volumes acquired before this time (s) are dropped: the signal is not yet steady.
    delay : float
        Haemodynamic delay, s.
    n_sd : float
        Standard deviations beyond which values are clipped.

    Returns
    -------
    (n_blocks, n_voxels) float64 array
        Percent signal change. Without NaN: voxels that leave the field of view are 0.

    Raises
    ------
    InputError
        If motion and series differ in length, no initial rest is left, or a block is not covered
        by volumes (`block_average`).
    """
    series, motion = np.asarray(series), np.asarray(motion, np.float64)
    if len(series) != len(motion):
        raise InputError(f"{len(motion)} rows of motion parameters, but {len(series)} volumes")
    times = np.arange(len(series)) * tr
    kept = times >= lead_in - TOLERANCE
    times = times[kept]
    rest = times < rest_end - TOLERANCE
    if not rest.any():
        raise InputError(
            f"no volume of the initial rest is left: it ends at {rest_end:g} s, and the first "
            f"{lead_in:g} s are dropped"
        )
    cleaned = regress_out(series[kept], motion[kept])
    cleaned = clip_outliers(percent_signal_change(cleaned, rest), n_sd)
    return block_average(cleaned, times, onsets, durations, delay)
