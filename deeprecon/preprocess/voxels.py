"""Voxel time series at the positions of the ROI voxels, with one interpolation of the data."""

import nibabel as nib
import numpy as np
from nibabel.affines import apply_affine
from numpy.typing import ArrayLike, NDArray

from deeprecon.errors import InputError
from deeprecon.preprocess.realign import motion_matrix, read_volumes, resample_at


def voxel_time_series(
    bold_img: nib.spatialimages.SpatialImage,
    motion: NDArray[np.float64],
    centre: ArrayLike,
    coregistration: NDArray[np.float64],
    xyz_t1: NDArray[np.float64],
) -> NDArray[np.float32]:
    """Read a run at positions given in T1w space.

    A position goes from T1w to the BOLD reference, then to each volume, then to its voxels; the
    volume is interpolated there once, by cubic splines. One volume is in memory at a time.

    Parameters
    ----------
    bold_img : 4-D nibabel image
        The run as acquired.
    motion : (n_volumes, 6) array
        Motion of each volume against the reference, see `realign.estimate_motion`.
    centre : (3,) array
        Centre of the rotations: `realign.grid_centre` of the reference.
    coregistration : (4, 4) array
        T1w world to reference world, see `coregister.coregister`.
    xyz_t1 : (n_voxels, 3) array
        World coordinates in T1w space, mm, such as `rois.VoxelTable.xyz`.

    Returns
    -------
    (n_volumes, n_voxels) float32 array
        NaN where a position lies outside a volume.

    Raises
    ------
    InputError
        If the number of motion parameters is not that of the volumes, or a volume is constant or
        not finite.
    """
    name = bold_img.get_filename() or "image"
    if bold_img.ndim != 4 or np.shape(motion) != (bold_img.shape[3], 6):
        raise InputError(
            f"{name}: shape {bold_img.shape} with motion parameters of shape {np.shape(motion)}, "
            "expected (x, y, z, n_volumes) with (n_volumes, 6)"
        )
    to_voxels = np.linalg.inv(bold_img.affine)
    series = np.empty((len(motion), len(xyz_t1)), np.float32)
    for i, volume in enumerate(read_volumes(bold_img)):
        transform = to_voxels @ motion_matrix(motion[i], centre) @ coregistration
        series[i] = resample_at(volume, apply_affine(transform, xyz_t1))
    return series
