"""Voxel time series at the positions of the ROI voxels, with one interpolation of the data."""

from collections.abc import Iterable

import numpy as np
from nibabel.affines import apply_affine
from numpy.typing import ArrayLike, NDArray

from deeprecon.errors import InputError
from deeprecon.preprocess.rigid import resample_at


def voxel_time_series(
    volumes: Iterable[NDArray[np.floating]],
    affine: ArrayLike,
    motion: NDArray[np.float64],
    xyz: NDArray[np.float64],
) -> NDArray[np.float32]:
    """Read a run at positions of the motion reference.

    A position goes from the reference to each volume and to its voxels; the volume is interpolated
    there once, by cubic splines. Positions in T1w space come through the coregistration first:
    ``apply_affine(t1w_to_reference, xyz_t1w)``. One volume is in memory at a time.

    Parameters
    ----------
    volumes : iterable of (x, y, z) arrays
        As acquired, see `realign.read_volumes`.
    affine : (4, 4) array
        Voxel to world (mm) matrix of the volumes.
    motion : (n_volumes, 4, 4) array
        Reference world to the world of each volume, see `motion.run_motion`.
    xyz : (n_positions, 3) array
        World coordinates of the reference, mm.

    Returns
    -------
    (n_volumes, n_positions) float32 array
        NaN where a position lies outside a volume.

    Raises
    ------
    InputError
        If there are more or fewer matrices than volumes.
    """
    to_voxels = np.linalg.inv(np.asarray(affine, np.float64))
    series = np.empty((len(motion), len(xyz)), np.float32)
    n_volumes = 0
    for volume in volumes:
        if n_volumes < len(motion):
            series[n_volumes] = resample_at(
                volume, apply_affine(to_voxels @ motion[n_volumes], xyz)
            )
        n_volumes += 1
    if n_volumes != len(motion):
        raise InputError(f"{n_volumes} volumes, but {len(motion)} matrices of motion")
    return series
