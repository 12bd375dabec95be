"""Figures of the validity checks: how many parts of the study passed, and the values."""

import math
from collections.abc import Sequence

import matplotlib as mpl
from matplotlib.figure import Figure

from deeprecon.report.style import STYLE
from deeprecon.validity.result import STATUSES, Check

# These differ in lightness as well as in hue.
STATUS_COLOURS = {"FAIL": "#A8201A", "WARN": "#E69F00", "NOT RUN": "#D9D9D9", "PASS": "#0072B2"}


def plot_checks(checks: Sequence[Check], note: str) -> Figure:
    """Plot how many parts of the study passed each check: one bar per check, split by status.

    Parameters
    ----------
    checks : all checks of a study
    note : text below the plot
    """
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(8.5, 7.0), layout="constrained")
        axis = figure.subplots()
        titles = {check.id: check.title for check in checks}
        ids = list(titles)
        counts = {
            status: [sum(c.id == one and c.status == status for c in checks) for one in ids]
            for status in STATUSES
        }
        total = [max(1, sum(counts[s][i] for s in STATUSES)) for i in range(len(ids))]
        left = [0.0] * len(ids)
        for status in STATUSES:
            share = [n / all_ for n, all_ in zip(counts[status], total, strict=True)]
            axis.barh(ids, share, left=left, color=STATUS_COLOURS[status], label=status, height=0.7)
            for i, (n, width) in enumerate(zip(counts[status], share, strict=True)):
                if n:
                    ink = "black" if status in ("NOT RUN", "WARN") else "white"
                    at = left[i] + width / 2
                    axis.text(at, i, str(n), ha="center", va="center", fontsize=7, color=ink)
            left = [a + b for a, b in zip(left, share, strict=True)]
        axis.set_yticks(range(len(ids)), [f"{one} {titles[one]}" for one in ids], fontsize=8)
        axis.set_xticks([])
        axis.spines["bottom"].set_visible(False)
        axis.invert_yaxis()
        axis.legend(ncols=4, loc="lower center", bbox_to_anchor=(0.5, 1.0))
        figure.supxlabel(f"numbers: parts of the study (sets, regions, layers). {note}", fontsize=8)
    return figure


def plot_values(checks: Sequence[Check], note: str) -> Figure:
    """Plot the values of each check: one panel per check, one dot per part of the study.

    Parameters
    ----------
    checks : all checks of a study
    note : text below the plot
    """
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(13, 9), layout="constrained")
        titles = {check.id: check.title for check in checks}
        axes = figure.subplots(-(-len(titles) // 5), 5, squeeze=False)
        for unused in axes.flat[len(titles) :]:
            unused.set_visible(False)
        for axis, one in zip(axes.flat, titles, strict=False):
            own = sorted((c for c in checks if c.id == one), key=lambda c: c.value)
            known = [check for check in own if not math.isnan(check.value)]
            colours = [STATUS_COLOURS[check.status] for check in known]
            axis.scatter([c.value for c in known], range(len(known)), s=14, c=colours)
            axis.set_title(f"{one} {titles[one]}", fontsize=7)
            axis.set_yticks([])
            axis.tick_params(labelsize=7)
            axis.margins(0.1, 0.2)
            thresholds = {check.threshold for check in known} or {"not run"}
            shared = thresholds.pop() if len(thresholds) == 1 else "a threshold for each part"
            axis.set_xlabel(shared, fontsize=7)
        figure.supxlabel(f"dots: parts of the study; below each: its threshold. {note}", fontsize=8)
    return figure
