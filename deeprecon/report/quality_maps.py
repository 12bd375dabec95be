"""Brain maps of the quality report: coregistration, tSNR and regions of interest."""

from collections.abc import Callable, Mapping
from itertools import product
from typing import Any

import matplotlib as mpl
import nibabel as nib
import numpy as np
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from nibabel.affines import apply_affine, voxel_sizes
from nilearn.image import resample_img
from nilearn.plotting import plot_epi, plot_roi, plot_stat_map
from numpy.typing import NDArray
from scipy.spatial import KDTree

from deeprecon.preprocess.quality import HeadGrid
from deeprecon.preprocess.rois import Members, VoxelTable

FloatArray = NDArray[np.float64]
Nifti = nib.spatialimages.SpatialImage

_CUTS = 6
_EDGE_VOXEL = 1.0  # mm


def _box(image: Nifti) -> tuple[FloatArray, FloatArray]:
    """Minimum and maximum of a voxel grid's world coordinates, each (3,), mm."""
    indices = np.array(list(product(*((0, n - 1) for n in image.shape[:3]))))
    corners = apply_affine(image.affine, indices)
    return corners.min(axis=0), corners.max(axis=0)


def _mosaic(draw: Callable[..., Any], reference: Nifti, xyz: FloatArray) -> Figure:
    """Draw axial, coronal and sagittal rows of cuts, spread over the points `xyz`, (n, 3) mm.

    `draw` is called once per row with nilearn's arguments for cuts, figure and axes.
    """
    low, high = _box(reference)
    x, y, z = high - low
    heights = np.array([y, z, z])
    share = heights / heights.sum()
    figure = Figure(figsize=(12, 11 / _CUTS / max(x, y) * heights.sum() + 0.2), facecolor="black")
    for row, (mode, axis) in enumerate((("z", 2), ("y", 1), ("x", 0))):
        first, last = np.percentile(xyz[:, axis], [3, 97])
        cuts = np.linspace(first, last, _CUTS + 2)[1:-1].round()
        draw(
            display_mode=mode,
            cut_coords=sorted(set(cuts)),
            figure=figure,
            axes=(0, share[row + 1 :].sum(), 0.92, share[row]),
        )
    return figure


def _reference_limits(reference: Nifti) -> dict[str, float]:
    """Limits of the reference's grey scale; the brightest 1 % of voxels are saturated."""
    return {"vmin": 0.0, "vmax": float(np.nanpercentile(np.asarray(reference.dataobj), 99))}


def plot_coregistration(
    reference: Nifti, t1w: Nifti, t1w_to_reference: FloatArray, xyz: FloatArray
) -> Figure:
    """Draw the edges of the T1w image on the BOLD reference.

    Parameters
    ----------
    reference, t1w : 3-D images
    t1w_to_reference : (4, 4) matrix from T1w to reference world coordinates, mm
    xyz : (n, 3) points that the cuts are spread over, mm

    Returns
    -------
    Figure with three rows of cuts
    """
    low, high = _box(reference)
    grid = nib.affines.from_matvec(np.eye(3) * _EDGE_VOXEL, low)
    shape = tuple(np.ceil((high - low) / _EDGE_VOXEL).astype(int) + 1)
    volume = np.nan_to_num(np.asarray(t1w.dataobj, np.float32))
    moved = nib.Nifti1Image(volume, t1w_to_reference @ t1w.affine)
    fine = resample_img(moved, grid, shape, interpolation="linear", copy_header=True)
    limits = _reference_limits(reference)

    def draw(**where: Any) -> None:
        display = plot_epi(reference, colorbar=False, draw_cross=False, **limits, **where)
        display.add_edges(fine, color="#ff9f1c")

    return _mosaic(draw, reference, xyz)


def plot_tsnr(values: FloatArray, head: HeadGrid, reference: Nifti) -> Figure:
    """Draw a map of tSNR on the BOLD reference.

    Parameters
    ----------
    values : (n_points,) tSNR, NaN where it is unknown
    head : grid of the points
    reference : 3-D image

    Returns
    -------
    Figure with three rows of cuts
    """
    volume = np.zeros(head.shape, np.float32)
    volume[head.mask] = np.nan_to_num(values)
    image = nib.Nifti1Image(volume, head.affine)
    highest = float(np.nanpercentile(values, 99))
    limits = {"vmin": 0.0, "vmax": max(highest, 1e-6)}

    def draw(**where: Any) -> None:
        plot_stat_map(
            image, bg_img=reference, threshold=1e-6, cmap="inferno", symmetric_cbar=False,
            colorbar=False, draw_cross=False, black_bg=True, **limits, **where,
        )  # fmt: skip

    figure = _mosaic(draw, reference, head.xyz)
    _white_bar(figure, limits)
    return figure


def _white_bar(figure: Figure, limits: Mapping[str, float]) -> None:
    """Add a colour bar in the margin of a black figure."""
    colours = mpl.cm.ScalarMappable(mpl.colors.Normalize(limits["vmin"], limits["vmax"]), "inferno")
    bar = figure.colorbar(colours, cax=figure.add_axes((0.935, 0.2, 0.012, 0.6)))
    bar.set_label("tSNR", color="white")
    bar.ax.tick_params(colors="white")


def plot_rois(
    reference: Nifti, voxels: VoxelTable, members: Members, t1w_to_reference: FloatArray
) -> Figure:
    """Draw ROIs on the BOLD reference; where ROIs overlap, the smaller one is on top.

    An ROI that smaller ones cover completely is left out of the map and the legend.

    Parameters
    ----------
    reference : 3-D image
    voxels : voxels with their positions in T1w space
    members : ROI -> (n_voxels,) boolean mask
    t1w_to_reference : (4, 4) matrix from T1w to reference world coordinates, mm

    Returns
    -------
    Figure with three rows of cuts
    """
    xyz = apply_affine(t1w_to_reference, voxels.xyz)
    by_size = sorted(members, key=lambda name: -int(members[name].sum()))
    label = np.zeros(len(xyz), np.int16)
    for name in by_size:
        label[members[name]] = list(members).index(name) + 1
    colours = [mpl.colormaps["tab20"](i % 20) for i in range(len(members))]
    image = _nearest_labels(reference, xyz, label)
    limits = _reference_limits(reference)
    ground = np.clip(np.asarray(reference.dataobj, np.float32), limits["vmin"], limits["vmax"])
    background = nib.Nifti1Image(ground, reference.affine)

    def draw(**where: Any) -> None:
        plot_roi(
            image, bg_img=background, cmap=ListedColormap(colours), vmin=1, vmax=len(colours),
            alpha=0.8, dim=0, colorbar=False, draw_cross=False, black_bg=True, **where,
        )  # fmt: skip

    figure = _mosaic(draw, reference, xyz[label > 0] if label.any() else xyz)
    seen = set(np.unique(label))
    handles = [
        Patch(color=colour, label=name)
        for i, (name, colour) in enumerate(zip(members, colours, strict=True), 1)
        if i in seen
    ]
    figure.legend(
        handles=handles, loc="center right", labelcolor="white", frameon=False, fontsize=9
    )
    return figure


def _nearest_labels(reference: Nifti, xyz: FloatArray, label: NDArray[np.int16]) -> nib.Nifti1Image:
    """Give each voxel of the reference the label of the nearest ROI voxel within reach."""
    tree = KDTree(xyz)
    spacing = np.median(tree.query(xyz, k=2)[0][:, 1]) if len(xyz) > 1 else 0.0
    reach = 0.75 * max(float(spacing), float(voxel_sizes(reference.affine).max()))
    grid = np.indices(reference.shape[:3]).reshape(3, -1).T
    distance, index = tree.query(apply_affine(reference.affine, grid), distance_upper_bound=reach)
    volume = np.zeros(len(grid), np.int16)
    near = np.isfinite(distance)
    volume[near] = label[index[near]]
    return nib.Nifti1Image(volume.reshape(reference.shape[:3]), reference.affine)
