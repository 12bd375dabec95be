"""Galleries: originals above their reconstructions, all images, pixel for pixel."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

Images = NDArray[np.uint8]

_PER_LINE = 20
_GAP = 4
_MARGIN = 16
_INK, _PAPER, _FAINT = (25, 25, 25), (255, 255, 255), (110, 110, 110)


def gallery(
    originals: Images,
    rows: Sequence[tuple[str, Images]],
    title: str,
    first: str = "presented",
    tile: int = 64,
) -> Image.Image:
    """All images of a set: a row of originals, and below it a row for each reconstruction.

    Parameters
    ----------
    originals : (n, H, W, 3) uint8
    rows : (label, (n, H, W, 3) uint8) of each kind of reconstruction
    title : printed above; says so when data are simulated
    first : label of the originals
    tile : side of a picture in the gallery, pixels

    Returns
    -------
    PIL image; sets of more than 20 images go on below in a further block
    """
    labelled = [(first, originals), *rows]
    font, heading = ImageFont.load_default(size=13), ImageFont.load_default(size=18)
    label_width = max(int(font.getlength(label)) for label, _ in labelled) + 2 * _GAP
    n_lines = -(-len(originals) // _PER_LINE)
    block = len(labelled) * (tile + _GAP) + 4 * _GAP
    columns = min(_PER_LINE, len(originals))
    width = 2 * _MARGIN + label_width + columns * (tile + _GAP)
    least = int(heading.getlength(title)) + 2 * _MARGIN
    page = Image.new("RGB", (max(width, least), 2 * _MARGIN + 24 + n_lines * block), _PAPER)
    draw = ImageDraw.Draw(page)
    draw.text((_MARGIN, _MARGIN), title, _INK, heading)
    for line in range(n_lines):
        for r, (label, images) in enumerate(labelled):
            top = _MARGIN + 30 + line * block + r * (tile + _GAP) + (_GAP if r else 0)
            ink = _INK if r == 0 else _FAINT
            draw.text((_MARGIN, top + tile // 2), label, ink, font, anchor="lm")
            for c, image in enumerate(images[line * _PER_LINE : (line + 1) * _PER_LINE]):
                scaled = Image.fromarray(image).resize((tile, tile), Image.Resampling.BICUBIC)
                page.paste(scaled, (_MARGIN + label_width + c * (tile + _GAP), top))
    return page
