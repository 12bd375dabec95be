"""Figures of the page of quality: traces and carpets of runs, all runs side by side, brain maps."""

import io
from collections.abc import Callable, Mapping, Sequence
from itertools import product
from typing import Any

import matplotlib as mpl
import nibabel as nib
import numpy as np
import pandas as pd
from cycler import cycler
from matplotlib.axes import Axes
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from matplotlib.ticker import MaxNLocator
from nibabel.affines import apply_affine, voxel_sizes
from nilearn.image import resample_img
from nilearn.plotting import plot_epi, plot_roi, plot_stat_map
from numpy.typing import NDArray
from PIL import Image
from scipy.spatial import KDTree

from deeprecon.preprocess.outliers import Rule, session_of, spikes
from deeprecon.preprocess.quality import CARPET_STEP, HeadGrid, RunQuality
from deeprecon.preprocess.rois import Members, VoxelTable

FloatArray = NDArray[np.float64]
Nifti = nib.spatialimages.SpatialImage

# Okabe & Ito (2008), told apart by colour-blind readers too.
_COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
_FAULT = "#D55E00"
_STYLE: Any = {
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.prop_cycle": cycler(color=_COLOURS),
    "axes.labelsize": 8,
    "xtick.labelsize": 8,
    "ytick.labelsize": 8,
    "font.size": 9,
    "legend.frameon": False,
    "legend.fontsize": 8,
    "lines.linewidth": 1.0,
}
_CUTS = 6
_EDGE_VOXEL = 1.0  # mm


def webp(figure: Figure, dpi: int = 100, quality: int = 80) -> bytes:
    """A figure as a WebP picture; the same figure gives the same bytes."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=dpi, facecolor=figure.get_facecolor())
    picture = io.BytesIO()
    with Image.open(buffer) as image:
        image.convert("RGB").save(picture, "WEBP", quality=quality, method=4)
    return picture.getvalue()


def plot_run(run: RunQuality, carpet_limit: float) -> Figure:
    """Motion, displacement, DVARS, global signal and carpet of a run, over the same seconds.

    Parameters
    ----------
    run : RunQuality
    carpet_limit : percent signal change that the ends of the grey scale stand for
    """
    n_volumes = len(run.motion)
    seconds = (np.arange(n_volumes, dtype=np.float64) + 0.5) * run.repetition_time
    with mpl.rc_context(_STYLE):
        figure = Figure(figsize=(9.6, 6.2))
        grid = figure.add_gridspec(
            6, 1, height_ratios=[1, 1, 0.8, 0.8, 0.8, 2.2], hspace=0.22,
            left=0.1, right=0.885, top=0.985, bottom=0.075,
        )  # fmt: skip
        axes = [figure.add_subplot(grid[row]) for row in range(6)]
        for axis in axes:
            axis.set_xlim(0, n_volumes * run.repetition_time)
            if run.n_lead_in:
                axis.axvspan(0, run.n_lead_in * run.repetition_time, color="0.9", zorder=0)
        for axis in axes[:-1]:
            axis.tick_params(labelbottom=False)
        _motion_traces(axes[0], axes[1], run, seconds)
        _signal_traces(axes[2:5], run, seconds)
        _carpet(figure, axes[5], run, carpet_limit)
        axes[5].set_xlabel("time (s)" + ("; grey: lead-in" if run.n_lead_in else ""))
        figure.align_ylabels(axes)
    return figure


def _motion_traces(translation: Axes, rotation: Axes, run: RunQuality, seconds: FloatArray) -> None:
    """Translations and rotations from the run's median position."""
    motion = run.motion - np.median(run.motion[run.kept], axis=0)
    for axis, values, label, unit, least in (
        (translation, motion[:, :3], "translation", "mm", 0.1),
        (rotation, np.rad2deg(motion[:, 3:]), "rotation", "deg", 0.1),
    ):
        for column, name in enumerate("xyz"):
            axis.plot(seconds, values[:, column], label=name)
        _at_least(axis, values, least)
        axis.set_ylabel(f"{label}\n({unit})")
        axis.legend(loc="center left", bbox_to_anchor=(1.0, 0.5), title=None)


def _at_least(axis: Axes, values: FloatArray, least: float) -> None:
    """Limits around the values, never so narrow that nothing looks like much."""
    reach = max(1.1 * float(np.nanmax(np.abs(values))), least)
    axis.set_ylim(-reach, reach)


def _signal_traces(axes: Sequence[Axes], run: RunQuality, seconds: FloatArray) -> None:
    """Framewise displacement, DVARS with its spikes, and the global signal."""
    displacement, change = run.framewise_displacement, run.dvars
    whole = 100 * (run.global_signal / run.global_signal[run.kept].mean() - 1)
    after = seconds[run.kept]
    axes[0].plot(seconds, displacement, color="0.2")
    axes[0].axhline(0.5, color=_FAULT, linewidth=0.7, linestyle=":")
    axes[0].set_ylim(0, max(0.6, 1.1 * displacement.max()))
    axes[0].set_ylabel("FD\n(mm)")
    axes[1].plot(seconds, change, color="0.2")
    found = spikes(run)
    axes[1].plot(
        after[found], change[run.kept][found], "v", color=_FAULT, markersize=4, label="spike"
    )
    axes[1].set_ylim(0, 1.15 * max(np.nanmax(change[run.kept]), 1e-6))
    axes[1].set_ylabel("DVARS\n(%)")
    if found.any():
        axes[1].legend(loc="center left", bbox_to_anchor=(1.0, 0.5), handletextpad=0.1)
    axes[2].plot(seconds, whole, color="0.2")
    _at_least(axes[2], whole[run.kept], 0.5)
    axes[2].set_ylabel("global\n(%)")


def _carpet(figure: Figure, axis: Axes, run: RunQuality, limit: float) -> None:
    """Percent signal change, a row a point from the top of the head down."""
    picture = axis.imshow(
        run.carpet.T * np.float32(CARPET_STEP),
        cmap="gray",
        vmin=-limit,
        vmax=limit,
        aspect="auto",
        extent=(0, len(run.motion) * run.repetition_time, run.carpet.shape[1], 0),
        interpolation="antialiased",
        interpolation_stage="data",
    )
    axis.set_yticks([0, run.carpet.shape[1]], ["top", "bottom"])
    axis.set_ylabel(f"{run.carpet.shape[1]} points")
    box = axis.get_position()
    bar = figure.add_axes((0.9, box.y0, 0.012, box.height))
    figure.colorbar(picture, cax=bar, label="signal change (%)")


def plot_overview(
    table: pd.DataFrame, sets: Mapping[str, str], flagged: set[str], rules: Sequence[Rule]
) -> Figure:
    """Every run beside the others: displacement, movement, DVARS, tSNR and brightness.

    Parameters
    ----------
    table : of `quality.measures`; a point a row, in its order
    sets : run -> stimulus set, told by colour
    flagged : runs drawn with a ring
    rules : whose thresholds are drawn
    """
    thresholds = {rule.name: rule.threshold for rule in rules}
    at = np.arange(1, len(table) + 1)
    shown = {
        "mean_fd": "mean FD\n(mm)",
        "movement": "largest\nmovement (mm)",
        "spikes": "DVARS\nspikes (%)",
        "median_tsnr": "median\ntSNR",
        "brightness": "brightness\ndifference (%)",
    }
    names = list(dict.fromkeys(sets[name] for name in table.index))
    colour = {name: _COLOURS[i % len(_COLOURS)] for i, name in enumerate(names)}
    with mpl.rc_context(_STYLE):
        figure = Figure(figsize=(11, 7), layout="constrained")
        axes = figure.subplots(len(shown), 1, sharex=True)
        for axis, (column, label) in zip(axes, shown.items(), strict=True):
            values = table[column].to_numpy(float)
            axis.scatter(at, values, c=[colour[sets[name]] for name in table.index], s=14)
            ring = np.array([name in flagged for name in table.index])
            axis.scatter(
                at[ring], values[ring], s=70, facecolors="none", edgecolors=_FAULT, linewidths=1.2
            )
            _scale(axis, values, thresholds.get(column), column == "median_tsnr")
            _session_borders(axis, table.index.tolist())
            axis.set_ylabel(label)
            axis.margins(x=0.01)
        axes[-1].xaxis.set_major_locator(MaxNLocator(integer=True))
        axes[-1].set_xlabel("run (in the order of this page); vertical lines: sessions")
        handles = [mpl.lines.Line2D([], [], color=colour[n], marker="o", ls="", label=n)
                   for n in names]  # fmt: skip
        ring_mark = mpl.lines.Line2D(
            [], [], color=_FAULT, marker="o", ls="", mfc="none", markersize=8, label="flagged"
        )
        figure.legend(handles=[*handles, ring_mark], loc="outside upper left", ncols=8)
        figure.align_ylabels(axes)
    return figure


def _scale(axis: Axes, values: FloatArray, threshold: float | None, free: bool) -> None:
    """From zero, with the threshold drawn; zero would hide what tSNR does."""
    highest = np.nanmax(values) if np.isfinite(values).any() else 1.0
    if not free:
        axis.set_ylim(-0.04 * (threshold or highest), 1.15 * max(highest, threshold or 0))
    if threshold is not None:
        axis.axhline(threshold, color=_FAULT, linewidth=0.8, linestyle=":")
    if not np.isfinite(values).any():
        axis.text(0.5, 0.5, "too few runs to compare", transform=axis.transAxes, ha="center")


def _session_borders(axis: Axes, names: Sequence[str]) -> None:
    """A line where the session changes."""
    for i in range(1, len(names)):
        if session_of(names[i]) != session_of(names[i - 1]):
            axis.axvline(i + 0.5, color="0.85", linewidth=0.8, zorder=0)


def _box(image: Nifti) -> tuple[FloatArray, FloatArray]:
    """The least and greatest world coordinates of a voxel grid, each (3,) mm."""
    corners = np.array(list(product(*((0, n - 1) for n in image.shape[:3]))))
    places = apply_affine(image.affine, corners)
    return places.min(axis=0), places.max(axis=0)


def _mosaic(draw: Callable[..., Any], reference: Nifti, xyz: FloatArray) -> Figure:
    """Three rows of cuts (axial, coronal, sagittal) spread over the points of a region.

    `draw` is called with the place of each row in the figure, in nilearn's words.
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
    """Grey scale of the reference without its few brightest voxels."""
    return {"vmin": 0.0, "vmax": float(np.nanpercentile(np.asarray(reference.dataobj), 99))}


def plot_coregistration(
    reference: Nifti, t1w: Nifti, t1w_to_reference: FloatArray, xyz: FloatArray
) -> Figure:
    """The reference with the edges of the T1w image drawn on it.

    Parameters
    ----------
    reference, t1w : 3-D images
    t1w_to_reference : (4, 4) T1w world to reference world, mm
    xyz : (n, 3) points that the cuts spread over
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
    """Map of tSNR at the points of the head, on the reference.

    Parameters
    ----------
    values : (n_points,) NaN where not known
    head : HeadGrid
    reference : 3-D image
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
    """A colour bar in the margin of a black figure."""
    colours = mpl.cm.ScalarMappable(mpl.colors.Normalize(limits["vmin"], limits["vmax"]), "inferno")
    bar = figure.colorbar(colours, cax=figure.add_axes((0.935, 0.2, 0.012, 0.6)))
    bar.set_label("tSNR", color="white")
    bar.ax.tick_params(colors="white")


def plot_rois(
    reference: Nifti, voxels: VoxelTable, members: Members, t1w_to_reference: FloatArray
) -> Figure:
    """The ROIs on the reference; where they overlap the smaller one is on top.

    ROIs that smaller ones cover whole are neither seen nor in the legend.

    Parameters
    ----------
    reference : 3-D image
    voxels : positions in T1w space
    members : ROI -> (n_voxels,) to draw
    t1w_to_reference : (4, 4) T1w world to reference world, mm
    """
    places = apply_affine(t1w_to_reference, voxels.xyz)
    by_size = sorted(members, key=lambda name: -int(members[name].sum()))
    label = np.zeros(len(places), np.int16)
    for name in by_size:
        label[members[name]] = list(members).index(name) + 1
    colours = [mpl.colormaps["tab20"](i % 20) for i in range(len(members))]
    image = _nearest_labels(reference, places, label)
    limits = _reference_limits(reference)
    ground = np.clip(np.asarray(reference.dataobj, np.float32), limits["vmin"], limits["vmax"])
    background = nib.Nifti1Image(ground, reference.affine)

    def draw(**where: Any) -> None:
        plot_roi(
            image, bg_img=background, cmap=ListedColormap(colours), vmin=1, vmax=len(colours),
            alpha=0.8, dim=0, colorbar=False, draw_cross=False, black_bg=True, **where,
        )  # fmt: skip

    figure = _mosaic(draw, reference, places[label > 0] if label.any() else places)
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


def _nearest_labels(
    reference: Nifti, places: FloatArray, label: NDArray[np.int16]
) -> nib.Nifti1Image:
    """Labels on the grid of the reference: of the nearest ROI voxel that is near enough."""
    tree = KDTree(places)
    apart = np.median(tree.query(places, k=2)[0][:, 1]) if len(places) > 1 else 0.0
    reach = 0.75 * max(float(apart), float(voxel_sizes(reference.affine).max()))
    grid = np.indices(reference.shape[:3]).reshape(3, -1).T
    distance, index = tree.query(apply_affine(reference.affine, grid), distance_upper_bound=reach)
    volume = np.zeros(len(grid), np.int16)
    near = np.isfinite(distance)
    volume[near] = label[index[near]]
    return nib.Nifti1Image(volume.reshape(reference.shape[:3]), reference.affine)
