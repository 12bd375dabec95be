"""Colours and style of all figures, and how they are saved."""

import io
import os
from typing import Any

from cycler import cycler
from matplotlib.figure import Figure
from PIL import Image

from deeprecon.atomic import replacing

# The palette of Okabe & Ito (2008), which colour-blind readers can tell apart.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
STYLE: Any = {
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.prop_cycle": cycler(color=COLOURS),
    "font.size": 10,
    "legend.frameon": False,
}


def save_figure(path: str | os.PathLike[str], figure: Figure, **options: Any) -> None:
    """Save a figure as PNG; the same figure gives the same bytes.

    Parameters
    ----------
    path : file to write
    figure : matplotlib Figure
    options : options of `Figure.savefig`, such as bbox_inches
    """
    with replacing(path) as temporary:
        # The name of the software would contain the version of Matplotlib.
        figure.savefig(temporary, dpi=110, metadata={"Software": None}, **options)


def webp(figure: Figure, dpi: int = 100, quality: int = 80) -> bytes:
    """A figure as a WebP image; the same figure gives the same bytes."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=dpi, facecolor=figure.get_facecolor())
    encoded = io.BytesIO()
    with Image.open(buffer) as image:
        image.convert("RGB").save(encoded, "WEBP", quality=quality, method=4)
    return encoded.getvalue()
