"""Galleries: all images of a set above their reconstructions, at the same size."""

from collections.abc import Iterable, Sequence

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
    """Draw all images of a set: a row of originals above one row per kind of reconstruction.

    Parameters
    ----------
    originals : (n, H, W, 3) uint8
    rows : (label, (n, H, W, 3) uint8) of each kind of reconstruction
    title : heading, which must say if the data are simulated
    first : label of the originals
    tile : side of an image in the gallery, pixels

    Returns
    -------
    PIL image; more than 20 images continue in a further block below
    """
    labelled = [(first, originals), *rows]
    font, heading = ImageFont.load_default(size=13), ImageFont.load_default(size=18)
    label_width = max(int(font.getlength(label)) for label, _ in labelled) + 2 * _GAP
    n_lines = -(-len(originals) // _PER_LINE)
    block = len(labelled) * (tile + _GAP) + 4 * _GAP
    columns = min(_PER_LINE, len(originals))
    width = 2 * _MARGIN + label_width + columns * (tile + _GAP)
    minimum = int(heading.getlength(title)) + 2 * _MARGIN
    page = Image.new("RGB", (max(width, minimum), 2 * _MARGIN + 24 + n_lines * block), _PAPER)
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
    """Draw labelled rows of images, with captions above the images of a row that has them.

    Parameters
    ----------
    rows : (label, (n, H, W, 3) uint8, captions), with one caption per image or none
    title : heading
    tile : side of an image in the grid, pixels
    """
    font, heading = ImageFont.load_default(size=13), ImageFont.load_default(size=18)
    label_width = max(int(font.getlength(label)) for label, _, _ in rows) + 2 * _GAP
    columns = max(len(images) for _, images, _ in rows)
    heights = [tile + _GAP + (6 * _GAP if captions else 0) for _, _, captions in rows]
    width = 2 * _MARGIN + label_width + columns * (tile + _GAP)
    minimum = int(heading.getlength(title)) + 2 * _MARGIN
    page = Image.new("RGB", (max(width, minimum), 2 * _MARGIN + 30 + sum(heights)), _PAPER)
    draw = ImageDraw.Draw(page)
    draw.text((_MARGIN, _MARGIN), title, _INK, heading)
    bottom = _MARGIN + 30
    for (label, images, captions), height in zip(rows, heights, strict=True):
        bottom += height
        top = bottom - tile - _GAP
        draw.text((_MARGIN, top + tile // 2), label, _FAINT, font, anchor="lm")
        for c, image in enumerate(images):
            left = _MARGIN + label_width + c * (tile + _GAP)
            if captions:
                draw.text((left + tile // 2, top - _GAP), captions[c], _INK, font, anchor="mb")
            scaled = Image.fromarray(image).resize((tile, tile), Image.Resampling.BICUBIC)
            page.paste(scaled, (left, top))
    return page


def galleries(
    originals: Images,
    reconstructions: Iterable[Images],
    blocks: Sequence[tuple[str, Sequence[str]]],
    first: str,
) -> Image.Image:
    """Draw several galleries of the same originals, stacked vertically.

    Parameters
    ----------
    originals : (n, H, W, 3) uint8
    reconstructions : (n, H, W, 3) uint8 for each label of all blocks, in order
    blocks : (heading, labels of the rows) of each gallery; "{n}" in a heading stands for the
        number of images
    first : label of the originals
    """
    images = iter(reconstructions)
    pages = []
    for heading, labels in blocks:
        rows = [(label, next(images)) for label in labels]
        pages.append(gallery(originals, rows, heading.format(n=len(originals)), first))
    return stacked(pages)


def stacked(pages: Sequence[Image.Image]) -> Image.Image:
    """Stack pages vertically."""
    size = max(page.width for page in pages), sum(page.height for page in pages)
    whole, top = Image.new("RGB", size, _PAPER), 0
    for page in pages:
        whole.paste(page, (0, top))
        top += page.height
    return whole
