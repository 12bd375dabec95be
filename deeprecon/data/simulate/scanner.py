"""Scans of a simulated head: haemodynamics, noise, drift, head motion, int16 NIfTI images."""

import nibabel as nib
import numpy as np
import pandas as pd
from numpy.random import Generator
from numpy.typing import NDArray
from scipy.ndimage import affine_transform, gaussian_filter1d, spline_filter
from scipy.special import gammaln

from deeprecon.data.simulate.anatomy import EPI_SIGNAL, Grid, render, rotation
from deeprecon.data.simulate.settings import Physiology

Array = NDArray[np.float64]


def haemodynamic_response(t: Array) -> Array:
    """Canonical double-gamma response of SPM12 (spm_hrf defaults) at times t (s), with unit area.

    It peaks near 5 s and undershoots near 15 s.
    """

    def gamma(x: Array, shape: float) -> Array:
        safe = np.maximum(x, 1e-9)
        density = np.exp((shape - 1) * np.log(safe) - safe - gammaln(shape))
        return np.where(x > 0, density, 0.0)

    return (gamma(t, 6.0) - gamma(t, 16.0) / 6) / (1 - 1 / 6)


def block_time_course(onsets: Array, durations: Array, times: Array) -> Array:
    """Response to each block, (n_volumes, n_blocks), scaled to reach 1 for an endless block."""
    step = 0.1
    lags = np.arange(0, 40, step)
    integral = np.concatenate([[0.0], np.cumsum(haemodynamic_response(lags + step / 2)) * step])

    def since(start: Array) -> Array:
        return np.interp(times[:, None] - start[None, :], np.r_[lags, 40.0], integral)

    return since(onsets) - since(onsets + durations)


def neural_signal(
    events: pd.DataFrame,
    amplitudes: NDArray[np.float32],
    times: Array,
    physiology: Physiology,
    rng: Generator,
) -> Array:
    """Simulate time courses of voxels, (n_volumes, n_voxels), in percent of their mean.

    Parameters
    ----------
    events : onset and duration (s) of each block
    amplitudes : (n_blocks, n_voxels) response to each block, percent
    times : (n_volumes,) array, s
    physiology : SDs of noise and drift
    rng : random generator
    """
    blocks = block_time_course(
        events["onset"].to_numpy(float), events["duration"].to_numpy(float), times
    )
    signal = blocks @ amplitudes
    n_volumes, n_voxels = signal.shape
    innovation = rng.normal(0, physiology.physiological * np.sqrt(1 - 0.4**2), signal.shape)
    for t in range(1, n_volumes):
        innovation[t] += 0.4 * innovation[t - 1]
    cosines = np.cos(np.pi * np.outer(np.linspace(0, 1, n_volumes), np.arange(1, 4)))
    slow = cosines @ rng.normal(0, physiology.drift / np.sqrt(1.5), (3, n_voxels))
    return signal + innovation + slow


def head_motion(n_volumes: int, scale: float, rng: Generator) -> Array:
    """Simulate motion within a run, (n_volumes, 6): translations in mm, rotations in degrees.

    The motion is a smooth random walk of about `scale` mm and degrees, with sudden movements.
    """
    walk = gaussian_filter1d(np.cumsum(rng.normal(0, 1, (n_volumes, 6)), axis=0), 6, axis=0)
    walk *= scale / np.sqrt(n_volumes)
    twitch = rng.random(n_volumes) < 0.01
    walk[twitch] += rng.normal(0, 0.5 * scale, (int(twitch.sum()), 6))
    return walk - walk[0]


def pose(parameters: Array, centre: Array) -> Array:
    """(4, 4) rigid matrix: rotation (degrees) about `centre`, then translation (mm)."""
    matrix = np.eye(4)
    matrix[:3, :3] = rotation((parameters[3], parameters[4], parameters[5]))
    matrix[:3, 3] = centre - matrix[:3, :3] @ centre + parameters[:3]
    return matrix


class Scanner:
    """Renders volumes of a head, given its brightness and activity in head coordinates.

    The head is a template finer than the scan, so that volumes are not made with the same
    interpolation that later corrects the motion.

    Parameters
    ----------
    grid : Grid
        Grid of the scan; activity is given on it too.
    """

    def __init__(self, grid: Grid) -> None:
        self.grid = grid
        voxel = float(np.linalg.norm(grid.affine[:3, 0]))
        self.template = Grid.oblique((96, 100, 76), 2.2, (0.0, -20.0, 10.0), (0.0, 0.0, 0.0))
        self.signal = spline_filter(render(self.template, EPI_SIGNAL, blur_mm=0.4 * voxel), order=3)

    def _pull(self, source: Array, affine: Array, head_to_scanner: Array) -> Array:
        """Resample spline coefficients given in head space onto the scan grid."""
        matrix = np.linalg.inv(affine) @ np.linalg.inv(head_to_scanner) @ self.grid.affine
        return affine_transform(
            source, matrix[:3, :3], matrix[:3, 3], self.grid.shape, order=3, prefilter=False
        )

    def run(
        self,
        active: NDArray[np.bool_],
        percent: Array,
        poses: Array,
        physiology: Physiology,
        rng: Generator,
    ) -> NDArray[np.float32]:
        """Render one run of BOLD, (i, j, k, n_volumes).

        Parameters
        ----------
        active : (i, j, k) mask in head space of the voxels that have a time course
        percent : (n_volumes, n_active) signal change of these voxels, percent
        poses : (n_volumes, 4, 4) head to scanner coordinates
        physiology : SD of thermal noise
        rng : random generator
        """
        volumes = np.empty((*self.grid.shape, len(poses)), np.float32)
        change = np.zeros(self.grid.shape)
        level = EPI_SIGNAL.max()
        for t, head_to_scanner in enumerate(poses):
            change[active] = percent[t] / 100
            still = self._pull(self.signal, self.template.affine, head_to_scanner)
            activity = self._pull(spline_filter(change, order=3), self.grid.affine, head_to_scanner)
            thermal = rng.standard_normal(self.grid.shape, np.float32) * (physiology.thermal / 100)
            volumes[..., t] = still * (1 + activity) + thermal * level
        return np.maximum(volumes, 0)


def bold_image(volumes: NDArray[np.float32], grid: Grid, repetition_time: float) -> nib.Nifti1Image:
    """Make a 4-D NIfTI image like those of scanners: int16 with a scale factor, oblique, mm, s."""
    image = nib.Nifti1Image(volumes, grid.affine)
    image.set_data_dtype(np.int16)
    image.header.set_xyzt_units("mm", "sec")
    image.header.set_zooms((*image.header.get_zooms()[:3], repetition_time))
    image.set_qform(grid.affine, code=1)
    image.set_sform(grid.affine, code=1)
    return image
