"""How searches for images went: losses, and how pictures emerged."""

from collections.abc import Mapping, Sequence

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure
from PIL import Image

from deeprecon.reconstruct.store import Course
from deeprecon.report.gallery import grid
from deeprecon.report.plots import STYLE

_COLUMNS = 4


def plot_losses(courses: Mapping[str, Mapping[str, Course]], note: str) -> Figure:
    """Loss by evaluation: a panel a method, a line a reconstruction, the mean over its images.

    Parameters
    ----------
    courses : method -> label, such as "sub-01 VC" or "true features" -> Course
    note : printed below
    """
    n = len(courses)
    rows, columns = -(-n // _COLUMNS), min(n, _COLUMNS)
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(3.4 * columns + 0.4, 2.9 * rows + 0.4), layout="constrained")
        axes = figure.subplots(rows, columns, squeeze=False).ravel()
        for axis, (method, lines) in zip(axes, courses.items(), strict=False):
            for label, course in lines.items():
                mean = course.loss.mean(axis=1)
                style = "--" if label.startswith("true") else "-"
                axis.plot(np.arange(1, len(mean) + 1), mean, style, linewidth=1.2, label=label)
            axis.set_title(method, fontsize=10)
            axis.set_xscale("log")
            if all((course.loss > 0).all() for course in lines.values()):
                axis.set_yscale("log")
            axis.legend(fontsize=7)
        for axis in axes[n:]:
            axis.set_axis_off()
        figure.supxlabel("evaluations of the network", fontsize=9)
        figure.supylabel("loss, mean over images", fontsize=9)
        figure.text(0.5, -0.01, f"Each panel has its own unit of loss. {note}", ha="center",
                    va="top", fontsize=8)  # fmt: skip
    return figure


def strips(courses: Sequence[tuple[str, Course]], title: str) -> Image.Image:
    """How some images of a set emerged in each method: rows of pictures, left to right in time.

    Parameters
    ----------
    courses : (label of the method, Course)
    title : printed above
    """
    rows = []
    for label, course in courses:
        heads = [str(t) for t in course.strip_evaluation]
        for i, name in enumerate(course.strip_id):
            pictures = course.strip[:, i]
            rows.append((f"{label}: {name}", pictures, heads if i == 0 else []))
    return grid(rows, title)
