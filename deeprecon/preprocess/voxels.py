"""Time series at the positions of the ROI voxels, with a single interpolation of the data."""

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
    """Read a run at positions given in the motion reference.

    Each position is transformed from the reference to the voxel coordinates of each volume, and the
    volume is interpolated there by cubic splines. Positions in T1w space need the coregistration
    first: ``apply_affine(t1w_to_reference, xyz_t1w)``. One volume is in memory at a time.

    Parameters
    ----------
    volumes : iterable of (x, y, z) arrays
        Volumes as acquired, see `data.images.read_volumes`.
    affine : (4, 4) array
        Voxel to world (mm) matrix of the volumes.
    motion : (n_volumes, 4, 4) array
        Reference world to world coordinates of each volume, see `motion.run_motion`.
    xyz : (n_positions, 3) array
        World coordinates of the reference, mm.

    Returns
    -------
    (n_volumes, n_positions) float32 array
        NaN where a position lies outside a volume.

    Raises
    ------
    InputError
        If matrices and volumes differ in number.
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
