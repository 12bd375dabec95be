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


def grid(
    rows: Sequence[tuple[str, Images, Sequence[str]]], title: str, tile: int = 64
) -> Image.Image:
    """Rows of pictures, each with a label, and with words above its pictures where it has any.

    Parameters
    ----------
    rows : (label, (n, H, W, 3) uint8, a word for each picture or none)
    title : printed above
    tile : side of a picture, pixels
    """
    font, heading = ImageFont.load_default(size=13), ImageFont.load_default(size=18)
    label_width = max(int(font.getlength(label)) for label, _, _ in rows) + 2 * _GAP
    columns = max(len(images) for _, images, _ in rows)
    heights = [tile + _GAP + (6 * _GAP if words else 0) for _, _, words in rows]
    width = 2 * _MARGIN + label_width + columns * (tile + _GAP)
    least = int(heading.getlength(title)) + 2 * _MARGIN
    page = Image.new("RGB", (max(width, least), 2 * _MARGIN + 30 + sum(heights)), _PAPER)
    draw = ImageDraw.Draw(page)
    draw.text((_MARGIN, _MARGIN), title, _INK, heading)
    bottom = _MARGIN + 30
    for (label, images, words), height in zip(rows, heights, strict=True):
        bottom += height
        top = bottom - tile - _GAP
        draw.text((_MARGIN, top + tile // 2), label, _FAINT, font, anchor="lm")
        for c, image in enumerate(images):
            left = _MARGIN + label_width + c * (tile + _GAP)
            if words:
                draw.text((left + tile // 2, top - _GAP), words[c], _INK, font, anchor="mb")
            scaled = Image.fromarray(image).resize((tile, tile), Image.Resampling.BICUBIC)
            page.paste(scaled, (left, top))
    return page


def stacked(pages: Sequence[Image.Image]) -> Image.Image:
    """Pages one below the other."""
    size = max(page.width for page in pages), sum(page.height for page in pages)
    whole, top = Image.new("RGB", size, _PAPER), 0
    for page in pages:
        whole.paste(page, (0, top))
        top += page.height
    return whole
