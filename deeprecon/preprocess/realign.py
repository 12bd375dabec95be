"""Rigid-body motion correction of a BOLD run; the fit itself is in `gauss_newton`."""

import logging
from collections.abc import Iterable, Iterator
from itertools import islice

import nibabel as nib
import numpy as np
from nibabel.affines import apply_affine
from numpy.typing import ArrayLike, NDArray

from deeprecon.data.images import check_volume, read_volumes
from deeprecon.errors import InputError
from deeprecon.preprocess.gauss_newton import (
    N_POINTS,
    Level,
    coarse_to_fine,
    make_levels,
    without_empty_faces,
)
from deeprecon.preprocess.rigid import (
    FloatArray,
    grid_centre,
    motion_matrix,
    motion_parameters,
    resample_at,
)

logger = logging.getLogger(__name__)

OFFSET_GAIN_ORDER = 3


def estimate_motion(
    volumes: Iterable[NDArray[np.floating]],
    reference: NDArray[np.floating],
    affine: ArrayLike,
    *,
    volume_affine: ArrayLike | None = None,
    fwhm: float | None = None,
    n_points: int = N_POINTS,
) -> FloatArray:
    """Rigid motion of each volume of a run against a reference volume.

    The first volume is fitted from coarse to fine (2 and 1 times `fwhm`), starting from its
    position by the affines. Each other volume is fitted at `fwhm` only, starting from the motion
    of the previous volume, and from coarse to fine if that does not converge. If neither converges,
    the volume gets the motion of the previous one, with a warning in the log.

    Parameters
    ----------
    volumes : iterable of (x, y, z) arrays
        The volumes in order, for example `read_volumes(img)`.
    reference : (x, y, z) array
        Typically the first volume of the session, or a mean volume.
    affine : (4, 4) array
        Voxel to world (mm) matrix of the reference, without shears.
    volume_affine : (4, 4) array, optional
        Matrix of the volumes, if their grid is not that of the reference.
    fwhm : float, optional
        Gaussian smoothing of volumes and reference, mm. The default is 6, or 1.5 times the longest
        edge of a voxel if that is larger, because aliasing biases estimates with less smoothing.
        For thin slabs, it is at most a quarter of the shortest side of the reference.
    n_points : int
        Maximum number of voxels of the reference that are compared. They are a fixed random sample
        of those with signal (above a fifth of the range from the 2nd to the 98th percentile).

    Returns
    -------
    (n_volumes, 6) float64 array
        trans_x, trans_y, trans_z in mm, rot_x, rot_y, rot_z in radians, about the centre of the
        reference's grid: `motion_matrix(parameters[t], grid_centre(reference.shape, affine))`
        maps world coordinates of the reference to those of volume t.

    Raises
    ------
    InputError
        If a volume or the reference is not 3-D, is constant or has values that are not finite, or
        if their shapes differ (without `volume_affine`).
    """
    reference = np.asarray(reference)
    check_volume(reference, "reference")
    affine = np.asarray(affine, np.float64)
    moving = affine if volume_affine is None else np.asarray(volume_affine, np.float64)
    levels = make_levels(
        *without_empty_faces(reference, affine), moving, fwhm, n_points, gain_order=0
    )
    centre = grid_centre(reference.shape, affine)
    checked = _checked(volumes, reference.shape if volume_affine is None else None)
    motion = [motion_parameters(matrix, centre) for matrix in _follow(levels, checked, moving)]
    return np.array(motion, np.float64).reshape(-1, 6)


def _checked(
    volumes: Iterable[NDArray[np.floating]], shape: tuple[int, ...] | None
) -> Iterator[NDArray[np.floating]]:
    """Yield the volumes, each checked first; a `shape` of None allows any."""
    for i, volume in enumerate(volumes):
        check_volume(volume, f"volume {i}")
        if shape is not None and volume.shape != shape:
            raise InputError(f"volume {i}: shape {volume.shape}, expected {shape}")
        yield volume


def _follow(
    levels: list[Level], volumes: Iterable[NDArray[np.floating]], affine: FloatArray
) -> Iterator[FloatArray]:
    """Fit each volume, starting from the motion (4, 4) of the previous one."""
    matrix = np.eye(4)
    for i, volume in enumerate(volumes):
        seen = without_empty_faces(volume, affine)
        found = levels[-1].fit(*seen, matrix) if i else None
        found = coarse_to_fine(levels, *seen, matrix) if found is None else found
        if found is None:
            logger.warning("volume %d: no motion found, that of the previous volume is kept", i)
        else:
            matrix = found
        yield matrix


def estimate_offset(
    volume: NDArray[np.floating],
    volume_affine: ArrayLike,
    reference: NDArray[np.floating],
    affine: ArrayLike,
) -> tuple[FloatArray, float] | None:
    """Estimate the rigid motion of one volume from a reference of the same contrast.

    The fit goes from coarse to fine. Unlike within a run, the coil may have changed, so the gain is
    a cubic polynomial of the position.

    Parameters
    ----------
    volume, reference : (x, y, z) arrays
    volume_affine, affine : (4, 4) voxel to world (mm) matrices of volume and reference

    Returns
    -------
    matrix : (4, 4) float64 array
        Maps world coordinates of the reference to those of the volume.
    likeness : float
        Correlation of the smoothed volume, after the motion, with the smoothed reference times the
        gain.

    Returns None if the fit does not converge.
    """
    reference, affine = without_empty_faces(reference, np.asarray(affine, float))
    volume, volume_affine = without_empty_faces(volume, np.asarray(volume_affine, float))
    levels = make_levels(reference, affine, volume_affine, None, N_POINTS, OFFSET_GAIN_ORDER)
    matrix = coarse_to_fine(levels, volume, volume_affine, np.eye(4))
    if matrix is None:
        return None
    return matrix, levels[-1].likeness(volume, volume_affine, matrix)


def realign(
    img: nib.spatialimages.SpatialImage, reference: nib.spatialimages.SpatialImage | None = None
) -> tuple[nib.Nifti1Image, FloatArray]:
    """Correct the head motion of a run.

    Parameters
    ----------
    img : 4-D nibabel image
    reference : 3-D nibabel image, optional
        The default is the first volume of `img`. It may have another grid, such as that of another
        session of the same subject.

    Returns
    -------
    corrected : 4-D Nifti1Image, float32
        The volumes on the grid of the reference, by cubic splines; 0 outside the field of view.
    parameters : (n_volumes, 6) float64 array
        See `estimate_motion`.

    Raises
    ------
    InputError
        If `img` is not 4-D or `reference` not 3-D, or a volume is constant or not finite.
    """
    if reference is None:
        volume = next(read_volumes(img))
        affine = img.affine
    else:
        volume = np.asarray(reference.dataobj, np.float32)
        affine = reference.affine
    parameters = estimate_motion(read_volumes(img), volume, affine, volume_affine=img.affine)
    centre = grid_centre(volume.shape, affine)
    grid = np.indices(volume.shape).reshape(3, -1).T
    data = np.empty((*volume.shape, len(parameters)), np.float32)
    for i, moved in enumerate(read_volumes(img)):
        to_voxels = np.linalg.inv(img.affine) @ motion_matrix(parameters[i], centre) @ affine
        values = resample_at(moved, apply_affine(to_voxels, grid))
        data[..., i] = np.nan_to_num(values).reshape(volume.shape)
    corrected = nib.Nifti1Image(data, affine, img.header)
    corrected.set_data_dtype(np.float32)
    return corrected, parameters


def run_reference(
    img: nib.spatialimages.SpatialImage, n_volumes: int, skip: int = 4
) -> nib.Nifti1Image:
    """Reference of motion correction: the median of some realigned volumes at the start of a run.

    A median has less noise than a single volume, which improves every motion estimate, and it
    ignores single volumes corrupted by movement or spikes. Its position is that of the volume most
    similar to the others.

    Parameters
    ----------
    img : 4-D nibabel image
    n_volumes : number of volumes to use
    skip : number of volumes to skip before them, while the signal is not yet steady

    Returns
    -------
    3-D Nifti1Image, float32

    Raises
    ------
    InputError
        If the run has too few volumes, or a volume is constant or not finite.
    """
    if img.ndim != 4 or img.shape[3] < skip + n_volumes:
        name = img.get_filename() or "image"
        raise InputError(f"{name}: shape {img.shape}, expected {skip + n_volumes} volumes or more")
    volumes = np.stack(list(islice(read_volumes(img), skip, skip + n_volumes)), axis=-1)
    alike = np.atleast_2d(np.corrcoef(volumes.reshape(-1, n_volumes).T))
    typical = volumes[..., np.argmax(np.median(alike, axis=1))]
    run = nib.Nifti1Image(volumes, img.affine)
    corrected, _ = realign(run, nib.Nifti1Image(typical, img.affine))
    median = np.median(np.asarray(corrected.dataobj), axis=3)
    return nib.Nifti1Image(median.astype(np.float32), img.affine)
