"""Plots of the search for images: losses and snapshots."""

from collections.abc import Mapping, Sequence

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure
from PIL import Image

from deeprecon.reconstruct.store import History
from deeprecon.report.gallery import grid
from deeprecon.report.style import STYLE

_COLUMNS = 4

Histories = dict[str, dict[str, History]]
"""method -> label, such as "sub-01 VC" or "true features" -> history of the search"""


def by_method(rows: Sequence[tuple[str, str]], histories: Sequence[History]) -> Histories:
    """Group histories by method and label.

    Parameters
    ----------
    rows : (label, method) of each history
    histories : histories in the same order
    """
    found: Histories = {}
    for (label, method), history in zip(rows, histories, strict=True):
        found.setdefault(method, {})[label] = history
    return found


def plot_losses(histories: Mapping[str, Mapping[str, History]], note: str) -> Figure:
    """Plot the loss against the evaluations of the network.

    Parameters
    ----------
    histories : method -> label, such as "sub-01 VC" or "true features" -> history of the search
    note : text below the plot

    Returns
    -------
    Figure with one panel per method and one line per label, the mean over images
    """
    n = len(histories)
    rows, columns = -(-n // _COLUMNS), min(n, _COLUMNS)
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(3.4 * columns + 0.4, 2.9 * rows + 0.4), layout="constrained")
        axes = figure.subplots(rows, columns, squeeze=False).ravel()
        for axis, (method, lines) in zip(axes, histories.items(), strict=False):
            for label, history in lines.items():
                mean = history.loss.mean(axis=1)
                style = "--" if label.startswith("true") else "-"
                axis.plot(np.arange(1, len(mean) + 1), mean, style, linewidth=1.2, label=label)
            axis.set_title(method, fontsize=10)
            axis.set_xscale("log")
            if all((history.loss > 0).all() for history in lines.values()):
                axis.set_yscale("log")
            axis.legend(fontsize=7)
        for axis in axes[n:]:
            axis.set_axis_off()
        figure.supxlabel("evaluations of the network", fontsize=9)
        figure.supylabel("loss, mean over images", fontsize=9)
        figure.text(0.5, -0.01, f"Each panel has its own unit of loss. {note}", ha="center",
                    va="top", fontsize=8)  # fmt: skip
    return figure


def first_of_each(histories: Histories) -> list[tuple[str, History]]:
    """Choose the first subject and region of each method, because showing all would be too many.

    True features, which come first, are used if a method has nothing else.

    Returns
    -------
    (label with the method, history) of each method
    """
    chosen = []
    for method, lines in histories.items():
        label, history = list(lines.items())[:2][-1]
        chosen.append((f"{label}, {method}", history))
    return chosen


def draw_snapshots(histories: Sequence[tuple[str, History]], title: str) -> Image.Image:
    """Draw snapshots of some images for each method: one row per image, time from left to right.

    Parameters
    ----------
    histories : (label of the method, history of its search)
    title : heading
    """
    rows = []
    for label, history in histories:
        heads = [str(t) for t in history.snapshot_evaluation]
        for i, name in enumerate(history.snapshot_id):
            images = history.snapshots[:, i]
            rows.append((f"{label}: {name}", images, heads if i == 0 else []))
    return grid(rows, title)
