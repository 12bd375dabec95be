"""Stimuli of the simulated study: shapes and letters, crops of photographs, dead leaves."""

import colorsys
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from deeprecon.data.ds001506 import COLOURS, SHAPES
from deeprecon.data.photos import TEST_PHOTOS, TRAINING_PHOTOS, load_square
from deeprecon.data.stimuli import Images, write_stimuli
from deeprecon.errors import InputError

LETTERS = tuple("ACEINORSTU")
BACKGROUND = (128, 128, 128)
IMAGERY_SHAPES = ("smallring", "+", "X")
IMAGERY_COLOURS = ("red", "green", "blue", "white", "black")

_OVERSAMPLING = 4


def _shrink(image: Image.Image, size: int) -> NDArray[np.uint8]:
    """Downsample an image to (size, size, 3) by averaging."""
    return np.asarray(image.resize((size, size), Image.Resampling.BOX))


def draw_shape(colour: str, shape: str, size: int) -> NDArray[np.uint8]:
    """Draw one of the 40 coloured shapes on grey, (size, size, 3) uint8.

    ds001506 uses `smallring` and `largering` for the small and the large *open square*.

    Examples
    --------
    >>> draw_shape("red", "square", 64)[32, 32].tolist()
    [255, 0, 0]
    """
    side = size * _OVERSAMPLING
    image = Image.new("RGB", (side, side), BACKGROUND)
    draw, fill = ImageDraw.Draw(image), COLOURS[colour]

    def box(half: float) -> list[float]:
        return [side * (0.5 - half), side * (0.5 - half), side * (0.5 + half), side * (0.5 + half)]

    if shape == "square":
        draw.rectangle(box(0.25), fill=fill)
    elif shape in ("smallring", "largering"):
        outer = 0.2 if shape == "smallring" else 0.36
        draw.rectangle(box(outer), fill=fill)
        draw.rectangle(box(outer - 0.11), fill=BACKGROUND)
    elif shape in ("+", "X"):
        draw.rectangle([side * 0.15, side * 0.43, side * 0.85, side * 0.57], fill=fill)
        draw.rectangle([side * 0.43, side * 0.15, side * 0.57, side * 0.85], fill=fill)
        if shape == "X":
            image = image.rotate(45, Image.Resampling.BICUBIC, fillcolor=BACKGROUND)
    else:
        raise InputError(f"unknown shape {shape!r}; known: {SHAPES}")
    return _shrink(image, size)


def draw_letter(letter: str, size: int) -> NDArray[np.uint8]:
    """Draw a black letter on grey, (size, size, 3) uint8."""
    side = size * _OVERSAMPLING
    image = Image.new("RGB", (side, side), BACKGROUND)
    font = ImageFont.load_default(size=side * 0.8)
    ImageDraw.Draw(image).text(
        (side / 2, side / 2), letter, (0, 0, 0), font, anchor="mm", stroke_width=side // 40
    )
    return _shrink(image, size)


def photo_crop(photo: NDArray[np.uint8], size: int, rng: Generator) -> NDArray[np.uint8]:
    """Cut out a random square and change its flip, hue, saturation and brightness at random.

    Returns a (size, size, 3) uint8 array.
    """
    side = int(rng.uniform(0.35, 1.0) * photo.shape[0])
    top, left = rng.integers(0, photo.shape[0] - side + 1, size=2)
    crop = Image.fromarray(photo[top : top + side, left : left + side])
    hsv = np.asarray(crop.resize((size, size), Image.Resampling.BOX).convert("HSV")).astype(float)
    hsv[..., 0] = (hsv[..., 0] + rng.uniform(0, 256)) % 256
    hsv[..., 1:] = np.clip(hsv[..., 1:] * rng.uniform(0.6, 1.4, size=2), 0, 255)
    rgb = np.asarray(Image.fromarray(hsv.astype(np.uint8), "HSV").convert("RGB"))
    return rgb[:, ::-1] if rng.random() < 0.5 else rgb


def dead_leaves(size: int, rng: Generator) -> NDArray[np.uint8]:
    """Draw a dead-leaves image: occluding discs and boxes of random colours.

    Radii follow a power law of exponent 3, which gives the scale invariance of natural images
    (Lee, Mumford & Huang 2001, Int. J. Computer Vision 41). Returns a (size, size, 3) uint8 array.
    """
    side = size * 2
    image = Image.new("RGB", (side, side), BACKGROUND)
    draw = ImageDraw.Draw(image)
    smallest, largest = 0.06 * side, 0.45 * side
    for _ in range(60):
        u = rng.random()
        radius = (u / smallest**2 + (1 - u) / largest**2) ** -0.5
        x, y = rng.uniform(0, side, size=2)
        hue, saturation, value = rng.random(3)
        rgb = colorsys.hsv_to_rgb(hue, saturation**0.5, value**0.7)
        fill = tuple(round(255 * c) for c in rgb)
        leaf = draw.ellipse if rng.random() < 0.5 else draw.rectangle
        leaf([x - radius, y - radius, x + radius, y + radius], fill=fill)
    return _shrink(image, size)


def training_images(n_images: int, size: int, seed: int) -> Images:
    """Crops of the training photographs; every third image is a dead-leaves image.

    Ids look like those of ds001506, `<category>.<six digits>`. Each of the 22 photographs is a
    category; dead-leaves images have no category and ids with 0 in its place.
    """
    rng = np.random.default_rng(seed)
    names = list(TRAINING_PHOTOS)
    photos = [load_square(file) for file in TRAINING_PHOTOS.values()]
    images: Images = {}
    for i in range(n_images):
        if i % 3 == 2:
            images[f"0.{i + 1:06d}"] = (dead_leaves(size, rng), "")
        else:
            k = int(rng.integers(len(photos)))
            images[f"{k + 1}.{i + 1:06d}"] = (photo_crop(photos[k], size, rng), names[k])
    return images


def natural_images(size: int) -> Images:
    """The central squares of the test photographs; their categories start at 101."""
    images: Images = {}
    for k, (name, file) in enumerate(TEST_PHOTOS.items()):
        square = Image.fromarray(load_square(file))
        images[f"{101 + k}.000001"] = (_shrink(square, size), name)
    return images


def shape_images(size: int) -> Images:
    """The 40 coloured shapes, ids 1 ... 40 in the order of ds001506."""
    pairs = [(colour, shape) for colour in COLOURS for shape in SHAPES]
    return {
        str(i): (draw_shape(colour, shape, size), f"{colour}_{shape}")
        for i, (colour, shape) in enumerate(pairs, start=1)
    }


def letter_images(size: int) -> Images:
    """The ten letters, ids 1 ... 10 in the order of ds001506."""
    return {str(i): (draw_letter(x, size), x) for i, x in enumerate(LETTERS, start=1)}


def imagery_images(size: int) -> Images:
    """Imagined targets: 15 shapes, then ten of the natural test images; ids 1 ... 25."""
    shapes = [
        (draw_shape(colour, shape, size), f"{colour}_{shape}")
        for colour in IMAGERY_COLOURS
        for shape in IMAGERY_SHAPES
    ]
    natural = list(natural_images(size).values())[:10]
    return {str(i): image for i, image in enumerate(shapes + natural, start=1)}


def simulated_images(name: str, size: int, n_training_images: int, seed: int) -> Images:
    """The images of a stimulus set of the simulated study.

    Parameters
    ----------
    name : "train" or a key of `TEST_IMAGES`
    size : side, pixels
    n_training_images, seed : number of training images and seed of their crops
    """
    if name == "train":
        return training_images(n_training_images, size, seed)
    return TEST_IMAGES[name](size)


TEST_IMAGES: dict[str, Callable[[int], Images]] = {
    "natural": natural_images,
    "shapes": shape_images,
    "letters": letter_images,
    "imagery": imagery_images,
}


def simulate_stimuli(
    folder: Path, sets: Sequence[str], size: int, n_training_images: int, seed: int
) -> None:
    """Write the images and the table of each stimulus set, see `simulated_images`."""
    for name in sets:
        write_stimuli(folder, name, simulated_images(name, size, n_training_images, seed))
