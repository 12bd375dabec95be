"""Slice-time correction: all slices as if they were acquired in the middle of their volume."""

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.interpolate import make_interp_spline

from deeprecon.errors import InputError


def correct_slice_times(
    run: NDArray[np.float32], slice_times: ArrayLike, tr: float, axis: int = 2
) -> NDArray[np.float32]:
    """Interpolate each slice in time, by cubic splines, to the middle of its volume.

    The middle (TR / 2, as in fMRIPrep) shifts values by at most half a TR. It is also
    the mean acquisition time of the slices of an uncorrected volume.

    Parameters
    ----------
    run : (x, y, z, n_volumes) float32 array
        Changed in place, slice by slice, to avoid a second copy of the run in memory.
    slice_times : (n_slices,) array
        Acquisition time of each slice from the start of its volume, s.
    tr : float
        Repetition time, s.
    axis : int
        Slice axis.

    Returns
    -------
    the same array
        If the middle of the first or last volume lies outside the acquisitions of a slice, the
        slice keeps the nearest one.

    Raises
    ------
    InputError
        If times and slices differ in number, times lie outside the volume, or the run has fewer
        than four volumes.
    """
    slice_times = np.asarray(slice_times, np.float64)
    n_slices, n_volumes = run.shape[axis], run.shape[3]
    if slice_times.shape != (n_slices,):
        raise InputError(f"{len(slice_times)} slice times for {n_slices} slices")
    if not ((slice_times >= 0) & (slice_times < tr)).all():
        raise InputError(
            f"slice times from {slice_times.min():g} to {slice_times.max():g} s, expected 0 or "
            f"more and less than the TR of {tr:g} s"
        )
    if n_volumes < 4:
        raise InputError(f"{n_volumes} volumes, expected 4 or more to correct slice times")
    middle = (np.arange(n_volumes) + 0.5) * tr
    for k, offset in enumerate(slice_times):
        part = run[(slice(None),) * axis + (k,)]
        acquired = np.arange(n_volumes) * tr + offset
        spline = make_interp_spline(acquired, part, k=3, axis=-1)
        part[...] = spline(np.clip(middle, acquired[0], acquired[-1]))
    return run
