"""Figures of human judgement: people are filled dots, model observers are short vertical lines."""

from collections.abc import Mapping, Sequence

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray
from PIL import Image

from deeprecon.judge.analysis.results import RATERS
from deeprecon.report.gallery import grid, stacked
from deeprecon.report.style import COLOURS, STYLE

_PER_LINE = 16
_ROW = 0.3  # inches
_TASKS = {
    "identification": "Identification: the original rather than another image",
    "colour": "Coloured shapes: the correct colour",
    "shape": "Coloured shapes: the correct shape",
}


def plot_accuracy(accuracy: pd.DataFrame, layers: Sequence[str], note: str) -> Figure:
    """Accuracy of people and of model observers: one panel per task, one row per condition.

    Parameters
    ----------
    accuracy : rows of kept raters and of model observers (column `judges`)
    layers : layers of the network, whose observers have their own colour
    note : text below the figure
    """
    panels = {
        "identification": accuracy[accuracy["task"] == "identification"],
        "colour": accuracy[accuracy["aspect"] == "colour"],
        "shape": accuracy[accuracy["aspect"] == "shape"],
    }
    rows = {name: _conditions(part) for name, part in panels.items() if len(part)}
    with mpl.rc_context(STYLE):
        height = _ROW * sum(map(len, rows.values())) + 0.75 * len(rows) + 1.0
        figure = Figure(figsize=(8.5, max(2.2, height)), layout="constrained")
        if not rows:
            figure.text(0.5, 0.5, "no task has a right answer", ha="center")
            return figure
        ratios = [len(conditions) + 1 for conditions in rows.values()]
        axes = figure.subplots(len(rows), 1, sharex=True, squeeze=False, height_ratios=ratios)[:, 0]
        for axis, (name, conditions) in zip(axes, rows.items(), strict=True):
            _accuracy_panel(axis, panels[name], conditions, layers)
            axis.set_title(_TASKS[name], loc="left", fontsize=10)
        axes[-1].set_xlabel("share of correct answers")
        _legend(figure)
        figure.supxlabel(note, fontsize=8)
    return figure


def _legend(figure: Figure) -> None:
    """One legend above all panels."""
    handles = {
        label: handle
        for axis in figure.axes
        for handle, label in zip(*axis.get_legend_handles_labels(), strict=True)
    }
    figure.legend(
        list(handles.values()), list(handles), loc="outside upper left", ncols=4, fontsize=8
    )


def _conditions(part: pd.DataFrame) -> list[tuple[str, ...]]:
    """(subject, roi, method, set) of each row in a panel, in order."""
    return list(dict.fromkeys(_keys(part)))


def _accuracy_panel(
    axis: Axes, part: pd.DataFrame, conditions: Sequence[tuple[str, ...]], layers: Sequence[str]
) -> None:
    rows = {condition: i for i, condition in enumerate(conditions)}
    at = np.array([rows[key] for key in _keys(part)])
    people = (part["judges"] == RATERS).to_numpy()
    of_layer = part["judges"].isin([f"observer-{layer}" for layer in layers]).to_numpy()
    for chosen, colour, label in (
        (~people & ~of_layer, COLOURS[0], "model observers: pixels, colours"),
        (of_layer, COLOURS[1], "model observers: network layers"),
    ):
        axis.plot(
            part.loc[chosen, "accuracy"], at[chosen], "|", color=colour, markersize=9, label=label
        )
    if people.any():
        mean = part.loc[people, "accuracy"]
        spread = [(mean - part.loc[people, "low"]), (part.loc[people, "high"] - mean)]
        axis.errorbar(
            mean, at[people], xerr=spread, fmt="o", color="black", capsize=3,
            label="raters, 95 % interval",
        )  # fmt: skip
    axis.axvline(0.5, color="0.4", linewidth=0.8, linestyle=":", label="chance")
    axis.set_yticks(range(len(conditions)), [" ".join(key) for key in conditions], fontsize=8)
    axis.set_ylim(len(conditions) - 0.5, -0.5)
    axis.set_xlim(-0.02, 1.02)


def _keys(part: pd.DataFrame) -> list[tuple[str, ...]]:
    columns = part[["subject", "roi", "method", "set"]]
    return list(columns.itertuples(index=False, name=None))


def plot_preferences(preferences: pd.DataFrame, layers: Sequence[str], note: str) -> Figure:
    """How often each method and region was preferred: one panel per subject and set.

    Parameters
    ----------
    preferences : rows of kept raters and of model observers
    layers, note : as for `plot_accuracy`
    """
    groups = list(preferences.groupby(["subject", "set"], sort=False))
    with mpl.rc_context(STYLE):
        sizes = [len(part[["roi", "method"]].drop_duplicates()) for _, part in groups]
        height = _ROW * sum(sizes) + 0.75 * len(groups) + 1.0
        figure = Figure(figsize=(8.5, max(2.2, height)), layout="constrained")
        axes = figure.subplots(
            len(groups), 1, sharex=True, squeeze=False, height_ratios=[n + 1 for n in sizes]
        )[:, 0]
        for axis, ((subject, name), part) in zip(axes, groups, strict=True):
            renamed = part.rename(columns={"share": "accuracy"})
            _accuracy_panel(axis, renamed, _conditions(renamed), layers)
            axis.set_yticks(
                range(len(_conditions(renamed))),
                [f"{roi} {method}" for _, roi, method, _ in _conditions(renamed)],
                fontsize=8,
            )
            axis.set_title(f"{subject}, {name}", loc="left", fontsize=10)
        axes[-1].set_xlabel("share of comparisons in which it was preferred")
        _legend(figure)
        figure.supxlabel(note, fontsize=8)
    return figure


def ranking(
    images: pd.DataFrame,
    pictures: Mapping[str, tuple[NDArray[np.uint8], NDArray[np.uint8]]],
    title: str,
    tile: int = 64,
) -> Image.Image:
    """All images of a condition, best identified first.

    Parameters
    ----------
    images : sorted rows of one condition, with target and accuracy
    pictures : stimulus -> (original, reconstruction), each (H, W, 3) uint8
    title : text above the pictures
    tile : side of a picture in pixels
    """
    blocks = []
    for start in range(0, len(images), _PER_LINE):
        part = images.iloc[start : start + _PER_LINE]
        shown = [pictures[name] for name in part["target"]]
        words = [f"{value:.2f}" for value in part["accuracy"]]
        rows = [
            ("original", np.stack([original for original, _ in shown]), words),
            ("reconstruction", np.stack([recon for _, recon in shown]), []),
        ]
        blocks.append(grid(rows, title if start == 0 else "", tile))
    return stacked(blocks)
