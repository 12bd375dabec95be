"""A simulated head: tissues as functions of position, image grids, and regions of interest.

World coordinates are millimetres, right-anterior-superior, in the space of the T1-weighted image.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

Array = NDArray[np.float64]

BRAIN_CENTRE = np.array([0.0, -18.0, 16.0])
BRAIN_RADII = np.array([60.0, 74.0, 50.0])

# Signal by tissue: background, scalp, skull, cerebrospinal fluid, grey matter, white matter.
T1W_SIGNAL = np.array([5.0, 700.0, 90.0, 260.0, 600.0, 900.0])
T2W_SIGNAL = np.array([5.0, 450.0, 60.0, 1300.0, 750.0, 520.0])
EPI_SIGNAL = np.array([20.0, 260.0, 60.0, 1150.0, 900.0, 720.0])
GREY_MATTER = 4

# Region -> first and last angle from the occipital pole (degrees), and side of the pole.
_REGIONS: dict[str, tuple[float, float, str]] = {
    "V1d": (0, 30, "dorsal"),
    "V1v": (0, 30, "ventral"),
    "V2d": (30, 44, "dorsal"),
    "V2v": (30, 44, "ventral"),
    "V3d": (44, 56, "dorsal"),
    "V3v": (44, 56, "ventral"),
    "hV4": (56, 72, "ventral"),
    "LOC": (56, 78, "lateral"),
    "FFA": (72, 92, "ventral_lateral"),
    "PPA": (72, 92, "ventral_medial"),
}
HVC_PARTS = ("LOC", "FFA", "PPA")


def rotation(angles_deg: tuple[float, float, float]) -> Array:
    """(3, 3) rotation about x, then y, then z."""
    x, y, z = np.deg2rad(angles_deg)
    about_x = [[1, 0, 0], [0, np.cos(x), -np.sin(x)], [0, np.sin(x), np.cos(x)]]
    about_y = [[np.cos(y), 0, np.sin(y)], [0, 1, 0], [-np.sin(y), 0, np.cos(y)]]
    about_z = [[np.cos(z), -np.sin(z), 0], [np.sin(z), np.cos(z), 0], [0, 0, 1]]
    return np.array(about_z) @ np.array(about_y) @ np.array(about_x)


@dataclass(frozen=True)
class Grid:
    """A voxel grid: shape (i, j, k) and affine (4, 4) from voxel indices to world mm."""

    shape: tuple[int, int, int]
    affine: Array

    @classmethod
    def oblique(
        cls,
        shape: tuple[int, int, int],
        voxel_size: float,
        centre: tuple[float, float, float],
        angles_deg: tuple[float, float, float],
    ) -> "Grid":
        """Make a grid rotated about its centre, like a slab placed by a scanner operator."""
        affine = np.eye(4)
        affine[:3, :3] = rotation(angles_deg) * voxel_size
        affine[:3, 3] = np.array(centre) - affine[:3, :3] @ ((np.array(shape) - 1) / 2)
        return cls(shape, affine)

    @property
    def centre(self) -> Array:
        """World coordinates of the centre of the grid, mm."""
        return self.affine[:3, :3] @ ((np.array(self.shape) - 1) / 2) + self.affine[:3, 3]

    def world(self) -> Array:
        """World coordinates of every voxel centre, (i, j, k, 3) mm."""
        ijk = np.stack(np.meshgrid(*map(np.arange, self.shape), indexing="ij"), axis=-1)
        return ijk @ self.affine[:3, :3].T + self.affine[:3, 3]


def t1w_grid() -> Grid:
    """Whole head, 2.5 mm."""
    return Grid.oblique((68, 84, 64), 2.5, (0.0, -14.0, 14.0), (4.0, 0.0, -3.0))


def epi_grid(voxel_size: float) -> Grid:
    """Oblique slab over occipital and temporal cortex, 160 x 144 x 88 mm."""
    i, j, k = (round(length / voxel_size) for length in (160, 144, 88))
    return Grid.oblique((i, j, k), voxel_size, (0.0, -36.0, 6.0), (-16.0, 2.0, 3.0))


def inplane_grid(voxel_size: float) -> Grid:
    """The slices of `epi_grid` with half its in-plane voxel size."""
    epi = epi_grid(voxel_size)
    finer = np.diag([0.5, 0.5, 1.0, 1.0])
    finer[:2, 3] = -0.25  # the first two fine voxels lie in the first coarse one
    return Grid((2 * epi.shape[0], 2 * epi.shape[1], epi.shape[2]), epi.affine @ finer)


def tissue(xyz: Array) -> NDArray[np.int8]:
    """Tissue index (see T1W_SIGNAL) at world coordinates (..., 3)."""
    p = (xyz - BRAIN_CENTRE) / BRAIN_RADII
    radius = np.linalg.norm(p, axis=-1)
    angle = np.arctan2(p[..., 2], p[..., 0])
    # Folds: the surface ripples in two directions; the hemispheres differ slightly.
    folds = 0.025 * np.sin(9 * angle + 14 * p[..., 1]) + 0.015 * np.cos(17 * p[..., 1] + 3 * angle)
    depth = radius + folds + 0.01 * p[..., 0]
    label = np.zeros(radius.shape, np.int8)
    label[radius < 1.24] = 1
    label[radius < 1.14] = 2
    label[radius < 1.06] = 3
    label[depth < 0.98] = GREY_MATTER
    label[depth < 0.84] = 5
    ventricle = np.abs(p - np.array([0.0, 0.1, 0.1])) / np.array([0.22, 0.42, 0.14])
    label[np.linalg.norm(ventricle, axis=-1) < 1] = 3
    fissure = (np.abs(xyz[..., 0]) < 1.8) & (p[..., 2] > 0.15) & (label >= GREY_MATTER)
    label[fissure] = 3
    return label


def render(grid: Grid, signal: Array, blur_mm: float, oversampling: int = 1) -> Array:
    """Signal of every voxel of a grid, (i, j, k), blurred by a Gaussian of SD `blur_mm`.

    The signal is oversampled along each axis and averaged, which gives partial-volume effects.
    """
    fine = grid.affine.copy()
    fine[:3, :3] /= oversampling
    fine[:3, 3] -= fine[:3, :3].sum(axis=1) * (oversampling - 1) / 2
    shape = tuple(n * oversampling for n in grid.shape)
    values = signal[tissue(Grid((shape[0], shape[1], shape[2]), fine).world())]
    spacing = np.linalg.norm(fine[:3, :3], axis=0)
    values = gaussian_filter(values, blur_mm / spacing)
    i, j, k = grid.shape
    parts = values.reshape(i, oversampling, j, oversampling, k, oversampling)
    return parts.mean(axis=(1, 3, 5))


def regions(grid: Grid) -> dict[str, NDArray[np.bool_]]:
    """Masks of the regions of interest by hemisphere and name, such as "LH_V1d".

    The names are those of the masks in ds001506. HVC contains LOC, FFA and PPA and
    the cortex between them.
    """
    xyz = grid.world()
    p = (xyz - BRAIN_CENTRE) / BRAIN_RADII
    unit = p / np.linalg.norm(p, axis=-1, keepdims=True)
    pole = np.rad2deg(np.arccos(np.clip(-unit[..., 1], -1, 1)))
    elevation = np.rad2deg(np.arctan2(unit[..., 2], np.abs(unit[..., 0])))
    where = {
        "dorsal": elevation >= 0,
        "ventral": elevation < 0,
        "lateral": (elevation > -20) & (elevation < 40),
        "ventral_lateral": (elevation < -20) & (elevation >= -55),
        "ventral_medial": elevation < -55,
    }
    where["ventral"] &= ~((pole > 56) & where["lateral"])
    grey = tissue(xyz) == GREY_MATTER
    masks: dict[str, NDArray[np.bool_]] = {}
    for side, half in {"LH": xyz[..., 0] < 0, "RH": xyz[..., 0] >= 0}.items():
        for name, (start, stop, place) in _REGIONS.items():
            masks[f"{side}_{name}"] = grey & half & (pole >= start) & (pole < stop) & where[place]
        parts = np.any([masks[f"{side}_{name}"] for name in HVC_PARTS], axis=0)
        between = grey & half & (pole >= 72) & (pole < 96) & (elevation < 30)
        masks[f"{side}_HVC"] = parts | between
    return masks


def smooth_over(region: NDArray[np.bool_], values: Array, sd: float) -> Array:
    """Smooth values (n_voxels, n) with those of neighbouring voxels in the same region.

    Parameters
    ----------
    region : (i, j, k) bool, n_voxels of them True
    values : (n_voxels, n)
    sd : SD of the Gaussian, voxels
    """
    reach = gaussian_filter(region.astype(float), sd)[region]
    smoothed = np.empty_like(values)
    for column in range(values.shape[1]):
        volume = np.zeros(region.shape)
        volume[region] = values[:, column]
        smoothed[:, column] = gaussian_filter(volume, sd)[region] / reach
    return smoothed


def visual_field(
    xyz: Array, region: NDArray[np.str_], rng: np.random.Generator
) -> tuple[Array, Array]:
    """Receptive-field centres of voxels, in image units: x to the right, y downwards, 0 ... 1.

    Each hemisphere sees the opposite half of the field, dorsal areas its lower and ventral areas
    its upper part. Within an area, the field is mapped along the two directions of the surface.
    """
    p = (xyz - BRAIN_CENTRE) / BRAIN_RADII
    unit = p / np.linalg.norm(p, axis=-1, keepdims=True)
    pole = np.rad2deg(np.arccos(np.clip(-unit[:, 1], -1, 1)))
    turn = np.rad2deg(np.arctan2(np.abs(unit[:, 2]), np.abs(unit[:, 0]))) / 90
    x, y = np.empty(len(xyz)), np.empty(len(xyz))
    for name in np.unique(region):
        rows = np.flatnonzero(region == name)
        along = pole[rows].argsort().argsort() / max(len(rows) - 1, 1)
        x[rows] = 0.5 - np.where(xyz[rows, 0] < 0, -0.5, 0.5) * along
        if name.endswith("d"):
            y[rows] = 0.5 + 0.5 * turn[rows]
        elif name.endswith("v"):
            y[rows] = 0.5 - 0.5 * turn[rows]
        else:
            y[rows] = turn[rows].argsort().argsort() / max(len(rows) - 1, 1)
    x, y = (np.clip(v + rng.normal(0, 0.04, len(v)), 0, 1) for v in (x, y))
    return x, y
