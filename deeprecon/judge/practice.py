"""Four practice trials with an obvious answer, on pictures that the study does not use."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.random import Generator
from PIL import Image, ImageDraw, ImageFilter

from deeprecon.errors import InputError

N_PRACTICE = 4
N_PICTURES = 2 * N_PRACTICE
"""Number of training images that practice uses."""

_SIDE = 128  # pixels
_BLUR = 0.04  # of the side
_PALE = 0.45  # share of grey that is mixed in
# Neither the colours nor the shapes occur in the artificial images of ds001506.
_COLOURS = ((222, 128, 24), (118, 62, 190))
_POLYGONS = (3, 5)


class PracticeTrial(NamedTuple):
    """Three pictures and the side of the correct answer, "left" or "right"."""

    top: Image.Image
    left: Image.Image
    right: Image.Image
    answer: str


def practice_trials(
    task: str, training: Sequence[Image.Image], rng: Generator
) -> list[PracticeTrial]:
    """Practice trials of a task: the picture on top is unclear, but only one choice is plausible.

    Parameters
    ----------
    task : "identification", "preference" or "colour_shape"
    training : N_PICTURES images from the training set
    rng : order and sides; the correct answer is on each side twice

    Raises
    ------
    InputError
        If there are too few training images.

    Examples
    --------
    >>> grey = [Image.new("RGB", (8, 8), (30 * i,) * 3) for i in range(N_PICTURES)]
    >>> trials = practice_trials("identification", grey, np.random.default_rng(0))
    >>> sorted(trial.answer for trial in trials)
    ['left', 'left', 'right', 'right']
    """
    if task != "colour_shape" and len(training) < N_PICTURES:
        raise InputError(f"practice: {len(training)} training images, expected {N_PICTURES}")
    if task == "colour_shape":
        made = _coloured_shapes()
    elif task == "identification":
        made = [(_unclear(own), own, _farthest(own, training)) for own in training[:N_PRACTICE]]
    else:
        made = [
            (own, _unclear(own, 0.5), _unclear(Image.blend(own, _fit(other, own), 0.5), 1.6))
            for own, other in zip(training[:N_PRACTICE], training[N_PRACTICE:], strict=False)
        ]
    sides = rng.permutation(["left", "right"] * (N_PRACTICE // 2))
    return [
        PracticeTrial(top, *((own, other) if side == "left" else (other, own)), str(side))
        for side, (top, own, other) in zip(sides, made, strict=True)
    ]


def _unclear(picture: Image.Image, strength: float = 1.0) -> Image.Image:
    """A blurred and pale version of a picture."""
    blurred = picture.filter(ImageFilter.GaussianBlur(strength * _BLUR * max(picture.size)))
    grey = Image.new("RGB", picture.size, (128, 128, 128))
    return Image.blend(blurred, grey, min(0.9, strength * _PALE))


def _fit(picture: Image.Image, other: Image.Image) -> Image.Image:
    return picture.resize(other.size, Image.Resampling.BOX)


def _farthest(own: Image.Image, others: Sequence[Image.Image]) -> Image.Image:
    """The picture that differs most from `own` at a coarse resolution."""

    def seen(picture: Image.Image) -> np.ndarray:
        return np.asarray(picture.resize((8, 8), Image.Resampling.BOX), np.float64)

    return max(others, key=lambda other: float(((seen(other) - seen(own)) ** 2).sum()))


def _coloured_shapes() -> list[tuple[Image.Image, Image.Image, Image.Image]]:
    """(top, correct answer, other): two with another colour and two with another shape."""

    def drawn(colour: int, sides: int) -> Image.Image:
        picture = Image.new("RGB", (_SIDE, _SIDE))
        circle = ((_SIDE / 2, _SIDE / 2), 0.4 * _SIDE)
        ImageDraw.Draw(picture).regular_polygon(circle, _POLYGONS[sides], fill=_COLOURS[colour])
        return picture

    pairs = [((0, 0), (1, 0)), ((0, 1), (0, 0)), ((1, 1), (0, 1)), ((1, 0), (1, 1))]
    return [(_unclear(drawn(*own)), drawn(*own), drawn(*other)) for own, other in pairs]
