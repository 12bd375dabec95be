"""Rigid registration of a volume with a reference by least squares.

The algorithm is the one of SPM's realign and AFNI's 3dvolreg (Friston et al. 1995, Human Brain
Mapping 3:165-189; Cox & Jesmanowicz 1999, Magnetic Resonance in Medicine 42:1014-1018):
Gauss-Newton on the squared difference between the smoothed volume and the smoothed reference,
with an intensity gain. The increments are applied to the reference
("inverse compositional", Baker & Matthews 2004, International Journal of Computer Vision
56:221-255), so that its gradient is computed once for all volumes. Tukey's weights exclude what
motion cannot explain, such as slices corrupted by a sudden movement.
"""

from dataclasses import dataclass
from typing import Any

import nibabel as nib
import numpy as np
from nibabel.affines import apply_affine, voxel_sizes
from numpy.typing import NDArray
from scipy import ndimage
from sklearn.preprocessing import PolynomialFeatures

from deeprecon.preprocess.rigid import (
    FloatArray,
    evaluate_spline,
    grid_centre,
    motion_matrix,
    spline_coefficients,
)

FWHM_PER_SD = np.sqrt(8 * np.log(2))
HEAD_RADIUS = 50.0  # mm; converts a rotation into a displacement of the surface of the brain
MIN_FWHM = 6.0  # mm
TUKEY = 4.685  # times the robust standard deviation: 95 % efficient for normal residuals
TOLERANCE = 2e-3  # mm
MAX_ITERATIONS = 30
SIGNAL_SHARE = 0.2
N_POINTS = 10_000
EDGE_SDS = 1.5  # standard deviations of the smoothing kernel


def without_empty_faces(
    volume: NDArray[np.floating], affine: FloatArray
) -> tuple[NDArray[np.floating], FloatArray]:
    """Crop outer planes with a constant value; returns the volume and its affine.

    Such planes come from an earlier resampling. Their border with the head does not move with it.
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
    """Smooth with a Gaussian of `fwhm` mm."""
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
    """Weights (n,) of voxel positions (3, n): 0 at and beyond the faces of the grid, 1 inside.

    The faces of the grid cut through most heads, and smoothing does not know the tissue beyond
    them. Values near the faces therefore do not move with the head, and would bias rotations by
    tenths of a degree. The weights increase gradually, because points that suddenly drop out could
    prevent convergence.
    """
    last = np.array(shape)[:, None] - 1.0
    reach = EDGE_SDS * fwhm / FWHM_PER_SD / voxel_sizes(affine)[:, None]
    depth = np.minimum(ijk, last - ijk) / np.minimum(reach, last / 4)
    weights: FloatArray = np.clip(depth, 0, 1).prod(axis=0)
    return weights


def _trust(residuals: NDArray[np.floating], seen: NDArray[np.bool_]) -> FloatArray:
    """Tukey's weights (n,) of residuals: 0 where noise and motion do not explain them.

    They keep corrupted slices, spikes and moving eyes from biasing the fit (iteratively reweighted
    least squares; Holland & Welsch 1977, Communications in Statistics A6:813-827).
    """
    scale = 1.4826 * np.median(np.abs(residuals[seen])) if seen.any() else 0.0
    if scale == 0:
        return np.ones(len(residuals))
    trust: FloatArray = np.clip(1 - (residuals / (TUKEY * scale)) ** 2, 0, None) ** 2
    return trust


@dataclass(frozen=True)
class Level:
    """A sample of the voxels of the reference, at one level of smoothing."""

    fwhm: float  # mm
    centre: FloatArray  # (3,) mm
    points: FloatArray  # (n, 3) world coordinates, mm
    design: FloatArray  # (n, 6 + k) derivatives with respect to the six parameters at zero,
    # then intensity times each of the k terms of the gain; the first term is 1

    def fit(
        self, volume: NDArray[np.floating], affine: FloatArray, matrix: FloatArray
    ) -> FloatArray | None:
        """Improve the motion `matrix` of a volume; None if the fit does not converge."""
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
            # values = gain * (intensity + derivatives @ step); a step of the reference is the
            # opposite step of the volume.
            step = solution[:6] / solution[6]
            matrix = matrix @ np.linalg.inv(motion_matrix(step, self.centre))
            if np.abs(step[:3]).max() + HEAD_RADIUS * np.abs(step[3:]).max() < TOLERANCE:
                return matrix
        return None

    def likeness(
        self, volume: NDArray[np.floating], affine: FloatArray, matrix: FloatArray
    ) -> float:
        """Correlation of the moved volume with the intensity times its best gain."""
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
) -> Level:
    """Prepare the reference for fits at one level of smoothing."""
    smoothed = _smooth(reference, affine, fwhm)
    low, high = np.percentile(smoothed, [2, 98])
    ijk = np.argwhere(smoothed > low + SIGNAL_SHARE * (high - low))
    ijk = ijk[_edge_weights(ijk.T, reference.shape, affine, fwhm) == 1]
    if len(ijk) > n_points:
        # Random, because taking every k-th voxel would favour some directions.
        ijk = np.random.default_rng(0).choice(ijk, n_points, replace=False)
    centre = grid_centre(reference.shape, affine)
    points = apply_affine(affine, ijk)
    gradient = _gradient(smoothed, affine)[:, *ijk.T].T
    turning = np.cross(points - centre, gradient)
    unit = (points - centre) / np.abs(points - centre).max()
    gain = PolynomialFeatures(gain_order).fit_transform(unit)
    design = np.column_stack([gradient, turning, smoothed[*ijk.T][:, None] * gain])
    return Level(fwhm, centre, points, design)


def coarse_to_fine(
    levels: list[Level], volume: NDArray[np.floating], affine: FloatArray, matrix: FloatArray
) -> FloatArray | None:
    """Improve the motion `matrix` level by level; None if the last level does not converge."""
    found = None
    for level in levels:
        found = level.fit(volume, affine, matrix)
        matrix = matrix if found is None else found
    return found


def make_levels(
    reference: NDArray[np.floating],
    affine: FloatArray,
    volume_affine: FloatArray,
    fwhm: float | None,
    n_points: int,
    gain_order: int,
) -> list[Level]:
    """Prepare the reference for a coarse and a fine fit, see `realign.estimate_motion`."""
    if fwhm is None:
        edges = voxel_sizes(affine)
        fwhm = max(MIN_FWHM, 1.5 * max(*edges, *voxel_sizes(volume_affine)))
        fwhm = min(fwhm, (edges * reference.shape).min() / 4)
    return [_level(reference, affine, scale * fwhm, n_points, gain_order) for scale in (2, 1)]
