"""Tuning of the simulated voxels: two stages of image channels, pooled by receptive fields.

First stage (V1-V4): luminance and colour opponency, and the energy of Gabor quadrature pairs in
four orientations and three spatial frequencies (Adelson & Bergen 1985, J. Opt. Soc. Am. A 2).
Second stage (LOC, FFA, PPA): the energy of oriented filters applied to first-stage energy, a
"filter-rectify-filter" cascade as in the scattering transform (Bruna & Mallat 2013, IEEE PAMI 35).
No trained network is involved.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from deeprecon.data.simulate.anatomy import smooth_over

Array = NDArray[np.float64]

ORIENTATIONS = np.arange(4) * np.pi / 4
FREQUENCIES = (1 / 4, 1 / 8, 1 / 16)  # cycles per pixel of a 64-pixel image
PATCH = 1.0  # SD of patches of similar tuning, voxels
_MAP_SIZE = 16  # channel maps are pooled from a 16 x 16 grid
_OPPONENT = np.array([[1 / 3, 1 / 3, 1 / 3], [0.5, -0.5, 0.0], [0.25, 0.25, -0.5]])  # L, RG, BY

# Region -> (SD of its receptive fields in image widths, share of its input from the first stage).
_STAGE: dict[str, tuple[float, float]] = {
    "V1": (0.035, 1.0),
    "V2": (0.05, 1.0),
    "V3": (0.07, 1.0),
    "hV4": (0.09, 0.8),
    "LOC": (0.12, 0.3),
    "FFA": (0.16, 0.2),
    "PPA": (0.16, 0.2),
    "HVC": (0.16, 0.2),
}


def _gabor_transfer(size: int, frequency: float, orientation: float) -> Array:
    """Transfer function (size, size) of an analytic (one-sided) Gabor filter of one octave."""
    fy, fx = np.meshgrid(np.fft.fftfreq(size), np.fft.fftfreq(size), indexing="ij")
    along = fx * np.cos(orientation) + fy * np.sin(orientation) - frequency
    across = -fx * np.sin(orientation) + fy * np.cos(orientation)
    return np.exp(-(along**2 + across**2) / (2 * (0.4 * frequency) ** 2))


def _energy(maps: Array, frequencies: tuple[float, ...]) -> Array:
    """Modulus of the analytic Gabor responses: (..., s, s) -> (..., n_filters, s, s)."""
    spectrum = np.fft.fft2(maps)
    size = maps.shape[-1]
    bank = [
        np.abs(np.fft.ifft2(spectrum * _gabor_transfer(size, frequency, orientation)))
        for frequency in frequencies
        for orientation in ORIENTATIONS
    ]
    return np.stack(bank, axis=-3)


def _shrink(maps: Array, size: int) -> Array:
    """Average square blocks: (..., s, s) -> (..., size, size)."""
    step = maps.shape[-1] // size
    return maps.reshape(*maps.shape[:-2], size, step, size, step).mean(axis=(-3, -1))


def channels(images: NDArray[np.uint8]) -> tuple[Array, Array]:
    """First- and second-stage channel maps of images.

    Parameters
    ----------
    images : (n, size, size, 3) uint8; size a multiple of 16, at least 32

    Returns
    -------
    first : (n, 15, 16, 16)
        Luminance, red-green, blue-yellow (signed), then 12 energies, compressed by a square root.
    second : (n, 26, 16, 16)
        Eight energies of each of three first-stage energies (orientations averaged), and the
        energy of colour.
    """
    size = images.shape[1]
    opponent = np.einsum("cd,nxyd->ncxy", _OPPONENT, images / 255.0 - 0.5)
    energy = np.sqrt(_energy(opponent[:, 0], tuple(f * 64 / size for f in FREQUENCIES)))
    first = np.concatenate([_shrink(opponent, _MAP_SIZE), _shrink(energy, _MAP_SIZE)], axis=1)
    by_frequency = energy.reshape(len(images), len(FREQUENCIES), 4, size, size).mean(axis=2)
    second = _energy(_shrink(by_frequency, 32), (1 / 4, 1 / 8))
    second = np.sqrt(_shrink(second.reshape(len(images), -1, 32, 32), _MAP_SIZE))
    colour = _shrink(np.abs(opponent[:, 1:]), _MAP_SIZE)
    return first, np.concatenate([second, colour], axis=1)


@dataclass(frozen=True)
class Tuning:
    """Tuning of voxels: the ground truth, and all that is needed to compute their responses."""

    region: NDArray[np.str_]  # (n_voxels,)
    x: Array  # receptive-field centre, 0 ... 1, to the right
    y: Array  # downwards
    sigma: Array  # receptive-field SD, image widths
    amplitude: Array  # SD over training images, percent signal; 0: no response
    first: Array  # (n_voxels, n_first) weights
    second: Array  # (n_voxels, n_second) weights

    def fields(self) -> Array:
        """Receptive fields on the map grid, (n_voxels, 16 * 16), each summing to 1."""
        centres = (np.arange(_MAP_SIZE) + 0.5) / _MAP_SIZE
        dx = (centres[None, :] - self.x[:, None]) / self.sigma[:, None]
        dy = (centres[None, :] - self.y[:, None]) / self.sigma[:, None]
        field = np.exp(-(dy[:, :, None] ** 2 + dx[:, None, :] ** 2) / 2)
        return (field / field.sum(axis=(1, 2), keepdims=True)).reshape(len(self.x), -1)


def draw_tuning(
    active: NDArray[np.bool_],
    region: NDArray[np.str_],
    x: Array,
    y: Array,
    silent: float,
    percent: float,
    rng: Generator,
) -> Tuning:
    """Draw the tuning of voxels whose region and receptive-field centre are known.

    Parameters
    ----------
    active : (i, j, k) mask of the voxels; neighbouring voxels get similar tuning, as in cortex
    region : (n_voxels,) names as in ds001506 ("V1d", "hV4", "LOC" ...)
    x, y : (n_voxels,) receptive-field centres, 0 ... 1
    silent : fraction of voxels without any response
    percent : median response SD over training images, percent signal
    """
    n = len(region)
    stage = [_STAGE[name.rstrip("dv")] for name in region]
    share = np.array([first for _, first in stage])
    sigma = np.array([sd for sd, _ in stage]) * rng.uniform(0.8, 1.25, n)
    # Weights are heavy-tailed, so that a few channels dominate a voxel. Surface colour weighs as
    # much as the twelve energies together.
    first = rng.standard_t(3, (n, 15)) * np.r_[np.ones(3), np.full(12, 0.5)]
    second = rng.standard_t(3, (n, 26))
    first, second = (smooth_over(active, weights, PATCH) for weights in (first, second))
    first *= (share / np.linalg.norm(first, axis=1))[:, None]
    second *= ((1 - share) / np.linalg.norm(second, axis=1))[:, None]
    amplitude = percent * rng.lognormal(0.0, 0.35, n) * (rng.random(n) >= silent)
    return Tuning(region, x, y, sigma, amplitude, first, second)


def responses(
    tuning: Tuning, stimuli: Mapping[str, NDArray[np.uint8]]
) -> dict[str, NDArray[np.float32]]:
    """Responses (n_images, n_voxels) of voxels to the images of each set, percent signal.

    Channels, and then the summed responses, are standardised by their mean and SD over the set
    "train". A saturating non-linearity (tanh) makes voxels non-linear functions of the channels.
    """
    fields = tuning.fields()
    maps = {name: channels(images) for name, images in stimuli.items()}
    drive = {name: np.zeros((len(images), len(tuning.x))) for name, images in stimuli.items()}
    for stage, weight in enumerate((tuning.first, tuning.second)):
        reference = maps["train"][stage]
        mean, sd = reference.mean(axis=(0, 2, 3)), reference.std(axis=(0, 2, 3))
        for c in range(len(mean)):
            for name, total in drive.items():
                channel = (maps[name][stage][:, c] - mean[c]) / sd[c]
                total += channel.reshape(len(total), -1) @ fields.T * weight[:, c]
    mean, sd = drive["train"].mean(axis=0), drive["train"].std(axis=0)
    return {
        name: (tuning.amplitude * 2 * np.tanh((total - mean) / sd / 2)).astype(np.float32)
        for name, total in drive.items()
    }
