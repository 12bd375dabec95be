"""Rigid motion as parameters and matrices, and interpolation of volumes.

Convention in all of `deeprecon.preprocess`: the motion of a volume is the rigid transform that maps
world coordinates of the reference (scanner RAS, mm) to those of the same tissue in that volume. Its
parameters are (trans_x, trans_y, trans_z, rot_x, rot_y, rot_z), mm and radians, about a centre that
is the same for all volumes, see `motion_matrix`.
A head that moves up between the reference and the volume has a positive trans_z.
"""

import numpy as np
from nibabel.affines import apply_affine
from numpy.typing import ArrayLike, NDArray
from scipy import ndimage
from scipy.spatial.transform import Rotation

FloatArray = NDArray[np.float64]


def grid_centre(shape: tuple[int, ...], affine: ArrayLike) -> FloatArray:
    """World coordinates (3,) in mm of the centre of a voxel grid.

    >>> grid_centre((3, 5, 7), np.diag([2.0, 2.0, 2.0, 1.0]))
    array([2., 4., 6.])
    """
    centre: FloatArray = apply_affine(affine, (np.asarray(shape[:3]) - 1) / 2)
    return centre


def motion_matrix(parameters: ArrayLike, centre: ArrayLike) -> FloatArray:
    """World-to-world matrix of six motion parameters.

    The matrix maps a point x of the reference to ``centre + t + Rx @ Ry @ Rz @ (x - centre)`` in
    the volume, with right-handed rotations about the world's axes through the centre.

    Parameters
    ----------
    parameters : (6,) array
        Translations x, y, z in mm, then rotations about x, y, z in radians.
    centre : (3,) array
        Centre of the rotations, mm, see `grid_centre`.

    Returns
    -------
    (4, 4) float64 array

    Examples
    --------
    >>> motion_matrix([1, 0, 0, 0, 0, np.pi / 2], centre=[0, 0, 0]).round(3) @ [5, 0, 0, 1]
    array([1., 5., 0., 1.])
    """
    parameters = np.asarray(parameters, np.float64)
    centre = np.asarray(centre, np.float64)
    rotation = Rotation.from_euler("XYZ", parameters[3:]).as_matrix()
    matrix = np.eye(4)
    matrix[:3, :3] = rotation
    matrix[:3, 3] = centre + parameters[:3] - rotation @ centre
    return matrix


def motion_parameters(matrix: ArrayLike, centre: ArrayLike) -> FloatArray:
    """Six motion parameters of a rigid world-to-world matrix: the inverse of `motion_matrix`.

    >>> motion_parameters(motion_matrix([1, 2, 3, 0.1, 0.2, 0.3], [4, 5, 6]), [4, 5, 6]).round(6)
    array([1. , 2. , 3. , 0.1, 0.2, 0.3])
    """
    matrix = np.asarray(matrix, np.float64)
    translation = apply_affine(matrix, np.asarray(centre, np.float64)) - centre
    angles = Rotation.from_matrix(matrix[:3, :3]).as_euler("XYZ")
    return np.concatenate([translation, angles])


def resample_at(volume: ArrayLike, voxel_coordinates: ArrayLike) -> NDArray[np.float32]:
    """Values of a volume at fractional voxel positions, by cubic splines.

    Parameters
    ----------
    volume : (x, y, z) array
    voxel_coordinates : (n, 3) array
        Positions in units of voxels; integers are voxel centres.

    Returns
    -------
    (n,) float32 array
        NaN beyond the edges of the outermost voxels, half a voxel from their centres. Between
        these centres and edges, the value is that at the centre.
    """
    coefficients = spline_coefficients(np.asarray(volume, np.float32))
    return evaluate_spline(coefficients, np.asarray(voxel_coordinates, np.float64).T)


def spline_coefficients(volume: NDArray[np.float32]) -> FloatArray:
    """Cubic spline coefficients of a volume, reflected about its outermost voxel centres."""
    coefficients: FloatArray = ndimage.spline_filter(volume, order=3, mode="mirror")
    return coefficients


def evaluate_spline(coefficients: FloatArray, ijk: FloatArray) -> NDArray[np.float32]:
    """Evaluate a spline at positions `ijk` (3, n), see `resample_at`."""
    last = np.array(coefficients.shape)[:, None] - 1
    values: NDArray[np.float32] = ndimage.map_coordinates(
        coefficients, np.clip(ijk, 0, last), np.float32, order=3, mode="mirror", prefilter=False
    )
    values[((ijk < -0.5) | (ijk > last + 0.5)).any(axis=0)] = np.nan
    return values
