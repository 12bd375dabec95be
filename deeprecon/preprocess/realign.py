"""Rigid-body motion correction of a BOLD run by least squares.

The algorithm is the one of SPM's realign and AFNI's 3dvolreg (Friston et al. 1995, Human Brain
Mapping 3:165-189; Cox & Jesmanowicz 1999, Magnetic Resonance in Medicine 42:1014-1018):
Gauss-Newton on the squared difference between the smoothed volume and the smoothed reference,
with one global intensity gain. The increments are taken on the side of the reference
("inverse compositional", Baker & Matthews 2004, International Journal of Computer Vision
56:221-255), so that its gradient is computed once for all volumes. Tukey's weights leave out
what no motion explains, such as slices spoilt by a jerk.
"""

import logging
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import islice
from typing import Any

import nibabel as nib
import numpy as np
from nibabel.affines import apply_affine, voxel_sizes
from numpy.typing import ArrayLike, NDArray
from scipy import ndimage
from sklearn.preprocessing import PolynomialFeatures

from deeprecon.data.images import check_volume, read_volumes
from deeprecon.errors import InputError
from deeprecon.preprocess.rigid import (
    FloatArray,
    evaluate_spline,
    grid_centre,
    motion_matrix,
    motion_parameters,
    resample_at,
    spline_coefficients,
)

logger = logging.getLogger(__name__)

FWHM_PER_SD = np.sqrt(8 * np.log(2))
HEAD_RADIUS = 50.0  # mm; turns a rotation into the displacement of the brain's surface
MIN_FWHM = 6.0  # mm
TUKEY = 4.685  # times the robust standard deviation: 95 % efficient for normal residuals
TOLERANCE = 2e-3  # mm
MAX_ITERATIONS = 30
SIGNAL_SHARE = 0.2
N_POINTS = 10_000
OFFSET_GAIN_ORDER = 3
EDGE_SDS = 1.5  # standard deviations of the smoothing kernel


def _without_empty_faces(
    volume: NDArray[np.floating], affine: FloatArray
) -> tuple[NDArray[np.floating], FloatArray]:
    """A volume and its affine without the outer planes that hold one value everywhere.

    Such planes, left by an earlier resampling, are no tissue: their border with the head does not
    move with it.
    """
    first, last = [], []
    for axis in range(3):
        planes = np.moveaxis(volume, axis, 0).reshape(volume.shape[axis], -1)
        filled = np.flatnonzero(planes.min(axis=1) < planes.max(axis=1))
        first.append(filled[0])
        last.append(filled[-1] + 1)
    inner = volume[tuple(slice(a, b) for a, b in zip(first, last, strict=True))]
    return inner, affine @ nib.affines.from_matvec(np.eye(3), first)


def _smooth(volume: NDArray[np.floating], affine: FloatArray, fwhm: float) -> NDArray[np.float32]:
    """Gaussian smoothing by `fwhm` mm."""
    sigma = fwhm / FWHM_PER_SD / voxel_sizes(affine)
    smoothed: NDArray[np.float32] = ndimage.gaussian_filter(
        np.asarray(volume, np.float32), sigma, mode="nearest"
    )
    return smoothed


def _gradient(volume: NDArray[np.float32], affine: FloatArray) -> FloatArray:
    """Gradient (3, x, y, z) in world axes, per mm, of the cubic spline through a volume."""
    slopes = [
        ndimage.correlate1d(
            ndimage.spline_filter1d(volume, order=3, axis=axis, mode="mirror"),
            [-0.5, 0, 0.5],
            axis=axis,
            mode="mirror",
        )
        for axis in range(3)
    ]
    gradient: FloatArray = np.tensordot(np.linalg.inv(affine[:3, :3]).T, slopes, axes=1)
    return gradient


def _edge_weights(
    ijk: NDArray[Any], shape: tuple[int, ...], affine: FloatArray, fwhm: float
) -> FloatArray:
    """Weights (n,) of voxel positions (3, n): 0 at the grid's faces and beyond, 1 well inside.

    Smoothing knows nothing of the tissue beyond the faces, which cut most heads, so that values
    near them do not move with the head: with them, rotations are wrong by tenths of a degree.
    The ramp between lets no point drop out at once, which could keep the fit from settling.
    """
    last = np.array(shape)[:, None] - 1.0
    reach = EDGE_SDS * fwhm / FWHM_PER_SD / voxel_sizes(affine)[:, None]
    depth = np.minimum(ijk, last - ijk) / np.minimum(reach, last / 4)
    weights: FloatArray = np.clip(depth, 0, 1).prod(axis=0)
    return weights


def _trust(residuals: NDArray[np.floating], seen: NDArray[np.bool_]) -> FloatArray:
    """Tukey's weights (n,) of residuals: 0 for those that noise and motion do not explain.

    So that slices lost in a jerk, sparks and moving eyes do not pull at the fit (iteratively
    reweighted least squares; Holland & Welsch 1977, Communications in Statistics A6:813-827).
    """
    scale = 1.4826 * np.median(np.abs(residuals[seen])) if seen.any() else 0.0
    if scale == 0:
        return np.ones(len(residuals))
    trust: FloatArray = np.clip(1 - (residuals / (TUKEY * scale)) ** 2, 0, None) ** 2
    return trust


@dataclass(frozen=True)
class _Level:
    """The reference at one smoothness, at a sample of its voxels."""

    fwhm: float  # mm
    centre: FloatArray  # (3,) mm
    points: FloatArray  # (n, 3) world coordinates, mm
    design: FloatArray  # (n, 6 + k) derivatives by the six parameters at zero, then intensity
    # times each of k terms of the gain, of which the first is 1

    def fit(
        self, volume: NDArray[np.floating], affine: FloatArray, matrix: FloatArray
    ) -> FloatArray | None:
        """Improve the motion `matrix` of a volume; None if that does not converge."""
        coefficients = spline_coefficients(_smooth(volume, affine, self.fwhm))
        to_voxels = np.linalg.inv(affine)
        trust = np.ones(len(self.points))
        for _ in range(MAX_ITERATIONS):
            ijk = apply_affine(to_voxels @ matrix, self.points).T
            values = np.nan_to_num(evaluate_spline(coefficients, ijk))
            weights = _edge_weights(ijk, volume.shape, affine, self.fwhm)
            weighted = self.design.T * (weights * trust)
            solution = np.linalg.lstsq(weighted @ self.design, weighted @ values, rcond=1e-10)[0]
            if solution[6] <= 0:
                return None
            trust = _trust(np.asarray(values - self.design @ solution), weights > 0)
            # values = gain * (intensity + derivatives @ step), and a step of the reference is the
            # opposite step of the volume.
            step = solution[:6] / solution[6]
            matrix = matrix @ np.linalg.inv(motion_matrix(step, self.centre))
            if np.abs(step[:3]).max() + HEAD_RADIUS * np.abs(step[3:]).max() < TOLERANCE:
                return matrix
        return None

    def likeness(
        self, volume: NDArray[np.floating], affine: FloatArray, matrix: FloatArray
    ) -> float:
        """Correlation of the volume, as placed, with the intensity times its best gain."""
        coefficients = spline_coefficients(_smooth(volume, affine, self.fwhm))
        ijk = apply_affine(np.linalg.inv(affine) @ matrix, self.points).T
        seen = _edge_weights(ijk, volume.shape, affine, self.fwhm) > 0
        values, intensity = evaluate_spline(coefficients, ijk[:, seen]), self.design[seen, 6:]
        gain = np.linalg.lstsq(intensity, values, rcond=None)[0]
        return float(np.corrcoef(intensity @ gain, values)[0, 1])


def _level(
    reference: NDArray[np.floating],
    affine: FloatArray,
    fwhm: float,
    n_points: int,
    gain_order: int,
) -> _Level:
    """Prepare the reference for fits at one smoothness."""
    smoothed = _smooth(reference, affine, fwhm)
    low, high = np.percentile(smoothed, [2, 98])
    ijk = np.argwhere(smoothed > low + SIGNAL_SHARE * (high - low))
    ijk = ijk[_edge_weights(ijk.T, reference.shape, affine, fwhm) == 1]
    if len(ijk) > n_points:
        # A random sample has no axis, unlike every k-th voxel.
        ijk = np.random.default_rng(0).choice(ijk, n_points, replace=False)
    centre = grid_centre(reference.shape, affine)
    points = apply_affine(affine, ijk)
    gradient = _gradient(smoothed, affine)[:, *ijk.T].T
    turning = np.cross(points - centre, gradient)
    unit = (points - centre) / np.abs(points - centre).max()
    gain = PolynomialFeatures(gain_order).fit_transform(unit)
    design = np.column_stack([gradient, turning, smoothed[*ijk.T][:, None] * gain])
    return _Level(fwhm, centre, points, design)


def _coarse_to_fine(
    levels: list[_Level], volume: NDArray[np.floating], affine: FloatArray, matrix: FloatArray
) -> FloatArray | None:
    """Improve the motion `matrix` level by level; None if the last one does not converge."""
    found = None
    for level in levels:
        found = level.fit(volume, affine, matrix)
        matrix = matrix if found is None else found
    return found


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

    The first volume is fitted from coarse to fine (2 and 1 times `fwhm`), starting where the
    affines put it; the others at `fwhm` only, starting from the volume before, and from coarse to
    fine if that does not converge. A volume that converges in neither way gets the motion of the
    one before, and a warning in the log.

    Parameters
    ----------
    volumes : iterable of (x, y, z) arrays
        The volumes in order, for example `read_volumes(img)`.
    reference : (x, y, z) array
        Typically the first volume of the session, or a mean volume.
    affine : (4, 4) array
        Voxel to world (mm) matrix of the reference, without shears.
    volume_affine : (4, 4) array, optional
        That of the volumes, if they have another grid than the reference.
    fwhm : float, optional
        Gaussian smoothing of volumes and reference, mm. Defaults to 6, or to 1.5 times the
        longest edge of a voxel if that is more: with less, aliasing moves the estimate. But at
        most a quarter of the thinnest side of the reference, for the sake of thin slabs.
    n_points : int
        At most as many voxels of the reference are compared, a fixed random sample of those with
        signal (above a fifth of the way from the 2nd to the 98th percentile).

    Returns
    -------
    (n_volumes, 6) float64 array
        trans_x, trans_y, trans_z in mm, rot_x, rot_y, rot_z in radians, about the centre of the
        reference's grid: `motion_matrix(parameters[t], grid_centre(reference.shape, affine))`
        maps world coordinates of the reference to those of volume t.

    Raises
    ------
    InputError
        If a volume or the reference has no three dimensions, another shape than the reference
        (without `volume_affine`), NaN or infinity, or the same value everywhere.
    """
    reference = np.asarray(reference)
    check_volume(reference, "reference")
    affine = np.asarray(affine, np.float64)
    moving = affine if volume_affine is None else np.asarray(volume_affine, np.float64)
    levels = _levels(*_without_empty_faces(reference, affine), moving, fwhm, n_points, gain_order=0)
    centre, matrix = grid_centre(reference.shape, affine), np.eye(4)
    motion = []
    for i, volume in enumerate(volumes):
        check_volume(volume, f"volume {i}")
        if volume_affine is None and volume.shape != reference.shape:
            raise InputError(f"volume {i}: shape {volume.shape}, expected {reference.shape}")
        seen = _without_empty_faces(volume, moving)
        found = levels[-1].fit(*seen, matrix) if i else None
        if found is None:
            found = _coarse_to_fine(levels, *seen, matrix)
        if found is None:
            logger.warning("volume %d: its motion was not found, the one before is kept", i)
        else:
            matrix = found
        motion.append(motion_parameters(matrix, centre))
    return np.array(motion, np.float64).reshape(-1, 6)


def estimate_offset(
    volume: NDArray[np.floating],
    volume_affine: ArrayLike,
    reference: NDArray[np.floating],
    affine: ArrayLike,
) -> tuple[FloatArray, float] | None:
    """Rigid motion of one volume from a reference of the same contrast, from coarse to fine.

    Unlike within a run, the coil may have changed: the gain is a cubic polynomial of the place.

    Parameters
    ----------
    volume, reference : (x, y, z) arrays
    volume_affine, affine : (4, 4) voxel to world (mm) matrices of the two

    Returns
    -------
    matrix : (4, 4) float64 array
        Maps world coordinates of the reference to those of the volume.
    likeness : float
        Correlation of the smoothed volume, so placed, with the smoothed reference times the gain.

    Or None if the search does not converge.
    """
    reference, affine = _without_empty_faces(reference, np.asarray(affine, float))
    volume, volume_affine = _without_empty_faces(volume, np.asarray(volume_affine, float))
    levels = _levels(reference, affine, volume_affine, None, N_POINTS, OFFSET_GAIN_ORDER)
    matrix = _coarse_to_fine(levels, volume, volume_affine, np.eye(4))
    if matrix is None:
        return None
    return matrix, levels[-1].likeness(volume, volume_affine, matrix)


def _levels(
    reference: NDArray[np.floating],
    affine: FloatArray,
    volume_affine: FloatArray,
    fwhm: float | None,
    n_points: int,
    gain_order: int,
) -> list[_Level]:
    """The reference prepared for coarse and fine fits, see `estimate_motion`."""
    if fwhm is None:
        edges = voxel_sizes(affine)
        fwhm = max(MIN_FWHM, 1.5 * max(*edges, *voxel_sizes(volume_affine)))
        fwhm = min(fwhm, (edges * reference.shape).min() / 4)
    return [_level(reference, affine, scale * fwhm, n_points, gain_order) for scale in (2, 1)]


def realign(
    img: nib.spatialimages.SpatialImage, reference: nib.spatialimages.SpatialImage | None = None
) -> tuple[nib.Nifti1Image, FloatArray]:
    """Correct the head motion of a run.

    Parameters
    ----------
    img : 4-D nibabel image
    reference : 3-D nibabel image, optional
        Defaults to the first volume of `img`. It may lie on another grid, such as that of another
        session of the same subject.

    Returns
    -------
    corrected : 4-D Nifti1Image, float32
        The volumes on the grid of the reference, by cubic splines; 0 where a volume does not reach.
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

    A median has less noise than a single volume, and so has every motion estimate against it; one
    that a jerk or a spark has spoilt does not get into it. It lies where the volume lies that is
    most like the others.

    Parameters
    ----------
    img : 4-D nibabel image
    n_volumes : volumes that are taken
    skip : volumes left out before them, while the signal is not yet steady

    Returns
    -------
    3-D Nifti1Image, float32

    Raises
    ------
    InputError
        If the run has too few volumes, or one of these is constant or not finite.
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
