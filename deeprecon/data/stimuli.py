"""Stimulus images: drawn shapes and letters, crops of photographs, and their tables.

A stimulus table (`stimuli/{set}.tsv`) has a row per image: stimulus_id (string, the key of the
event files), file (relative to the table's folder), sha256 of the file, width and height in
pixels, category (where known).
"""

import colorsys
import hashlib
import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.random import Generator
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from deeprecon.atomic import replacing
from deeprecon.data.events import read_tsv
from deeprecon.data.photos import TEST_PHOTOS, TRAINING_PHOTOS, load_square
from deeprecon.errors import InputError, reason

# Order of the stimulus numbers in ds001506: colour by colour, five shapes each.
COLOURS: dict[str, tuple[int, int, int]] = {
    "red": (255, 0, 0),
    "green": (0, 255, 0),
    "blue": (0, 0, 255),
    "yellow": (255, 255, 0),
    "magenta": (255, 0, 255),
    "cyan": (0, 255, 255),
    "white": (255, 255, 255),
    "black": (0, 0, 0),
}
SHAPES = ("square", "smallring", "largering", "+", "X")
LETTERS = tuple("ACEINORSTU")
BACKGROUND = (128, 128, 128)
IMAGERY_SHAPES = ("smallring", "+", "X")
IMAGERY_COLOURS = ("red", "green", "blue", "white", "black")

_OVERSAMPLING = 4


def _shrink(image: Image.Image, size: int) -> NDArray[np.uint8]:
    """Area-average to (size, size, 3)."""
    return np.asarray(image.resize((size, size), Image.Resampling.BOX))


def draw_shape(colour: str, shape: str, size: int) -> NDArray[np.uint8]:
    """One of the 40 coloured shapes on grey, (size, size, 3) uint8.

    `smallring` and `largering` are the small and the large *open square* of ds001506.

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
    """A black letter on grey, (size, size, 3) uint8."""
    side = size * _OVERSAMPLING
    image = Image.new("RGB", (side, side), BACKGROUND)
    font = ImageFont.load_default(size=side * 0.8)
    ImageDraw.Draw(image).text(
        (side / 2, side / 2), letter, (0, 0, 0), font, anchor="mm", stroke_width=side // 40
    )
    return _shrink(image, size)


def photo_crop(photo: NDArray[np.uint8], size: int, rng: Generator) -> NDArray[np.uint8]:
    """A random square crop with random flip, hue, saturation and brightness: (size, size, 3)."""
    side = int(rng.uniform(0.35, 1.0) * photo.shape[0])
    top, left = rng.integers(0, photo.shape[0] - side + 1, size=2)
    crop = Image.fromarray(photo[top : top + side, left : left + side])
    hsv = np.asarray(crop.resize((size, size), Image.Resampling.BOX).convert("HSV")).astype(float)
    hsv[..., 0] = (hsv[..., 0] + rng.uniform(0, 256)) % 256
    hsv[..., 1:] = np.clip(hsv[..., 1:] * rng.uniform(0.6, 1.4, size=2), 0, 255)
    rgb = np.asarray(Image.fromarray(hsv.astype(np.uint8), "HSV").convert("RGB"))
    return rgb[:, ::-1] if rng.random() < 0.5 else rgb


def dead_leaves(size: int, rng: Generator) -> NDArray[np.uint8]:
    """A dead-leaves image: occluding discs and boxes of random colour, (size, size, 3) uint8.

    Radii follow a power law of exponent 3, which gives the scale invariance of natural images
    (Lee, Mumford & Huang 2001, Int. J. Computer Vision 41).
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


Images = dict[str, tuple[NDArray[np.uint8], str]]
"""stimulus_id -> ((height, width, 3) image, category), in the order of the set."""


def training_images(n_images: int, size: int, seed: int) -> Images:
    """Crops of the training photographs, with a dead-leaves image in every third place.

    Ids are written as ds001506 writes them, `<category>.<six digits>`; category 1 ... 22 is the
    photograph; dead leaves have none, and 0 in their ids.
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
    """The test photographs, one central square each; categories from 101, apart from training."""
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
    """Targets of imagery: 15 shapes, then ten of the natural test images; ids 1 ... 25."""
    shapes = [
        (draw_shape(colour, shape, size), f"{colour}_{shape}")
        for colour in IMAGERY_COLOURS
        for shape in IMAGERY_SHAPES
    ]
    natural = list(natural_images(size).values())[:10]
    return {str(i): image for i, image in enumerate(shapes + natural, start=1)}


def simulated_images(name: str, size: int, n_training_images: int, seed: int) -> Images:
    """The images of a stimulus set of the simulated study, by the set's name."""
    if name == "train":
        return training_images(n_training_images, size, seed)
    return TEST_IMAGES[name](size)


TEST_IMAGES: dict[str, Callable[[int], Images]] = {
    "natural": natural_images,
    "shapes": shape_images,
    "letters": letter_images,
    "imagery": imagery_images,
}


def write_stimuli(folder: str | os.PathLike[str], name: str, images: Images) -> None:
    """Write `{folder}/{name}/{stimulus_id}.png` and then the table `{folder}/{name}.tsv`."""
    folder = Path(folder)
    files = {}
    for stimulus_id, (image, _) in images.items():
        files[stimulus_id] = folder / name / f"{stimulus_id}.png"
        with replacing(files[stimulus_id]) as temporary:
            Image.fromarray(image).save(temporary)
    categories = {stimulus_id: category for stimulus_id, (_, category) in images.items()}
    _write_table(folder / f"{name}.tsv", files, categories)


def category_groups(table: pd.DataFrame) -> dict[str, str]:
    """Group of each stimulus: its category, or itself where that is not known.

    Folds of such groups hold out whole categories, as the test images of the experiment are.
    """
    ids = table["stimulus_id"]
    known = table["category"] if "category" in table else pd.Series("", index=table.index)
    return dict(zip(ids, known.where(known != "", ids), strict=True))


def import_stimuli(source: str | os.PathLike[str], table: str | os.PathLike[str]) -> None:
    """Copy the user's images of one set into the study and write their table.

    Parameters
    ----------
    source : the user's table, as `read_stimuli` takes it
    table : `{folder}/{set}.tsv`; the images go to `{folder}/{set}/`
    """
    stimuli, table = read_stimuli(source), Path(table)
    for file in stimuli["file"]:
        with _picture(file):  # all can be opened, before the first is copied
            pass
    files = {}
    for stimulus_id, file in zip(stimuli["stimulus_id"], stimuli["file"], strict=True):
        files[stimulus_id] = table.parent / table.stem / f"{stimulus_id}{Path(file).suffix}"
        with replacing(files[stimulus_id]) as temporary:
            shutil.copyfile(file, temporary)
    given = stimuli["category"] if "category" in stimuli else [""] * len(stimuli)
    _write_table(table, files, dict(zip(stimuli["stimulus_id"], given, strict=True)))


@contextmanager
def _picture(file: str | Path) -> Iterator[Image.Image]:
    """An open picture; what Pillow raises of a damaged one does not always name it."""
    try:
        with Image.open(file) as image:
            yield image
    except (OSError, SyntaxError, ValueError) as error:
        raise InputError(f"{file}: cannot be read as a picture ({reason(error)})") from None


def _write_table(path: Path, files: Mapping[str, Path], categories: Mapping[str, str]) -> None:
    """Write a stimulus table for images that are in place."""
    rows = []
    for stimulus_id, file in files.items():
        with _picture(file) as image:
            width, height = image.size
        rows.append(
            {
                "stimulus_id": stimulus_id,
                "file": file.relative_to(path.parent).as_posix(),
                "sha256": hashlib.sha256(file.read_bytes()).hexdigest(),
                "width": width,
                "height": height,
                "category": categories[stimulus_id],
            }
        )
    with replacing(path) as temporary:
        pd.DataFrame(rows).to_csv(temporary, sep="\t", index=False)


def read_stimuli(table: str | os.PathLike[str]) -> pd.DataFrame:
    """Read a stimulus table; ids stay strings, `file` becomes a path that can be opened.

    Raises
    ------
    InputError
        If a column is missing, an id stands twice, or an image file is not there.
    """
    frame = read_tsv(table)
    for column in ("stimulus_id", "file"):
        if column not in frame:
            raise InputError(f"{table}: no column {column!r}; found {list(frame.columns)}")
    twice = frame["stimulus_id"][frame["stimulus_id"].duplicated()]
    if len(twice):
        raise InputError(f"{table}: stimulus_id {twice.iloc[0]!r} stands more than once")
    frame["file"] = [str(Path(table).parent / file) for file in frame["file"]]
    missing = [file for file in frame["file"] if not Path(file).is_file()]
    if missing:
        raise InputError(f"{table}: {len(missing)} image files are missing, such as {missing[0]}")
    if frame.empty:
        raise InputError(f"{table}: no stimuli")
    return frame


def load_images(table: pd.DataFrame, size: int, resampling: str = "area") -> NDArray[np.uint8]:
    """The images of a stimulus table as (n_stimuli, size, size, 3) uint8 RGB.

    Non-square images keep their central square; transparent ones are laid on white.

    Parameters
    ----------
    table : of `read_stimuli`
    size : side, pixels
    resampling : area: averaging when shrinking, bicubic when enlarging; bicubic: always, as Shen et
        al. 2019 (Pillow's, which smooths before it shrinks)
    """
    return np.stack([_load_square(file, size, resampling) for file in table["file"]])


def _load_square(file: str, size: int, resampling: str) -> NDArray[np.uint8]:
    """One image: central square, RGB, resized."""
    with _picture(file) as image:
        rgba = image.convert("RGBA")
    white = Image.new("RGBA", rgba.size, (255, 255, 255, 255))
    rgb = Image.alpha_composite(white, rgba).convert("RGB")
    side = min(rgb.size)
    left, top = (rgb.width - side) // 2, (rgb.height - side) // 2
    rgb = rgb.crop((left, top, left + side, top + side))
    averaged = resampling == "area" and side >= size
    method = Image.Resampling.BOX if averaged else Image.Resampling.BICUBIC
    return np.asarray(rgb.resize((size, size), method))
