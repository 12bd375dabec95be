"""Figures of the quality report: traces and carpet of a run, and all runs side by side."""

from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from deeprecon.preprocess.outliers import Rule, session_of, spikes
from deeprecon.preprocess.quality import CARPET_STEP, RunQuality
from deeprecon.report.style import COLOURS, STYLE

FloatArray = NDArray[np.float64]

_FAULT = "#D55E00"
_STYLE: Any = {
    **STYLE,
    "axes.labelsize": 8,
    "xtick.labelsize": 8,
    "ytick.labelsize": 8,
    "font.size": 9,
    "legend.fontsize": 8,
    "lines.linewidth": 1.0,
}


def plot_run(run: RunQuality, carpet_limit: float) -> Figure:
    """Plot motion, framewise displacement, DVARS, global signal and carpet of a run against time.

    Parameters
    ----------
    run : quality of the run
    carpet_limit : percent signal change at both ends of the carpet's grey scale

    Returns
    -------
    Figure with six panels that share the time axis, in s
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
            if run.n_dummy_scans:
                axis.axvspan(0, run.n_dummy_scans * run.repetition_time, color="0.9", zorder=0)
        for axis in axes[:-1]:
            axis.tick_params(labelbottom=False)
        _motion_traces(axes[0], axes[1], run, seconds)
        _signal_traces(axes[2:5], run, seconds)
        _carpet(figure, axes[5], run, carpet_limit)
        axes[5].set_xlabel("time (s)" + ("; grey: lead-in" if run.n_dummy_scans else ""))
        figure.align_ylabels(axes)
    return figure


def _motion_traces(translation: Axes, rotation: Axes, run: RunQuality, seconds: FloatArray) -> None:
    """Plot translations and rotations relative to the run's median position."""
    motion = run.motion - np.median(run.motion[run.kept], axis=0)
    for axis, values, label, unit, minimum in (
        (translation, motion[:, :3], "translation", "mm", 0.1),
        (rotation, np.rad2deg(motion[:, 3:]), "rotation", "deg", 0.1),
    ):
        for column, name in enumerate("xyz"):
            axis.plot(seconds, values[:, column], label=name)
        _set_limits(axis, values, minimum)
        axis.set_ylabel(f"{label}\n({unit})")
        axis.legend(loc="center left", bbox_to_anchor=(1.0, 0.5), title=None)


def _set_limits(axis: Axes, values: FloatArray, minimum: float) -> None:
    """Set symmetric limits, wide enough that noise does not look like an effect."""
    reach = max(1.1 * float(np.nanmax(np.abs(values))), minimum)
    axis.set_ylim(-reach, reach)


def _signal_traces(axes: Sequence[Axes], run: RunQuality, seconds: FloatArray) -> None:
    """Plot framewise displacement, DVARS with its spikes, and the global signal."""
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
    _set_limits(axes[2], whole[run.kept], 0.5)
    axes[2].set_ylabel("global\n(%)")


def _carpet(figure: Figure, axis: Axes, run: RunQuality, limit: float) -> None:
    """Plot percent signal change: one row per point, from the top of the head to the bottom."""
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
    """Plot displacement, movement, DVARS spikes, tSNR and brightness of all runs.

    Parameters
    ----------
    table : measures of all runs, see `outliers.measures`; one point per row
    sets : run -> stimulus set, which sets the colour
    flagged : runs marked with a ring
    rules : rules whose thresholds are drawn

    Returns
    -------
    Figure with one panel per measure
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
    colour = {name: COLOURS[i % len(COLOURS)] for i, name in enumerate(names)}
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
    """Draw the threshold and start the axis at zero, unless it is `free`.

    tSNR is free: it is far from zero, which would hide its differences.
    """
    highest = np.nanmax(values) if np.isfinite(values).any() else 1.0
    if not free:
        axis.set_ylim(-0.04 * (threshold or highest), 1.15 * max(highest, threshold or 0))
    if threshold is not None:
        axis.axhline(threshold, color=_FAULT, linewidth=0.8, linestyle=":")
    if not np.isfinite(values).any():
        axis.text(0.5, 0.5, "too few runs to compare", transform=axis.transAxes, ha="center")


def _session_borders(axis: Axes, names: Sequence[str]) -> None:
    """Draw a line between runs of different sessions."""
    for i in range(1, len(names)):
        if session_of(names[i]) != session_of(names[i - 1]):
            axis.axvline(i + 0.5, color="0.85", linewidth=0.8, zorder=0)
